"""Tables that a function fills by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import dumbo
from dumbo.tracing.tracker import Tracker


def double(x: int) -> int:
    return 2 * x


def triple(x: int) -> int:
    return 3 * x


table: dict[Any, Any] = {}


def remembered(key: str) -> Callable[[int], int]:
    if key not in table:
        table[key] = triple
    return table[key]  # type: ignore[no-any-return]


def f(x: int) -> int:
    return remembered("a")(x)


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    table.clear()
    yield
    table.clear()


def _functions() -> set[str]:
    nodes = dumbo.deps(f).nodes(data=True)
    return {data["qualname"] for _, data in nodes if data["kind"] == "function"}


def test_what_others_have_put_into_a_table_is_followed_where_it_is_code() -> None:
    assert "double" not in _functions()
    table["a"] = double
    assert "double" in _functions()


def test_a_closure_is_another_when_code_has_come_into_its_table() -> None:
    tracker = Tracker(f)
    before = tracker.look((1,), (), None).digest
    table["a"] = double
    assert tracker.look((1,), (), None).digest != before
    table.clear()
    assert tracker.look((1,), (), None).digest == before


class Meta(type):
    pass


class Keeper(metaclass=Meta):
    class Inner:
        def put(self) -> None:
            kept["a"] = double


class Circular(metaclass=Meta):
    pass


Circular.itself = Circular  # type: ignore[attr-defined]
kept: dict[Any, Any] = {}


def keeping(key: str) -> Callable[[int], int]:
    if key not in kept:
        kept[key] = triple
    return kept[key]  # type: ignore[no-any-return]


def g(x: int) -> int:
    return keeping("a")(x)


def test_a_table_that_a_class_in_a_class_writes_is_not_its_functions_own() -> None:
    assert "kept" in {data["qualname"] for _, data in dumbo.deps(g).nodes(data=True)}
    tracker = Tracker(g)
    before = tracker.look((1,), (), None).digest
    try:
        Keeper.Inner().put()
        assert tracker.look((1,), (), None).digest != before
    finally:
        kept.clear()
