"""The short proofs: equal for the same object defined again, different for any other."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections import OrderedDict, deque
from datetime import date
from itertools import chain
from types import ModuleType
from typing import Any

import pytest

from dumbo.tracing import fingerprint
from dumbo.tracing.lookup import ABSENT

BASE = """
    def f(x, y=1):
        names = {"one", "two", "three"}
        try:
            return [n for n in names if n in x] or y
        except KeyError:
            return None
"""


def function(source: str, filename: str = "<made>", name: str = "f") -> Any:
    names: dict[str, Any] = {"__name__": "made"}
    exec(compile(textwrap.dedent(source), filename, "exec"), names)
    return names[name]


def of(source: str, filename: str = "<made>") -> bytes:
    return fingerprint.of(function(source, filename))


@pytest.mark.parametrize(
    ("old", "new"),
    [("\n    def f", "\n\n\n\n    def f"), ("return None", "return None  # nothing")],
    ids=["lines above", "a comment"],
)
def test_where_code_stands_does_not_count(old: str, new: str) -> None:
    assert of(BASE) == of(BASE.replace(old, new))


def test_what_the_file_is_called_does_not_count() -> None:
    assert of(BASE, "one.py") == of(BASE, "two.py")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("or y", "and y"),
        ('"three"', '"four"'),
        ("KeyError", "ValueError"),
        ("f(x, y=1)", "f(x, *, y=1)"),
        ("f(x, y=1)", "f(y, x=1)"),
        ("if n in x", "if n not in x"),
        ("return None", "return 0"),
        ("return None", "return False"),
        ("return None", "raise"),
    ],
)
def test_what_code_does_counts(old: str, new: str) -> None:
    assert of(BASE) != of(BASE.replace(old, new))


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (1, 1.0), (0.0, -0.0), ("1", b"1"), (None, ...), (1, 2), ("", b""), (0, False)],
)
def test_atoms_are_told_apart_by_type_and_value(one: object, other: object) -> None:
    assert fingerprint.of(one) == fingerprint.of(one)
    assert fingerprint.of(one) != fingerprint.of(other)


def test_every_kind_has_a_print_of_its_own() -> None:
    class Memoized:
        __dumbo_memo__ = True
        version = "1"

    things = [ABSENT, 1, len, str, sys, function(BASE), Memoized(), [], {}, Memoized]
    prints = {fingerprint.of(thing) for thing in things}
    assert len(prints) == len(things)
    assert all(len(one) == fingerprint.SIZE for one in prints)


def test_a_class_is_printed_by_its_bases_and_its_metaclass() -> None:
    class A: ...

    class Meta(type): ...

    def make(*bases: type, **options: Any) -> type:
        return type(A)("Same", bases, {}) if not options else Meta("Same", bases, {})

    prints = {fingerprint.of(make()), fingerprint.of(make(A)), fingerprint.of(make(A, meta=True))}
    assert len(prints) == 3


def test_the_version_of_a_memoized_function_counts() -> None:
    class Memoized:
        __dumbo_memo__ = True

        def __init__(self, version: str) -> None:
            self.version = version

    assert fingerprint.of(Memoized("1")) != fingerprint.of(Memoized("2"))


def test_names_of_a_metaclass_are_read_without_asking_it() -> None:
    class Meta(type):
        @property
        def __module__(cls) -> str:  # type: ignore[override]
            raise AssertionError("a property ran")

        def __getattribute__(cls, name: str) -> object:
            raise AssertionError(f"the metaclass was asked for {name}")

    assert fingerprint.of(Meta("Odd", (), {}))


def test_a_module_is_printed_by_its_name() -> None:
    assert fingerprint.of(ModuleType("a")) == fingerprint.of(ModuleType("a"))
    assert fingerprint.of(ModuleType("a")) != fingerprint.of(ModuleType("b"))


def test_the_hash_seed_does_not_count() -> None:
    script = textwrap.dedent(
        """
        from dumbo.tracing import fingerprint
        def f(x): return x in {"one", "two", "three", "four"} or (lambda: {"a", "b"})
        print(fingerprint.of(f).hex())
        """
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


def test_a_class_in_c_has_the_name_of_its_module() -> None:
    names = [fingerprint.qualified_name(kind) for kind in (OrderedDict, deque, chain, date, dict)]
    assert names == [
        b"collections:OrderedDict",
        b"collections:deque",
        b"itertools:chain",
        b"datetime:date",
        b"builtins:dict",
    ]
