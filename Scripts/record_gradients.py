"""Records gradients of the divergence from a teacher's logits, computed by torch, for tiny random models.

Run: python Scripts/record_gradients.py [CASE ...] (needs what record_architectures.py needs); rewrites
Tests/QuantizationTests/Fixtures/gradients/CASE.safetensors for cases of record_architectures.py, whose weights and prompt
follow from the rule stated there.

The teacher is the same case with weights of the seed + 1000. The loss is the mean over the prompt's tokens of
KL(softmax(teacher) || softmax(model)); everything is computed in float64.

    loss                    [1]
    NAME                    of a norm or bias: its gradient
    NAME.sample             of a matrix W[out, in]: every 37th element of its gradient, row-major
    NAME.scale              [in]: sum over outputs of W * gradient, the gradient of a factor of each column
    NAME.shift              [in]: sum over outputs of the gradient, that of a summand of each column
"""

import json
import logging
import pathlib
import sys
import warnings

import torch
import transformers
from safetensors.torch import save_file

import record_architectures as architectures

TARGET = pathlib.Path(__file__).parent.parent / "Tests/QuantizationTests/Fixtures/gradients"
CASES = ["llama-head-dim", "llama-biases", "mistral-window", "qwen2", "qwen3", "phi3", "gemma3"]
SAMPLE = 37


def record(name):
    folder = architectures.FIXTURES / name
    case = json.loads((folder / "case.json").read_text())
    configuration = json.loads((folder / "config.json").read_text())
    seed, prompt = case["seed"], case["prompt"]

    def model_of(seed):
        tensors = {
            t["name"]: architectures.values(seed, t["name"], t["shape"], t["scale"], t["offset"])
            for t in case["tensors"]
        }
        return architectures.load(configuration, tensors, torch.float64)

    model = model_of(seed)
    logits = model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0]
    with torch.no_grad():
        teacher = model_of(seed + 1000)(input_ids=torch.tensor([prompt]), use_cache=False).logits[0]
    expected = torch.log_softmax(teacher, -1)
    loss = (expected.exp() * (expected - torch.log_softmax(logits, -1))).sum(-1).mean()
    loss.backward()
    result = {"loss": loss.detach().reshape(1)}
    for key, parameter in model.named_parameters():
        if ".layers." not in key and not key.endswith(".norm.weight") or parameter.grad is None:
            continue
        gradient, weight = parameter.grad, parameter.detach()
        if gradient.dim() == 1:
            result[key] = gradient
        else:
            result[key + ".sample"] = gradient.flatten()[::SAMPLE]
            result[key + ".scale"] = (gradient * weight).sum(0)
            result[key + ".shift"] = gradient.sum(0)
    TARGET.mkdir(parents=True, exist_ok=True)
    save_file({key: value.float().contiguous() for key, value in result.items()}, TARGET / f"{name}.safetensors")
    print(f"{name}: loss {loss.item():.6f}, {len(result)} tensors", flush=True)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    for name in sys.argv[1:] or CASES:
        record(name)
