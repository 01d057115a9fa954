"""Compares what the tasks of a job take with what `vptq job plan` says they will, and checks it on a shape that is held back.

Run: python3 Scripts/scale_costs.py [VPTQ] [--fit 512 1024] [--check 1536] [--tokens 2048] [--preset v8-k256-256]
[--tune block] (PyPI numpy;
default: the release build). For each hidden size a block of random weights in the proportions of a 7B Llama goes through a job
of two shards, one thread, every task in a process of its own. Printed, per stage: processor seconds measured and estimated, peak
memory measured and estimated. Factors between the two are fitted on the sizes of --fit (their geometric mean, per stage) and used on
the one of --check. Fails where that is off by more than 25 %, for a stage that takes at least a second.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

from make_synthetic_model import write_model

ROOT = pathlib.Path(__file__).resolve().parent.parent


def measure(vptq, folder, hidden, tokens, preset, tune):
    """By stage: measured and estimated processor seconds and memory."""
    intermediate = -(-hidden * 43 // 16 // 256) * 256
    model, job = folder / f"model-{hidden}", folder / f"{hidden}.job"
    write_model(model, hidden, intermediate, hidden // 64, hidden // 64, 1)
    text = folder / "text.txt"
    text.write_text("".join(f"Cat {n} sat on mat {n * 7 % 31} and the dog on log {n * 5 % 17}.\n" for n in range(4000)))
    plan = json.loads(subprocess.run(
        [vptq, "job", "plan", job, model, "-o", folder / "out", "--preset", preset, "--calibration", text, "--samples",
         str(tokens // 256), "--sequence-length", "256", "--shards", "2", "--tune", tune, "--json", "--threads", "1"],
        check=True, capture_output=True).stdout)
    for task in range(plan["tasks"]):
        subprocess.run([vptq, "job", "run", job, "--index", str(task), "--threads", "1", "--quiet"], check=True)
    measured = {}
    for path in sorted((job / "logs").glob("*.jsonl")):
        line = [json.loads(line) for line in path.read_text().splitlines()][-1]
        entry = measured.setdefault(line["stage"], {"seconds": 0, "memory": 0})
        entry["seconds"] += line["processor_seconds"]
        entry["memory"] = max(entry["memory"], line["peak_memory_bytes"])
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
    parser.add_argument("--preset", default="v8-k256-256")
    parser.add_argument("--tune", default="none")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        fits = [measure(arguments.vptq, folder, hidden, arguments.tokens, arguments.preset, arguments.tune) for hidden in arguments.fit]
        held = measure(arguments.vptq, folder, arguments.check, arguments.tokens, arguments.preset, arguments.tune)
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
