"""Shows what it costs to load a model: weights are mapped, not read, and memory grows by what is touched.

Run: python3 Scripts/load_memory.py [VPTQ] (Linux; default: the release build). Writes folders of about 1 GB whose
weights are holes of sparse files, dense and vector-quantized, and runs one token through each, the second time with
the file in the page cache. Prints, per folder, the time until the model was ready, the largest anonymous memory (what
the program made itself), and the largest mapped memory (pages of the file, which one token touches all).

What the program may make itself: a sixteenth of the file, float32 tables of all codebooks, and, without --exact and where
the processor has the kernel for it, a second form of the codes of small codebooks, both when a layer is first used.
Fails beyond that, or where a folder takes half a second to load.
"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

HIDDEN, INTERMEDIATE, VOCABULARY, HEADS = 2048, 5632, 32000, 16
SIZES = {"F16": 2, "I16": 2, "I32": 4}


def matrices():
    yield from ((f"self_attn.{name}_proj", HIDDEN, HIDDEN) for name in "qkvo")
    yield from ((f"mlp.{name}_proj", INTERMEDIATE, HIDDEN) for name in ["gate", "up"])
    yield "mlp.down_proj", HIDDEN, INTERMEDIATE


def dense(module, outputs, inputs):
    return {f"{module}.weight": ("F16", [outputs, inputs], None)}, None


def quantized(vector, main, residual):
    """A layer of which only the permutation has content: code 0 and centroids of zero are valid."""

    def layer(module, outputs, inputs):
        bits = (main - 1).bit_length() + (residual - 1).bit_length()
        tensors = {
            f"{module}.centroids.weight": ("F16", [1, main * vector], None),
            f"{module}.res_centroids.weight": ("F16", [1, residual * vector], None),
            f"{module}.indices": ("I32", [1, -(-outputs // vector), -(-inputs * bits // 32)], None),
            f"{module}.perm": ("I16", [inputs], struct.pack(f"<{inputs}H", *range(inputs))),
            f"{module}.weight_scale": ("F16", [inputs], None),
            f"{module}.weight_bias": ("F16", [inputs], None),
        }
        settings = {
            "vector_lens": [-1, vector], "num_centroids": [-1, main], "num_res_centroids": [-1, residual],
            "group_num": 1, "group_size": inputs, "outlier_size": 0, "enable_norm": True, "enable_perm": True,
            "is_indice_packed": True, "indices_as_float": False, "bias": False, "in_features": inputs,
            "out_features": outputs,
        }
        return tensors, settings

    return layer


def write(folder, layer, blocks):
    tensors = {
        "model.embed_tokens.weight": ("F16", [VOCABULARY, HIDDEN], None), "model.norm.weight": ("F16", [HIDDEN], None),
    }
    settings = {}
    for block in range(blocks):
        for norm in ["input_layernorm", "post_attention_layernorm"]:
            tensors[f"model.layers.{block}.{norm}.weight"] = ("F16", [HIDDEN], None)
        for name, outputs, inputs in matrices():
            module = f"model.layers.{block}.{name}"
            more, setting = layer(module, outputs, inputs)
            tensors.update(more)
            if setting:
                settings[module] = setting
    header, offset = {}, 0
    for name, (kind, shape, _) in tensors.items():
        size = SIZES[kind]
        for length in shape:
            size *= length
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    folder.mkdir()
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, (_, _, content) in tensors.items():
            if content:
                file.seek(8 + len(text) + header[name]["data_offsets"][0])
                file.write(content)
        file.truncate(8 + len(text) + offset)
    configuration = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE, "num_hidden_layers": blocks, "num_attention_heads": HEADS,
        "vocab_size": VOCABULARY, "rms_norm_eps": 1e-5, "max_position_embeddings": 2048, "tie_word_embeddings": True,
        "torch_dtype": "float16",
    }
    if settings:
        configuration["quantization_config"] = {"quant_method": "vptq", "config_for_layers": settings}
    (folder / "config.json").write_text(json.dumps(configuration))
    return 8 + len(text) + offset


def memory(process):
    """Anonymous and mapped bytes of a running process."""
    try:
        lines = dict(
            line.split(":", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines())
        return tuple(int(lines[key].split()[0]) * 1024 for key in ["RssAnon", "RssFile"])
    except (KeyError, OSError):
        return 0, 0


def run(program, folder, options):
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [program, "generate", folder, "--prompt-ids", "1", "--max-tokens", "1", "--temperature", "0", "--json", *options],
            stdout=output)
        peaks = (0, 0)
        while process.poll() is None:
            peaks = tuple(map(max, peaks, memory(process)))
            time.sleep(0.002)
        output.seek(0)
        if process.returncode:
            raise SystemExit(f"{program} failed on {folder}")
        return json.load(output)["timings"]["load_seconds"], *peaks


def main():
    root = pathlib.Path(__file__).parent.parent
    program = sys.argv[1] if len(sys.argv) > 1 else root / ".build/release/vptq"
    exact = ["--exact"]
    # Name, layer, blocks, options, and what may be made of each matrix: bytes per stored byte and bytes of tables.
    forms = [
        ("dense float16", dense, 9, [], 0, 0),
        ("v4-k256-16", quantized(4, 256, 16), 50, [], 1.1, 4 * 4 * (4096 + 256 + 16)),
        ("v4-k256-16 --exact", quantized(4, 256, 16), 50, exact, 0, 4 * 4 * (4096 + 256 + 16)),
        ("v8-k65536-256", quantized(8, 65536, 256), 45, [], 0, 4 * 8 * (65536 + 256)),
    ]
    failed = False
    with tempfile.TemporaryDirectory() as name:
        for form, layer, blocks, options, copies, tables in forms:
            folder = pathlib.Path(name) / form.replace(" ", "")
            size = write(folder, layer, blocks)
            run(program, folder, options)  # The holes become pages of the cache.
            seconds, anonymous, mapped = run(program, folder, options)
            good = anonymous < size * (copies + 1 / 16) + 7 * blocks * tables and seconds < 0.5
            failed = failed or not good
            print(
                f"{form}: {size / 1e6:.0f} MB on disk, ready in {seconds:.3f} s, {anonymous / 1e6:.0f} MB of its own,"
                f" {mapped / 1e6:.0f} MB mapped{'' if good else ': TOO MUCH'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
