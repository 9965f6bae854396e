"""Why a call is computed: which argument, which function, which value, by which way."""

from __future__ import annotations

import logging
import pickle

import pytest

from dumbo import Cache
from dumbo.answers.why import Change, Why
from tests.edited import Edited, edited

__all__ = ["edited"]

PROGRAM = """
from dumbo import memo
import base64

RATES = [1, 2]

class Model:
    power = 3

    def fit(self, x):
        return x ** self.power

def low(x):
    return x + RATES[0]

def helper(x):
    return low(x) + Model().fit(x)

@memo(keep="always")
def f(x, y=2):
    return base64.b16encode(bytes([helper(x) % 256]))
"""


@pytest.fixture
def program(edited: Edited) -> Edited:
    edited.write(work=PROGRAM)
    edited.load("work").f(1)
    return edited


def test_who_asks_for_a_hit_hears_of_one(program: Edited) -> None:
    why = program.load("work").f.why(1)
    assert why.startswith("hit: ")
    assert (why.code, why.changes, why.diff()) == ("hit", (), "")


EDITS = [
    ("x + RATES[0]", "x - RATES[0]", "code", ("work:f", "work:helper", "work:low")),
    ("[1, 2]", "[5, 2]", "value", ("work:f", "work:helper", "work:low", "work:RATES[0]")),
    ("x ** self", "x * self", "code", ("work:f", "work:helper", "work:Model.fit")),
    ("= 3", "= 4", "value", ("work:f", "work:helper", "work:Model.fit", "work:Model.power")),
    ("low(x) +", "2 * low(x) +", "code", ("work:f", "work:helper")),
    ("% 256", "% 255", "code", ("work:f",)),
    ("b16encode", "b32encode", "code", ("work:f",)),
    ("import base64", "import binascii as base64\nbase64.b16encode = base64.hexlify", "library",
     ("work:f", "binascii:hexlify")),
    ("class Model:", "class Base: pass\nclass Model(Base):", "class",
     ("work:f", "work:helper", "work:Model")),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "kind", "path"), EDITS)
def test_what_changed_is_named_with_the_way_to_it(
    program: Edited, before: str, after: str, kind: str, path: tuple[str, ...]
) -> None:
    program.replace("work.py", before, after)
    why = program.load("work").f.why(1)
    (change,) = why.changes
    assert (change.kind, change.path) == (kind, path)
    assert why.startswith("no entry: ")
    for name in path[:-1]:
        assert name in why


def test_the_difference_of_the_source_is_shown(program: Edited) -> None:
    program.replace("work.py", "x + RATES[0]", "x - RATES[0]")
    why = program.load("work").f.why(1)
    assert why == (
        "no entry: work:low, which work:f uses through work:helper, changed: "
        "`return x + RATES[0]` is now `return x - RATES[0]`"
    )
    assert why.diff() == (
        "--- work:low (stored)\n+++ work:low (now)\n@@ -1,2 +1,2 @@\n def low(x):\n"
        "-    return x + RATES[0]\n+    return x - RATES[0]\n"
    )


def test_a_value_is_shown_as_it_was_and_as_it_is(program: Edited) -> None:
    program.replace("work.py", "[1, 2]", "[5, 2]")
    why = program.load("work").f.why(1)
    assert why.code == "value changed"
    assert why.endswith("work:RATES[0], which work:f uses through work:helper and work:low, "
                        "was 1 and is 5")  # fmt: skip


def test_all_that_changed_is_named_the_nearest_first(program: Edited) -> None:
    program.replace("work.py", "[1, 2]", "[5, 2]")
    program.replace("work.py", "% 256", "% 255")
    why = program.load("work").f.why(1)
    assert [change.name for change in why.changes] == ["work:f", "work:RATES[0]"]


def test_another_version_is_a_change_with_a_name(program: Edited) -> None:
    program.replace("work.py", 'keep="always"', 'keep="always", version="2"')
    why = program.load("work").f.why(1)
    assert "version= of the decorator was '' and is '2'" in why


def test_of_several_versions_the_nearest_is_compared(program: Edited) -> None:
    program.replace("work.py", "[1, 2]", "[5, 2]")
    program.replace("work.py", "% 256", "% 255")
    program.load("work").f(1)
    program.replace("work.py", "[5, 2]", "[1, 2]")
    why = program.load("work").f.why(1)
    assert len(why.changes) == 1


def test_a_renamed_function_that_also_changed_is_compared_with_what_it_was(
    program: Edited,
) -> None:
    program.replace("work.py", "def f(x", "def g(x")
    program.replace("work.py", "x + RATES[0]", "x - RATES[0]")
    why = program.load("work").g.why(1)
    assert [change.name for change in why.changes] == ["work:low"]
    assert "which work:g uses through work:helper" in why


def test_a_source_that_was_edited_after_its_import_is_not_shown_as_the_code_that_runs(
    program: Edited,
) -> None:
    program.replace("work.py", "x + RATES[0]", "x - RATES[0]")
    work = program.load("work")
    program.replace("work.py", "x - RATES[0]", "x * RATES[0]")
    why = work.f.why(1)
    assert [change.name for change in why.changes] == ["work:low"]
    assert "RATES" not in why
    assert why.diff() == ""


# -- arguments -------------------------------------------------------------------------


