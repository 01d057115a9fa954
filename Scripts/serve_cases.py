#!/usr/bin/env python3
"""Tries a running server with what real users' programs send: many at once, clients that go away, huge and slow bodies.

Run: Scripts/serve_cases.py URL [--seconds N] (standard library; the server must be otherwise idle). Every greedy answer of
requests at once must equal the answer to the same request alone; clients that go away must free their places within a second
of the chunk or step at work; memory must be flat. With --seconds, 64 clients go on for so long with random disconnections.
"""
import argparse
import http.client
import json
import random
import socket
import threading
import time
import urllib.parse

FAILED = []


def check(name, fine, detail=""):
    print(("ok    " if fine else "FAILED ") + name + (f": {detail}" if detail and not fine else ""), flush=True)
    if not fine:
        FAILED.append(name)


class Server:
    def __init__(self, url):
        parts = urllib.parse.urlparse(url)
        self.host, self.port = parts.hostname, parts.port

    def post(self, path, body, timeout=600):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def status(self):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request("GET", "/status")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def chat(self, text, tokens=12):
        return self.post("/v1/chat/completions", {
            "messages": [{"role": "user", "content": text}], "max_tokens": tokens, "temperature": 0})

    def raw(self, head, parts):
        """The first bytes of the answer to bytes sent by hand."""
        with socket.create_connection((self.host, self.port), timeout=60) as connection:
            try:
                connection.sendall(head)
                for part in parts:
                    connection.sendall(part)
            except OSError:
                pass  # refused while sending, as it should be
            try:
                return connection.recv(64)
            except OSError as error:
                return repr(error).encode()

    def leave(self, path, body, chunks=0, seconds=0.5):
        """Sends a request and goes away after so many chunks or seconds; returns how long its place stays taken."""
        text = json.dumps(body).encode()
        connection = socket.create_connection((self.host, self.port), timeout=60)
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(text)) + text)
        for _ in range(chunks):
            connection.recv(1000)
        if not chunks:
            time.sleep(seconds)
        busy = self.status()["active"]
        connection.close()
        start = time.time()
        while self.status()["active"] and time.time() - start < 30:
            time.sleep(0.02)
        return busy, time.time() - start


def slow_sender(server, outcome):
    """A client that sends a byte every two seconds; how the answer begins, and when it comes."""
    start = time.time()
    with socket.create_connection((server.host, server.port), timeout=2) as connection:
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        while time.time() - start < 90:
            try:
                connection.sendall(b" ")
                answer = connection.recv(64)
            except TimeoutError:
                continue
            except OSError as error:
                answer = repr(error).encode()
            outcome.update(answer=answer, seconds=time.time() - start)
            return


def at_once(server, prompts):
    answers = [None] * len(prompts)

    def ask(index):
        answers[index] = server.chat(prompts[index])[1]["choices"][0]["message"]["content"]

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def load(server, seconds, expected):
    """64 clients with random disconnections, slow readers and broken requests."""
    end, wrong, asked, memory = time.time() + seconds, [], [0], []
    lock = threading.Lock()

    def client(number):
        dice = random.Random(number)
        while time.time() < end:
            prompt = dice.choice(list(expected))
            body = {"messages": [{"role": "user", "content": prompt}], "max_tokens": 12, "temperature": 0}
            kind = dice.random()
            try:
                if kind < 0.15:
                    text = json.dumps({**body, "stream": True, "max_tokens": 400, "ignore_eos": True}).encode()
                    with socket.create_connection((server.host, server.port), timeout=600) as connection:
                        connection.sendall(
                            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
                        connection.recv(dice.randrange(1, 2000))
                        time.sleep(dice.random())
                elif kind < 0.2:
                    server.raw(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", [b"{{{"])
                else:
                    status, answer = server.post("/v1/chat/completions", body)
                    with lock:
                        asked[0] += 1
                        if status == 200 and answer["choices"][0]["message"]["content"] != expected[prompt]:
                            wrong.append((prompt, answer))
                        elif status not in (200, 429):
                            wrong.append((status, answer))
            except OSError as error:
                with lock:
                    wrong.append(repr(error))

    threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(64)]
    for thread in threads:
        thread.start()
    while time.time() < end:
        time.sleep(min(5, max(0.1, end - time.time())))
        memory.append(server.status()["resident_bytes"])
    for thread in threads:
        thread.join(600)
    check(f"{asked[0]} requests of 64 clients in {seconds} s: no wrong or lost answer", not wrong, str(wrong[:2])[:500])
    first, last = memory[min(len(memory) - 1, len(memory) // 4)], memory[-1]
    # Known beginnings of prompts fill their quarter of a gigabyte in the first minutes.
    slack = 64e6 if seconds >= 120 else 300e6
    check("memory is flat after the beginning", last < 1.15 * first + slack, f"{first / 1e6:.0f} MB, then {last / 1e6:.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--seconds", type=int, default=0)
    arguments = parser.parse_args()
    server = Server(arguments.url)

    slow = {}
    sender = threading.Thread(target=slow_sender, args=(server, slow), daemon=True)
    sender.start()
    head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\n"
    check("a body announced as 2 GB is refused at once", b" 413 " in server.raw(
        head + b"Content-Length: 2147483647\r\n\r\n", [b"{"]))
    part = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
    before = server.status()["resident_bytes"]
    check("100 MB in chunks are refused", b" 413 " in server.raw(
        head + b"Transfer-Encoding: chunked\r\n\r\n", (part for _ in range(100))))
    check("and not kept", server.status()["resident_bytes"] < before + 64e6)
    status, answer = server.post("/v1/completions", {"prompt": "word " * 200_000, "max_tokens": 1})
    check("a megabyte of prompt reaches the check of the context",
          status == 400 and answer["error"]["code"] == "context_length_exceeded", str(answer)[:300])
    check("a flood of headers is refused", server.raw(
        b"GET /health HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(2000)), [b"\r\n"])[:12]
          != b"HTTP/1.1 200")

    long = {"messages": [{"role": "user", "content": "Go on."}], "max_tokens": 2000, "ignore_eos": True}
    for name, path, body, chunks in (
        ("a stream", "/v1/chat/completions", {**long, "stream": True}, 2),
        ("an answer in one piece", "/v1/chat/completions", long, 0),
        ("a long prompt", "/v1/completions", {"prompt": "word " * 1800, "max_tokens": 5}, 0),
    ):
        busy, seconds = server.leave(path, body, chunks, seconds=0.2)
        check(f"a client that goes away during {name} frees its place", busy <= 1 and seconds < 1.5, f"{seconds:.2f} s")

    prompts = [f"Say something about number {n} and {'the sea' if n % 2 else 'a hill'}." for n in range(16)]
    alone = [server.chat(prompt)[1]["choices"][0]["message"]["content"] for prompt in prompts]
    for _ in range(2):
        check("16 requests at once have the answers of the same ones alone", at_once(server, prompts) == alone)
    if arguments.seconds:
        load(server, arguments.seconds, dict(zip(prompts, alone)))
    sender.join(90)
    check("a body that comes too slowly is refused after half a minute",
          b" 408 " in slow.get("answer", b"") and 25 < slow["seconds"] < 60, str(slow))
    return 1 if FAILED else 0


raise SystemExit(main())
