#!/usr/bin/env python3
"""Measures how much relative error each shape of codes leaves, for the table in Sources/Quantization/Allocation/PresetOffers.swift.

    vptq quantize MODEL -o out --preset v4-k64 --calibration TEXT --save-second-moments MOMENTS
    Scripts/record_distortions.py MODEL MOMENTS [SHAPE...]    (BLOCKS=4,18 VPTQ=.build/release/vptq)

The matrices of some blocks are quantized at every shape; printed is the geometric mean of the errors as multiples of
those at v4-k256.
"""
import json
import math
import os
import subprocess
import sys
import tempfile

SHAPES = [
    "v8-k64", "v8-k256", "v8-k256-4", "v8-k256-16", "v8-k256-64", "v8-k256-128", "v8-k256-256", "v8-k512-512", "v8-k1024-1024",
    "v8-k4096", "v8-k4096-256", "v8-k4096-4096",
    "v4-k64", "v4-k128", "v4-k256", "v4-k512", "v4-k1024",
    "v2-k64", "v2-k256", "v2-k256-4", "v2-k256-16",
    "v4-k256-4", "v4-k256-8", "v4-k256-16", "v4-k256-32", "v4-k256-64", "v4-k256-128", "v4-k256-256",
]


def main():
    model, moments, shapes = sys.argv[1], sys.argv[2], sys.argv[3:] or SHAPES
    blocks = os.environ.get("BLOCKS", "4,18").replace(",", "|")
    vptq = os.environ.get("VPTQ", ".build/release/vptq")
    errors = {}
    with tempfile.TemporaryDirectory() as folder:
        for shape in ["v4-k256"] + [shape for shape in shapes if shape != "v4-k256"]:
            report = subprocess.run(
                [vptq, "quantize", model, "-o", folder + "/out", "--second-moments", moments, "--preset", shape,
                 "--skip", f"layers\\.(?!({blocks})\\.)", "--force", "--quiet", "--json"],
                check=True, capture_output=True, text=True).stdout
            errors[shape] = {layer["name"]: layer["relative_error"] for layer in json.loads(report)["layers"]}
            ratios = [math.log(error / errors["v4-k256"][name]) for name, error in errors[shape].items()]
            mean = sum(ratios) / len(ratios)
            spread = math.sqrt(sum((ratio - mean) ** 2 for ratio in ratios) / len(ratios))
            print(f"{shape:16} {math.exp(mean):.4f}   spread of the logarithm {spread:.3f}", flush=True)


main()
