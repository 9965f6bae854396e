"""The analysis of one call: the heap, the lookups, and the graph that comes of it.

A *frame* is one function entered with one set of abstract arguments. Frames run
until nothing changes, in the order of `schedule`: a frame that reads a result, a heap
slot or a cell is run again from that step when it grows. Values only grow and are
finite in number, so this ends. A callee that has not run yet is asked for by
`NeedsCallee`: the caller's step is put back, and made again when the callee is done, so
that the interpreter needs no recursion of its own.

Each lookup of a live object is recorded once, in `program`; each thing that a
function depends on is a `Node`, and an edge says at which step of which
function it was reached.

Knows values, lookups and nodes; must not know steps or opcodes.
"""

from __future__ import annotations

from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

from dumbo.errors import UnhashableArgument
from dumbo.names import in_lists, module_name, named
from dumbo.tracing import fingerprint, impure
from dumbo.tracing.boundary import STDLIB, Owner, owner_of
from dumbo.tracing.contents import classes_in, content_of
from dumbo.tracing.lookup import (
    ABSENT,
    is_class,
    is_memoized,
    is_module,
    module_namespace,
    mro,
    name_of,
    path_of,
    reach,
)
from dumbo.tracing.replay import UNLOADED
from dumbo.tracing.rewritten import plain
from dumbo.tracing.schedule import STEPS, Schedule
from dumbo.tracing.sources import Reader
from dumbo.tracing.values import Const, Known, Local, LocalClass, Pool, Unknown, Value, each
from dumbo.tracing.words import Questions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dumbo.tracing.by_name import Methods
    from dumbo.tracing.frame import Frame
    from dumbo.tracing.guesses import Guesses
    from dumbo.tracing.uses import Use

CONTEXTS = 6  # argument sets of one function, beyond which they are joined
CROWD = 300  # functions, beyond which there are fewer: more of the program is seen for the work
CROWDED = 2
PATH = 8  # lookups in a row through fields and items, beyond which the whole is taken
Chance = tuple[str, str, str, str, int]


# Modules whose functions do as something says that none of them is given.
_AMBIENT = {"decimal": "decimal", "_decimal": "decimal", "_pydecimal": "decimal"}


class Node:
    """One thing that a closure holds.

    `kind` is "function", "method", "class", "value", "library", "module",
    "absent" or "root"; `name` is ``module:qualname`` for people. `edges` maps a
    step of the node's code to the nodes reached there, in the order of finding.
    """

    __slots__ = (
        "by_keyword",
        "code",
        "content",
        "edges",
        "file",
        "home",
        "kind",
        "line",
        "name",
        "named",
        "obj",
        "owner",
        "reads_locals",
        "shows_doc",
        "ref",
        "sources",
        "through",
    )

    def __init__(self, kind: str, name: str, obj: Any, ref: int) -> None:
        self.kind = kind
        self.name = name
        self.obj = obj
        self.ref = ref
        self.code: CodeType | None = None
        self.file: str | None = None
        self.line: int | None = None
        self.home: Node | None = None
        self.owner: Owner | None = None
        self.content: bytes | None = None  # digest of the data, where the whole counts
        self.edges: dict[int, dict[Node, str]] = {}
        self.sources: Reader | None = None  # of a module that is not loaded
        self.by_keyword = False  # somebody passes arguments by name, so names count
        self.reads_locals = False  # names of local variables count
        self.shows_doc = False  # somebody reads the docstring of a function made in the body
        # Steps at which a module was passed through, and at which a name was resolved
        # (True) or also read from something else (False): see `digest`.
        self.through: set[int] = set()
        self.named: dict[int, bool] = {}

    def edge(self, step: int, target: Node, label: str) -> None:
        ends = self.edges.get(step)
        if ends is None:
            self.edges[step] = {target: label}
        elif target not in ends:
            ends[target] = label

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"


class Before(NamedTuple):
    """What was seen before a run, by path of lookup: objects, and digests of content."""

    found: dict[Any, Any]
    contents: dict[Any, Any]


