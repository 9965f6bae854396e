"""Which function an older result was computed by, told without what its code was.

A key says nothing of code, so two functions that are listed under one name may have results of
one key: what a factory makes twice, lambdas, scripts that all call themselves ``__main__``, the
same call with another function as its argument. Whoever reuses a result that other code computed
has to know that it was an older version of the same code. So each result says beside it whose it
is: a digest of the file, module and name of the function, of the code among the arguments, and
of what it closes over. A function whose name does not tell it from others (one that is made inside
of another, a lambda) is known as itself, as long as it lives; so is one whose name leads to another
function. Where nothing tells, nothing is said, and nothing is reused.

Knows names and files; must not know stores, keys or why somebody asks.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType

import xxhash

from dumbo.errors import UnhashableArgument
from dumbo.names import MAIN, module_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["kin_of", "noted", "read_note"]

_DEPTH = 8
_WRAPPERS = 16
_NOTHING = object()
_SIZE = 16  # hexadecimal digits
_MARK = "kin:"  # begins the end of an entry's note
_THIS_PROCESS = f"{os.getpid()}.{os.urandom(8).hex()}"  # its children have it, too


class _Unnamed(Exception):
    """Names do not tell what this is."""


def kin_of(function: object, number: int, roots: Sequence[object]) -> str:
    """Return what two versions of *function*, called with code named alike, have in common.

    Empty if that cannot be told. *number* is that of the function in this process.
    """
    try:
        own = _identity(function, _DEPTH)
        if _is_hidden(function):
            raise _Unnamed
    except _Unnamed:
        own = f"{_THIS_PROCESS} {number}"
    try:
        parts = [own, *[_identity(root, _DEPTH) for root in roots]]
    except _Unnamed:
        return ""
    whole = "\0".join(parts).encode("utf-8", "surrogatepass")
    return xxhash.xxh3_64_hexdigest(whole)[:_SIZE]


class Again:
    """The kin of a function that has a name of its own in its module, as long as it has it."""

    __slots__ = ("_function", "_home", "_name", "_names", "_of_name", "kin", "note")

    def __init__(self, function: object, number: int) -> None:
        self._function = function
        self.kin = kin_of(function, number, ())
        self.note = noted("", self.kin).encode()  # as an entry has it of which nothing else is said
        name = getattr(function, "__qualname__", "")
        self._names = getattr(
            sys.modules.get(getattr(function, "__module__", "") or ""), "__dict__", {}
        )
        self._name = name if type(name) is str else ""
        self._of_name = self._names.get(self._name, _NOTHING)
        self._home = self._where()

    def holds(self, function: object) -> bool:
        """Whether that is its kin still; asked at each miss, so in one piece."""
        home = self._home
        if home is None or function is not self._function:
            return False
        own: Any = function
        file, module, qualname, code = home
        return (
            self._names.get(self._name, _NOTHING) is self._of_name is not _NOTHING
            and own.__code__ is code
            and own.__qualname__ == qualname
            and own.__module__ == module
            and own.__globals__.get("__file__") == file
        )

    def _where(self) -> tuple[str, str, str, CodeType] | None:
        function: Any = self._function
        if type(function) is not FunctionType or function.__closure__:
            return None
        file = function.__globals__.get("__file__")
        if type(file) is not str or not file.startswith(os.sep):
            return None
        return file, function.__module__, function.__qualname__, function.__code__


def noted(note: str, kin: str) -> str:
    """Return the note of an entry that says *note*, and whose it is."""
    return f"{note} {_MARK}{kin}".lstrip() if kin else note


def read_note(note: str) -> tuple[str, str]:
    """Return what the note of an entry says, and whose it is; empty if it does not say that."""
    said, mark, kin = note.rpartition(_MARK)
    return (said.rstrip(), kin) if mark and len(kin) == _SIZE else (note, "")


def _identity(thing: object, depth: int) -> str:
    if not depth:
        raise _Unnamed
    kind = type(thing)
    if kind is ModuleType:
        return f"module {_home(str(thing.__name__))}"  # type: ignore[attr-defined]
    if kind is FunctionType:
        return _of_function(thing, depth)  # type: ignore[arg-type]
    if isinstance(thing, type) or (kind is BuiltinFunctionType and _is_of_module(thing)):
        return f"{_home(thing.__module__)} {_named(thing.__qualname__)}"  # type: ignore[attr-defined]
    raise _Unnamed


def _of_function(function: FunctionType, depth: int) -> str:
    home = _home(function.__module__, function.__globals__)
    # The code of a wrapper is named otherwise than what it was made to look like.
    parts = [home, _named(function.__qualname__), function.__code__.co_qualname]
    for cell in function.__closure__ or ():
        try:
            parts.append(_of_cell(cell.cell_contents, depth - 1))
        except ValueError:  # not set yet
            raise _Unnamed from None
    return "\1".join(parts)


def _of_cell(content: object, depth: int) -> str:
    if type(content) in (FunctionType, ModuleType, BuiltinFunctionType) or isinstance(
        content, type
    ):
        return _identity(content, depth)
    # Imported here: few functions close over data.
    from dumbo.arguments.hashing import digest_call

    try:
        digest, roots = digest_call((content,), ("variable",))
    except UnhashableArgument:
        raise _Unnamed from None
    return " ".join([digest.hex(), *[_identity(root, depth) for root in roots]])


def _is_hidden(function: object) -> bool:
    """Whether the name of *function* leads to another one, such as a later one of that name."""
    found: Any = sys.modules.get(getattr(function, "__module__", None) or "")
    for name in str(getattr(function, "__qualname__", "")).split("."):
        names = getattr(found, "__dict__", None)
        found = names.get(name, _NOTHING) if names is not None else _NOTHING
    for _ in range(_WRAPPERS):
        kind = type(found)
        if found is function or found is _NOTHING:
            return False
        if kind in (staticmethod, classmethod, MethodType) or issubclass(kind, classmethod):
            found = found.__func__
        elif issubclass(kind, property):
            found = found.fget
        elif kind is partial:
            found = found.func
        elif getattr(kind, "__dumbo_memo__", False):
            found = found.__wrapped__
        elif kind is FunctionType and "__wrapped__" not in found.__dict__:
            return True
        else:  # somebody else's decorator, which may say what it has
            found = getattr(found, "__dict__", {}).get("__wrapped__", _NOTHING)
    return False


def _named(qualname: str) -> str:
    """Return *qualname*, if at most one thing at a time has it."""
    if "<" in qualname or qualname.rpartition(".")[2] == "_":
        raise _Unnamed
    return qualname


def _home(module: str, names: Mapping[str, Any] | None = None) -> str:
    """Return what tells a module from others of its name; *names* are its own, where known."""
    file = names.get("__file__") if names is not None else None
    if not isinstance(file, str):
        file = getattr(sys.modules.get(module), "__file__", None) or ""
    if module in MAIN:
        module = module_name(module, names)
        # Without a file it is a session; a notebook's outlives its process, by its path.
        file = file or os.environ.get("JPY_SESSION_NAME", "") or _THIS_PROCESS
    return f"{module} {os.path.abspath(file) if file else ''}"


def _is_of_module(function: object) -> bool:
    owner = getattr(function, "__self__", None)
    return owner is None or type(owner) is ModuleType
