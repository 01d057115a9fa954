#!/usr/bin/env python3
"""Records what lm-eval says of a tiny model on a few items of each task: Tests/EvaluationTests/Fixtures/lm-eval.

Usage: record_lm_eval.py                                     makes the tiny model, its tokenizer and the recorded values
       record_lm_eval.py --model FOLDER --data FOLDER --tasks a,b --limit N [--shots N] --out FILE    any model; see compare_lm_eval.py
Needs PyPI lm-eval 0.4.13, transformers 4.48.3, torch and tokenizers. The items of the fixture are written for it
(its folder `data`); they have what prompts stumble over: brackets, two spaces, white space at the ends, letters beyond
ASCII, a text longer than the model's context.
"""
import argparse
import json
import os
import shutil
import tempfile

import lm_eval_local
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURE = os.path.join(HERE, "..", "Tests", "EvaluationTests", "Fixtures", "lm-eval")
TASKS = ["arc_easy", "arc_challenge", "hellaswag", "piqa", "winogrande", "lambada_openai", "boolq",
         "mmlu_anatomy", "mmlu_formal_logic"]


def make_model(folder, data):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False)
    texts = [open(os.path.join(data, name), encoding="utf-8").read() for name in sorted(os.listdir(data))]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.save_pretrained(folder)
    torch.manual_seed(8)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=400, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=96, tie_word_embeddings=True, initializer_range=0.4,
        bos_token_id=0, eos_token_id=1))
    model.save_pretrained(folder)


SHOTS = 2


def record_shots(model):
    """The same tasks with examples in prompts: rows of FIXTURE/shots beside the items."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("data", "shots"):
            shutil.copytree(os.path.join(FIXTURE, part), folder, dirs_exist_ok=True)
        lm_eval_local.use(folder)
        result = lm_eval_local.evaluate(model, [t for t in TASKS if t != "lambada_openai"], shots=SHOTS)
    with open(os.path.join(FIXTURE, "expected-shots.json"), "w") as file:
        json.dump(result, file, indent=1, ensure_ascii=False)


parser = argparse.ArgumentParser()
parser.add_argument("--shots-only", action="store_true", help="records examples in prompts with the model that is there")
parser.add_argument("--model")
parser.add_argument("--data")
parser.add_argument("--tasks", default=",".join(TASKS))
parser.add_argument("--limit", type=int)
parser.add_argument("--shots", type=int, help="examples in prompts")
parser.add_argument("--batch-size", type=int, default=1)
parser.add_argument("--out")
arguments = parser.parse_args()

if arguments.shots_only:
    record_shots(lm_eval_local.model(os.path.join(FIXTURE, "model")))
elif arguments.model:
    lm_eval_local.use(arguments.data)
    result = lm_eval_local.evaluate(
        lm_eval_local.model(arguments.model, arguments.batch_size), arguments.tasks.split(","), arguments.limit, arguments.shots)
    with open(arguments.out, "w") as file:
        json.dump(result, file)
else:
    data = os.path.join(FIXTURE, "data")
    folder = os.path.join(FIXTURE, "model")
    shutil.rmtree(folder, ignore_errors=True)
    make_model(folder, data)
    lm_eval_local.use(data)
    model = lm_eval_local.model(folder)
    result = lm_eval_local.evaluate(model, TASKS)
    with open(os.path.join(FIXTURE, "expected.json"), "w") as file:
        json.dump(result, file, indent=1, ensure_ascii=False)
    record_shots(model)
    for task, metrics in result["results"].items():
        print(task, metrics)
