"""Shows that quantizing takes the memory of a block and its statistics, however many blocks a model has.

Run: python3 Scripts/quantize_memory.py [VPTQ] [--hidden 1024] [--blocks 2 6] [--skip REGEX] (PyPI numpy; default: the
release build). For each hidden size, models of random weights in the proportions of a 7B Llama are quantized on 256 tokens of
text, with the fewest rounds of every step; printed is the largest resident memory (getrusage) of each run, and
how much the deepest run takes beyond the shallowest. Fails where that is more than 16 MB and more than a tenth of
the further blocks' weights.
"""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile

from make_synthetic_model import write_model

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECIPE = ["--preset", "v4-k64", "--samples", "2", "--sequence-length", "128"]
CHEAP = ["kmeans-iterations=1", "joint-rounds=0", "refit-rounds=0", "least-squares-steps=1", "descent-rounds=1"]
LIMIT = 16e6


def peak_memory(command):
    """The largest resident memory of a command in bytes, and its CPU seconds."""
    process = os.posix_spawn(command[0], command, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vptq", nargs="?", default=str(ROOT / ".build/release/vptq"))
    parser.add_argument("--hidden", type=int, nargs="+", default=[1024])
    parser.add_argument("--blocks", type=int, nargs="+", default=[2, 6])
    parser.add_argument("--skip", help="matrices to leave dense, to save time")
    arguments = parser.parse_args()
    options = RECIPE + [part for setting in CHEAP for part in ("--set", setting)]
    if arguments.skip:
        options += ["--skip", arguments.skip]
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        text = folder / "text.txt"
        text.write_text("The cat sat on the mat and the dog sat on the log. " * 60)
        for hidden in arguments.hidden:
            intermediate, peaks = -(-hidden * 43 // 16 // 256) * 256, []
            block = 2 * (4 * hidden**2 + 3 * hidden * intermediate)
            moments = 8 * (3 * hidden**2 + intermediate**2)
            for blocks in arguments.blocks:
                model, output = folder / "model", folder / "out"
                write_model(model, hidden, intermediate, hidden // 128, hidden // 128, blocks)
                memory, seconds = peak_memory([
                    arguments.vptq, "quantize", str(model), "-o", str(output), "--calibration", str(text), "--quiet",
                    *options])
                print(f"{hidden} x {intermediate}, {blocks} blocks: {memory / 1e6:.0f} MB, {seconds:.0f} s of CPU")
                peaks.append(memory)
                shutil.rmtree(model)
                shutil.rmtree(output)
            growth = max(peaks) - min(peaks)
            print(
                f"{hidden} x {intermediate}: {growth / 1e6:.1f} MB more; a block's weights take {block / 1e6:.0f} MB, its "
                f"second moments {moments / 1e6:.0f} MB, of them {8 * intermediate**2 / 1e6:.0f} MB one")
            # What may grow are the activations of one window before every block, never the weights.
            more = max(arguments.blocks) - min(arguments.blocks)
            failed |= growth > max(LIMIT, 0.1 * more * block)
    sys.exit(failed)


if __name__ == "__main__":
    main()
