"""Proving a closure digest again without tracing.

A *program* is the list of lookups that an analysis made; running it gives the
*state*: a print for each lookup, in a row. Equal program and equal state mean
an equal closure. In a fresh process an unchanged function is verified by this
alone, without lowering, interpreting or importing what that needs.

    program   marshalled list of (op, base, argument); the base is an index, or -1;
              with it goes what else an analysis found out: see `Program`
    state     8 bytes for each lookup, in order

A print of an object that an earlier lookup reached too says so: two names for
one list are not two lists. Of a module that is not loaded its source is
printed, and what lies behind it counts as *unloaded*.

Knows lookups and prints; must not know steps, nodes or the store.
"""

from __future__ import annotations

import marshal
import sys
from types import FunctionType

import xxhash

from dumbo.tracing import fingerprint
from dumbo.tracing.contents import content_of
from dumbo.tracing.lookup import ABSENT, builtins_of, is_module, module_namespace, reach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    from dumbo.tracing.sources import Reader
    from dumbo.tracing.words import Asked

    Lookup = tuple[str, int, Any]

# version  change
# 1        the first
# 2        which functions were entered, and what they may change
# 3        what was asked of the arguments
VERSION = 3


class _Unloaded:
    def __repr__(self) -> str:
        return "UNLOADED"


UNLOADED = _Unloaded()


class Program(list):  # type: ignore[type-arg]
    """The lookups of a trace, in order.

    Attributes:
        identity: the code can tell one object from an equal one (`is`, `id`, or it changes
            its arguments), so that sharing within the arguments counts.
        entered: the lookups that found functions which the analysis followed.
        inner: prints of the code inside of those, of functions made there and followed too.
        unsteady: the lookups of what the code may change: an object in place, or a global.
        asked: which strings are in the arguments, as far as it matters: see `words`.
    """

    __slots__ = ("asked", "entered", "identity", "inner", "unsteady")

    def __init__(
        self,
        lookups: Sequence[Lookup],
        identity: bool,
        entered: tuple[int, ...] = (),
        inner: frozenset[bytes] = frozenset(),
        unsteady: tuple[int, ...] = (),
        asked: Asked = (),
    ) -> None:
        super().__init__(lookups)
        self.identity: bool = identity
        self.entered = entered
        self.inner = inner
        self.unsteady = unsteady
        self.asked = asked


def encode(program: Program) -> bytes:
    inner = tuple(sorted(program.inner))
    more = (program.identity, program.entered, inner, program.unsteady, program.asked)
    return marshal.dumps((VERSION, *more, list(program)), 2)


def decode(payload: bytes) -> Program | None:
    """The program, or None if it is of another version or no program."""
    try:
        version, identity, entered, inner, unsteady, asked, lookups = marshal.loads(payload)
        if version != VERSION:
            return None
        return Program(lookups, identity, entered, frozenset(inner), unsteady, asked)
    except (ValueError, EOFError, TypeError):
        return None


class Replay:
    """What running a program finds now.

    `found` holds the object of each lookup, `contents` the digest and code roots
    of each that is hashed, by its index.
    """

    __slots__ = ("contents", "found", "state")

    def __init__(
        self, found: list[Any], contents: dict[int, tuple[bytes, tuple[Any, ...]]], state: bytes
    ) -> None:
        self.found = found
        self.contents = contents
        self.state = state


def run(program: Sequence[Lookup], roots: Sequence[Any], unloaded: Collection[str] = ()) -> Replay:
    """Run *program* on *roots*, the function first.

    Parameters:
        unloaded: modules to treat as if they were not loaded.

    Raises:
        UnhashableArgument: if live data has no honest digest any more.
    """
    found: list[Any] = []
    contents: dict[int, tuple[bytes, tuple[Any, ...]]] = {}
    for index, (op, base, arg) in enumerate(program):
        obj: Any
        if op == "global" and type(found[base]) is FunctionType:
            # Most lookups are of this kind; the others go the general road.
            names = found[base].__globals__
            obj = names[arg] if arg in names else builtins_of(names).get(arg, ABSENT)
        elif op == "root":
            obj = roots[arg] if arg < len(roots) else ABSENT
        elif op == "module":
            obj = sys.modules.get(arg, UNLOADED) if arg not in unloaded else UNLOADED
        elif base >= 0 and found[base] is UNLOADED:
            obj = UNLOADED
        elif op == "submodule":
            obj = reach(op, found[base], arg)
            if obj is ABSENT or (is_module(obj) and module_namespace(obj)["__name__"] in unloaded):
                obj = UNLOADED
        elif op == "coderoot":
            inside = contents[base][1] if base in contents else ()
            obj = inside[arg] if arg < len(inside) else ABSENT
        else:
            obj = reach(op, found[base] if base >= 0 else None, arg)
            if op == "content" and obj is not ABSENT:
                contents[index] = content_of(obj)
        found.append(obj)
    return Replay(found, contents, state_of(program, found, contents))


def state_of(
    program: Sequence[Lookup], found: Sequence[Any], contents: dict[int, tuple[bytes, Any]]
) -> bytes:
    """The prints of what the lookups of *program* found, one behind the other."""
    first: dict[int, tuple[int, bytes]] = {}
    prints: list[bytes] = []
    reader: Reader | None = None
    for index, ((op, base, arg), obj) in enumerate(zip(program, found, strict=True)):
        if obj is UNLOADED and op == "module":
            reader = reader or _reader()
            prints.append(xxhash.xxh3_64_digest(reader.print_of(arg)))
        elif obj is UNLOADED and op == "submodule" and found[base] is not UNLOADED:
            reader = reader or _reader()
            name = f"{module_namespace(found[base])['__name__']}.{arg}"
            prints.append(xxhash.xxh3_64_digest(reader.print_of(name)))
        elif obj is UNLOADED:
            prints.append(b"unloaded")
        elif index in contents:
            prints.append(xxhash.xxh3_64_digest(b"content" + contents[index][0]))
        elif obj is ABSENT or type(obj) in fingerprint.ATOMS:
            prints.append(fingerprint.of(obj))
        else:
            known = first.get(id(obj))
            if known is None:
                own = fingerprint.of(obj)
                first[id(obj)] = (index, own)
                prints.append(own)
            else:
                prints.append(xxhash.xxh3_64_digest(known[1] + b"%d" % known[0]))
    return b"".join(prints)


def _reader() -> Reader:
    from dumbo.tracing.sources import Reader  # most functions import nothing in their body

    return Reader()


def differing(program: Sequence[Lookup], before: bytes, after: bytes) -> list[int]:
    """The lookups whose prints differ between two states of one program."""
    size = fingerprint.SIZE
    return [
        index
        for index in range(len(program))
        if before[index * size : (index + 1) * size] != after[index * size : (index + 1) * size]
    ]
