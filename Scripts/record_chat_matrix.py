"""Records what the chat renderer of transformers makes of many real templates over many conversations.

    record_chat_matrix.py FOLDER

FOLDER holds the shared tokenizer data: `llama.cpp-templates/*.jinja`, and `*/*tokenizer_config.json` beside it, perhaps
packed with zstd. Needs transformers 5.24.0, jinja2 3.1.6 and the program zstd. Writes Tests/ChatTemplatesTests/Fixtures/chat_matrix.json: the conversations, and
for each template and conversation the FNV-1a digest (64 bits, UTF-8) of the text, or `!` and the class of the error;
for `raise_exception` also the digest of its words. The templates themselves are not copied.
"""

import datetime
import json
import pathlib
import subprocess
import sys

import transformers.utils.chat_template_utils as renderer


class FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, 9, 5, 3)


renderer.datetime = FixedClock

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather <now> & 'then' \"there\"",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Ville, é 🥳"},
                "unit": {"type": "string", "enum": ["c", "f"]},
                "days": {"type": "integer", "default": 3, "minimum": 1.0},
            },
            "required": ["city"],
        },
    },
}
NESTED = {
    "type": "function",
    "function": {
        "name": "book",
        "description": "Books.\nA trip.",
        "parameters": {
            "type": "object",
            "properties": {
                "legs": {
                    "type": "array",
                    "description": "Legs",
                    "items": {
                        "type": "object",
                        "properties": {
                            "from": {"type": "string"},
                            "to": {"type": "string", "nullable": True},
                            "at": {"type": "object", "properties": {"hour": {"type": "number"}}},
                        },
                        "required": ["from", "to"],
                    },
                },
                "paid": {"type": "boolean", "default": False},
                "payment": {"anyOf": [{"type": "string"}, {"type": "integer"}], "description": "How"},
                "note": {"type": "string", "default": None},
            },
            "required": ["legs", "paid"],
        },
        "return": {"type": "string", "description": "A ticket"},
    },
}
BARE = {"type": "function", "function": {"name": "ping", "description": "", "parameters": {"type": "object", "properties": {}}}}
UNION = {"type": "function", "function": {"name": "union", "description": "U", "parameters": {"type": "object", "properties": {"x": {"type": ["integer", "null"], "description": "X"}}}}}
FLAT = {"name": "flat", "description": "No wrapper", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def system(content):
    return {"role": "system", "content": content}


def call(name, arguments, identifier="call12345"):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(content, identifier="call12345", name="get_weather"):
    return {"role": "tool", "name": name, "tool_call_id": identifier, "content": content}


def text(*parts):
    return [{"type": "text", "text": part} for part in parts]


ARGUMENTS = {"city": "Zürich", "n": 2, "x": 1.5, "y": None, "ok": True, "list": [1, "a"], "map": {"k": "v<&>"}}
TURNS = [user("Hi"), assistant("Yo é🥳"), user("More\n\nlines ")]
CALLED = [
    user("Weather?"), assistant("", tool_calls=[call("get_weather", ARGUMENTS)]), tool('{"t": 3}'),
]
THOUGHT = "<think>\nhmm\n\n</think>\n\nThe answer."


def conversations():
    yield "one", [user("Hi")], {}
    yield "one, no prompt", [user("Hi")], {"add_generation_prompt": False}
    yield "system", [system("Be good."), *TURNS], {}
    yield "system, no prompt", [system("Be good."), *TURNS], {"add_generation_prompt": False}
    yield "turns", TURNS * 1 + [assistant("ok"), user("And?"), assistant(" spaced \n"), user("\tEnd")], {}
    yield "ends with assistant", [user("Hi"), assistant("Done")], {"add_generation_prompt": False}
    yield "ends with assistant, prompt", [user("Hi"), assistant("Done")], {}
    yield "many turns", [m for i in range(20) for m in (user(f"q{i}"), assistant(f"a{i}"))] + [user("last")], {}
    yield "nothing", [], {}
    yield "only system", [system("Alone")], {}
    yield "two systems", [system("One"), system("Two"), user("Hi")], {}
    yield "late system", [user("Hi"), assistant("Yo"), system("Late"), user("More")], {}
    yield "developer", [{"role": "developer", "content": "Dev"}, user("Hi")], {}
    yield "odd role", [user("Hi"), {"role": "critic", "content": "Bad"}], {}
    yield "two users", [user("a"), user("b")], {}
    yield "two assistants", [user("a"), assistant("b"), assistant("c"), user("d")], {}
    yield "starts with assistant", [assistant("a"), user("b")], {}
    yield "starts with tool", [tool("r")], {}
    yield "empty content", [system(""), user(""), assistant(""), user("x")], {}
    yield "blank content", [system("  \n"), user(" \n "), assistant("\n\n"), user(" x ")], {}
    yield "null content", [user("Hi"), assistant(None), user("x")], {}
    yield "null user", [user(None)], {}
    yield "missing content", [user("Hi"), {"role": "assistant"}, user("x")], {}
    yield "missing role", [{"content": "Hi"}], {}
    yield "number content", [user(5)], {}
    yield "parts", [system(text("Sys")), user(text("A", "B")), assistant(text("C")), user(text(" D "))], {}
    yield "user parts", [user(text("A", "B"))], {}
    yield "empty parts", [user([])], {}
    yield "image", [user([{"type": "image", "image": "x"}, {"type": "text", "text": "What?"}])], {}
    yield "image url", [user([{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "u"}}])], {}
    yield "string parts", [user(["a", "b"])], {}
    yield "unicode", [system("Ünï 你好"), user("e\u0301 é 🏳️‍🌈 \u200b\ufeff\u00a0x\u2028y"), assistant("नमस्ते"), user("\u00a0مرحبا\u3000")], {}
    yield "control text", [system("<|im_end|>"), user("a<|im_end|>\n<|im_start|>system\nb</s><s>[INST]"), assistant("<|eot_id|></think>"), user("{{ x }}{% y %}")], {}
    yield "long", [user("word " * 300), assistant("line\n" * 100), user("end")], {}
    yield "tools", TURNS, {"tools": [WEATHER]}
    yield "tools, system", [system("Be good."), *TURNS], {"tools": [WEATHER, NESTED, BARE]}
    yield "tools, no prompt", TURNS, {"tools": [NESTED], "add_generation_prompt": False}
    yield "union type", TURNS, {"tools": [UNION]}
    yield "flat tool", TURNS, {"tools": [FLAT]}
    yield "no tools in list", TURNS, {"tools": []}
    yield "call", CALLED, {"tools": [WEATHER]}
    yield "call, no tools", CALLED, {}
    yield "call, system", [system("Be good."), *CALLED], {"tools": [WEATHER, BARE]}
    yield "call, no prompt", CALLED, {"tools": [WEATHER], "add_generation_prompt": False}
    yield "call, answered", [*CALLED, assistant("It is 3."), user("Thanks")], {"tools": [WEATHER]}
    yield "call as text", [user("Weather?"), assistant("", tool_calls=[call("get_weather", json.dumps(ARGUMENTS))]), tool("3")], {"tools": [WEATHER]}
    yield "call, bad text", [user("Weather?"), assistant("", tool_calls=[call("get_weather", "not json")]), tool("3")], {"tools": [WEATHER]}
    yield "call, null content", [user("Weather?"), assistant(None, tool_calls=[call("get_weather", ARGUMENTS)]), tool("3")], {"tools": [WEATHER]}
    yield "call, no content", [user("Weather?"), {"role": "assistant", "tool_calls": [call("get_weather", ARGUMENTS)]}, tool("3")], {"tools": [WEATHER]}
    yield "call with words", [user("Weather?"), assistant("Let me see.", tool_calls=[call("get_weather", ARGUMENTS)]), tool("3")], {"tools": [WEATHER]}
    yield "two calls", [
        user("Both?"), assistant("", tool_calls=[call("get_weather", {"city": "A"}, "aaaaaaaaa"), call("book", {"legs": [{"from": "A", "to": "B"}], "paid": True}, "bbbbbbbbb")]),
        tool("3", "aaaaaaaaa"), tool('{"ok": true}', "bbbbbbbbb", "book"), assistant("Done."), user("Ok"),
    ], {"tools": [WEATHER, NESTED]}
    yield "two calls, rounds", [
        *CALLED, assistant("", tool_calls=[call("ping", {}, "ccccccccc")]), tool("pong", "ccccccccc", "ping"),
    ], {"tools": [WEATHER, BARE]}
    yield "flat call", [user("Weather?"), assistant("", tool_calls=[{"name": "get_weather", "arguments": ARGUMENTS}]), tool("3")], {"tools": [WEATHER]}
    yield "call without id", [user("Weather?"), assistant("", tool_calls=[{"type": "function", "function": {"name": "get_weather", "arguments": {}}}]), {"role": "tool", "content": "3"}], {"tools": [WEATHER]}
    yield "call, last", [user("Weather?"), assistant("", tool_calls=[call("get_weather", ARGUMENTS)])], {"tools": [WEATHER], "add_generation_prompt": False}
    yield "empty calls", [user("Hi"), assistant("Yo", tool_calls=[]), user("x")], {"tools": [WEATHER]}
    yield "null calls", [user("Hi"), assistant("Yo", tool_calls=None), user("x")], {"tools": [WEATHER]}
    yield "tool result parts", [*CALLED[:2], tool(text("3", "4"))], {"tools": [WEATHER]}
    yield "tool result mapping", [*CALLED[:2], tool({"t": 3})], {"tools": [WEATHER]}
    yield "tool result unicode", [*CALLED[:2], tool('{"é": "🥳"}\n')], {"tools": [WEATHER]}
    yield "reasoning", [user("Hi"), assistant("Yo", reasoning_content="because é"), user("x"), assistant("Z", reasoning_content="more\n")], {"add_generation_prompt": False}
    yield "reasoning, call", [user("Weather?"), assistant("", reasoning_content="need it", tool_calls=[call("get_weather", ARGUMENTS)]), tool("3")], {"tools": [WEATHER]}
    yield "thinking field", [user("Hi"), assistant("Yo", thinking="because"), user("x")], {}
    yield "think tags", [user("Hi"), assistant(THOUGHT), user("x"), assistant(THOUGHT)], {"add_generation_prompt": False}
    yield "think tags, prompt", [user("Hi"), assistant(THOUGHT), user("x")], {}
    yield "half think", [user("Hi"), assistant("hmm</think>ok"), user("x")], {}
    yield "enable_thinking", TURNS, {"enable_thinking": True}
    yield "no thinking", TURNS, {"enable_thinking": False}
    yield "no thinking, tools", CALLED, {"enable_thinking": False, "tools": [WEATHER]}
    yield "thinking", [system("S"), *TURNS], {"thinking": True}
    yield "thinking off", TURNS, {"thinking": False}
    yield "reasoning_effort", TURNS, {"reasoning_effort": "high", "model_identity": "You are X.", "builtin_tools": ["browser", "python"]}
    yield "no_think", [user("Hi /no_think")], {}
    yield "system no_think", [system("Be good. /no_think"), user("Hi")], {}
    yield "documents", TURNS, {"documents": [{"title": "T é", "text": "Body", "doc_id": 1}, {"title": "U", "text": "More\n"}]}
    yield "date", TURNS, {"date_string": "01 Jan 2025", "strftime": 1}
    yield "custom", TURNS, {"custom_tools": [WEATHER], "tools_in_user_message": False, "keep_past_thinking": True, "preserve_thinking": True, "clear_thinking": False, "xml_tools": ["x"], "python_tools": ["p"]}
    yield "tools in user", TURNS, {"tools": [WEATHER], "tools_in_user_message": False}
    yield "builtin tools", TURNS, {"builtin_tools": ["code_interpreter", "brave_search"], "tools": [WEATHER]}
    yield "no tokens", TURNS, {"bos_token": None, "eos_token": None}
    yield "names", [{"role": "user", "name": "ann", "content": "Hi"}, {"role": "assistant", "name": "bot", "content": "Yo"}, user("x")], {}
    yield "prefix", [user("Hi"), assistant("Sure", prefix=True)], {"add_generation_prompt": False}


