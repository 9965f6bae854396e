"""Closures of which it is certain that no call runs any code but theirs.

Whoever calls `fib` or `area` need not be observed: nothing that such a function can get at leads
out of its closure. That is proven here without believing the analysis, from the lookups that are
guarded anyway and from the bytecode: all values that a call can ever hold are

    numbers, texts and None     its arguments, its constants, what it reads
    functions of the closure    plain ones, memoized ones, and those made inside of them
    builtins                    of the list below, which run nothing but what they are given
    builtin containers          of all these, made by the call itself

and all attributes that its code names are methods of those. So there is no object whose class
somebody has written, no module to reach through, no frame, no registry and no codec.

It is a short list on purpose. What is not on it is observed, as before.

Knows lookups, builtin objects and code; must not know who observes, nor what a result is.
"""

from __future__ import annotations

import builtins
import opcode
from types import CodeType, FunctionType

from dumbo.tracing import fingerprint
from dumbo.tracing.lookup import (
    ABSENT,
    instance_dict,
    is_memoized,
    is_module,
    module_namespace,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.tracing.snapshots import Snapshot

__all__ = ["ALONE", "CLOSED", "OPEN", "closed"]

# How certain it is: not at all; no other code runs; and no memoized function among it.
OPEN, CLOSED, ALONE = 0, 1, 2

_NAMES = (
    "abs all any bin bool callable chr complex dict divmod enumerate filter float frozenset hash "
    "hex id int isinstance issubclass len list map max min next oct ord pow range repr reversed "
    "round set slice sorted sum tuple zip"
)
# Not `str` and `bytes`, which may ask a codec that somebody has registered.
_HARMLESS = {id(getattr(builtins, name)) for name in _NAMES.split()} | {
    id(found)
    for found in vars(builtins).values()
    if isinstance(found, type) and issubclass(found, BaseException)
}
_MODULES = frozenset({"cmath", "math"})  # written in C, and all that is in them is called
_KINDS = (bool, complex, dict, float, frozenset, int, list, range, set, slice, str, tuple)
_METHODS = {
    name
    for kind in (*_KINDS, type(_ for _ in ()), bytes, BaseException)
    for name in dir(kind)
    if not name.startswith(("_", "gi_"))
} - {"format", "format_map", "encode", "decode"}  # which follow attributes, and ask codecs

_FORBIDDEN = frozenset(
    opcode.opmap[name]
    for name in ("DELETE_ATTR", "DELETE_GLOBAL", "IMPORT_NAME", "LOAD_BUILD_CLASS", "STORE_ATTR",
                 "STORE_GLOBAL")
    if name in opcode.opmap
)  # fmt: skip
_SUSPENDED = 0x80 | 0x100 | 0x200  # coroutines: others run while they wait
_LARGEST = 1000  # items of a container that is looked through


def closed(snapshot: Snapshot) -> int:
    """Return how certain it is that calls of that shape run nothing but the closure's code."""
    if snapshot.roots or snapshot.unloaded or snapshot.tables or not _has_all_parameters(snapshot):
        return OPEN
    if not all(map(_is_plain, snapshot.shape)):  # type: ignore[arg-type]
        return OPEN
    program, found = snapshot.program, snapshot.found
    entered = {id(found[index]) for index in program.entered}
    looked: set[tuple[int, str]] = set()
    modules: list[tuple[int, dict[str, Any]]] = []
    memoized = False
    for index, ((op, base, arg), obj) in enumerate(zip(program, found, strict=True)):
        if op == "global" and type(found[base]) is FunctionType:
            looked.add((id(found[base].__globals__), arg))
        if op == "module":
            if arg != "builtins":
                return OPEN
        elif op == "attr" and program[base][0] == "module":
            continue  # the type of an argument, which only the analysis has looked up
        elif is_module(obj):
            names = module_namespace(obj)
            if names.get("__name__") not in _MODULES:
                return OPEN
            modules.append((index, names))
        elif is_memoized(obj):
            memoized = True
            if not _METHODS.isdisjoint(instance_dict(obj) or ()):
                return OPEN
        elif not (id(obj) in entered or obj is ABSENT or _is_harmless(obj)):
            return OPEN
    attributes = {(base, arg) for op, base, arg in program if op == "attr"}
    for index in program.entered:
        function = found[index]
        if type(function) is not FunctionType:
            return OPEN
        # What somebody has put on a function may be called like a method.
        if not _METHODS.isdisjoint(function.__dict__):
            return OPEN
        if not _holds_all_cells(snapshot, index, function):
            return OPEN
        names_of = id(function.__globals__)
        for code in _codes(function.__code__):
            if code is not function.__code__ and fingerprint.code(code) not in program.inner:
                return OPEN
            if code.co_flags & _SUSPENDED or not _FORBIDDEN.isdisjoint(code.co_code[::2]):
                return OPEN
            for name in code.co_names:
                known = (names_of, name) in looked or name in _METHODS
                for place, names in modules:
                    if name in names:
                        if (place, name) not in attributes:
                            return OPEN
                        known = True
                if not known:
                    return OPEN
    return CLOSED if memoized else ALONE


def _has_all_parameters(snapshot: Snapshot) -> bool:
    """Whether the shape says what each parameter is, and none is ignored."""
    function = snapshot.function
    if type(function) is not FunctionType or snapshot.shape is None:
        return False
    code = function.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return snapshot.names == code.co_varnames[:count] and len(snapshot.shape) == count


def _is_plain(shape: tuple[Any, ...]) -> bool:
    if shape[0] == "tuple":
        return all(map(_is_plain, shape[1]))
    return bool(shape[0] == "atom")


def _is_harmless(obj: Any) -> bool:
    """Whether nothing that can be done to *obj* runs code that somebody has written."""
    kind = type(obj)
    if kind in fingerprint.ATOMS or id(obj) in _HARMLESS:
        return True
    if kind in (tuple, list, set, frozenset):
        return len(obj) <= _LARGEST and all(type(item) in fingerprint.ATOMS for item in obj)
    if kind is dict:
        return _is_harmless(list(obj)) and _is_harmless(list(obj.values()))
    if kind in fingerprint.C_FUNCTIONS:
        return getattr(obj, "__module__", None) in _MODULES
    return False


def _holds_all_cells(snapshot: Snapshot, index: int, function: FunctionType) -> bool:
    count = len(function.__closure__ or ())
    cells = {arg for op, base, arg in snapshot.program if op == "cell" and base == index}
    return cells >= set(range(count))


def _codes(code: CodeType) -> list[CodeType]:
    found = [code]
    for constant in code.co_consts:
        if type(constant) is CodeType:
            found += _codes(constant)
    return found
