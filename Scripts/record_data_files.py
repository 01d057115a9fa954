#!/usr/bin/env python3
"""Records files of data for Tests/DataFilesTests/Fixtures: Parquet by PyPI pyarrow, gzip and Zstandard, with their rows as JSON.

Usage: record_data_files.py          needs pyarrow (26.0.1 was used) and the program zstd (1.5.4)
"""
import gzip
import json
import math
import pathlib
import random
import shutil
import subprocess
import zlib

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parent.parent / "Tests" / "DataFilesTests" / "Fixtures"
random.seed(5)
WORDS = "the of and valley river mill naïve 漢字 Ωmega 🙂 town lead past stone".split()


def sentence(low, high):
    return " ".join(random.choice(WORDS) for _ in range(random.randint(low, high)))


def questions(count):
    """Rows in the form of ai2_arc."""
    rows = []
    for i in range(count):
        n = random.choice([3, 4, 4, 4, 5])
        rows.append({"id": f"Q_{i}", "question": sentence(3, 14),
                     "choices": {"text": [sentence(1, 4) for _ in range(n)], "label": list("ABCDE"[:n])},
                     "answerKey": random.choice("ABC")})
    fields = pa.schema([("id", pa.string()), ("question", pa.string()),
                        ("choices", pa.struct([("text", pa.list_(pa.string())), ("label", pa.list_(pa.string()))])),
                        ("answerKey", pa.string())])
    return rows, fields


def kinds(count):
    """All types of columns, with nulls."""
    def some(value):
        return None if random.random() < 0.2 else value

    rows = [{"flag": some(random.random() < 0.5), "small": some(random.randint(-2**31, 2**31 - 1)),
             "byte": random.randint(0, 255), "unsigned": some(random.randint(0, 2**32 - 1)),
             "large": some(random.randint(-2**63, 2**63 - 1)), "rising": 10**12 + 37 * i, "single": some(random.random()),
             "double": some(random.gauss(0, 1e9)), "text": some(sentence(0, 6)), "same": "one", "nothing": None}
            for i in range(count)]
    for row in rows:
        if row["single"] is not None:
            row["single"] = math.ldexp(round(row["single"] * 2**20), -20)  # exact in 32 bits
    fields = pa.schema([("flag", pa.bool_()), ("small", pa.int32()), ("byte", pa.uint8()), ("unsigned", pa.uint32()),
                        ("large", pa.int64()), pa.field("rising", pa.int64(), nullable=False), ("single", pa.float32()),
                        ("double", pa.float64()), ("text", pa.string()), ("same", pa.string()), ("nothing", pa.null())])
    return rows, fields


def nested(count):
    """Lists of lists, lists of structs, structs of structs; each of them missing, empty, or with missing items."""
    def lists(depth):
        if random.random() < 0.15:
            return None
        items = [lists(depth - 1) if depth else (None if random.random() < 0.2 else random.randint(0, 9))
                 for _ in range(random.randint(0, 3))]
        return items

    rows = [{"grid": lists(1), "deep": lists(2),
             "people": None if random.random() < 0.2 else
             [None if random.random() < 0.2 else {"name": sentence(1, 1), "marks": lists(0)}
              for _ in range(random.randint(0, 3))],
             "outer": None if random.random() < 0.3 else
             {"inner": None if random.random() < 0.3 else {"leaf": None if random.random() < 0.3 else sentence(1, 2)}}}
            for _ in range(count)]
    number = pa.list_(pa.int64())
    fields = pa.schema([("grid", pa.list_(number)), ("deep", pa.list_(pa.list_(number))),
                        ("people", pa.list_(pa.struct([("name", pa.string()), ("marks", number)]))),
                        ("outer", pa.struct([("inner", pa.struct([("leaf", pa.string())]))]))])
    return rows, fields


