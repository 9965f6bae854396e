"""How often the steps of a frame are made."""

from __future__ import annotations

from typing import Any

import pytest

from dumbo.tracing import calls, frame
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

    def counted(self: frame.Frame, index: int, step: Any, state: Any) -> Any:
        if self.node.name.endswith(f":{name}"):
            steps.append(f"{index} {step.name}")
        return make(self, index, step, state)

    monkeypatch.setattr(frame.Frame, "_make", counted)
    return steps


def passed(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """The same, once for each time that a state has passed through one, whether made or not."""
    steps: list[str] = []
    flow = frame.Frame._flow

    def counted(self: frame.Frame, index: int) -> Any:
        if self.node.name.endswith(f":{name}"):
            steps.append(f"{index} {self.plan.steps[index % len(self.plan.steps)].name}")
        return flow(self, index)

    monkeypatch.setattr(frame.Frame, "_flow", counted)
    return steps


def test_a_call_is_not_made_again_for_variables_that_it_does_not_look_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps, states = made(monkeypatch, "loop"), passed(monkeypatch, "loop")
    trace(loop)
    made_calls = [step for step in steps if step.endswith(" CALL")]
    assert len(made_calls) == 2  # once to ask for the callee, once with what it gives
    assert max(states.count(step) for step in states if step.endswith("STORE_FAST")) > 1


def test_a_step_is_made_again_when_what_it_reads_has_grown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = made(monkeypatch, "callback")
    analysis = trace(callback)
    made_calls = [step for step in steps if step.endswith("CALL")]
    assert len(set(made_calls)) < len(made_calls)
    assert any(node.name.endswith(":later") for node in analysis.by_node)


def table_of(count: int) -> Any:
    """A function that calls itself through a table of *count* functions, as validators do."""
    lines = [
        "def dispatch(value, name):",
        "    for key in value:",
        "        TABLE[name](value, key)",
    ]
    lines += ["    return value"]
    for number in range(count):
        lines += [f"def rule_{number}(value, name):"]
        lines += [f"    if isinstance(value, list): return dispatch([{number}], name)"]
        lines += [f"    return dispatch(value, name) or {{{number}: value}}"]
    lines += [f"TABLE = {{str(n): globals()[f'rule_{{n}}'] for n in range({count})}}"]
    names: dict[str, Any] = {"__name__": "table_of_rules"}
    exec("\n".join(lines), names)
    return names["dispatch"]


def test_functions_that_call_each_other_through_a_table_are_bound_once_for_what_they_get(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound: list[str] = []
    bind = calls.bind_arguments

    def counted(caller: Any, callee: Any, *rest: Any) -> Any:
        bound.append(callee.obj.__name__)
        return bind(caller, callee, *rest)

    monkeypatch.setattr(calls, "bind_arguments", counted)
    steps = made(monkeypatch, "dispatch")
    for count in (10, 20, 40):
        bound.clear()
        steps.clear()
        analysis = trace(table_of(count))
        assert sum(":rule_" in node.name for node in analysis.by_node) == count
        assert len(bound) < 70 * count  # about 140 where each call binds anew
        assert len(steps) < 100 * count
