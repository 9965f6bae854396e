"""Traces of bodies that import modules: before these are loaded, and after.

Knows programs and their states; must not know functions, stores or the analysis.
"""

from __future__ import annotations

from dumbo.tracing import fingerprint, replay
from dumbo.tracing.lookup import module_namespace, path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from dumbo.tracing.callgraph import Before
    from dumbo.tracing.snapshots import Snapshot


def partly_loaded(
    program: Sequence[replay.Lookup], states: Sequence[bytes], ran: replay.Replay | None
) -> replay.Replay | None:
    """*ran*, if it is one of *states* but for modules that are not loaded.

    All of *states* prove one closure by *program*. They differ where a body imports modules, and
    of these, any may be loaded by now. One that is not is as it was in another of the states, or
    it is of an installed distribution, which counts by its version. What lies behind it was not
    looked at.
    """
    if ran is None or replay.UNLOADED not in ran.found:
        return None
    size, found = fingerprint.SIZE, ran.found
    for whole in states[-2:]:  # seldom more: before the imports of a body, and after them
        for index, (op, base, arg) in enumerate(program):
            span = slice(index * size, (index + 1) * size)
            if ran.state[span] == whole[span]:
                continue
            if found[index] is not replay.UNLOADED:
                break
            if base >= 0 and found[base] is replay.UNLOADED:
                continue
            if any(ran.state[span] == state[span] for state in states):
                continue
            from dumbo.tracing import sources  # of these are few

            within = f"{module_namespace(found[base])['__name__']}." if op == "submodule" else ""
            if not sources.is_installed(within + arg):
                break
        else:
            return ran
    return None


def not_looked_into(
    program: Sequence[replay.Lookup], found: Sequence[Any] | None
) -> tuple[str, ...]:
    """The modules behind which *program* has no lookup; with *found*, of these the unloaded."""
    behind = {base for _, base, _ in program}
    return tuple(
        arg
        for index, (op, _, arg) in enumerate(program)
        if op == "module"
        and index not in behind
        and (found is None or found[index] is replay.UNLOADED)
    )


def seen(snapshot: Snapshot) -> Before | None:
    """What a replay found before the run, for the analysis after it."""
    if snapshot.ran is None:
        return None
    # Imported here: the analysis that this is for has all of it.
    from dumbo.tracing.callgraph import Before

    program, ran = snapshot.program, snapshot.ran
    found = {
        path: obj
        for path, obj in zip(_paths(program), ran.found, strict=True)
        if obj is not replay.UNLOADED
    }
    contents = {path_of(program, program[index][1]): ran.contents[index] for index in ran.contents}
    return Before(found, contents)


def by_path(program: Sequence[replay.Lookup], state: bytes) -> dict[Any, bytes]:
    size = fingerprint.SIZE
    return {
        path: state[index * size : (index + 1) * size] for index, path in enumerate(_paths(program))
    }


def _paths(program: Sequence[replay.Lookup]) -> list[Any]:
    paths: list[Any] = []
    for op, base, arg in program:
        paths.append((paths[base] if base >= 0 else None, op, type(arg), arg))
    return paths


def as_before(program: Sequence[replay.Lookup], state: bytes, before: dict[Any, bytes]) -> bytes:
    """*state*, save that what was seen before the run is as it was then."""
    size = fingerprint.SIZE
    return b"".join(
        state[index * size : (index + 1) * size]
        if program[index][0] == "module" or path not in before or _below_module(path)
        else before[path]
        for index, path in enumerate(_paths(program))
    )


def _below_module(path: Any) -> bool:
    while path is not None:
        if path[1] == "module":
            return True
        path = path[0]
    return False
