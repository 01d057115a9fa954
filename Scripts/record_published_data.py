#!/usr/bin/env python3
"""Writes the items of Tests/EvaluationTests/Fixtures/lm-eval as the hub publishes their data sets: Parquet by PyPI `datasets`.

Usage: record_published_data.py       needs datasets (4.4.2 was used) and pyarrow (26.0.1)
Columns and types are those of the data sets; tests hold the prompts made of these files to lm-eval's.
"""
import gzip
import json
import os
import shutil

import datasets

import lm_eval_local

FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Tests", "EvaluationTests", "Fixtures")
DATA = os.path.join(FIXTURE, "lm-eval", "data")
OUT = os.path.join(FIXTURE, "published")
SETS = [  # data set, its part, split, path without number
    ("allenai/ai2_arc", "ARC-Easy", "test", "ARC-Easy/test"), ("allenai/ai2_arc", "ARC-Challenge", "test", "ARC-Challenge/test"),
    ("Rowan/hellaswag", None, "validation", "data/validation"), ("baber/piqa", None, "validation", "plain_text/validation"),
    ("allenai/winogrande", None, "validation", "winogrande_xl/validation"),
    ("EleutherAI/lambada_openai", None, "test", "default/test"), ("aps/super_glue", None, "validation", "boolq/validation"),
]


def write(name, path, rows):
    file = os.path.join(OUT, name, path + "-00000-of-00001.parquet")
    os.makedirs(os.path.dirname(file), exist_ok=True)
    features = None
    if name == "aps/super_glue":
        rows = [dict(row, idx=i) for i, row in enumerate(rows)]
        features = datasets.Features(question=datasets.Value("string"), passage=datasets.Value("string"),
                                     idx=datasets.Value("int32"), label=datasets.ClassLabel(names=["False", "True"]))
    datasets.Dataset.from_list(rows, features=features).to_parquet(file)


shutil.rmtree(OUT, ignore_errors=True)
for name, part, split, path in SETS:
    write(name, path, lm_eval_local.splits(DATA, name, part)[split])
write("cais/mmlu", "all/test", lm_eval_local.rows(DATA, "mmlu_test"))
lines = [" \n", " = Title = \n", " \n", " A line , with naïve words .\n", " Another .\n"]
write("Salesforce/wikitext", "wikitext-2-raw-v1/test", [{"text": "" if line.isspace() else line} for line in lines])
os.makedirs(os.path.join(OUT, "allenai/c4/en"))
with open(os.path.join(OUT, "allenai/c4/en/c4-validation.00000-of-00008.json.gz"), "wb") as file:
    rows = [{"text": f"Document {i}\nof some words.", "timestamp": "2019-04-25T12:57:54Z", "url": "u"} for i in range(1200)]
    file.write(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0))
