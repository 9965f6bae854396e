"""Functions that are only mentioned: loaded, carried about, and never used for anything.

    table = {"fast": fast, "exact": exact}
    table["fast"](data)                       # of `exact`, no code can matter

Such a function is no part of the closure, where all of these are so:

    - nothing in the closure is unresolved, or reads its own names (`eval`, `locals`), so that each
      call is known with all that it may call;
    - no frame of the function was ever entered, and it never went out of sight;
    - every step that took it does nothing but carry values: into variables, containers and
      arguments, and out of them again. What compares, hashes, formats or asks for attributes
      uses it, for the answer may depend on which function it is.

A local function goes from the graph only; its code still counts where it is made.

Knows values, nodes and names of steps; must not know what a step does to a frame.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING

from dumbo.tracing.values import Bound, Heap, Known, Local, Partial, Tuple, Value, each

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dumbo.tracing.callgraph import Analysis, Node
    from dumbo.tracing.frame import Frame
    from dumbo.tracing.steps import Step

# Steps that leave their operands as they are. Calls and attributes tell for themselves.
CARRYING = frozenset(
    {
        "BINARY_SLICE",
        "BUILD_CONST_KEY_MAP",
        "BUILD_LIST",
        "BUILD_SLICE",
        "BUILD_TUPLE",
        "CALL",
        "CALL_EX",
        "COPY",
        "DELETE_DEREF",
        "DELETE_FAST",
        "DELETE_GLOBAL",
        "DELETE_NAME",
        "DICT_MERGE",
        "DICT_UPDATE",
        "END_SEND",
        "FOR_ITER",
        "GET_ITER",
        "GET_YIELD_FROM_ITER",
        "IMPORT_FROM",
        "IMPORT_NAME",
        "JUMP",
        "LAZY_IMPORT_NAME",
        "LIST_APPEND",
        "LIST_EXTEND",
        "LIST_TO_TUPLE",
        "LOAD_ATTR",
        "LOAD_BUILD_CLASS",
        "LOAD_CLOSURE",
        "LOAD_COMMON_CONSTANT",
        "LOAD_CONST",
        "LOAD_DEREF",
        "LOAD_FAST",
        "LOAD_FAST_AND_CLEAR",
        "LOAD_FROM_DICT_OR_DEREF",
        "LOAD_FROM_DICT_OR_GLOBALS",
        "LOAD_GLOBAL",
        "LOAD_LOCALS",
        "LOAD_NAME",
        "LOAD_SUPER_ATTR",
        "MAKE_CELL",
        "MAKE_FUNCTION",
        "NOP",
        "POP_EXCEPT",
        "POP_JUMP_IF_FALSE",
        "POP_JUMP_IF_NONE",
        "POP_JUMP_IF_NOT_NONE",
        "POP_JUMP_IF_TRUE",
        "POP_TOP",
        "PUSH_EXC_INFO",
        "PUSH_NULL",
        "RERAISE",
        "RETURN_GENERATOR",
        "RETURN_VALUE",
        "SEND",
        "SETUP_ANNOTATIONS",
        "SET_FUNCTION_ATTRIBUTE",
        "STORE_ATTR",
        "STORE_DEREF",
        "STORE_FAST",
        "STORE_GLOBAL",
        "STORE_NAME",
        "SWAP",
        "UNPACK_EX",
        "UNPACK_SEQUENCE",
        "YIELD_VALUE",
    }
)
_KEYED = frozenset({"DELETE_SUBSCR", "STORE_SUBSCR"})  # the topmost operand is a key
_OPERANDS = 3  # no step takes more, but for those that build of many
_OF_MANY = frozenset({"BUILD_SET", "BUILD_STRING"})
# These look at what containers hold, the others at their operands alone.
_LOOKING_INSIDE = _OF_MANY | {
    "COMPARE_OP",
    "CONTAINS_OP",
    "CONVERT",
    "FORMAT",
    "MAP_ADD",
    "SET_ADD",
}

# Methods that put elements into their container, or take them out, and compare none of them.
_MOVING = frozenset(
    {
        "append",
        "appendleft",
        "clear",
        "copy",
        "extend",
        "extendleft",
        "get",
        "insert",
        "items",
        "keys",
        "pop",
        "popitem",
        "popleft",
        "reverse",
        "rotate",
        "setdefault",
        "update",
        "values",
    }
)
_BY_KEY = frozenset({"get", "pop", "setdefault"})  # of these, the first argument is compared
_HOLDERS = (Tuple, Bound, Partial, Heap)
# How a function is reached that is named and nothing else; other ways say what is done with it.
_NAMING = ("global ", "attribute ", "cell ", "function ", "import ")


def use_operands(frame: Frame, step: Step) -> None:
    """Note that *step*, which is about to be made, looks at functions among its operands."""
    if step.name in _KEYED or (step.name == "BINARY_OP" and step.arg == "[]"):
        use(frame, frame.stack[-1])
        return
    if step.name == "BUILD_MAP":
        use_inside(frame, frame.stack[len(frame.stack) - 2 * step.arg :: 2])  # the keys
        return
    values = frame.stack[-(step.arg if step.name in _OF_MANY else _OPERANDS) :]
    if step.name in _LOOKING_INSIDE:
        use_inside(frame, values)
        return
    for value in values:
        use(frame, value)


def use_in_method(frame: Frame, name: str, receiver: Value, args: Iterable[Value]) -> None:
    """Note that method *name* of a builtin looks at functions in its receiver and arguments."""
    if name not in _MOVING:
        use_inside(frame, (receiver, *args))
    elif name in _BY_KEY:
        use(frame, next(iter(args), None))


def use(frame: Frame, value: Value | None) -> None:
    """Note that something depends on which function *value* is, if it is one."""
    noted = frame.analysis.noted
    if value is None or value in noted:
        return
    noted.add(value)
    for member in each(value):
        if isinstance(member, Known):
            if type(member.obj) is FunctionType:
                frame.analysis.used.add(id(member.obj))
        elif isinstance(member, Local):
            frame.analysis.used.add(id(member.code))


def use_inside(frame: Frame, values: Iterable[Value]) -> None:
    """Note that something depends on which functions *values* are, or hold."""
    seen: set[Value] = set()
    todo: list[Value | None] = list(values)
    while todo:
        value = todo.pop()
        use(frame, value)
        for member in each(value):
            if member not in seen and isinstance(member, _HOLDERS):
                seen.add(member)
                todo += _parts(frame, member)


def _parts(frame: Frame, value: Value) -> list[Value | None]:
    if isinstance(value, Tuple):
        return list(value.items)
    if isinstance(value, Bound):
        return [value.function, value.receiver]
    if isinstance(value, Partial):
        return [value.function, *value.args]
    if isinstance(value, Heap):
        analysis = frame.analysis
        slots = analysis.slots(value.site, frame, frame.index)
        return [analysis.read(value.site, slot, frame, frame.index) for slot in slots]
    return []


def drop(analysis: Analysis) -> None:
    """Take the functions that are only mentioned out of a graph that is complete."""
    if analysis.unresolved or any(node.reads_locals for node in analysis.nodes.values()):
        return
    more_than_named: set[Node] = set()
    reached: set[Node] = set()
    for node in analysis.nodes.values():
        for targets in node.edges.values():
            for target, label in targets.items():
                reached.add(target)
                if not label.startswith(_NAMING):
                    more_than_named.add(target)
    mentioned = {node for node in reached - more_than_named if _is_unused(analysis, node)}
    if not mentioned:
        return
    for node in analysis.nodes.values():
        for step, targets in list(node.edges.items()):
            kept = {target: label for target, label in targets.items() if target not in mentioned}
            if kept:
                node.edges[step] = kept
            else:
                del node.edges[step]


def _is_unused(analysis: Analysis, node: Node) -> bool:
    if node.kind not in ("function", "method") or node.owner is not None or node.code is None:
        return False
    key = id(node.code if node.obj is None else node.obj)
    return node not in analysis.by_node and key not in analysis.used
