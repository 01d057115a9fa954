"""Shows that folders written by this package mean the same to the reference packages, logit for logit.

Run through Scripts/interop, which finds an interpreter with torch, transformers 4.48.3 and vptq 0.0.5.post1 and sets
VPTQ to the program, and INTEROP_LATER and INTEROP_CURRENT to folders with transformers 4.57.6 and the newest release.

Tiny random models are quantized by `vptq quantize`, Llama and Qwen2 in many ways, every other family in one, and read by

* transformers with its VPTQ integration: 4.48.3, and 4.57.6 for families that came later (5 has a broken one),
* the loader of the package vptq itself (untied heads only: it leaves a tied head unallocated),
* for the dense form of `vptq convert --dequantize`: the newest transformers.

`vptq generate` continues a prompt greedily and reports the 20 largest log-probabilities at every step; the reference
scores the same ids in one pass in float32 on the CPU. Tolerances, on log-probabilities:

* EXACT 1e-4 for `--exact` and for dense float32: both sides hold the same stored numbers and sum in float32, in
  another order; the least step of a float16 or bfloat16 weight would move the logits by more.
* FAST 6e-1 for the default path, which on some processors keeps small codebooks and activations as 8-bit
  integers: an approximation that is bounded here (3.7e-1 measured on a model of 30 blocks, the largest of 240
  log-probabilities, most of them of unlikely tokens), not an equality.
* DENSE 3e-2 for dense weights rounded to float16: half a unit in the last place of every weight, 2^-11 of its value.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import types

EXACT, FAST, DENSE = 1e-4, 6e-1, 3e-2
STEPS, TOP = 12, 20
PROMPT = [72, 101, 108, 108, 111, 44, 32, 119, 111, 114, 108, 100, 46, 32, 84, 104, 101, 32, 99, 97, 116]

RECIPES = {
    "v4-k256-16": ["--preset", "v4-k256-16"],
    "v8-k256-256": ["--preset", "v8-k256-256"],
    "raw with residual": ["--vector-length", "6", "--centroids", "128", "--residual-centroids", "32"],
    "outliers": [
        "--vector-length", "8", "--centroids", "256", "--outlier-percent", "6", "--outlier-vector-length", "4",
        "--outlier-centroids", "64"],
    "groups": ["--vector-length", "8", "--centroids", "64", "--residual-centroids", "16", "--groups", "4"],
    "outliers, groups, residual, padding": [
        "--vector-length", "12", "--centroids", "64", "--residual-centroids", "8", "--groups", "2",
        "--outlier-percent", "6.25", "--outlier-vector-length", "5", "--outlier-centroids", "16"],
}


# Other families, quantized with the default preset: the release of transformers that runs them, and their settings.
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 96, "norm_topk_prob": True}
LATENT = {
    "num_key_value_heads": 4, "q_lora_rank": 96, "kv_lora_rank": 96, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16,
    "v_head_dim": 32, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 2,
    "topk_group": 1, "moe_intermediate_size": 96, "first_k_dense_replace": 1,
}
FAMILIES = {
    "mistral": ("transformers", {"sliding_window": 8}),
    "mixtral": ("transformers", {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "qwen2_moe": ("transformers", {**EXPERTS, "shared_expert_intermediate_size": 160}),
    "phi3": ("transformers", {"sliding_window": 8}),
    "gemma": ("transformers", {"head_dim": 32, "hidden_activation": "gelu_pytorch_tanh"}),
    "gemma2": ("transformers", {"head_dim": 32, "sliding_window": 8, "query_pre_attn_scalar": 32}),
    "qwen3": ("later", {"head_dim": 32}),
    "qwen3_moe": ("later", {**EXPERTS, "head_dim": 32}),
    "gemma3_text": ("later", {"head_dim": 32, "sliding_window": 8, "query_pre_attn_scalar": 32}),
    "deepseek_v2": ("later", {**LATENT, "topk_method": "group_limited_greedy"}),
    "deepseek_v3": ("later", LATENT),
}

# The reference reads residual codes with the width of main codes.
WRONG = ["--vector-length", "8", "--centroids", "16", "--residual-centroids", "64"]


def program(*arguments):
    result = subprocess.run([os.environ["VPTQ"], *arguments], capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"vptq {' '.join(map(str, arguments))} failed:\n{result.stderr}")
    return result.stdout


def continuation(folder, *options):
    """The ids that greedy decoding appends, and the largest log-probabilities before each of them."""
    ids = ",".join(map(str, PROMPT))
    output = json.loads(
        program(
            "generate", folder, "--prompt-ids", ids, "--max-tokens", str(STEPS), "--temperature", "0", "--json",
            "--logprobs", str(TOP), *options))
    return output["token_ids"], [{entry["id"]: entry["logprob"] for entry in step["top"]} for step in output["logprobs"]]


# --- the reference side: `interop.py --serve LOADER`, a process of its own for each version of transformers ---------


def score(loader, folder, ids):
    """The log-probabilities of every id after the prompt and after each further id but the last: a row per step."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if loader == "package":
        import vptq

        model = vptq.AutoModelForCausalLM.from_pretrained(str(folder), device_map="auto", dtype=torch.float32)
    elif loader in NAMES:
        # By default 4.48.3 computes Gemma 2 without the soft cap of its attention scores.
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, torch_dtype=torch.float32, device_map="cpu", attn_implementation="eager")
    else:
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        logits = model.eval()(input_ids=torch.tensor([ids])).logits[0]
    return logits[len(PROMPT) - 1:-1].float().log_softmax(-1).tolist()


