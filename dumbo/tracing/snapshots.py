"""What a call depends on, taken before it runs.

Knows programs and what they found; must not know how a closure is proven or traced.
"""

from __future__ import annotations

from types import CodeType, FunctionType

from dumbo.tracing import fingerprint, replay
from dumbo.tracing.guards import Guard
from dumbo.tracing.lookup import globals_of, is_module, path_of
from dumbo.tracing.replay import UNLOADED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dumbo.tracing.account import Account
    from dumbo.tracing.callgraph import Before, Chance


class Snapshot:
    """What a call depends on, taken before it runs.

    Attributes:
        digest: 16 bytes, the closure's.
        unloaded: modules that the body may import and that are not loaded yet.
        identity: whether sharing within the arguments counts; see `replay.Program`.
        found: what each lookup of the program found.
    """

    __slots__ = (
        "cold",
        "account",
        "chance",
        "before",
        "closed",
        "digest",
        "found",
        "function",
        "guard",
        "identity",
        "lazy",
        "names",
        "others",
        "program",
        "ran",
        "recorded",
        "roots",
        "shape",
        "state",
        "tables",
        "unloaded",
    )

    def __init__(
        self,
        digest: bytes,
        program: replay.Program,
        ran: replay.Replay,
        function: Any,
        roots: tuple[Any, ...],
        shape: tuple[Any, ...] | None,
    ) -> None:
        self.digest = digest
        self.function = function
        self.program = program
        self.found = ran.found
        self.identity = program.identity
        self.state = ran.state
        self.guard = Guard(program, ran.found, ran.contents)
        self.before: Before | None = None  # what was found, where the run may load modules
        self.ran: replay.Replay | None = None  # the same, where it was replayed
        self.others: list[bytes] | None = None  # see `Tracker.others`
        self.roots = roots
        self.shape = shape
        self.names: tuple[str, ...] = ()
        self.account: Account | None = None  # of what it holds, if this process has traced it
        self.chance: list[Chance] | None = None  # what may make results differ, if that is known
        self.lazy: tuple[str, ...] = ()  # modules that calls of this process were the first to load
        self.cold: bytes | None = None  # the state of a process that has not loaded these
        self.recorded: set[str] = set()  # the directories of stores that have the trace
        self.closed: int | None = None  # see `closed`; None before anybody asked
        self.unloaded: tuple[str, ...] = ()
        self.tables = [
            (ran.found[base], arg) for op, base, arg in program if op == "table" and base >= 0
        ]

    def covered(self) -> dict[int, tuple[CodeType, dict[str, Any]]]:
        """The code that the closure holds, with the globals that it runs in, by its id."""
        program, found = self.program, self.found
        if any(found[index] is UNLOADED for index in program.entered):
            # By now, modules may be loaded that were not when this was proven.
            found = replay.run(program, (self.function, *self.roots)).found
        covered: dict[int, tuple[CodeType, dict[str, Any]]] = {}
        for index in program.entered:
            function = found[index]
            if type(function) is FunctionType:
                names = function.__globals__
                covered[id(function.__code__)] = (function.__code__, names)
                for code in _inside(function.__code__) if program.inner else ():
                    if fingerprint.code(code) in program.inner:
                        covered[id(code)] = (code, names)
        return covered

    def changes(self) -> tuple[set[int], set[tuple[int, str]]]:
        """What the closure may change: objects in place, by id; globals, by id of the namespace."""
        objects: set[int] = set()
        places: set[tuple[int, str]] = set()
        for index in self.program.unsteady:
            op, base, arg = self.program[index]
            objects.add(id(self.found[index]))
            if op in ("global", "attr"):
                names = _namespace(self.found[base])
                if names is not None:
                    places.add((id(names), arg))
        return objects, places

    def depends_on(self, objects: set[int], places: set[tuple[int, str]]) -> str:
        """Which of these the closure reads, in words; empty if none."""
        found = self.found
        for index, (op, base, arg) in enumerate(self.program):
            if op in ("global", "attr"):
                names = _namespace(found[base])
                read = names is not None and (id(names), arg) in places
            elif op in ("content", "item", "field", "mro"):
                # Methods of a class that has a changing attribute are not that attribute.
                read = id(found[base]) in objects and type(found[index]) is not FunctionType
            else:
                read = False
            if read:
                return path_of(self.program, index)
        return ""

    def adopt_tables(self) -> None:
        """The function is about to run, and fills the hand-made caches among its globals."""
        for table, fill in self.tables:
            from dumbo.tracing.tables import adopt  # most closures have none

            if type(table) is dict:
                adopt(table, fill)


def _inside(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield constant
            yield from _inside(constant)


def _namespace(base: Any) -> dict[str, Any] | None:
    return globals_of(base) if type(base) is FunctionType or is_module(base) else None
