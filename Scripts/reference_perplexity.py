#!/usr/bin/env python3
"""Perplexity of a model folder as the usual Python evaluation measures it: joined text, windows without overlap.

Usage: reference_perplexity.py MODEL_FOLDER TEXT [--context 2048] [--windows N]
Needs PyPI torch and transformers 4.48.3. Prints what `vptq evaluate --perplexity` prints, to compare.
"""
import argparse
import math

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("text")
parser.add_argument("--context", type=int, default=2048)
parser.add_argument("--windows", type=int)
arguments = parser.parse_args()

tokenizer = AutoTokenizer.from_pretrained(arguments.model)
model = AutoModelForCausalLM.from_pretrained(arguments.model, torch_dtype=torch.float32).eval()
text = open(arguments.text, encoding="utf-8", newline="").read()
ids = torch.tensor(tokenizer(text, add_special_tokens=False).input_ids)
count = len(ids) // arguments.context
if arguments.windows:
    count = min(count, arguments.windows)
losses = []
with torch.inference_mode():
    for window in range(count):
        tokens = ids[window * arguments.context : (window + 1) * arguments.context]
        hidden = model.model(tokens[None]).last_hidden_state[0, :-1]
        loss = sum(
            torch.nn.functional.cross_entropy(
                model.lm_head(hidden[i : i + 256]).float(), tokens[1:][i : i + 256], reduction="sum"
            ).item()
            for i in range(0, len(hidden), 256)
        )
        losses.append(loss / (arguments.context - 1))
        if window % 10 == 9:
            print(f"  {window + 1} windows: {math.exp(sum(losses) / len(losses)):.4f}", flush=True)
value = math.exp(sum(losses) / len(losses))
print(f"perplexity {value:.4f} over {count * (arguments.context - 1)} tokens: {count} windows of {arguments.context}, "
      f"{len(ids)} tokens in the text")