def serve(loader):
    """Answers lines of [folder, ids] with lines of rows or of an error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # The packages greet on standard output.
    for line in sys.stdin:
        try:
            answer = score(loader, *json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


servers = {}
NAMES = {"transformers": "transformers 4.48.3", "later": "transformers 4.57.6"}


def environment(loader):
    """The other releases of transformers lie in folders of their own, ahead of the interpreter's."""
    folder = {"current": "INTEROP_CURRENT", "later": "INTEROP_LATER"}.get(loader)
    return {**os.environ, "PYTHONPATH": os.environ[folder]} if folder else dict(os.environ)


def reference(loader, folder, ids):
    if loader not in servers:
        servers[loader] = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, "--serve", loader], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment(loader))
    server = servers[loader]
    print(json.dumps([str(folder), ids]), file=server.stdin, flush=True)
    answer = json.loads(server.stdout.readline() or '{"error": "the process ended"}')
    if isinstance(answer, dict):
        raise SystemExit(f"{loader} cannot run {folder}: {answer['error']}")
    return answer


failures = 0


def difference(folder, loader, reference_folder=None, *options):
    """The largest difference of log-probabilities of `folder` here and of `reference_folder` (or the same) there."""
    ids, steps = continuation(folder, *options)
    rows = reference(loader, reference_folder or folder, PROMPT + ids)
    return max(abs(value - row[index]) for step, row in zip(steps, rows) for index, value in step.items())


def compare(title, folder, loader, tolerance, reference_folder=None, *options):
    global failures
    worst = difference(folder, loader, reference_folder, *options)
    failures += worst > tolerance
    verdict = "equal" if worst <= tolerance else "DIFFERENT"
    print(f"  {title}: {worst:.1e} (at most {tolerance:.0e}) {verdict}", flush=True)


def expect_status(folder, loader, status):
    """`vptq inspect --compatibility` must foretell what the reference does."""
    global failures
    prefix = {"transformers": "transformers 4", "package": "vptq 0.0.5.post1 on"}[loader]
    report = json.loads(program("inspect", folder, "--compatibility", "--json"))["compatibility"]
    foretold = [entry["status"] for entry in report if entry["runtime"].startswith(prefix) and "CPU" in entry["runtime"]]
    if foretold != [status]:
        failures += 1
        print(f"  inspect --compatibility says {foretold} of {loader}, which is {status}: DIFFERENT")


# --- the models -----------------------------------------------------------------------------------------------------


