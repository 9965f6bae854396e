"""The digest of live data that a closure depends on.

Knows which live things are named but not hashed; must not know how they are reached.
"""

from __future__ import annotations

from io import BytesIO, StringIO
from types import FunctionType, MemberDescriptorType

from dumbo.errors import UnhashableArgument
from dumbo.tracing import fingerprint
from dumbo.tracing.lookup import instance_dict, is_class, is_module, mro, namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_RESOURCES = frozenset(
    {
        b"_abc:_abc_data",  # what is registered with an abstract class is looked up by itself
        b"_io:_IOBase",
        b"os:_Environ",
        b"_socket:socket",
        b"sqlite3:Connection",
        b"threading:Thread",
        b"concurrent.futures._base:Executor",
        b"multiprocessing.pool:Pool",
        b"subprocess:Popen",
        b"asyncio.events:AbstractEventLoop",
        b"selectors:BaseSelector",
    }
)


_CONTAINERS: tuple[Any, ...] = (dict, list, tuple, set, frozenset)
_LOOKED_INTO = 5_000  # values, beyond which anything may be in there


def is_resource(obj: object) -> bool:
    """Whether *obj* is a live thing (file, socket, thread, ...) that is named but not hashed."""
    return not _RESOURCES.isdisjoint([fingerprint.qualified_name(cls) for cls in mro(type(obj))])


def classes_in(obj: Any) -> frozenset[int] | None:
    """The ids of the classes that themselves lie in *obj*, and are not only the types of what
    does; None where there is so much in it that any may."""
    todo = [obj]
    seen: set[int] = set()
    found: set[int] = set()
    while todo:
        value = todo.pop()
        if is_class(value):
            found.add(id(value))
            continue
        if len(seen) > _LOOKED_INTO:
            return None
        kind = type(value)
        if kind in fingerprint.ATOMS or id(value) in seen:
            continue
        if kind is FunctionType or is_module(value):
            continue  # what their code reaches is looked up by itself
        seen.add(id(value))
        # Of the type, for `isinstance` asks the value itself for its class.
        base = next((base for base in _CONTAINERS if issubclass(kind, base)), None)
        if base is dict:
            todo += [*dict.keys(value), *dict.values(value)]
        elif base is not None:
            todo += base.__iter__(value)
        todo += (instance_dict(value) or {}).values()
        for base in mro(kind):
            for slot in namespace(base).values():
                if type(slot) is MemberDescriptorType:
                    try:
                        todo.append(slot.__get__(value))
                    except (AttributeError, TypeError):
                        continue
    return frozenset(found)


def content_of(obj: Any) -> tuple[bytes, tuple[Any, ...]]:
    """The digest of *obj*'s data, and the functions and classes in it.

    Raises:
        UnhashableArgument: if it has no honest digest and is no resource.
    """
    if type(obj) is object:
        return b"sentinel", ()  # it has no content; which one it is, its place says
    # Imported here: most closures hold no data but atoms.
    from dumbo.arguments.hashing import digest

    if type(obj) in (StringIO, BytesIO) and not obj.closed:
        return digest((type(obj).__name__, obj.getvalue(), obj.tell()))
    try:
        return digest(obj)
    except UnhashableArgument:
        if is_resource(obj):
            return b"resource", ()
        raise
