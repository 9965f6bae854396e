"""The closure of a call whose graph is too large to be followed: by types and names alone.

Rapid type analysis (Bacon and Sweeney, OOPSLA 1996), on live objects: whatever the code of a
function names is reached; a class that is reached may have instances; of those, each
method counts whose name stands somewhere in the code that is reached, and each special
method. No order, no branch and no variable is looked at, so that the work grows with the
code alone. It tells less apart than the interpreter, and it may miss what only flows
through a library or through data: so its closures are for calls that are observed.

Knows code and live objects; must not know values other than live ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import CodeType, FunctionType
from typing import Any

from dumbo.tracing import loads
from dumbo.tracing.attributes import NAMES, unwrap_memoized
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.callgraph import Analysis, Before, Node
from dumbo.tracing.escapes import is_data
from dumbo.tracing.frame import Frame, Plan, plan_of
from dumbo.tracing.lookup import (
    MEMBERS,
    globals_of,
    is_class,
    is_memoized,
    is_module,
    module_namespace,
    mro,
    namespace,
)
from dumbo.tracing.outside import Outside
from dumbo.tracing.values import Known, Local, Value, each

_BY_STRING = frozenset({"getattr", "attrgetter", "methodcaller", "__getattribute__", "vars"})
_OF_CLASS = 1_000_000  # the step of all edges from a class: its attributes have no order


def trace_rapidly(function: Any, roots: Sequence[Any], before: Before | None) -> Analysis:
    """What a call of *function* may depend on, with *roots* in its arguments."""
    analysis = Analysis(before)
    analysis.identity = True
    scan = _Scan(analysis, function)
    scan.begin(roots)
    scan.run()
    analysis.names_read |= NAMES & scan.names
    analysis.unresolve("call", None, "too large to follow: types and names are all that is known")
    return analysis


class _Scan:
    """What is reached so far: functions, classes, and the names that stand in their code."""

    def __init__(self, analysis: Analysis, function: Any) -> None:
        self.analysis = analysis
        self.callee = analysis.pool.known(function, analysis.look("root", -1, 0, function))
        analysis.outside = Outside(analysis, self.callee, {})
        analysis.root = Node("root", "call", None, -1)
        self.names: set[str] = set()
        self._functions: list[Known] = []
        self._classes: list[Known] = []
        self._met: set[int] = set()
        self._taken: set[tuple[int, str]] = set()

    def begin(self, roots: Sequence[Any]) -> None:
        assert self.analysis.root is not None
        frame = self._frame(self.analysis.root, plan_of(_nobody.__code__), self.callee)
        self._reach(frame, self.callee, "function")
        for number, root in enumerate(roots):
            ref = self.analysis.look("root", -1, number + 1, root)
            self._reach(frame, self.analysis.pool.known(root, ref), "argument")

    def run(self) -> None:
        """Go on until nothing new is reached."""
        done = -1
        while self._functions or done != len(self.names) + len(self._classes):
            done = len(self.names) + len(self._classes)
            while self._functions:
                self._scan_function(self._functions.pop())
            for cls in list(self._classes):
                self._scan_class(cls)

    def _frame(self, node: Node, plan: Plan, home: Known) -> Frame:
        return Frame(self.analysis, node, plan, home, {}, {}, (node, 0), {})

    # --- reaching ----------------------------------------------------------------

    def _reach(self, frame: Frame, value: Value | None, label: str) -> None:
        for member in each(value):
            if isinstance(member, Known):
                frame.touch(member, label)
                if id(member.obj) not in self._met:
                    self._met.add(id(member.obj))
                    self._enter(frame, member)

    def _enter(self, frame: Frame, value: Known) -> None:
        obj, analysis = value.obj, self.analysis
        if type(obj) is FunctionType:
            if owner_of(obj) is None:
                self._functions.append(value)
            else:
                self._hold(frame, value)
        elif is_memoized(obj):
            self._reach(frame, unwrap_memoized(frame, value), "memoized function")
        elif is_class(obj):
            if owner_of(obj) is None:
                self._classes.append(value)
                self._reach(frame, analysis.get("type", value.ref, None), "metaclass")
        elif type(obj) in MEMBERS:
            for name in sorted(MEMBERS[type(obj)]):
                self._reach(frame, analysis.get("member", value.ref, name), name)
        elif is_data(obj):
            analysis.changed.add(id(obj))  # who knows
            self._reach(frame, analysis.get("type", value.ref, None), "type")
            for root in analysis.take_whole(value):
                self._reach(frame, root, "content")

    def _hold(self, frame: Frame, function: Known) -> None:
        """What a function holds besides its code."""
        analysis, obj, ref = self.analysis, function.obj, function.ref
        for index in range(len(obj.__closure__ or ())):
            self._reach(frame, analysis.get("cell", ref, index), f"cell {index}")
        for index in range(len(obj.__defaults__ or ()) + 1):  # that there is no other one, too
            self._reach(frame, analysis.get("default", ref, index), f"default {index}")
        for name in sorted(obj.__kwdefaults__ or ()):
            self._reach(frame, analysis.get("kwdefault", ref, name), f"default {name}")
        self._reach(frame, analysis.get("member", ref, "__wrapped__"), "__wrapped__")

    # --- code --------------------------------------------------------------------

    def _scan_function(self, function: Known) -> None:
        node = self.analysis.node(function)
        assert node is not None
        node.by_keyword = True
        frame = self._frame(node, plan_of(function.obj.__code__), function)
        frame.index = len(frame.plan.steps)
        self._hold(frame, function)
        self._scan_code(frame)

    def _scan_code(self, frame: Frame) -> None:
        steps = frame.plan.steps
        held: Value | None = None  # what the last step has put on the stack, if it is known
        imported: Value | None = None
        modules: dict[str, Value] = {}
        computes = not _BY_STRING.isdisjoint(frame.plan.code.co_names)
        for index, step in enumerate(steps):
            frame.index = index
            before, held = held, None
            if step.name in ("LOAD_GLOBAL", "LOAD_NAME"):
                held = loads.read_global(frame, step.arg)
                self._reach(frame, held, f"global {step.arg}")
            elif step.name == "LOAD_ATTR":
                self.names.add(step.arg)
                held = self._attribute(frame, before, step.arg)
            elif step.name == "LOAD_SUPER_ATTR":
                self.names.add(step.arg.name)
            elif step.name == "LOAD_CONST":
                self._scan_constant(frame, step.arg, computes)
            elif step.name in ("IMPORT_NAME", "LAZY_IMPORT_NAME"):
                level, wanted = steps[index - 2].arg, steps[index - 1].arg
                held = imported = loads.import_named(frame, step.arg, level, wanted)
                self._reach(frame, held, f"import {step.arg}")
            elif step.name == "IMPORT_FROM":
                held = self._attribute(frame, imported, step.arg)
            elif step.name == "STORE_GLOBAL":
                analysis = self.analysis
                place = ("global", id(globals_of(frame.home.obj)))
                analysis.write(place, step.arg, frame.unknown_value("what is stored"))
            elif step.name == "STORE_FAST" and before is not None:
                modules[step.arg] = before
            elif step.name == "LOAD_FAST":
                held = modules.get(step.arg)

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

    def _scan_constant(self, frame: Frame, value: Any, computes: bool) -> None:
        if type(value) is CodeType:
            made = frame.pool.make(Local, value, frame.home, (frame.site, frame.index))
            node = self.analysis.node(made)
            frame.depend(node, f"function {value.co_name}")
            if node is not None:
                self._scan_code(self._frame(node, plan_of(value), frame.home))
        elif computes and type(value) is str:
            self.names.add(value)
        elif computes and type(value) is tuple:
            self.names.update(item for item in value if type(item) is str)

    # --- classes -----------------------------------------------------------------

    def _scan_class(self, cls: Known) -> None:
        """Reach the special methods of *cls*, and the attributes of which a name stands in code."""
        analysis = self.analysis
        node = analysis.node(cls)
        assert node is not None
        frame = self._frame(node, plan_of(_nobody.__code__), self.callee)
        frame.index = _OF_CLASS
        analysis.look("names", cls.ref, ("", ""))  # a new one may override
        for base in mro(cls.obj):
            if owner_of(base) is not None:
                continue
            for name, held in namespace(base).items():
                key = (id(cls.obj), name)
                if key in self._taken or not self._is_used(name, held):
                    continue
                self._taken.add(key)
                self._reach(frame, analysis.get("mro", cls.ref, name), f"attribute {name}")

    def _is_used(self, name: str, held: Any) -> bool:
        if name in self.names:
            return name != "_abc_impl"
        code = type(held) is FunctionType or type(held) in MEMBERS or is_memoized(held)
        return code and name.startswith("__") and name.endswith("__")


def _nobody() -> None:
    """Never run."""
