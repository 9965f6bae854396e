"""The digest of a closure: the same for the same behaviour, whatever things are called.

A node's own digest says what it does, not what it is called or where it stands:

    function  its steps in normal form, constants by value at their use, flags, the
              shape of its parameters, its exception handlers. A name that was looked
              up is left out, for the edge at that step says what it found; local
              variables are numbered
    class     nothing but its kind: what is used of it is reached by edges. Its name
              where a base from a library may show it
    value     its content, if it counts as a whole
    library   distribution, version, qualified name (the version of the standard
              library is Python's, which is a column of the store)

The closure digest is a canonical form of a rooted ordered graph: nodes in the
order of discovery from the root, each with its own digest and the places of the
nodes that its edges lead to. Recursion needs no special case; what is renamed or
moved keeps its digest; what is called from another place does not.

What counts for names: `__name__` and its like only where the closure reads them,
local names only where `locals`, `eval` and their like are reached, names of
parameters only where somebody passes by name.

Knows nodes and steps; must not know live objects.
"""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

from dumbo.tracing import DIGEST_VERSION, fingerprint
from dumbo.tracing.boundary import STDLIB
from dumbo.tracing.callgraph import Analysis, Node
from dumbo.tracing.frame import Plan, plan_of
from dumbo.tracing.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS = 0x4 | 0x8 | 0x20 | 0x80 | 0x200  # *args, **kwargs, generator, coroutine, async generator
_VARIABLES = frozenset(
    {
        "DELETE_DEREF",
        "DELETE_FAST",
        "LOAD_CLOSURE",
        "LOAD_DEREF",
        "LOAD_FAST",
        "LOAD_FAST_AND_CLEAR",
        "LOAD_FROM_DICT_OR_DEREF",
        "MAKE_CELL",
        "STORE_DEREF",
        "STORE_FAST",
    }
)
# Edges of these kinds are known to the code by that name, so the name counts.
NAMED_EDGES = ("attribute ", "item ", "field ", "member ", "super()", "default ", "cell ")


class Row(NamedTuple):
    """One node in the canonical form: what it is by itself, and what it leads to.

    Attributes:
        edges: the place, the name if it counts, how people say it, and the end, in order.
    """

    node: Node
    own: bytes
    edges: list[tuple[int, bytes, str, Node]]


def closure_digest(analysis: Analysis, root: Node | None = None) -> bytes:
    """16 bytes over all that *analysis* found its root, or *root*, to depend on."""
    return canonical(analysis, root)[0]


def canonical(analysis: Analysis, root: Node | None = None) -> tuple[bytes, list[Row]]:
    """The closure digest, and what it is made of: the nodes in the order of discovery."""
    root = root or analysis.root
    assert root is not None
    own: dict[Node, bytes] = {}
    order: dict[Node, int] = {root: 0}
    hasher = xxhash.xxh3_128(b"closure%d" % DIGEST_VERSION)
    names = sorted(analysis.names_read)
    hasher.update(repr(names).encode())
    rows: list[Row] = []
    queue = [root]
    for node in queue:
        row = Row(node, _own(node, names, own), list(_edges(node, names, own)))
        rows.append(row)
        hasher.update(row.own)
        for place, label, _, target in row.edges:
            if target not in order:
                order[target] = len(order)
                queue.append(target)
            hasher.update(b"%d:%d:" % (place, order[target]) + label)
        hasher.update(b";")
    return hasher.digest(), rows


def _edges(
    node: Node, names: list[str], own: dict[Node, bytes]
) -> Iterator[tuple[int, bytes, str, Node]]:
    """The edges of *node* that count."""
    places = _places(node)
    for step in sorted(node.edges):
        if step in places and _passes_by(node, step):
            continue  # what is found in the library says which one it is
        ends = node.edges[step]
        ranked = [(_label(ends[end]), _own(end, names, own), end) for end in ends]
        ranked.sort(key=lambda item: item[:2])
        for label, _, end in ranked:
            yield places.get(step, step), label, ends[end], end


def _passes_by(node: Node, index: int) -> bool:
    """Whether a step does nothing but name a library's module on the way to its attribute."""
    if any(target.owner is None for target in node.edges[index]):
        return False
    assert node.code is not None
    plan = plan_of(node.code)
    return index < len(plan.steps) and _is_silent(plan, node, index, plan.steps[index])


def own_digest(node: Node, analysis: Analysis) -> bytes:
    """16 bytes over what *node* is by itself."""
    return _own(node, sorted(analysis.names_read), {})


def _label(label: str) -> bytes:
    return label.encode("utf-8", "replace") if label.startswith(NAMED_EDGES) else b""


def _own(node: Node, names: list[str], known: dict[Node, bytes]) -> bytes:
    digest = known.get(node)
    if digest is None:
        digest = known[node] = xxhash.xxh3_128_digest(_material(node, names))
    return digest


def _material(node: Node, names: list[str]) -> bytes:
    if node.owner is not None:
        owner = node.owner
        version = "" if owner == STDLIB else owner.version
        return f"library {owner.name} {version} {node.name}".encode("utf-8", "replace")
    if node.code is not None:
        return b"function" + _names_of(node, names) + _function(node, node.code)
    if node.kind == "class":
        return b"class" + (_names_of(node, names) or _shown_name(node))
    if node.kind == "value":
        return b"value" + (node.content or b"?part")
    if node.sources is not None:
        return b"module" + node.sources.print_of(node.name)
    return node.kind.encode()


