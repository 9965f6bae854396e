"""The short proofs that replay compares: is this still the object that was traced?

A *print* is 8 bytes. It may be finer than the digest (a docstring, a renamed
local variable and a renamed class change it): then the function is traced
again and finds its old digest. It must never be coarser.

    tag  for                           made of
    F    a Python function             its code: bytes, constants, names, exception table;
                                       no lines, no file names
    B    a function or type in C       module and qualified name
    C    a class                       qualified names along its MRO, and its metaclass
    M    a module                      its name
    W    a memoized function           its version
    A    an atom                       type and value
    N    a field of a named tuple      its place
    I    any other object              its class; what is in it is looked up by itself
    -    nothing

Knows live objects and bytes; must not know how objects are reached.
"""

from __future__ import annotations

import marshal
import sys
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MethodDescriptorType,
    WrapperDescriptorType,
)

import xxhash

from dumbo.tracing.lookup import (
    ABSENT,
    TupleField,
    is_class,
    is_memoized,
    is_module,
    is_plainly_read,
    module_namespace,
    mro,
    place_of,
    version_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SIZE = 8
ATOMS = frozenset(
    {int, float, complex, bool, str, bytes, type(None), type(...), type(NotImplemented)}
)
C_FUNCTIONS = (BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType)

# Code objects are kept with their print, so that an id is never reused under it.
_codes: dict[int, tuple[CodeType, bytes]] = {}


def atom(value: Any) -> bytes:
    """Type and value of an exact builtin scalar, floats by their bits."""
    if type(value) in (type(...), type(NotImplemented)):
        return repr(value).encode()
    return type(value).__name__.encode() + b":" + marshal.dumps(value, 2)


def code(code: CodeType) -> bytes:
    """16 bytes over what *code* does; the same wherever it stands, whatever its file is called."""
    known = _codes.get(id(code))
    if known is not None:
        return known[1]
    given = code
    if "pytest" in sys.modules:
        from dumbo.tracing.rewritten import plain  # only in tests

        code = plain(code)
    hasher = xxhash.xxh3_128(code.co_code)
    shape = (
        code.co_flags,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_exceptiontable,
    )
    hasher.update(marshal.dumps(shape, 2))
    for item in code.co_consts:
        hasher.update(constant(item))
    digest = hasher.digest()
    _codes[id(given)] = (given, digest)
    return digest


def constant(value: Any) -> bytes:
    if type(value) is CodeType:
        return b"code" + code(value)
    if type(value) is slice:  # a constant since 3.14; marshal 2 refuses it
        return b"slice" + b"".join(map(constant, (value.start, value.stop, value.step)))
    if type(value) is tuple:
        return b"tuple%d:" % len(value) + b"".join(map(constant, value))
    data = atom(value)
    return type(value).__name__.encode() + b"%d:" % len(data) + data


def of(obj: object) -> bytes:
    """The print of *obj*."""
    return xxhash.xxh3_64_digest(_material(obj))


def _material(obj: Any) -> bytes:
    kind = type(obj)
    if kind is FunctionType:
        return b"F" + code(obj.__code__)
    if obj is ABSENT:
        return b"-"
    if kind in ATOMS:
        return b"A" + atom(obj)
    if kind in C_FUNCTIONS:
        return b"B" + qualified_name(obj)
    if is_class(obj):
        return b"C" + b"|".join(map(qualified_name, (kind, *mro(obj))))
    if is_module(obj):
        return b"M" + str(module_namespace(obj).get("__name__")).encode("utf-8", "replace")
    if is_memoized(obj):
        return b"W" + repr(version_of(obj)).encode("utf-8", "replace")
    if kind is TupleField:
        return b"N%d" % place_of(obj)
    return b"I" + qualified_name(kind)


_OF_CODE = (FunctionType, *C_FUNCTIONS)


def qualified_name(obj: Any) -> bytes:
    """``module:qualname`` of a function or class, without running code of a metaclass."""
    if is_class(obj):
        # That of a class in C may stand in its name only: `collections:deque`.
        try:
            module = type.__dict__["__module__"].__get__(obj)
        except AttributeError:
            module = None
        if type(module) is not str:
            module = "builtins"
        name = type.__dict__["__qualname__"].__get__(obj)
    elif type(obj) not in _OF_CODE and not is_plainly_read(
        obj, "__module__", "__objclass__", "__self__", "__qualname__"
    ):
        return qualified_name(type(obj))
    else:
        module = getattr(obj, "__module__", None)
        if module is None:
            owner = getattr(obj, "__objclass__", None) or type(getattr(obj, "__self__", None))
            module = getattr(owner, "__module__", "")
        name = getattr(obj, "__qualname__", "")
    return f"{module}:{name}".encode("utf-8", "replace")
