"""Hashers of the standard library's data types, by name: none is imported here.

Also which of its types have no data that counts (locks, loggers: their type is all), and
which have no key (open files, sockets, threads). A type of a fixed name adds no code root.
"""

from __future__ import annotations

import _thread
import sys

from dumbo.arguments.instances import dict_of, extras
from dumbo.arguments.registry import (
    Entry,
    Node,
    Root,
    after_name,
    always,
    derives,
    foreign,
    leaf,
    mro_of,
    namespace_of,
    qualname_of,
    refuse,
    register,
    register_package,
)
from dumbo.arguments.standard import COPIED
from dumbo.errors import UnhashableArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _own_method(module: str, kind: str, method: str) -> Callable[..., Any]:
    """Return the method that the library's class defines, not what a subclass makes of it."""
    found: list[Callable[..., Any]] = []

    def call(value: Any, *args: Any) -> Any:
        if not found:
            found.append(namespace_of(getattr(sys.modules[module], kind))[method].__get__)
        return found[0](value)(*args)

    return call


def _own_field(module: str, kind: str, field: str) -> Callable[[Any], Any]:
    found: list[Callable[..., Any]] = []

    def get(value: Any) -> Any:
        if not found:
            found.append(namespace_of(getattr(sys.modules[module], kind))[field].__get__)
        return found[0](value)

    return get


def _from(name: bytes, get: Callable[[Any], Any]) -> Callable[[Any], Node]:
    """Return a hasher whose children are what *get* gives, as a tuple."""
    return lambda value: Node(name, get(value))


def _context_variable(value: Any) -> Node:
    """What it gives in the context of the call; and its name, for two are never one."""
    try:
        held = [value.get()]
    except LookupError:  # it has no default
        held = []
    return Node(b"contextvars.ContextVar", (value.name, *held))


def _thread_local(value: Any) -> Node:
    return Node(b"threading.local", extras(value), after_name)


def _event(value: Any) -> Node:
    return Node(b"threading.Event", ((dict_of(value) or {}).get("_flag"),))


def _mapping(value: Any) -> Node:
    """A mapping whose order says nothing, and is another one in each process."""
    return Node(qualname_of(type(value)).encode(), [*value.items()], unordered=True)


def _collection(value: Any) -> Node:
    return Node(qualname_of(type(value)).encode(), [*value], unordered=True)


# Of hash tables that cannot be changed in place, by name; pickled, they show their order.
_HASH_MAPS = ("rpds:HashTrieMap", "immutables._map:Map", "pyrsistent._pmap:PMap")
_HASH_SETS = ("rpds:HashTrieSet", "pyrsistent._pset:PSet")


def _reduced(module: str, kind: str, method: str, *args: int) -> Callable[[Any], Node]:
    """For types whose own pickle form is their content: fields, zone and fold."""
    reduce = _own_method(module, kind, method)
    return _from(f"{module}.{kind}".encode(), lambda value: reduce(value, *args)[1])


# Numbers and times

_decimal_tuple = _own_method("decimal", "Decimal", "as_tuple")
_numerator = _own_field("fractions", "Fraction", "_numerator")
_denominator = _own_field("fractions", "Fraction", "_denominator")
_zone_key = _own_field("zoneinfo", "ZoneInfo", "key")


def _decimal(value: Any) -> Node:
    return Node(b"decimal.Decimal", tuple(_decimal_tuple(value)))


def _decimal_context(value: Any) -> Node:
    parts = (value.prec, value.rounding, value.Emin, value.Emax, value.capitals, value.clamp)
    signals = [
        sorted([qualname_of(signal) for signal, is_set in flags.items() if is_set])
        for flags in (value.flags, value.traps)
    ]
    return Node(b"decimal.Context", (*parts, *signals))


def _fraction(value: Any) -> Node:
    return Node(b"fractions.Fraction", (_numerator(value), _denominator(value)))


def _zone(value: Any) -> Node:
    key = _zone_key(value)
    if key is None:
        raise UnhashableArgument("a ZoneInfo that was read from a file and has no key")
    return Node(b"zoneinfo.ZoneInfo", (key,))


# Names and patterns


