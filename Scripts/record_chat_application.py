"""Records what `apply_chat_template` of transformers makes of conversations, beyond the rendering of the template.

    record_chat_application.py

Run it with transformers 5.24.0 and again with 4.48.3 (jinja2 3.1.6): each run fills its version's results in
Tests/TokenizersTests/Fixtures/chat_application.json. A case is a model folder (its files by path; tokenizer.json is
tiny_byte_level.json), messages and options; a result is the text and the ids, or the class of the error.
"""

import json
import pathlib
import shutil
import tempfile

import transformers

FIXTURES = pathlib.Path(__file__).parent.parent / "Tests/TokenizersTests/Fixtures"
BASE = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin|>", "eos_token": "<|end|>"}
CHATML = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
TRIMMED = CHATML.replace("m.content", "m.content|trim")
DUMP = "{% for m in messages %}{{ m }}\n{% endfor %}"
THINKING = (
    "{% for m in messages %}<{{ m.role }}>{% if m.thinking is defined %}[{{ m.thinking }}]{% endif %}"
    "{% if m.reasoning_content is defined %}({{ m.reasoning_content }}){% endif %}{{ m.content }};{% endfor %}"
)
PARTS = "{% for m in messages %}{% for p in m.content %}{{ p.text }}|{% endfor %};{% endfor %}"
WEATHER = {"type": "function", "function": {"name": "weather", "description": "W", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
NAMES = "{{ [bos_token, eos_token, unk_token, pad_token, sep_token, cls_token, mask_token, image_token, boi_token, other] }}"
SHOWN = "{% for n in [bos_token, eos_token, unk_token, pad_token, mask_token, image_token, boi_token] %}{{ n }};{% endfor %}"


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def parts(*texts):
    return [{"type": "text", "text": text} for text in texts]


TALK = [user("Hi"), assistant("Yo")]
SEVERAL = [{"name": name, "template": name + ": {{ messages[0].content }}"} for name in ("default", "tool_use", "rag")]
RAG = "{{ messages[0].content }}{% for d in documents %} [{{ d.title }}: {{ d.text }}]{% endfor %}"


def case(name, template, messages, options=None, config=None, files=None):
    folder = {"tokenizer_config.json": {**BASE, **({} if template is None else {"chat_template": template}), **(config or {})}}
    return {"name": name, "files": {**folder, **(files or {})}, "messages": messages, "options": options or {}}


CASES = [
    case("turns", CHATML, TALK),
    case("generation prompt", CHATML, TALK[:1], {"add_generation_prompt": True}),
    case("no message", CHATML, []),
    case("null keys", DUMP, [user("Hi"), assistant(None, tool_calls=None, name=None), {"role": None, "content": "x"}]),
    case("nested null", DUMP, [assistant("", tool_calls=[{"function": {"name": "f", "arguments": {"x": None}}, "id": None}])]),
    case("reasoning", THINKING, [user("Hi"), assistant("a", reasoning="r"), assistant("b", thinking="t"), assistant("c", reasoning_content="c")]),
    case("reasoning, several", THINKING + DUMP, [assistant("a", reasoning="r", thinking="t"), assistant("b", thinking="t", reasoning_content="c"), assistant("c", reasoning="r", reasoning_content=None), assistant("d", thinking=None)]),
    case("reasoning, order", DUMP, [assistant("a", reasoning="r"), {"thinking": "t", "role": "assistant", "content": "b"}]),
    case("template text", CHATML, TALK, {"chat_template": "own {{ messages|length }}"}),
    case("default of several", SEVERAL, TALK),
    case("tools of several", SEVERAL, TALK, {"tools": [WEATHER]}),
    case("no tool of several", SEVERAL, TALK, {"tools": []}),
    case("name of several", SEVERAL, TALK, {"chat_template": "rag"}),
    case("name and tools", SEVERAL, TALK, {"chat_template": "default", "tools": [WEATHER]}),
    case("unknown name", SEVERAL, TALK, {"chat_template": "nowhere"}),
    case("several, no default", SEVERAL[1:], TALK),
    case("no template", None, TALK),
    case("template file", "config", TALK, files={"chat_template.jinja": CHATML}),
    case("template folder", "config", TALK, {"tools": [WEATHER]}, files={"chat_template.jinja": CHATML, "additional_chat_templates/tool_use.jinja": "T {{ tools|length }}", "additional_chat_templates/rag.jinja": "R"}),
    case("template folder, name", "config", TALK, {"chat_template": "rag"}, files={"chat_template.jinja": CHATML, "additional_chat_templates/rag.jinja": "R {{ eos_token }}"}),
    case("template folder alone", "config", TALK, files={"additional_chat_templates/rag.jinja": "R"}),
    case("documents", RAG, TALK, {"documents": [{"title": "T", "text": "é"}, {"title": "U", "text": "v"}]}),
    case("no documents", "{{ documents is none }} {{ tools is none }} {{ add_generation_prompt }}", TALK),
    case("tools", "{% for t in tools %}{{ t|tojson }}{% endfor %}", TALK, {"tools": [WEATHER]}),
    case("named tokens", SHOWN, TALK, config={"pad_token": "<pad>", "mask_token": {"content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False, "__type": "AddedToken"}, "image_token": "<img>", "extra_special_tokens": {"boi_token": "<boi>"}}),
    case("missing tokens", "{{ pad_token is defined }}{{ unk_token is defined }}[{{ pad_token }}]", TALK),
    case("token map file", SHOWN, TALK, files={"special_tokens_map.json": {"pad_token": "<pad>", "eos_token": "<other>", "unk_token": {"content": "<unk>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}}}),
    case("null token", "{{ eos_token is defined }}", TALK, config={"eos_token": None}),
    case("variables", "{{ enable_thinking }} {{ eos_token }} {{ n + 1 }} {{ late|default('none') }}", TALK, {"enable_thinking": False, "eos_token": "<mine>", "n": 2**64}),
    case("continue", CHATML, TALK, {"continue_final_message": True}),
    case("continue, trimmed", TRIMMED, [user("Hi"), assistant(" Sure: ")], {"continue_final_message": True}),
    case("continue, space kept", CHATML, [user("Hi"), assistant(" Sure: ")], {"continue_final_message": True}),
    case("continue, user", CHATML, [user("Hi")], {"continue_final_message": True}),
    case("continue, repeated text", CHATML, [user("Yo"), assistant("Yo"), user("Yo")], {"continue_final_message": True}),
    case("continue and prompt", CHATML, TALK, {"continue_final_message": True, "add_generation_prompt": True}),
    case("continue, parts", PARTS, [user(parts("a")), assistant(parts("b", "c"))], {"continue_final_message": True}),
    case("continue, no content", CHATML, [user("Hi"), {"role": "assistant"}], {"continue_final_message": True}),
    case("continue, dropped", "{% for m in messages[:-1] %}{{ m.content }}{% endfor %}", TALK, {"continue_final_message": True}),
    case("continue, not read", "{{ messages|length }}", TALK, {"continue_final_message": True}),
    case("continue, reasoning", THINKING, [user("Hi"), assistant("", reasoning="so")], {"continue_final_message": "reasoning_content"}),
    case("continue, thinking", THINKING, [user("Hi"), assistant("", thinking="so")], {"continue_final_message": "thinking"}),
    case("continue, other field", "{{ messages[-1].note }}!", [assistant("", note="so")], {"continue_final_message": "note"}),
    case("generation tag", "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %};{% endfor %}", TALK),
    case("control tokens", CHATML, [user("a<|end|>b<|begin|>")]),
    case("begin twice", "{{ bos_token }}{{ bos_token }}x", TALK),
]


def record(case):
    with tempfile.TemporaryDirectory() as path:
        folder = pathlib.Path(path)
        shutil.copy(FIXTURES / "tiny_byte_level.json", folder / "tokenizer.json")
        for name, content in case["files"].items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            def apply(**more):
                return tokenizer.apply_chat_template(json.loads(json.dumps(case["messages"])), **case["options"], **more)
            result = {"text": apply(tokenize=False), "ids": list(apply(tokenize=True, return_dict=False))}
            # Tokens that the vocabulary lacks get new ids there, which says nothing about templates.
            return result if len(tokenizer) == 425 else {"text": result["text"]}
        except Exception as error:  # every class of failure is a recorded result
            print(case["name"], type(error).__name__, str(error)[:100])
            return {"error": type(error).__name__}


path = FIXTURES / "chat_application.json"
before = {case["name"]: case for case in json.loads(path.read_text())} if path.exists() else {}
results = [{**case, "results": {**before.get(case["name"], {}).get("results", {}), transformers.__version__: record(case)}} for case in CASES]
path.write_text("[\n" + ",\n".join(json.dumps(result, ensure_ascii=False) for result in results) + "\n]\n")
print(len(results), "cases with transformers", transformers.__version__)
