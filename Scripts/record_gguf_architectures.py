"""Records GGUF files of tiny random models of each architecture, and what a conversion must make of them.

Run: python Scripts/record_gguf_architectures.py LLAMA_CPP [--check VPTQ] (needs torch, transformers 5, safetensors).

LLAMA_CPP is a folder with llama.cpp's convert_hf_to_gguf.py, conversion/ and gguf-py/ (for instance vendor/llama.cpp of
the PyPI source package llama-cpp-python). For each case the script makes a model folder, whose weights are multiples of
1/256 and so exact in half precision, lets llama.cpp convert it, and writes Tests/CheckpointsTests/Fixtures/gguf/CASE.gguf
with CASE.json: the configuration in the spelling of transformers 4, and for each tensor its shape and the FNV-1a digest
of its float32 bytes. With --check, the program VPTQ converts each file, and transformers must compute the same logits
from the result as from the original.
"""

import argparse
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file

arguments = argparse.ArgumentParser()
arguments.add_argument("llama_cpp", type=pathlib.Path)
arguments.add_argument("--check", type=pathlib.Path)
arguments.add_argument("--keep", type=pathlib.Path, help="a folder for the original models")
options = arguments.parse_args()
sys.path[:0] = [str(options.llama_cpp), str(options.llama_cpp / "gguf-py")]

import gguf  # noqa: E402
from conversion import ModelBase, get_model_class  # noqa: E402

FIXTURES = pathlib.Path(__file__).parent.parent / "Tests/CheckpointsTests/Fixtures/gguf"

SMALL = dict(
    hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    vocab_size=64, max_position_embeddings=128, rms_norm_eps=1e-5, rope_theta=10000.0, rope_scaling=None,
    bos_token_id=1, eos_token_id=2, pad_token_id=0, tie_word_embeddings=False)
TIED = dict(SMALL, tie_word_embeddings=True)
EXPERTS = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, decoder_sparse_step=1)
GEMMA = dict(TIED, head_dim=8, hidden_activation="gelu_pytorch_tanh", num_key_value_heads=1)
GEMMA2 = dict(GEMMA, query_pre_attn_scalar=8, sliding_window=8, attn_logit_softcapping=50.0, final_logit_softcapping=30.0)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32)
LATENT = dict(
    SMALL, num_key_value_heads=4, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=12,
    n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, first_k_dense_replace=1, moe_layer_freq=1)
DEEPSEEK_YARN = dict(YARN, beta_fast=32.0, beta_slow=1.0, mscale=0.707, mscale_all_dim=0.707)
LONGROPE = dict(
    type="longrope", short_factor=[1.0, 1.125, 1.25], long_factor=[1.5, 4.0, 16.0])
LLAMA3 = dict(
    rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)

