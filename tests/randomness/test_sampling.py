"""Seeds and keys of samples: what they hang on, and what they do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dumbo.randomness.sampling import (
    MOST,
    Family,
    Seed,
    among,
    family_of_draws,
    family_of_runs,
    tag_of,
)

KEYS = st.binary(min_size=16, max_size=16)
NUMBERS = st.integers(min_value=0, max_value=MOST)
ROOTS = st.integers(min_value=-(1 << 70), max_value=1 << 70)
CALLS = st.tuples(st.text(), KEYS, NUMBERS, ROOTS)


def seen(seed: Seed) -> tuple[int, int]:
    return seed.wide, seed.small


@given(CALLS)
def test_a_seed_hangs_on_what_it_is_given_alone(call: tuple[str, bytes, int, int]) -> None:
    assert seen(Seed(*call)) == seen(Seed(*call))
    assert 0 <= Seed(*call).wide < 1 << 128
    assert 0 <= Seed(*call).small <= MOST


@given(CALLS, CALLS)
def test_other_functions_keys_samples_and_root_seeds_have_other_seeds(
    one: tuple[str, bytes, int, int], other: tuple[str, bytes, int, int]
) -> None:
    assert (Seed(*one).wide == Seed(*other).wide) == (one == other)


@given(st.text(), KEYS, ROOTS, NUMBERS, NUMBERS)
def test_two_samples_of_one_call_never_share_even_the_small_seed(
    label: str, key: bytes, root: int, one: int, other: int
) -> None:
    shared = Seed(label, key, one, root).small == Seed(label, key, other, root).small
    assert shared == (one == other)


def test_a_text_cannot_run_into_what_stands_beside_it() -> None:
    assert Seed("f1", b"k" * 16, 1, 0).wide != Seed("f", b"1" + b"k" * 15, 1, 0).wide
    assert Seed("f", b"k" * 16, 11, 1).wide != Seed("f", b"k" * 16, 1, 11).wide


def test_seeds_are_these_for_ever() -> None:
    # Whoever changes this draws anew for all users: that takes an entry in the changelog.
    assert seen(Seed("module:f", bytes(range(16)), 3, 42)) == SEEN


SEEN = (276567695334172658128036253057655056144, 22230119)


def test_a_seed_is_the_same_whatever_the_hash_seed_of_the_process() -> None:
    program = (
        "from dumbo.randomness.sampling import Seed\n"
        "seed = Seed('module:f', bytes(range(16)), 3, 42)\n"
        "print(seed.wide, seed.small)\n"
    )
    for hash_seed in ("0", "1"):
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        )
        assert tuple(map(int, ran.stdout.split())) == SEEN


@given(KEYS, st.lists(NUMBERS, unique=True, max_size=20))
def test_a_family_knows_its_samples_by_their_keys(key: bytes, numbers: list[int]) -> None:
    family = family_of_draws(key, tag_of("f", 0, "random.Random"))
    keys = [family.key(number) for number in numbers]
    assert all(one.startswith(family.prefix) and len(one) == 16 for one in keys)
    assert family.numbers(keys) == sorted(numbers)


@given(KEYS)
def test_the_first_run_of_a_call_is_its_result(key: bytes) -> None:
    family = family_of_runs(key)
    assert family.key(0) == key
    assert family.key(1) != key
    assert family.numbers([family.key(1)]) == [1]


def families(key: bytes) -> list[Family]:
    tags = [
        tag_of("f", 0, "random.Random"),
        tag_of("g", 0, "random.Random"),
        tag_of("f", 1, "random.Random"),
        tag_of("f", 0, "int"),
    ]
    return [family_of_runs(key), *[family_of_draws(key, tag) for tag in tags]]


@given(KEYS, KEYS)
def test_families_of_other_calls_functions_seeds_and_kinds_never_meet(
    one: bytes, other: bytes
) -> None:
    both = families(one) + (families(other) if other != one else [])
    assert len({family.prefix for family in both}) == len(both)


def test_near_calls_meet_only_as_the_same_sample() -> None:
    shared, tag = b"n" * 16, tag_of("f", 0, "int")
    assert among(shared, b"", 0) == shared
    apart = [among(shared, b"", 0), among(shared, b"", 1), among(shared, tag, 0)]
    assert len({*apart, among(shared, tag, 1)}) == 4