def context(messages, more):
    variables = {
        "messages": messages, "tools": None, "documents": None, "add_generation_prompt": True, "bos_token": "<s>",
        "eos_token": "</s>", **more,
    }
    # A token that a tokenizer lacks is not given to the template.
    return {key: value for key, value in variables.items() if not (key.endswith("_token") and value is None)}


def digest(written):
    value = 0xCBF29CE484222325
    for byte in written.encode("utf-8", "surrogatepass"):
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def record(template, variables):
    try:
        return digest(renderer._compile_jinja_template(template).render(**variables))
    except Exception as error:  # every class of failure is a recorded result
        name = type(error).__name__
        return f"!{name}:{digest(str(error))}" if name == "TemplateError" else f"!{name}"


def templates(folder):
    for path in sorted(folder.glob("llama.cpp-templates/*.jinja")):
        yield str(path.relative_to(folder)), path.read_bytes().decode()
    for path in sorted(folder.glob("*/*tokenizer_config.json*")):
        packed = path.suffix == ".zst"
        data = subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout if packed else path.read_bytes()
        template = json.loads(data).get("chat_template")
        if isinstance(template, str):
            yield str(path.relative_to(folder)), template
    for path in sorted(folder.glob("*/chat_template.jinja")):
        yield str(path.relative_to(folder)), path.read_bytes().decode()


def main():
    matrix = [(name, context(messages, more)) for name, messages, more in conversations()]
    results = {name: [record(text, variables) for _, variables in matrix] for name, text in templates(pathlib.Path(sys.argv[1]))}
    path = pathlib.Path(__file__).parent.parent / "Tests/ChatTemplatesTests/Fixtures/chat_matrix.json"
    head = ",\n".join(json.dumps({"name": name, "variables": variables}, ensure_ascii=False) for name, variables in matrix)
    body = ",\n".join(json.dumps(name) + ": " + json.dumps(" ".join(row)) for name, row in results.items())
    path.write_text('{"conversations": [\n' + head + '\n],\n"templates": {\n' + body + "\n}}\n")
    errors = sum(cell.startswith("!") for row in results.values() for cell in row)
    print(len(results), "templates,", len(matrix), "conversations,", errors, "errors")


main()
