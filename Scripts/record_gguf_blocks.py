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


# Where blocks of random bytes keep half-precision scales, which must be finite.
SCALES = {
    "Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "IQ2_XXS": (0,), "IQ2_XS": (0,),
    "IQ2_S": (0,), "IQ3_XXS": (0,), "IQ3_S": (0,), "IQ1_S": (0,), "IQ1_M": (), "IQ4_NL": (0,), "IQ4_XS": (0,),
    "TQ1_0": (52,), "TQ2_0": (64,), "MXFP4": (), "NVFP4": (), "Q1_0": (0,), "Q2_0": (0,), "Q8_1": (0, 2), "Q8_K": (),
}
# The package knows neither Q2_0 nor ggml's own Q8_1 (it counts its two scales as 32-bit).
BLOCK_BYTES = {"Q2_0": 18, "Q8_1": 36}


def random_block(name):
    size = BLOCK_BYTES.get(name) or gguf.GGML_QUANT_SIZES[T[name]][1]
    block = rng.integers(0, 256, size, dtype=np.uint8)
    for offset in SCALES[name]:
        block[offset:offset + 2] = scale()
    if name == "IQ1_M":  # The top nibbles of the scales are the bits of a half-precision number.
        bits = int(np.float16(rng.uniform(-0.05, 0.05)).view(np.uint16))
        for word in range(4):
            block[49 + 2 * word] = block[49 + 2 * word] & 15 | (bits >> (4 * word) & 15) << 4
    if name == "MXFP4":
        block[0] = rng.integers(100, 140)
    if name == "Q8_K":
        block[0:4] = np.frombuffer(np.float32(rng.uniform(-0.05, 0.05)).tobytes(), dtype=np.uint8)
    return block


def half(block, offset):
    return block[offset:offset + 2].view(np.float16)[0].astype(np.float32)


# By ggml-quants.c, where the package has no reader.
def q8_1(block):
    return half(block, 0) * block[4:36].view(np.int8).astype(np.float32)


def q8_K(block):
    return block[0:4].view(np.float32)[0] * block[4:260].view(np.int8).astype(np.float32)


def q1_0(block):
    return half(block, 0) * (2 * np.unpackbits(block[2:18], bitorder="little").astype(np.float32) - 1)


def q2_0(block):
    pairs = block[2:18, None] >> np.array([0, 2, 4, 6], dtype=np.uint8) & 3
    return half(block, 0) * (pairs.ravel().astype(np.float32) - 1)


OWN = {"Q8_1": q8_1, "Q8_K": q8_K, "Q1_0": q1_0, "Q2_0": q2_0}
PLAIN = {"F64": "<f8", "I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}

fixture = {}
for kind in [T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.BF16, T.F16]:
    data = quants.quantize(rng.normal(0, 0.1, (ROWS, 32 * BLOCKS)).astype(np.float32), kind)
    fixture[kind.name] = (data, quants.dequantize(data, kind))
for name in SCALES:
    blocks = np.stack([random_block(name) for _ in range(2)])
    if name == "MXFP4":
        blocks = np.concatenate([blocks, blocks[:, :]])
        blocks[2:, 0] = [0, 1]
    if name in OWN:
        fixture[name] = (blocks, np.concatenate([OWN[name](block) for block in blocks]))
    else:
        fixture[name] = (blocks, quants.dequantize(blocks.reshape(1, -1), T[name]))
for name, layout in PLAIN.items():
    width = 8 * np.dtype(layout).itemsize
    data = rng.normal(0, 0.1, 8) if name == "F64" else rng.integers(-2 ** (width - 1), 2 ** (width - 1), 8)
    data = data.astype(layout)
    fixture[name] = (data, data.astype(np.float32))

result = {}
for name, (data, values) in sorted(fixture.items()):
    values = np.asarray(values).astype("<f4")
    result[name] = {"blocks": data.tobytes().hex(), "values": values.tobytes().hex()}

target = pathlib.Path(__file__).parent.parent / "Tests/CheckpointsTests/Fixtures/gguf_blocks.json"
target.write_text(json.dumps(result, indent=1) + "\n")