CASES = {
    "llama": ("Llama", SMALL),
    "llama-biases-yarn": ("Llama", dict(
        TIED, attention_bias=True, mlp_bias=True, rope_scaling=dict(YARN, attention_factor=1.25, beta_fast=24.0))),
    "llama-scaled": ("Llama", dict(TIED, head_dim=16, rope_theta=500000.0, rope_scaling=LLAMA3)),
    "llama-scaled-otherwise": ("Llama", dict(TIED, head_dim=16, rope_scaling=dict(
        LLAMA3, factor=3.5, high_freq_factor=16.0, original_max_position_embeddings=4096))),
    "llama-linear": ("Llama", dict(SMALL, num_key_value_heads=4, rope_scaling=dict(rope_type="linear", factor=2.5))),
    "mistral": ("Mistral", dict(SMALL, head_dim=12, sliding_window=None)),
    "mixtral": ("Mixtral", dict(SMALL, num_local_experts=4, num_experts_per_tok=2, sliding_window=None)),
    "qwen2": ("Qwen2", dict(TIED, rope_scaling=YARN)),
    "qwen2moe": ("Qwen2Moe", dict(
        SMALL, **EXPERTS, norm_topk_prob=False, shared_expert_intermediate_size=24, mlp_only_layers=[])),
    "qwen3": ("Qwen3", dict(SMALL, head_dim=16, attention_bias=False)),
    "qwen3moe": ("Qwen3Moe", dict(SMALL, **EXPERTS, head_dim=16, norm_topk_prob=True, mlp_only_layers=[])),
    "phi3": ("Phi3", dict(SMALL, sliding_window=16, original_max_position_embeddings=128)),
    "phi3-long": ("Phi3", dict(
        TIED, num_key_value_heads=1, partial_rotary_factor=0.75, original_max_position_embeddings=32,
        rope_scaling=LONGROPE, sliding_window=None)),
    "gemma": ("Gemma", GEMMA),
    "gemma2": ("Gemma2", GEMMA2),
    "gemma3": ("Gemma3", dict(
        GEMMA, hidden_size=16, intermediate_size=24, num_attention_heads=2, num_hidden_layers=7, query_pre_attn_scalar=8,
        sliding_window=8, rope_theta=1000000.0, rope_local_base_freq=10000.0,
        rope_scaling=dict(rope_type="linear", factor=8.0))),
    "deepseek2-lite": ("DeepseekV2", dict(
        LATENT, q_lora_rank=None, n_shared_experts=2, n_group=1, topk_group=1, topk_method="greedy",
        norm_topk_prob=False, routed_scaling_factor=1.0, rope_scaling=DEEPSEEK_YARN)),
    "deepseek2": ("DeepseekV2", dict(
        LATENT, q_lora_rank=24, n_shared_experts=1, n_group=2, topk_group=1, topk_method="group_limited_greedy",
        norm_topk_prob=False, routed_scaling_factor=16.0)),
    "deepseek3": ("DeepseekV3", dict(
        LATENT, q_lora_rank=24, n_shared_experts=1, n_group=2, topk_group=1, scoring_func="sigmoid",
        norm_topk_prob=True, routed_scaling_factor=2.5, rope_scaling=dict(DEEPSEEK_YARN, mscale=1.0, mscale_all_dim=1.0))),
}
# Files as older converters wrote them, made from the case named.
OLD = {"mixtral-old": "mixtral", "deepseek2-old": "deepseek2-lite"}


def digest(values):
    result = 0xCBF29CE484222325
    for byte in values.astype("<f4").tobytes():
        result = (result ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{result:016x}"


def weights(name, shape):
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    values = np.random.default_rng(seed).integers(-64, 65, shape).astype(np.float32) / 256
    # Norms near 1, which Gemma stores less one.
    if name.endswith("norm.weight") and not options.is_gemma:
        values += 1
    return torch.from_numpy(values)


def make_model(case, folder):
    family, members = CASES[case]
    options.is_gemma = family.startswith("Gemma")
    config_name = "Gemma3TextConfig" if family == "Gemma3" else f"{family}Config"
    config = getattr(transformers, config_name)(**json.loads(json.dumps(members)), torch_dtype="float32")
    model = getattr(transformers, f"{family}ForCausalLM")(config)
    model.save_pretrained(folder)
    path = folder / "model.safetensors"
    tensors = {name: weights(name, tuple(tensor.shape)) for name, tensor in load_file(path).items()}
    save_file(tensors, path, {"format": "pt"})
    if family == "Phi3":  # llama.cpp looks for this among the rotary parameters.
        config = json.loads((folder / "config.json").read_text())
        config["rope_parameters"]["original_max_position_embeddings"] = members["original_max_position_embeddings"]
        (folder / "config.json").write_text(json.dumps(config))
    vocabulary = {f"t{index}": index for index in range(members["vocab_size"])}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}, "added_tokens": []}))
    return tensors


def set_vocab(self):
    """A vocabulary of the right size, in place of a real one."""
    size = self.hparams["vocab_size"]
    self.gguf_writer.add_tokenizer_model("gpt2")
    self.gguf_writer.add_tokenizer_pre("gpt-2")
    tokens = ["<pad>", "<s>", "</s>", "a", "b", "ab"] + [f"t{index}" for index in range(6, size)]
    self.gguf_writer.add_token_list(tokens)
    self.gguf_writer.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (size - 3))
    self.gguf_writer.add_token_merges(["a b"])
    self.gguf_writer.add_bos_token_id(1)
    self.gguf_writer.add_eos_token_id(2)
    self.gguf_writer.add_pad_token_id(0)


