#!/usr/bin/env python3
"""Records digests of what the `tokenizers` package says about a corpus, for Tests/TokenizersTests.

The corpus is at least 5 MB in more than 20 scripts, with code and hostile strings. It is made from numbers alone by a
small generator that the tests have, too, so that nothing of it is stored: letters of each script in words of its own,
then fragments that tokenizers are known to get wrong, joined at random, and random scalars.

    python3 Scripts/record_tokenizer_corpus.py SHARED > Tests/TokenizersTests/Fixtures/corpus_digests.json

SHARED is the folder of shared test data. Needs `tokenizers` (0.21 or later) and the program `zstd`.
"""
import json
import subprocess
import sys
import tempfile

import tokenizers

MASK = (1 << 64) - 1

SCRIPTS = [
    (0x61, 0x7A), (0xE0, 0xF6), (0x100, 0x17F), (0x1E00, 0x1EFF), (0x3B1, 0x3C9), (0x410, 0x44F), (0x561, 0x586),
    (0x5D0, 0x5EA), (0x620, 0x64A), (0x904, 0x94D), (0x985, 0x9B9), (0xA05, 0xA39), (0xA85, 0xAB9), (0xB05, 0xB39),
    (0xB85, 0xBCD), (0xC05, 0xC4D), (0xC85, 0xCCD), (0xD05, 0xD4D), (0xD85, 0xDC6), (0xE01, 0xE4E), (0xE81, 0xEBD),
    (0xF40, 0xF6C), (0x1000, 0x104F), (0x10D0, 0x10FA), (0x1200, 0x1248), (0x1780, 0x17D3), (0x1820, 0x1878),
    (0x3041, 0x3096), (0x30A1, 0x30FA), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3), (0x13A0, 0x13F4), (0x16A0, 0x16EA),
    (0x1F300, 0x1F64F), (0x20000, 0x20100),
]

FRAGMENTS = [
    "'s", "'S", "'\u017f", "'ll", "'LL", "I'm", " don't", "\r\n", "\r", "\n", "\n\n\n", " ", "  ", "   ", "\t", " \t ",
    "\u00a0", "\u2028", "\u3000", "\u200b", "\u200d", "\ufeff", "\u00ad", "123", "1", "12345678", "\u00bd", "\u00b2",
    "\u2167", "\u0663\u0664", "\u0967\u0968", "a", "A", "the", " The", "ing", "\u00e9", "e\u0301", "n\u0303",
    "\u00df", "\u0130", "\u0131", "\ufb01", "\u212b", "\u01c6", "\uac01", "\u1100\u1161\u11a8", "\u30ac",
    "\u304b\u3099", "\u65e5\u672c\u8a9e", "\u4e2d\u6587", "\u3002", "\u3001", "\u201c", "\u201d", "\u2014", "\u2026",
    "\u20ac", "\u00a9", "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea",
    "\U0001f44d\U0001f3fd", "\u0915\u094d\u0937\u093f", "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd", "\u0e44\u0e17\u0e22",
    "\u05e9\u05b8\u05c1", "\u0645\u064f", "\u0438\u0306", "\u0f73\u0f71", "\u0344", "q\u0307\u0323", "<s>", "</s>",
    "<unk>", "<|endoftext|>", "<|eot_id|>", "<|begin_of_text|>", "[CLS]", "<mask>", "<0x41>", "\u2581", "\u2581\u2581",
    "\u0120", "\u010a", "##a", "_", "__init__", "(", "){", "};", "->", "==", "/*", "*/", "//", "#include", "\\n", "\\",
    "\"", "'", "`", "~", "^", "|", "@", "$%", "0x1F", "1.5e-10", "http://a.b/c?d=e&f", "\x00", "\x01", "\x7f", "\x85",
    "\ufffd", "\U0010fffd", "\ue000", "\ufdd0", "\uffff", "aaaaaaaaaaaaaaaa", "                    ",
    "==========", "for (int i = 0; i < n; i++) {\n    x[i] += 1;\n}\n", "def f(x):\n\treturn x**2  # note\n",
    "SELECT * FROM t WHERE a='b';\n", "{\"key\": [1, 2.5, null]}", "\u0300", "\u094d", "\u30fc", "\u3005",
]


