"""Records Tests/TokenizersTests/Fixtures with the PyPI package `tokenizers`.

Trains a tiny byte-level BPE on the sentences below, saves its tokenizer.json, and writes what the library says of a
list of texts: ids, decoded text, the pieces of the known split patterns, and the chunks of a stream as
Python's incremental UTF-8 decoder gives them.

    python Scripts/record_tokenizer_golden.py
"""

import codecs
import json
import pathlib

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "TokenizersTests" / "Fixtures"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
HEAD = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
PATTERNS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": HEAD + r"\p{N}{1,3}" + TAIL,
    "qwen2": HEAD + r"\p{N}" + TAIL,
    "deepseek": r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"""
    r"\s*[\r\n]+|\s+(?!\S)|\s+",
    "numbers": r"\p{N}{1,3}",
    "unknown": r"\p{Lu}?\p{Ll}+|\d|[^\d\p{L}]+|\p{L}",
}
CORPUS = [
    "The quick brown fox jumps over the lazy dog. The dog sleeps; the fox doesn't.",
    "Вектор делится на части, и каждая часть получает номер из таблицы.",
    "量子化とは、値を有限個の代表値で置き換えることである。社区非常活跃。",
    "المتجهات مقسمة إلى أجزاء. हिन्दी में एक वाक्य। ประโยคภาษาไทย",
    "for (int i = 0; i < 1024; i++) {\n    total += weights[i];\n}\n",
] * 4
TEXTS = [
    "", " ", "The fox", "  the  dog\n\n\tsleeps  ", "I'M you'RE don't it'\u017f", "1234567 3.14159 ٣٤٥ Ⅷ½",
    "Вектор делится", "量子化とは社区", "हिन्दी में", "المتجهات", "ภาษาไทย", "é e\u0301 ﬁ Å İ ß", "🥳🥳<|end|>x👩‍👩‍👧",
    "a\r\nb\r\rc\n\n \nd", "\u00a0x\u2029 y\u0085z\u3000", "\ufeff#", "\u0f73\u0f73q\u0307\u0323", "<|end|>", "<|en", "<|begin|><|begin|>", "x <mask> y",
    "<right>  z", "cat concat cat. cats cat", "total += weights[i];\n}\n", "!!!\n\nx (\n)", "aaaaaaaaaaaaaaaaaaaa" * 5,
    "12abc 34 5\u0301x .Net ¥x «é» 'tisé \t.a \x01\x02b\x03 !\r\n\u200b\u0301 _\u00a0$ 7",
]


def train():
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERNS["llama3"]), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.add_special_tokens([AddedToken("<|begin|>", normalized=False), AddedToken("<|end|>", normalized=False)])
    tokenizer.add_tokens([
        AddedToken("<mask>", lstrip=True, normalized=False), AddedToken("<right>", rstrip=True, normalized=False),
        AddedToken("cat", single_word=True, normalized=False),
    ])
    begin = tokenizer.token_to_id("<|begin|>")
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", begin)]),
    ])
    return tokenizer


def chunks(tokenizer, ids):
    byte_of = {character: byte for byte, character in byte_alphabet().items()}
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    added = set(tokenizer.get_added_tokens_decoder())
    result = []
    for token in ids:
        piece = tokenizer.id_to_token(token)
        data = piece.encode() if token in added else bytes(byte_of[character] for character in piece)
        result.append(decoder.decode(data))
    return result + [decoder.decode(b"", True)]


def byte_alphabet():
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in kept]
    return {**{byte: chr(byte) for byte in kept}, **{byte: chr(256 + i) for i, byte in enumerate(others)}}



def main():
    tokenizer = train()
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "tiny_byte_level.json").write_text(tokenizer.to_str() + "\n")
    cases = []
    for text in TEXTS:
        plain = tokenizer.encode(text, add_special_tokens=False)
        tokenizer.encode_special_tokens = True
        unparsed = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = False
        cases.append({
            "text": text, "ids": plain.ids, "with_template": tokenizer.encode(text).ids, "unparsed": unparsed,
            "decoded": tokenizer.decode(plain.ids, skip_special_tokens=False),
            "decoded_without_special": tokenizer.decode(plain.ids, skip_special_tokens=True),
            "stream": chunks(tokenizer, plain.ids),
        })
    pieces = {}
    for name, pattern in PATTERNS.items():
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        pieces[name] = [[piece for piece, _ in split.pre_tokenize_str(text)] for text in TEXTS]
    behaviors = {
        name: [piece for piece, _ in pre_tokenizers.Split("-", name).pre_tokenize_str("-a--b-c-")]
        for name in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
    }
    empty_matches = [
        {
            "pattern": pattern, "behavior": behavior, "invert": invert,
            "pieces": [piece for piece, _ in pre_tokenizers.Split(Regex(pattern), behavior, invert).pre_tokenize_str("ab  bxxa")],
        }
        for pattern in [r"\s*", "(?=b)", "x*", "^", "$", r"(?=(\w{2})+(?!\w))"] for behavior in behaviors for invert in [False, True]
    ]
    replaced = {
        pattern: normalizers.Replace(Regex(pattern), "_").normalize_str("ab  bxxa")
        for pattern in [r"\s*", "(?=b)", "x*", "^", "$"]
    }
    forms = {
        name: [getattr(normalizers, name)().normalize_str(text) for text in TEXTS]
        for name in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"]
    }
    golden = {
        "recorded_with": "tokenizers " + tokenizers.__version__, "patterns": PATTERNS, "texts": TEXTS, "cases": cases,
        "pieces": pieces, "behaviors": behaviors, "empty_matches": empty_matches, "replaced": replaced, "normalized": forms,
    }
    (FOLDER / "golden.json").write_text(json.dumps(golden, ensure_ascii=True, separators=(",", ":")) + "\n")


main()
