"""For generated values: the same by the contract, if and only if the digests are equal."""

from __future__ import annotations

import copy
import datetime
import decimal
import fractions
import functools
import os
import pickle
import subprocess
import sys
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import Frozen, Listed, Mapped, Named, Numbered, Point, Slotted, helper
from same import same

from dumbo.arguments.hashing import digest
from tests.pythons import PACKAGE, others


def key(value: object) -> tuple[bytes, list[int]]:
    data, roots = digest(value)
    return data, [id(root) for root in roots]


# Few leaves, so that two values drawn apart are often equal, or nearly so.
LEAVES = st.sampled_from(
    [
        *(0, 1, -1, 2**31, 2**62, 10**30, True, False, None),
        *(0.0, -0.0, 1.0, float("nan"), float("inf"), 1j, complex("nan"), -1j),
        *("", "a", "1", "\0", "a\0", "\ud800", "é", b"", b"a", b"1", b"\0", bytearray(b"a")),
        *(..., NotImplemented, int, bool, len, helper, Point),
        *(decimal.Decimal("1"), decimal.Decimal("1.0"), decimal.Decimal("-0")),
        *(fractions.Fraction(1), datetime.date(2024, 1, 1), datetime.timedelta(1)),
        *(datetime.datetime(2024, 1, 1, fold=fold) for fold in (0, 1)),  # noqa: DTZ001 - a case
        datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        *(uuid.UUID(int=1), range(0, 4, 2), range(0, 3, 2), Numbered(1), Named("a"), Slotted(1)),
    ]
)
NUMBERS = st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=3)
HASHABLE = st.recursive(
    LEAVES.filter(lambda value: type(value) is not bytearray),
    lambda inner: (
        st.frozensets(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | inner.map(Frozen)
    ),
    max_leaves=6,
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=4)
    dicts = st.dictionaries(HASHABLE, inner, max_size=4)
    return st.one_of(
        lists,
        lists.map(tuple),
        lists.map(Listed),
        lists.map(deque),
        dicts,
        dicts.map(Mapped),
        dicts.map(OrderedDict),
        dicts.map(lambda value: defaultdict(list, value)),
        st.sets(HASHABLE, max_size=4),
        st.frozensets(HASHABLE, max_size=4),
        st.builds(Point, inner, inner),
        st.builds(Slotted, inner),
        st.builds(slice, inner, inner),
        st.builds(lambda x, y: functools.partial(helper, x, k=y), inner, inner),
        st.builds(ValueError, inner),
        st.lists(LEAVES.filter(lambda x: type(x) is str), max_size=3).map(Counter),
    )


VALUES = st.recursive(LEAVES | NUMBERS, containers, max_leaves=12)
COPIABLE = st.recursive(NUMBERS | LEAVES, containers, max_leaves=12)
RELAXED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@given(VALUES, VALUES)
@RELAXED
def test_equal_digests_are_the_same_and_the_same_have_equal_digests(a: Any, b: Any) -> None:
    assert (key(a) == key(b)) == same(a, b)


@given(st.data(), VALUES)
@RELAXED
def test_one_change_anywhere_is_seen(data: st.DataObject, value: Any) -> None:
    changed = mutate(value, data.draw)
    assert (key(value) == key(changed)) == same(value, changed)


@given(COPIABLE)
@RELAXED
def test_a_copy_keeps_the_digest(value: Any) -> None:
    assert same(value, copy.deepcopy(value))
    assert key(value) == key(copy.deepcopy(value))


@given(COPIABLE)
@RELAXED
def test_pickling_keeps_the_digest(value: Any) -> None:
    try:
        again = pickle.loads(pickle.dumps(value))
    except Exception:  # some values cannot be pickled, and lone surrogates in a set of fields
        return
    if same(value, again):
        assert key(value) == key(again)


ELSEWHERE = """
import pickle, sys
from dumbo.arguments.hashing import digest
from tests.pythons import PACKAGE, others
for written in pickle.load(open(sys.argv[1], "rb")):
    data, roots = digest(pickle.loads(written))
    print(data.hex(), *[root.__qualname__ for root in roots])
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A file with many values, and their digests in this process."""
    written: list[bytes] = []
    lines: list[str] = []

    @given(st.lists(COPIABLE, min_size=3, max_size=3), st.integers(0, 1))
    @settings(RELAXED, derandomize=True, database=None)
    def generate(values: list[Any], times: int) -> None:
        for value in (*values, values * 300 * times):
            try:
                data = pickle.dumps(value, 4)
                again = pickle.loads(data)
            except Exception:  # some values cannot be pickled
                continue
            written.append(data)
            found, roots = digest(again)
            lines.append(" ".join([found.hex(), *[root.__qualname__ for root in roots]]))  # type: ignore[attr-defined]

    generate()
    assert len(set(lines)) > 100
    path = tmp_path_factory.mktemp("generated") / "values"
    path.write_bytes(pickle.dumps(written, 4))
    return path, lines


def elsewhere(python: str, seed: str, path: Path) -> list[str]:
    folders = [str(PACKAGE), os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")]
    ran = subprocess.run(
        [python, "-c", ELSEWHERE, str(path)],
        env={
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(filter(None, folders)),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.splitlines()


@pytest.mark.parametrize("seed", ["0", "1", "2024"])
def test_processes_with_other_hash_seeds_have_the_same_digests(
    generated: tuple[Path, list[str]], seed: str
) -> None:
    path, lines = generated
    assert elsewhere(sys.executable, seed, path) == lines


def test_other_pythons_have_the_same_digests(generated: tuple[Path, list[str]]) -> None:
    path, lines = generated
    pythons = others()
    if not pythons:
        pytest.skip("there is no other Python here")
    for python in pythons:
        assert elsewhere(python, "7", path) == lines, python


@given(VALUES, VALUES)
@RELAXED
def test_what_holds_a_value_does_not_change_which_values_are_equal(a: Any, b: Any) -> None:
    # Each holder sends its content down another road.
    for hold in (lambda x: [x], lambda x: [x, object], lambda x: Point(x), lambda x: {"k": (x,)}):
        assert (key(hold(a)) == key(hold(b))) == same(a, b)


@given(VALUES, VALUES)
@RELAXED
def test_in_long_lists_of_one_form_the_same_values_are_equal(a: Any, b: Any) -> None:
    for hold in (lambda x: x, lambda x: {"k": x, "n": 1}, lambda x: (1, x), lambda x: [x] * 20):
        ones, others = [hold(a) for _ in range(600)], [hold(a) for _ in range(599)]
        assert (key(ones) == key([*others, hold(b)])) == same(a, b)


@given(VALUES)
@RELAXED
def test_sharing_does_not_count(value: Any) -> None:
    assert key([value, value]) == key([value, copy.deepcopy(value)])
    assert key((Point(value), value)) == key((Point(copy.deepcopy(value)), value))


@given(st.lists(HASHABLE, max_size=8), st.randoms())
@RELAXED
def test_a_set_has_one_digest_in_whatever_order_it_was_built(items: Any, random: Any) -> None:
    again = items[:]
    random.shuffle(again)
    a, b = set(items), set(again)
    assert (key(a) == key(b)) == same(a, b)


def mutate(value: Any, draw: Any) -> Any:
    """Return a copy of *value* with something in it replaced by something else."""
    kind = type(value)
    if kind in (list, tuple, Listed, deque) and len(value):
        items = list(value)
        at = draw(st.integers(0, len(items) - 1))
        items[at] = mutate(items[at], draw)
        return kind(items)
    if kind in (dict, Mapped, OrderedDict) and value:
        items = list(value.items())
        at = draw(st.integers(0, len(items) - 1))
        choice = draw(st.integers(0, 2))
        name, held = items[at]
        if choice == 0:
            items[at] = (name, mutate(held, draw))
        elif choice == 1:
            items[at] = (draw(HASHABLE), held)
        else:
            items.append(items.pop(at))
        return kind(items)
    if kind is Point:
        return Point(mutate(value.x, draw), value.y)
    if kind is Slotted:
        return Slotted(mutate(value.a, draw))
    return draw(VALUES)
