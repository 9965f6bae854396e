"""What the functions depend on of which an analysis has not looked at every step.

An analysis that is cut leaves steps out. What they call is observed when the call runs, and
the functions that ran become extras of its result, unless they are likely called, by the names
in the code (`likely`), and are looked at in the same way. But nobody sees what they *read*: so
of each such function all globals count that its code names, their data as a whole, and of the
classes in reach those attributes that are data and of which a name stands in that code. No
order, no branch and no variable is looked at.

Knows code and live objects; must not know values other than live ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import CodeType, FunctionType
from typing import Any

from dumbo.tracing import loads, sure
from dumbo.tracing.attributes import NAMES
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.callgraph import Analysis, Node
from dumbo.tracing.escapes import is_data
from dumbo.tracing.frame import Frame, Plan, plan_of
from dumbo.tracing.likely import Likely, Receivers, within
from dumbo.tracing.lookup import (
    MEMBERS,
    globals_of,
    is_memoized,
    is_module,
    module_namespace,
    mro,
    namespace,
)
from dumbo.tracing.values import Known, Local, Value, each

_BY_STRING = frozenset({"getattr", "attrgetter", "methodcaller", "__getattribute__", "vars"})
_END = 1_000_000  # the step of what belongs to a node as a whole


def complete(analysis: Analysis) -> None:
    """Add what the unfinished functions of *analysis*, which was cut, may read."""
    analysis.identity = True
    scan = _Scan(analysis)
    scan.names |= analysis.unanswered()
    busy = analysis.unsettled()
    for node, frames in list(analysis.by_node.items()):
        if any(frame in busy or not frame.is_settled() for frame in frames):
            scan.function(node, frames)
        elif node.obj is not None:
            scan.likely.entered(node.obj, frames)
    scan.likely.given()
    scan.follow()
    scan.run()
    analysis.names_read |= NAMES & scan.names


class _Scan:
    """What is reached so far, and the names that stand in the code."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.names: set[str] = set()
        self.likely = Likely(analysis)
        self._met: set[int] = set()
        self._taken: set[tuple[int, str]] = set()

    def run(self) -> None:
        """Go on until nothing new is reached."""
        known = -1
        while known != len(self.analysis.nodes):
            known = len(self.analysis.nodes)
            for node in list(self.analysis.nodes.values()):
                if node.kind == "class" and node.owner is None and node.obj is not None:
                    self._scan_class(node)
                elif node.kind == "value" and node.content is None:
                    self._take(self.analysis.pool.known(node.obj, node.ref))

    def function(self, node: Node, frames: Sequence[Frame]) -> None:
        node.by_keyword = True
        receivers = self.likely.entered(node.obj or node.code, frames)
        is_near = any(not frame.far for frame in frames)  # what is far is likely not called at all
        scanned = self._frame(node, frames[0].plan, frames[0].home)
        code = frames[0].plan.code
        classes = {code.co_varnames[0]: receivers} if code.co_argcount else {}
        self._scan_code(scanned, Receivers(receivers, classes) if is_near else None)

    def follow(self) -> None:
        """Look at the functions, too, that are likely called, as far as there are not too many."""
        while (call := self.likely.next()) is not None:
            node = self.analysis.node(call.function)
            if node is not None and node.code is not None:
                node.by_keyword = True
                self.analysis.by_node.setdefault(node, [])
                frame = self._frame(node, plan_of(call.function.obj.__code__), call.function)
                first = [call.receiver] if call.receiver is not None else []
                known = self.likely.with_annotated(frame, call.function, first)
                self._scan_code(frame, known)

    def _frame(self, node: Node, plan: Plan, home: Known) -> Frame:
        return Frame(self.analysis, node, plan, home, {}, {}, (node, 0), {})

    # --- reaching ----------------------------------------------------------------

    def _reach(self, frame: Frame, value: Value | None, label: str) -> None:
        """What is called is observed, and counts then; what is read counts now."""
        for member in each(value):
            if not isinstance(member, Known) or type(member.obj) is FunctionType:
                continue
            obj = member.obj
            if is_memoized(obj) or type(obj) in MEMBERS:
                continue
            frame.touch(member, label)
            if is_data(obj):
                self._take(member)

    def _take(self, value: Known) -> None:
        if id(value.obj) not in self._met:
            self._met.add(id(value.obj))
            self.analysis.changed.add(id(value.obj))  # who knows
            self.analysis.take_whole(value)

    # --- code --------------------------------------------------------------------

    def _scan_code(self, frame: Frame, receivers: Receivers | None) -> None:
        """Reach what the code reads, and what it likely calls unless *receivers* is None."""
        steps = frame.plan.steps
        named: Value | None = None  # what a name in the step leads to
        held: Value | None = None  # what the last step has put on the stack, if it is known
        imported: Value | None = None
        modules: dict[str, Value] = {}
        computes = not _BY_STRING.isdisjoint(frame.plan.code.co_names)
        for index, step in enumerate(steps):
            frame.index = frame.at = index
            before, held, named = held, None, None
            if receivers is not None:
                self.likely.look(frame, index, before, receivers)
            if step.name in ("LOAD_GLOBAL", "LOAD_NAME"):
                held = loads.read_global(frame, step.arg)
                self._reach(frame, held, f"global {step.arg}")
                named = held
            elif step.name == "LOAD_ATTR":
                self.names.add(step.arg)
                held = self._attribute(frame, before, step.arg)
                named = held
            elif step.name == "LOAD_SUPER_ATTR":
                self.names.add(step.arg.name)
            elif step.name == "LOAD_CONST":
                self._scan_constant(frame, step.arg, computes, receivers)
            elif step.name in ("IMPORT_NAME", "LAZY_IMPORT_NAME"):
                level, wanted = steps[index - 2].arg, steps[index - 1].arg
                held = imported = loads.import_named(frame, step.arg, level, wanted)
            elif step.name == "IMPORT_FROM":
                held = self._attribute(frame, imported, step.arg)
                named = held
            elif step.name == "STORE_GLOBAL":
                place = ("global", id(globals_of(frame.home.obj)))
                self.analysis.write(place, step.arg, frame.unknown_value("what is stored"))
                sure.share(self.analysis, (place, step.arg))
            elif step.name == "STORE_FAST" and before is not None:
                modules[step.arg] = before
            elif step.name == "LOAD_FAST":
                held = modules.get(step.arg)
            if receivers is not None:
                self.likely.meet(frame, named, index)

    def _attribute(self, frame: Frame, base: Value | None, name: str) -> Value | None:
        if not isinstance(base, Known) or not is_module(base.obj):
            return None
        names = module_namespace(base.obj)
        inner = "__path__" in names and (name not in names or is_module(names[name]))
        found = self.analysis.get("submodule" if inner else "attr", base.ref, name)
        if found is None:
            frame.depend(self.analysis.absent(), f"attribute {name}")
            return None
        frame.resolved(found)
        if is_data(found.obj) and owner_of(base.obj) is not None:
            return None  # a library's data is the library's
        self._reach(frame, found, f"global {name}")
        return found

    def _scan_constant(
        self, frame: Frame, value: Any, computes: bool, receivers: Receivers | None
    ) -> None:
        if type(value) is CodeType:
            made = frame.pool.make(Local, value, frame.home, (frame.site, frame.index))
            node = self.analysis.node(made)
            frame.depend(node, f"function {value.co_name}")
            if node is not None:
                inner = None if receivers is None else within(value, receivers)
                self._scan_code(self._frame(node, plan_of(value), frame.home), inner)
        elif computes and type(value) is str:
            self.names.add(value)
        elif computes and type(value) is tuple:
            self.names.update(item for item in value if type(item) is str)

    # --- classes -----------------------------------------------------------------

    def _scan_class(self, node: Node) -> None:
        """Reach the attributes of a class that are data and of which a name stands in code."""
        analysis, cls = self.analysis, node.obj
        frame = self._frame(node, plan_of(_nobody.__code__), analysis.pool.known(cls, node.ref))
        frame.index = frame.at = _END
        analysis.look("names", node.ref, ("", ""))  # a new one may override
        for base in mro(cls):
            if owner_of(base) is not None:
                continue
            for name in namespace(base):
                if name in self.names and (id(cls), name) not in self._taken:
                    self._taken.add((id(cls), name))
                    self._reach(frame, analysis.get("mro", node.ref, name), f"attribute {name}")


def _nobody() -> None:
    """Never run."""


__all__ = ["complete"]
