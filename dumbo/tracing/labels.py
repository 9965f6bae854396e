"""What a lookup reached, as people name it: ``shop:RATE``, ``shop:Model.scale``, ``shop:T['a']``.

A path (`lookup.path_of`) says how a thing was reached; a label says where it lives, so that two
ways to one thing have one label. For people and for finding again: never part of a digest.

Knows lookups and live objects; must not know nodes, digests or graphs.
"""

from __future__ import annotations

from types import FunctionType

from dumbo.names import in_lists, module_name, named
from dumbo.tracing import fingerprint
from dumbo.tracing.lookup import (
    ABSENT,
    builtins_of,
    describe,
    globals_of,
    is_class,
    is_module,
    module_namespace,
    mro,
    name_of,
    namespace,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from dumbo.tracing.places import Place

    Program = Sequence[tuple[str, int, Any]]

_SAME = ("content", "table")  # lookups of a thing itself
_OF_PARTS = {"field": "{}.{}", "member": "{}.{}", "item": "{}[{!r}]"}


def label_of(program: Program, found: Sequence[Any], index: int) -> str:
    """The label of what lookup *index* of *program* finds, or found, in *found*."""
    op, base, arg = program[index]
    obj = found[index]
    holder = found[base] if base >= 0 else None
    if op == "root":
        return _own_name(obj) if arg == 0 or _is_named(obj) else f"argument {arg}"
    if is_module(obj):
        return str(module_namespace(obj).get("__name__"))
    if op in _SAME:
        return label_of(program, found, base)
    if op in ("type", "coderoot") and _is_named(obj):
        return _own_name(obj)
    if op == "module":
        return str(arg)
    named = _in_namespace(op, holder, arg)
    if named:
        return named
    before = label_of(program, found, base) if base >= 0 else ""
    if op in _OF_PARTS:
        return _OF_PARTS[op].format(before, arg)
    return f"{describe(op, arg)} of {before}" if before else describe(op, arg)


def home_of(program: Program, found: Sequence[Any], index: int) -> tuple[str, Place | None]:
    """The file, and the lines in it, that bind what lookup *index* finds; empty if unknown."""
    from dumbo.tracing.places import place_of  # only for those who look at graphs

    while index >= 0:
        op, base, arg = program[index]
        module, qualname = _binding(op, found[base] if base >= 0 else None, arg)
        if qualname:
            file = file_of(module)
            return file, place_of(file, qualname) if file else None
        index = base
    return "", None


def file_of(module: str) -> str:
    """The source file of a loaded module, or nothing."""
    import sys

    loaded = sys.modules.get(module)
    if loaded is None or not is_module(loaded):
        return ""
    file = module_namespace(loaded).get("__file__")
    return file if isinstance(file, str) else ""


def _in_namespace(op: str, holder: Any, arg: Any) -> str:
    """The label of what a module, a class or a function holds by name; else nothing."""
    module, qualname = _binding(op, holder, arg)
    if qualname:
        return f"{module}:{qualname}"
    if type(holder) is not FunctionType:
        return ""
    code = holder.__code__
    if op == "cell" and arg < len(code.co_freevars):
        return f"{_own_name(holder)} cell {code.co_freevars[arg]}"
    if op == "kwdefault":
        return f"{_own_name(holder)} default {arg}"
    if op == "default":
        count = len(holder.__defaults__ or ())
        at = code.co_argcount - count + arg
        name = code.co_varnames[at] if 0 <= at < code.co_argcount else str(arg)
        return f"{_own_name(holder)} default {name}"
    return ""


def _binding(op: str, holder: Any, arg: Any) -> tuple[str, str]:
    """The module and the qualified name that a lookup by name stands for; else nothing."""
    if op == "global" and (type(holder) is FunctionType or is_module(holder)):
        names = globals_of(holder)
        if arg not in names and arg in builtins_of(names):
            return "builtins", arg
        return module_name(str(names.get("__name__")), names), arg
    if op in ("attr", "submodule") and is_module(holder):
        return str(module_namespace(holder).get("__name__")), arg
    if op in ("mro", "super") and is_class(holder):
        start, name = (0, arg) if op == "mro" else (arg[0] + 1, arg[1])
        for cls in mro(holder)[start:]:
            if name in namespace(cls):
                module, _, qualname = _own_name(cls).partition(":")
                return module, f"{qualname}.{name}"
    return "", ""


def _is_named(obj: Any) -> bool:
    return type(obj) is FunctionType or is_class(obj)


def _own_name(obj: Any) -> str:
    if type(obj) is FunctionType:
        return named(obj)
    if is_class(obj):
        return in_lists(fingerprint.qualified_name(obj).decode("utf-8", "replace"))
    return "nothing" if obj is ABSENT else name_of(type(obj))