def _path(name: bytes) -> Callable[[Any], Node]:
    def hasher(value: Any) -> Node:
        for cls in mro_of(type(value)):
            if qualname_of(cls) == "PurePath":
                return Node(name, (namespace_of(cls)["__str__"](value),))
        raise UnhashableArgument("a path of no known kind")

    return hasher


def _text(name: bytes) -> Callable[[Any], Node]:
    return lambda value: Node(name, (str(value),))


def _uuid(value: Any) -> Node:
    return Node(b"uuid.UUID", (value.int, value.is_safe.name))


def _pattern(value: Any) -> Node:
    return Node(b"re.Pattern", (value.pattern, value.flags))


_format = _own_field("_struct", "Struct", "format")


def _struct(value: Any) -> Node:
    return Node(b"struct.Struct", (_format(value),))


def _array(value: Any) -> Node:
    data = memoryview(value).cast("B") if len(value) else b""
    return Node(b"array.array", (value.typecode, value.itemsize, leaf(b"buffer", data)))


_random_state = _own_method("random", "Random", "getstate")


def _random(value: Any) -> Node:
    return Node(b"random.Random", (_random_state(value),))


def _operator(name: bytes) -> Callable[[Any], Node]:
    def hasher(value: Any) -> Node:
        made, args = value.__reduce__()[:2]
        if derives(type(made), type):
            return Node(name, args)
        return Node(name, (*args, made.args, made.keywords))

    return hasher


def _c_value(value: Any) -> Node:
    code = getattr(type(value), "_type_", None)
    if type(code) is not str or code in "OPzZX":
        raise UnhashableArgument("a ctypes pointer")
    return Node(b"ctypes", (code, bytes(memoryview(value))))


# typing


def _alias(value: Any) -> Node:
    fields = dict_of(value) or {}
    parts = [fields.get(name) for name in ("__origin__", "__args__", "__metadata__")]
    return Node(b"typing alias", (qualname_of(type(value)), *parts))


def _special(value: Any) -> Node:
    return Node(b"typing form", (value._name,))


def _forward(value: Any) -> Node:
    return Node(b"typing.ForwardRef", (value.__forward_arg__,))


def _type_variable(value: Any) -> Node:
    names = ("__name__", "__bound__", "__constraints__", "__covariant__", "__contravariant__")
    parts = [getattr(value, name, None) for name in names]
    return Node(b"type variable", (qualname_of(type(value)), *parts))


# What counts by its type, and what has no key


def _only_type(name: bytes) -> Callable[[Any], bytes]:
    token = leaf(name, b"")
    return lambda value: token


def _logger(value: Any) -> Node:
    return Node(b"logging.Logger", ((dict_of(value) or {}).get("name"),))


_REFUSED = {
    "_io:_IOBase": "an open file or stream",
    "_socket:socket": "a socket",
    "sqlite3:Connection": "a database connection",
    "sqlite3:Cursor": "a database cursor",
    "mmap:mmap": "a memory map",
    "threading:Thread": "a thread",
    "subprocess:Popen": "a running process",
    "multiprocessing.process:BaseProcess": "a process",
    "multiprocessing.pool:Pool": "a pool of processes",
    "concurrent.futures._base:Executor": "an executor",
    "concurrent.futures._base:Future": "a future",
    "_asyncio:Future": "a future",
    "asyncio.events:AbstractEventLoop": "an event loop",
    "selectors:BaseSelector": "a selector",
    "random:SystemRandom": "a source of true randomness",
    "_ctypes:_Pointer": "a ctypes pointer",
    "_ctypes:CFuncPtr": "a ctypes pointer",
    "_ctypes:Structure": "a ctypes structure: it may hold pointers",
    "_ctypes:Union": "a ctypes structure: it may hold pointers",
    "_ctypes:Array": "a ctypes array: it may hold pointers",
}

_BY_TYPE_ONLY = (
    "threading:Condition",
    "threading:Semaphore",
    "threading:BoundedSemaphore",
    "threading:Barrier",
    "weakref:WeakValueDictionary",
    "weakref:WeakKeyDictionary",
    "weakref:finalize",
    "_weakrefset:WeakSet",
)

_PATHS = ("PurePath", "PurePosixPath", "PureWindowsPath", "Path", "PosixPath", "WindowsPath")

