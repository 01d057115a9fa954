"""Records how the `tokenizers` package cuts texts with the patterns behind the names of `tokenizer.ggml.pre`.

Run: python Scripts/record_gguf_pretokenizers.py (tokenizers 0.21.4); rewrites
Tests/TokenizersTests/Fixtures/gguf_pretokenizers.json. The patterns are those that llama.cpp names as the original of
each tokenizer.json (src/llama-vocab.cpp), each a Split that isolates; a piece is recorded by its length in UTF-8 bytes.
"""

import json
import pathlib

from tokenizers import Regex, pre_tokenizers

APOSTROPHES = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LEAD = r"[^\r\n\p{L}\p{N}]?"
SPACE = r"\s*[\r\n]+|\s+(?!\S)|\s+"
END = r" ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACE
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = f"{APOSTROPHES}|{LEAD}\\p{{L}}+|\\p{{N}}{{1,3}}|{END}"
QWEN2 = f"{APOSTROPHES}|{LEAD}\\p{{L}}+|\\p{{N}}|{END}"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def cased(suffix, numbers):
    return f"{LEAD}{UPPER}*{LOWER}+{suffix}|{LEAD}{UPPER}+{LOWER}*{suffix}|{numbers}" + r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACE


O200K = cased(APOSTROPHES + "?", r"\p{N}{1,3}")
CJ = "[一-龥\u3040-ゟ゠-ヿ]+"
LETTERS = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
DEEPSEEK3 = LETTERS + r"| ?[\p{P}\p{S}]+[\r\n]*|" + SPACE
IDEOGRAPHS = "[一-龥\u0800-一가-\ud7ff]+"
CASED_LETTERS = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ"
    "\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
)
ASIAN = (
    "[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-\u0e7f\u0e80-\u0eff"
    "\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+"
)
KIMI_CASE = "[{0}&&[^\\p{{Han}}]]"
KIMI_UPPER, KIMI_LOWER = (KIMI_CASE.format(part[1:-1]) for part in (UPPER, LOWER))
BLOOM = " ?[^(\\s|.,!?…。，、।۔،)]+"

