#!/usr/bin/env python3
"""Scores a task through a running server with lm-eval's `local-completions`, and compares it with `vptq evaluate` item by item.

Usage: Scripts/serve_lm_eval.py URL NAME VPTQ MODEL DATA [--task T] [--limit N] [--threads N]
NAME is the model's name at the server URL, MODEL its folder, DATA a folder of data files (Documentation/Evaluation.md). Needs PyPI
lm-eval 0.4.13 with its extra `api`. Log-likelihoods must agree to 2e-2, answers exactly where they do not hang on less.
"""
import argparse
import json
import os
import subprocess
import tempfile

import lm_eval_local

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
for name in ("url", "name", "vptq", "model", "data"):
    parser.add_argument(name)
parser.add_argument("--task", default="arc_easy")
parser.add_argument("--limit", type=int, default=20)
parser.add_argument("--threads", type=int, default=os.cpu_count())
arguments = parser.parse_args()

from lm_eval.models.openai_completions import LocalCompletionsAPI  # noqa: E402

lm_eval_local.use(arguments.data)
served = LocalCompletionsAPI(
    base_url=arguments.url.rstrip("/") + "/v1/completions", model=arguments.name, tokenizer=arguments.model,
    tokenizer_backend="huggingface", num_concurrent=4, batch_size=1, max_retries=2)
answer = lm_eval_local.evaluate(served, [arguments.task], arguments.limit)

with tempfile.TemporaryDirectory() as folder:
    samples = os.path.join(folder, "samples.jsonl")
    out = subprocess.run(
        [arguments.vptq, "evaluate", arguments.model, "--tasks", arguments.task, "--data", arguments.data, "--limit",
         str(arguments.limit), "--samples-out", samples, "--json", "--quiet", "--threads", str(arguments.threads)],
        check=True, stdout=subprocess.PIPE)
    own = json.loads(out.stdout)["tasks"][arguments.task]
    items = [json.loads(line) for line in open(samples)]

BOUND = 2e-2
worst, count, wrong = 0.0, 0, []
for left, right in zip(answer["items"][arguments.task], items, strict=True):
    assert left["doc_id"] == right["doc_id"]
    values = sorted((value for value, _ in left["resps"]), reverse=True)
    for (value, _), choice in zip(left["resps"], right["resps"], strict=True):
        worst = max(worst, abs(value - choice["log_likelihood"]))
        count += 1
    if left["acc"] != right["acc"] and (len(values) < 2 or values[0] - values[1] > 2 * BOUND):
        wrong.append(left["doc_id"])
theirs = answer["results"][arguments.task]
print(f"{arguments.task}, {len(items)} items, {count} choices: log-likelihoods differ by {worst:.2g} at most; accuracy "
      f"{theirs['acc']:.4f} through the server, {own['accuracy']:.4f} by vptq evaluate")
raise SystemExit(1 if wrong or worst > BOUND else 0)
