"""Reasons in words."""

from __future__ import annotations

import pytest

from dumbo.explain import _SENTENCES, Reason, human_size, human_time


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ns"),
        (3e-8, "30 ns"),
        (2e-6, "2 µs"),
        (2.34e-6, "2.3 µs"),
        (0.00099996, "1 ms"),
        (0.0123, "12 ms"),
        (1.5, "1.5 s"),
        (59.4, "59 s"),
        (200, "3 min 20 s"),
        (7260, "2 h 1 min"),
    ],
)
def test_times(seconds: float, words: str) -> None:
    assert human_time(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (3210, "3.2 kB"),
        (999_999, "1 MB"),
        (25e9, "25 GB"),
    ],
)
def test_sizes(size: float, words: str) -> None:
    assert human_size(size) == words


def test_a_fast_result_hears_what_it_took_and_what_storing_would_take() -> None:
    reason = Reason("too fast", compute=2e-6, price=180e-6)
    assert str(reason).startswith("not kept: took 2 µs, storing and loading would take 180 µs")


def test_a_result_that_took_longer_than_expected_hears_that() -> None:
    reason = Reason("too fast", compute=0.1, price=180e-6)
    assert str(reason).startswith(
        "not kept: took 100 ms, which the calls before did not let expect"
    )


def test_every_code_has_a_sentence_of_one_line() -> None:
    facts = {
        "size": 1,
        "compute": 1.0,
        "price": 1.0,
        "others": 2,
        "how": "x is 2, and was 1",
        "what": "m:f",
        "why": "so",
        "where": "x",
        "by": "it",
        "beside": "and so on",
        "act": "recompute()",
        "age": 60.0,
        "rule": "on_stale='reuse'",
        "of": "m:f",
    }
    for code, sentence in _SENTENCES.items():
        names = sentence.__code__.co_varnames[: sentence.__code__.co_argcount]
        text = str(Reason(code, **{name: facts[name] for name in names}))
        assert text
        assert "\n" not in text
        assert f"<{code}: {text}>" == repr(Reason(code, **{name: facts[name] for name in names}))
