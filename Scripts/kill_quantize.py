"""Kills `vptq quantize` and `vptq tune` at random moments, runs the same command again, and compares the bytes.

Run: python3 Scripts/kill_quantize.py [VPTQ] [--kills 20] [--seed 0] [--case TEXT] (PyPI numpy; default: the release build). For each case a
command runs undisturbed first. Then it is started again and again into new folders, each time killed (SIGKILL) at a moment
drawn evenly from the time it took, up to three times in a row, and then left to end. Asserted after every kill: a file
under its final name has the bytes of the undisturbed run, and config.json is there only with all others. Asserted at the
end: all folders hold the same files with the same bytes, the job folder is empty or gone. In
the cases of assembly the moments are drawn from the time behind the last block, or the last step.
"""

import argparse
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from make_synthetic_model import write_model

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = {"hidden": 64, "intermediate": 96, "heads": 4, "kv_heads": 2, "blocks": 6, "vocabulary": 20000}
QUANTIZE = ["--preset", "v4-k16-4", "--samples", "4", "--sequence-length", "32"]
TUNE = ["--steps", "60", "--tokens", "32", "--samples", "4", "--sequence-length", "64"]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


class Case:
    """A command whose last argument is the folder it writes, and the job folder beside it."""

    def __init__(self, name, command, job, last=None, folders=()):
        self.name, self.command, self.job, self.last, self.folders = name, command, job, last, folders

    def arguments(self, output):
        extra = [part for option, suffix in self.folders for part in (option, f"{output}{suffix}")]
        return [*self.command, *extra, "-o", str(output)]

    def written(self, output):
        """The contents of every folder that the command writes, by suffix."""
        return {suffix: contents(pathlib.Path(f"{output}{suffix}")) for suffix in ["", *(s for _, s in self.folders)]}

    def start(self, output):
        return subprocess.Popen(self.arguments(output), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def wait_for_assembly(self, output, process):
        while process.poll() is None and not self.last(pathlib.Path(f"{output}{self.job}"), output):
            time.sleep(0.0005)

    def is_finished(self, output):
        """With an empty job folder or none, a complete output is a finished run, which the command would not replace."""
        return (output / "config.json").exists() and not contents(pathlib.Path(f"{output}{self.job}"))

    def end(self, output):
        process = self.start(output)
        errors = process.communicate()[1]
        assert process.returncode == 0, f"{self.name}: {process.returncode}: {errors}"

    def run(self, folder, kills, rng):
        whole = folder / "whole"
        start = time.monotonic()
        process = self.start(whole)
        if self.last:
            self.wait_for_assembly(whole, process)
            start = time.monotonic()
        errors = process.communicate()[1]
        duration = time.monotonic() - start
        assert process.returncode == 0, f"{self.name}: {errors}"
        expected = self.written(whole)
        killed = rounds = early = 0
        while killed < kills:
            output = folder / f"out-{rounds}"
            rounds += 1
            for _ in range(rng.randint(1, 3)):
                if self.is_finished(output):
                    break
                process = self.start(output)
                if self.last:
                    self.wait_for_assembly(output, process)
                time.sleep(rng.uniform(0, duration))
                process.send_signal(signal.SIGKILL)
                errors = process.communicate()[1]
                if process.returncode == 0:
                    early += 1
                    break
                assert process.returncode == -signal.SIGKILL, f"{self.name}: {process.returncode}: {errors}"
                killed += 1
                for suffix, files in self.written(output).items():
                    final = {name: data for name, data in files.items() if not name.endswith(".partial")}
                    for name, data in final.items():
                        assert data == expected[suffix].get(name), f"{self.name}: {output}{suffix}/{name} is torn"
                    if "config.json" in final:
                        assert final.keys() == expected[suffix].keys(), f"{self.name}: config.json came too early"
            if not self.is_finished(output):
                self.end(output)
            assert self.written(output) == expected, f"{self.name}: {output} differs from {whole}"
            assert not contents(pathlib.Path(f"{output}{self.job}")), f"{self.name}: {output}{self.job} is left"
            for suffix in ["", self.job, *(s for _, s in self.folders)]:
                shutil.rmtree(f"{output}{suffix}", ignore_errors=True)
        print(f"{self.name}: {killed} kills in {rounds} rounds ({early} came too late), all bytes as in one run", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vptq", nargs="?", default=str(ROOT / ".build/release/vptq"))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", default="", help="only the cases whose names hold this")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        model, quantized = folder / "model", folder / "quantized"
        write_model(model, **MODEL)
        quantize = [arguments.vptq, "quantize", str(model), *QUANTIZE, "--resume", "--quiet"]
        subprocess.run([*quantize, "-o", str(quantized)], check=True, stdout=subprocess.DEVNULL)
        tune = [arguments.vptq, "tune", str(quantized), "--reference", str(model), *TUNE, "--quiet"]
        last_block = f"block-{MODEL['blocks'] - 1:05}.safetensors"
        moments = [("--save-second-moments", ".moments")]

        def assembling(job, output):
            return (job / last_block).exists()

        def writing(job, output):
            return output.exists()

        cases = [
            Case(f"quantize, {threads} thread(s)", [*quantize, "--threads", str(threads)], ".job") for threads in (1, 2)
        ]
        cases += [
            Case("quantize, saving second moments", quantize, ".job", folders=moments),
            Case("quantize, assembly", quantize, ".job", last=assembling),
            Case("tune", tune, ".tuning"),
            Case("tune by blocks", [*tune, "--mode", "block", "--steps", "12"], ".tuning"),
            Case("tune, assembly", tune, ".tuning", last=writing),
        ]
        for number, case in enumerate(case for case in cases if arguments.case in case.name):
            case.run(folder / str(number), arguments.kills, rng)


if __name__ == "__main__":
    sys.exit(main())