_DATETIMES = (
    ("date", "__reduce__", ()),
    ("datetime", "__reduce_ex__", (4,)),
    ("time", "__reduce_ex__", (4,)),
    ("timedelta", "__reduce__", ()),
)


def _register() -> None:
    for kind, method, args in _DATETIMES:
        register(f"datetime:{kind}", Entry(_reduced("datetime", kind, method, *args), brief=always))
    zone = _own_method("datetime", "timezone", "__getinitargs__")
    register("datetime:timezone", Entry(_from(b"datetime.timezone", zone), brief=always))
    register("zoneinfo:ZoneInfo", Entry(_zone, brief=always))
    register("decimal:Decimal", Entry(_decimal, brief=always))
    register("decimal:Context", Entry(_decimal_context))
    register("fractions:Fraction", Entry(_fraction, brief=always))
    for kind in _PATHS:
        for module in ("pathlib", "pathlib._local"):
            register(f"{module}:{kind}", Entry(_path(f"pathlib.{kind}".encode()), brief=always))
    for version in ("4", "6"):
        for kind in ("Address", "Network", "Interface"):
            name = f"IPv{version}{kind}"
            hasher = foreign(_text(f"ipaddress.{name}".encode()))
            register(f"ipaddress:{name}", Entry(hasher, brief=always))
    register("uuid:UUID", Entry(_uuid, brief=always))
    for module in ("contextvars", "_contextvars"):  # by version of CPython
        register(f"{module}:ContextVar", Entry(_context_variable))
    register("re:Pattern", Entry(_pattern, brief=always))
    register("_struct:Struct", Entry(_struct))
    register("array:array", Entry(_array))
    register("random:Random", Entry(_random))
    for kind in _HASH_MAPS:
        register(kind, Entry(foreign(_mapping), tells=True))
    for kind in _HASH_SETS:
        register(kind, Entry(foreign(_collection), tells=True))
    for kind in ("itemgetter", "attrgetter", "methodcaller"):
        register(f"operator:{kind}", Entry(_operator(f"operator.{kind}".encode()), tells=True))
    register("_ctypes:_SimpleCData", Entry(foreign(_c_value)))
    _register_typing()
    register("dumbo.memoized:Memoized", Entry(_memoized, "whole"))
    register("dumbo.bound:BoundMemoized", Entry(_bound_memoized, "whole"))
    for name, reason in _REFUSED.items():
        register(name, Entry(refuse(reason), "whole"))
    for name in _BY_TYPE_ONLY:
        register(name, Entry(_only_type(name.encode()), "opaque"))
    register("logging:Logger", Entry(_logger, "opaque"))
    register(_thread._local, Entry(_thread_local))
    register("threading:Event", Entry(_event))
    for lock in (type(_thread.allocate_lock()), _thread.RLock):
        register(lock, Entry(_only_type(qualname_of(lock).encode()), "opaque"))
    register_package("numpy", "dumbo.arguments.arrays")
    register_package("pandas", "dumbo.arguments.frames")
    register_package("torch", "dumbo.arguments.for_torch")
    register_package("pyarrow", "dumbo.arguments.for_arrow")
    register_package("polars", "dumbo.arguments.for_polars")
    for package in ("scipy", "xarray", "networkx", "PIL"):
        register_package(package, "dumbo.arguments.for_others")


# dumbo's own: a memoized function stands for its function, whatever its cache is


_memoized_function = _own_field("dumbo.bound", "BoundMemoized", "__func__")
_memoized_self = _own_field("dumbo.bound", "BoundMemoized", "__self__")


def _memoized(value: Any) -> Node:
    return Node(b"code", [Root(value), *extras(value, None, COPIED)])


def _bound_memoized(value: Any) -> Node:
    return Node(b"method", (_memoized_function(value), _memoized_self(value)))


def _register_typing() -> None:
    register("typing:_GenericAlias", Entry(_alias, "whole"))
    register("typing:_SpecialGenericAlias", Entry(foreign(_special), "whole"))
    register("typing:_SpecialForm", Entry(foreign(_special), "whole"))
    for module in ("typing", "annotationlib"):
        register(f"{module}:ForwardRef", Entry(foreign(_forward), "whole"))
    for kind in ("TypeVar", "ParamSpec", "TypeVarTuple"):
        register(f"typing:{kind}", Entry(foreign(_type_variable), "whole"))


_register()