def test_the_argument_that_differs_is_named_and_shown(cache: Cache) -> None:
    @cache.memo(keep="always")
    def f(data, depth, *, mode="a"):
        return len(data) + depth

    f([1, 2], 3)
    f([1, 2, 3], 4)
    why = f.why([1, 2, 3], 3, mode="a")
    assert why.code == "new"
    assert [(c.name, c.before, c.after) for c in why.changes] == [("depth", "4", "3")]
    assert "depth is 3, and was 4" in why


def test_arguments_that_look_alike_and_differ_are_told_apart(cache: Cache) -> None:
    @cache.memo(keep="always")
    def f(data):
        return sum(data)

    f(list(range(1000)))
    why = f.why([*range(500), 0, *range(501, 1000)])
    (change,) = why.changes
    assert change.name == "data"
    assert "looks alike" in why


def test_an_argument_is_described_as_it_was_before_the_call_changed_it(cache: Cache) -> None:
    @cache.memo(keep="always")
    def f(data):
        data.append(9)
        return len(data)

    f([1])
    assert "data is [2], and was [1]" in f.why([2])


def test_ignored_arguments_are_not_named(cache: Cache) -> None:
    @cache.memo(keep="always", ignore=["loud"])
    def f(x, loud=False):
        return x

    f(1, loud=True)
    assert [change.name for change in f.why(2, loud=False).changes] == ["x"]


def test_of_an_argument_with_a_matcher_counts_what_the_matcher_says(cache: Cache) -> None:
    from dumbo import by

    @cache.memo(keep="always", key={"x": by.rounded(1), "y": by.rounded(1)})
    def f(x, y):
        return x

    f(1.01, 2.0)
    assert [change.name for change in f.why(1.02, 3.0).changes] == ["y"]


def test_details_are_not_kept_where_a_setting_forbids_it(
    edited: Edited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUMBO_KEEP_DETAILS", "0")
    edited.write(work=PROGRAM)
    work = edited.load("work")
    work.f(1)
    assert work.f.why(2).startswith("no entry: new arguments: x is another one")
    edited.replace("work.py", "[1, 2]", "[5, 2]")
    edited.replace("work.py", "% 256", "% 255")
    why = edited.load("work").f.why(1)
    assert [change.name for change in why.changes] == ["work:f", "work:RATES[0]"]
    assert why.diff() == ""
    assert "has another value" in why


def test_what_was_stored_and_is_gone_says_so(cache: Cache) -> None:
    @cache.memo(keep="always")
    def f(x):
        return x

    f(1)
    f(2)
    f.forget(1)
    assert f.why(1).code == "gone"
    assert "removed since" in f.why(1)


# -- the log ---------------------------------------------------------------------------


def test_each_computation_is_logged_with_its_reason_where_somebody_listens(
    program: Edited, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dumbo")
    program.replace("work.py", "% 256", "% 255")
    work = program.load("work")
    work.f(1)
    work.f(1)
    (record,) = [r for r in caplog.records if "computed" in r.getMessage()]
    assert record.levelno == logging.INFO
    assert record.getMessage().startswith("work:f computed in ")
    assert "work:f itself changed" in record.getMessage()


def test_nothing_is_logged_where_nobody_listens(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dumbo")

    @cache.memo(keep="always")
    def f(x):
        return x

    f(1)
    assert caplog.records == []


# -- the answer ------------------------------------------------------------------------


def test_an_answer_is_a_string_that_can_be_sent_elsewhere() -> None:
    change = Change("value", "m:R", ("m:f", "m:R"), "1", "2")
    why = Why("no entry: m:R was 1", "value changed", [change])
    again = pickle.loads(pickle.dumps(why))
    assert again == "no entry: m:R was 1"
    assert (again.code, str(again.changes[0])) == ("value changed", str(change))


PHRASES = [
    (Change("code", "m:h", ("m:f", "m:h"), "m:h", "m:h"), "m:h, which m:f uses, changed"),
    (Change("code", "m:f", ("m:f",), "m:f", "m:f", ("a\nb\n", "a\n")),
     "m:f itself changed: `b` was removed"),
    (Change("code", "m:f", ("m:f",), "m:f", "m:f", ("a\n", "a\nb\n")),
     "m:f itself changed: `b` was added"),
    (Change("code", "m:f", ("m:f",), "m:f", "m:f", ("a\nb\nc\n", "d\ne\nc\n")),
     "m:f itself changed in 2 lines"),
    (Change("code", "m:h", ("m:f", "m:h"), "m:g", "m:h"), "m:f uses m:h where it used m:g"),
    (Change("value", "m:R", ("m:f", "m:h", "m:R"), "1", "2"),
     "m:R, which m:f uses through m:h, was 1 and is 2"),
    (Change("library", "numpy", ("m:f", "numpy:dot"), "numpy 1", "numpy 2"),
     "numpy, which m:f uses, was numpy 1 and is numpy 2"),
    (Change("class", "m:C", ("m:f", "m:C"), "", "m:B"),
     "m:C, which m:f uses, is now derived from m:B"),
    (Change("class", "m:C", ("m:f", "m:C"), "m:B", ""),
     "m:C, which m:f uses, is no longer derived from m:B"),
    (Change("new", "m:h", ("m:f", "m:g", "m:h"), "", "m:h"), "m:g, which m:f uses, now uses m:h"),
    (Change("gone", "m:h", ("m:f", "m:h"), "m:h", ""), "m:f no longer uses m:h"),
    (Change("argument", "x", (), "", "1"), "x is 1, and was not there"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), PHRASES)
def test_changes_in_words(change: Change, words: str) -> None:
    assert str(change) == words
