#!/usr/bin/env python3
"""Perplexity of a model folder as the usual Python evaluation measures it: joined text, windows without overlap.

Usage: reference_perplexity.py MODEL_FOLDER TEXT [--context 2048] [--windows N] [--stride N] [--reference FOLDER]
With --stride, windows overlap as in the guide to perplexity of the transformers documentation: each token is scored once, by
the first window that covers it. With --reference, the divergence from another model is printed too.
Needs PyPI torch and transformers 4.48.3, and PyPI vptq for quantized folders. Prints what `vptq evaluate --perplexity` prints, to compare.
"""
import argparse
import math
import sys
import types

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

# PyPI vptq imports an encoder class that nothing here uses.
stub = types.ModuleType("sentence_transformers.SentenceTransformer")
stub.SentenceTransformer = type("SentenceTransformer", (), {})
sys.modules.setdefault("sentence_transformers", types.ModuleType("sentence_transformers"))
sys.modules.setdefault("sentence_transformers.SentenceTransformer", stub)

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("text")
parser.add_argument("--context", type=int, default=2048)
parser.add_argument("--windows", type=int)
parser.add_argument("--stride", type=int)
parser.add_argument("--reference")
arguments = parser.parse_args()

tokenizer = AutoTokenizer.from_pretrained(arguments.model)
model = AutoModelForCausalLM.from_pretrained(arguments.model, torch_dtype=torch.float32).eval()
text = open(arguments.text, encoding="utf-8", newline="").read()
ids = torch.tensor(tokenizer(text, add_special_tokens=False).input_ids)
reference = None
if arguments.reference:
    reference = AutoModelForCausalLM.from_pretrained(arguments.reference, torch_dtype=torch.float32).eval()

# Windows and the first token of each that is scored.
context = arguments.context
windows = []
if arguments.stride:
    previous = 0
    for start in range(0, len(ids), arguments.stride):
        end = min(start + context, len(ids))
        windows.append((start, end, max(previous, start + 1)))
        previous = end
        if end == len(ids):
            break
else:
    windows = [(start, start + context, start + 1) for start in range(0, len(ids) - context + 1, context)]
if arguments.windows:
    windows = windows[: arguments.windows]

total, count, divergences, agreed = 0.0, 0, [], 0
with torch.inference_mode():
    for number, (start, end, first) in enumerate(windows):
        tokens = ids[start:end]
        rows = slice(first - start - 1, end - start - 1)
        hidden = model.model(tokens[None]).last_hidden_state[0, rows]
        other = reference.model(tokens[None]).last_hidden_state[0, rows] if reference else None
        targets = tokens[first - start :]
        for i in range(0, len(hidden), 256):
            logits = model.lm_head(hidden[i : i + 256]).float()
            total += torch.nn.functional.cross_entropy(logits, targets[i : i + 256], reduction="sum").item()
            if reference:
                q = torch.log_softmax(logits.double(), -1)
                p = torch.log_softmax(reference.lm_head(other[i : i + 256]).double(), -1)
                divergences += (p.exp() * (p - q)).sum(-1).tolist()
                agreed += (p.argmax(-1) == q.argmax(-1)).sum().item()
        count += len(hidden)
        if number % 10 == 9:
            print(f"  {number + 1} windows: {math.exp(total / count):.4f}", flush=True)
print(f"perplexity {math.exp(total / count):.4f} over {count} tokens: {len(windows)} windows of {context}, "
      f"{len(ids)} tokens in the text")
if reference:
    divergences.sort()
    print(f"divergence: mean {sum(divergences) / count:.5f}, median {divergences[math.ceil(count / 2) - 1]:.5f}, "
          f"p99 {divergences[math.ceil(0.99 * count) - 1]:.5f}, largest {divergences[-1]:.4f}; same most likely token "
          f"{100 * agreed / count:.2f} %")
