"""The digest of live data that a closure depends on.

Knows which live things are named but not hashed; must not know how they are reached.
"""

from __future__ import annotations

from dumbo.errors import UnhashableArgument
from dumbo.tracing import fingerprint
from dumbo.tracing.lookup import mro

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_RESOURCES = frozenset(
    {
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


def is_resource(obj: object) -> bool:
    """Whether *obj* is a live thing (file, socket, thread, ...) that is named but not hashed."""
    return not _RESOURCES.isdisjoint([fingerprint.qualified_name(cls) for cls in mro(type(obj))])


def content_of(obj: Any) -> tuple[bytes, tuple[Any, ...]]:
    """The digest of *obj*'s data, and the functions and classes in it.

    Raises:
        UnhashableArgument: if it has no honest digest and is no resource.
    """
    if type(obj) is object:
        return b"sentinel", ()  # it has no content; which one it is, its place says
    # Imported here: most closures hold no data but atoms.
    from dumbo.arguments.hashing import digest

    try:
        return digest(obj)
    except UnhashableArgument:
        if is_resource(obj):
            return b"resource", ()
        raise
