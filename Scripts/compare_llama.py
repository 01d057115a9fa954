"""Times `vptq bench` and `llama-bench` by turns; see Scripts/compare-llama, which builds llama.cpp and starts this.

Every round runs each model once, in an order that moves on from round to round, so that a slow spell of the machine meets all
of them. The table gives the median of the rounds and their spread (half of the range between the quartiles, in percent), and
the ratio to the fastest of llama.cpp's 2- and 3-bit files, round by round; TQ2_0 is not among these, since only models trained
for it survive it.
"""

import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

TYPES = os.environ.get("COMPARE_TYPES", "IQ2_XXS IQ2_XS IQ3_XXS Q2_K TQ2_0 Q4_0 Q4_K_M F16").split()
THREADS = [int(n) for n in os.environ.get("COMPARE_THREADS", "1 2").split()]
ROUNDS = int(os.environ.get("COMPARE_ROUNDS", "5"))
VPTQ = os.environ.get("VPTQ", ".build/release/vptq")
PROMPT, DECODE = int(os.environ.get("COMPARE_PROMPT", "512")), int(os.environ.get("COMPARE_DECODE", "128"))
# Tokens that the sequence has before the ones that are timed.
CONTEXT = int(os.environ.get("COMPARE_CONTEXT", "0"))
# llama.cpp refuses to make these without statistics of activations.
NEEDS_STATISTICS = {"IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ1_S", "IQ1_M", "Q2_K_S"}


def make_files(bin, folder, source):
    """llama.cpp's own files of the model."""
    folder.mkdir(parents=True, exist_ok=True)
    statistics_file = folder / (source.stem + ".imatrix")
    files = {}
    for type in TYPES:
        path = folder / f"{source.stem}-{type}.gguf"
        if not path.exists():
            print(f"llama.cpp makes {path.name}", file=sys.stderr, flush=True)
            options = []
            if type in NEEDS_STATISTICS:
                if not statistics_file.exists():
                    text = folder / "text.txt"
                    text.write_text("\n".join(p.read_text() for p in sorted(pathlib.Path(".").glob("**/*.md"))[:20]))
                    run([bin / "llama-imatrix", "-m", source, "-f", text, "-o", statistics_file, "-c", "512", "--chunks", "8"])
                options = ["--imatrix", statistics_file]
            run([bin / "llama-quantize", "--allow-requantize", *options, source, path, type])
        files[type] = path
    return files


def run(command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stderr[-2000:]}")
    return result.stdout


def llama(bin, path, threads):
    out = run([bin / "llama-bench", "-m", path, "-p", PROMPT, "-n", DECODE, "-d", CONTEXT, "-t", threads, "-r", 1, "-o", "json"])
    return {"prompt" if row["n_prompt"] else "decode": row["avg_ts"] for row in json.loads(out)}


def ours(path, threads):
    out = run([
        VPTQ, "bench", path, "--prompt-tokens", PROMPT, "--generated-tokens", DECODE, "--context", CONTEXT,
        "--threads", threads, "--repetitions", 1, "--json"])
    return {row["test"]: row["mean_tokens_per_second"] for row in json.loads(out)["results"]}


def spread(values):
    if len(values) < 4:
        return (max(values) - min(values)) / 2 / statistics.median(values) * 100
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / statistics.median(values) * 100


def bits(path, weights):
    size = sum(f.stat().st_size for f in path.glob("*.safetensors")) if path.is_dir() else path.stat().st_size
    return size * 8 / weights


def saved(rows, results, threads):
    """What was measured, in the form of `vptq bench --json`, with the medians of the rounds."""
    documents = []
    for name, path, _ in rows:
        size = sum(f.stat().st_size for f in path.glob("*.safetensors")) if path.is_dir() else path.stat().st_size
        documents.append({
            "model": name, "path": str(path.absolute()), "model_bytes": size, "threads": threads,
            "results": [
                {"test": test, "batch": 1, "context": CONTEXT, "tokens": PROMPT if test == "prompt" else DECODE,
                 "mean_tokens_per_second": statistics.median(values),
                 "stddev": statistics.stdev(values) if len(values) > 1 else 0, "repetitions": len(values)}
                for test, values in results[name].items()]})
    return documents


def main():
    bin, folder, source = (pathlib.Path(part).absolute() for part in sys.argv[1:4])
    models = [pathlib.Path(part) for part in sys.argv[4:]]
    files = make_files(bin, folder, source)
    rows = [(f"llama.cpp {type}", path, llama) for type, path in files.items()]
    rows += [(f"vptq {path.name}", path, ours) for path in models]
    weights = json.loads(run([VPTQ, "inspect", models[0], "--json"]))["parameters"]
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    print(f"{cpu}, {os.cpu_count()} threads; prompt {PROMPT}, decode {DECODE}, after {CONTEXT} tokens; {ROUNDS} rounds by turns; tokens per second\n")
    documents = []
    for threads in THREADS:
        results = {name: {"prompt": [], "decode": []} for name, _, _ in rows}
        for number in range(ROUNDS):
            order = rows[number % len(rows):] + rows[:number % len(rows)]
            print(f"{threads} threads, round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
            for name, path, bench in order:
                values = bench(bin, path, threads) if bench is llama else bench(path, threads)
                for test, value in values.items():
                    results[name][test].append(value)
        small = [f"llama.cpp {type}" for type in TYPES if type.lstrip("I").startswith(("Q1", "Q2", "Q3"))]
        best = {
            test: max(small or list(results)[:1], key=lambda name: statistics.median(results[name][test]))
            for test in ("decode", "prompt")}
        print(f"| {threads} thread{'s' if threads > 1 else ''} | file bits/weight | decode | ± % | over {best['decode'].split()[-1]} | "
              f"prompt | ± % | over {best['prompt'].split()[-1]} |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for name, path, _ in rows:
            cells = [name, f"{bits(path, weights):.2f}"]
            for test in ("decode", "prompt"):
                values = results[name][test]
                ratio = statistics.median(a / b for a, b in zip(values, results[best[test]][test]))
                cells += [f"{statistics.median(values):.1f}", f"{spread(values):.1f}", f"{ratio:.2f}"]
            print("| " + " | ".join(cells) + " |")
        print(flush=True)
        documents += saved(rows, results, threads)
    if path := os.environ.get("COMPARE_SAVE"):
        part = pathlib.Path(path + ".part")
        part.write_text(json.dumps(documents, indent=2) + "\n")
        part.rename(path)


main()
