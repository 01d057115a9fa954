"""Records ggml blocks and their values as the PyPI package `gguf` reads them.

Run: python Scripts/record_gguf_blocks.py (needs gguf and numpy); rewrites
Tests/CheckpointsTests/Fixtures/gguf_blocks.json. Values are hexadecimal bits of float32.
"""

import json
import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import quants

ROWS, BLOCKS = 1, 3
rng = np.random.default_rng(20240917)


def scale():
    return np.frombuffer(np.float16(rng.uniform(-0.05, 0.05)).tobytes(), dtype=np.uint8)


def k_block(kind):
    """Random bytes, with finite scales where the format keeps them."""
    size = gguf.GGML_QUANT_SIZES[kind][1]
    block = rng.integers(0, 256, size, dtype=np.uint8)
    if kind == T.Q6_K:
        block[208:210] = scale()
    else:
        block[0:2], block[2:4] = scale(), scale()
    return block


fixture = {}
for kind in [T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.BF16, T.F16]:
    data = quants.quantize(rng.normal(0, 0.1, (ROWS, 32 * BLOCKS)).astype(np.float32), kind)
    fixture[kind.name] = data
for kind in [T.Q4_K, T.Q5_K, T.Q6_K]:
    fixture[kind.name] = np.concatenate([k_block(kind) for _ in range(2)])[None]

result = {}
for name, data in fixture.items():
    values = quants.dequantize(data, T[name]).astype(np.float32)
    result[name] = {"blocks": data.tobytes().hex(), "values": values.astype("<f4").tobytes().hex()}

target = pathlib.Path(__file__).parent.parent / "Tests/CheckpointsTests/Fixtures/gguf_blocks.json"
target.write_text(json.dumps(result, indent=1) + "\n")
