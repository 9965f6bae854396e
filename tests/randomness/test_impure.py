"""What makes results differ is seen in the code, said, and refused where that is wanted."""

from __future__ import annotations

import datetime
import functools
import logging
import os
import pkgutil
import random
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from datetime import datetime as moment
from os import environ
from pathlib import Path
from time import time as now
from typing import Any

import pytest

import dumbo
from dumbo import by, config, memo
from dumbo.tracing import interpreter

Ran = list[object]
RNG = random.Random(3)
WORDS = {"a", "b"}
LINE = "unknown"
OPEN = open(__file__)
DATABASE = sqlite3.connect(":memory:")


def reached(function: Any) -> set[tuple[str, str]]:
    """The kinds and names of what *function* reaches, found without running it."""
    return {one[:2] for one in interpreter.trace(function, (), None, ()).chance}


def helper() -> float:
    return now()


def seeded(seed: int | None = None) -> random.Random:
    return random.Random(seed)


class Clock:
    def __init__(self) -> None:
        self.at = time.monotonic()


def deep() -> float:
    return Clock().at + helper()


CASES: dict[str, tuple[Any, set[tuple[str, str]]]] = {
    "a global generator": (lambda: random.random(), {("random", "random.random")}),
    "a method of it": (lambda: random.choice("ab"), {("random", "random.choice")}),
    "a callback": (
        lambda: list(map(random.gauss, [1], [2])),
        {("random", "random.gauss")},
    ),
    "a key function": (
        lambda: sorted([1], key=lambda _: random.random()),
        {("random", "random.random")},
    ),
    "a partial": (
        lambda: functools.partial(random.randint, 1)(2),
        {("random", "random.randint")},
    ),
    "a generator of its own": (lambda: random.Random(4).random(), set()),
    "one without a seed": (lambda: random.Random().random(), {("entropy", "random.Random")}),
    "one that is passed its seed": (lambda: seeded(3), set()),
    "one that is passed none": (lambda: seeded(), {("entropy", "random.Random")}),
    "one with a seed that is None": (lambda: random.Random(None), {("entropy", "random.Random")}),
    "a generator among the globals": (lambda: RNG.random(), set()),
    "the system's": (
        lambda: (os.urandom(3), uuid.uuid4(), secrets.token_hex(), secrets.choice("a")),
        {
            ("entropy", "os.urandom"),
            ("entropy", "uuid.uuid4"),
            ("entropy", "secrets.token_hex"),
            ("entropy", "secrets.choice"),
        },
    ),
    "a name of a hash": (lambda: uuid.uuid5(uuid.NAMESPACE_DNS, "a"), set()),
    "a clock under another name": (lambda: now(), {("clock", "time.time")}),
    "clocks": (
        lambda: (time.perf_counter(), time.monotonic_ns()),
        {("clock", "time.perf_counter"), ("clock", "time.monotonic_ns")},
    ),
    "dates": (
        lambda: (datetime.datetime.now(), moment.utcnow(), datetime.date.today()),  # noqa: DTZ003, DTZ005, DTZ011
        {
            ("clock", "datetime.datetime.now"),
            ("clock", "datetime.datetime.utcnow"),
            ("clock", "datetime.date.today"),
        },
    ),
    "a date that is given": (lambda: datetime.datetime(2020, 1, 1), set()),  # noqa: DTZ001
    "a time as text": (lambda: time.strftime("%Y"), {("clock", "time.strftime")}),
    "a given time as text": (lambda: time.strftime("%Y", time.gmtime(0)), set()),
    "a pause": (lambda: time.sleep(0), set()),
    "the environment": (
        lambda: (os.environ["A"], environ.get("A"), os.getenv("A")),
        {("environment", "os.environ"), ("environment", "os.getenv")},
    ),
    "the command line": (lambda: sys.argv[1:], {("environment", "sys.argv")}),
    "the network": (
        lambda: socket.create_connection(("a", 1)),
        {("network", "socket.create_connection")},
    ),
    "lines of an open file": (
        lambda: (OPEN.readline(), [line for line in OPEN]),
        {("stream", "readline of _io:TextIOWrapper"), ("stream", "iteration over it")},
    ),
    "what somebody types": (
        lambda: (input(), sys.stdin.readline()),
        {("stream", "builtins.input"), ("stream", "sys.stdin")},
    ),
    "a database": (
        lambda: DATABASE.execute("SELECT 1"),
        {("stream", "execute of sqlite3:Connection")},
    ),
    "what is written to an open file": (lambda: OPEN.write("a"), set()),
    "a file that is opened": (lambda: open(__file__).readline(), set()),
    "what others do": (deep, {("clock", "time.monotonic"), ("clock", "time.time")}),
    "the order of a set": (
        lambda: [word for word in WORDS],
        {("order", "iteration over a set")},
    ),
    "a list of a set": (lambda: list({"a", "b"}), {("order", "iteration over a set")}),
    "a text of a set": (lambda: ",".join(WORDS), {("order", "iteration over a set")}),
    "a sorted set": (lambda: sorted(WORDS), set()),
    "how many": (lambda: (len(WORDS), "a" in WORDS), set()),
    "a set of numbers": (lambda: [number for number in {1, 2}], set()),
    "a mention of a module": (lambda: random, set()),
}


