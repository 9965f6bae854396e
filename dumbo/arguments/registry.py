"""Which type is hashed how, and the few words in which a hasher answers.

A hasher takes a value and returns either a *token*, its data as bytes that end where
they say they end, or a `Node`: a fixed name and the children that the walk hashes next.
Children may be any values, and `Root`, `Token` or `Node` where the hasher knows better.
A hasher that cannot be honest raises `UnhashableArgument`.

    token                        what it stands for
    marshal's own, codes < 0x80  an exact scalar
    0xd0 + name, length, bytes   a leaf of a type with a name of its own
    0xd1 + number                a code root
    0xd2 + distance              a value that holds this place, so many places up
    0xd3 + length, digest        a long str or bytes
    0xd4 + digest                a nest of plain values, by marshal
    0xd5 + digest                a long flat container of scalars
    0xd6 + digest                a node
    0xd7 + digest, place         a part of a ring, met again from outside of it

Types are compared by identity and read through the descriptors of `type`: a metaclass
may answer anything to `==`, `hash` and `getattr`.
Knows no particular type of any library; must not import one.
"""

from __future__ import annotations

import sys

import xxhash

from dumbo.arguments.small import ITEMS
from dumbo.config import user_packages
from dumbo.errors import UnhashableArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    Answer: TypeAlias = "bytes | Node"
    Label: TypeAlias = Callable[[Sequence[object], int], str]
    Hasher: TypeAlias = Callable[[Any], Answer]

LEAF = b"\xd0"
ROOT = b"\xd1"
BACK = b"\xd2"
LONG = b"\xd3"
NEST = b"\xd4"
FLAT = b"\xd5"
NODE = b"\xd6"
RING = b"\xd7"

_SHORT = 96  # bytes of a leaf that are written out; longer ones are digested

# Getters that no metaclass can stand before.
mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
namespace_of: Callable[[type], Any] = type.__dict__["__dict__"].__get__
qualname_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__
_module_of: Callable[[type], Any] = type.__dict__["__module__"].__get__
_Module = type(sys)
_module_space: Callable[[object], Any] = namespace_of(_Module)["__dict__"].__get__


def derives(kind: type, base: type) -> bool:
    """Return what `issubclass` says where nobody overrules it."""
    return type.__subclasscheck__(base, kind)


def module_of(kind: type) -> str:
    """Return the module that *kind* says it is from, or "" if it says nothing usable."""
    try:
        module = _module_of(kind)
    except AttributeError:  # it was deleted from the class
        return ""
    return module if type(module) is str else ""


class Token(bytes):
    """A token that a hasher made itself, to stand among children."""

    __slots__ = ()


class Root:
    """A function, class or module: returned with the digest, not hashed into it."""

    __slots__ = ("code",)

    def __init__(self, code: object) -> None:
        self.code = code


class Node:
    """A named sequence of children.

    Attributes:
        name: the fixed name of the type, in every release of dumbo and of its library.
        children: what the walk hashes next, in order.
        label: children, index of one -> its piece of a path, for messages; None: no piece.
        unordered: whether the order of the children does not count.
    """

    __slots__ = ("children", "label", "name", "unordered")

    def __init__(
        self,
        name: bytes,
        children: Sequence[object],
        label: Label | None = None,
        unordered: bool = False,
    ) -> None:
        self.name = name
        self.children = children
        self.label = label
        self.unordered = unordered


def after_name(children: Sequence[object], index: int) -> str:
    """Label what comes after its name: the fields of an instance."""
    name = children[index - 1] if index else None
    return f".{name}" if type(name) is str else ""


class Entry:
    """How values of one type are hashed, and what that means for its subclasses.

    Attributes:
        hasher: for the type's own content.
        content: value of a subclass -> a value to hash in place of what *hasher* says.
        way: ``"content"``: a subclass adds its class and fields to the content;
            ``"whole"``: the hasher answers for subclasses too, as they are;
            ``"opaque"``: a subclass adds its class, but its fields do not count.
        package: subclasses that live in this package are types of the library, so
            they have a name instead of a code root; "" if there are none.
        brief: whether asking the hasher about a value costs next to nothing; None: who knows.
        tells: whether all that a value holds is in what the hasher says, and it may hold anything.
    """

    __slots__ = ("brief", "content", "hasher", "package", "tells", "way")

    def __init__(
        self,
        hasher: Hasher,
        way: str = "content",
        *,
        content: Callable[[Any], object] | None = None,
        package: str = "",
        brief: Callable[[Any], bool] | None = None,
        tells: bool = False,
    ) -> None:
        self.brief = brief
        self.tells = tells
        self.hasher = hasher
        self.content = content
        self.way = way
        self.package = package


def always(value: object) -> bool:
    """Say that asking about any value of a type is brief."""
    return True


