"""Runs a vector-quantized model that is larger than the memory it may have.

Run: python3 Scripts/larger_than_memory.py [VPTQ] [--form v4-k256-16] [--blocks 12] [--tokens 12] [--folder DIR] [--loop] [--bandwidth MB]
(Linux, as root or where a control group for memory can be made; PyPI numpy; default: the release build). Writes a model with the
layers of an 8B Llama and random codes, as many blocks as asked for, and has `vptq generate` make a reply of some tokens
with greedy choice: without a limit, and in control groups with 80, 50 and 25 percent of what it took then, each with read-ahead,
without, and as if there were no limit (`--weight-memory`). The cache of the files is emptied before each run. Prints tokens a
second, what was read from disk for each token, and major faults; fails if a limited run is killed or its tokens differ from those without
a limit. With --loop the files lie on a device of their own with the read-ahead of a plain disk (128 KiB); with --bandwidth that device
reads so many megabytes a second (control groups of version 1, `blkio`).
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy

import control_group
import load_memory
import make_synthetic_model
from control_group import empty_cache

HIDDEN, INTERMEDIATE, HEADS, KEY_HEADS, VOCABULARY = 4096, 14336, 32, 8, 32000
FORMS = {"v4-k256-16": (4, 256, 16), "v8-k65536-256": (8, 65536, 256), "v8-k4096-4096": (8, 4096, 4096)}


def shapes():
    keys = HIDDEN // HEADS * KEY_HEADS
    yield from ((f"self_attn.{n}_proj", o, HIDDEN) for n, o in [("q", HIDDEN), ("k", keys), ("v", keys), ("o", HIDDEN)])
    yield from ((f"mlp.{n}_proj", INTERMEDIATE, HIDDEN) for n in ["gate", "up"])
    yield "mlp.down_proj", HIDDEN, INTERMEDIATE


def write_file(path, tensors):
    """A safetensors file of arrays, with codes as bytes."""
    header, offset = {}, 0
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, _, data in tensors.values():
            file.write(data)
    return offset


def half(random, shape, scale, offset=0.0):
    return "F16", shape, (offset + scale * random.standard_normal(shape, dtype=numpy.float32)).astype(numpy.float16).tobytes()


def write_model(folder, form, blocks):
    vector, main, residual = FORMS[form]
    layer = load_memory.quantized(vector, main, residual)
    folder.mkdir(parents=True)
    names, settings, total = {}, {}, 0

    def save(name, tensors):
        nonlocal total
        total += write_file(folder / name, tensors)
        names.update(dict.fromkeys(tensors, name))

    for block in range(blocks):
        random = numpy.random.Generator(numpy.random.Philox([0, block]))
        tensors = {}
        for norm in ["input_layernorm", "post_attention_layernorm"]:
            tensors[f"model.layers.{block}.{norm}.weight"] = half(random, [HIDDEN], 0.1, 1)
        for name, outputs, inputs in shapes():
            module = f"model.layers.{block}.{name}"
            more, settings[module] = layer(module, outputs, inputs)
            for key, (kind, shape, content) in more.items():
                if key.endswith("weight_scale"):
                    tensors[key] = half(random, shape, 0.02, 1)
                elif kind == "F16":
                    scale = 0.0 if key.endswith("weight_bias") else 1 / inputs**0.5 * (0.25 if "res_" in key else 1)
                    tensors[key] = half(random, shape, scale)
                else:
                    count = 4 * int(numpy.prod(shape))
                    tensors[key] = kind, shape, content or random.bytes(count)
        save(f"model-{block + 1:05}-of-{blocks + 1:05}.safetensors", tensors)
    random = numpy.random.Generator(numpy.random.Philox([0, blocks]))
    save(f"model-{blocks + 1:05}-of-{blocks + 1:05}.safetensors", {
        "model.embed_tokens.weight": half(random, [VOCABULARY, HIDDEN], 0.02), "model.norm.weight": half(random, [HIDDEN], 0.1, 1)})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": names}))
    (folder / "tokenizer.json").write_text(json.dumps(make_synthetic_model.byte_tokenizer()))
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": blocks, "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS, "vocab_size": VOCABULARY,
        "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "max_position_embeddings": 8192, "tie_word_embeddings": True,
        "torch_dtype": "float16", "quantization_config": {"quant_method": "vptq", "config_for_layers": settings}}))
    return total


def run(program, folder, tokens, options, limit=None, bandwidth=None):
    """The answer of `vptq generate`, or None if it was killed, with what the system counted."""
    empty_cache(folder)
    command = [
        program, "generate", folder, "--prompt-ids", "1,2,3,4", "--max-tokens", str(tokens), "--temperature", "0", "--json",
        *options]
    done = control_group.run(command, limit, (folder, bandwidth) if bandwidth else None)
    if done.code not in (0, *control_group.KILLED):
        raise SystemExit(f"{command} ended with {done.code}: {done.errors}")
    return (json.loads(done.output) if done.code == 0 else None), done.usage, done.peak, done.errors


@contextlib.contextmanager
def loop_device(where, size):
    """A file system of its own on a loop device that bypasses the cache of the file below and reads 128 KiB ahead."""
    with tempfile.TemporaryDirectory(dir=where) as name:
        image, place = pathlib.Path(name) / "image", pathlib.Path(name) / "mount"
        place.mkdir()
        subprocess.run(["truncate", "-s", str(size), image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        device = subprocess.run(
            ["losetup", "--find", "--show", "--direct-io=on", image], check=True, capture_output=True, text=True).stdout.strip()
        try:
            subprocess.run(["blockdev", "--setra", "256", device], check=True)
            subprocess.run(["mount", "-o", "noatime", device, place], check=True)
            try:
                yield place
            finally:
                subprocess.run(["umount", place], check=True)
        finally:
            subprocess.run(["losetup", "--detach", device], check=True)


def compare(program, folder, form, blocks, tokens, options, bandwidth):
    size = write_model(folder, form, blocks)
    whole, usage, peak, _ = run(program, folder, tokens, [*options, "--weight-memory", "1TB"])
    ids, failed = whole["token_ids"], False
    print(f"{form}, {blocks} blocks, {size / 1e6:.0f} MB on disk; without a limit {peak / 1e6:.0f} MB of memory", flush=True)

    def speed(answer):
        return answer["timings"]["decode_tokens_per_second"]

    print(f"  no limit: {speed(whole):.2f} tokens/s", flush=True)
    for share in [0.8, 0.5, 0.25]:
        limit = int(share * peak) >> 12 << 12
        for name, more in [
            ("read-ahead", []), ("without", ["--no-read-ahead"]), ("as if no limit", ["--weight-memory", "1TB"]),
        ]:
            answer, usage, top, notes = run(program, folder, tokens, [*options, *more], limit, bandwidth)
            if answer is None:
                failed = failed or not more or "--no" in more[0]
                print(f"  {share:.0%} ({limit / 1e6:.0f} MB), {name}: killed", flush=True)
                continue
            same = answer["token_ids"] == ids
            failed = failed or not same
            print(
                f"  {share:.0%} ({limit / 1e6:.0f} MB), {name}: {speed(answer):.2f} tokens/s, {'the same tokens' if same else 'OTHER TOKENS'},"
                f" {usage.ru_inblock * 512 / 1e6 / (tokens + 1):.0f} MB read a pass, {usage.ru_majflt} major faults,"
                f" {top / 1e6:.0f} MB at most{'; ' + notes if notes and not more else ''}", flush=True)
    return failed


def main():
    root = pathlib.Path(__file__).parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?", default=root / ".build/release/vptq")
    parser.add_argument("--form", choices=FORMS, action="append")
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--loop", action="store_true")
    parser.add_argument("--bandwidth", type=int)
    arguments = parser.parse_args()
    options = ["--threads", arguments.threads] if arguments.threads else []
    failed = False
    with contextlib.ExitStack() as stack:
        place = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.folder)))
        if arguments.loop:
            place = stack.enter_context(loop_device(place, 150_000_000 * (arguments.blocks + 4)))
        for form in arguments.form or list(FORMS)[:2]:
            folder = place / form
            failed = compare(arguments.program, folder, form, arguments.blocks, arguments.tokens, options, arguments.bandwidth) or failed
            subprocess.run(["rm", "-r", folder], check=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