@pytest.mark.parametrize("case", CASES)
def test_chance_is_seen_in_the_code(case: str) -> None:
    function, expected = CASES[case]
    assert reached(function) == expected


def test_the_generators_of_numpy_are_told_apart() -> None:
    np = pytest.importorskip("numpy")
    pytest.importorskip("numpy.random")
    assert reached(lambda: np.random.rand()) == {("random", "numpy.random.rand")}
    assert reached(lambda: np.random.default_rng(4).normal()) == set()
    assert reached(lambda: np.random.default_rng(seed=4).normal()) == set()
    assert reached(lambda: np.random.default_rng()) == {("entropy", "numpy.random.default_rng")}
    assert reached(lambda: np.random.RandomState(3).rand()) == set()
    assert reached(lambda: np.random.RandomState()) == {("entropy", "numpy.random.RandomState")}


def test_those_of_torch_too() -> None:
    torch = pytest.importorskip("torch")
    generator = torch.Generator()
    assert reached(lambda: torch.rand(3)) == {("random", "torch.rand")}
    assert reached(lambda: torch.rand(3, generator=generator)) == set()


def test_the_state_of_a_librarys_generator_is_no_dependency(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(keep="always")
    def f() -> int:
        sys.audit("ran", "f")
        return random.choice(range(10**9))

    first = f()
    random.seed(4)
    state = random.getstate()
    assert f() == first
    assert random.getstate() == state, "a hit leaves it as it was"
    assert ran == ["f"]


# -- what is said --------------------------------------------------------------------------


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.WARNING, logger="dumbo")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "dumbo"]


def test_by_default_it_is_stored_and_said_so_once(cache: dumbo.Cache, ran: Ran, said: Any) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> float:
        sys.audit("ran", x)
        return x + helper()

    assert f(1) == f(1)
    f(2)
    assert ran == [1, 2]
    (message,) = said()
    line = helper.__code__.co_firstlineno + 1
    assert "it reaches the clock (time.time) at" in message
    assert f"test_impure.py:{line}, by" in message
    assert ".f -> " in message
    assert message.count(":helper") == 1
    assert "on_impure='refuse' stores none" in message


def test_a_function_that_is_made_again_and_again_is_spoken_of_once(
    cache: dumbo.Cache, said: Any
) -> None:
    for number in range(3):

        @cache.memo(keep="always")
        def f(x: int) -> float:
            return x + time.time()

        f(number)
    assert len(said()) == 1


def test_what_is_pure_is_not_spoken_of(cache: dumbo.Cache, said: Any) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> list[int]:
        return sorted({x, random.Random(x).randrange(9)})

    f(1)
    assert said() == []


def test_refused_results_are_not_stored_but_by_hand(
    cache: dumbo.Cache, ran: Ran, said: Any
) -> None:
    @cache.memo(keep="always", on_impure="refuse")
    def f(x: int) -> float:
        sys.audit("ran", x)
        return random.random()

    assert f(1) != f(1)
    assert ran == [1, 1]
    assert f.get_entry(1) is None
    assert f.why(1).startswith("not stored: it reaches random numbers (random.random) at")
    assert f.recompute(1) == f(1)
    assert f.insert(3.0, 2).load() == f(2) == 3.0
    assert said() == []


def test_a_pure_function_is_not_refused(cache: dumbo.Cache, ran: Ran) -> None:
    @cache.memo(keep="always", on_impure="refuse")
    def f(words: list[str]) -> list[str]:
        sys.audit("ran", "f")
        return list(set(words))

    assert f(["a"]) == f(["a"])
    assert ran == ["f"], "the order of a set is remarked on, and no more"
    assert "the order of a set at" in f.why(["a"])


def test_ignored_chance_is_not_spoken_of(cache: dumbo.Cache, said: Any) -> None:
    @cache.memo(keep="always", on_impure="ignore")
    def f(x: int) -> float:
        return random.random()

    assert f(1) == f(1)
    assert said() == []
    assert "random.random" in f.why(1), "but to who asks"


