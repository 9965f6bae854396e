"""What a guard sees within one process: each change of what was looked up, and nothing else."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from dumbo.tracing.tracker import Tracker

SOURCE = """
    K = 2
    ITEMS = [1, [2]]
    TABLE = {"a": 1, "b": 2}

    class Base:
        def method(self, x): return x

    class Model(Base):
        rate = 1
        def fit(self, x): return self.method(x) * self.rate

    thing = Model()
    thing.size = 3

    def make():
        count = 1
        def inner(x): return x + count
        def put(value):
            nonlocal count
            count = value
        return inner, put

    inner, put = make()

    def helper(x, by=2, *, plus=1): return x * by + plus
    def needy(x): return x
    def unused(x): return x

    def f(x):
        total = helper(x) + inner(x) + K + len(ITEMS) + TABLE["a"]
        try:
            total += needy()
        except TypeError:
            pass
        return total + Model().fit(x) + thing.size + sum(ITEMS[0:1])
"""


def replace_code(made: ModuleType) -> None:
    made.helper.__code__ = (lambda x, by=2, *, plus=1: x).__code__


def add_override(made: ModuleType) -> None:
    made.Model.method = lambda self, x: -x


def change_bases(made: ModuleType) -> None:
    other = type("Other", (), {"method": lambda self, x: -x})
    made.Model.__bases__ = (other, made.Base)


SEEN: dict[str, Callable[[Any], Any]] = {
    "a rebound helper": lambda made: setattr(made, "helper", lambda x: x),
    "the code of a helper": replace_code,
    "a default": lambda made: setattr(made.helper, "__defaults__", (5,)),
    "a default where one was missing": lambda made: setattr(made.needy, "__defaults__", (5,)),
    "keyword defaults": lambda made: setattr(made.helper, "__kwdefaults__", {"plus": 7}),
    "a keyword default in place": lambda made: made.helper.__kwdefaults__.update(plus=7),
    "a cell": lambda made: made.put(9),
    "a global": lambda made: setattr(made, "K", 3),
    "a global of another type": lambda made: setattr(made, "K", 2.0),
    "a list that grew": lambda made: made.ITEMS.append(3),
    "a list inside of a list": lambda made: made.ITEMS[1].append(3),
    "an item that is read": lambda made: made.TABLE.update(a=5),
    "a class attribute": lambda made: setattr(made.Model, "rate", 4),
    "an override that was added": add_override,
    "other bases": change_bases,
    "a method of a base": lambda made: setattr(made.Base, "method", lambda self, x: 0),
    "a field of an instance": lambda made: setattr(made.thing, "size", 4),
    "a builtin that is shadowed": lambda made: setattr(made, "len", lambda x: 0),
    "a helper that is gone": lambda made: delattr(made, "helper"),
}

NOT_SEEN: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda made: None,
    "another global": lambda made: setattr(made, "other", 1),
    "a function that is not reached": lambda made: setattr(made, "unused", None),
    "an item that is not read": lambda made: made.TABLE.update(b=5),
    "a field that is not read": lambda made: setattr(made.thing, "colour", "red"),
    "a class attribute that is not read": lambda made: setattr(made.Model, "other", 1),
    "a default that no call needs": lambda made: setattr(made.Base.method, "__defaults__", (5,)),
    "a docstring": lambda made: setattr(made.helper, "__doc__", "new"),
}


def tracked() -> tuple[ModuleType, Tracker, Any]:
    made = ModuleType("made")
    exec(textwrap.dedent(SOURCE), vars(made))
    tracker = Tracker(made.f)
    return made, tracker, tracker.look((1,), (), None, ("x",))


@pytest.mark.parametrize("change", SEEN.values(), ids=SEEN)
def test_sees(change: Callable[[Any], Any]) -> None:
    made, tracker, before = tracked()
    change(made)
    assert not before.guard.holds()
    assert tracker.look((1,), (), None, ("x",)).digest != before.digest


@pytest.mark.parametrize("change", NOT_SEEN.values(), ids=NOT_SEEN)
def test_does_not_see(change: Callable[[Any], Any]) -> None:
    made, tracker, before = tracked()
    change(made)
    assert before.guard.holds()
    assert tracker.look((1,), (), None, ("x",)) is before
    assert tracker.traced == 1


def test_the_same_helper_defined_again_is_the_same_closure() -> None:
    made, tracker, before = tracked()
    exec("def helper(x, by=2, *, plus=1): return x * by + plus", vars(made))
    assert not before.guard.holds()
    assert tracker.look((1,), (), None, ("x",)).digest == before.digest
    assert tracker.traced == 1, "a replay is enough"
