"""Programs made at random, which move functions through containers: what runs is in the closure."""

from __future__ import annotations

import random
import re
import sys
from types import CodeType, ModuleType

import pytest

import dumbo

SETTING = """
def f1(*a, **k): return f1
def f2(*a, **k): return f2
def f3(*a, **k): return f3
def f4(*a, **k): return f4
def f5(*a, **k): return f5
def f6(*a, **k): return f6

held = {'a': f1, 'b': f2, 'c': f3}
named = f1

class Box:
    def __init__(self):
        self.f = f1
        self.d = {'a': f2, 'b': f3}
        self.l = [f3, f4]
    def set(self, value): self.f = value
    def run(self): self.f()

box = Box()

def same(value): return value
def first(items): return items[0]
def swap(table):
    table['a'], table['b'] = table.get('b', f5), table.get('a', f6)
    return table
def turn(items):
    items.append(items.pop(0))
    return items
def store(table, value): table['a'] = value
def put(items, value): items[0] = value
def fresh(value):
    made = {'a': f1}
    made['a'] = value
    made['b'] = value
    return made
def call(table): table['a']()
def call_all(*items):
    for item in items: item()
def by_name(a): a()
def each(items):
    for item in items: yield item
def rename(value):
    global named
    named = value
def call_named(): named()
"""
BEGIN = """
def main(k='a', i=0):
    d, e = {'a': f1, 'b': f2, 'c': f3}, {'a': f4, 'b': f5, 'c': f4}
    l, m = [f1, f2], [f3, f4]
    x, y = f5, f6
    o, p = Box(), Box()
"""
# What stands for each word; the first one ends what has become too deep.
GRAMMAR = {
    "FUNCTION": ["f1", "f2", "f3", "f4", "f5", "f6"],
    "KEY": ["'a'", "'b'", "'c'", "k"],
    "AT": ["0", "1", "-1", "i"],
    "TABLE": ["d", "e"],
    "LIST": ["l", "m"],
    "NAME": ["x", "y"],
    "OBJECT": ["o", "p"],
    "VALUE": [
        "FUNCTION", "FUNCTION", "NAME", "TABLE[KEY]", "LIST[AT]", "TABLE.get(KEY, FUNCTION)",
        "(FUNCTION if i % 2 else NAME)", "same(VALUE)", "OBJECT.f", "first(LIST)",
        "(NAME or FUNCTION)", "TABLE.pop(KEY, FUNCTION)",
    ],
    "SOME_TABLE": [
        "TABLE", "{KEY: VALUE}", "{'a': VALUE, 'b': VALUE}", "dict(a=VALUE)", "dict(TABLE)",
        "{**TABLE, KEY: VALUE}", "TABLE.copy()", "TABLE | {'c': VALUE}", "swap(TABLE)", "o.d",
        "dict.fromkeys('ab', VALUE)", "{q: z for q, z in TABLE.items()}", "fresh(VALUE)",
    ],
    "SOME_LIST": [
        "LIST", "[VALUE]", "[VALUE, VALUE]", "list(LIST)", "LIST[::-1]", "LIST + [VALUE]",
        "list(TABLE.values())", "[z for z in LIST]", "LIST.copy()", "turn(LIST)", "o.l",
        "sorted(LIST, key=id)", "LIST * 2", "[*LIST, VALUE]",
    ],
    "CALL": [
        "VALUE()", "TABLE[KEY]()", "LIST[AT]()", "OBJECT.f()", "OBJECT.run()", "box.f()",
        "for z in LIST: z()", "for z in TABLE.values(): z()", "for q, z in TABLE.items(): z()",
        "call(TABLE)", "call_all(*LIST)", "list(map(lambda z: z(), LIST))", "call_named()",
        "by_name(**{'a': VALUE})", "[z() for z in LIST]", "NAME()",
    ],
    "WRITE": [
        "TABLE[KEY] = VALUE", "LIST[AT] = VALUE", "OBJECT.f = VALUE", "TABLE = SOME_TABLE",
        "LIST = SOME_LIST", "NAME = VALUE", "LIST.append(VALUE)", "LIST.insert(0, VALUE)",
        "TABLE.update({KEY: VALUE})", "LIST.reverse()", "d = e = SOME_TABLE", "store(TABLE, VALUE)",
        "put(LIST, VALUE)", "LIST.extend([VALUE])", "LIST[0:1] = [VALUE]", "del TABLE[KEY]",
        "LIST.pop(AT)", "TABLE.setdefault(KEY, VALUE)", "o.d = TABLE", "o.l = LIST", "o = p",
        "OBJECT = Box()", "OBJECT.set(VALUE)", "x, y = y, x", "x, *l = [VALUE, VALUE, VALUE]",
        "held[KEY] = VALUE; held[KEY]()", "rename(VALUE)", "i += 1",
    ],
    "BLOCK": [
        "if i % 2:", "if k == 'a':", "if x is f1:", "if len(l) > 1:", "for k in ('a', 'b'):",
        "for k in list(d):", "for i in range(2):", "while i < 2:\n    i += 1",
        "try:\n    WRITE\n    CALL\nexcept (KeyError, IndexError):", "try:\n    WRITE\nfinally:",
        "late = lambda: TABLE[KEY]()\nWRITE\nlate()\nif i:",
        "late = each(LIST)\nWRITE\nfor z in late: z()\nfor i in range(1):",
    ],
}  # fmt: skip
WORD = re.compile(rf"\b(?:{'|'.join(GRAMMAR)})\b")


def _expand(text: str, chance: random.Random, depth: int = 0) -> str:
    def one(found: re.Match[str]) -> str:
        choices = GRAMMAR[found[0]]
        chosen = chance.choice(choices) if depth < 4 or len(choices) < 7 else choices[0]
        return _expand(chosen, chance, depth + 1)

    return WORD.sub(one, text)


def _statements(chance: random.Random, indent: int) -> list[str]:
    lines: list[str] = []
    for _ in range(chance.randrange(1, 4)):
        kind = chance.choices(["WRITE", "CALL", "BLOCK"], [5, 3, 2 if indent < 3 else 0])[0]
        text = _expand(kind, chance)
        lines += ["    " * indent + line for line in text.splitlines()]
        if kind == "BLOCK":
            lines += _statements(chance, indent + 1)
    return lines


def program(seed: int) -> str:
    chance = random.Random(seed)
    lines = _statements(chance, 1) + _statements(chance, 1) + _statements(chance, 1)
    return SETTING + BEGIN + "\n".join(lines) + "\n"


def _ran(module: ModuleType) -> set[CodeType]:
    found: set[CodeType] = set()

    def see(frame: object, event: str, _: object) -> None:
        if event == "call":
            found.add(frame.f_code)  # type: ignore[attr-defined]

    sys.setprofile(see)
    try:
        module.main()
    except (KeyError, IndexError, TypeError, ValueError):  # as programs made at random do
        pass
    finally:
        sys.setprofile(None)
    return {code for code in found if code.co_filename == module.__file__}


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_what_runs_is_in_the_closure(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(first, first + 20):
        module = ModuleType("made_at_random")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        module.__file__ = f"<program {seed}>"
        exec(compile(program(seed), module.__file__, "exec"), module.__dict__)
        nodes = dumbo.deps(module.main).nodes(data=True)
        known = {data["qualname"] for _, data in nodes if "qualname" in data}
        # Comprehensions and lambdas belong to the function that they stand in.
        ran = {code.co_qualname.partition(".<locals>")[0] for code in _ran(module)}
        assert ran <= known, program(seed).partition(BEGIN)[2]
