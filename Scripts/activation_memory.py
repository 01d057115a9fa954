"""Shows that a long calibration text does not take more memory: what does not fit goes through the job folder.

Run: python3 Scripts/activation_memory.py [VPTQ] [--hidden 512] [--windows 64 256] (PyPI numpy; default: the release build).
A model of random weights is quantized (fewest rounds of every step, one matrix a block) on texts of several lengths, once with all
activations in memory and once with --activation-memory of 16 MB. Printed is the largest resident memory (getrusage). Fails
if the bytes of the models differ, or if with the bound the longer text takes more than 16 MB more than the shorter one.
"""

import argparse
import pathlib
import sys
import tempfile

from make_synthetic_model import write_model
from quantize_memory import CHEAP, peak_memory

ROOT = pathlib.Path(__file__).resolve().parent.parent
LENGTH = 256


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vptq", nargs="?", default=str(ROOT / ".build/release/vptq"))
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--windows", type=int, nargs="+", default=[64, 256])
    arguments = parser.parse_args()
    failed, peaks = False, {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        text = folder / "text.txt"
        text.write_text("".join(f"Cat {n} sat on mat {n * 7 % 31} and the dog on log {n * 5 % 17}.\n" for n in range(8000)))
        hidden = arguments.hidden
        intermediate = -(-hidden * 43 // 16 // 256) * 256
        write_model(folder / "model", hidden, intermediate, hidden // 64, hidden // 64, arguments.blocks)
        for windows in arguments.windows:
            outputs = {}
            for bound in ["1TB", "16MB"]:
                output = folder / f"out-{windows}-{bound}"
                options = [part for setting in CHEAP for part in ("--set", setting)]
                memory, seconds = peak_memory([
                    arguments.vptq, "quantize", str(folder / "model"), "-o", str(output), "--calibration", str(text), "--preset",
                    "v4-k64", "--samples", str(windows), "--sequence-length", str(LENGTH), "--guidance", "0", "--skip",
                    "(gate|up|q|k|v|down)_proj", "--activation-memory", bound, "--quiet", *options])
                peaks[windows, bound] = memory
                outputs[bound] = {path.name: path.read_bytes() for path in output.iterdir()}
                states = 4 * windows * LENGTH * hidden
                print(
                    f"{windows} windows, {states / 1e6:.0f} MB of activations, bound {bound}: {memory / 1e6:.0f} MB, "
                    f"{seconds:.0f} s of CPU", flush=True)
            if outputs["1TB"] != outputs["16MB"]:
                print(f"{windows} windows: the bound changes the bytes of the model")
                failed = True
    growth = max(m for (_, b), m in peaks.items() if b == "16MB") - min(m for (_, b), m in peaks.items() if b == "16MB")
    print(f"with the bound {growth / 1e6:.1f} MB more for the longest text")
    return failed or growth > 16e6


if __name__ == "__main__":
    sys.exit(main())