class Analysis(Schedule):
    """What one call depends on, while it is being found out.

    *before* is what an earlier analysis of the same call has found: a run that changes
    a global must not change what was seen before it.
    """

    def __init__(
        self,
        before: Before | None = None,
        *,
        contexts: int = CONTEXTS,
        limit: int = STEPS[0],
        partial: bool = False,
    ) -> None:
        super().__init__(limit, partial=partial)
        self.contexts = contexts
        self.watched = partial  # what is rarely run is left to the observer
        self.pool = Pool(self._spill, haste=contexts < CONTEXTS)
        self.program: list[tuple[str, int, Any]] = []
        self.found: list[Any] = []
        self.nodes: dict[Any, Node] = {}
        self.root: Node | None = None
        self.frames: dict[Any, Frame] = {}
        self.by_node: dict[Node, list[Frame]] = {}
        self.unresolved: dict[tuple[str, int | None, str], None] = {}
        self.impure = impure.sources()
        # What may make results differ: kind, name, the function that reaches it, file, line.
        self.chance: dict[Chance, None] = {}
        self.unloaded: dict[str, None] = {}
        self._sources = Reader()
        self.identity = False  # the code can tell one object from an equal one
        self.untraceable = ""  # why no digest of this closure would be honest
        self.methods: Methods | None = None  # the same; what unknown objects may have
        self.guesses: Guesses | None = None  # of what is not known of the call
        self.owners: dict[Any, Frame] = {}  # who alone writes to a place: see `sure`
        self.fixed: set[Any] = set()  # sites of lists that are made with all their items
        self.escaped: dict[Any, dict[Use, None]] = {}  # heap sites, and who may write to them
        self.named_out: set[str] = set()  # attributes that unknown values were asked for
        self.changed: set[int] = set()  # ids of live objects that the code changes in place
        # Hand-made caches, with the nodes that use them and their names there; and the ids of
        # tables that look like it and are not: see `memo_tables`.
        self.questions = Questions()  # that it has of the arguments
        self.tables: dict[Known, dict[Node, str]] = {}
        self.plain_tables: frozenset[int] = frozenset()
        self.generators: dict[Any, Frame] = {}  # by heap site of what calling them gives
        self.used: set[int] = set()  # ids of functions, or code, of which more is known than a name
        self.noted: set[Value] = set()  # of which that is taken down: see `mentions`
        self.names_read: set[str] = set()  # of __name__, __qualname__, __module__
        self._index: dict[Any, int] = {}
        self._before = before.found if before else {}
        self._paths: list[Any] = []
        self._contents: dict[Any, Any] = dict(before.contents) if before else {}
        self.contexts_of: dict[Value, Any] = {}  # see `calls.context_of`
        self._wholes: dict[Known, list[Known]] = {}  # of what was taken whole, the code in it
        self._nodes_of: dict[Value, Node | None] = {}
        self.keyed: dict[int, bool] = {}  # of tables, by id: see `keyed`
        self._classes_in: dict[Known, frozenset[int] | None] = {}
        self._heap: dict[tuple[Any, Any], Value] = {}
        self._slots: dict[Any, dict[Any, None]] = {}
        self._readers: dict[tuple[Any, Any], dict[tuple[Frame, int], None]] = {}
        self._alive: list[Any] = []  # ids are keys here, so nothing may be collected

    def _spill(self, value: Value) -> None:
        """*value* is no longer followed: it counts as out of sight."""
        self.outside.take_from_nowhere(value)

    # --- lookups -----------------------------------------------------------------

    def look(self, op: str, base: int, arg: Any, found: Any = None) -> int:
        """The index of a lookup, made now if it is new; *found* for roots, which callers know."""
        key = (op, base, type(arg), arg)
        index = self._index.get(key)
        if index is None:
            index = len(self.program)
            self._index[key] = index
            self.program.append((op, base, arg))
            path = (self._paths[base] if base >= 0 else None, op, type(arg), arg)
            self._paths.append(path)
            if path in self._before:
                found = self._before[path]
            elif op not in ("root", "coderoot"):
                found = reach(op, self.found[base] if base >= 0 else None, arg)
            self.found.append(found)
        return index

    def get(self, op: str, base: int, arg: Any) -> Known | None:
        """The value that a lookup finds, or None where it finds nothing."""
        if op == "member" and arg == "__self__" and id(self.found[base]) in self.impure:
            return None  # the generator of a library: its state is chance, and no dependency
        index = self.look(op, base, arg)
        found = self.found[index]
        return None if found is ABSENT else self.pool.known(found, index)

    def depth(self, ref: int) -> int:
        """How many fields and items were followed to reach *ref*."""
        depth = 0
        while ref >= 0:
            op, base, _ = self.program[ref]
            depth += op in ("field", "item", "value", "cell", "attr")
            ref = base
        return depth

    # --- heap --------------------------------------------------------------------

    def read(self, site: Any, slot: Any, frame: Frame, step: int) -> Value | None:
        place = (site, slot)
        readers = self._readers.get(place)
        if readers is None:
            readers = self._readers[place] = {}
        readers[frame, step] = None
        return self._heap.get(place)

    def slots(self, site: Any, frame: Frame, step: int) -> list[Any]:
        self._readers.setdefault((site, None), {})[frame, step] = None
        return list(self._slots.get(site, ()))

    def write(self, site: Any, slot: Any, value: Value | None) -> bool:
        """Join *value* into a slot and wake who read it; whether the slot grew."""
        if value is None:
            return False
        before = self._heap.get((site, slot))
        after = self.pool.join(before, value)
        if after is before:
            return False
        assert after is not None
        self._heap[site, slot] = after
        wake = list(self._readers.get((site, slot), ()))
        if before is None:
            self._slots.setdefault(site, {})[slot] = None
            wake += self._readers.get((site, None), {})
        for frame, step in wake:
            self.wake(frame, step)
        return True

    def written(self) -> Iterable[tuple[Any, Any]]:
        """The places that the code writes to, as site and slot."""
        return self._heap

    def changes(self, value: Value) -> None:
        """The code changes *value* in place: if it came with the call, aliases of it show."""
        for member in each(value):
            site = getattr(member, "site", None)
            if isinstance(member, Unknown) or (isinstance(site, tuple) and site[0] == "argument"):
                self.identity = True
            if isinstance(member, Known):
                self.changed.add(id(member.obj))
                self.may_change(member)

    def may_change(self, value: Known) -> None:
        """Whoever gets *value* may change it: nothing is sure of its content while this runs."""
        self.write(("changed", id(value.obj)), "elem", self.pool.const(True))

    def enter(self, node: Node, frame: Frame, key: Any) -> Frame:
        """The frame of *node* with arguments *key*: a known one, or *frame*, which is new."""
        known = self.frames.get((node, key))
        if known is not None:
            return known
        self.frames[node, key] = frame
        self.by_node.setdefault(node, []).append(frame)
        self.have_entered(len(self.by_node))
        if self.partial and len(self.by_node) > CROWD:
            self.contexts = min(self.contexts, CROWDED)
        return frame

    def unresolve(self, where: str, line: int | None, reason: str) -> None:
        self.unresolved[where, line, reason] = None

    # --- nodes -------------------------------------------------------------------

    def node(self, value: Value) -> Node | None:
        """The node that stands for a value; None for what is no dependency by itself."""
        if value in self._nodes_of:
            return self._nodes_of[value]
        node: Node | None = None
        if isinstance(value, Local):
            node = self._local_node(value)
        elif isinstance(value, Known):
            node = self._known_node(value)
        self._nodes_of[value] = node
        return node

    def _known_node(self, value: Known) -> Node | None:
        obj = value.obj
        if is_module(obj):
            owner = owner_of(obj)
            return (
                self.foreign_node(owner, str(module_namespace(obj).get("__name__")))
                if owner
                else None
            )
        if type(obj) is FunctionType:
            return self._function_node(obj, value.ref)
        if is_class(obj):
            return self._class_node(obj, value.ref)
        if is_memoized(obj) or type(obj) is MethodType:
            return None  # what they are made of is looked up by itself
        if type(obj) in fingerprint.C_FUNCTIONS:
            return self.foreign_node(
                owner_of(obj) or STDLIB, fingerprint.qualified_name(obj).decode()
            )
        return self._value_node(value)

    def foreign_node(self, owner: Owner, name: str) -> Node:
        key = ("library", owner, name)
        node = self.nodes.get(key)
        if node is None:
            node = self.nodes[key] = Node("library", name, None, -1)
            node.owner = owner
            if owner.info:
                self.look("dist", -1, owner.info)
            ambient = _AMBIENT.get(name.partition(":")[0])
            if ambient is not None and owner is STDLIB:
                index = self.look("ambient", -1, ambient)
                if self.found[index] is not ABSENT:
                    node.edge(0, self._value_node(self.pool.known(self.found[index], index)), "")
        return node

    def _function_node(self, obj: FunctionType, ref: int) -> Node:
        key = ("function", id(obj))
        node = self.nodes.get(key)
        if node is None:
            owner = owner_of(obj)
            name = named(obj)
            kind = "library" if owner else "method" if "." in obj.__qualname__ else "function"
            node = self.nodes[key] = Node(kind, name, obj, ref)
            node.owner = owner
            node.code = plain(obj.__code__)
            node.file, node.line = obj.__code__.co_filename, obj.__code__.co_firstlineno
            if owner and owner.info:
                self.look("dist", -1, owner.info)
        return node

    def _local_node(self, value: Local) -> Node:
        home = self.node(value.home)
        key = ("local", id(value.code), home)
        node = self.nodes.get(key)
        if node is None:
            outer = value.home.obj if isinstance(value.home, Known) else None
            module = module_name(outer.__module__, outer.__globals__) if outer else ""
            name = f"{module}:{value.code.co_qualname}"
            node = self.nodes[key] = Node("function", name, None, -1)
            node.code, node.home = value.code, home
            node.file, node.line = value.code.co_filename, value.code.co_firstlineno
        return node

    def _class_node(self, obj: type, ref: int) -> Node:
        key = ("class", id(obj))
        node = self.nodes.get(key)
        if node is None:
            owner = owner_of(obj)
            name = in_lists(fingerprint.qualified_name(obj).decode("utf-8", "replace"))
            if owner:
                node = self.nodes[key] = self.foreign_node(owner, name)
                return node
            node = self.nodes[key] = Node("class", name, obj, ref)
            for position, base in enumerate((*mro(obj)[1:], type(obj))):
                target = self._class_node(base, ref)
                node.edge(position, target, "base")
        return node

    def _value_node(self, value: Known) -> Node:
        # A value is reached by its lookup: two equal values are two nodes. Atoms count whole.
        key = ("value", value.ref, id(value.obj))
        node = self.nodes.get(key)
        if node is None:
            name = path_of(self.program, value.ref) or name_of(type(value.obj))
            node = self.nodes[key] = Node("value", name, value.obj, value.ref)
            if type(value.obj) in fingerprint.ATOMS:
                node.content = b"atom" + fingerprint.atom(value.obj)
            else:
                owner = self._class_node(type(value.obj), self.look("type", value.ref, None))
                node.edge(0, owner, "type")
        return node

    def unloaded_module(self, name: str) -> Node:
        """A module that the body may import: until it is loaded, its source stands for it."""
        node = self.nodes.get(("unloaded", name))
        if node is None:
            node = self.nodes["unloaded", name] = Node("module", name, None, -1)
            node.sources = self._sources
        return node

    def absent(self) -> Node:
        node = self.nodes.get("absent")
        if node is None:
            node = self.nodes["absent"] = Node("absent", "nothing", None, -1)
        return node

    def take_whole(self, value: Known) -> list[Known]:
        """Make all of a value's content count; the functions and classes in it are returned.

        Where the content has no honest digest, `untraceable` says so.
        """
        known = self._wholes.get(value)
        if known is None:
            known = self._wholes[value] = self._take_whole(value)
        return known

    def _take_whole(self, value: Known) -> list[Known]:
        node = self._value_node(value)
        if type(value.obj) in fingerprint.ATOMS:
            return []
        content = self.look("content", value.ref, None)
        path = path_of(self.program, value.ref)
        if content in self._contents:
            node.content, roots = self._contents[content]
        elif path in self._contents:
            node.content, roots = self._contents[content] = self._contents[path]
        else:
            try:
                node.content, roots = self._contents[content] = content_of(value.obj)
            except UnhashableArgument as cause:
                self.untraceable = self.untraceable or f"{path} has no honest digest: {cause}"
                node.content, roots = self._contents[content] = b"unknown", ()
        known = []
        for number, root in enumerate(roots):
            index = self.look("coderoot", content, number, root)
            known.append(self.pool.known(root, index))
            target = self.node(known[-1])
            if target is not None:
                node.edge(1 + number, target, "content")
        return known

    def holds_class(self, value: Known, cls: type) -> bool:
        """Whether *cls* itself lies in *value*, and not only an instance of it."""
        if value not in self._classes_in:
            self._classes_in[value] = classes_in(value.obj)
        held = self._classes_in[value]
        return held is None or id(cls) in held

    def hashed(self) -> dict[int, Any]:
        """Digest and code roots of what was taken whole, by lookup."""
        return {index: found for index, found in self._contents.items() if isinstance(index, int)}

    def replayed(self) -> list[Any]:
        """What each lookup found, as a replay would put it."""
        unloaded = [False] * len(self.program)
        found = list(self.found)
        for index, (op, base, _) in enumerate(self.program):
            imported = op in ("module", "submodule") and found[index] is ABSENT
            if imported or (base >= 0 and unloaded[base]):
                unloaded[index] = True
                found[index] = UNLOADED
        return found

    def before(self) -> Before:
        """What was found, for an analysis after the run; modules that it loads are news."""
        found = {
            path: obj
            for path, obj, (op, _, _) in zip(self._paths, self.found, self.program, strict=True)
            if not (obj is ABSENT and op in ("module", "submodule"))
        }
        contents = {
            path_of(self.program, self.program[index][1]): digest
            for index, digest in self._contents.items()
            if isinstance(index, int)
        }
        return Before(found, contents)


def in_order(root: Node) -> list[Node]:
    """*root* and what it reaches, breadth first."""
    seen = {root: None}
    order = [root]
    for node in order:
        for step in sorted(node.edges):
            for target in node.edges[step]:
                if target not in seen:
                    seen[target] = None
                    order.append(target)
    return order


def describe_value(value: Value | None) -> str:
    """A value in a few words, for reasons."""
    if value is None:
        return "nothing"
    if isinstance(value, Known):
        name = getattr(value.obj, "__qualname__", None) if type(value.obj) is FunctionType else None
        return str(name or name_of(type(value.obj)))
    if isinstance(value, Const):
        return type(value.obj).__name__
    if isinstance(value, LocalClass):
        return "a class made in the body"
    return getattr(value, "reason", type(value).__name__.lower())
