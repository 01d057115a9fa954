#!/usr/bin/env python3
"""Records divergences, losses and agreements of two sets of logits with torch: Tests/EvaluationTests/Fixtures/divergence.

Usage: record_divergence.py. Needs PyPI torch and numpy.
"""
import json
import os

import numpy as np
import torch

random = np.random.default_rng(11)
ROWS, WIDTH = 24, 96
scale = random.uniform(0.5, 6, (ROWS, 1))
reference = (random.standard_normal((ROWS, WIDTH)) * scale).astype(np.float32)
model = (reference + random.standard_normal((ROWS, WIDTH)) * random.uniform(0.05, 2, (ROWS, 1))).astype(np.float32)
ids = [int(i) for i in random.integers(0, WIDTH, ROWS + 1)]

p = torch.log_softmax(torch.tensor(reference).double(), -1)
q = torch.log_softmax(torch.tensor(model).double(), -1)
targets = torch.tensor(ids[1:])
divergence = torch.nn.functional.kl_div(q, p, log_target=True, reduction="none").sum(-1)
loss = -q.gather(1, targets[:, None])[:, 0]
reference_loss = -p.gather(1, targets[:, None])[:, 0]
agree = reference.argmax(-1) == model.argmax(-1)
error = torch.exp(-loss) - torch.exp(-reference_loss)
path = os.path.join(os.path.dirname(__file__), "..", "Tests", "EvaluationTests", "Fixtures", "divergence", "rows.json")
with open(path, "w") as file:
    json.dump({
        "ids": ids, "reference": reference.tolist(), "model": model.tolist(), "divergences": divergence.tolist(),
        "losses": loss.tolist(), "reference_losses": reference_loss.tolist(), "mean": divergence.mean().item(),
        "stderr": (divergence.std() / ROWS**0.5).item(), "top1_agreement": float(agree.mean()),
        "perplexity": float(torch.exp(loss.mean())), "reference_perplexity": float(torch.exp(reference_loss.mean())),
        "probability_rms_error": float((error**2).mean() ** 0.5),
        # The least value with at least that share of the rows at or below it.
        "p90": float(np.quantile(divergence.numpy(), 0.9, method="inverted_cdf")),
        "median": float(np.quantile(divergence.numpy(), 0.5, method="inverted_cdf")),
        "p99": float(np.quantile(divergence.numpy(), 0.99, method="inverted_cdf")), "max": divergence.max().item(),
    }, file)
