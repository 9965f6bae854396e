"""Values in a few characters."""

from __future__ import annotations

import datetime
import decimal
import pathlib
import sys

import pytest

from dumbo.answers.brief import brief


class Loud:
    def __init__(self) -> None:
        self.rate = 3
        self.names = ["a"]

    def __repr__(self) -> str:
        raise AssertionError("the user's code ran")

    def __getattr__(self, name: str) -> object:
        raise AssertionError("the user's code ran")


def named() -> None: ...


CASES = [
    (1, "1"),
    (True, "True"),
    (1.5, "1.5"),
    (None, "None"),
    ("it's", '"it\'s"'),
    (b"ab", "b'ab'"),
    ([1, [2, [3, [4]]]], "[1, [2, [3, [...]]]]"),
    ((1,), "(1,)"),
    ((), "()"),
    ({"a": (1, 2)}, "{'a': (1, 2)}"),
    (list(range(100)), "[0, 1, 2, 3, 4, 5, ...] (100 items)"),
    (2**5000, "an int of 5001 bits"),
    (decimal.Decimal("1.50"), "Decimal('1.50')"),
    (datetime.date(2024, 1, 2), "datetime.date(2024, 1, 2)"),
    (Loud, f"{__name__}:Loud"),
    (named, f"{__name__}:named"),
    (sys, "module sys"),
    (range(3), "range(0, 3)"),
]


@pytest.mark.parametrize(("value", "words"), CASES)
def test_values(value: object, words: str) -> None:
    assert brief(value) == words


def test_of_instances_the_fields_are_read_and_no_code_runs() -> None:
    assert brief(Loud()) == "Loud(rate=3, names=['a'])"


@pytest.mark.parametrize("value", ["x" * 10**7, b"x" * 10**7, {n: "y" * 99 for n in range(999)}])
def test_what_is_large_stays_short(value: object) -> None:
    assert len(brief(value)) <= 60


def test_paths_and_what_holds_itself() -> None:
    assert brief(pathlib.PurePosixPath("a/b")) == "PurePosixPath('a/b')"
    ring: list[object] = [1]
    ring.append(ring)
    assert len(brief(ring)) <= 60


def test_arrays_and_frames_by_type_and_shape() -> None:
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    assert brief(numpy.zeros((3, 4))) == "array of float64, shape (3, 4)"
    assert brief(numpy.float32(1.5)) == "float32(1.5)"
    assert brief(pandas.DataFrame({"a": [1, 2]})) == "DataFrame of 2 rows, 1 columns"
