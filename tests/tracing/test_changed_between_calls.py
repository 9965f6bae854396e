"""What changes in a module between two calls of one process, and what of it a result shows.

Each case is a function and a change after which it gives another result; the memoized function
must give that, too. What is compared, counted or shown may lie in containers that the function
itself makes: then what is in there counts.
"""

from __future__ import annotations

import ast
import collections
import contextvars
import copy
import functools
import html.parser
import itertools
import json
import operator
import string
import types
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import dumbo

numbers = [3, 1, 2]
variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=1)
side = types.ModuleType("side")


class Plain:
    """It has no special methods, until it gets one."""

    def __init__(self) -> None:
        self.v = [1]


class Equal:
    def __init__(self, v: int = 1) -> None:
        self.v = [v]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal) and self.v == other.v

    __hash__ = None  # type: ignore[assignment]


class Parser(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.out: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.out.append(tag)


class Visitor(ast.NodeVisitor):
    def __init__(self) -> None:
        self.out: list[str] = []

    def visit_Name(self, node: ast.Name) -> None:
        self.out.append(node.id)


class Encoder(json.JSONEncoder):
    pass


class Formatter(string.Formatter):
    pass


plain = Plain()
equal = Equal()
equals = [Equal(), Equal(2)]


class Field:
    """A descriptor."""

    more = 1

    def __get__(self, obj: Any, cls: Any = None) -> int:
        return 5


field = Field()
held = types.SimpleNamespace(v=[1])


class Described:
    field = field


def grow_held() -> None:
    held.v.append(2)


async def slow(value: Any) -> Any:
    return value


def last(value: Any) -> Any:
    yield 1
    return value


def driven(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value


def ended(value: Any) -> Any:
    generator = last(value)
    next(generator)
    try:
        next(generator)
    except StopIteration as end:
        return end.value


def parsed() -> list[str]:
    parser = Parser()
    parser.feed("<a>text</a>")
    return parser.out


def visited() -> list[str]:
    visitor = Visitor()
    visitor.visit(ast.parse("x + 1"))
    return visitor.out


def grow() -> None:
    numbers.append(7)


def marked() -> None:
    """It has an attribute."""


def replace() -> None:
    numbers[0] = 7
    marked.n = [3, 1, 7]  # type: ignore[attr-defined]


COMPARED: dict[str, Callable[[Any], Any]] = {
    "a list with a list": lambda x: [numbers] == [[3, 1, 2]],
    "a tuple with a tuple": lambda x: (numbers, 1) == ([3, 1, 2], 1),
    "a table with a table": lambda x: {"a": numbers} == {"a": [3, 1, 2]},
    "the other way round": lambda x: ([3, 1, 2],) != (numbers,),
    "in order": lambda x: (numbers,) < ([3, 9],),
    "deep within": lambda x: [((numbers,),)] == [(([3, 1, 2],),)],
    "what was put together": lambda x: [numbers] + [1] == [[3, 1, 2], 1],  # noqa: RUF005
    "what was repeated": lambda x: [numbers] * 2 == [[3, 1, 2]] * 2,
    "a slice": lambda x: [numbers][:] == [[3, 1, 2]],
    "a comprehension": lambda x: [numbers for _ in range(2)] == [[3, 1, 2]] * 2,
    "a deque": lambda x: collections.deque([numbers]) == collections.deque([[3, 1, 2]]),
    "what is spread": lambda x: (lambda *a: a)(numbers) == ([3, 1, 2],),
    "what has a name": lambda x: (lambda **k: k)(a=numbers) == {"a": [3, 1, 2]},
    "the items of a table": lambda x: {"a": numbers}.items() == {"a": [3, 1, 2]}.items(),
    "by a method": lambda x: [numbers].__eq__([[3, 1, 2]]),
    "whether it is in a list": lambda x: [3, 1, 2] in [numbers],
    "whether it is in a tuple": lambda x: [3, 1, 2] in (numbers,),
    "how often it is in a list": lambda x: [numbers].count([3, 1, 2]),
    "how often it is in a tuple": lambda x: (numbers,).count([3, 1, 2]),
    "what a partial holds": lambda x: functools.partial(list, numbers).args == ([3, 1, 2],),
    "shown by a method": lambda x: [numbers].__repr__(),
    "what a namespace carries": lambda x: types.SimpleNamespace(h=marked).h.n,
    "rows of two": lambda x: list(itertools.product([numbers], [1])) == [([3, 1, 2], 1)],
}


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "numbers", [3, 1, 2])
    monkeypatch.setitem(globals(), "equal", Equal())
    monkeypatch.setitem(globals(), "equals", [Equal(), Equal(2)])
    vars(side).pop("__getattr__", None)
    vars(field).clear()
    vars(held).clear()
    held.v = [1]
    marked.n = [3, 1, 2]  # type: ignore[attr-defined]
    side.x = [1]  # type: ignore[attr-defined]


def _differs(function: Callable[[Any], Any], change: Callable[[], object], observe: bool) -> None:
    """The function gives something else after *change*, and memoized the same as without."""
    memoized = dumbo.memo(keep="always", observe=observe)(function)
    before = repr(memoized(1))
    assert repr(memoized(1)) == before
    assert memoized.cache_info().hits == 1
    change()
    try:
        after = repr(function(1))
    except Exception as error:
        with pytest.raises(type(error)):
            memoized(1)
        return
    assert after != before
    assert repr(memoized(1)) == after


@pytest.mark.parametrize("observe", [True, False])
@pytest.mark.parametrize("function", COMPARED.values(), ids=COMPARED)
def test_what_is_in_containers_that_are_compared_counts(
    function: Callable[[Any], Any], observe: bool
) -> None:
    _differs(function, replace, observe)


METHODS: dict[str, tuple[Callable[[Any], Any], type, str, Callable[..., Any]]] = {
    "text of a list": (lambda x: str([plain])[:2], Plain, "__repr__", lambda s: "R"),
    "text in a text": (lambda x: f"{(plain,)}"[:2], Plain, "__repr__", lambda s: "R"),
    "equality": (lambda x: [plain] == [1], Plain, "__eq__", lambda s, o: True),
    "equality in a tuple": (lambda x: (1,) == (plain,), Plain, "__eq__", lambda s, o: True),
    "a copy within": (
        lambda x: type(copy.deepcopy([plain])[0]).__name__,
        Plain,
        "__deepcopy__",
        lambda s, m: "copy",
    ),
    "truth": (lambda x: operator.truth(plain), Plain, "__bool__", lambda s: False),
    "truth of items": (lambda x: any([plain]), Plain, "__bool__", lambda s: False),
    "what filter leaves": (
        lambda x: len(list(filter(None, [plain]))),
        Plain,
        "__bool__",
        lambda s: False,
    ),
    "a length hint": (
        lambda x: operator.length_hint(plain, 5),
        Plain,
        "__length_hint__",
        lambda s: 3,
    ),
    "equality of items": (lambda x: equals.index(equal), Equal, "__eq__", lambda s, o: s.v == [2]),
    "how attributes are read": (
        lambda x: vars(plain) == {"v": [1]},
        Plain,
        "__getattribute__",
        lambda s, name: 1,
    ),
    "what a base calls": (lambda x: parsed(), Parser, "handle_data", lambda s, d: s.out.append(d)),
    "what a base overrides": (
        lambda x: visited(),
        Visitor,
        "generic_visit",
        lambda s, n: s.out.append("any"),
    ),
    "what a class passed on overrides": (
        lambda x: json.dumps({"a": 1}, cls=Encoder),
        Encoder,
        "encode",
        lambda s, o: "encoded",
    ),
    "what formats": (
        lambda x: Formatter().format("{0}", 1),
        Formatter,
        "format_field",
        lambda s, v, f: "field",
    ),
}


@pytest.mark.parametrize("observe", [True, False])
@pytest.mark.parametrize("case", METHODS.values(), ids=METHODS)
def test_a_method_that_a_class_gets_is_seen_by_who_would_call_it(
    case: tuple[Any, type, str, Any], observe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, cls, name, method = case
    _differs(function, lambda: monkeypatch.setattr(cls, name, method, raising=False), observe)


def test_a_method_that_nobody_looks_for_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    function = dumbo.memo(keep="always")(lambda x: str([plain])[:2])
    function(1)
    monkeypatch.setattr(Plain, "other", lambda self: 1, raising=False)
    function(1)
    assert function.cache_info().hits == 1


class Stamping(type):
    def __call__(cls, *args: Any) -> Any:
        made = super().__call__(*args)
        made.stamp = list(numbers)
        return made


class Stamped(metaclass=Stamping):
    stamp: list[int]


def test_what_a_metaclass_does_after_it_has_made_an_object_counts() -> None:
    _differs(lambda x: Stamped().stamp, replace, observe=False)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x is numbers,
        lambda x: (x if isinstance(x, list) else None) is not numbers,
        lambda x: any([item is numbers for item in x]),
    ],
)
def test_whether_an_argument_is_a_list_of_the_module_is_told_by_no_key(function: Any) -> None:
    memoized = dumbo.memo(keep="always")(function)
    for argument in (numbers, list(numbers), [numbers], [list(numbers)]):
        assert memoized(argument) == function(argument)


