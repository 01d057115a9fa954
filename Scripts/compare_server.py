"""Times `vptq serve` and llama.cpp's `llama-server` by turns; see Scripts/compare-server, which builds the latter and starts this.

Every round starts each server anew, warms it with one request, and sends greedy streaming completions from as many clients at
once as there are streams: each client asks PER_CLIENT times, for DECODE tokens after a prompt of some 120 tokens that no other request
begins like. The table gives medians over the requests of all rounds (time to the first token) and over the rounds (tokens per second of
all streams together, from the first request to the last answer), their spread, and the ratio of the two servers, round by round.
"""

import http.client
import json
import os
import pathlib
import platform
import socket
import statistics
import subprocess
import sys
import threading
import time

STREAMS = [int(n) for n in os.environ.get("COMPARE_STREAMS", "1 4 16").split()]
THREADS = [int(n) for n in os.environ.get("COMPARE_THREADS", "2").split()]
ROUNDS = int(os.environ.get("COMPARE_ROUNDS", "3"))
VPTQ = os.environ.get("VPTQ", ".build/release/vptq")
DECODE, PER_CLIENT = 64, 3
WORDS = (
    "river stone lamp market winter garden letter bridge window captain silver forest harbour story morning paper engine "
    "village music shadow table journey island mirror bread clock doctor horse teacher ocean road candle").split()


def prompt(number):
    """Plain words in an order of their own, with a beginning of their own."""
    words = [WORDS[(number * 7 + step * (number % 5 + 3)) % len(WORDS)] for step in range(90)]
    return f"{number} notes about {words[0]}: " + " ".join(words) + ". Once upon a time"


def request(port, number, results):
    body = {
        "model": "timed", "prompt": prompt(number), "max_tokens": DECODE, "temperature": 0, "stream": True,
        "stream_options": {"include_usage": True}}
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"{answer.status}: {answer.read()[:500]}")
    first, tokens = None, None
    for line in answer:
        if not line.startswith(b"data: ") or line.strip() == b"data: [DONE]":
            continue
        event = json.loads(line[6:])
        if first is None and any(choice.get("text") for choice in event.get("choices", [])):
            first = time.perf_counter() - start
        if event.get("usage"):
            tokens = event["usage"]["completion_tokens"]
    connection.close()
    if first is None or not tokens:
        sys.exit("an answer without text or without usage")
    results.append((first, tokens))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, port):
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return process
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit("the server does not answer")


def measure(command, streams, number):
    port = free_port()
    process = start([part.replace("PORT", str(port)) if isinstance(part, str) else part for part in command], port)
    try:
        request(port, 100_000 + number, [])
        results = []

        def client(index):
            for turn in range(PER_CLIENT):
                request(port, number + index * PER_CLIENT + turn, results)

        clients = [threading.Thread(target=client, args=(index,)) for index in range(streams)]
        begin = time.perf_counter()
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        seconds = time.perf_counter() - begin
        if len(results) != streams * PER_CLIENT:
            sys.exit("not every request was answered")
        return [first for first, _ in results], sum(tokens for _, tokens in results) / seconds
    finally:
        process.terminate()
        process.wait()


def spread(values):
    return (max(values) - min(values)) / 2 / statistics.median(values) * 100


def main():
    llama, gguf, model = sys.argv[1:4]
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    print(f"{cpu}, {os.cpu_count()} threads; {DECODE} tokens after some 120; {ROUNDS} rounds by turns\n")
    print("| threads | streams | server | first token, ms | over llama.cpp | tokens/s | ± % | over llama.cpp |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for threads in THREADS:
        for streams in STREAMS:
            slots = max(STREAMS)
            commands = {
                f"llama.cpp {pathlib.Path(gguf).stem.split('-')[-1]}": [
                    llama, "-m", gguf, "--host", "127.0.0.1", "--port", "PORT", "-t", str(threads), "-tb", str(threads), "-np", str(slots),
                    "-c", str(slots * 512)],
                f"vptq {pathlib.Path(model).name}": [
                    VPTQ, "serve", f"timed={model}", "--port", "PORT", "--threads", str(threads), "--parallel", str(slots)],
            }
            firsts = {name: [] for name in commands}
            rates = {name: [] for name in commands}
            for number in range(ROUNDS):
                order = list(commands)[number % 2:] + list(commands)[:number % 2]
                for name in order:
                    print(f"{threads} threads, {streams} streams, round {number + 1}: {name}", file=sys.stderr, flush=True)
                    first, rate = measure(commands[name], streams, 1000 * (number + 1))
                    firsts[name].append(statistics.median(first))
                    rates[name].append(rate)
            theirs = next(iter(commands))
            for name in commands:
                first = statistics.median(a / b for a, b in zip(firsts[name], firsts[theirs]))
                rate = statistics.median(a / b for a, b in zip(rates[name], rates[theirs]))
                print(
                    f"| {threads} | {streams} | {name} | {1000 * statistics.median(firsts[name]):.0f} | {first:.2f} | "
                    f"{statistics.median(rates[name]):.1f} | {spread(rates[name]):.1f} | {rate:.2f} |", flush=True)


main()
