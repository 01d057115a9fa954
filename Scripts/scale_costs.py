"""Compares what the tasks of a job take with what `vptq job plan` says they will, and checks it on a shape that is held back.

Run: python3 Scripts/scale_costs.py [VPTQ] [--fit 512 1024] [--check 1536] [--tokens 2048] [--length 256] [--blocks 1] [--preset v8-k256-256]
[--tune block] [--gradients windows|blocks] (PyPI numpy; default: the release build). For each hidden size blocks of random weights in the proportions of a
7B Llama go through a job of two shards, one thread, every task in a process of its own. Printed, per stage: processor seconds
measured and estimated, peak memory measured and estimated. Factors between the two are fitted on the sizes of --fit (their geometric
mean, per stage) and used on the one of --check. Fails where that is off by more than 25 %, for a stage that takes at least a second.

With --gradients only the tasks of gradients are done: by `windows`, one after the other, or by `blocks` (Linux, where a control group for
memory can be made), in a group as large as the model, where eight windows go block by block. The plan counts them so for models that are
large beside what the way back of a window keeps, for instance with --blocks 16 --length 128.
"""

import argparse
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

import control_group
from make_synthetic_model import write_model

ROOT = pathlib.Path(__file__).resolve().parent.parent


def measure(arguments, folder, hidden):
    """By stage: measured and estimated processor seconds and memory."""
    intermediate = -(-hidden * 43 // 16 // 256) * 256
    model, job = folder / f"model-{hidden}", folder / f"{hidden}.job"
    write_model(model, hidden, intermediate, hidden // 64, hidden // 64, arguments.blocks)
    text = folder / "text.txt"
    text.write_text("".join(f"Cat {n} sat on mat {n * 7 % 31} and the dog on log {n * 5 % 17}.\n" for n in range(4000)))
    plan = json.loads(subprocess.run(
        [arguments.vptq, "job", "plan", job, model, "-o", folder / "out", "--preset", arguments.preset, "--calibration", text, "--samples",
         str(arguments.tokens // arguments.length), "--sequence-length", str(arguments.length), "--shards", "2", "--tune", arguments.tune,
         "--json", "--threads", "1"], check=True, capture_output=True).stdout)
    tasks, limit = plan["tasks"], None
    if arguments.gradients:
        # They are the first.
        plan["stages"] = [stage for stage in plan["stages"] if stage["name"] == "gradients"]
        tasks = plan["stages"][0]["tasks"]
        if arguments.gradients == "blocks":
            limit = sum(path.stat().st_size for path in model.glob("*.safetensors"))
    for task in range(tasks):
        done = control_group.run([arguments.vptq, "job", "run", job, "--index", task, "--threads", "1", "--quiet"], limit)
        if done.code:
            raise SystemExit(f"task {task} ended with {done.code}: {done.errors}")
    measured = {}
    for path in sorted((job / "logs").glob("*.jsonl")):
        line = [json.loads(line) for line in path.read_text().splitlines()][-1]
        entry = measured.setdefault(line["stage"], {"seconds": 0, "memory": 0})
        entry["seconds"] += line["processor_seconds"]
        entry["memory"] = max(entry["memory"], line["peak_memory_bytes"])
    shutil.rmtree(model)
    result = {}
    for stage in plan["stages"]:
        name = stage["name"]
        result[name] = (
            measured[name]["seconds"], stage["processor_seconds"], measured[name]["memory"], stage["memory_bytes"])
        print(
            f"{hidden} x {intermediate}, {name}: {result[name][0]:.2f} s measured, {result[name][1]:.2f} s estimated; "
            f"{result[name][2] / 1e6:.0f} MB measured, {result[name][3] / 1e6:.0f} MB estimated", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vptq", nargs="?", default=str(ROOT / ".build/release/vptq"))
    parser.add_argument("--fit", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--check", type=int, default=1536)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--preset", default="v8-k256-256")
    parser.add_argument("--tune", default="none")
    parser.add_argument("--gradients", choices=["windows", "blocks"])
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        fits = [measure(arguments, folder, hidden) for hidden in arguments.fit]
        held = measure(arguments, folder, arguments.check)
        for stage, (seconds, estimate, memory, memory_estimate) in held.items():
            logs = [math.log(fit[stage][0] / fit[stage][1]) for fit in fits]
            factor = math.exp(sum(logs) / len(logs))
            extra = max(fit[stage][2] / fit[stage][3] for fit in fits)
            error, memory_error = factor * estimate / seconds - 1, extra * memory_estimate / memory - 1
            print(
                f"{stage}: factor {factor:.2f}, predicts {factor * estimate:.2f} s for {seconds:.2f} s ({100 * error:+.0f} %); "
                f"memory factor {extra:.2f}, {extra * memory_estimate / 1e6:.0f} MB for {memory / 1e6:.0f} MB "
                f"({100 * memory_error:+.0f} %)")
            failed |= seconds > 1 and abs(error) > 0.25
    return failed


if __name__ == "__main__":
    sys.exit(main())
