#!/usr/bin/env python3
"""Drives `vptq chat` through a pseudo-terminal: editing, history, several lines, commands, Ctrl-C, the end.

Run: Scripts/chat_test.py VPTQ MODEL (standard library)
"""
import fcntl
import json
import os
import pathlib
import pty
import select
import struct
import sys
import tempfile
import termios
import time

PROMPT = b"> \r\x1b[2C"


class Terminal:
    def __init__(self, *arguments):
        self.seen = b""
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.execv(arguments[0], arguments)
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def until(self, text, seconds=120):
        """Waits for `text`; what comes behind it is kept for the next call."""
        end = time.time() + seconds
        while time.time() < end:
            place = self.seen.find(text)
            if place >= 0:
                self.seen = self.seen[place + len(text):]
                return
            if select.select([self.file], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.file, 4096)
                except OSError:
                    break
        raise SystemExit(f"waited for {text!r}, saw {self.seen[-300:]!r}")

    def type(self, keys):
        os.write(self.file, keys)

    def end(self):
        while select.select([self.file], [], [], 5)[0]:
            try:
                if not os.read(self.file, 4096):
                    break
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def main():
    vptq, model = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        saved = pathlib.Path(folder) / "talk.json"
        chat = Terminal(vptq, "chat", model, "--temperature", "0", "--max-tokens", "12")
        chat.until(PROMPT)
        # Two letters taken back, two put in, and words before the first one.
        chat.type(b"Helxx\x7f\x7flo\x1b[D\x1b[C you\x01Well: \r")
        chat.until(b"Well: Hello you")
        chat.until(PROMPT)
        chat.type(b"/save " + str(saved).encode() + b"\r")
        chat.until(b"2 messages in")
        messages = json.loads(saved.read_text())
        assert messages[0] == {"role": "user", "content": "Well: Hello you"}, messages
        assert messages[1]["role"] == "assistant" and messages[1]["content"], messages
        chat.until(PROMPT)
        chat.type(b"\x1b[A\x1b[A")
        chat.until(b"Well: Hello you")
        chat.type(b"\x03/help\r")
        chat.until(b"/quit")
        chat.until(PROMPT)
        chat.type(b"one \\\rtwo\r")
        chat.until(b". \r\x1b[2C")
        chat.until(PROMPT)
        chat.type(b"/retry\r")
        chat.until(PROMPT)
        chat.type(b"/save " + str(saved).encode() + b"\r")
        chat.until(b"4 messages in")
        assert json.loads(saved.read_text())[2]["content"] == "one \ntwo", saved.read_text()
        chat.until(PROMPT)
        chat.type(b"/reset\r")
        chat.until(PROMPT)
        chat.type(b"/load " + str(saved).encode() + b"\r")
        chat.until(b"4 messages from")
        chat.type(b"/system Be brief.\r/nonsense\r")
        chat.until(b"/nonsense is no command")
        chat.until(PROMPT)
        chat.type(b"/quit\r")
        assert chat.end() == 0

        chat = Terminal(vptq, "chat", model, "--temperature", "1", "--seed", "3", "--verbose")
        chat.until(PROMPT)
        chat.type(b"Count to one thousand.\r")
        chat.until(b"thousand.\r\x1b[24C\r\r\n")
        chat.until(b" ")
        chat.type(b"\x03")
        chat.until(PROMPT, seconds=20)
        chat.type(b"\x04")
        assert chat.end() == 0
    print("chat: editing, history, several lines, commands, Ctrl-C, the end")


main()
