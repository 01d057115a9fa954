"""Shows what memory tuning a model of a billion weights takes: whole, and block by block.

Run: python3 Scripts/tuning_memory.py [VPTQ] [--tokens 512] [--steps 2] [--blocks 16] [--vocabulary 128256] [--folder DIR] (PyPI numpy; default:
the release build; 4 GB of disk). Writes the shape of Llama 3.2 1B twice, dense with random weights and vector-quantized with random codes, and
has `vptq tune` take some steps from the one to the other. Prints the largest resident memory (getrusage) and processor time of each mode; fails
beyond 16 GiB.
"""

import argparse
import pathlib
import tempfile

import larger_than_memory
from make_synthetic_model import write_model
from quantize_memory import ROOT, peak_memory

LIMIT = 16 << 30


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vptq", nargs="?", default=str(ROOT / ".build/release/vptq"))
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--blocks", type=int, default=16)
    parser.add_argument("--vocabulary", type=int, default=128256)
    parser.add_argument("--mode", nargs="+", default=["full", "block"])
    parser.add_argument("--folder", type=pathlib.Path, help="where the models are written, and removed afterwards")
    arguments = parser.parse_args()
    shape = {"HIDDEN": 2048, "INTERMEDIATE": 8192, "HEADS": 32, "KEY_HEADS": 8, "VOCABULARY": arguments.vocabulary}
    vars(larger_than_memory).update(shape)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = pathlib.Path(temporary)
        write_model(
            folder / "dense", hidden=2048, intermediate=8192, heads=32, kv_heads=8, blocks=arguments.blocks,
            vocabulary=arguments.vocabulary)
        size = larger_than_memory.write_model(folder / "quantized", "v4-k256-16", arguments.blocks)
        dense = sum(file.stat().st_size for file in (folder / "dense").glob("*.safetensors"))
        print(f"dense {dense / 1e9:.2f} GB, quantized {size / 1e9:.2f} GB; {arguments.steps} steps of {arguments.tokens} tokens")
        text = folder / "text.txt"
        text.write_text("The cat sat on the mat and the dog sat on the log. " * 400)
        failed = False
        for mode in arguments.mode:
            peak, seconds = peak_memory([
                arguments.vptq, "tune", str(folder / "quantized"), "--reference", str(folder / "dense"), "-o", str(folder / mode),
                "--mode", mode, "--calibration", str(text), "--steps", str(arguments.steps), "--tokens", str(arguments.tokens), "--quiet"])
            failed = failed or peak > LIMIT
            print(f"{mode}: {peak / 2**30:.2f} GiB, {seconds:.0f} s of processor time" + (" TOO MUCH" if peak > LIMIT else ""), flush=True)
    raise SystemExit(1 if failed else 0)


main()
