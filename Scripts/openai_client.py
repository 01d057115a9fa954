#!/usr/bin/env python3
"""Talks to a running server with PyPI's `openai`, as programs do: chat, streams, log-probabilities, tools, errors.

Run: Scripts/openai_client.py URL
"""
import json
import sys

import openai


def main():
    client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="any")
    model = client.models.list().data[0].id
    ask = dict(model=model, messages=[{"role": "user", "content": "Hello!"}], max_tokens=8)

    whole = client.chat.completions.create(**ask, temperature=0)
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    text, usage = "", None
    for chunk in client.chat.completions.create(**ask, temperature=0, stream=True, stream_options={"include_usage": True}):
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
        usage = chunk.usage or usage
    assert text == whole.choices[0].message.content, (text, whole)
    assert usage.completion_tokens == whole.usage.completion_tokens

    logprobs = client.chat.completions.create(**ask, logprobs=True, top_logprobs=2).choices[0].logprobs.content
    assert all(len(entry.top_logprobs) == 2 and entry.logprob <= 0 for entry in logprobs)
    plain = client.completions.create(model=model, prompt="The capital of France is", max_tokens=4, logprobs=1, temperature=0)
    assert len(plain.choices[0].logprobs.tokens) == 4

    schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"],
              "additionalProperties": False}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": schema}}]
    choice = client.chat.completions.create(
        **{**ask, "max_tokens": 200}, tools=tools,
        tool_choice={"type": "function", "function": {"name": "weather"}}).choices[0]
    assert choice.finish_reason == "tool_calls"
    call = choice.message.tool_calls[0].function
    assert call.name == "weather" and "city" in json.loads(call.arguments)
    formed = client.chat.completions.create(
        **{**ask, "max_tokens": 200},
        response_format={"type": "json_schema", "json_schema": {"name": "place", "schema": schema}})
    assert "city" in json.loads(formed.choices[0].message.content)

    for wrong, kind in (({"temperature": -1}, openai.BadRequestError), ({"model": "none"}, openai.NotFoundError)):
        try:
            client.chat.completions.create(**{**ask, **wrong})
        except kind as error:
            assert error.param == next(iter(wrong))
        else:
            raise AssertionError(f"{wrong} was accepted")
    print(f"openai {openai.__version__}: chat, streams, log-probabilities, tools, forms, errors")


main()
