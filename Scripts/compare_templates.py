#!/usr/bin/env python3
"""Times this library and jinja2 on real chat templates with 100 messages, in one run, and prints the ratios.

    Scripts/benchmark --templates FOLDER

FOLDER holds `*.jinja` files. jinja2 renders templates it has compiled before, with the settings of the chat renderer of
transformers, which must be installed; both take the same variables and the best of 100 rounds.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

import transformers.utils.chat_template_utils as renderer

PROGRAM = pathlib.Path(__file__).parent.parent / "Benchmarks/.build/release/Templates-timings"
ROUNDS = 100


def best(body):
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        body()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def variables():
    messages = []
    for turn in range(50):
        messages.append({"role": "user", "content": f"Question {turn}: " + "word " * 40})
        messages.append({"role": "assistant", "content": f"Answer {turn}: " + "text, " * 60})
    parameters = {"type": "object", "properties": {"city": {"type": "string", "description": "A city"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": parameters}}
    return {
        "messages": messages, "tools": [tool], "documents": None, "add_generation_prompt": True, "bos_token": "<s>",
        "eos_token": "</s>",
    }


def main():
    given = variables()
    ratios = []
    print("| template | bytes | jinja2, ms | here, ms | ratio |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "variables.json"
        path.write_text(json.dumps(given))
        for template in sorted(pathlib.Path(sys.argv[1]).glob("*.jinja"), key=lambda file: -file.stat().st_size):
            compiled = renderer._compile_jinja_template(template.read_bytes().decode())
            try:
                size = len(compiled.render(**given).encode())
            except Exception:  # a template that refuses the conversation
                continue
            theirs = best(lambda: compiled.render(**given))
            output = subprocess.run([PROGRAM, template, path], capture_output=True, text=True, check=True).stdout
            ours = json.loads(output)
            assert ours["bytes"] == size, template
            ratios.append(theirs / ours["render"])
            print(f"| {template.stem} | {size} | {theirs:.3f} | {ours['render']:.3f} | {ratios[-1]:.2f} |")
    ratios.sort()
    print(f"\n{len(ratios)} templates: median {ratios[len(ratios) // 2]:.2f}, least {ratios[0]:.2f}, most {ratios[-1]:.2f}")


main()
