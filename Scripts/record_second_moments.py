"""Records Tests/QuantizationTests/Fixtures/second-moments: what Scripts/convert_second_moments.py makes of files as the
collectors write them.

Run: python3 Scripts/record_second_moments.py (PyPI torch, safetensors). Token t of input `key` has the value
((7 t + 13 c + 5 number(key)) mod 17) / 8 in column c: small fractions, so that sums are exact in float64.
"""

import pathlib
import subprocess
import sys
import tempfile

import torch

WIDTHS = {"qkv": 32, "o": 32, "up": 32, "down": 48}
TOKENS = 24
ROOT = pathlib.Path(__file__).resolve().parent.parent

with tempfile.TemporaryDirectory() as folder:
    for number, (key, width) in enumerate(WIDTHS.items()):
        t, c = torch.arange(TOKENS)[:, None], torch.arange(width)[None, :]
        x = ((7 * t + 13 * c + 5 * number) % 17).to(torch.float64) / 8
        mean = x.mean(dim=0)
        covariance = x.T @ x / TOKENS - torch.outer(mean, mean)
        lower = torch.tril_indices(width, width)
        torch.save(
            {
                "flatH": covariance[lower[0], lower[1]].to(torch.float32), "mu": mean.to(torch.float32), "n": width,
                "ct": TOKENS,
            },
            pathlib.Path(folder) / f"0_{key}.pt")
    fixture = ROOT / "Tests/QuantizationTests/Fixtures/second-moments"
    subprocess.run(
        [sys.executable, ROOT / "Scripts/convert_second_moments.py", folder, fixture], check=True)