class Generator:
    """SplitMix64, as in the tests."""

    def __init__(self, seed):
        self.state = seed

    def next(self, limit):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) % limit


def document(index):
    """A text of about 2.5 kB."""
    random = Generator(index)
    kind = index % 4
    parts = []
    if kind < 2:
        low, high = SCRIPTS[(index // 4 * 2 + kind) % len(SCRIPTS)]
        for _ in range(150):
            word = "".join(chr(low + random.next(high - low + 1)) for _ in range(1 + random.next(8)))
            parts.append(word + (", " if random.next(9) == 0 else ".\n" if random.next(15) == 0 else " "))
    elif kind == 2:
        parts = [FRAGMENTS[random.next(len(FRAGMENTS))] for _ in range(400)]
    else:
        for _ in range(400):
            scalar = [0x80, 0x250, 0x2000, 0x3400, 0xD800, 0x1FFFF][random.next(6)]
            value = random.next(scalar)
            value += 0x2000 if 0xD800 <= value < 0xE000 else 0
            parts.append(chr(value) if random.next(3) else FRAGMENTS[random.next(len(FRAGMENTS))])
    return "".join(parts)


class Digest:
    """FNV-1a over the bytes of numbers and texts, as in the tests."""

    def __init__(self):
        self.value = 0xCBF29CE484222325

    def number(self, number):
        self.value = ((self.value ^ number) * 0x100000001B3) & MASK

    def text(self, text):
        for byte in text.encode():
            self.number(byte)


def offsets(text, spans):
    """Offsets in characters as offsets in bytes."""
    places = [0]
    for character in text:
        places.append(places[-1] + len(character.encode()))
    return [places[place] for span in spans for place in span]


TOKENIZERS = {
    "llama-3.2": "llama-3.2/tokenizer.json",
    "deepseek": "deepseek/tokenizer.json",
    "falcon": "falcon/tokenizer.json",
    "phi-2": "phi/phi-2.tokenizer.json",
    "phi-3-mini": "phi/phi-3-mini.tokenizer.json",
    "neox": "neox/allenai_gpt-neox-olmo-dolma-v1_5.tokenizer.json",
}
COUNT = 2800


def main():
    texts = [document(index) for index in range(COUNT)]
    size = sum(len(text.encode()) for text in texts)
    corpus = Digest()
    for text in texts[:100]:
        corpus.text(text)
    result = {"documents": COUNT, "bytes": size, "corpus": f"{corpus.value:016x}", "scripts": SCRIPTS,
              "fragments": FRAGMENTS, "tokenizers": {}}
    print(size, "bytes", file=sys.stderr)
    for name, path in TOKENIZERS.items():
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            packed = f"{sys.argv[1]}/data/tokenizers/{path}.zst"
            subprocess.run(["zstd", "-dcq", "--long=27", packed], stdout=file, check=True)
            file.flush()
            tokenizer = tokenizers.Tokenizer.from_file(file.name)
        groups = []
        for start in range(0, COUNT, 100):
            ids, places, decoded = Digest(), Digest(), Digest()
            for text in texts[start:start + 100]:
                encoding = tokenizer.encode(text)
                for token in encoding.ids:
                    ids.number(token)
                for place in offsets(text, encoding.offsets):
                    places.number(place)
                decoded.text(tokenizer.decode(encoding.ids, skip_special_tokens=False))
            groups.append([f"{digest.value:016x}" for digest in (ids, places, decoded)])
        result["tokenizers"][name] = {"file": f"data/tokenizers/{path}.zst", "groups": groups}
        print(name, file=sys.stderr)
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
