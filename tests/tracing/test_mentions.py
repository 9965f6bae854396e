"""Functions that are only named are no part of a closure; what looks at them makes them one."""

from __future__ import annotations

import sys
import types

import pytest

from dumbo.tracing.callgraph import in_order
from dumbo.tracing.interpreter import trace

SOURCE = """
def used():
    return 1

def spare():
    return 2

OTHER = spare

def in_a_list():
    return [used, spare][0]()

def in_a_dict():
    table = {}
    table["used"] = used
    table["spare"] = spare
    return table["used"]()

def as_an_argument():
    def call(one, other):
        return one()
    return call(used, spare)

def in_a_variable():
    chosen = spare
    chosen = used
    return chosen()

def in_a_slice():
    return (spare, used)[1:][0]()

def is_compared():
    return used() if spare is OTHER else 0

def is_compared_inside():
    return used() if [spare] == [used] else 0

def is_a_key():
    return used() if {spare: 1}[used] else 0

def is_counted():
    return used() if [spare].count(used) else 0

def is_printed():
    return used(), f"{[spare]}"

def is_asked_for_its_name():
    return used(), spare.__name__

def is_returned():
    used()
    return spare

def goes_to_a_library():
    import functools
    used()
    return functools.cache(spare)

def beside_an_unknown_call(unknown):
    unknown()
    return [used, spare][0]()

def beside_eval(text):
    chosen = spare
    return used(), eval(text)
"""


def names_of(entry: str) -> set[str]:
    module = types.ModuleType("mentions_example")
    sys.modules[module.__name__] = module
    exec(compile(SOURCE, "mentions_example.py", "exec"), module.__dict__)
    analysis = trace(vars(module)[entry])
    assert analysis.root is not None
    return {node.name.partition(":")[2] for node in in_order(analysis.root)}


@pytest.mark.parametrize(
    "entry", ["in_a_list", "in_a_dict", "as_an_argument", "in_a_variable", "in_a_slice"]
)
def test_what_is_only_carried_about_does_not_count(entry: str) -> None:
    names = names_of(entry)
    assert "used" in names
    assert "spare" not in names


@pytest.mark.parametrize(
    "entry",
    [
        "is_compared",
        "is_compared_inside",
        "is_a_key",
        "is_counted",
        "is_printed",
        "is_asked_for_its_name",
        "is_returned",
        "goes_to_a_library",
    ],
)
def test_what_is_looked_at_counts(entry: str) -> None:
    assert {"used", "spare"} <= names_of(entry)


@pytest.mark.parametrize("entry", ["beside_an_unknown_call", "beside_eval"])
def test_where_something_is_not_known_every_name_counts(entry: str) -> None:
    assert {"used", "spare"} <= names_of(entry)