def convert(folder, target):
    hparams = ModelBase.load_hparams(folder, False)
    kind = get_model_class(hparams["architectures"][0])
    kind.set_vocab = set_vocab
    with torch.inference_mode():
        kind(folder, gguf.LlamaFileType.MOSTLY_F16, target, use_temp_file=False, eager=True).write()


def rewrite(source, target, change):
    """Copies a GGUF file, with other metadata and tensors where `change` says so."""
    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target, architecture)
    metadata = {name: field for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    tensors = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    replaced = change(tensors)
    for name, field in metadata.items():
        if name in replaced or name == "general.architecture":
            continue
        types = field.types
        writer.add_key_value(name, field.contents(), types[0], types[-1] if len(types) > 1 else None)
    for name, value in replaced.items():
        if value is not None:
            writer.add_uint32(name, value)
    for name, data in tensors.items():
        writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def old_mixtral(tensors):
    """One tensor for each expert, as before March 2024."""
    for name in [name for name in tensors if "_exps" in name]:
        for index, expert in enumerate(tensors.pop(name)):
            tensors[name.replace("_exps", f".{index}")] = expert
    return {}


def old_deepseek(tensors):
    """Keys and values of latent attention as one matrix, as before April 2025."""
    members = CASES["deepseek2-lite"][1]
    for name in [name for name in tensors if "attn_k_b" in name]:
        keys, values = tensors.pop(name), tensors.pop(name.replace("attn_k_b", "attn_v_b"))
        joined = np.concatenate([keys.transpose(0, 2, 1), values], axis=1)
        tensors[name.replace("attn_k_b", "attn_kv_b")] = np.ascontiguousarray(joined.reshape(-1, joined.shape[-1]))
    prefix = "deepseek2.attention."
    return {
        prefix + "head_count_kv": members["num_attention_heads"], prefix + "key_length_mla": None,
        prefix + "value_length_mla": None, prefix + "value_length": members["v_head_dim"],
        prefix + "key_length": members["qk_nope_head_dim"] + members["qk_rope_head_dim"]}


def logits(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    ids = torch.tensor([[(7 * index + 3) % 61 for index in range(60)]])
    with torch.inference_mode():
        return model.eval()(ids).logits


FIXTURES.mkdir(parents=True, exist_ok=True)
for case in list(CASES) + list(OLD):
    origin = OLD.get(case, case)
    temporary = pathlib.Path(tempfile.mkdtemp())
    folder = temporary / origin  # The file keeps this name.
    tensors = make_model(origin, folder)
    target = FIXTURES / f"{case}.gguf"
    if case == origin:
        convert(folder, target)
    else:
        rewrite(FIXTURES / f"{origin}.gguf", target, old_mixtral if origin == "mixtral" else old_deepseek)
    family, members = CASES[origin]
    expected = {
        "architectures": [f"{family}ForCausalLM"],
        "configuration": members,
        "tensors": {
            name: {"shape": list(tensor.shape), "digest": digest(tensor.numpy())}
            for name, tensor in sorted(tensors.items())
        },
    }
    (FIXTURES / f"{case}.json").write_text(json.dumps(expected, indent=1) + "\n")
    note = ""
    if options.check:
        converted = folder / "converted"
        subprocess.run(
            [options.check, "convert", target, "-o", converted, "--dtype", "float32", "--quiet"], check=True,
            stdout=subprocess.DEVNULL)
        difference = (logits(folder) - logits(converted)).abs().max().item()
        note = f"largest difference of logits {difference:g}"
        if difference != 0:
            note += " DIFFERS"
    print(case, target.stat().st_size, "bytes", note, flush=True)
    if options.keep:
        shutil.copytree(folder, options.keep / case, dirs_exist_ok=True)
    shutil.rmtree(temporary)
