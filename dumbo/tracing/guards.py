"""Proving a closure digest again within one process, as cheaply as can be.

A guard is a replay taken apart: each lookup becomes a check that the same
object is still there, by identity. Code is compared by `is`, defaults and
cells too; only live data that can change in place is hashed again.

Checked are: bindings in modules and classes, and that what stands before them
on the MRO is still missing; `__code__`, `__defaults__` and `__kwdefaults__` of
functions; cells; items; classes of instances and their MROs; content.

Measured (benchmarks/guards.py): 50 ns for a binding, 90 for that of a function, 40 for
defaults.
Knows lookups and live objects; must not know prints, steps or the store.
"""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, CodeType, FunctionType

from dumbo.arguments.threads import is_thread_local
from dumbo.tracing import fingerprint
from dumbo.tracing.contents import content_of
from dumbo.tracing.lookup import (
    ABSENT,
    builtins_of,
    globals_of,
    instance_dict,
    is_class,
    module_namespace,
    mro,
    namespace,
    reach,
)
from dumbo.tracing.replay import UNLOADED
from dumbo.tracing.virtual import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


class Guard:
    """Holds as long as what was found is still found.

    Strong references keep what was found alive, so that no address is reused.
    """

    __slots__ = (
        "bindings",
        "cells",
        "classes",
        "contents",
        "defaults",
        "functions",
        "kwdefaults",
        "listed",
        "marks",
        "missing",
        "named",
        "others",
        "rest",
        "seldom",
        "types",
        "watches",
        "_fresh",
        "_known",
    )

    def __init__(
        self,
        program: Sequence[tuple[str, int, Any]],
        found: Sequence[Any],
        contents: dict[int, tuple[bytes, tuple[Any, ...]]],
    ) -> None:
        self.bindings: list[tuple[Mapping[str, Any], str, Any]] = []
        self.missing: list[tuple[Mapping[str, Any], str]] = []
        # Most functions are reached by a name: one row proves both, which saves a third.
        self.named: list[tuple[Mapping[str, Any], str, FunctionType, CodeType]] = []
        self.functions: list[tuple[FunctionType, CodeType]] = []
        self.defaults: list[tuple[FunctionType, Any]] = []
        self.kwdefaults: list[tuple[FunctionType, Any]] = []
        self.cells: list[tuple[Any, Any]] = []
        self.types: list[tuple[Any, type]] = []
        self.classes: list[tuple[type, Any]] = []
        self.listed: list[tuple[Mapping[str, Any], tuple[str, ...]]] = []
        self.marks: list[tuple[FunctionType, tuple[str, ...]]] = []
        self.others: list[tuple[str, Any, Any, Any]] = []
        self.watches: list[Watch] = []
        self.contents: list[tuple[Any, bytes, tuple[Any, ...]]] = []
        # Many functions of a module look the same names up: each is checked once.
        self._known: set[tuple[int, str, int]] = set()
        self._fresh: FunctionType | None = None  # met for the first time at this lookup
        seen: set[int] = set()
        for index, (op, base, arg) in enumerate(program):
            obj = found[index]
            if type(obj) is FunctionType and id(obj) not in seen:
                seen.add(id(obj))
                self._fresh = obj
                # Reading these is half the price. What is None and missed by a call has been
                # looked up, and keyword defaults mean nothing without such parameters.
                if obj.__defaults__ is not None:
                    self.defaults.append((obj, obj.__defaults__))
                if obj.__code__.co_kwonlyargcount:
                    self.kwdefaults.append((obj, obj.__kwdefaults__))
            elif is_class(obj) and id(obj) not in seen:
                seen.add(id(obj))
                if obj.__flags__ & _HEAP_TYPE:  # the bases of C types do not change
                    self.classes.append((obj, mro(obj)))
            if op == "content":
                if obj is not ABSENT and obj is not UNLOADED and not _is_frozen(obj):
                    digest, roots = contents[index]
                    self.contents.append((obj, digest, roots))
            elif op not in ("root", "coderoot", "dist"):
                self._add(op, found[base] if base >= 0 else None, arg, obj)
            if self._fresh is not None:
                self.functions.append((self._fresh, self._fresh.__code__))
                self._fresh = None
        del self._known
        self.rest = bool(
            self.types or self.others or self.contents or self.listed or self.marks or self.watches
        )
        # Most functions have none of these, and who is asked at each hit looks at no empty list.
        self.seldom = bool(
            self.missing or self.defaults or self.kwdefaults or self.cells or self.classes
        )

    def _add(self, op: str, base: Any, arg: Any, obj: Any) -> None:
        if base is ABSENT or base is UNLOADED:
            return
        if op == "module":
            if obj is ABSENT or obj is UNLOADED:
                self._misses(sys.modules, arg)
            else:
                self._binds(sys.modules, arg, obj)
        elif op == "global":
            self._add_global(base, arg, obj)
        elif op == "attr" and arg in module_namespace(base):
            self._binds(module_namespace(base), arg, obj)
        elif op in ("mro", "super"):
            start, name = (0, arg) if op == "mro" else (arg[0] + 1, arg[1])
            self._add_class(mro(base)[start:], name, obj)
        elif op == "type":
            self.types.append((base, obj))
        elif op == "specials" and is_class(base):
            self._add_names(base)
        elif op == "listing" and type(base) is FunctionType:
            self.marks.append((base, tuple(base.__dict__)))
        elif op == "cell" and obj is not ABSENT:
            self.cells.append((base.__closure__[arg], obj))
        elif op == "field" and (held := _fields_of(base)) is not None and arg in held:
            self._binds(held, arg, obj)
        elif op == "item" and type(base) is dict and arg in base:
            self.bindings.append((base, arg, obj))
        elif op == "virtual":
            if obj is False:  # else anything was taken for possible, and that it stays
                self.watches.append(Watch(base))
        elif op == "member" and obj is ABSENT and type(base) is BuiltinFunctionType:
            pass  # nothing can be set on it
        elif op != "default" or base.__defaults__ is None:  # else the whole tuple is checked
            self.others.append((op, base, arg, obj))

    def _add_global(self, base: Any, name: str, obj: Any) -> None:
        names = globals_of(base)
        if name in names:
            self._binds(names, name, obj)
            return
        self._misses(names, name)
        if obj is ABSENT:
            self._misses(builtins_of(names), name)
        else:
            self._binds(builtins_of(names), name, obj)

    def _add_class(self, order: Sequence[type], name: str, obj: Any) -> None:
        for cls in order:
            own = namespace(cls)
            if name in own:
                self._binds(own, name, obj, cls)
                return
            if cls.__flags__ & _HEAP_TYPE:  # C types do not change
                self._misses(own, name, cls)

    def _add_names(self, cls: type) -> None:
        """What names the class has at all: more than is asked for, and ten times as cheap."""
        for base in mro(cls):
            if base.__flags__ & _HEAP_TYPE and self._is_news(base, "", ABSENT):
                own = namespace(base)
                self.listed.append((own, tuple(own)))

    def _binds(self, names: Mapping[str, Any], name: str, obj: Any, holder: Any = None) -> None:
        """*name* stands for *obj* in *names*, a new view of the namespace of *holder* if given."""
        if not self._is_news(names if holder is None else holder, name, obj):
            return
        if obj is self._fresh and obj is not None:
            self.named.append((names, name, obj, obj.__code__))
            self._fresh = None
        else:
            self.bindings.append((names, name, obj))

    def _misses(self, names: Mapping[str, Any], name: str, holder: Any = None) -> None:
        """*name* is not in *names*."""
        if self._is_news(names if holder is None else holder, name, ABSENT):
            self.missing.append((names, name))

    def _is_news(self, holder: Any, name: str, obj: Any) -> bool:
        # The object too: what was seen before a run, and after it, may be two things.
        place = (id(holder), name, id(obj))
        if place in self._known:
            return False
        self._known.add(place)
        return True

    def holds(self) -> bool:
        """Whether all is as it was. Runs no user code but the hashing of live data."""
        try:
            for names, name, obj in self.bindings:
                if names[name] is not obj:
                    return False
            for names, name, function, code in self.named:
                if names[name] is not function or function.__code__ is not code:
                    return False
            for function, code in self.functions:
                if function.__code__ is not code:
                    return False
            if not self.seldom:
                return self._rest_holds() if self.rest else True
            for names, name in self.missing:
                if name in names:
                    return False
            for function, defaults in self.defaults:
                if function.__defaults__ is not defaults:
                    return False
            for function, kwdefaults in self.kwdefaults:
                if function.__kwdefaults__ is not kwdefaults:
                    return False
            for cell, obj in self.cells:
                if cell.cell_contents is not obj:
                    return False
            for cls, order in self.classes:
                if mro(cls) is not order:
                    return False
            return self._rest_holds() if self.rest else True
        except (KeyError, ValueError, TypeError, AttributeError):  # gone, or of another kind
            return False

    def _rest_holds(self) -> bool:
        for obj, kind in self.types:
            if type(obj) is not kind:
                return False
        for own, listed in self.listed:
            if tuple(own) != listed:
                return False
        for function, names in self.marks:
            if tuple(function.__dict__) != names:
                return False
        for watch in self.watches:
            if not watch.holds():
                return False
        for op, base, arg, obj in self.others:
            if not _same(reach(op, base, arg), obj):
                return False
        for obj, digest, roots in self.contents:
            now, inside = content_of(obj)
            if now != digest or len(inside) != len(roots):
                return False
            if any(a is not b for a, b in zip(inside, roots, strict=True)):
                return False
        return True


def _fields_of(obj: Any) -> dict[str, Any] | None:
    """Where the fields of *obj* lie; None if that is another place for each thread."""
    return None if is_thread_local(type(obj)) else instance_dict(obj)


def _is_frozen(obj: Any) -> bool:
    """Whether *obj* can never change in place: that its binding still holds is enough."""
    if type(obj) in (tuple, frozenset):
        return len(obj) <= 1_000 and all(_is_frozen(item) for item in obj)
    # Functions and classes in it are looked up, and checked, by themselves.
    return type(obj) in fingerprint.ATOMS or type(obj) is FunctionType or is_class(obj)


_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def _same(now: Any, before: Any) -> bool:
    if now is before or (before is UNLOADED and now is ABSENT):
        return True
    if type(now) is tuple and type(before) is tuple and len(now) == len(before):
        return all(a is b for a, b in zip(now, before, strict=True))
    # Slots and members of C types make their atoms anew on each reading.
    return type(now) in fingerprint.ATOMS and fingerprint.of(now) == fingerprint.of(before)
