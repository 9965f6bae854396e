"""The names that are kept beside a trace."""

from __future__ import annotations

import json
import zlib
from types import ModuleType

import dumbo
from dumbo.persistence.store import Store
from dumbo.tracing import account
from dumbo.tracing.tracker import Tracker


def module() -> ModuleType:
    made = ModuleType("made_for_details")
    made.json = json  # type: ignore[attr-defined]
    source = "R = [3]\ndef helper(x): return x * R[0]\ndef f(x): return helper(x), json.dumps(x)\n"
    exec(source, vars(made))
    return made


def test_a_trace_holds_the_names_of_all_that_deps_shows(tmp_path) -> None:
    made = module()
    store = Store(tmp_path / "cache")
    tracker = Tracker(made.f)
    tracker.settle(tracker.look((1,), (), store, ("x",)), store)
    (trace,) = store.traces_of("made_for_details:f")
    known = account.decode(trace.details)
    assert known is not None
    labels, libraries = known.labels, known.libraries
    shown = dumbo.deps(made.f, [1])
    assert set(labels) == {
        data["name"] for _, data in shown.nodes(data=True) if "library" not in data
    }
    assert {"made_for_details:helper", "made_for_details:R[0]"} <= set(labels)
    assert libraries == ["python"]


def test_what_cannot_be_read_says_nothing() -> None:
    for payload in (b"", b"\0", zlib.compress(b""), zlib.compress(b"i\x01\0\0\0")):
        assert account.decode(payload) is None
