"""The contract of keys, as a comparison: what two arguments must share for one entry.

Written from the contract and not from the hasher; it compares, and digests nothing.

    value                      is the same as another if
    any                        their exact types are one, and ...
    int, str, bytes, bool      they are equal
    float, complex             their bits are equal
    Decimal                    sign, digits and exponent are
    datetime, date, time       their fields are: the zone, by these rules, and the fold too
    list, tuple, deque         their items are the same, one by one (and a deque's maxlen)
    dict and its kin           their items are the same, in the same order
    set, frozenset             each element has its own partner, in any order
    ndarray                    dtype, shape and content are: not the layout in memory
    function, class, module    they are one object
    partial, method            what they are made of is the same
    exception                  args and fields are, cause and context; the traceback is not asked
    lock, logger, weak things  (and by name, for a logger)
    instance                   what its base holds, its slots and its fields are the same

Sharing does not count: [a, a] is the same as [a, b] for equal a and b.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import functools
import struct
import types
from typing import Any


def same(a: Any, b: Any) -> bool:
    """Whether *a* and *b* may share an entry."""
    if type(a) is not type(b):
        return False
    if a is b:
        return True
    kind = type(a)
    if isinstance(a, (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)):
        return False
    for base, compare in COMPARISONS.items():
        if issubclass(kind, base):
            return compare(a, b) and (kind is base or _same_fields(a, b))
    return _same_fields(a, b)


def _equal(a: Any, b: Any) -> bool:
    return bool(a == b)


def _text(a: str, b: str) -> bool:
    return str.__str__(a) == str.__str__(b)


def _float(a: float, b: float) -> bool:
    return struct.pack("d", a) == struct.pack("d", b)


def _complex(a: complex, b: complex) -> bool:
    return _float(a.real, b.real) and _float(a.imag, b.imag)


def _items(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(map(same, a, b))


def _deque(a: Any, b: Any) -> bool:
    return a.maxlen == b.maxlen and _items(a, b)


def _dict(a: Any, b: Any) -> bool:
    return _items(list(a.keys()), list(b.keys())) and _items(list(a.values()), list(b.values()))


def _defaultdict(a: Any, b: Any) -> bool:
    return same(a.default_factory, b.default_factory) and _dict(a, b)


def _set(a: Any, b: Any) -> bool:
    left = list(b)
    for element in a:
        partner = next((i for i, other in enumerate(left) if same(element, other)), None)
        if partner is None:
            return False
        del left[partner]
    return not left


def _decimal(a: decimal.Decimal, b: decimal.Decimal) -> bool:
    return a.as_tuple() == b.as_tuple()


def _datetime(a: datetime.datetime, b: datetime.datetime) -> bool:
    naive = a.replace(tzinfo=None) == b.replace(tzinfo=None)
    return naive and a.fold == b.fold and same(a.tzinfo, b.tzinfo)


def _time(a: datetime.time, b: datetime.time) -> bool:
    naive = a.replace(tzinfo=None) == b.replace(tzinfo=None)
    return naive and a.fold == b.fold and same(a.tzinfo, b.tzinfo)


def _zone(a: datetime.timezone, b: datetime.timezone) -> bool:
    return a.utcoffset(None) == b.utcoffset(None) and a.tzname(None) == b.tzname(None)


def _partial(a: Any, b: Any) -> bool:
    return same([a.func, a.args, a.keywords], [b.func, b.args, b.keywords])


def _method(a: Any, b: Any) -> bool:
    return same(a.__func__, b.__func__) and same(a.__self__, b.__self__)


def _slice(a: Any, b: Any) -> bool:
    return same((a.start, a.stop, a.step), (b.start, b.stop, b.step))


def _range(a: Any, b: Any) -> bool:
    return (a.start, a.stop, a.step) == (b.start, b.stop, b.step)


def _exception(a: Any, b: Any) -> bool:
    return same((a.args, a.__cause__, a.__context__), (b.args, b.__cause__, b.__context__))


COMPARISONS: dict[type, Any] = {
    bool: _equal,
    int: _equal,
    str: _text,
    bytes: _equal,
    bytearray: _equal,
    type(None): _equal,
    float: _float,
    complex: _complex,
    list: _items,
    tuple: _items,
    collections.deque: _deque,
    collections.defaultdict: _defaultdict,
    dict: _dict,
    set: _set,
    frozenset: _set,
    decimal.Decimal: _decimal,
    datetime.datetime: _datetime,
    datetime.date: _equal,
    datetime.time: _time,
    datetime.timedelta: _equal,
    datetime.timezone: _zone,
    functools.partial: _partial,
    types.MethodType: _method,
    slice: _slice,
    range: _range,
    BaseException: _exception,
}


def _same_fields(a: Any, b: Any) -> bool:
    """Compare slots and `__dict__`, whose order does not count."""
    names = [
        name
        for cls in type(a).__mro__
        for name, value in vars(cls).items()
        if "__slots__" in vars(cls) and isinstance(value, types.MemberDescriptorType)
    ]
    missing = object()
    for name in names:
        ours, theirs = (getattr(x, name, missing) for x in (a, b))
        if ours is not theirs and not same(ours, theirs):
            return False
    left, right = (getattr(x, "__dict__", {}) for x in (a, b))
    return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