def _names_of(node: Node, names: list[str]) -> bytes:
    """What a program that reads *names* may see of a function or class."""
    if not names:
        return b""
    qualname = node.name.partition(":")[2]
    wanted = [qualname] + [_module_of(node)] * ("__module__" in names)
    return repr(wanted).encode("utf-8", "replace")


def _module_of(node: Node) -> str:
    """The module as the program sees it: of a script, ``__main__``."""
    while node.obj is None and node.home is not None:
        node = node.home
    if node.obj is None:
        return node.name.partition(":")[0]
    return fingerprint.qualified_name(node.obj).decode("utf-8", "replace").partition(":")[0]


def _shown_name(node: Node) -> bytes:
    """Enums, named tuples and exceptions show their name in code that is not walked."""
    foreign = [
        target
        for targets in node.edges.values()
        for target, label in targets.items()
        if label == "base" and target.owner is not None
        if target.name not in ("builtins:object", "builtins:type")
    ]
    return node.name.partition(":")[2].encode("utf-8", "replace") if foreign else b""


def _places(node: Node) -> dict[int, int]:
    """Where each step stands among those that are written down."""
    if node.code is None or node.owner is not None:
        return {}
    return _positions(plan_of(node.code), node)


def _positions(plan: Plan, node: Node) -> dict[int, int]:
    places: dict[int, int] = {}
    position = 0
    for index, step in enumerate(plan.steps):
        places[index] = position
        position += not _is_silent(plan, node, index, step)
    places[len(plan.steps)] = position
    return places


def _is_silent(plan: Plan, node: Node, index: int, step: Step) -> bool:
    """A module on the way to its attribute: `import h; h.g` is `from h import g; g`."""
    if index not in node.through or step.name not in ("LOAD_GLOBAL", "LOAD_ATTR", "LOAD_NAME"):
        return False
    following = plan.steps[index + 1] if index + 1 < len(plan.steps) else None
    if following is None or following.name != "LOAD_ATTR":
        return False
    return index + 1 in node.through or node.named.get(index + 1) is True


def _function(node: Node, code: CodeType) -> bytes:
    plan = plan_of(code)
    parts: list[bytes] = [_signature(node, code)]
    numbers: dict[str, int] = {}
    free = {name: index for index, name in enumerate(code.co_freevars)}
    count = code.co_argcount + code.co_kwonlyargcount
    for name in code.co_varnames[: count + 2]:
        numbers[name] = len(numbers)
    places = _positions(plan, node)
    for index, step in enumerate(plan.steps):
        if _is_silent(plan, node, index, step):
            continue
        parts.append(_step(node, index, step, numbers, free))
        if step.target is not None:
            parts.append(b">%d" % places[step.target])
    for handler in plan.handlers:
        start, stop, target = (places[at] for at in (handler.start, handler.stop, handler.target))
        parts.append(b"h%d,%d,%d,%d,%d" % (start, stop, target, handler.depth, handler.lasti))
    return b"\n".join(parts)


def _signature(node: Node, code: CodeType) -> bytes:
    shape = (
        code.co_flags & _FLAGS,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        len(code.co_freevars),
    )
    names: tuple[str, ...] = ()
    if node.reads_locals:
        names = (*code.co_varnames, *code.co_cellvars, *code.co_freevars)
    elif node.by_keyword:
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    else:
        names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    doc = code.co_consts[:1] if node.shows_doc else ()
    return repr((shape, names, *doc)).encode("utf-8", "replace")


def _step(
    node: Node, index: int, step: Step, numbers: dict[str, int], free: dict[str, int]
) -> bytes:
    if step.name in _VARIABLES:
        if step.arg in free:
            return f"{step.name} free {free[step.arg]}".encode()
        number = numbers.setdefault(step.arg, len(numbers))
        return f"{step.name} {number}".encode()
    if step.name == "LOAD_CONST":
        if type(step.arg) is CodeType and _is_made(node, step.arg):
            return b"LOAD_CONST code"  # the function made of it is a node of its own
        return b"LOAD_CONST " + constant(step.arg)
    if step.name in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR") and node.named.get(index) is True:
        return b"REFERENCE"
    return f"{step.name} {step.arg!r}".encode("utf-8", "backslashreplace")


def constant(value: Any) -> bytes:
    """A constant by value; sets sorted, floats by bits, code by what it does."""
    return b"code " + _bare(value) if type(value) is CodeType else fingerprint.constant(value)


def _is_made(node: Node, code: CodeType) -> bool:
    return any(target.code is code for targets in node.edges.values() for target in targets)


def _bare(code: CodeType) -> bytes:
    """Code that may never have been entered: by its steps, names and all that they hold."""
    node = Node("function", "", None, -1)
    node.code = code
    return xxhash.xxh3_128_digest(_function(node, code))


__all__ = ["NAMED_EDGES", "Row", "canonical", "closure_digest", "constant", "own_digest"]
