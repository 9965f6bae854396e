"""What decides a test beforehand, and what the program itself may have changed by then."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from dumbo.tracing.interpreter import trace
from dumbo.tracing.shapes import shape_of

SOURCE = """
OFF, ON = False, True

class Base:
    flag = False

class C(Base):
    pass

def helper():
    return 1

def off():
    return helper() if OFF else 0

def on():
    return helper() if ON else 0

def through_an_instance():
    Base.flag = True
    made = C()
    return helper() if made.flag else 0

def through_a_subclass():
    Base.flag = True
    return helper() if C.flag else 0

def by_a_computed_name(name):
    setattr(Base, name, True)
    return helper() if C().flag else 0

def by_a_computed_global(name):
    globals()[name] = True
    return helper() if OFF else 0

class Holder:
    def __init__(self):
        self.part = None

    def close(self):
        if self.part.open:
            return helper()

def of_a_part(holder):
    return Holder.close(holder)
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("truth_target")
    exec(compile(SOURCE, "truth_target.py", "exec"), vars(made))
    monkeypatch.setitem(sys.modules, "truth_target", made)
    return made


def reaches(function: Any) -> bool:
    return any(node.name.endswith(":helper") for node in trace(function).nodes.values())


def test_a_branch_that_a_constant_rules_out_is_not_followed(module: Any) -> None:
    assert not reaches(module.off)
    assert reaches(module.on)


@pytest.mark.parametrize(
    "name",
    ["through_an_instance", "through_a_subclass", "by_a_computed_name", "by_a_computed_global"],
)
def test_what_the_program_sets_itself_rules_out_nothing(module: Any, name: str) -> None:
    assert reaches(getattr(module, name))


def test_a_test_of_an_attribute_says_nothing_of_its_object(module: Any) -> None:
    assert reaches(module.of_a_part)


KINDS = """
import collections

class Base:
    pass

class Derived(Base):
    pass

class Proxy:
    @property
    def __class__(self):
        return Base

PROXY = Proxy()

def helper(x):
    return x

def another_type(n):
    return helper(n) if type(n) is dict else 0

def one_of_two(n):
    made = Base() if n else 'text'
    if type(made) is dict:
        return helper(made)

def its_type(n):
    return helper(n) if type(n) is int else 0

def maybe_derived(made: Base):
    return helper(made) if type(made) is Derived else 0

def counted(n):
    made = collections.OrderedDict() if n else {}
    return helper(made) if type(made) is collections.OrderedDict else 0

def by_its_own_word(n):
    made = Proxy()
    return helper(made) if made.__class__ is Base else 0

def by_its_own_word_where_it_is_tested(n):
    made = Proxy()
    return helper(made) if isinstance(made, Base) else 0

def a_live_one_by_its_own_word(n):
    return helper(n) if PROXY.__class__ is Base and isinstance(PROXY, Base) else 0

def put_into_another_class(n):
    made = Base()
    made.__class__ = Derived
    return helper(made) if made.__class__ is Derived else 0
"""


def asks(name: str) -> bool:
    module = types.ModuleType("kinds_target")
    exec(compile(KINDS, "kinds_target.py", "exec"), vars(module))
    function = getattr(module, name)
    shape = None if name == "maybe_derived" else shape_of((3,), ())
    names = function.__code__.co_varnames[:1]
    found = trace(function, (), shape, names, observed=False)
    return any(node.name.endswith(":helper") for node in found.nodes.values())


@pytest.mark.parametrize("name", ["another_type", "one_of_two"])
def test_what_is_of_another_type_takes_no_branch_for_that_type(name: str) -> None:
    assert not asks(name)


@pytest.mark.parametrize(
    "name",
    [
        "its_type",
        "maybe_derived",
        "counted",
        "by_its_own_word",
        "by_its_own_word_where_it_is_tested",
        "a_live_one_by_its_own_word",
        "put_into_another_class",
    ],
)
def test_what_may_be_of_a_type_takes_the_branch_for_it(name: str) -> None:
    assert asks(name)


TEXTS = {
    "b.strip()": "bytes",
    "b.split()[0]": "bytes",
    "b.partition(b'a')[0]": "bytes",
    "b.join([b])": "bytes",
    "b[:2]": "bytes",
    "b'ab'.lower()": "bytes",
    "b[0]": "int",
    "t.strip()": "str",
    "t[:2]": "str",
    "(1, 2)[:1]": "tuple",
    "(t, b).__getitem__(0)": "str",
    "(t, b).__contains__(t)": "bool",
    "(t, b).index(t)": "int",
}


@pytest.mark.parametrize("test", ["isinstance(x, {})", "type(x) is {}"])
@pytest.mark.parametrize("expression", TEXTS)
def test_methods_of_bytes_and_tuples_give_what_they_give(expression: str, test: str) -> None:
    asked = test.format(TEXTS[expression])
    source = f"""
def helper(x):
    return x

def entry(t, b):
    x = {expression}
    return helper(x) if {asked} else 0
"""
    module = types.ModuleType("texts_target")
    exec(compile(source, "texts_target.py", "exec"), vars(module))
    assert eval(asked, {"x": eval(expression, {"t": "ab", "b": b"ab"})})
    found = trace(module.entry, (), shape_of(("ab", b"ab"), ()), ("t", "b"), observed=False)
    assert any(node.name.endswith(":helper") for node in found.nodes.values())


@pytest.mark.parametrize("name", ["__name__", "__bases__", "__mro__", "mro", "__subclasses__"])
@pytest.mark.parametrize("value", [1, "x", [1], (1, 2), {}])
def test_what_only_its_class_has_is_no_attribute_of_a_value(name: str, value: Any) -> None:
    found = _reached(f"return there() if hasattr(x, {name!r}) else gone()", value)
    assert "lost" in found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return getattr(x, '__class__', gone)", set()),
        ("return getattr(x, 'run', gone)()", {"there"}),
        ("return getattr(x, 'other', gone)()", {"lost"}),
        ("return getattr(x, 'raises', gone)()", {"there", "lost"}),
        ("return there() if getattr(x, 'plain', None) is True else gone()", {"there"}),
        ("return gone() if not hasattr(x, 'plain') else None", set()),
    ],
)
def test_a_default_that_is_never_taken_is_not_called(body: str, expected: set[str]) -> None:
    assert _reached(f"y = {body.removeprefix('return ')}; return y", None) == expected


def _reached(body: str, value: Any) -> set[str]:
    module = types.ModuleType("attributes_target")
    source = f"""
class Held:
    def run(self): return there()
    @property
    def raises(self): return there
    @property
    def plain(self): return True
def there(): return 1
def gone(): return lost()
def lost(): return 2
def f(x): {body}
def made(x): return f(Held())
"""
    exec(compile(source, "attributes_target.py", "exec"), vars(module))
    function = module.f if value is not None else module.made
    found = trace(function, (), shape_of((value,), ()), ("x",), observed=False)
    reached = {node.name.partition(":")[2] for node in found.nodes.values()}
    return reached & {"there", "lost"}
