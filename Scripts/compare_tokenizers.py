#!/usr/bin/env python3
"""Times this library and the `tokenizers` package on one thread, in one run, and prints the ratios.

Both are timed in seconds of the processor, so that other programs on the machine count as little as may be.

    Scripts/benchmark --tokenizers SHARED

SHARED is the folder of shared test data. Both read the same files and the same text: War and Peace, its first million
characters, in calls of 2,000 characters and in one call. Needs `tokenizers` and the program `zstd`.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")

import tokenizers

PROGRAM = pathlib.Path(__file__).parent.parent / "Benchmarks/.build/release/Tokenizers-timings"
FILES = [
    "llama-3.2/tokenizer.json", "deepseek/tokenizer.json", "falcon/tokenizer.json", "phi/phi-2.tokenizer.json",
    "phi/phi-3-mini.tokenizer.json", "neox/allenai_gpt-neox-olmo-dolma-v1_5.tokenizer.json",
]
ROUNDS = 5


def best(body):
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        body()
        times.append(time.process_time() - start)
    return min(times)


def reference(path, text):
    tokenizer = tokenizers.Tokenizer.from_file(path)
    parts = [text[start:start + 2000] for start in range(0, len(text), 2000)]
    megabytes = len(text.encode()) / 1e6
    return {
        "load_seconds": best(lambda: tokenizers.Tokenizer.from_file(path)),
        "single_megabytes_per_second": megabytes / best(lambda: [tokenizer.encode(part).ids for part in parts]),
        "whole_megabytes_per_second": megabytes / best(lambda: tokenizer.encode(text).ids),
        "ids": len(tokenizer.encode(text).ids),
    }


def unpack(packed, path):
    with open(path, "wb") as file:
        subprocess.run(["zstd", "-dcq", "--long=27", packed], stdout=file, check=True)


def main():
    shared = sys.argv[1]
    print("| tokenizer | load | single texts | one text |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        book = f"{folder}/text"
        unpack(f"{shared}/data/calibration/war-and-peace.txt.zst", book)
        text = pathlib.Path(book).read_text(encoding="utf-8")[:1_000_000]
        pathlib.Path(book).write_text(text, encoding="utf-8")
        for file in FILES:
            path = f"{folder}/tokenizer.json"
            unpack(f"{shared}/data/tokenizers/{file}.zst", path)
            ours = json.loads(subprocess.run([PROGRAM, path, book], capture_output=True, check=True).stdout)
            theirs = reference(path, text)
            assert ours["ids"] == theirs["ids"], file
            cells = [f"{ours['load_seconds'] * 1e3:.0f} ms, {theirs['load_seconds'] / ours['load_seconds']:.0f}x"]
            for name in ["single_megabytes_per_second", "whole_megabytes_per_second"]:
                cells.append(f"{ours[name]:.0f} MB/s, {ours[name] / theirs[name]:.0f}x")
            print(f"| {file} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
