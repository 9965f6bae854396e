"""What goes out of sight: what belongs to it, how often that is looked at, and in which order."""

from __future__ import annotations

import types
from typing import Any

import pytest

from dumbo.tracing import escapes, schedule
from dumbo.tracing.digest import closure_digest
from dumbo.tracing.interpreter import trace


def made(source: str) -> Any:
    module = types.ModuleType("outside_target")
    exec(compile(source, "outside_target.py", "exec"), vars(module))
    return module


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "MORE", 0)


def entered(analysis: Any) -> set[str]:
    return {node.name.partition(":")[2] for node in analysis.by_node}


HELD = """
import json

class Box:
    def __init__(self):
        self.kept = []

BOX = Box()

def before():
    return 1

def later():
    return inner()

def inner():
    return 2

def show(x):
    json.dumps(BOX, default=x)

def entry(x):
    BOX.early = before
    show(x)
    show(x)
    BOX.late = later
    return 1
"""


@pytest.mark.parametrize("observed", [True, False])
def test_what_is_put_into_a_live_object_is_called_back_whenever_it_was_let_out(
    observed: bool,
) -> None:
    module = made(HELD)
    found = trace(module.entry, observed=observed)
    assert {"before", "later", "inner"} <= entered(found)
    changed = made(HELD.replace("return 2", "return 3"))
    assert closure_digest(trace(changed.entry)) != closure_digest(trace(made(HELD).entry))


def test_a_live_object_is_let_out_once_by_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[Any] = []
    look = escapes._escape_known

    def counted(frame: Any, value: Any, use: Any) -> None:
        looked_at.append((frame, frame.place, value, use))
        look(frame, value, use)

    monkeypatch.setattr(escapes, "_escape_known", counted)
    module = made(
        """
import json

TABLE = [print]

def entry(n):
    held = []
    for number in range(n):
        held.append((held, number))
        json.dumps(TABLE, default=held)
    return held
"""
    )
    trace(module.entry)
    assert any(value.obj is module.TABLE for _, _, value, _ in looked_at)
    assert len(looked_at) == len(set(looked_at))


ORDER = """
import json

def near(x):
    return [deep(x, n) for n in range(3)]

def deep(x, n):
    return [x, n]

def far():
    return helper()

def helper():
    return 1

def entry(x):
    json.dumps(x, default=near)
    json.dumps(x, default=far)
    return near(1)
"""


def test_what_nobody_else_calls_is_looked_at_first_where_there_is_no_time_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schedule, "FAR", 5)
    found = trace(made(ORDER).entry)
    assert found.cut
    assert {"far", "helper"} <= entered(found)
