"""Which road proves a closure: the guard, a replay, or tracing; and what each of them sees."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from dumbo.errors import UntraceableFunction
from dumbo.persistence.store import Store
from dumbo.tracing.tracker import Tracker, tracker_of


def module(source: str) -> ModuleType:
    """A module of user code that is in no file."""
    made = ModuleType("made")
    exec(textwrap.dedent(source), vars(made))
    return made


HELPED = """
    K = 2
    def helper(x): return x * K
    def f(x): return helper(x) + 1
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def test_a_second_call_is_proven_by_the_guard(store: Store) -> None:
    tracker = Tracker(module(HELPED).f)
    first = tracker.look((1,), (), store, ("x",))
    assert tracker.look((2,), (), store, ("x",)) is first
    assert tracker.traced == 1


def test_a_million_numbers_are_one_shape(store: Store) -> None:
    tracker = Tracker(module(HELPED).f)
    digests = {tracker.look((n,), (), store, ("x",)).digest for n in range(0, 10**6, 997)}
    assert len(digests) == tracker.traced == 1


def test_another_type_of_argument_is_another_shape(store: Store) -> None:
    tracker = Tracker(module(HELPED).f)
    tracker.look((1,), (), store, ("x",))
    tracker.look(("a",), (), store, ("x",))
    assert tracker.traced == 2


def test_what_was_traced_once_is_replayed_by_another_tracker(store: Store) -> None:
    one, two = (Tracker(module(HELPED).f) for _ in range(2))
    snapshot = one.look((1,), (), store, ("x",))
    assert one.settle(snapshot, store) is snapshot
    assert two.look((1,), (), store, ("x",)).digest == snapshot.digest
    assert (one.traced, two.traced) == (1, 0)


def test_a_changed_helper_is_traced_again_and_a_changed_back_one_is_not(store: Store) -> None:
    made = module(HELPED)
    tracker = Tracker(made.f)
    before = tracker.look((1,), (), store, ("x",))
    tracker.settle(before, store)
    old, made.helper = made.helper, lambda x: x
    changed = tracker.look((1,), (), store, ("x",))
    tracker.settle(changed, store)
    made.helper = old
    assert tracker.look((1,), (), store, ("x",)).digest == before.digest != changed.digest
    assert tracker.traced == 2


def test_a_renamed_helper_keeps_the_digest() -> None:
    renamed = HELPED.replace("helper", "assistant")
    digests = [Tracker(module(s).f).look((1,), (), None).digest for s in (HELPED, renamed)]
    assert digests[0] == digests[1]


def test_two_helpers_that_swap_their_names_do_not() -> None:
    source = "def a(x): return x + 1\ndef b(x): return x * 2\ndef f(x): return a(b(x))\n"
    swapped = "def b(x): return x + 1\ndef a(x): return x * 2\ndef f(x): return a(b(x))\n"
    digests = [Tracker(module(s).f).look((1,), (), None).digest for s in (source, swapped)]
    assert digests[0] != digests[1]


def test_a_version_is_a_salt() -> None:
    function = module(HELPED).f
    digests = {Tracker(function, version=v).look((1,), (), None).digest for v in ("", "1", "2")}
    assert len(digests) == 3


def test_without_deps_a_helper_does_not_count() -> None:
    made = module(HELPED)
    tracker = Tracker(made.f, track_deps=False)
    before = tracker.look((1,), (), None).digest
    made.helper = lambda x: x
    assert tracker.look((1,), (), None).digest == before
    assert tracker.traced == 0


def test_what_cannot_be_traced_is_learnt_once() -> None:
    tracker = Tracker(module("G = iter([1])\ndef f(x): return list(G)").f)
    for _ in range(3):
        with pytest.raises(UntraceableFunction, match="global G"):
            tracker.look((1,), (), None, ("x",))
    assert tracker.traced == 1


def test_a_call_graph_that_is_too_large_is_tried_once_by_all_processes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dumbo.tracing.schedule.STEPS", (3, 3))
    monkeypatch.setattr("dumbo.tracing.schedule.MORE", 0)
    one, two = (Tracker(module(HELPED).f, observed=False) for _ in range(2))
    for tracker in (one, one, two, two):
        with pytest.raises(UntraceableFunction, match="too large"):
            tracker.look((1,), (), store, ("x",))
    assert (one.traced, two.traced) == (1, 0)
    monkeypatch.undo()
    edited = Tracker(module(HELPED.replace("+ 1", "+ 2")).f)
    assert edited.look((1,), (), store, ("x",))


def test_one_function_has_one_tracker() -> None:
    function = module(HELPED).f
    assert tracker_of(function) is tracker_of(function)
    assert tracker_of(function) is not tracker_of(function, version="2")


def test_the_node_that_changed_is_named(store: Store) -> None:
    made = module(HELPED)
    tracker = Tracker(made.f)
    tracker.settle(tracker.look((1,), (), store, ("x",)), store)
    made.K = 3
    changed = tracker.look((1,), (), store, ("x",))
    assert tracker.explain(changed, store) == "global helper, global K"


def test_a_hundred_versions_of_a_helper_are_told_apart_by_one_replay(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = module(HELPED)
    digests = []
    for version in range(100):
        made.K = version
        tracker = Tracker(made.f)
        digests.append(tracker.settle(tracker.look((1,), (), store, ("x",)), store).digest)
    made.K = 50
    runs = []
    from dumbo.tracing import replay

    real = replay.run
    monkeypatch.setattr(
        replay, "run", lambda *args, **options: runs.append(1) or real(*args, **options)
    )
    fresh = Tracker(made.f)
    assert fresh.look((1,), (), store, ("x",)).digest == digests[50]
    assert (fresh.traced, len(runs)) == (0, 1)


def test_a_fresh_process_replays_without_the_analyser(tmp_path: Path) -> None:
    (tmp_path / "project.py").write_text(
        "from dumbo import memo\n"
        + textwrap.dedent(HELPED).replace("def f", "@memo(keep='always')\ndef f")
    )
    script = (
        "import sys, project; project.f(1);"
        "heavy = 'dumbo.tracing.interpreter', 'networkx', 'cloudpickle';"
        "print(*[m for m in heavy if m in sys.modules], project.f.cache_info().hits)"
    )

    def run() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={"DUMBO_DIR": str(tmp_path / "cache"), "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert run() == ["dumbo.tracing.interpreter", "0"]
    assert run() == ["1"]


def test_what_changed_is_told_by_its_label_and_first_causes_only(store: Store) -> None:
    made = module(HELPED)
    tracker = Tracker(made.f)
    assert tracker.standing(store) is None
    tracker.settle(tracker.look((1,), (), store, ("x",)), store)
    assert tracker.standing(store) == []
    made.K = 3
    assert tracker.standing(store) == ["made:K"]
    exec("def helper(x): return x + K", vars(made))
    assert tracker.standing(store) == ["made:helper"]
    made.helper = None
    assert tracker.standing(store) == ["made:helper"]


def test_for_each_shape_one_trace_that_holds_is_enough(store: Store) -> None:
    made = module(HELPED)
    tracker = Tracker(made.f)
    for number in (2, 3):
        made.K = number
        for value in (1, 2.5):
            tracker.settle(tracker.look((value,), (), store, ("x",)), store)
    assert tracker.standing(store) == []
    made.K = 2
    assert tracker.standing(store) == []
    made.K = 4
    assert tracker.standing(store) == ["made:K"]