@pytest.mark.parametrize("where", ["environment", "project"])
def test_the_rule_may_be_set_for_all(
    where: str, cache: dumbo.Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "environment":
        monkeypatch.setenv("DUMBO_ON_IMPURE", "refuse")
    else:
        (tmp_path / "pyproject.toml").write_text('[tool.dumbo]\non-impure = "refuse"\n')
        monkeypatch.chdir(tmp_path)

    def body(x: int) -> float:
        return random.random()

    f = cache.memo(body, keep="always")
    assert f(1) != f(1)
    g = cache.memo(body, keep="always", on_impure="ignore")
    assert g(1) == g(1)


def test_a_rule_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(dumbo.InvalidUse, match="did you mean 'refuse'"):
        memo(on_impure="refuze")  # type: ignore[call-overload]
    (tmp_path / "pyproject.toml").write_text("[tool.dumbo]\non-impure = true\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(dumbo.InvalidUse, match="on-impure"):
        config.on_impure()


def test_an_unknown_rule_of_the_environment_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUMBO_ON_IMPURE", "strict")
    assert config.on_impure() == "refuse"
    monkeypatch.setenv("DUMBO_ON_IMPURE", " Ignore")
    assert config.on_impure() == "ignore"
    monkeypatch.setenv("DUMBO_ON_IMPURE", "")
    assert config.on_impure() == "warn"
    assert config.on_impure("refuse") == "refuse"


def test_what_is_admitted_is_not_hidden(cache: dumbo.Cache, said: Any) -> None:
    @cache.memo(samples=2, on_impure="refuse")
    def drawn(x: int) -> float:
        return random.random()

    @cache.memo(keep="always", reads=[by.env("HOME")], on_impure="refuse")
    def reading(x: int) -> str | None:
        return os.environ.get("HOME")

    @cache.memo(seed="rng", keep="always", on_impure="refuse")
    def injected(x: int, rng: random.Random) -> float:
        return rng.random()

    assert len({drawn(1), drawn(1), drawn(1)}) == 2
    for f in (reading, injected):
        f(1)
        assert f.get_entry(1) is not None
    assert said() == []


def test_other_chance_of_a_function_with_samples_is_hidden_as_ever(cache: dumbo.Cache) -> None:
    @cache.memo(samples=2, on_impure="refuse")
    def f(x: int) -> float:
        return random.random() + time.time()

    f(1)
    assert f.samples(1) == []
    assert len(f.samples(1, n=2)) == len(f.samples(1)) == 2, "by hand"


def noise(x: int) -> float:
    return random.random()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="nobody observes before 3.12")
def test_what_only_observation_sees_is_looked_through(cache: dumbo.Cache, said: Any) -> None:
    @cache.memo(keep="always", on_impure="refuse")
    def f(name: str, x: int) -> float:
        found = pkgutil.resolve_name(name)
        return float(found(x))

    @cache.memo(keep="always")
    def g(name: str) -> float:
        return float(pkgutil.resolve_name(name)(1))

    name = f"{__name__}:noise"
    assert f(name, 1) != f(name, 1)
    assert f.get_entry(name, 1) is None
    assert "random.random" in f.why(name, 1)
    assert g(name) == g(name)
    (message,) = said()
    assert "random.random" in message
    assert "random.random" in g.why(name)


PROGRAM = """
import random
from dumbo import memo

def noise():
    return random.random()

@memo(keep="always", on_impure="refuse")
def refused(x):
    return noise()

@memo(keep="always")
def kept(x):
    print("ran", x)
    return noise()

import sys
kept(int(sys.argv[1])), refused(int(sys.argv[1]))
print(refused.get_entry(int(sys.argv[1])))
import dumbo.tracing.tracker
print("interpreter" if "dumbo.tracing.interpreter" in sys.modules else "replay")
"""


def test_another_process_knows_without_tracing_again(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)

    def run(x: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "program.py", str(x)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
        )

    first, second, third = run(1), run(2), run(2)
    assert first.stdout.split() == ["ran", "1", "None", "interpreter"]
    for ran in (first, second):
        assert "program.py:6, by program:kept -> program:noise" in ran.stderr, ran.stderr
    assert second.stdout.split()[:3] == ["ran", "2", "None"]
    assert third.stderr == "", "a hit says nothing"


def test_deps_shows_where(cache: dumbo.Cache) -> None:
    graph = dumbo.deps(deep)
    found = {
        (data["name"], data["chance"], data["line"])
        for _, data in graph.nodes(data=True)
        if data["kind"] == "chance"
    }
    assert found == {
        ("time.time", "clock", helper.__code__.co_firstlineno + 1),
        ("time.monotonic", "clock", Clock.__init__.__code__.co_firstlineno + 1),
    }
    (node,) = [node for node, data in graph.nodes(data=True) if data["name"] == "time.time"]
    ((start, _, label),) = graph.in_edges(node, data="reference")
    assert (start.endswith(":helper"), label) == (True, "the clock")


def test_the_command_line_shows_where(tmp_path: Path) -> None:
    (tmp_path / "chancy.py").write_text(
        "import random\ndef f(): return g()\ndef g(): return random.random()\n"
    )
    shown = subprocess.run(
        [sys.executable, "-m", "dumbo", "deps", "chancy:f", "--only", "chance"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert "~ random.random  [random numbers in chancy:g]  chancy.py:3" in shown.stdout
