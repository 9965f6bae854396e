"""From a function and the shape of its arguments to a finished analysis.

The root of each analysis is a node of its own with one step: the call. Its
arguments are made from the *shape*, never from the values, so that calls of the
same shape share one closure.

Knows how an analysis begins and ends; must not know what steps mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FunctionType
from typing import TYPE_CHECKING, Any

from dumbo.errors import ClosureTooLarge
from dumbo.tracing import (
    boundary,
    calls,
    containers,
    filling,
    flow,
    formatting,
    iteration,
    loads,
    memo_tables,
    mentions,
    operators,
    patterns,
    schedule,
    unfinished,
)
from dumbo.tracing.annotations import parameters_of
from dumbo.tracing.attributes import of_member
from dumbo.tracing.building import build, build_deep
from dumbo.tracing.by_name import Methods
from dumbo.tracing.callgraph import Analysis, Before, Node
from dumbo.tracing.calls import Arguments
from dumbo.tracing.escapes import escape
from dumbo.tracing.frame import Frame, plan_of
from dumbo.tracing.guesses import Guesses
from dumbo.tracing.namespaces import fields_of
from dumbo.tracing.outside import Outside
from dumbo.tracing.schedule import NeedsCallee, TooManySteps
from dumbo.tracing.strangers import Strangers
from dumbo.tracing.uses import KEPT
from dumbo.tracing.values import UNKNOWN, Heap, Instance, Known, Tuple, Value
from dumbo.tracing.words import AskedTooLate

if TYPE_CHECKING:
    from dumbo.tracing.shapes import Shape
    from dumbo.tracing.words import Place, Told, Words

HANDLERS: dict[str, Callable[[Any, Any], None]] = {
    **loads.HANDLERS,
    **calls.HANDLERS,
    **flow.HANDLERS,
    **containers.HANDLERS,
    **filling.HANDLERS,
    **iteration.HANDLERS,
    **operators.HANDLERS,
    **formatting.HANDLERS,
    **patterns.HANDLERS,
}

_ANEW = 4  # times that an analysis is begun anew in the middle; after that, at its end


def trace(
    function: Any,
    roots: Sequence[Any] = (),
    shape: Sequence[Shape] | None = None,
    names: Sequence[str] = (),
    before: Before | None = None,
    by_name: bool = False,
    observed: bool = True,
    watched: bool | None = None,
    words: Words | Told | None = None,
    guessing: bool = False,
) -> Analysis:
    """Analyse one call of *function*.

    Parameters:
        roots: the code roots of the arguments, in the order of `hashing.digest_call`.
        shape: what is known of each argument; None if nothing is.
        names: to which parameters the items of *shape* belong.
        before: what was seen before the run; see `Analysis`.
        by_name: an unknown object may have any method of the name in reach; see `by_name`.
        observed: what the call runs is observed, so that the near part of the call graph will
            do where the whole is too large; see `schedule` and `unfinished`.
        watched: and what it runs counts, so that less has to be foreseen; as *observed* says, if
            not given.
        words: who is asked for the strings in the arguments; see `words`.
        guessing: what is not known of the call is guessed; see `guesses`.

    Raises:
        ClosureTooLarge: if that takes more work than it may, and is not observed.
    """
    refused: frozenset[int] = frozenset()
    asked: frozenset[Place] = frozenset()

    def trace_so_far(**bounds: Any) -> Analysis:
        analysis = Analysis(before, **bounds)
        analysis.watched = observed if watched is None else watched
        analysis.plain_tables = refused
        analysis.questions.words = words
        analysis.questions.asked |= asked
        analysis.questions.anew = begun <= _ANEW
        analysis.methods = Methods(analysis, function) if by_name else None
        return _trace(analysis, function, roots, shape, names, guessing)

    begun = 0
    with boundary.one_analysis():
        while True:
            begun += 1
            try:
                analysis = (_trace_partly if observed else _trace_wholly)(trace_so_far)
            except AskedTooLate as again:
                asked = again.asked
                continue
            more = memo_tables.finish(analysis)
            questions = analysis.questions
            if questions.asked & questions.unasked:
                # Now that something is asked of these, all that helps may be asked.
                asked = frozenset(questions.asked)
            elif not more:
                mentions.drop(analysis)
                return analysis
            refused |= more


def _trace_partly(trace_so_far: Callable[..., Analysis]) -> Analysis:
    """What is left out where there is too much of it, the observer sees."""
    analysis = trace_so_far(partial=True, limit=schedule.PARTIAL)
    if analysis.cut:
        unfinished.complete(analysis)
        analysis.unresolve("call", None, "too large to follow: what is left out is observed")
    return analysis


def _trace_wholly(trace_so_far: Callable[..., Analysis]) -> Analysis:
    with suppress(TooManySteps):
        return trace_so_far(limit=schedule.STEPS[0])
    try:
        # One frame for each function: less is told apart, and it settles sooner.
        return trace_so_far(limit=schedule.STEPS[1], contexts=1)
    except TooManySteps:
        raise ClosureTooLarge("its call graph is too large to follow") from None


def _trace(
    analysis: Analysis,
    function: Any,
    roots: Sequence[Any],
    shape: Sequence[Shape] | None,
    names: Sequence[str],
    guessing: bool,
) -> Analysis:
    callee = analysis.pool.known(function, analysis.look("root", -1, 0, function))
    for number, root in enumerate(roots):
        analysis.pool.known(root, analysis.look("root", -1, number + 1, root))
    analysis.outside = Outside(analysis, callee, HANDLERS)
    analysis.strangers = {
        far: Strangers(analysis, callee, HANDLERS, of_member, fields_of, far=far)
        for far in (False, True)
    }
    analysis.guesses = Guesses(analysis, callee, HANDLERS) if guessing else None
    frame = _RootFrame(analysis, callee)
    analysis.root = frame.node
    if not guessing:
        frame.node.edge(1, analysis.outside.nowhere, "out of sight")
    frame.begin(lambda: _arguments(frame, function, shape, names))
    analysis.wake(frame, 0)
    analysis.run()
    for strangers in analysis.strangers.values():
        strangers.finish()
    return analysis


class _RootFrame(Frame):
    """The call itself: one step, made again until its callee is done."""

    def __init__(self, analysis: Analysis, callee: Known) -> None:
        node = Node("root", "call", None, -1)
        plan = plan_of(_ROOT.__code__)
        super().__init__(analysis, node, plan, callee, {}, {}, (node, 0), HANDLERS)
        self.callee = callee

    def begin(self, arguments: Callable[[], Arguments]) -> None:
        self.arguments = arguments
        self.states[0] = ((), {}, frozenset(), {})

    def run(self) -> None:
        while self._pending:
            self._pending.clear()
            self._queued.clear()
            self.index, self.stack, self.locals, self.written = 0, [], {}, frozenset()
            self.escaping.clear()
            self.entering.clear()
            self.is_direct = True
            try:
                self.touch(self.callee, "function")
                args = self.arguments()
                given = calls.invoke(self, self.callee, args)
                self.is_direct = False
                escape(self, given, KEPT)
                for value in args.all():
                    self._depend_on_classes(value)
            except NeedsCallee:
                self._push(0)
                raise

    def _depend_on_classes(self, value: Value) -> None:
        """The type of an argument counts by its bases, even where nothing calls its methods."""
        if isinstance(value, Instance):
            self.touch(value.cls, "type of an argument")


def _ROOT() -> None:  # noqa: N802 - stands for a call from outside
    """Never run."""


def _arguments(
    frame: _RootFrame, function: Any, shape: Sequence[Shape] | None, names: Sequence[str]
) -> Arguments:
    if shape is None:
        rest = frame.unknown_value("an argument")
        positional, named = _annotated(frame, frame.callee)
        return Arguments(positional, named, rest, rest)
    told = [item for item in shape if item[0] != "kinds"]
    _, kinds, only = next((item for item in shape if item[0] == "kinds"), ("kinds", (), ()))
    values = [build(frame, item, (number,), only) for number, item in enumerate(told)]
    build_deep(frame, kinds, only)
    code = function.__code__ if type(function) is FunctionType else None
    if code is None:
        return Arguments(tuple(values), {}, UNKNOWN, UNKNOWN)
    count, kwonly = code.co_argcount, code.co_kwonlyargcount
    given = dict(zip(names, values, strict=False))
    own = code.co_varnames
    if not set(names) <= set(own[: count + kwonly + 2]):
        # A wrapper that takes *args for the parameters of what it wraps.
        return Arguments(tuple(values), {})
    positional = tuple(
        given.get(name) or frame.unknown_value(f"ignored parameter {name}") for name in own[:count]
    )
    named = {
        name: given.get(name) or frame.unknown_value(f"ignored parameter {name}")
        for name in own[count : count + kwonly]
    }
    at = count + kwonly
    if code.co_flags & 4:
        extra = given.get(own[at])
        if isinstance(extra, Tuple):
            positional = (*positional, *extra.items)
        at += 1
    named_rest = None
    if code.co_flags & 8 and own[at] in given:
        held = given[own[at]]
        if isinstance(held, Heap):
            more, named_rest = calls.spread_names(frame, held)
            named.update(more)
    return Arguments(positional, named, None, named_rest)


def _annotated(frame: Frame, callee: Known) -> tuple[tuple[Value, ...], dict[str, Value]]:
    """With nothing known of the call: parameters by their annotations."""
    known = parameters_of(frame, callee)
    if type(callee.obj) is not FunctionType or not known:
        return (), {}
    code = callee.obj.__code__
    unknown = frame.unknown_value("an argument")
    names = code.co_varnames[: code.co_argcount]
    last = max((index for index, name in enumerate(names) if name in known), default=-1)
    positional = tuple(known.get(name, unknown) for name in names[: last + 1])
    keyword = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    return positional, {name: known[name] for name in keyword if name in known}
