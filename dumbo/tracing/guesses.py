"""What is not known of a call, guessed: for people who look at a function without a call.

    def total(graph):              `graph` may be of the classes in this package that have
        for n in graph.nodes:      `nodes` and `degree`: the most general ones, and some that
            graph.degree(n)        derive from them

    def convert(self, text):       `self` has the fields that its class's `__init__` gives it,
        self.parser.parse(text)    though `__init__` itself is not called here

Closures of calls need none of this: the types of their arguments are at hand, and what is wrong
here costs nobody a result.

Knows parameters, classes and their names; must not know steps.
"""

from __future__ import annotations

import heapq
import sys
from itertools import pairwise
from types import CodeType, FunctionType
from typing import Any

from dumbo.tracing.annotations import instances, parameters_of
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.callgraph import Analysis, Node
from dumbo.tracing.frame import Frame, Plan, Stalled, plan_of
from dumbo.tracing.lookup import is_class, is_module, module_namespace, mro, namespace
from dumbo.tracing.outside import Apart
from dumbo.tracing.schedule import NeedsCallee
from dumbo.tracing.values import UNKNOWN, Instance, Known, Unknown, Value, is_plain

_MOST = 4  # classes without a common base: with more, nothing is said
_COMMON = frozenset(
    name for kind in (dict, list, set, str, bytes, int, float, tuple) for name in dir(kind)
)


class Guesses:
    """See the module's docstring."""

    def __init__(self, analysis: Analysis, callee: Known, handlers: dict[str, Any]) -> None:
        self._analysis = analysis
        self._makers = {far: _Makers(analysis, callee, handlers, far=far) for far in (False, True)}
        module = getattr(callee.obj, "__module__", None)
        self._package = module.partition(".")[0] if isinstance(module, str) else ""
        self._classes: list[tuple[str, type, frozenset[str]]] | None = None
        self._candidates: dict[frozenset[str], list[Known]] = {}

    def of_parameters(
        self, frame: Frame, code: CodeType, parameters: dict[str, Value]
    ) -> dict[str, Value]:
        """*parameters* with guesses in the place of those of which nothing is known."""
        refined = dict(parameters)
        for name, value in parameters.items():
            if isinstance(value, Unknown) and not is_plain(value):
                asked = _asked_of(plan_of(code), name)
                if asked and not asked <= _COMMON:
                    for cls in self._having(asked):
                        guessed = frame.pool.join(refined[name], *instances(frame, cls))
                        refined[name] = guessed or value
        return refined

    def fields(self, frame: Frame, value: Instance) -> None:
        """Somebody reads a field of *value*, which no code in sight has made."""
        if isinstance(value.cls, Known):
            self._makers[frame.far].make(value.cls)

    def _having(self, names: frozenset[str]) -> list[Known]:
        """The most general classes that have all attributes *names*."""
        if names not in self._candidates:
            if self._classes is None:
                self._classes = self._all_classes()
            fitting = {cls: name for name, cls, has in self._classes if names <= has}
            general = [cls for cls in fitting if not any(b in fitting for b in mro(cls)[1:])]
            found = [self._known(fitting[cls], cls) for cls in general]
            known = [cls for cls in found if cls is not None]
            self._candidates[names] = known if len(known) <= _MOST else []
        return self._candidates[names]

    def _known(self, name: str, cls: type) -> Known | None:
        home = self._analysis.look("module", -1, namespace(cls)["__module__"])
        return self._analysis.get("attr", home, name)

    def _all_classes(self) -> list[tuple[str, type, frozenset[str]]]:
        """The classes that the loaded modules of the package define, with all they have."""
        found: dict[type, str] = {}
        within = f"{self._package}."
        for home, module in sorted(sys.modules.items()):
            if (home != self._package and not home.startswith(within)) or not is_module(module):
                continue
            for name, held in module_namespace(module).items():
                if is_class(held) and namespace(held).get("__module__") == home:
                    if owner_of(held) is None:
                        found.setdefault(held, name)
        return [(name, cls, _attributes(cls)) for cls, name in found.items()]


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


def _asked_of(plan: Plan, parameter: str) -> frozenset[str]:
    """The attributes that code asks of *parameter*."""
    steps = plan.steps
    return frozenset(
        step.arg
        for before, step in pairwise(steps)
        if step.name == "LOAD_ATTR" and before.name == "LOAD_FAST" and before.arg == parameter
    )


def _attributes(cls: type) -> frozenset[str]:
    """The attributes along the MRO, and the fields that `__init__` sets."""
    found: set[str] = set()
    for base in mro(cls):
        held = namespace(base)
        found.update(held)
        init = held.get("__init__")
        if type(init) is FunctionType and owner_of(base) is None:
            steps = plan_of(init.__code__).steps
            found.update(step.arg for step in steps if step.name == "STORE_ATTR")
    return frozenset(found)


__all__ = ["Guesses"]
