"""Converts the second moments that the QuIP#, QTIP and VPTQ projects publish into a folder for --second-moments.

Run: python3 Scripts/convert_second_moments.py FOLDER OUTPUT [--family llama|phi] [--prefix model.layers] (PyPI torch and
safetensors). FOLDER holds, for each block, 7_qkv.pt, 7_o.pt, 7_up.pt and 7_down.pt: a dictionary of
  flatH  float32 [n (n + 1) / 2], the lower triangle row by row (the order of torch.tril_indices)
  mu     float32 [n], the mean of the inputs; where it is absent, flatH is the second moment itself
  n      the number of inputs
  ct     the number of tokens
With mu, flatH is the covariance; the second moment is flatH + mu muT, added in float64 and stored as float32, the
precision of what is published. OUTPUT/second-moments-00007.safetensors holds the four lower triangles of block 7. Nothing in
the files tells which model they belong to: that is for the user to know.

Damaged files are refused by name; files that are there already are replaced, each as a whole.
"""

import argparse
import json
import os
import pathlib
import re
import sys

import numpy
import torch
from safetensors.numpy import save_file

# The first module that reads each input; `vptq quantize` knows which others share it.
READERS = {
    "llama": {"qkv": "self_attn.q_proj", "o": "self_attn.o_proj", "up": "mlp.up_proj", "down": "mlp.down_proj"},
    "phi": {"qkv": "self_attn.qkv_proj", "o": "self_attn.o_proj", "up": "mlp.gate_up_proj", "down": "mlp.down_proj"},
}


def second_moment(path):
    """The lower triangle of E[x xT], row by row, and the number of tokens."""
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
        n, flat = int(data["n"]), data["flatH"].to(torch.float32).numpy()
        mean = data["mu"].to(torch.float64).numpy() if "mu" in data else numpy.zeros(n)
        tokens = int(data["ct"])
    except Exception as error:
        sys.exit(f"{path}: not a file of second moments ({type(error).__name__}: {error})")
    if flat.shape != (n * (n + 1) // 2,) or mean.shape != (n,):
        sys.exit(f"{path}: flatH {flat.shape} and mu {mean.shape} do not belong to {n} inputs")
    moment = numpy.empty_like(flat)
    for row in range(n):
        line = slice(row * (row + 1) // 2, (row + 1) * (row + 2) // 2)
        moment[line] = flat[line] + mean[row] * mean[: row + 1]
    if not numpy.isfinite(moment).all():
        sys.exit(f"{path}: a value is not finite")
    return moment, tokens


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--family", choices=READERS, default="llama")
    parser.add_argument("--prefix", default="model.layers", help="where the blocks lie in the model")
    arguments = parser.parse_args()
    readers = READERS[arguments.family]
    names = [re.fullmatch(r"(\d+)_(\w+)\.pt", path.name) for path in arguments.folder.glob("*.pt")]
    blocks = sorted({int(name[1]) for name in names if name and name[2] in readers})
    if not blocks:
        sys.exit(f"{arguments.folder} holds no files such as 0_qkv.pt")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for block in blocks:
        tensors, counts = {}, {}
        for key, reader in readers.items():
            path = arguments.folder / f"{block}_{key}.pt"
            if not path.exists():
                sys.exit(f"{path} is missing")
            module = f"{arguments.prefix}.{block}.{reader}"
            tensors[f"{module}.second_moment"], counts[module] = second_moment(path)
        target = arguments.output / f"second-moments-{block:05}.safetensors"
        partial = target.with_name(f".{target.name}.partial")
        save_file(tensors, partial, metadata={"tokens": json.dumps(counts)})
        os.replace(partial, target)
        print(f"{target}: {max(counts.values())} tokens")


if __name__ == "__main__":
    main()