def test_what_can_be_none_of_the_module_s_lists_is_cached() -> None:
    memoized = dumbo.memo(keep="always")(lambda x: x is numbers)
    memoized(5)
    memoized(5)
    assert memoized.cache_info().hits == 1


class Quiet(type):
    """A metaclass without hooks, until it gets one."""


class Classed(metaclass=Quiet):
    pass


classed = Classed()


def test_a_hook_that_a_metaclass_gets_is_seen_where_libraries_look_at_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hook(cls: type, name: str) -> Any:
        if name == "__copy__":
            return lambda self: "copied"
        raise AttributeError(name)

    _differs(
        lambda x: type(copy.copy(classed)).__name__,
        lambda: monkeypatch.setattr(Quiet, "__getattr__", hook, raising=False),
        observe=False,
    )


def _reads_by_hand() -> None:
    """Something here reads its own `__dict__`."""


@pytest.mark.parametrize("observe", [True, False])
@pytest.mark.parametrize(
    ("function", "change"),
    [
        (lambda x: driven(slow(numbers)), grow),
        (lambda x: ended(numbers), grow),
        (lambda x: any(row for row in [numbers]), lambda: numbers.clear()),
        (lambda x: list(itertools.starmap(max, [numbers])), replace),
        (lambda x: f"{side.x}", lambda: side.x.append(2)),
        (lambda x: f"{side.x[0]}", lambda: side.x.insert(0, 5)),
        (lambda x: contextvars.copy_context()[variable], lambda: variable.set(5)),
        (lambda x: list(vars(plain)), lambda: setattr(plain, "__note__", 1)),
        (lambda x: len(dir(plain)), lambda: setattr(plain, "__note2__", 1)),
        (lambda x: list(vars(_reads_by_hand)), lambda: setattr(_reads_by_hand, "mark", 1)),
        (lambda x: str(vars(_reads_by_hand)), lambda: setattr(_reads_by_hand, "mark2", 1)),
        (lambda x: dict(vars(held)), grow_held),
        (lambda x: len(vars(held)), lambda: vars(held).update({1: 2})),
        (lambda x: (lambda table: table.update(vars(held)) or table)({}), grow_held),
        (lambda x: Described.__dict__["field"].more, lambda: setattr(field, "more", 2)),
        (lambda x: sorted(vars(Plain)), lambda: setattr(Plain, "__note__", 1)),
    ],
    ids=[
        "what a coroutine returns to who drives it",
        "what a generator returns in the end",
        "truth of what a generator gives",
        "a row that is spread",
        "an attribute in a format",
        "an item of an attribute in a format",
        "a variable of a context",
        "fields of any name",
        "all names",
        "the names of what a function holds",
        "what a function holds",
        "a copy of fields",
        "how many fields there are",
        "fields that are put into a table",
        "a descriptor itself",
        "the names of a class",
    ],
)
def test_what_is_read_in_a_roundabout_way_counts(
    function: Callable[[Any], Any], change: Callable[[], object], observe: bool
) -> None:
    variable.set(1)
    for holder in (plain, _reads_by_hand):
        for name in ("__note__", "__note2__", "mark", "mark2"):
            vars(holder).pop(name, None)
    if "__note__" in vars(Plain):
        del Plain.__note__
    _differs(function, change, observe)
