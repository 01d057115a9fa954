"""Kills random workers of `vptq job` at random moments, replaces them, and compares the bytes with a run of one process.

Run: python3 Scripts/kill_job.py [VPTQ] [--kills 20] [--workers 3] [--seed 0] [--case TEXT] (PyPI numpy; default: the release
build). For each case one `vptq quantize` runs undisturbed. Then, round by round, a job is planned, workers take its tasks,
and one of them, drawn by chance, is killed (SIGKILL) again and again, at moments drawn from half the time that a round takes undisturbed, and
replaced, until no task is left. Asserted after every kill: what lies in the job folder under a final name can be read whole. Asserted at the end of every
round: the merged model has the bytes of the undisturbed run, nobody claims a task, and none was lost.
"""

import argparse
import json
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

from make_synthetic_model import write_model

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = {"hidden": 64, "intermediate": 96, "heads": 4, "kv_heads": 2, "blocks": 6, "vocabulary": 2000}
TEXT = ["--samples", "24", "--sequence-length", "64"]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check_whole(job):
    """Every file under a final name is as long as its header says, or JSON."""
    for path in job.iterdir():
        if path.name.startswith(".") or path.is_dir():
            continue
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # Nobody needs it any more.
        if path.suffix == ".json":
            json.loads(data)
        else:
            (length,) = struct.unpack("<Q", data[:8])
            header = json.loads(data[8 : 8 + length])
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            assert len(data) == 8 + length + max(ends, default=0), f"{path} is torn"


def run_case(vptq, name, model, folder, options, plan, kills, workers, rng):
    expected = folder / "whole"
    subprocess.run([vptq, "quantize", model, "-o", expected, *options, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    killed = rounds = 0
    stages = {}
    # The first round goes undisturbed, and tells how long one takes.
    duration = None
    while killed < kills:
        job, output = folder / f"{rounds}.job", folder / f"out-{rounds}"
        rounds += 1
        subprocess.run(
            [vptq, "job", "plan", job, model, "-o", output, *options, *plan, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        living = []

        def start():
            living.append(subprocess.Popen(
                [vptq, "job", "run", job, "--all", "--threads", "1", "--quiet"], stderr=subprocess.PIPE, text=True))

        begin = time.monotonic()
        for _ in range(workers):
            start()
        while living:
            if duration:
                time.sleep(rng.uniform(0, duration / 2))
            victim = rng.choice(living)
            if victim.poll() is None and duration and killed < kills:
                victim.send_signal(signal.SIGKILL)
            errors = victim.communicate()[1]
            living.remove(victim)
            if victim.returncode == 0:
                continue
            assert victim.returncode == -signal.SIGKILL, f"{name}: {victim.returncode}: {errors}"
            killed += 1
            for claim in (job / "claims").iterdir():
                try:
                    if json.loads(claim.read_text() or "{}").get("process") == victim.pid:
                        stage = claim.name.rstrip("0123456789-")
                        stages[stage] = stages.get(stage, 0) + 1
                except (FileNotFoundError, json.JSONDecodeError):
                    pass
            check_whole(job)
            start()
        duration = duration or time.monotonic() - begin
        status = json.loads(subprocess.run(
            [vptq, "job", "status", job, "--json"], check=True, capture_output=True, text=True).stdout)
        assert status["finished"] and status["done"] == status["tasks"], f"{name}: {status}"
        # A claim of the dead may be left, of one that was killed between its result and the end of its claim.
        assert not status["running"], f"{name}: {status['running']}"
        subprocess.run([vptq, "job", "merge", job, "--quiet", "--remove"], check=True, stdout=subprocess.DEVNULL)
        assert contents(output) == contents(expected), f"{name}: {output} differs from {expected}"
        assert not job.exists(), f"{name}: {job} is left: {list(job.rglob('*'))}"
        shutil.rmtree(output)
    where = ", ".join(f"{count} in {stage}" for stage, count in sorted(stages.items()))
    print(f"{name}: {killed} kills in {rounds - 1} rounds ({where or 'none within a task'}), all bytes as in one run", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vptq", nargs="?", default=str(ROOT / ".build/release/vptq"))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", default="", help="only the cases whose names hold this")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        write_model(root / "model", **MODEL)
        text = root / "text.txt"
        text.write_text("".join(f"Cat {n} sat on mat {n * 7 % 31} and the dog on log {n * 5 % 17}.\n" for n in range(800)))
        known = [*TEXT, "--calibration", str(text)]
        cases = [
            ("a preset, matrix by matrix", ["--preset", "v4-k16-4", *known], ["--shards", "3"]),
            ("a budget, block by block", ["--bits", "3", *known], ["--shards", "4", "--parts", "1"]),
            ("in sequence", ["--preset", "v4-k16-4", "--sequential", *known], ["--shards", "2", "--parts", "3"]),
            ("tuned block by block", [
                "--preset", "v4-k16-4", "--samples", "8", "--sequence-length", "32", "--tune", "block"], ["--shards", "2"]),
            ("tuned at once", [
                "--preset", "v4-k16-4", "--samples", "8", "--sequence-length", "32", "--tune", "60"], ["--shards", "2"]),
            ("text of the model's own", ["--preset", "v4-k16-4", "--samples", "8", "--sequence-length", "32"], ["--shards", "2"]),
        ]
        for number, (name, options, plan) in enumerate(cases):
            if arguments.case in name:
                folder = root / str(number)
                folder.mkdir()
                run_case(
                    arguments.vptq, name, root / "model", folder, options, plan, arguments.kills, arguments.workers, rng)


if __name__ == "__main__":
    sys.exit(main())
