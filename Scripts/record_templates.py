"""Records what the chat-template renderer of transformers writes for small templates.

Needs transformers 4.48.3 and jinja2 3.1.6. Writes Tests/ChatTemplatesTests/Fixtures/templates.json.
"""

import json
import pathlib

from transformers.utils.chat_template_utils import _compile_jinja_template

WEATHER = {"name": "weather", "parameters": {"city": "Zürich", "days": 3, "ratio": 1.0, "none": None, "ok": True}}
PEOPLE = [{"name": "b", "age": 2}, {"name": "A", "age": 1}, {"name": "b", "age": 3, "tag": "x"}]

CASES = {
    "floats": ("{{ [1e16, 9.5e15, 1e-5, 0.0001, -0.0, 1/3, 123456.789, 2e22, 5e-324] }}", {}),
    "integers": ("{{ -7//2 }} {{ 7%-3 }} {{ 2**-1 }} {{ true+1 }} {{ 7.5//2 }} {{ -7.5%2 }} {{ 0x1f }} {{ 1_000 }}", {}),
    "precedence": ("{{ -2**2 }} {{ 1 + 2 }}{{ 2 ~ 3 * 2 }} {{ not 1 == 2 }} {{ 1 < 2 < 3 }} {{ 'a' 'b' }} {{ 2 ** 3 ** 2 }}", {}),
    "test_binding": ("{{ 4 is divisibleby 2 and 3 is odd }} {{ x is not defined }} {{ 'a' is in ['a'] }} {{ 1 is eq 1 }}", {}),
    "slices": ("{{ s[::2] }} {{ s[-3:] }} {{ s[5:1:-2] }} {{ l[1:] }} {{ l[-10:2] }} {{ (1,2,3)[::-1] }}", {"s": "añb🥳cd", "l": [1, 2, 3]}),
    "canonical_equivalents": ("{{ 'é' == a }} {{ a|length }} {{ a in 'é' }} {{ {'é': 1}[a] is defined }} {{ a|upper }}", {"a": "e\u0301"}),
    "repr": ("{{ [s, 'a\\\\b', 'it\\'s \"x\"', '\\u200b\\x00'] }}", {"s": "🥳\u00a0é"}),
    "text_methods": ("{{ ' a b  c '.split() }} {{ 'a,b,c'.rsplit(',', 1) }} {{ 'abcabc'.rfind('c') }} {{ 'éa'.find('a') }} {{ 'a-b'.partition('-') }} {{ 'ab'.center(7, '*') }} {{ '-5'.zfill(4) }} {{ 'x\\ny\\r\\nz'.splitlines() }} {{ 'xxabxx'.strip('x') }} {{ 'prefix'.removeprefix('pre') }} {{ 'a b c'.split(None, 1) }}", {}),
    "format": ("{{ '%s=%05.2f|%-4d|%x' % ('a', 3.14159, 7, 255) }} {{ '{} {1} {0}'.replace(' {1} {0}', '').format('p') }} {{ '{0}-{name:>5}|{n:,}|{f:.2f}'.format('a', name='b', n=1234567, f=2.5) }} {{ '%s %s'|format('a', 1) }}", {}),
    "filters_order": ("{{ p|sort(attribute='age', reverse=true)|map(attribute='name')|list }} {{ p|groupby('name')|map('first')|list }} {{ ['b','A','c']|sort }} {{ ['b','A','B']|unique|list }} {{ p|sum(attribute='age') }} {{ p|map(attribute='tag', default='-')|join }} {{ [3,1]|min }} {{ range(5)|batch(2)|list }} {{ range(5)|slice(2)|list }}", {"p": PEOPLE}),
    "filters_text": ("{{ 'a\\n\\nb'|indent(2, true) }}|{{ 'hello there world'|truncate(12) }}|{{ \"it's a-b\"|title }}|{{ 'HELLO'|capitalize }}|{{ 'a b/c'|urlencode }}|{{ 2.5|round }} {{ 2.567|round(2) }} {{ 42.1|round(1, 'floor') }}|{{ '0x1f'|int(0, 16) }} {{ '1e2'|int }}|{{ '<b>x</b> y'|striptags }}|{{ ['a']|string }}", {}),
    "json": ("{{ t|tojson }}\n{{ t|tojson(indent=4) }}\n{{ t|tojson(sort_keys=true, separators=(',', ':')) }}\n{{ t|tojson(ensure_ascii=true) }}", {"t": WEATHER}),
    "scopes": ("{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}{% for i in [1, 2] %}{{ x }}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}{% with x = 9, y = x %}{{ x }}{{ y }}{% endwith %}{{ x }}", {}),
    "macros": ("{% macro m(a, b=a ~ '!') %}[{{ a }}{{ b }}{{ varargs }}{{ kwargs }}]{% endmacro %}{{ m(1) }}{{ m(1, 2, 3, k=4) }}{% macro w() %}<{{ caller('z') }}>{% endmacro %}{% call(v) w() %}in {{ v }}{% endcall %}{% macro late() %}{{ after }}{% endmacro %}{% set after = 'A' %}{{ late() }}", {}),
    "recursive_macro": ("{% macro tree(n) %}({{ n.v }}{% for c in n.c %}{{ tree(c) }}{% endfor %}){% endmacro %}{{ tree(t) }}", {"t": {"v": 1, "c": [{"v": 2, "c": [{"v": 3, "c": []}]}, {"v": 4, "c": []}]}}),
    "recursive_loop": ("{% for n in t recursive %}{{ loop.depth }}{{ n.v }}{{ loop(n.c) if n.c }}{% endfor %}", {"t": [{"v": "a", "c": [{"v": "b", "c": []}]}, {"v": "c", "c": []}]}),
    "loop_helpers": ("{% for x in [1, 1, 2] %}{{ loop.cycle('o', 'e') }}{{ loop.changed(x) }}{{ loop.revindex0 }} {% endfor %}{% set j = joiner('|') %}{% for x in 'ab' %}{{ j() }}{{ x }}{% endfor %}", {}),
    "unpacking": ("{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}{% set a, b = 'xy' %}{{ a }}{{ b }}{{ dict(k=1, **{'z': 2}) }}", {}),
    "white_space": ("a\n  {%- if true -%}  \n b \n{%- endif %}\n\n  {# c #}\n{% if true +%}\n  x{% endif %}\n{%+ if true %}y{% endif %}\n {{- 'z' }} \n{% raw %}\n {{ r }} {% endraw %}\n.", {}),
    "crlf": ("a\r\n{% if true %}\r\nb\rc{% endif %}\r\n", {}),
    "undefined": ("[{{ u }}][{{ u ~ 'x' }}][{{ u|length }}][{{ u == none }}][{{ u|default('d') }}][{{ (u.x if u is defined) }}][{% for x in u %}{% else %}e{% endfor %}][{{ u|trim }}][{{ {}.a }}][{{ [][3] }}]", {}),
    "undefined_attribute": ("{{ u.x }}", {}),
    "undefined_operand": ("{{ u + 'x' }}", {}),
    "undefined_json": ("{{ u|tojson }}", {}),
    "zero_division": ("{{ 1 // 0 }}", {}),
    "unknown_filter": ("{{ 1|nope }}", {}),
    "unknown_tag": ("{% nope %}", {}),
    "unclosed": ("{% if true %}x", {}),
    "dictionary_mutation": ("{{ d.update({'a': 1}) }}", {"d": {}}),
    "set_filter_block": ("{% set x | upper | trim %} a{{ 1 }} {% endset %}[{{ x }}]{% filter upper %}b{% endfilter %}", {}),
    "keys": ("{% set d = {1: 'a', 'b': 2, none: 3, 1.0: 'z'} %}{{ d }}{{ d[true] }}{{ d.keys()|list }}{{ d|tojson }}", {}),
    "string_escapes": ("{{ '\\x41\\u00e9\\U0001F973\\101\\q\\t|' }}", {}),
}


def record(template, variables):
    try:
        return {"output": _compile_jinja_template(template).render(**variables)}
    except Exception as error:  # every class of failure is a recorded result
        return {"error": type(error).__name__}


cases = [
    {"name": name, "template": template, "variables": variables, **record(template, variables)}
    for name, (template, variables) in CASES.items()
]
path = pathlib.Path(__file__).parent.parent / "Tests/ChatTemplatesTests/Fixtures/templates.json"
path.write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")
