"""A person says that a change does not alter results; and what ends that."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import dumbo
from dumbo.cli.commands import dumbo as command
from tests.edited import Edited, edited

__all__ = ["edited"]

PROGRAM = """
import sys
from dumbo import memo

RATE = 3

def low(x):
    return x + 0

def helper(x):
    return low(x) * RATE

@memo(keep="always")
def f(x):
    sys.audit("ran", "f")
    return helper(x) + 1

@memo(keep="always")
def outer(x):
    sys.audit("ran", "outer")
    return f(x) * 2

@memo(keep="always")
def beside(x):
    sys.audit("ran", "beside")
    return f(x) + helper(x)
"""


def run(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(command, words, input=answer)


@pytest.fixture
def program(edited: Edited, ran: list[object]) -> Edited:
    edited.write(work=PROGRAM)
    work = edited.load("work")
    work.f(1), work.outer(1), work.beside(1)
    edited.forget()
    ran.clear()
    return edited


def accept(program: Edited, *words: str) -> str:
    program.load("work")
    ended = run("accept", *words, "--yes")
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def test_what_is_accepted_is_served_again(program: Edited, ran: list[object]) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    shown = accept(program, "work:f")
    assert "work:low, which work:f uses through work:helper, changed" in shown
    assert "-    return x + 0\n+    return 0 + x" in shown
    work = program.load("work")
    assert work.f(1) == 4
    assert ran == []
    assert "which" in work.f.why(1)
    assert "accepted on" in work.f.why(1)


def test_nothing_is_accepted_that_was_not_confirmed(program: Edited, ran: list[object]) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    program.load("work")
    assert run("accept", "work:f", answer="n\n").exit_code == 1
    program.load("work").f(1)
    assert ran == ["f"]


def test_a_later_change_ends_it(program: Edited, ran: list[object]) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    accept(program, "work:f")
    program.replace("work.py", "RATE = 3", "RATE = 4")
    assert program.load("work").f(1) == 5
    assert ran == ["f"]


def test_another_change_of_the_same_function_is_not_accepted(
    program: Edited, ran: list[object]
) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    accept(program, "work:f")
    program.replace("work.py", "0 + x", "x + 5")
    assert program.load("work").f(1) == 19
    assert ran == ["f"]


def test_going_back_and_forth_hits_on_both(program: Edited, ran: list[object]) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    accept(program, "work:f")
    program.replace("work.py", "0 + x", "x + 0")
    program.load("work").f(1)
    program.replace("work.py", "x + 0", "0 + x")
    program.load("work").f(1)
    assert ran == []


def test_what_is_accepted_leads_from_version_to_version(program: Edited, ran: list[object]) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    accept(program, "work:f")
    program.load("work").f(2)  # so that this version has results, too
    program.replace("work.py", "+ 1", "+ 2 - 1")
    assert "work:f itself changed" in accept(program, "work:f")
    ran.clear()
    work = program.load("work")
    assert (work.f(1), work.f(2)) == (4, 7)
    assert ran == []


def test_a_step_that_was_not_accepted_breaks_the_way(program: Edited, ran: list[object]) -> None:
    program.replace("work.py", "RATE = 3", "RATE = 4")
    program.load("work").f(1)
    program.replace("work.py", "x + 0", "0 + x")
    accept(program, "work:f")
    ran.clear()
    assert program.load("work").f(1) == 5  # the newer result, not that of RATE = 3
    assert ran == []
    program.replace("work.py", "RATE = 4", "RATE = 3")
    assert program.load("work").f(1) == 4
    assert ran == ["f"]


def test_it_can_be_taken_back(program: Edited, ran: list[object]) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    name = accept(program, "work:f").partition("Accepted as ")[2].partition(";")[0]
    assert "work:low" in run("accept", "work:f", "--list").stdout
    program.load("work")
    assert "Taken back: work:f" in run("accept", "work:f", "--revoke", name[:6]).stdout
    program.load("work").f(1)
    assert ran == ["f"]
    assert "taken back by" in run("accept", "work:f", "--list").stdout


def test_it_is_recorded_with_who_when_and_what(program: Edited) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    accept(program, "work:f", "--who", "Ada", "--why", "addition commutes")
    (file,) = Path(dumbo.default_cache().directory, "accepted").glob("*.json")
    statement = json.loads(file.read_text())["statement"]
    assert (statement["who"], statement["why"]) == ("Ada", "addition commutes")
    assert "+    return 0 + x" in statement["diff"]
    assert statement["when"].startswith("20")
    assert file.stat().st_mode & 0o077 == 0


def test_outer_functions_keep_their_results_if_nothing_else_of_them_changed(
    program: Edited, ran: list[object]
) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    shown = accept(program, "work:f")
    assert "work:outer(int), 1 result" in shown
    work = program.load("work")
    assert work.outer(1) == 8
    assert ran == []


def test_a_change_of_the_inner_function_itself_is_accepted_for_the_outer_one(
    program: Edited, ran: list[object]
) -> None:
    program.replace("work.py", "+ 1", "+ 2 - 1")
    accept(program, "work:f")
    work = program.load("work")
    assert (work.f(1), work.outer(1)) == (4, 8)
    assert ran == []


def test_an_outer_function_that_reaches_the_change_by_another_way_is_computed(
    program: Edited, ran: list[object]
) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    assert "beside" not in accept(program, "work:f")
    assert program.load("work").beside(1) == 7
    assert ran == ["beside"]


def test_an_outer_function_that_changed_itself_is_computed(
    program: Edited, ran: list[object]
) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    program.replace("work.py", "f(x) * 2", "f(x) * 3")
    assert "outer" not in accept(program, "work:f")
    assert program.load("work").outer(1) == 12
    assert ran == ["outer"]


def test_a_new_helper_belongs_to_what_is_accepted_and_a_later_change_of_it_does_not(
    program: Edited, ran: list[object]
) -> None:
    program.replace("work.py", "x + 0", "new(x)")
    program.replace("work.py", "RATE = 3", "RATE = 3\n\ndef new(x):\n    return x")
    accept(program, "work:f")
    work = program.load("work")
    assert (work.f(1), work.outer(1)) == (4, 8)
    assert ran == []
    program.replace("work.py", "def new(x):\n    return x", "def new(x):\n    return x + 1")
    work = program.load("work")
    assert (work.f(1), work.outer(1)) == (7, 14)
    assert ran == ["f", "outer"]


def test_a_version_can_be_named(program: Edited, ran: list[object]) -> None:
    program.replace("work.py", "x + 0", "x + 5")
    program.load("work").f(1)
    program.replace("work.py", "x + 5", "0 + x")
    program.load("work")
    old = run("diff", "work:f", "--list").stdout.splitlines()[1].split()[0]
    accept(program, "work:f", "--from", old)
    ran.clear()
    assert program.load("work").f(1) == 4
    assert ran == []


def test_results_of_the_new_code_do_not_hide_the_version_before(
    program: Edited, ran: list[object]
) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    program.load("work").f(7)
    ran.clear()
    assert "-    return x + 0\n+    return 0 + x" in accept(program, "work:f")
    assert "there is nothing to accept" in accept(program, "work:f")
    work = program.load("work")
    assert (work.f(1), work.f(7)) == (4, 22)
    assert ran == []


def test_accepted_functions_are_fresh(program: Edited) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    accept(program, "work:f")
    program.load("work")
    found = {one["function"]: one for one in json.loads(run("status", "work", "--json").stdout)}
    assert found["work:f"]["state"] == "fresh"
    assert found["work:beside"]["state"] == "stale"
    assert "there is nothing to accept" in run("accept", "work:f", "--yes").stdout


def test_a_damaged_statement_says_nothing(program: Edited, ran: list[object]) -> None:
    program.replace("work.py", "x + 0", "0 + x")
    accept(program, "work:f")
    (file,) = Path(dumbo.default_cache().directory, "accepted").glob("*.json")
    file.write_text(file.read_text()[:-20])
    program.load("work").f(1)
    assert ran == ["f"]


def test_in_a_signed_cache_only_who_has_the_key_can_accept(
    program: Edited, ran: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DUMBO_SIGNING_KEY", "k" * 32)
    monkeypatch.setenv("DUMBO_DIR", str(tmp_path / "signed"))
    program.load("work").f(1)
    program.replace("work.py", "x + 0", "0 + x")
    accept(program, "work:f")
    ran.clear()
    program.load("work").f(1)
    assert ran == []
    (file,) = (tmp_path / "signed" / "accepted").glob("*.json")
    whole = json.loads(file.read_text())
    whole["statement"]["who"] = "somebody else"
    file.write_text(json.dumps(whole))
    dumbo.default_cache().close()
    program.load("work").f(1)
    assert ran == ["f"]


SEEN = """
import sys
from dumbo import memo

