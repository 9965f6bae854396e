"""Hashers of the builtin types, and of what is code: functions, classes, modules.

Each reads its value through the type itself (`list.copy(value)`, never `value.copy()`),
so that it is right for subclasses too and runs nothing of theirs.
Knows the builtins, `functools` and `collections`; must not import what a program may do
without: `library` knows the rest of the standard library by name.
"""

from __future__ import annotations

import functools
import gc
import sys
from _weakref import CallableProxyType, ProxyType, ReferenceType
from collections import Counter, OrderedDict, defaultdict, deque
from itertools import chain

from dumbo.arguments.instances import dict_of, extras
from dumbo.arguments.registry import (
    Entry,
    Node,
    Root,
    after_name,
    always,
    derives,
    if_short,
    leaf,
    mro_of,
    namespace_of,
    qualname_of,
    refuse,
    register,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from typing import Any

    from dumbo.arguments.registry import Label


def _index(children: Sequence[object], index: int) -> str:
    return f"[{index}]"


def _fields(*names: str) -> Label:
    return lambda _, index: f".{names[index]}" if index < len(names) and names[index] else ""


# Containers. Exact ones that are plain never come here.


def _list(value: list[Any]) -> Node:
    return Node(b"list", list.copy(value), _index)


def _tuple(value: tuple[Any, ...]) -> Node:
    return Node(b"tuple", tuple.__getitem__(value, slice(None)), _index)


def _dict(value: dict[Any, Any]) -> Node:
    return Node(b"dict", [*chain.from_iterable(dict.items(value))], _key)


def _pairs(name: bytes, keys: list[Any], values: list[Any], *more: object) -> Node:
    """Keys and values as two lists, which may be plain; for types derived from dict."""
    return Node(name, (keys, values, *more))


def _key(children: Sequence[object], index: int) -> str:
    key = children[index - index % 2]
    return f"[{key!r}]" if type(key) in (str, int, bytes) else f"[key {index // 2}]"


def _element(children: Sequence[object], index: int) -> str:
    return "{...}"


def _set(value: set[Any]) -> Node:
    return Node(b"set", [*set.__iter__(value)], _element, unordered=True)


def _frozenset(value: frozenset[Any]) -> Node:
    elements = [*frozenset.__iter__(value)]
    return Node(b"frozenset", elements, _element, unordered=True)


def _dict_content(value: dict[Any, Any]) -> Node:
    return _pairs(b"pairs", [*dict.keys(value)], [*dict.values(value)])


def _ordered_dict(value: OrderedDict[Any, Any]) -> Node:
    keys = [*OrderedDict.__iter__(value)]
    values = [dict.__getitem__(value, key) for key in keys]
    return _pairs(b"collections.OrderedDict", keys, values, *extras(value, OrderedDict))


def _counter(value: Counter[Any]) -> Node:
    keys, values = [*dict.keys(value)], [*dict.values(value)]
    return _pairs(b"collections.Counter", keys, values, *extras(value, Counter))


def _defaultdict(value: defaultdict[Any, Any]) -> Node:
    factory = _default_factory(value)
    keys, values = [*dict.keys(value)], [*dict.values(value)]
    return _pairs(b"collections.defaultdict", keys, values, factory)


def _deque(value: deque[Any]) -> Node:
    return Node(
        b"collections.deque", (_maxlen(value), [*deque.__iter__(value)]), _fields("maxlen", "")
    )


_default_factory: Callable[[Any], object] = namespace_of(defaultdict)["default_factory"].__get__
_maxlen: Callable[[Any], object] = namespace_of(deque)["maxlen"].__get__


def _view(name: bytes) -> Callable[[Any], Node]:
    return lambda value: Node(name, ([*value],))


def _mapping_proxy(value: Any) -> Node:
    # The proxy would ask the mapping, which may be the user's; the collector gives it as is.
    return Node(b"mappingproxy", gc.get_referents(value))


# Buffers and small things


def _bytearray(value: bytearray) -> bytes:
    if type(value) is not bytearray:
        value = bytearray.__getitem__(value, slice(None))  # its buffer may be the user's
    return leaf(b"bytearray", value)


def _memoryview(value: memoryview) -> Node:
    # Content in C order; where the memory is laid out otherwise, it is copied.
    try:
        flat = value.cast("B") if value.c_contiguous and value.nbytes else value.tobytes()
    except TypeError:  # a format of struct's, which has no cast
        flat = value.tobytes()
    return Node(b"memoryview", (value.format, value.shape, leaf(b"buffer", flat)))


def _range(value: range) -> Node:
    return Node(b"range", (value.start, value.stop, value.step))


def _slice(value: slice) -> Node:
    return Node(b"slice", (value.start, value.stop, value.step), _fields("start", "stop", "step"))


def _name_only(name: bytes) -> Callable[[Any], bytes]:
    token = leaf(name, b"")
    return lambda value: token


def _namespace(value: Any) -> Node:
    return Node(b"types.SimpleNamespace", extras(value, _Namespace), after_name)


_Namespace = type(sys.implementation)


# Code


def _code(value: object) -> Node:
    return Node(b"code", (Root(value),))


# What `functools.update_wrapper` puts on an object that isn't a function; on a function
# these are no entries of its `__dict__`.
COPIED = frozenset(
    {
        "__wrapped__",
        "__module__",
        "__name__",
        "__qualname__",
        "__doc__",
        "__annotations__",
        "__annotate__",
        "__type_params__",
    }
)


def _function(value: Any) -> Node:
    fields = dict_of(value)
    if not fields:
        return Node(b"code", (Root(value),))
    children = [Root(value), *extras(value, None, COPIED)]
    return Node(b"code", children, after_name)


def _builtin(value: Any) -> Node:
    owner = value.__self__
    if owner is None or derives(type(owner), type(sys)):
        return _code(value)
    return Node(b"builtin method", (value.__name__, owner), _fields("__name__", "__self__"))


def _slot_method(value: Any) -> Node:
    return Node(b"slot method", (value.__name__, value.__self__), _fields("__name__", "__self__"))


def _descriptor(value: Any) -> Node:
    return Node(b"descriptor", (type(value).__name__, value.__objclass__, value.__name__))


def _method(value: Any) -> Node:
    parts = (value.__func__, value.__self__)
    return Node(b"method", parts, _fields("__func__", "__self__"))


def _partial(value: Any) -> Node:
    names = _fields("func", "args", "keywords")
    parts = (_partial_func(value), _partial_args(value), _partial_keywords(value))
    return Node(b"functools.partial", (*parts, *extras(value, functools.partial, COPIED)), names)


_partial_func: Callable[[Any], Any] = namespace_of(functools.partial)["func"].__get__
_partial_args: Callable[[Any], Any] = namespace_of(functools.partial)["args"].__get__
_partial_keywords: Callable[[Any], Any] = namespace_of(functools.partial)["keywords"].__get__


def _wrapping_method(kind: type) -> Callable[[Any], Node]:
    name = qualname_of(kind).encode()
    function: Callable[[Any], Any] = namespace_of(kind)["__func__"].__get__
    return lambda value: Node(
        name, (function(value), *extras(value, kind, COPIED)), _fields("__func__")
    )


def _property(value: Any) -> Node:
    names = ("fget", "fset", "fdel")
    return Node(b"property", [getattr_(value) for getattr_ in _accessors], _fields(*names))


_accessors: list[Callable[[Any], Any]] = [
    namespace_of(property)[name].__get__ for name in ("fget", "fset", "fdel")
]


def _super(value: Any) -> Node:
    # Past `super`'s own getattr, which answers for its object.
    return Node(b"super", [get(value) for get in _super_parts], _fields("", "__self__"))


_super_parts: list[Callable[[Any], Any]] = [
    namespace_of(super)[name].__get__ for name in ("__thisclass__", "__self__", "__self_class__")
]


def _generic_alias(value: Any) -> Node:
    parts = (value.__origin__, value.__args__, getattr(value, "__unpacked__", False))
    return Node(b"types.GenericAlias", parts, _fields("__origin__", "__args__"))


def _union(value: Any) -> Node:
    return Node(b"union", value.__args__, _index)


def name_of_code(code: object) -> str:
    """Return a name of a code root, for an order among several: "" where none is at hand."""
    kind = type(code)
    if derives(kind, type):
        return qualname_of(code)  # type: ignore[arg-type]
    if kind is _Function or kind is _Builtin:
        return f"{code.__qualname__}"  # type: ignore[attr-defined]
    return ""


# Exceptions


def _exception(kind: type[BaseException]) -> Callable[[Any], Node]:
    """Content of *kind*: args, what its C fields hold, cause and context; no traceback."""
    name = qualname_of(kind).encode()
    getters = [
        (field, descriptor.__get__)
        for cls in mro_of(kind)
        for field, descriptor in sorted(namespace_of(cls).items())
        if type(descriptor) is _Member
    ]
    unset = leaf(b"unset", b"")

    def hasher(value: Any) -> Node:
        children: list[object] = [_args(value), _cause(value), _context(value)]
        for field, getter in getters:
            try:
                children += (field, getter(value))
            except AttributeError:  # unset
                children += (field, unset)
        children += extras(value, kind)
        return Node(name, children, _fields("args", "__cause__", "__context__"))

    return hasher


_Member = type(namespace_of(type)["__basicsize__"])
_args: Callable[[Any], Any] = namespace_of(BaseException)["args"].__get__
_cause: Callable[[Any], Any] = namespace_of(BaseException)["__cause__"].__get__
_context: Callable[[Any], Any] = namespace_of(BaseException)["__context__"].__get__

_Function = type(_exception)
_Builtin = type(len)


def _own(value: Any) -> Any:
    return value


async def _coroutine() -> None: ...


def _generator() -> Iterator[None]:
    yield


async def _async_generator() -> AsyncIterator[None]:
    yield


def _traceback() -> object:
    try:
        raise KeyError
    except KeyError as error:
        return error.__traceback__


def _register() -> None:
    scalars: tuple[tuple[type, Callable[[Any], Any], Callable[[Any], bool]], ...] = (
        (int, int.__pos__, always),
        (float, float.__pos__, always),
        (complex, complex.__pos__, always),
        (str, str.__str__, if_short(str)),
        (bytes, lambda value: bytes.__getitem__(value, slice(None)), if_short(bytes)),
    )
    for kind, content, brief in scalars:
        hasher = refuse("not reached: the walk knows scalars")
        register(kind, Entry(hasher, content=content, brief=brief))
    register(list, Entry(_list, content=list.copy, brief=if_short(list)))
    whole = slice(None)
    tuple_of: Callable[[Any], object] = lambda value: tuple.__getitem__(value, whole)  # noqa: E731
    register(tuple, Entry(_tuple, content=tuple_of, brief=if_short(tuple)))
    register(dict, Entry(_dict, content=_dict_content, brief=if_short(dict)))
    register(set, Entry(_set))
    register(frozenset, Entry(_frozenset))
    register(OrderedDict, Entry(_ordered_dict, brief=if_short(OrderedDict)))
    register(Counter, Entry(_counter, brief=if_short(dict)))
    register(defaultdict, Entry(_defaultdict, brief=if_short(dict)))
    register(deque, Entry(_deque, brief=if_short(deque)))
    register(bytearray, Entry(_bytearray, brief=if_short(bytearray)))
    register(memoryview, Entry(_memoryview))
    register(range, Entry(_range, brief=always))
    register(slice, Entry(_slice, brief=always))
    register(type(...), Entry(_name_only(b"Ellipsis"), brief=always))
    register(type(NotImplemented), Entry(_name_only(b"NotImplemented")))
    register(_Namespace, Entry(_namespace))
    register(type(namespace_of(type)), Entry(_mapping_proxy))
    for view, name in (
        ({}.keys(), b"dict_keys"),
        ({}.values(), b"dict_values"),
        ({}.items(), b"dict_items"),
        (OrderedDict().keys(), b"odict_keys"),
        (OrderedDict().values(), b"odict_values"),
        (OrderedDict().items(), b"odict_items"),
    ):
        register(type(view), Entry(_view(name)))
    _register_code()
    for thing in vars(__import__("builtins")).values():
        if type(thing) is type and derives(thing, BaseException):
            register(thing, Entry(_exception(thing)))
    _register_refused()


def _register_code() -> None:
    register(type, Entry(_code, "whole", brief=always))
    for kind in (type(sys), type(_code.__code__)):
        register(kind, Entry(_code, "whole"))
    register(_Function, Entry(_function, "whole"))
    register(type(functools.lru_cache(_own)), Entry(_function, "whole"))
    register(_Builtin, Entry(_builtin, "whole"))
    register(type(_Walker().step), Entry(_method, "whole"))
    register(type((1).__add__), Entry(_slot_method, "whole"))
    for descriptor in (int.__add__, str.upper, dict.__dict__["fromkeys"]):
        register(type(descriptor), Entry(_descriptor, "whole"))
    for descriptor in (_Member, type(namespace_of(type)["__dict__"])):
        register(descriptor, Entry(_descriptor, "whole"))
    register(functools.partial, Entry(_partial))
    register(staticmethod, Entry(_wrapping_method(staticmethod)))
    register(classmethod, Entry(_wrapping_method(classmethod)))
    register(property, Entry(_property))
    register(super, Entry(_super, "whole"))
    register(type(list[int]), Entry(_generic_alias))
    register(type(int | str), Entry(_union))


class _Walker:
    def step(self) -> None: ...


def _register_refused() -> None:
    frame = sys._getframe()
    coroutine = _coroutine()
    coroutine.close()
    used_up = "a generator: hashing it would use it up"
    for value, what in (
        (frame, "a frame"),
        (_traceback(), "a traceback"),
        (coroutine, "a coroutine"),
        (_generator(), used_up),
        (_async_generator(), used_up),
    ):
        register(type(value), Entry(refuse(what), "whole"))
    register(ReferenceType, Entry(_name_only(b"weakref"), "opaque"))
    for kind in (ProxyType, CallableProxyType):
        # Unlike a reference, which an object may keep to its owner, it is used as what it hides.
        register(kind, Entry(refuse("a weak proxy, which hides what it stands for"), "whole"))


_register()
