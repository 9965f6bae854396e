"""How an object is reached from another: each step finds what is there, and runs no code of it."""

from __future__ import annotations

import functools
import sys
import weakref
from abc import ABC
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from dumbo.tracing.lookup import (
    ABSENT,
    describe,
    instance_dict,
    is_memoized,
    is_module,
    names_between,
    path_of,
    reach,
)


class Base:
    kept = "of the base"

    def method(self) -> str:
        return "base"


class Derived(Base):
    def method(self) -> str:
        return "derived"

    @property
    def loud(self) -> int:
        raise AssertionError("a property ran")

    def __getattr__(self, name: str) -> int:
        raise AssertionError(f"__getattr__({name!r}) ran")


class Slotted:
    __slots__ = ("empty", "full")

    def __init__(self) -> None:
        self.full = 1


def plain(x: int, y: int = 2, *, z: int = 3) -> int:
    return x + y + z + len([])


def closing(value: object) -> Callable[[], object]:
    return lambda: value


MODULE = sys.modules[__name__]


@pytest.mark.parametrize(
    ("op", "base", "arg", "expected"),
    [
        ("module", None, __name__, MODULE),
        ("module", None, "no.such.module", ABSENT),
        ("global", plain, "Base", Base),
        ("global", plain, "len", len),
        ("global", plain, "no_such_name", ABSENT),
        ("global", MODULE, "Base", Base),
        ("attr", MODULE, "Base", Base),
        ("attr", MODULE, "len", ABSENT),
        ("attr", Base, "kept", ABSENT),
        ("mro", Derived, "kept", "of the base"),
        ("mro", Derived, "method", Derived.__dict__["method"]),
        ("mro", Derived, "missing", ABSENT),
        ("mro", MODULE, "kept", ABSENT),
        ("super", Derived, (0, "method"), Base.__dict__["method"]),
        ("super", Derived, (1, "method"), ABSENT),
        ("field", SimpleNamespace(a=1), "a", 1),
        ("field", Slotted(), "full", 1),
        ("field", Slotted(), "empty", ABSENT),
        ("member", functools.partial(plain, 1), "func", plain),
        ("member", functools.partial(plain, 1), "args", (1,)),
        ("member", Base().method, "__func__", Base.__dict__["method"]),
        ("member", plain, "__name__", "plain"),
        ("member", plain, "missing", ABSENT),
        ("cell", closing(7), 0, 7),
        ("cell", plain, 0, ABSENT),
        ("default", plain, 0, 2),
        ("default", plain, 1, ABSENT),
        ("kwdefault", plain, "z", 3),
        ("kwdefault", plain, "y", ABSENT),
        ("item", {"a": 1}, "a", 1),
        ("item", {"a": 1}, "b", ABSENT),
        ("item", [1, 2], -1, 2),
        ("item", [1, 2], 2, ABSENT),
        ("item", (1, 2), "a", ABSENT),
        ("children", Base, None, (Derived,)),
        ("kind", MODULE, "__name__", str),
        ("names", Derived, ("", ""), "kept\0loud\0method"),
        ("names", Derived, ("__get", "__"), "__getattr__"),
        ("dist", None, "/no/such/place", ABSENT),
        ("type", ABSENT, None, ABSENT),
    ],
)
def test_reaches_what_is_there(op: str, base: object, arg: Any, expected: object) -> None:
    found = reach(op, base, arg)
    assert found is expected or found == expected


def test_no_property_and_no_getattr_is_run() -> None:
    thing = Derived()
    assert reach("type", thing, None) is Derived
    assert reach("field", thing, "loud") is ABSENT
    assert reach("field", thing, "missing") is ABSENT


def test_an_own_getitem_is_not_run() -> None:
    class Loud(dict):  # type: ignore[type-arg]
        def __getitem__(self, key: object) -> object:
            raise AssertionError("__getitem__ ran")

    assert reach("item", Loud(a=1), "a") is ABSENT


def test_an_own_dict_property_is_not_run() -> None:
    class Loud:
        @property
        def __dict__(self) -> dict[str, object]:  # type: ignore[override]
            raise AssertionError("a property ran")

    assert instance_dict(Loud()) is None
    assert reach("field", Loud(), "anything") is ABSENT


def test_a_class_that_lies_about_its_mro_is_not_asked() -> None:
    class Meta(type):
        def mro(cls) -> list[type]:
            return [cls, *type.mro(cls)[1:]]

        def __getattribute__(cls, name: str) -> object:
            raise AssertionError(f"the metaclass was asked for {name}")

    class Odd(metaclass=Meta):
        field = 5

    assert reach("mro", Odd, "field") == 5


def test_an_empty_cell_is_absent() -> None:
    def outer() -> Callable[[], object]:
        def inner() -> object:
            return later

        return inner
        later = 1  # type: ignore[unreachable]

    assert reach("cell", outer(), 0) is ABSENT


def test_registered_classes_come_in_one_order() -> None:
    class Shape(ABC):  # noqa: B024 - only registered with
        pass

    one, two = type("One", (), {}), type("Two", (), {})
    Shape.register(two)
    Shape.register(one)
    assert reach("registry", Shape, None) == (one, two)


def test_a_submodule_is_an_attribute_once_it_is_loaded(tmp_path: Path) -> None:
    package = ModuleType("some_package")
    package.__path__ = [str(tmp_path)]
    assert reach("submodule", package, "inner") is ABSENT
    sys.modules["some_package.inner"] = inner = ModuleType("some_package.inner")
    try:
        assert reach("submodule", package, "inner") is inner
    finally:
        del sys.modules["some_package.inner"]


def test_a_weak_reference_leads_to_what_it_refers_to_while_that_lives() -> None:
    thing = Base()
    reference = weakref.ref(thing)
    assert reach("referent", reference, None) is thing
    del thing
    assert reach("referent", reference, None) is ABSENT


def test_names_are_sorted_and_dunders_left_out() -> None:
    assert names_between(["b", "__a__", "a", 3, "b"], ("", "")) == ["a", "b"]
    assert names_between(["do_b", "do_a", "run"], ("do_", "")) == ["do_a", "do_b"]


def test_a_module_of_a_subclass_is_a_module_and_a_memoized_function_is_known() -> None:
    class Special(ModuleType):
        pass

    class Memoized:
        __dumbo_memo__ = True

    assert is_module(Special("special"))
    assert is_memoized(Memoized())
    assert not is_memoized(plain)


def test_lookups_are_told_in_words() -> None:
    program = [("root", -1, 0), ("global", 0, "model"), ("field", 1, "k"), ("content", 2, None)]
    assert path_of(program, 3) == "global model, field k"
    assert describe("super", (1, "fit")) == "super().fit"
    assert describe("item", "a") == "item 'a'"
    assert describe("names", ("do_", "")) == "names do_*"
