"""How often the steps of a frame are made."""

from __future__ import annotations

from typing import Any

import pytest

from dumbo.tracing import frame
from dumbo.tracing.interpreter import trace


def helper(value: Any) -> Any:
    return value


def loop(items: Any) -> Any:
    total = 0
    name = "none"
    for item in items:
        helper(3)
        if item:
            total = "some"
            name = 1.5
        else:
            name = total
            total = None
    return name


def callback(items: Any) -> Any:
    found = []
    for item in items:
        seen = found[0] if found else None
        found.append(item)
        later(seen)
    return found


def later(value: Any) -> Any:
    return value.key


def made(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """The names of steps of function *name*, once for each time that one was made."""
    steps: list[str] = []
    make = frame.Frame._make

    def counted(self: frame.Frame, index: int, step: Any, state: Any) -> None:
        if self.node.name.endswith(f":{name}"):
            steps.append(f"{index} {step.name}")
        make(self, index, step, state)

    monkeypatch.setattr(frame.Frame, "_make", counted)
    return steps


def test_a_call_is_not_made_again_for_variables_that_it_does_not_look_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = made(monkeypatch, "loop")
    trace(loop)
    calls = [step for step in steps if step.endswith(" CALL")]
    assert len(calls) == 2  # once to ask for the callee, once with what it gives
    assert max(steps.count(step) for step in steps if step.endswith("STORE_FAST")) > 1


def test_a_step_is_made_again_when_what_it_reads_has_grown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = made(monkeypatch, "callback")
    analysis = trace(callback)
    calls = [step for step in steps if step.endswith("CALL")]
    assert len(set(calls)) < len(calls)
    assert any(node.name.endswith(":later") for node in analysis.by_node)
