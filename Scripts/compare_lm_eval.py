#!/usr/bin/env python3
"""Compares `vptq evaluate --tasks` with lm-eval on the same model and items: log-likelihoods, accuracies, time.

Usage: Scripts/compare-lm-eval VPTQ MODEL DATA [--tasks a,b] [--limit N] [--rounds N] [--batch-size 1,8]
Needs PyPI lm-eval 0.4.13 with transformers 4.48.3. Both programs run by turns in one run, each with --threads. The time of
lm-eval is that of its requests, without loading model and data; that of vptq is the whole program's. lm-eval runs in float32.
Elapsed and processor time are compared: on a machine that has other work, the latter with one thread is the one to read.
"""
import argparse
import json
import os
import resource
import subprocess
import tempfile
import time

import lm_eval_local
import torch

MMLU = "mmlu"
parser = argparse.ArgumentParser()
parser.add_argument("vptq")
parser.add_argument("model")
parser.add_argument("data")
parser.add_argument("--tasks", default="arc_easy,arc_challenge,hellaswag,piqa,winogrande,lambada_openai,boolq,mmlu")
parser.add_argument("--limit", type=int, default=50)
parser.add_argument("--mmlu-limit", type=int, default=2, help="items of each subject")
parser.add_argument("--rounds", type=int, default=2)
parser.add_argument("--batch-size", default="1")
parser.add_argument("--threads", type=int, default=os.cpu_count())
arguments = parser.parse_args()

torch.set_num_threads(arguments.threads)
lm_eval_local.use(arguments.data)
model = lm_eval_local.model(arguments.model)
spent = (0.0, 0.0)
ask = model.loglikelihood


def timed(*args, **kwargs):
    global spent
    start = (time.monotonic(), time.process_time())
    try:
        return ask(*args, **kwargs)
    finally:
        spent = (time.monotonic() - start[0], time.process_time() - start[1])


model.loglikelihood = timed


def theirs(task, limit, batch):
    model.batch_size_per_gpu = batch
    return lm_eval_local.evaluate(model, [task], limit), spent


def ours(task, limit):
    with tempfile.TemporaryDirectory() as folder:
        samples = os.path.join(folder, "samples.jsonl")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        out = subprocess.run(
            [arguments.vptq, "evaluate", arguments.model, "--tasks", task, "--data", arguments.data, "--limit",
             str(limit), "--samples-out", samples, "--json", "--quiet", "--threads", str(arguments.threads)],
            check=True, stdout=subprocess.PIPE)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = (time.monotonic() - start,
                   after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        items = {}
        for line in open(samples):
            sample = json.loads(line)
            items.setdefault(sample["task"], []).append(sample)
        return json.loads(out.stdout)["tasks"][task], items, seconds


sizes = [int(size) for size in arguments.batch_size.split(",")]
# The least elapsed and processor time of the rounds, summed over tasks.
totals = {key: [0.0, 0.0] for key in ["vptq", *sizes]}
failed = False
for task in arguments.tasks.split(","):
    limit = arguments.mmlu_limit if task == MMLU else arguments.limit
    times = {"vptq": [], **{size: [] for size in sizes}}
    for _ in range(arguments.rounds):
        for size in sizes:
            answer, seconds = theirs(task, limit, size)
            times[size].append(seconds)
        record, items, seconds = ours(task, limit)
        times["vptq"].append(seconds)
    worst, count, greedy, wrong = 0.0, 0, 0, 0
    for name, expected in answer["items"].items():
        for left, right in zip(expected, items[name], strict=True):
            count += 1
            assert left["doc_id"] == right["doc_id"]
            for (value, is_greedy), own in zip(left["resps"], right["resps"], strict=True):
                worst = max(worst, abs(value - own["log_likelihood"]))
                greedy += is_greedy != own["is_greedy"]
            wrong += left["acc"] != right["acc"] or left.get("acc_norm") != right.get("acc_norm")
    expected = answer["results"][task]
    pairs = [("acc", "accuracy"), ("acc_stderr", "stderr"), ("acc_norm", "accuracy_normalized"),
             ("acc_norm_stderr", "stderr_normalized"), ("perplexity", "perplexity")]
    different = [a for a, b in pairs if a in expected and not (
        abs(expected[a] - record[b]) <= 1e-9 + (1e-4 * expected[a] if a == "perplexity" else 0))]
    failed |= bool(different) or worst > 1e-3 or wrong > 0
    best = {key: [min(t[i] for t in value) for i in (0, 1)] for key, value in times.items()}
    for key in totals:
        totals[key] = [a + b for a, b in zip(totals[key], best[key])]
    ratios = ", ".join(
        f"batch {size} {best[size][0] / best['vptq'][0]:.2f} times elapsed, {best[size][1] / best['vptq'][1]:.2f} times "
        f"processor" for size in sizes)
    print(f"{task}: {count} items, largest difference {worst:.1e}, greedy differs {greedy}, items differ {wrong}, "
          f"accuracy {record['accuracy']:.4f}, different: {different or 'none'}; time of lm-eval over vptq's: {ratios}",
          flush=True)
print("all tasks: " + ", ".join(
    f"batch {size} {totals[size][0] / totals['vptq'][0]:.2f} times elapsed, "
    f"{totals[size][1] / totals['vptq'][1]:.2f} times processor" for size in sizes))
raise SystemExit(failed)
