"""Records small SentencePiece vocabularies as GGUF files hold them, and how SentencePiece itself cuts texts with them.

Run: python Scripts/record_gguf_vocabulary.py (needs sentencepiece); rewrites
Tests/CheckpointsTests/Fixtures/gguf_sentencepiece.json. One vocabulary puts a space before a text, as Llama does, one
does not, as Gemma does.
"""

import io
import json
import pathlib

import sentencepiece

TEXT = """The quick brown fox jumps over the lazy dog. The dog sleeps; the fox runs on and on, over hill and dale.
In the beginning there was a word, and the word was long: internationalisation. Numbers such as 1234 and 5678, 3.14.
Über den Wolken muss die Freiheit wohl grenzenlos sein. Ça va très bien, merci. All work and no play.
def main(argument):    return argument + 1
"""
CASES = [
    "The fox jumps over the dog.", "", " ", "  two  spaces ", "internationalisation of words", "1234 5678 99",
    "Über Wolken, très bien", "日本語 🦊", "tab\tand\nnew line", "aaaaaaaaaaaaaaaa", "\u2581mark",
]


def piece_type(model, index):
    """The numbers of ggml, as llama.cpp's converter gives them."""
    if model.IsUnknown(index):
        return 2
    if model.IsControl(index):
        return 3
    return 6 if model.IsByte(index) else 1


result = {}
for name, prefix in [("prefix", True), ("no_prefix", False)]:
    stream = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.split("\n") * 3), model_writer=stream, model_type="bpe", vocab_size=400,
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True,
        add_dummy_prefix=prefix, allow_whitespace_only_pieces=True, minloglevel=2)
    model = sentencepiece.SentencePieceProcessor(model_proto=stream.getvalue())
    size = model.get_piece_size()
    result[name] = {
        "adds_space": prefix,
        "tokens": [model.id_to_piece(index) for index in range(size)],
        "scores": [model.get_score(index) for index in range(size)],
        "types": [piece_type(model, index) for index in range(size)],
        "cases": [{"text": text, "ids": model.encode(text), "decoded": model.decode(model.encode(text))}
                  for text in CASES],
    }
target = pathlib.Path(__file__).parent.parent / "Tests/CheckpointsTests/Fixtures/gguf_sentencepiece.json"
target.write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\n")
