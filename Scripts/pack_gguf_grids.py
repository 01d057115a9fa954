"""Writes the grids of ggml's IQ formats, as the PyPI package `gguf` publishes them, into a Swift file.

Run: python Scripts/pack_gguf_grids.py (needs gguf and numpy); rewrites Sources/Checkpoints/GGUF/GGUFGrid+Codes.swift.
Each coordinate becomes the index of its value among the grid's levels, in 2 bits (4 for eight levels), lowest bits
first; the bytes are written as base64.
"""

import base64
import pathlib
import textwrap

import numpy as np
from gguf import quants

GRIDS = {
    "IQ2_XXS": quants.IQ2_XXS, "IQ2_XS": quants.IQ2_XS, "IQ2_S": quants.IQ2_S,
    "IQ3_XXS": quants.IQ3_XXS, "IQ3_S": quants.IQ3_S, "IQ1": quants.IQ1_S,
}

parts = ["/// The grids, packed by `Scripts/pack_gguf_grids.py`.\nextension GGUFGrid {"]
for name, kind in GRIDS.items():
    kind.init_grid()
    levels = list(kind.grid_map)
    codes = np.array([levels.index(int(value)) for value in kind.grid.ravel()], dtype=np.uint8)
    bits = 2 if len(levels) < 4 else 4
    groups = codes.reshape(-1, 8 // bits) << np.arange(0, 8, bits, dtype=np.uint8)
    packed = np.bitwise_or.reduce(groups, axis=1).astype(np.uint8).tobytes()
    lines = textwrap.wrap(base64.b64encode(packed).decode(), 112)
    body = "\n".join("    " + line for line in lines)
    parts.append(f'  static let codes{name} = """\n{body}\n    """\n')
target = pathlib.Path(__file__).parent.parent / "Sources/Checkpoints/GGUF/GGUFGrid+Codes.swift"
target.write_text("\n".join(parts).rstrip("\n") + "\n}\n")