def low(x):
    return x + 0

TABLE = {}

@memo(keep="always")
def f(name):
    sys.audit("ran", "f")
    return eval(name)(1)

@memo(keep="always")
def g(name):
    sys.audit("ran", "g")
    return eval(name)(1)
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="nothing is observed")
def test_what_was_only_seen_to_run_is_accepted_for_the_function_that_is_named(
    edited: Edited, ran: list[object]
) -> None:
    edited.write(work=SEEN)
    work = edited.load("work")
    work.f("low"), work.g("low")
    edited.replace("work.py", "x + 0", "0 + x")
    assert "-    return x + 0\n+    return 0 + x" in accept(edited, "work:f")
    ran.clear()
    work = edited.load("work")
    assert (work.f("low"), work.g("low")) == (1, 1)
    assert ran == ["g"]
    edited.replace("work.py", "0 + x", "0 + x + 0")
    ran.clear()
    edited.load("work").f("low")
    assert ran == ["f"]


# -- new parameters --------------------------------------------------------------------

BEFORE = """
import sys
from dumbo import memo

def helper(x):
    return x

@memo(keep="always")
def f(x):
    sys.audit("ran", "f")
    return helper(x) * 0.5
"""
AFTER = (
    BEFORE.replace('keep="always"', 'keep="always", new_parameters={"alpha": 0.5}')
    .replace("f(x):\n    sys", "f(x, alpha=0.5):\n    sys")
    .replace("* 0.5", "* alpha")
)


