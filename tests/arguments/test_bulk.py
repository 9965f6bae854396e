"""What the C pickler writes of plain values is canonical and can be read back."""

from __future__ import annotations

import array
import collections
import decimal
import pickle
from typing import Any

import pytest
from same import same

from dumbo.arguments.bulk import TOO_MUCH, Writer, numbers
from dumbo.arguments.hashing import digest
from dumbo.errors import UnhashableArgument


def written(value: Any) -> bytes | None:
    return Writer().written(value)


class Number(int): ...


class Listed(list[Any]): ...


class Mapped(dict[Any, Any]): ...


PLAIN = [
    *([1, -1, 2**31, 2**80, True, None, 1.5, -0.0, float("nan"), "é", "\ud800", b"\x91", ()],),
    *([[], {}, set()], {"a": {"b": [1, ("x", "y")]}}, {1: 2, (1, "a"): 3}, (((),),)),
    [float.fromhex("0x1.28p+3"), "(\x91"],
]


@pytest.mark.parametrize("value", PLAIN, ids=str)
def test_what_is_written_can_be_read_back(value: Any) -> None:
    data = written(value)
    assert data
    assert same(pickle.loads(data), value)


def test_what_is_shared_is_written_each_time() -> None:
    part = ["a", {"b": 1}]
    assert written([part, part]) == written([["a", {"b": 1}], ["a", {"b": 1}]])
    name = "".join(["a", "b"])
    assert written([name, name]) == written(["".join(["a", "b"]), name])


@pytest.mark.parametrize(
    "other",
    [
        *(
            1j,
            Number(1),
            Listed(),
            Mapped(),
            collections.OrderedDict(),
            decimal.Decimal(1),
            range(3),
        ),
        *(bytearray(b"1"), memoryview(b"1"), array.array("b"), pickle.PickleBuffer(b"1"), ..., int),
        *({1}, frozenset({"a"}), frozenset(), object(), len),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_types_are_refused_wherever_they_stand(other: Any) -> None:
    for hold in (
        lambda x: [x],
        lambda x: {"k": x},
        lambda x: [1, {"k": [(1.5, x)]}],
        lambda x: [x] * 100,
        lambda x: [[x], *[[1.5 * n] for n in range(100)]],
    ):
        assert written(hold(other)) is None
        assert not numbers([1, 2, *hold(other), 3])


def test_an_element_that_only_a_pickler_minds_costs_the_key_and_nothing_else() -> None:
    for value in ([pickle.PickleBuffer(b"x")] * 600, [*range(600), pickle.PickleBuffer(b"x")]):
        with pytest.raises(UnhashableArgument):
            digest(value)


def test_frozensets_are_refused_however_many_there_are() -> None:
    # In fast mode each leaves older picklers one level deeper, until they see rings everywhere.
    for count in (1, 40, 60, 200):
        assert written([frozenset() for _ in range(count)]) is None
        assert written([[frozenset()] for _ in range(count)]) is None


def test_what_pythons_write_in_their_own_ways_is_refused() -> None:
    assert written([dict.fromkeys(range(999))])
    assert written([dict.fromkeys(range(1000))]) is None
    assert written([[None] * 1000]) is None
    for depth, is_written in ((15, True), (16, False), (100, False), (10_000, False)):
        for wrap in (lambda x: [x], lambda x: (x,), lambda x: {"a": x}):
            nest: Any = 1
            for _ in range(depth):
                nest = wrap(nest)
            assert bool(written(nest)) is is_written
    ring: list[Any] = []
    ring.append(ring)
    assert written(ring) is None


def test_a_dict_that_held_other_keys_is_written_like_any_other() -> None:
    once = {1: None, **{str(n): [n] for n in range(600)}}
    del once[1]
    assert written(once) == written({str(n): [n] for n in range(600)})
    assert digest(once) == digest({str(n): [n] for n in range(600)})


def test_what_stands_for_more_than_memory_holds_is_too_much() -> None:
    for make in (lambda x: [x, x], lambda x: (x, x), lambda x: {"a": x, "b": x}):
        wide: Any = "x" * 100
        for _ in range(12):
            wide = make(wide)
        assert written([wide]) == TOO_MUCH
    assert written(["x" * 100_000]) == TOO_MUCH
    assert written([b"x" * 100_000]) == TOO_MUCH


def test_how_long_a_sequence_is_and_what_stands_before_change_no_element() -> None:
    # Each begins on another road than it goes on: pieces grow and shrink with what they hold.
    parts: list[Any] = [
        [1, "a", None] * 100,
        [{"k": n, "of": [n]} for n in range(300)],
        [{"text": f"{n}" * 400} for n in range(300)],
        [{1, n} for n in range(300)],
        [str(n) for n in range(700)],
        [1j] * 10,
    ]
    seen = set()
    for first in parts:
        for second in parts:
            value = first + second
            again = pickle.loads(pickle.dumps(value))
            assert digest(value) == digest(again)
            for at in (0, 63, 64, len(first), len(value) - 1):
                if at < len(value):
                    changed = [*value[:at], 7, *value[at + 1 :]]
                    assert digest(changed) != digest(value)
            seen.add(digest(value)[0])
    assert len(seen) == len(parts) ** 2
