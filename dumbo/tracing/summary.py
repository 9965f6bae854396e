"""What a finished analysis tells to who only has its program: see `replay.Program`.

Knows analyses; must not know how they are made.
"""

from __future__ import annotations

from types import FunctionType

from dumbo.tracing import fingerprint
from dumbo.tracing.callgraph import Analysis
from dumbo.tracing.lookup import globals_of, is_module
from dumbo.tracing.replay import Program

__all__ = ["program_of"]


def program_of(analysis: Analysis) -> Program:
    return Program(
        analysis.program,
        analysis.identity,
        _entered(analysis),
        _inner(analysis),
        _unsteady(analysis),
        analysis.questions.answers(),
    )


def _entered(analysis: Analysis) -> tuple[int, ...]:
    refs = {
        node.ref
        for node in analysis.by_node
        if node.ref >= 0 and type(analysis.found[node.ref]) is FunctionType
    }
    return tuple(sorted(refs))


def _inner(analysis: Analysis) -> frozenset[bytes]:
    return frozenset(
        fingerprint.code(node.code)
        for node in analysis.by_node
        if node.home is not None and node.code is not None
    )


def _unsteady(analysis: Analysis) -> tuple[int, ...]:
    written = set(analysis.written())
    return tuple(
        index
        for index, (op, base, arg) in enumerate(analysis.program)
        if id(analysis.found[index]) in analysis.changed
        or (op in ("global", "attr") and (_site(analysis.found[base]), arg) in written)
    )


def _site(base: object) -> tuple[str, int] | None:
    if type(base) is FunctionType or is_module(base):
        return ("global", id(globals_of(base)))
    return None
