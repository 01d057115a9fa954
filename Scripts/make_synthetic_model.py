#!/usr/bin/env python3
"""Writes a Llama model of random weights, for timings and estimates.

    python3 Scripts/make_synthetic_model.py OUT [--hidden 4096 --intermediate 11008 --heads 32 --kv-heads 32]
        [--layers 1] [--vocabulary 256] [--headers-only]

Weights are Gaussian; one column in a hundred is eight times as large, as the outlier channels of real models are.
With --headers-only the file has the headers and the length of a real one but no data (a sparse file, all zeros):
`vptq quantize OUT -o x --dry-run` reads no weight, so it can estimate a model that nobody has downloaded. Without it,
numpy is needed.
"""
import argparse
import json
import pathlib
import struct


def tensors(options):
    hidden, kv = options.hidden, options.hidden // options.heads * options.kv_heads
    yield "model.embed_tokens.weight", (options.vocabulary, hidden)
    for layer in range(options.layers):
        block = f"model.layers.{layer}"
        for name, outputs, inputs in [
            ("self_attn.q_proj", hidden, hidden), ("self_attn.k_proj", kv, hidden), ("self_attn.v_proj", kv, hidden),
            ("self_attn.o_proj", hidden, hidden), ("mlp.gate_proj", options.intermediate, hidden),
            ("mlp.up_proj", options.intermediate, hidden), ("mlp.down_proj", hidden, options.intermediate),
        ]:
            yield f"{block}.{name}.weight", (outputs, inputs)
        yield f"{block}.input_layernorm.weight", (hidden,)
        yield f"{block}.post_attention_layernorm.weight", (hidden,)
    yield "model.norm.weight", (hidden,)


def values(shape, random):
    import numpy
    if len(shape) == 1:
        return numpy.ones(shape, numpy.float16)
    weight = random.standard_normal(shape, dtype=numpy.float32) * (0.7 / shape[1] ** 0.5)
    weight[:, random.permutation(shape[1])[: shape[1] // 100]] *= 8
    return weight.astype(numpy.float16)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=pathlib.Path)
    for name, default in [
        ("hidden", 4096), ("intermediate", 11008), ("heads", 32), ("kv-heads", 32), ("layers", 1), ("vocabulary", 256),
    ]:
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--headers-only", action="store_true")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": options.hidden, "intermediate_size": options.intermediate,
        "num_attention_heads": options.heads, "num_key_value_heads": options.kv_heads,
        "num_hidden_layers": options.layers, "vocab_size": options.vocabulary, "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True, "torch_dtype": "float16",
    }, indent=2))
    header, end = {}, 0
    for name, shape in tensors(options):
        size = 2
        for extent in shape:
            size *= extent
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(options.output / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if options.headers_only:
            file.truncate(8 + len(text) + end)
            return
        import numpy
        random = numpy.random.default_rng(0)
        for _, shape in tensors(options):
            file.write(values(shape, random).tobytes())


if __name__ == "__main__":
    main()
