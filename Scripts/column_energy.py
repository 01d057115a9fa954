#!/usr/bin/env python3
"""How much of the energy of a quantized model's activations meets the first columns of its matrices, in the order in which these are stored.

Usage: Scripts/column_energy.py MODEL MOMENTS
  MODEL    a quantized folder with sorted columns (`perm`) and scales
  MOMENTS  the folder of `vptq quantize ... --hessians MOMENTS` of the same original
Needs numpy. The energy of a column is its second moment times the square of its scale.
"""
import json
import pathlib
import struct
import sys

import numpy

TYPES = {"F16": numpy.float16, "F32": numpy.float32, "F64": numpy.float64, "I16": numpy.uint16, "U16": numpy.uint16}
# Matrices that share an input, by the one that names its second moment.
SHARED = {
    "self_attn.q_proj": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], "mlp.gate_proj": ["mlp.gate_proj", "mlp.up_proj"]}


def tensors(path):
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
    data = numpy.memmap(path, dtype=numpy.uint8, mode="r", offset=8 + length)

    def read(name):
        start, end = header[name]["data_offsets"]
        return numpy.array(data[start:end]).view(TYPES[header[name]["dtype"]]).ravel()

    return [name for name in header if name != "__metadata__"], read


def diagonal(triangle):
    """Of a symmetric matrix kept row by row from the diagonal on, or up to it: there all values are positive."""
    n = int((numpy.sqrt(8 * triangle.size + 1) - 1) / 2)
    i = numpy.arange(n)
    lower, upper = triangle[i * (i + 1) // 2 + i], triangle[i * n - i * (i - 1) // 2]
    return lower if (lower > 0).all() else upper


def main(model, moments):
    names, read = tensors(pathlib.Path(model) / "model.safetensors")
    shares = {}
    for path in sorted(pathlib.Path(moments).glob("second-moments-*.safetensors")):
        keys, moment = tensors(path)
        for key in keys:
            module = key.removesuffix(".second_moment")
            block, kind = module.split(".")[:3], ".".join(module.split(".")[3:])
            energies = diagonal(moment(key))
            for own in SHARED.get(kind, [kind]):
                name = ".".join(block + [own])
                if name + ".perm" not in names:
                    continue
                sorted_energies = (energies * read(name + ".weight_scale").astype(float) ** 2)[read(name + ".perm")]
                count = max(32, (len(energies) // 16 + 16) // 32 * 32)
                shares.setdefault(own, []).append(sorted_energies[:count].sum() / sorted_energies.sum())
    for own, values in shares.items():
        print(f"{own}: {100 * numpy.mean(values):.0f} % of the energy in the first sixteenth of the columns, mean of {len(values)}")
    print(f"all kinds: {100 * numpy.mean([numpy.mean(values) for values in shares.values()]):.0f} %")


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
