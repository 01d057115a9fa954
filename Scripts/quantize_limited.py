"""Shows that `vptq quantize` works within a control group that is smaller than the model, to the same bytes.

Run: python3 Scripts/quantize_limited.py [VPTQ] [--hidden 2048 --intermediate 5632 --heads 32 --kv-heads 4 --blocks 32]
[--windows 2] [--limit MB] [--small MB] [--guidance 0.5] [--every REGEX] [--folder DIR] (Linux, as root or where a control group for memory can be
made; PyPI numpy; default: the release build; 9 GB of disk). Writes a model of random weights, by default with the layers of TinyLlama, and quantizes it
with the fewest rounds of every step: the keys of every block (or what --every names) and the largest matrix of the first block and of
the last. So all blocks are streamed, for the gradients that weigh tokens and for statistics, with 2 MB for activations. It is done without a limit
and in a group with the memory that `--dry-run` states (or --limit). With --small it is done once more in a group with less, and where that is
killed, in the first group by the same command, which goes on with what is finished. Prints memory, what was read, and time of each
run; fails if the first group is killed, if more is made than was stated, or if any byte of the folders differs.
"""

import argparse
import filecmp
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import control_group
from make_synthetic_model import write_model
from quantize_memory import CHEAP, ROOT

LENGTH = 256


def differing(one, other):
    """Names of files that are not the same in both folders."""
    names = sorted({path.name for folder in [one, other] for path in folder.iterdir()})
    return filecmp.cmpfiles(one, other, names, shallow=False)[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vptq", nargs="?", default=str(ROOT / ".build/release/vptq"))
    shape = {"hidden": 2048, "intermediate": 5632, "heads": 32, "kv-heads": 4, "blocks": 32}
    for option, value in shape.items():
        parser.add_argument(f"--{option}", type=int, default=value)
    parser.add_argument("--windows", type=int, default=2)
    parser.add_argument("--limit", type=int, help="megabytes of the group")
    parser.add_argument("--small", type=int, help="megabytes of a group that is too small")
    parser.add_argument("--guidance", default="0.5")
    parser.add_argument("--every", default="k_proj")
    parser.add_argument("--folder", type=pathlib.Path, help="where the models are written, and removed afterwards")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = pathlib.Path(temporary)
        model, text = folder / "model", folder / "text.txt"
        write_model(model, **{name.replace("-", "_"): getattr(arguments, name.replace("-", "_")) for name in shape})
        size = sum(path.stat().st_size for path in model.glob("*.safetensors"))
        text.write_text("".join(f"Cat {n} sat on mat {n * 7 % 31} and the dog on log {n * 5 % 17}.\n" for n in range(4000)))
        kept = rf"layers\.(0|{arguments.blocks - 1})\.mlp\.down_proj|{arguments.every}"
        options = [
            "--calibration", text, "--samples", arguments.windows, "--sequence-length", LENGTH, "--preset", "v4-k64", "--guidance",
            arguments.guidance, "--skip", rf"^(?!.*({kept}))", "--activation-memory", "2MB",
            *(part for setting in CHEAP for part in ("--set", setting))]

        def command(output, *more):
            return [arguments.vptq, "quantize", model, "-o", folder / output, *options, *more]

        plan = json.loads(subprocess.run(
            list(map(str, command("whole", "--dry-run", "--json"))), check=True, capture_output=True).stdout)
        stated = plan["estimate"]["peak_memory_bytes"]
        limit = arguments.limit * 1_000_000 if arguments.limit else stated
        print(
            f"{arguments.hidden} x {arguments.intermediate}, {arguments.blocks} blocks, {size / 1e6:.0f} MB, {len(plan['layers'])} matrices;"
            f" stated: {stated / 1e6:.0f} MB", flush=True)

        def run(name, output, bytes):
            control_group.empty_cache(model)
            done = control_group.run(command(output, "--quiet"), bytes)
            if done.code not in (0, *control_group.KILLED):
                raise SystemExit(f"{name} ended with {done.code}: {done.errors}")
            print(
                f"{name}: {'killed' if done.code else 'done'} after {done.seconds:.0f} s; {done.anonymous / 1e6:.0f} MB of its own at most, "
                f"{done.peak / 1e6:.0f} MB with pages of files; {done.usage.ru_inblock * 512 / size:.1f} times the model read, "
                f"{done.usage.ru_majflt} major faults", flush=True)
            return done

        def compare(output):
            different = [name for names in differing(folder / "whole", folder / output) for name in names]
            print(f"  other bytes: {', '.join(different)}" if different else "  all files have the same bytes", flush=True)
            shutil.rmtree(folder / output)
            return bool(different)

        whole = run("no limit", "whole", None)
        group = f"a group of {limit / 1e6:.0f} MB"
        limited = run(group, "limited", limit)
        failed = limited.code != 0 or max(whole.anonymous, limited.anonymous) > stated or compare("limited")
        if arguments.small and not failed:
            small = run(f"a group of {arguments.small} MB", "small", arguments.small * 1_000_000)
            failed = small.code != 0 and run(f"again, in {group}", "small", limit).code != 0 or compare("small")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
