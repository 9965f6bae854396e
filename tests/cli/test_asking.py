"""The commands status, why and diff."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from dumbo.cli.commands import dumbo
from tests.edited import Edited, edited

__all__ = ["edited"]

PROGRAM = """
from dumbo import memo

RATE = 3

def helper(x):
    return x * RATE

@memo(keep="always")
def f(x):
    return helper(x) + 1

@memo(keep="always")
def outer(x):
    return f(x) * 2

@memo(keep="always")
def other(x):
    return x

@memo(keep="always")
def unused(x):
    return x
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(dumbo, words)


@pytest.fixture
def program(edited: Edited) -> Edited:
    edited.write(work=PROGRAM)
    work = edited.load("work")
    work.f(1), work.f(2), work.outer(1), work.other(1)
    edited.forget()
    return edited


def states(program: Edited, *words: str) -> dict[str, str]:
    program.load("work")
    return {one["function"]: one["state"] for one in json.loads(run("status", *words).stdout)}


def test_status_shows_who_is_fresh_and_who_has_nothing(program: Edited) -> None:
    assert states(program, "work", "--json") == {
        "work:f": "fresh", "work:outer": "fresh", "work:other": "fresh", "work:unused": "empty",
    }  # fmt: skip


def test_status_shows_who_is_stale_since_what_and_what_hangs_on_it(program: Edited) -> None:
    program.replace("work.py", "RATE = 3", "RATE = 4")
    program.load("work")
    shown = run("status", "work").stdout
    assert "work:RATE, which work:f uses through work:helper, was 3 and is 4" in shown
    assert "2 functions would compute again what took" in shown
    found = {one["function"]: one for one in json.loads(run("status", "work", "--json").stdout)}
    assert (found["work:f"]["state"], found["work:f"]["stale"]["entries"]) == ("stale", 2)
    assert found["work:outer"]["because"][0]["path"] == [
        "work:outer", "work:f", "work:helper", "work:RATE",
    ]  # fmt: skip
    assert found["work:other"]["state"] == "fresh"


def test_status_without_modules_looks_up_what_is_stored(program: Edited) -> None:
    assert set(states(program, "--json")) == {"work:f", "work:outer", "work:other"}


def test_status_checks_for_machines(program: Edited) -> None:
    program.load("work")
    assert run("status", "work", "--check").exit_code == 0
    program.replace("work.py", "RATE = 3", "RATE = 4")
    program.load("work")
    assert run("status", "work", "--check").exit_code == 1


def test_status_sees_that_a_comment_changes_nothing(program: Edited) -> None:
    program.replace("work.py", "    return x * RATE", '    "Times."\n    # so\n    return x * RATE')
    assert states(program, "work", "--json")["work:f"] == "fresh"


def test_a_function_that_cannot_be_followed_is_unknown(program: Edited) -> None:
    program.replace("work.py", "RATE = 3", "RATE = (n for n in range(3))")
    program.replace("work.py", "x * RATE", "x * len(str(RATE))")
    program.load("work")
    found = {one["function"]: one for one in json.loads(run("status", "work", "--json").stdout)}
    assert found["work:f"]["state"] == "unknown"
    assert found["work:f"]["why"]


def test_why_of_a_function_shows_the_difference(program: Edited) -> None:
    program.replace("work.py", "x * RATE", "x + RATE")
    program.load("work")
    shown = run("why", "work:f").stdout
    assert "stored results are of older code (2, " in shown
    assert "-    return x * RATE\n+    return x + RATE" in shown


def test_why_of_a_call(program: Edited) -> None:
    program.load("work")
    assert run("why", "work:f", "--args", "1").stdout.startswith("work:f(1): hit: ")
    assert "x is 5, and was 2" in run("why", "work:f", "--args", "x=5").stdout


def test_why_of_an_entry(program: Edited) -> None:
    work = program.load("work")
    number = run("show", "work:outer").stdout.partition("id")[2].split()[0]
    shown = run("why", number[:8]).stdout
    assert "of work:outer" in shown
    assert "call: x=1" in shown
    assert "hit: this call would be loaded" in shown
    del work
    program.replace("work.py", "* 2", "* 3")
    program.load("work")
    shown = run("why", number[:8]).stdout
    assert "no hit" in shown
    assert "work:outer itself changed: `return f(x) * 2` is now `return f(x) * 3`" in shown


def test_diff_of_the_stored_version_and_the_code_as_it_is(program: Edited) -> None:
    program.load("work")
    assert "stored results are of the code as it is" in run("diff", "work:f").stdout
    program.replace("work.py", "x * RATE", "x + RATE")
    program.load("work")
    shown = run("diff", "work:f").stdout
    assert shown.startswith("work:f(int), ")
    assert "-> now: 1 change" in shown


def test_diff_of_two_versions(program: Edited) -> None:
    program.replace("work.py", "x * RATE", "x + RATE")
    program.load("work").f(1)
    program.replace("work.py", "x + RATE", "x - RATE")
    program.load("work")
    listed = run("diff", "work:f", "--list").stdout.splitlines()
    assert [line.split()[3] for line in listed] == ["1", "2"]
    new, old = (line.split()[0] for line in listed)
    shown = run("diff", "work:f", old, new).stdout
    assert "-    return x * RATE\n+    return x + RATE" in shown
    assert "known are" in run("diff", "work:f", "ffff").output


def test_what_is_not_memoized_is_refused(program: Edited) -> None:
    program.load("work")
    ended = run("why", "work:helper")
    assert ended.exit_code == 2
    assert "not memoized" in ended.output