@pytest.fixture
def grown(edited: Edited, ran: list[object]) -> Edited:
    edited.write(work=BEFORE)
    work = edited.load("work")
    work.f(1), work.f(2), work.f([1][0])
    edited.write(work=AFTER)
    ran.clear()
    return edited


def test_calls_with_the_default_find_results_from_before(grown: Edited, ran: list[object]) -> None:
    work = grown.load("work")
    assert (work.f(1), work.f(2, 0.5), work.f(x=1, alpha=0.5)) == (0.5, 1.0, 0.5)
    assert ran == []
    assert "before it had its new parameters" in work.f.why(1)


def test_calls_with_another_value_do_not(grown: Edited, ran: list[object]) -> None:
    work = grown.load("work")
    assert work.f(1, 2) == 2
    assert work.f(1, alpha=1) == 1
    assert ran == ["f", "f"]


def test_the_statement_holds_in_a_later_process_and_ends_with_the_next_change(
    grown: Edited, ran: list[object]
) -> None:
    grown.load("work").f(1)
    grown.load("work").f(2)
    assert ran == []
    grown.replace("work.py", "* alpha", "* alpha + 1")
    assert grown.load("work").f(1) == 1.5
    assert ran == ["f"]


def test_a_change_of_something_else_needs_more_than_the_statement(
    grown: Edited, ran: list[object]
) -> None:
    grown.replace("work.py", "return x\n", "return x + 1\n")
    assert grown.load("work").f(1) == 1.0
    assert ran == ["f"]


def test_what_else_changed_can_be_accepted(grown: Edited, ran: list[object]) -> None:
    grown.replace("work.py", "return x\n", "return +x\n")
    grown.load("work")
    accept(grown, "work:f")
    assert grown.load("work").f(1) == 0.5
    assert ran == []


def test_matchers_and_new_parameters_go_together(edited: Edited, ran: list[object]) -> None:
    key = 'key={"x": by.rounded(1)}'
    before = BEFORE.replace("import memo", "import by, memo").replace(
        '"always"', f'"always", {key}'
    )
    edited.write(work=before)
    edited.load("work").f(1.01)
    after = AFTER.replace("import memo", "import by, memo").replace('"always"', f'"always", {key}')
    edited.write(work=after)
    ran.clear()
    work = edited.load("work")
    assert work.f(1.02) == 0.505
    assert ran == []
    work.f(1.2)
    assert ran == ["f"]


@pytest.mark.parametrize(
    ("given", "words"),
    [("alpha", "give a dict"), ({"beta": 1}, "is no parameter"), ({1: 2}, "give a dict")],
)
def test_what_cannot_be_meant_is_said_at_once(given: object, words: str) -> None:
    with pytest.raises(dumbo.InvalidUse, match=words):

        @dumbo.memo(new_parameters=given)  # type: ignore[arg-type]
        def f(x, alpha=1):
            return x
