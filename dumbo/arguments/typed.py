"""What hashers of libraries' types share: the type as a name, a subclass as code.

A type of the library stands for its name; a subclass of the user's is a code root, and what it
keeps in its `__dict__`, beside what the library keeps there, counts too.

Knows types; must not know any library.
"""

from __future__ import annotations

from dumbo.arguments.instances import extras
from dumbo.arguments.registry import Node, Root, Token, belongs_to, leaf, qualname_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_types: dict[type, Token] = {}


def type_in(package: str, kind: type) -> Token | Root:
    """Return what stands for *kind*: a name for a type of *package*, a root for a subclass."""
    known = _types.get(kind)
    if known is None:
        if not belongs_to(kind, package):
            return Root(kind)
        known = _types[kind] = Token(leaf(b"type", f"{package}.{qualname_of(kind)}".encode()))
    return known


def node(
    package: str, value: Any, *children: object, internal: frozenset[str] = frozenset()
) -> Node:
    """Return the node of *value*, whose content is *children*.

    Args:
        internal: names in the ``__dict__`` of the library's own instances.
    """
    first = type_in(package, type(value))
    if type(first) is Root:
        children += tuple(extras(value, None, internal))
    return Node(package.encode(), (first, *children))
