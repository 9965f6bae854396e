"""`track_deps="names"`: what a method of an unknown object may be, by its name alone.

All methods of that name are taken that user code in reach defines: the classes in the module of
the function, in the user modules that its globals come from, and so on from there. Sound as far
as these modules define the objects, and less precise: who edits one of a hundred `run` methods
recomputes whatever calls `run` on something unknown.

The names in these modules and classes are looked up, so that a new method is noticed.

Knows modules and classes; must not know steps.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from dumbo.tracing.boundary import owner_of
from dumbo.tracing.lookup import (
    MEMBERS,
    home_of,
    is_class,
    is_memoized,
    is_module,
    module_namespace,
    mro,
    namespace,
)
from dumbo.tracing.values import Instance, Known, Value

if TYPE_CHECKING:
    from dumbo.tracing.callgraph import Analysis
    from dumbo.tracing.frame import Frame

_MODULES = 2000  # that are looked through: beyond, the closure is given up anyway
_ALL = ("", "")


class Methods:
    """The methods in reach of a function, found when the first of them is asked for."""

    def __init__(self, analysis: Analysis, function: Any) -> None:
        self._analysis = analysis
        self._function = function
        self._classes: dict[str, list[Known]] | None = None

    def named(self, frame: Frame, name: str) -> list[Value | None]:
        """What attribute *name* of an unknown object may be."""
        from dumbo.tracing.attributes import bind  # a cycle: it asks for these

        if self._classes is None:
            self._classes = {}
            self._find(self._classes)
        found: list[Value | None] = []
        for cls in self._classes.get(name, ()):
            raw = frame.analysis.get("mro", cls.ref, name)
            made = frame.pool.make(Instance, cls, ("found", id(cls.obj)))
            if raw is not None:
                found.append(frame.touch(raw, f"attribute {name}") and bind(frame, raw, made, cls))
        return found

    def _find(self, classes: dict[str, list[Known]]) -> None:
        home = getattr(self._function, "__module__", None)
        modules: dict[str, None] = {home: None} if isinstance(home, str) else {}
        seen: set[int] = set()
        done = 0
        while done < len(modules) and done < _MODULES:
            name = list(modules)[done]
            done += 1
            module = self._analysis.get("module", -1, name)
            if module is not None and is_module(module.obj) and owner_of(module.obj) is None:
                self._read(module, modules, classes, seen)

    def _read(
        self,
        module: Known,
        modules: dict[str, None],
        classes: dict[str, list[Known]],
        seen: set[int],
    ) -> None:
        analysis = self._analysis
        analysis.look("names", module.ref, _ALL)
        held = module_namespace(module.obj)
        for name in sorted(key for key in held if isinstance(key, str)):
            value = held[name]
            if is_module(value):
                modules.setdefault(str(module_namespace(value).get("__name__")), None)
            elif is_class(value) or type(value) is FunctionType:
                home = home_of(value) if is_class(value) else value.__module__
                if isinstance(home, str):
                    modules.setdefault(home, None)
            if is_class(value) and owner_of(value) is None:
                known = analysis.get("attr", module.ref, name)
                if known is not None:
                    self._take(known, classes, seen)
            else:
                analysis.look("kind", module.ref, name)  # it may become a class

    def _take(self, cls: Known, classes: dict[str, list[Known]], seen: set[int]) -> None:
        if id(cls.obj) in seen:
            return
        seen.add(id(cls.obj))
        self._analysis.look("names", cls.ref, _ALL)
        for base in mro(cls.obj):
            if owner_of(base) is not None:
                continue
            for name, held in namespace(base).items():
                if type(held) is FunctionType or type(held) in MEMBERS or is_memoized(held):
                    known = classes.setdefault(name, [])
                    if cls not in known:
                        known.append(cls)
                elif is_class(held) and owner_of(held) is None and base is cls.obj:
                    inner = self._analysis.get("mro", cls.ref, name)
                    if inner is not None:
                        self._take(inner, classes, seen)
