#!/usr/bin/env python3
"""Writes the model of `make_synthetic_model.py` as a GGUF in float16, for llama.cpp beside vptq at a size that can be chosen.

Run: python3 Scripts/make_synthetic_gguf.py FOLDER OUT.gguf (PyPI gguf and numpy). Query and key rows are put in the order that GGUF
has for Llama; the vocabulary is made up, since timing needs no text.
"""

import json
import pathlib
import struct
import sys

import gguf
import numpy

NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def tensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        base = 8 + length
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = numpy.fromfile(path, dtype=numpy.float16, count=(end - begin) // 2, offset=base + begin)
        yield name, values.reshape(entry["shape"])


def in_halves(weight, heads):
    """Rows of each head: pairs that rotate together lie side by side in GGUF, half a head apart in the folder."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def main():
    folder, out = pathlib.Path(sys.argv[1]), sys.argv[2]
    config = json.loads((folder / "config.json").read_text())
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name("synthetic")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    byte_tokens = list(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"])
    writer.add_token_list(byte_tokens + [f"<{n}>" for n in range(len(byte_tokens), config["vocab_size"])])
    writer.add_token_types([1] * config["vocab_size"])
    writer.add_token_merges([f"{byte_tokens[0]} {byte_tokens[1]}"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for path in sorted(folder.glob("*.safetensors")):
        for name, values in tensors(path):
            parts = name.removesuffix(".weight").split(".", 3)
            if parts[1] == "embed_tokens":
                writer.add_tensor("token_embd.weight", values)
            elif parts[1] == "norm":
                writer.add_tensor("output_norm.weight", values.astype(numpy.float32))
            else:
                own = NAMES[parts[3]]
                if own in ("attn_q", "attn_k"):
                    values = in_halves(values, heads if own == "attn_q" else key_heads)
                writer.add_tensor(f"blk.{parts[2]}.{own}.weight", values.astype(numpy.float32) if values.ndim == 1 else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