def write_model(folder, family, dtype, settings):
    """A random model that is lively enough for its logits to differ, with a tokenizer of one id per byte."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    torch.manual_seed(5)
    common = dict(
        vocab_size=256, hidden_size=128, intermediate_size=208, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, bos_token_id=None, eos_token_id=None, pad_token_id=0,
        torch_dtype=dtype)
    configuration = transformers.AutoConfig.for_model(family, **{**common, **settings})
    model = transformers.AutoModelForCausalLM.from_config(configuration)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.copy_((0 if family.startswith("gemma") else 1) + 0.2 * torch.randn_like(parameter))
            elif name.endswith("bias"):
                parameter.normal_(0, 0.2)
            elif "embed_tokens" in name and family.startswith("gemma"):
                parameter.normal_(0, parameter.shape[1] ** -0.5)
            else:
                parameter.normal_(0, 1.2 * parameter.shape[1] ** -0.5)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    order = {character: index for index, character in enumerate(sorted(alphabet))}
    tokenizer = Tokenizer(models.BPE(vocab=order, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(pathlib.Path(folder) / "tokenizer.json"))


def written(work, family, loader, dtype, settings):
    """The folder of a new model, written by the release of transformers that `loader` stands for."""
    folder = work / family
    command = [sys.executable, "-W", "ignore", __file__, "--write", str(folder), family, dtype, json.dumps(settings)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(loader))
    if result.returncode:
        raise SystemExit(f"{family} cannot be written:\n{result.stderr[-2000:]}")
    return folder


def quantized(model, output, options):
    text = pathlib.Path(__file__).parent.parent / "README.md"
    program(
        "quantize", model, "-o", output, *options, "--calibration", text, "--samples", "4", "--sequence-length", "128",
        "--force", "--quiet")
    return output


def check_quantized(title, folder, has_package):
    expect_status(folder, "transformers", "runs")
    expect_status(folder, "package", "runs" if has_package else "fails")
    compare(f"{title}, transformers, --exact", folder, "transformers", EXACT, None, "--exact")
    compare(f"{title}, transformers", folder, "transformers", FAST)
    if has_package:
        compare(f"{title}, package vptq, --exact", folder, "package", EXACT, None, "--exact")


def check_dense_forms(title, folder, work):
    dense = work / "dense32"
    program("convert", folder, "-o", dense, "--dequantize", "--dtype", "float32", "--force", "--quiet")
    compare(f"{title}, dense float32, newest transformers", folder, "current", EXACT, dense, "--exact")
    half = work / "dense16"
    program("convert", folder, "-o", half, "--dequantize", "--force", "--quiet")
    compare(f"{title}, dense float16, newest transformers", folder, "current", DENSE, half, "--exact")
    compare(f"{title}, dense float16 on both sides", half, "current", EXACT)


def check_recipes(work, family, dtype, tied):
    model = written(work, family, "transformers", dtype, {"tie_word_embeddings": tied})
    output = work / "quantized"
    for recipe, options in RECIPES.items():
        print(f"{family} {recipe}", flush=True)
        quantized(model, output, options)
        check_quantized(recipe, output, has_package=not tied)
        check_dense_forms(recipe, output, work)
    print(f"{family} absorbed permutation", flush=True)
    absorbed = work / "absorbed"
    quantized(model, output, RECIPES["v4-k256-16"])
    program("convert", output, "-o", absorbed, "--absorb-permutation", "--force", "--quiet")
    check_quantized("absorbed permutation", absorbed, has_package=not tied)


def check_wrong(work):
    """What `inspect --compatibility` calls wrong is wrong."""
    global failures
    output = quantized(work / "llama", work / "quantized", WRONG)
    expect_status(output, "transformers", "wrong")
    worst = difference(output, "transformers", None, "--exact")
    failures += worst <= EXACT
    print(f"llama more residual than main centroids\n  transformers is wrong by {worst:.1e}, as foretold", flush=True)


def main(folders):
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        check_recipes(work, "llama", "bfloat16", tied=False)
        check_recipes(work, "qwen2", "float16", tied=True)
        check_wrong(work)
        for family, (loader, settings) in FAMILIES.items():
            print(f"{family} v4-k256-16", flush=True)
            output = quantized(
                written(work, family, loader, "bfloat16", settings), work / "quantized", RECIPES["v4-k256-16"])
            expect_status(output, "transformers", "runs")
            compare(f"v4-k256-16, {NAMES[loader]}, --exact", output, loader, EXACT, None, "--exact")
            check_dense_forms("v4-k256-16", output, work)
        for given in map(pathlib.Path, folders):
            configuration = json.loads((given / "config.json").read_text())
            folder = given
            if "quantization_config" not in configuration:
                folder = work / "given"
                program("quantize", given, "-o", folder, "--samples", "8", "--force", "--quiet")
            print(given, flush=True)
            check_quantized(given.name, folder, has_package=not configuration.get("tie_word_embeddings", False))
            check_dense_forms(given.name, folder, work)
    print("all equal" if not failures else f"{failures} comparisons differ")
    return 1 if failures else 0


if __name__ == "__main__":
    # The package imports an encoder class that nothing here uses.
    stub = types.ModuleType("sentence_transformers.SentenceTransformer")
    stub.SentenceTransformer = type("SentenceTransformer", (), {})
    sys.modules.setdefault("sentence_transformers", types.ModuleType("sentence_transformers"))
    sys.modules.setdefault("sentence_transformers.SentenceTransformer", stub)
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    elif sys.argv[1:2] == ["--write"]:
        write_model(*sys.argv[2:5], json.loads(sys.argv[5]))
    else:
        sys.exit(main(sys.argv[1:]))