def parquet(name, made, **options):
    rows, fields = made
    path = FOLDER / (name + ".parquet")
    pq.write_table(pa.Table.from_pylist(rows, schema=fields), path, **options)
    read = pq.read_table(path).to_pylist()
    assert read == rows, name
    (FOLDER / (name + ".expected.json")).write_text(json.dumps(rows, ensure_ascii=False, separators=(",", ":")))


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    # As `datasets` uploads them: Snappy, dictionaries, pages of the first version.
    parquet("questions", questions(120), compression="snappy")
    parquet("questions-v2", questions(60), compression="zstd", data_page_version="2.0", row_group_size=25)
    parquet("questions-gzip", questions(60), compression="gzip", data_page_size=256, write_batch_size=8)
    parquet("kinds", kinds(150), compression="none", use_dictionary=False)
    parquet("kinds-dictionary", kinds(100), compression="snappy", row_group_size=33, data_page_size=128, write_batch_size=10)
    parquet("kinds-v2", kinds(100), compression="gzip", data_page_version="2.0", write_page_checksum=True)
    encodings = {"flag": "RLE", "small": "DELTA_BINARY_PACKED", "byte": "DELTA_BINARY_PACKED", "unsigned": "BYTE_STREAM_SPLIT",
                 "large": "DELTA_BINARY_PACKED", "rising": "DELTA_BINARY_PACKED", "single": "BYTE_STREAM_SPLIT",
                 "double": "BYTE_STREAM_SPLIT", "text": "DELTA_BYTE_ARRAY", "same": "DELTA_LENGTH_BYTE_ARRAY"}
    parquet("kinds-delta", kinds(400), compression="none", use_dictionary=False, column_encoding=encodings)
    parquet("kinds-delta-v2", kinds(150), compression="zstd", data_page_version="2.0", use_dictionary=False,
            column_encoding=encodings)
    parquet("nested", nested(200), compression="snappy")
    parquet("nested-v2", nested(150), compression="zstd", data_page_version="2.0", data_page_size=64, write_batch_size=8)
    parquet("empty", (([]), questions(0)[1]), compression="snappy")
    pq.write_table(pa.table({"text": ["a", "b"]}), FOLDER / "brotli.parquet", compression="brotli")
    pq.write_table(pa.table({"bytes": [b"\xff\xfe"], "text": ["a"]}), FOLDER / "bytes.parquet")

    # Texts that make packers use what they have: far references, runs, noise, stored blocks, long repeats.
    noise = random.randbytes(3000)
    text = ("\n".join(json.dumps({"text": sentence(5, 30), "number": i}, ensure_ascii=False) for i in range(300)) + "\n").encode()
    runs = b"a" * 5000 + noise[:500] + b"ab" * 2000 + noise[:700] + bytes(range(256)) * 8
    (FOLDER / "lines.jsonl").write_bytes(text)
    (FOLDER / "runs.bin").write_bytes(runs + noise)
    for name, data in (("lines.jsonl", text), ("runs.bin", runs + noise)):
        for level in (1, 9):
            (FOLDER / f"{name}.{level}.gz").write_bytes(gzip.compress(data, level, mtime=0))
    stored = zlib.compressobj(0, zlib.DEFLATED, 31)
    fixed = zlib.compressobj(9, zlib.DEFLATED, 31, 8, zlib.Z_FIXED)
    (FOLDER / "runs.bin.stored.gz").write_bytes(stored.compress(runs + noise) + stored.flush())
    half = len(text) // 2
    (FOLDER / "lines.jsonl.two.gz").write_bytes(
        fixed.compress(text[:half]) + fixed.flush() + gzip.compress(text[half:], 6, mtime=0))
    for name in ("lines.jsonl", "runs.bin"):
        for level in ("1", "3", "19", "-fast=5"):
            subprocess.run(["zstd", "-q", "-f", f"-{level}", "--check", FOLDER / name, "-o", FOLDER / f"{name}.{level.strip('-')}.zst"],
                           check=True)
    print(sum(p.stat().st_size for p in FOLDER.iterdir()), "bytes")


main()
