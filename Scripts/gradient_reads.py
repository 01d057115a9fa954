"""Shows what a task of gradients reads of a model that is larger than the memory it may have.

Run: python3 Scripts/gradient_reads.py [VPTQ] [--hidden 1024 --blocks 24 --limit MB --whole] (Linux, where a control group for memory can be
made; PyPI numpy; default: the release build, 400 MB). Writes a model of random weights, plans a job of eight windows, and does its
task of gradients twice: without a limit, when the model stays in memory, and in a control group. Prints what was read from disk, in
bytes and in times of the model, and the most memory; fails unless both results have the same bytes. With --whole it is a whole
`vptq quantize` of little effort, and the model that comes out.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import control_group
from control_group import empty_cache
from make_synthetic_model import write_model


def run(command, model, limit):
    empty_cache(model)
    done = control_group.run([*command, "--threads", "1", "--quiet"], limit)
    if done.code:
        raise SystemExit(f"the task ended with {done.code}: {done.errors}")
    return done.usage.ru_inblock * 512, done.seconds, done.peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?", default=pathlib.Path(__file__).parent.parent / ".build/release/vptq")
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--blocks", type=int, default=24)
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--whole", action="store_true")
    arguments = parser.parse_args()
    hidden = arguments.hidden
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, text = folder / "model", folder / "text.txt"
        write_model(model, hidden, 11 * hidden // 4, hidden // 64, hidden // 64, arguments.blocks)
        size = sum(path.stat().st_size for path in model.iterdir())
        text.write_text("".join(f"Cat {n} sat on mat {n * 7 % 31} and the dog on log {n * 5 % 17}.\n" for n in range(4000)))
        results = []
        for limit in [None, arguments.limit * 1_000_000]:
            job, out = folder / f"{limit}.job", folder / f"{limit}"
            options = ["--calibration", text, "--samples", "8", "--sequence-length", "256"]
            if arguments.whole:
                options += ["--preset", "v4-k16", "--set", "kmeans-iterations=2", "--set", "refit-rounds=0", "--set", "descent-rounds=0"]
                command = [arguments.program, "quantize", model, "-o", out, *options]
            else:
                options += ["--preset", "v8-k256-256", "--quiet"]
                subprocess.run(
                    [arguments.program, "job", "plan", job, model, "-o", out, *options], check=True, stdout=subprocess.DEVNULL)
                command = [arguments.program, "job", "run", job, "--index", "0"]
            read, seconds, peak = run(command, model, limit)
            made = sorted(out.iterdir()) if arguments.whole else [job / "gradients.safetensors"]
            results.append([path.read_bytes() for path in made])
            print(
                f"{'no limit' if limit is None else f'{limit / 1e6:.0f} MB'}: {read / 1e6:.0f} MB read, {read / size:.1f} times the"
                f" model of {size / 1e6:.0f} MB, in {seconds:.0f} s; {peak / 1e6:.0f} MB of memory", flush=True)
        if results[0] != results[1]:
            raise SystemExit("the results differ")
        print("the results have the same bytes")


if __name__ == "__main__":
    sys.exit(main())
