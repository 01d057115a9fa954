"""Shows that folders written by this package mean the same to the reference packages, logit for logit.

Run through Scripts/interop, which finds an interpreter with torch, transformers 4.48.3 and vptq 0.0.5.post1 and sets
VPTQ to the program and INTEROP_CURRENT to a folder with the newest transformers.

Tiny random Llama and Qwen2 models are quantized by `vptq quantize` and read by

* transformers 4.48.3 with its VPTQ integration (the last line of releases whose integration works),
* the loader of the package vptq itself (untied heads only: it leaves a tied head unallocated),
* for the dense form of `vptq convert --dequantize`: the newest transformers.

`vptq generate` continues a prompt greedily and reports the 20 largest log-probabilities at every step; the reference
scores the same ids in one pass in float32 on the CPU. Tolerances, on log-probabilities:

* EXACT 1e-4 for `--exact` and for dense float32: both sides hold the same stored numbers and sum in float32, in
  another order; the least step of a float16 or bfloat16 weight would move the logits by more.
* FAST 1e-1 for the default path, which on some processors keeps small codebooks as int8 and activations as 16-bit
  integers: an approximation that is bounded here (4.6e-2 measured on a model of 30 blocks), not an equality.
* DENSE 3e-2 for dense weights rounded to float16: half a unit in the last place of every weight, 2^-11 of its value.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import types

EXACT, FAST, DENSE = 1e-4, 1e-1, 3e-2
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
    elif loader == "transformers":
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32, device_map="cpu")
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


def reference(loader, folder, ids):
    if loader not in servers:
        environment = dict(os.environ)
        if loader == "current":
            environment["PYTHONPATH"] = os.environ["INTEROP_CURRENT"]
        servers[loader] = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, "--serve", loader], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
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


def write_model(folder, architecture, tied, dtype):
    """A random model that is lively enough for its logits to differ, with a tokenizer of one id per byte."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    torch.manual_seed(5)
    settings = dict(
        vocab_size=256, hidden_size=128, intermediate_size=208, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=tied, bos_token_id=None,
        eos_token_id=None, torch_dtype=dtype)
    if architecture == "llama":
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**settings))
    else:
        model = transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
            elif name.endswith("bias"):
                parameter.normal_(0, 0.2)
            else:
                parameter.normal_(0, 1.2 * parameter.shape[1] ** -0.5)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    order = {character: index for index, character in enumerate(sorted(alphabet))}
    tokenizer = Tokenizer(models.BPE(vocab=order, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))


def check_quantized(title, folder, work, has_package):
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


def main(folders):
    global failures
    text = pathlib.Path(__file__).parent.parent / "README.md"
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        for architecture, tied, dtype in [("llama", False, "bfloat16"), ("qwen2", True, "float16")]:
            model = work / architecture
            write_model(model, architecture, tied, dtype)
            for recipe, options in RECIPES.items():
                title = f"{architecture} {recipe}"
                output = work / "quantized"
                program(
                    "quantize", model, "-o", output, *options, "--calibration", text, "--samples", "4",
                    "--sequence-length", "128", "--force", "--quiet")
                print(title, flush=True)
                check_quantized(recipe, output, work, has_package=not tied)
                check_dense_forms(recipe, output, work)
            absorbed = work / "absorbed"
            program("quantize", model, "-o", output, *RECIPES["v4-k256-16"], "--calibration", text, "--samples", "4",
                    "--sequence-length", "128", "--force", "--quiet")
            program("convert", output, "-o", absorbed, "--absorb-permutation", "--force", "--quiet")
            print(f"{architecture} absorbed permutation", flush=True)
            check_quantized("absorbed permutation", absorbed, work, has_package=not tied)
            program("quantize", model, "-o", output, *WRONG, "--calibration", text, "--samples", "4",
                    "--sequence-length", "128", "--force", "--quiet")
            expect_status(output, "transformers", "wrong")
            worst = difference(output, "transformers", None, "--exact")
            failures += worst <= EXACT
            print(f"{architecture} more residual than main centroids\n  transformers is wrong by {worst:.1e}, as foretold")
        for given in map(pathlib.Path, folders):
            configuration = json.loads((given / "config.json").read_text())
            folder = given
            if "quantization_config" not in configuration:
                folder = work / "given"
                program("quantize", given, "-o", folder, "--samples", "8", "--force", "--quiet")
            print(given, flush=True)
            check_quantized(given.name, folder, work, has_package=not configuration.get("tie_word_embeddings", False))
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
    else:
        sys.exit(main(sys.argv[1:]))
