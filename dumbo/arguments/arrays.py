"""Hashers of numpy: dtype, shape and content in C order, straight from the buffer.

How an array lies in memory does not count: views, strides, Fortran order, the read-only
flag. What no element contains does not either: padding of structured types and of long
doubles. numpy is loaded when this module is: it is imported only when such a value is met.
"""

from __future__ import annotations

import sys

import numpy as np
import xxhash

from dumbo.arguments.registry import (
    Entry,
    Node,
    Root,
    Token,
    always,
    belongs_to,
    foreign,
    leaf,
    qualname_of,
    register,
)
from dumbo.errors import UnhashableArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.arguments.registry import Answer

_CHUNK = 1 << 20  # bytes of a strided array that are copied at once
# An 80-bit long double lies in 16 bytes, the last six of which nobody sets.
_SMALL = 1024  # bytes of an array that are looked at as other small arguments are
_LONG_DOUBLE = 10 if np.finfo(np.longdouble).nmant == 63 else 0

_SIMPLE = frozenset([np.dtype(char).num for char in "?bBhHiIlLqQefdFD"])  # no long doubles


def _array(value: Any) -> Answer:
    array = value.view(np.ndarray) if type(value) is not np.ndarray else value
    dtype = array.dtype
    if dtype.num in _SIMPLE and dtype.metadata is None:
        # Most arrays: of such a dtype its text is all there is to say.
        return Node(b"numpy.ndarray", (dtype.str, *array.shape, leaf(b"buffer", digest_of(array))))
    return Node(b"numpy.ndarray", (array.dtype, *_content(array)))


def _content(array: Any) -> tuple[object, ...]:
    """Return shape and elements of a plain ndarray, as children."""
    dtype = array.dtype
    if dtype.names is not None and (dtype.hasobject or _is_padded(dtype)):
        return (array.shape, *[part for name in dtype.names for part in _content(array[name])])
    if dtype.subdtype is not None or dtype.hasobject or dtype.kind == "T":
        elements = array.ravel().tolist() if dtype.kind != "T" else _strings(array)
        return (array.shape, elements)
    return (array.shape, leaf(b"buffer", digest_of(array)))


def _strings(array: Any) -> Any:
    return array.astype(object).ravel().tolist()


def _is_padded(dtype: Any) -> bool:
    if dtype.char in "gG":
        return bool(_LONG_DOUBLE)
    if dtype.subdtype is not None:
        return _is_padded(dtype.subdtype[0])
    if dtype.names is None:
        return False
    fields = [dtype.fields[name][0] for name in dtype.names]
    return dtype.itemsize != sum([f.itemsize for f in fields]) or any(map(_is_padded, fields))


def digest_of(array: Any) -> bytes:
    """Return the digest of the elements in C order; copies no more than a chunk."""
    if array.dtype.char in "gG" and _LONG_DOUBLE:
        parts = 2 if array.dtype.char == "G" else 1
        halves = np.ascontiguousarray(array).view(np.uint8).reshape(-1, parts, 16)
        array = halves[:, :, :_LONG_DOUBLE]
    if array.size == 0 or array.dtype.itemsize == 0:
        return b""
    if array.flags.c_contiguous:
        return bytes(xxhash.xxh3_128_digest(_bytes(array)))
    digest = xxhash.xxh3_128()
    _update(digest, array)
    return digest.digest()


def _bytes(array: Any) -> Any:
    # As bytes: a datetime64, for one, gives no buffer as itself.
    return array.reshape(-1).view(np.uint8)