def if_short(kind: Any) -> Callable[[Any], bool]:
    """Return what says that asking about a container of *kind*, or a subclass, is brief."""
    length = kind.__len__  # that of a subclass may be the user's
    return lambda value: length(value) <= ITEMS


_by_identity: dict[int, tuple[type, Entry]] = {}  # holds the type, so that the id stays its own
_by_name: dict[str, Entry] = {}
_registered = 0
_packages: set[str] = set()  # those that were registered so
_told: set[str] = set()  # types by name, for which somebody else has told what counts
_late: dict[str, str] = {}  # top-level package -> the module here that knows its types


def register(kind: type | str, entry: Entry) -> None:
    """Let *entry* answer for *kind*: a type, or "module:qualname" of one not loaded yet."""
    global _registered
    _registered += 1
    if type(kind) is str:
        _by_name[kind] = entry
    else:
        _by_identity[id(kind)] = (kind, entry)  # type: ignore[assignment]


def registered() -> int:
    """Return a number that grows with each registration."""
    return _registered


def register_package(package: str, module: str) -> None:
    """Import *module*, which registers hashers, when a type of *package* is met."""
    _late[package] = module
    _packages.add(package)


def register_hasher(
    kind: type | str, *, name: str | None = None
) -> Callable[[Callable[[Any], object]], Callable[[Any], object]]:
    """Decorate a function that says what counts of a *kind*: it returns values to hash.

    With a *name* the type stands for that name, now and forever; without one the type and
    the function are code roots, so that a change of either counts.
    """

    def decorate(function: Callable[[Any], object]) -> Callable[[Any], object]:
        def hasher(value: Any) -> Node:
            if name is None:
                # What it returned means something else once it is another function.
                return Node(b"registered", [Root(type(value)), Root(function), function(value)])
            return Node(b"registered", [Token(leaf(b"name", name.encode())), function(value)])

        register(kind, Entry(foreign(hasher), "whole"))
        if type(kind) is str:
            _told.add(kind)
        return function

    return decorate


def find(kind: type) -> Entry | None:
    """Return the entry of exactly *kind*, or None."""
    known = _by_identity.get(id(kind))
    if known is not None:
        return known[1]
    module = module_of(kind)
    package = module.partition(".")[0]
    if package in _late:
        # Imported late: a program without such values never pays for their hashers.
        __import__(_late[package])
        _late.pop(package, None)  # another thread may have been here
        known = _by_identity.get(id(kind))
        if known is not None:
            return known[1]
    if package in _packages and package in user_packages():
        return None  # its classes are code of the user's, and count with their code
    name = qualname_of(kind)
    full = f"{module}:{name}"
    entry = _by_name.get(full)
    if entry is None or not lives_in(kind, module, name):
        return None
    if full not in _told and package in user_packages():
        return None  # as above
    _by_identity[id(kind)] = (kind, entry)
    return entry


def lives_in(kind: type, module: str, name: str) -> bool:
    """Whether *kind* really is what *module* calls *name*: a class may claim any module."""
    found: object = sys.modules.get(module)
    for part in name.split("."):
        if derives(type(found), type):
            space = namespace_of(found)  # type: ignore[arg-type]
        elif derives(type(found), _Module):
            space = _module_space(found)
        else:
            return False
        if part not in space:
            return False
        found = space[part]
    return found is kind


def belongs_to(kind: type, package: str) -> bool:
    """Whether *kind* is a type of *package*, and not one that merely says so."""
    module, name = module_of(kind), qualname_of(kind)
    if module.partition(".")[0] != package:
        return False
    # What the package itself exports may name a module that isn't loaded yet.
    return lives_in(kind, module, name) or lives_in(kind, package, name)


def leaf(name: bytes, data: bytes | bytearray | memoryview) -> Token:
    """Return the token of *data* of the type called *name*; copies no long data."""
    size = len(data) if type(data) is not memoryview else data.nbytes
    head = LEAF + bytes((len(name),)) + name + size.to_bytes(8, "big")
    if size <= _SHORT:
        return Token(head + bytes(data))
    return Token(head + xxhash.xxh3_128_digest(data))


def refuse(reason: str) -> Hasher:
    """Return a hasher that says why there is no key."""

    def hasher(value: object) -> Answer:
        raise UnhashableArgument(reason)

    return hasher


def foreign(hasher: Hasher) -> Hasher:
    """Return *hasher*, for one that runs code of a library or of the user's."""

    def guarded(value: object) -> Answer:
        try:
            return hasher(value)
        except (KeyboardInterrupt, UnhashableArgument):
            raise
        except BaseException as cause:  # a library, or what a user put into it, may raise anything
            kind = type(value)
            reason = f"a {module_of(kind)}.{qualname_of(kind)} that cannot be read"
            raise UnhashableArgument(reason) from cause

    return guarded
