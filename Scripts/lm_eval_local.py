"""lm-eval (PyPI, 0.4.13) with data sets from files in a folder instead of the hub.

The files are those that `vptq evaluate --data` reads; each is given to lm-eval with the columns its task expects.
"""
import glob
import json
import os
import subprocess

import datasets

SHORTEST_TRAIN = 1  # Tasks ask for a training split when they are made; without examples in prompts, none is read.


def examples(folder, name, data, change=lambda r: r):
    """The rows that examples in prompts are taken from, where there are any."""
    try:
        return [change(r) for r in rows(folder, name)]
    except FileNotFoundError:
        return data[:SHORTEST_TRAIN]


def rows(folder, *names):
    for name in names:
        path = os.path.join(folder, name + ".jsonl")
        for suffix, unpack in ("", ["cat"]), (".gz", ["gzip", "-dc"]), (".zst", ["zstd", "-qdc"]):
            if os.path.exists(path + suffix):
                with open(path + suffix, "rb") as file:
                    text = subprocess.run(unpack, check=True, stdin=file, stdout=subprocess.PIPE).stdout.decode("utf-8")
                return [json.loads(line) for line in text.split("\n") if line.strip()]
    raise FileNotFoundError(f"{folder} has none of {names}")


def arc(folder, name):
    def row(r):
        choices = r["choices"]
        if isinstance(choices, list):
            labels = [chr(ord("A") + i) for i in range(len(choices))]
            choices = {"text": choices, "label": labels}
            key = labels[r["answer"]]
        else:
            key = r["answerKey"]
        return {"id": r["id"], "question": r["question"], "choices": choices, "answerKey": key}

    name = name.lower().replace("-", "_")
    data = [row(r) for r in rows(folder, name + "_test")]
    return {"test": data, "validation": data[:SHORTEST_TRAIN], "train": examples(folder, name + "_train", data, row)}


def validation(folder, name, change=lambda r: r):
    data = [change(r) for r in rows(folder, name)]
    return {"validation": data, "train": examples(folder, name.replace("_validation", "_train"), data, change)}


def mmlu(folder, subject):
    keep = ("question", "subject", "choices", "answer")
    splits = {}
    for split in ("test", "dev"):
        try:
            data = rows(folder, "mmlu_" + split)
        except FileNotFoundError:
            data = rows(folder, "mmlu_test")
        splits[split] = [{k: r[k] for k in keep} for r in data if r["subject"] == subject]
    return splits


def splits(folder, path, name):
    if path == "allenai/ai2_arc":
        return arc(folder, name)
    if path == "Rowan/hellaswag":
        return validation(folder, "hellaswag_validation")
    if path == "baber/piqa":
        return validation(folder, "piqa_validation")
    if path == "allenai/winogrande":
        return validation(folder, "winogrande_xl_validation")
    if path == "aps/super_glue":
        return validation(
            folder, "boolq_validation",
            lambda r: {"question": r["question"], "passage": r["passage"], "label": int(r["answer"])})
    if path == "EleutherAI/lambada_openai":
        return {"test": rows(folder, "lambada_openai_test")}
    if path == "cais/mmlu":
        return mmlu(folder, name)
    raise ValueError(f"no local data for {path}")


def use(folder):
    """Makes lm-eval read its data sets from `folder`."""

    def load_dataset(path, name=None, **_):
        return datasets.DatasetDict(
            {k: datasets.Dataset.from_list(v) for k, v in splits(folder, path, name).items()})

    datasets.load_dataset = load_dataset


def model(folder, batch_size=1, dtype="float32"):
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=folder, device="cpu", dtype=dtype, batch_size=batch_size)


def evaluate(model, tasks, limit=None, shots=None):
    """Results and items of some tasks, by their names in lm-eval."""
    import lm_eval

    os.environ.setdefault("DISABLE_MULTIPROC", "1")
    answer = lm_eval.simple_evaluate(
        model=model, tasks=tasks, limit=limit, num_fewshot=shots, log_samples=True, bootstrap_iters=2, verbosity="ERROR")
    items = {}
    for task, samples in answer["samples"].items():
        items[task] = [
            {
                "doc_id": s["doc_id"],
                "resps": [[float(r[0][0]), str(r[0][1]) == "True"] for r in s["resps"]],
                "contexts": [s["arguments"][f"gen_args_{i}"]["arg_0"] if isinstance(s["arguments"], dict)
                             else s["arguments"][i][0] for i in range(len(s["resps"]))],
                "continuations": [s["arguments"][f"gen_args_{i}"]["arg_1"] if isinstance(s["arguments"], dict)
                                  else s["arguments"][i][1] for i in range(len(s["resps"]))],
                "acc": s["acc"],
                **({"acc_norm": s["acc_norm"]} if "acc_norm" in s else {}),
            }
            for s in sorted(samples, key=lambda s: s["doc_id"])
        ]
    results = {}
    for task, metrics in {**answer["results"], **(answer.get("groups") or {})}.items():
        results[task] = {
            key.split(",")[0]: value for key, value in metrics.items() if isinstance(value, (int, float)) and "," in key
        }
    return {"results": results, "items": items}
