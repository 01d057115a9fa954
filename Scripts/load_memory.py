"""Shows what it costs to load a model: weights are mapped, not read, and memory grows by what is touched.

Run: python3 Scripts/load_memory.py [VPTQ] (Linux; default: the release build). Writes folders of about 1 GB whose
weights are holes of sparse files, dense and vector-quantized, and runs one token through each, the second time with
the file in the page cache. Prints, per folder, the time until the model was ready, the largest anonymous memory (what
the program made itself), and the largest mapped memory (pages of the file, which one token touches all).

What the program may make itself is counted from what it makes of each matrix when a layer is first used (`bound`): float32 tables of
all codebooks; without --exact also the head as int8 and codebooks as bytes, and for small codebooks a second form of the codes, where
the processor has kernels for it (AVX-512 VBMI has them for all, others make less). Fails beyond that, or where a folder takes half a second to load.
"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

HIDDEN, INTERMEDIATE, VOCABULARY, HEADS = 2048, 5632, 32000, 16
# Bytes that any model takes, with what is gone when a table is made; and of a chunk that small pieces of codes share.
PROGRAM, CHUNK = 32_000_000, 8 << 20
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


def tables(vector, main, residual, exact=False):
    """Bytes of tables that are made of a matrix: float32, of all sums of a pair where they are few, and bytes."""
    pairs = main * residual
    floats = 4 * vector * (pairs if pairs <= 4096 else main + residual)
    if exact:
        return floats
    # Small codebooks have a byte for 256 codes of each element, in two tables and in four halves of sums.
    return floats + (6 * vector * 256 if max(main, residual) <= 256 else vector * (main + residual))


def plane_bits(main, residual):
    """Bits of a code in the order of the kernel, 0 where codebooks are large."""
    return 0 if max(main, residual) > 256 else (6 if main <= 64 else 8) + (4 if residual <= 16 else 8)


def placed(sizes):
    """Bytes of memory in huge pages: above 4 MiB what a piece holds; smaller ones lie in chunks of 8 MiB."""
    large = sum(size for size in sizes if size > CHUNK // 2)
    small = [size for size in sizes if size <= CHUNK // 2]
    return large + CHUNK * (-(-len(small) // (CHUNK // max(small))) if small else 0)


def bound(form, blocks, exact):
    """What the program may make of a model."""
    if not form:
        return PROGRAM
    vector, main, residual = form
    made, codes = PROGRAM + (0 if exact else VOCABULARY * (HIDDEN + 4)), []
    for _, outputs, inputs in blocks * list(matrices()):
        # Scale, shift and permutation of the inputs.
        made += tables(*form, exact) + 12 * inputs
        if not exact and plane_bits(main, residual):
            codes.append(outputs // vector * inputs * plane_bits(main, residual) // 8)
    return made + placed(codes)


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
    small, large = (4, 256, 16), (8, 65536, 256)
    forms = [
        ("dense float16", None, 9, False), ("v4-k256-16", small, 50, False), ("v4-k256-16 --exact", small, 50, True),
        ("v8-k65536-256", large, 45, False),
    ]
    failed = False
    with tempfile.TemporaryDirectory() as name:
        for title, form, blocks, exact in forms:
            folder, options = pathlib.Path(name) / title.replace(" ", ""), ["--exact"] if exact else []
            size = write(folder, quantized(*form) if form else dense, blocks)
            run(program, folder, options)  # The holes become pages of the cache.
            seconds, anonymous, mapped = run(program, folder, options)
            limit = bound(form, blocks, exact)
            good = anonymous < limit and seconds < 0.5
            failed = failed or not good
            print(
                f"{title}: {size / 1e6:.0f} MB on disk, ready in {seconds:.3f} s, {anonymous / 1e6:.0f} MB of its own of"
                f" {limit / 1e6:.0f} MB, {mapped / 1e6:.0f} MB mapped{'' if good else ': TOO MUCH'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
