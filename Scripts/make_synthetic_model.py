"""Writes a Llama with random weights of any shape, to try what needs a size and not a meaning: memory, time, limits.

Run: python3 Scripts/make_synthetic_model.py OUT [--hidden 4096 --intermediate 11008 --heads 32 --kv-heads 32 --blocks 2
--vocabulary 512 --seed 0 --headers-only] (PyPI numpy). The defaults are the shape of a 7B Llama, but for blocks and vocabulary. Weights are
Gaussian with a variance of 1 / inputs, and every hundredth input column is 8 times as large; norms are near 1. One shard of
float16 per block, one for the rest, an index, config.json, and a tokenizer.json with one id per byte. The same arguments
give the same bytes. With --headers-only the files have their headers and lengths but no data (sparse, all zeros):
`vptq quantize OUT -o x --dry-run` reads no weight, so it can estimate a model that nobody has downloaded.
"""

import argparse
import json
import pathlib
import struct

import numpy


def matrix(random, outputs, inputs):
    weights = random.standard_normal((outputs, inputs), dtype=numpy.float32) / numpy.float32(inputs**0.5)
    weights[:, random.permutation(inputs)[: inputs // 100]] *= 8
    return weights.astype(numpy.float16)


def norm(random, width):
    return (1 + 0.1 * random.standard_normal(width, dtype=numpy.float32)).astype(numpy.float16)


def write_shard(path, tensors, headers_only):
    """A safetensors file, one tensor in memory at a time; `tensors` maps names to a shape and a function."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, (shape, _) in tensors.items():
        end = offset + 2 * int(numpy.prod(shape))
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if headers_only:
            file.truncate(file.tell() + offset)
            return offset
        for shape, make in tensors.values():
            values = make()
            assert list(values.shape) == shape
            file.write(values.tobytes())
    return offset


def byte_tokenizer():
    """Byte-level BPE without merges: the printable bytes stand for themselves, the others follow from U+0100 on."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    symbols = {byte: chr(byte) for byte in shown} | {byte: chr(256 + n) for n, byte in enumerate(hidden)}
    return {
        "version": "1.0", "added_tokens": [], "normalizer": None, "post_processor": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "vocab": {symbols[byte]: byte for byte in range(256)}, "merges": [],
        },
    }


def write_model(out, hidden=4096, intermediate=11008, heads=32, kv_heads=32, blocks=2, vocabulary=512, seed=0, headers_only=False):
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    keys = hidden // heads * kv_heads
    shapes = {
        "self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (keys, hidden), "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, hidden), "mlp.gate_proj": (intermediate, hidden),
        "mlp.up_proj": (intermediate, hidden), "mlp.down_proj": (hidden, intermediate),
    }
    total, places = 0, {}

    def shard(number, tensors):
        nonlocal total
        name = f"model-{number + 1:05}-of-{blocks + 1:05}.safetensors"
        total += write_shard(out / name, tensors, headers_only)
        places.update(dict.fromkeys(tensors, name))

    for block in range(blocks):
        random = numpy.random.Generator(numpy.random.Philox([seed, block]))
        tensors = {
            f"model.layers.{block}.{name}.weight": (list(shape), lambda shape=shape: matrix(random, *shape))
            for name, shape in shapes.items()
        }
        for name in ["input_layernorm", "post_attention_layernorm"]:
            tensors[f"model.layers.{block}.{name}.weight"] = [hidden], lambda: norm(random, hidden)
        shard(block, tensors)
    random = numpy.random.Generator(numpy.random.Philox([seed, blocks]))
    shard(blocks, {
        "model.embed_tokens.weight": ([vocabulary, hidden], lambda: matrix(random, vocabulary, hidden)),
        "model.norm.weight": ([hidden], lambda: norm(random, hidden)),
    })
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    (out / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))
    (out / "tokenizer.json").write_text(json.dumps(byte_tokenizer(), indent=1))
    configuration = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden,
        "intermediate_size": intermediate, "num_hidden_layers": blocks, "num_attention_heads": heads,
        "num_key_value_heads": kv_heads, "vocab_size": vocabulary, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "max_position_embeddings": 2048, "tie_word_embeddings": True, "torch_dtype": "float16", "bos_token_id": 1,
        "eos_token_id": 2,
    }
    (out / "config.json").write_text(json.dumps(configuration, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    for option, value in {
        "hidden": 4096, "intermediate": 11008, "heads": 32, "kv-heads": 32, "blocks": 2, "vocabulary": 512, "seed": 0,
    }.items():
        parser.add_argument(f"--{option}", type=int, default=value)
    parser.add_argument("--headers-only", action="store_true")
    arguments = parser.parse_args()
    if arguments.hidden % (2 * arguments.heads) or arguments.heads % arguments.kv_heads or arguments.vocabulary < 256:
        parser.error("--hidden must be a multiple of twice --heads, --heads one of --kv-heads, --vocabulary at least 256")
    write_model(**vars(arguments))