def _update(digest: Any, array: Any) -> None:
    if array.flags.c_contiguous:
        digest.update(_bytes(array))
    elif array.nbytes <= _CHUNK:
        digest.update(_bytes(np.ascontiguousarray(array)))
    else:
        row = array.nbytes // array.shape[0]
        step = max(1, _CHUNK // row)
        for start in range(0, array.shape[0], step):
            piece = array[start : start + step]
            _update(digest, piece if step > 1 else piece[0])


def _masked(value: Any) -> Answer:
    data = np.ma.MaskedArray.__dict__["data"].__get__(value)
    # No mask and a mask of nothing are one: pickling turns the first into the second.
    mask = np.ma.getmaskarray(value)
    hard = value.hardmask if hasattr(value, "hardmask") else value._hardmask
    parts = (data.view(np.ndarray), mask, value.fill_value, bool(hard))
    return Node(b"numpy.ma.MaskedArray", parts)


def _dtype(value: Any) -> Answer:
    parts: list[object] = [value.str, value.itemsize]
    if value.names is not None:
        fields = [(name, *value.fields[name][1:]) for name in value.names]
        kinds = [value.fields[name][0] for name in value.names]
        parts += [value.isalignedstruct, fields, *kinds]
    elif value.subdtype is not None:
        parts += [*value.subdtype]
    if value.kind == "V":
        kind = value.type
        parts.append(qualname_of(kind) if belongs_to(kind, "numpy") else kind)
    if value.kind == "T":
        parts += [value.coerce, getattr(value, "na_object", _NO_NA)]
    elif value.isbuiltin == 2:  # of another library: its name is all there is
        parts.append(value.name)
    if value.metadata:
        parts.append(dict(value.metadata))
    return Node(b"numpy.dtype", parts)


_NO_NA = Token(leaf(b"no na_object", b""))


def _scalar(value: Any) -> Answer:
    array = np.asarray(value)
    if array.dtype.hasobject or array.ndim:
        raise UnhashableArgument("a numpy scalar that holds objects")
    return Node(b"numpy.generic", (array.dtype, *_content(array)[1:]))


def _bit_generator(value: Any) -> Answer:
    seed = value.seed_seq if hasattr(value, "seed_seq") else None
    return Node(b"numpy.random.BitGenerator", (qualname_of(type(value)), value.state, seed))


def _seed_sequence(value: Any) -> Answer:
    state = value.state
    return Node(b"numpy.random.SeedSequence", ([*state], [*state.values()]))


def _generator(value: Any) -> Answer:
    return Node(b"numpy.random.Generator", (value.bit_generator,))


def _random_state(value: Any) -> Answer:
    return Node(b"numpy.random.RandomState", (value.get_state(legacy=False),))


def _ufunc(value: Any) -> Answer:
    name = value.__name__
    for module in ("numpy", "scipy.special"):
        space = vars(sys.modules.get(module, sys))
        if space.get(name) is value:
            return Node(b"numpy.ufunc", (module, name))
    raise UnhashableArgument("a ufunc made by hand: what it calls cannot be seen")


def _dispatched(value: Any) -> Answer:
    return Node(b"code", (Root(value),))


_size_of = np.ndarray.__dict__["nbytes"].__get__


def _is_small(value: Any) -> bool:
    return bool(_size_of(value) <= _SMALL)


def _register() -> None:
    def entry(hasher: Any, way: str = "content", brief: Any = None) -> Entry:
        return Entry(foreign(hasher), way, package="numpy", brief=brief)

    register(np.ndarray, entry(_array, brief=_is_small))
    # The last two derive from str and bytes first.
    for kind in (np.generic, np.str_, np.bytes_):
        register(kind, entry(_scalar, brief=always))
    register(np.dtype, entry(_dtype, "whole", always))
    register(np.ufunc, entry(_ufunc, "whole"))
    register(type(np.sum), entry(_dispatched, "whole"))
    # By name: numpy itself may not have loaded these yet.
    for module in ("numpy.ma", "numpy.ma.core"):
        register(f"{module}:MaskedArray", entry(_masked))
    bits = "numpy.random.bit_generator"
    register(f"{bits}:BitGenerator", entry(_bit_generator, "whole"))
    register(f"{bits}:SeedSequence", entry(_seed_sequence, "whole"))
    register("numpy.random._generator:Generator", entry(_generator))
    register("numpy.random.mtrand:RandomState", entry(_random_state))


_register()