PATTERNS = [
    ("gpt-2 gpt2 phi-2 jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code gigachat mpt olmo jais trillion granite-docling roberta-bpe modern-bert exaone4 a.x-4.0 mellum", [GPT2]),
    ("smollm starcoder refact command-r codeshell exaone minerva-7b mellum2", [r"\p{N}", GPT2]),
    ("llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano dbrx smaug-bpe chatglm-bpe glm4 glm5", [LLAMA3]),
    ("qwen2 deepseek-r1-qwen stablelm2 megrez kormo f2llmv2 solar-open hunyuan grok-2", [QWEN2]),
    ("laguna", [r"[^\n]+|[\n]+", QWEN2]),
    ("default", [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"]),
    ("falcon", [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"]),
    ("deepseek-llm", ["[\r\n]", f"\\s?[{CASED_LETTERS}]+", "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$", IDEOGRAPHS, r"\p{N}+"]),
    ("deepseek-coder", ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", IDEOGRAPHS, r"\p{N}"]),
    ("deepseek-v3 hunyuan-dense joyai-llm hy_v4", [r"\p{N}{1,3}", CJ, DEEPSEEK3]),
    ("spark2_5", [r"\p{N}{1,3}", CJ, LETTERS + r"| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+", r"\p{N}"]),
    ("afmoe", [r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))", ASIAN, DEEPSEEK3]),
    ("superbpe", [r"\p{N}+", r"(?=(\d{3})+(?!\d))"]),
    ("jais-2", [f"{APOSTROPHES}|{LEAD}\\p{{L}}+|\\p{{N}}{{1,3}}|" + r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}"]),
    ("ufakzeka", [f"{LEAD}\\p{{L}}+|\\p{{N}}|{END}"]),
    ("qwen35", [f"{APOSTROPHES}|{LEAD}[\\p{{L}}\\p{{M}}]+|\\p{{N}}|" + r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + SPACE]),
    ("tekken", [cased("", r"\p{N}")]),
    ("gpt-4o llama4 kanana2 talkie minimax-m2 granite-embed-multi-97m", [O200K]),
    ("tiny_aya cohere2moe", [r"\d{1,3}(?=(?:\d{3})*\b)", O200K]),
    ("youtu", ["[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|" + CJ, cased(APOSTROPHES + "?", r"\p{N}")]),
    ("kimi-k2", [f"[\\p{{Han}}]+|{LEAD}{KIMI_UPPER}*{KIMI_LOWER}+{APOSTROPHES}?|{LEAD}{KIMI_UPPER}+{KIMI_LOWER}*{APOSTROPHES}?|\\p{{N}}{{1,3}}|{END}"]),
    ("bailingmoe bailingmoe2 llada-moe", [r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"]),
    ("seed-coder", [f"{APOSTROPHES}|{LEAD}\\p{{L}}+|\\p{{N}}{{1}}|" + r" ?[^\s\p{L}\p{N}\r\n]+|" + SPACE]),
    ("exaone-moe", [APOSTROPHES + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"]),
    ("minicpm5", [r"\p{N}{1,3}", f"{APOSTROPHES}|{LEAD}\\p{{L}}+|\\p{{N}}+|{END}"]),
    ("poro-chat bloom gpt3-finnish", [BLOOM]),
    ("viking", [BLOOM, r"\p{N}"]),
    ("chameleon", ["<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", r"([\t\n]|    |  )", r"\p{N}", r"[\p{P}!-/:-@\[-`{-~]", GPT2]),
    ("gemma4 granite-embed-multi-311m sarvam-moe", [r"[^\n]+|[\n]+"]),
]

TEXTS = [
    "Hello world, it's 1234567 o'clock! I'M HE'LL you'RE don't",
    "a\r\nb\n\n c\r\n\r\n  d\t\te   \n   f  ", "   leading and trailing   ", "\n\n\nx\n \n\ty", " " * 37 + "x" + " " * 600,
    "1 12 123 1234 12345 123456 1234567890123 1,234.56 3.14159 1e10 0x1F ½⅓ Ⅷ ² ١٢٣٤ १२३४५ 1a2b3 12345abc _123456_",
    "漢字かな交じり文、テスト。한국어 텍스트 ㄱㄴ 中文，测试！“引号” ａｂｃ１２３ ㄅㄆ ﾊﾝｶｸ", "ไทยภาษา ລາວ ភាសាខ្មែរ မြန်မာ ꆈꌠ ခ",
    "e\u0301a\u0300 ÀÉ n\u0303o हिन्दी में कुछ बাংলা عَرَبِيّ עִבְרִית Ünïcödé ΑΒγδ Жизнь ქართული հայերեն Ǆ ǅ ǆ ß ſ K Ω",
    "Türkiye'nin İstanbul'a gidiyor'du IŞIK'ı", "def f(x):\n    return x**2 + y[0] - {'a': 1}  # note\n\tpass\n",
    "!!! ... ??? --- *** <<>> $$ €5 ¥ +=-/\\ `code` ^~| @user #tag a/b//c http://x.org/?q=1&r=2",
    "<sentinel:12>IMGIMGABZIMGIMGACDEZ  x    y", "camelCase HTTPServer iPhone McDonald's ABCdef ABC'S", "🥳🥳 👩‍👩‍👧 🏳️‍🌈 \u200b\u200d\u00a0\u3000\u2028x\u2029",
    "\u00a0x\u00a0\u00a0y\u3000z\u2003\u2003w", "", "x", " ", "\n", "'", "'s 'S 'ſ 'K", "a.b,c!d?e…f。g，h、i।j۔k،l|m(n)o", "word" * 30 + "9" * 100 + " ",
    "𝐀𝐁𝐜 𐐀𐐨 ᏣᎳᎩ ꭰ 𞤀𞤢 ﬁﬂ ＡＢ ：；～ 〜 「」",
]

cases = []
for names, patterns in PATTERNS:
    splits = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns])
    pieces = [[len(piece.encode()) for piece, _ in splits.pre_tokenize_str(text)] for text in TEXTS]
    assert all(sum(lengths) == len(text.encode()) for lengths, text in zip(pieces, TEXTS))
    cases.append({"names": names.split(), "pieces": pieces})
target = pathlib.Path(__file__).parent.parent / "Tests/TokenizersTests/Fixtures/gguf_pretokenizers.json"
target.write_text(json.dumps({"texts": TEXTS}, ensure_ascii=False)[:-1] + ',\n"patterns": [\n' + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]}\n")
print(len(cases), "patterns,", sum(len(case["names"]) for case in cases), "names,", len(TEXTS), "texts")
