"""What is not known of a call, guessed: for people who look at a function without a call.

    def total(graph):              `graph` may be of the classes in this package that have
        for n in graph.nodes:      `nodes` and `degree`: the most general ones, and some that
            graph.degree(n)        derive from them; see `candidates`

    def convert(self, text):       `self` has the fields that its class's `__init__` gives it,
        self.parser.parse(text)    though `__init__` itself is not called here, and those that
                                   objects in the package's modules have

Closures of calls need none of this: the types of their arguments are at hand, and what is wrong
here costs nobody a result.

Knows parameters, variables, and where they are used; must not know how classes are chosen.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from types import CodeType, FunctionType
from typing import Any

from dumbo.tracing.annotations import instances, parameters_of
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.callgraph import Analysis, Node
from dumbo.tracing.candidates import Candidates, Place
from dumbo.tracing.frame import Frame, Plan, Stalled, plan_of
from dumbo.tracing.outside import Apart
from dumbo.tracing.schedule import NeedsCallee
from dumbo.tracing.values import UNKNOWN, Instance, Known, Unknown, Value, is_plain

_LOADS = frozenset({"LOAD_FAST", "LOAD_DEREF"})
Source = tuple[str, ...]  # a variable, and the attributes that lead on from it


class Guesses:
    """See the module's docstring."""

    def __init__(self, analysis: Analysis, callee: Known, handlers: dict[str, Any]) -> None:
        self._analysis = analysis
        self._makers = {far: _Makers(analysis, callee, handlers, far=far) for far in (False, True)}
        module = getattr(callee.obj, "__module__", None)
        package = module.partition(".")[0] if isinstance(module, str) else ""
        self._candidates = Candidates(package, _fields_set)
        self._asked: dict[Plan, dict[Source, frozenset[str]]] = {}
        self._filled: set[tuple[type, str]] = set()

    def of_parameters(
        self, frame: Frame, code: CodeType, parameters: dict[str, Value]
    ) -> dict[str, Value]:
        """*parameters* with guesses in the place of those of which nothing is known."""
        refined = dict(parameters)
        for name, value in parameters.items():
            if isinstance(value, Unknown) and not is_plain(value):
                guessed = self._of(frame, plan_of(code), (name,))
                refined[name] = frame.pool.join(value, *guessed) or value
        return refined

    def of_unknown(self, frame: Frame) -> list[Value]:
        """What something unknown may be of which the step that is being made asks an attribute."""
        steps, index = frame.plan.steps, frame.at
        if index >= len(steps) or steps[index].name != "LOAD_ATTR":
            return []
        source = _source(frame.plan, index)
        return self._of(frame, frame.plan, source) if source else []

    def field(self, frame: Frame, value: Instance, name: str) -> None:
        """Somebody reads field *name* of *value*, which no code in sight has made."""
        if isinstance(value.cls, Known):
            self._fill(value.cls, name)
            self._makers[frame.far].make(value.cls)

    def item(self, frame: Frame) -> Value | None:
        """What is in a container that is empty as far as is seen, once all is quiet."""
        if self._analysis.may_wait(frame, frame.index):
            return None
        return frame.unknown_value("an item that nobody puts")

    def _of(self, frame: Frame, plan: Plan, source: Source) -> list[Value]:
        if plan not in self._asked:
            self._asked[plan] = _asked_in(plan)
        asked = self._asked[plan].get(source, frozenset())
        found: list[Value] = []
        for cls in self._candidates.fitting(asked, source[-1]):
            known = self._known(self._candidates.place(cls))
            found += instances(frame, known) if known is not None else []
        return found

    def _known(self, place: Place) -> Known | None:
        home = self._analysis.look("module", -1, place.module)
        return self._analysis.get("attr", home, place.name)

    def _fill(self, cls: Known, name: str) -> None:
        """What objects that a module holds have in a field, another one may have, too."""
        if (cls.obj, name) in self._filled:
            return
        self._filled.add((cls.obj, name))
        for place in self._candidates.live(cls.obj):
            held = self._known(place)
            if held is not None:
                field = self._analysis.get("field", held.ref, name)
                self._analysis.write(("class", id(cls.obj)), ("attr", name), field)


class _Makers(Apart):
    """Runs what gives fields to objects, and belongs to no function that is looked at."""

    def __init__(
        self, analysis: Analysis, home: Known, handlers: dict[str, Any], *, far: bool
    ) -> None:
        super().__init__(analysis, Node("outside", "what makes objects", None, -1), home, handlers)
        self.far = far
        self._numbers: dict[Known, int] = {}
        self._made: list[Known] = []

    def make(self, cls: Known) -> None:
        if cls not in self._numbers:
            self._numbers[cls] = len(self._made)
            self._made.append(cls)
            self._push(self._numbers[cls])
            self.analysis.later(self)

    def run(self) -> None:
        while self._pending:
            index = heapq.heappop(self._pending)
            self._queued.discard(index)
            self.begin(index)
            try:
                self._initialise(self._made[index])
            except Stalled:
                continue
            except NeedsCallee:
                self._push(index)
                raise
            self.analysis.check()

    def _initialise(self, cls: Known) -> None:
        from dumbo.tracing.calls import Arguments, invoke  # a cycle: entering asks for guesses

        init = self.analysis.get("mro", cls.ref, "__init__")
        if not isinstance(init, Known) or type(init.obj) is not FunctionType:
            return
        if owner_of(init.obj) is not None:
            return
        made = self.pool.make(Instance, cls, ("class", id(cls.obj)))
        code, known = init.obj.__code__, parameters_of(self, init)
        rest = self.unknown_value("an argument of who made it")
        names = code.co_varnames[1 : code.co_argcount]
        given = tuple(self.pool.join(known.get(name), rest) or UNKNOWN for name in names)
        invoke(self, init, Arguments((made, *given), {}, rest, rest))


def _asked_in(plan: Plan) -> dict[Source, frozenset[str]]:
    """The attributes that code asks of each variable, and of what these lead to."""
    found: dict[Source, set[str]] = {}
    for index, step in enumerate(plan.steps):
        if step.name == "LOAD_ATTR":
            source = _source(plan, index)
            if source:
                found.setdefault(source, set()).add(step.arg)
    return {source: frozenset(names) for source, names in found.items()}


def _source(plan: Plan, index: int) -> Source:
    """Where the object comes from of which step *index* asks an attribute; empty: from a call."""
    names: list[str] = []
    for at in range(index - 1, -1, -1):
        step = plan.steps[at]
        if step.name == "LOAD_ATTR":
            names.append(step.arg)
        elif step.name in _LOADS:
            return (step.arg, *reversed(names))
        else:
            break
    return ()


def _fields_set(code: CodeType) -> Iterable[str]:
    """The attributes that *code* writes."""
    return [step.arg for step in plan_of(code).steps if step.name == "STORE_ATTR"]


__all__ = ["Guesses"]
