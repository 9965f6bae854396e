"""A value in a few characters, for people: what it is, and as much of it as has room.

Runs no code of the user's: of an instance its class and fields are read where they lie, and
`__repr__` is asked of types only that come with Python. Touches few items of anything, so that
a gigabyte is as quick as a number.

Knows values; must not know what they are wanted for. What it says is no part of any digest.
"""

from __future__ import annotations

import sys
from types import FunctionType

from dumbo.arguments.registry import module_of, qualname_of
from dumbo.tracing.lookup import instance_dict, is_class, is_module, module_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["brief"]

_ROOM = 60  # characters
_ITEMS = 6
_DEPTH = 3
_BITS = 400  # of an int that is written out
_ATOMS = frozenset({float, complex, bool, type(None), type(...), type(NotImplemented), range})
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}
# Modules of the standard library whose types have a short and honest repr.
_TELLING = frozenset({"datetime", "decimal", "fractions", "uuid", "zoneinfo", "ipaddress"})


def brief(value: object, room: int = _ROOM) -> str:
    """Return *value* in about *room* characters."""
    try:
        text = _written(value, room, _DEPTH)
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        text = ""  # it changes while it is read, or lies about itself
    return _cut(text or qualname_of(type(value)), room)


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    return f"{text[: room - room // 3 - 3]}...{text[len(text) - room // 3 :]}"


def _written(value: Any, room: int, depth: int) -> str:
    kind = type(value)
    if kind is str or kind is bytes:
        if len(value) <= room:
            return repr(value)
        third = room // 3
        return f"{value[: room - third]!r}...{value[-third:]!r} ({len(value)} long)"
    if kind is int:
        bits = value.bit_length()
        return repr(value) if bits <= _BITS else f"an int of {bits} bits"
    if kind in _ATOMS:
        return repr(value)
    if kind in _BRACKETS:
        return _items(value, room, depth, *_BRACKETS[kind])
    if kind is dict:
        return _dict(value, room, depth)
    return _code(value) or _library(value, kind) or _instance(value, kind, room, depth)


def _items(value: Any, room: int, depth: int, opening: str, closing: str) -> str:
    size = len(value)
    if depth == 0:
        return f"{opening}...{closing}" if size else f"{opening}{closing}"
    shown: list[str] = []
    for item in value:
        if len(shown) == _ITEMS or sum(map(len, shown)) > room:
            shown.append("...")
            break
        shown.append(_cut(_written(item, room // 2, depth - 1), room // 2))
    comma = "," if type(value) is tuple and size == 1 else ""
    many = f" ({size} items)" if size > _ITEMS else ""
    return f"{opening}{', '.join(shown)}{comma}{closing}{many}"


def _dict(value: dict[Any, Any], room: int, depth: int) -> str:
    if depth == 0:
        return "{...}" if value else "{}"
    shown: list[str] = []
    for key, item in value.items():
        if len(shown) == _ITEMS or sum(map(len, shown)) > room:
            shown.append("...")
            break
        name = _cut(_written(key, room // 3, depth - 1), room // 3)
        shown.append(f"{name}: {_cut(_written(item, room // 2, depth - 1), room // 2)}")
    many = f" ({len(value)} items)" if len(value) > _ITEMS else ""
    return f"{{{', '.join(shown)}}}{many}"


def _code(value: Any) -> str:
    """A function, class or module by its name; nothing for what is none."""
    if type(value) is FunctionType:
        return f"{value.__module__}:{value.__qualname__}"
    if is_class(value):
        return f"{module_of(value)}:{qualname_of(value)}"
    if is_module(value):
        return f"module {module_namespace(value).get('__name__')}"
    return ""


def _library(value: Any, kind: type) -> str:
    """A value of a well-known type; nothing for others."""
    home, name = module_of(kind), qualname_of(kind)
    top = home.partition(".")[0]
    if top in _TELLING and sys.modules[top].__dict__.get(name) is kind:
        return repr(value)
    if top == "pathlib":
        return f"{name}({str(value)!r})"
    if top == "numpy":
        if name == "ndarray":
            return f"array of {value.dtype}, shape {value.shape}"
        return f"{name}({value.item()!r})" if value.size == 1 and value.ndim == 0 else ""
    if top in ("pandas", "polars") and name in ("DataFrame", "Series"):
        rows, *columns = value.shape
        return f"{name} of {rows} rows" + (f", {columns[0]} columns" if columns else "")
    return ""


def _instance(value: Any, kind: type, room: int, depth: int) -> str:
    name = qualname_of(kind).rpartition(".")[2]
    held = instance_dict(value) if depth else None
    if not held:
        return name
    shown: list[str] = []
    for field, item in held.items():
        if len(shown) == _ITEMS or sum(map(len, shown)) > room:
            shown.append("...")
            break
        shown.append(f"{field}={_cut(_written(item, room // 2, depth - 1), room // 2)}")
    return f"{name}({', '.join(shown)})"
