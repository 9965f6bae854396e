"""What operators, comparisons, membership and identity tests call and give.

Knows special methods; must not know containers other than by what they hold.
"""

from __future__ import annotations

from collections import deque
from typing import Any, TypeGuard

from dumbo.tracing import arithmetic, given, inherited, sure, truth
from dumbo.tracing.attributes import call, special
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.calls import invoke, result
from dumbo.tracing.containers import (
    SCALARS,
    add,
    hashed,
    indexed,
    instance_of,
    is_text,
    make_heap,
    make_tuple,
    read_item_quietly,
    text_of,
)
from dumbo.tracing.escapes import consume, escape, is_data
from dumbo.tracing.filling import add_all, merge_into, sliced
from dumbo.tracing.formatting import concatenate, formatted, is_known_text
from dumbo.tracing.frame import Frame
from dumbo.tracing.items import in_places, out_of_content, subscript
from dumbo.tracing.iteration import items_of, iterator_of, next_of
from dumbo.tracing.lookup import is_class, mro, namespace
from dumbo.tracing.spreads import SHORT
from dumbo.tracing.steps import Step
from dumbo.tracing.uses import SPECIAL
from dumbo.tracing.values import (
    UNKNOWN,
    Builtin,
    Const,
    Given,
    Heap,
    Instance,
    Known,
    Local,
    LocalClass,
    Text,
    Tuple,
    Unknown,
    Value,
    each,
)

_BINARY = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "truediv",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "@": "matmul",
    "&": "and",
    "|": "or",
    "^": "xor",
    "<<": "lshift",
    ">>": "rshift",
}
_COMPARE = {
    "<": ("__lt__", "__gt__"),
    "<=": ("__le__", "__ge__"),
    "==": ("__eq__", "__eq__"),
    "!=": ("__ne__", "__ne__"),
    ">": ("__gt__", "__lt__"),
    ">=": ("__ge__", "__le__"),
}
_UNARY = {"-": "__neg__", "+": "__pos__", "~": "__invert__", "not": "__bool__"}


def binary_op(frame: Frame, step: Step) -> None:
    left, right = frame.take(2)
    result(frame, operate(frame, step.arg, left, right))


def operate(frame: Frame, symbol: str, left: Value, right: Value) -> Value | None:
    """``left <symbol> right``, through the special methods of both sides."""
    if symbol == "[]":
        if isinstance(right, Instance) and isinstance(right.cls, Known) and right.cls.obj is slice:
            return sliced(frame, left)
        return subscript(frame, left, right)
    if symbol == "+" and (is_known_text(left) or isinstance(left, Text)):
        strings = [member for member in each(right) if not _is_nothing(member)]
        return concatenate(frame, (left, frame.pool.join(*strings) or right))
    if symbol == "+" and (text_of(right) is not None or isinstance(right, Text)) and is_text(left):
        return concatenate(frame, (left, right))
    if symbol in ("%", "%=") and text_of(left) is not None:
        return formatted(frame, text_of(left) or "", right)
    if symbol in ("*", "*="):
        indexed(frame, left, right)
    name = _BINARY[symbol.removesuffix("=")]
    names = [f"__{name}__"] if not symbol.endswith("=") else [f"__i{name}__", f"__{name}__"]
    found: Value | None = None
    called = False
    for method in [m for special_name in names for m in special(frame, left, special_name)]:
        called = True
        found = frame.pool.join(found, invoke(frame, method, (right,)))
    for method in special(frame, right, f"__r{name}__"):
        called = True
        found = frame.pool.join(found, invoke(frame, method, (left,)))
    if called:
        # NotImplemented is no result: the other side is asked.
        members = [m for m in each(found) if not (_is_not_implemented(m))]
        return frame.pool.join(*members)
    return _without_methods(frame, symbol, left, right)


def _is_nothing(value: Value) -> bool:
    """Whether it is None, which no string can be joined with."""
    return isinstance(value, Known | Const) and value.obj is None


def _is_not_implemented(value: Value) -> bool:
    return isinstance(value, Known | Const) and value.obj is NotImplemented


def _without_methods(frame: Frame, symbol: str, left: Value, right: Value) -> Value:
    for value in (left, right):
        consume(frame, value)
    if symbol.endswith("="):
        for member in each(left):
            if isinstance(member, Known):
                frame.analysis.changes(member)
    kinds = [kind for m in (*each(left), *each(right)) if (kind := _kind_of(m)) is not None]
    if kinds and symbol.removesuffix("=") in ("+", "*", "|", "&", "-", "^"):
        kind = kinds[0]
        if symbol.endswith("=") and isinstance(left, Heap):
            if symbol == "|=" and left.kind == "dict":
                merge_into(frame, left, right)
            else:
                held = sure.to_change(frame, left) if symbol == "*=" else None
                add_all(frame, left, right)
                if symbol != "+=":
                    sure.becomes(frame, left, _times(held, right))
            return left
        placed = _concatenated(frame, symbol, left, right) if kind in ("list", "tuple") else None
        if placed is not None:
            made = make_heap(frame, kind, placed) if kind == "list" else make_tuple(frame, placed)
            if isinstance(made, Heap):
                frame.analysis.fixed.add(made.site)
                sure.begins(frame, made, placed)
            return made
        made = make_heap(frame, kind, ())
        for value in (left, right):
            if kind == "dict":
                merge_into(frame, made, value)
            else:
                sequences = [m for m in each(value) if _may_be_sequence(m, symbol)]
                add(frame, made, frame.pool.join(*[items_of(frame, m) for m in sequences]))
        if symbol.endswith("="):
            _extend_in_place(frame, symbol, left, right)
            return frame.pool.join(left, made) or made
        return made
    return _scalars(frame, symbol, left, right) or frame.unknown_value("the result of an operator")


def _scalars(frame: Frame, symbol: str, left: Value, right: Value) -> Value | None:
    """The numbers or texts that it may be, if that is known of all members."""
    lefts, rights = (set(map(scalar, each(value))) for value in (left, right))
    found: Value | None = None
    for one in SCALARS:
        for other in SCALARS:
            if one in lefts and other in rights:
                kinds = arithmetic.gives(symbol, one, other)
                if not kinds:
                    return None
                found = frame.pool.join(found, *[instance_of(frame, kind) for kind in kinds])
    return None if None in lefts | rights else found


def _kind_of(value: Value) -> str | None:
    """The kind of container that a value is; None if it is none, or nobody knows."""
    if isinstance(value, Heap):
        return value.kind
    if isinstance(value, Tuple):
        return "tuple"
    if isinstance(value, Known):
        return inherited.kind_of_live(value.obj)
    return inherited.kind_of(value)


def _may_be_sequence(value: Value, symbol: str) -> bool:
    """Whether the items of an operand may be in the result: not those of what says how often."""
    if isinstance(value, Unknown):
        return symbol.removesuffix("=") != "*"
    return scalar(value) is None


_FEW = 4


def _extend_in_place(frame: Frame, symbol: str, target: Value, more: Value) -> None:
    """``target += more``, on each of several, or on what is a container by its class."""
    members = each(target)
    if symbol == "*=" or (frame.analysis.partial and len(members) > _FEW):
        return  # of many that it may be, what comes of it is observed
    for member in members:
        sure.changes(frame, member)
        kind = _kind_of(member)
        if kind == "dict":
            merge_into(frame, member, more)
        elif kind in ("list", "set"):
            add(frame, member, items_of(frame, more))


def _concatenated(frame: Frame, symbol: str, left: Value, right: Value) -> tuple[Value, ...] | None:
    """The items of ``left + right`` or ``left * 2``, in order, if they are known."""
    items = in_places(frame, left)
    if not frame.is_once or frame.at in frame.plan.repeated:
        # It may be longer each time: only short tuples, of which there are not many.
        if symbol != "+" or not (isinstance(left, Tuple) and isinstance(right, Tuple | Const)):
            return None
        more = in_places(frame, right)
        if items is None or more is None or len(items) + len(more) > SHORT:
            return None
        return (*items, *more)
    if symbol == "*":
        return _times(items, right)
    more = in_places(frame, right) if symbol == "+" else None
    return None if items is None or more is None else (*items, *more)


def _times(items: Any, count: Value) -> tuple[Value, ...] | None:
    if isinstance(items, tuple) and isinstance(count, Const) and type(count.obj) is int:
        if len(items) * count.obj <= sure.MOST:
            return items * count.obj
    return None


def scalar(value: Value) -> type | None:
    """The builtin type of a number or text; None if it is neither, or nobody knows."""
    if isinstance(value, Const | Known):
        return type(value.obj) if type(value.obj) in SCALARS else None
    if isinstance(value, Text):
        return str
    if isinstance(value, Instance) and isinstance(value.cls, Known) and not value.vague:
        return value.cls.obj if value.cls.obj in SCALARS else None
    return None


def compare_op(frame: Frame, step: Step) -> None:
    left, right = frame.take(2)
    compare(frame, step.arg, left, right)
    if step.arg in ("==", "!=") and (same := _is_same(frame, left, right)) is not None:
        frame.push(frame.pool.const(same == (step.arg == "==")))
    else:
        frame.push(frame.unknown_value("a comparison"))


def _is_plain_constant(value: Value) -> TypeGuard[Const | Known]:
    return isinstance(value, Const | Known) and type(value.obj) in (*SCALARS, type(None))


def _depend_on_keys(frame: Frame, item: Value, table: Known) -> None:
    """Whether something is a key of a live table does not depend on what stands there."""
    if all(_is_plain_constant(one) for one in each(item)):
        for one in each(item):
            found = frame.analysis.get("has", table.ref, one.obj)  # type: ignore[attr-defined]
            frame.touch(found, "key")
    elif all(type(key) is str for key in table.obj):
        keys = frame.analysis.get("keys", table.ref, None)
        if given.among(frame, item, table.obj) is None:
            frame.touch(keys, "keys")
    else:
        consume(frame, table)


def _is_key(frame: Frame, item: Value, table: Value) -> bool | None:
    """Whether something is a key of a live table that the program does not change."""
    if not isinstance(table, Known) or type(table.obj) is not dict:
        return None
    changed = frame.analysis.read(("changed", id(table.obj)), "elem", frame, frame.index)
    if changed is not None:
        return None
    if _is_plain_constant(item):
        found = frame.analysis.get("has", table.ref, item.obj)
        return bool(found.obj) if found is not None else None
    if all(type(key) is str for key in table.obj):
        return False if given.among(frame, item, table.obj) == [] else None
    return None


def _is_same(frame: Frame, left: Value, right: Value) -> bool | None:
    """Whether a string that came with the call, or a constant, is a constant."""
    if _is_plain_constant(left) and _is_plain_constant(right):
        return bool(left.obj == right.obj)
    for one, other in ((left, right), (right, left)):
        if isinstance(other, Const | Known):
            if type(other.obj) is str:
                return given.is_among(frame, one, other.obj)
            if type(other.obj) in (*SCALARS, type(None)) and given.is_text(one):
                return False
    return None


def _is_one_of(frame: Frame, item: Value, container: Value) -> bool | None:
    """Whether a string that came with the call is among constants."""
    held = container.items if isinstance(container, Tuple) else ()
    if isinstance(container, Const) and type(container.obj) in (tuple, frozenset):
        held = tuple(map(frame.pool.const, container.obj))
    answers = [_is_same(frame, item, one) for one in held]
    if True in answers:
        return True
    return False if answers and None not in answers else None


def _lacks(frame: Frame, container: Value, name: str) -> bool:
    """Whether *name* is surely in none of the plain data of the call that *container* may be."""
    for member in each(container):
        if isinstance(member, Heap) and member.site in frame.analysis.escaped:
            if not frame.analysis.partial:
                return False  # else what it runs is observed
    members = [
        key
        for member in each(container)
        for key in (
            each(frame.analysis.read(member.site, "key", frame, frame.index))
            if isinstance(member, Heap) and member.kind == "dict"
            else (member,)
        )
    ]
    return bool(members) and all(
        (isinstance(member, Const) and member.obj != name) or given.lacks(frame, member, name)
        for member in members
    )


def compare(frame: Frame, symbol: str, left: Value, right: Value, depth: int = 0) -> None:
    name, swapped = _COMPARE[symbol]
    names = (name, "__eq__") if symbol == "!=" else (name,)
    for special_name in names:
        for method in special(frame, left, special_name):
            call(frame, method, (right,))
    for method in special(frame, right, swapped):
        call(frame, method, (left,))
    for value in (left, right):
        if depth:
            _consume_compared(frame, value)
        else:
            consume(frame, value)
    _compare_inside(frame, symbol, left, right, depth)


_DEEP = 3  # containers in containers, beyond which all that is in them is out of sight


def _compare_inside(frame: Frame, symbol: str, left: Value, right: Value, depth: int) -> None:
    """Containers are equal if what is in them is; in order, if what differs first is."""
    lefts, rights = inside(frame, left), inside(frame, right)
    if lefts is None and rights is None:
        return
    if depth >= _DEEP:
        escape(frame, left, SPECIAL)
        escape(frame, right, SPECIAL)
        return
    for one in dict.fromkeys((symbol, "==")):
        compare(frame, one, lefts or UNKNOWN, rights or UNKNOWN, depth + 1)


def inside(frame: Frame, value: Value) -> Value | None:
    """Whatever is in the containers that *value* may be, keys too; None if it is none."""
    found: Value | None = None
    for member in each(value):
        if isinstance(member, Tuple):
            found = frame.pool.join(found, *member.items)
        elif isinstance(member, Heap) and member.site not in frame.analysis.generators:
            keys = frame.analysis.read(member.site, "key", frame, frame.index)
            held = next_of(frame, member) if member.kind == "iterator" else None
            held = held or read_item_quietly(frame, member)
            found = frame.pool.join(found, held, keys)
        elif isinstance(member, Known) and inherited.kind_of_live(member.obj) is not None:
            if frame.analysis.take_whole(member):
                found = frame.pool.join(found, out_of_content(frame, member))
        elif inherited.base_of(member) is not None and isinstance(member, Instance):
            keys = inherited.given_by(frame, member)
            found = frame.pool.join(found, inherited.item_in(frame, member), keys)
    return found


def _consume_compared(frame: Frame, value: Value) -> None:
    """What is in a container counts by its content, unless only by which object it is, or by
    what a method of the program makes of it."""
    for member in each(value):
        if isinstance(member, Known) and is_data(member.obj):
            definer = next(base for base in mro(type(member.obj)) if "__eq__" in namespace(base))
            if definer is not object and owner_of(definer) is not None:
                consume(frame, member)
        elif isinstance(member, Builtin):
            consume(frame, member)


def contains_op(frame: Frame, step: Step) -> None:
    item, container = frame.take(2)
    contains(frame, item, container)
    held = _is_one_of(frame, item, container)
    held = _is_key(frame, item, container) if held is None else held
    if held is None and text_of(item) is not None and _lacks(frame, container, text_of(item) or ""):
        held = False
    if held is None:
        frame.push(frame.unknown_value("a membership test"))
    else:
        frame.push(frame.pool.const(held != bool(step.arg)))


def contains(frame: Frame, item: Value, container: Value) -> None:
    hashed(frame, item)
    for member in each(container):
        methods = special(frame, member, "__contains__")
        for method in methods:
            call(frame, method, (item,))
        if isinstance(member, Known) and is_class(member.obj):
            escape(frame, member)
        elif isinstance(member, Builtin):
            iterator_of(frame, member)
        elif isinstance(member, Known) and type(member.obj) is dict:
            _depend_on_keys(frame, item, member)
        elif not methods and isinstance(member, Instance | Known):
            consume(frame, member)
            if (held := inside(frame, member)) is not None:
                compare(frame, "==", held, item, 1)
            if special(frame, member, "__iter__") or special(frame, member, "__getitem__"):
                items_of(frame, member)
        elif isinstance(member, Heap) and member.kind == "dict":
            keys = frame.analysis.read(member.site, "key", frame, frame.index)
            if keys is not None:
                compare(frame, "==", keys, item, 1)
        elif isinstance(member, Heap | Tuple) and (held := inside(frame, member)) is not None:
            compare(frame, "==", held, item, 1)
    consume(frame, item)


def is_op(frame: Frame, step: Step) -> None:
    left, right = frame.take(2)
    if not any(_is_unique(value) for value in (left, right)):
        frame.analysis.identity = True
    for one, other in ((left, right), (right, left)):
        _refuse_identity(frame, one, other)
    for operand, value, other in ((1, left, right), (0, right, left)):
        if isinstance(other, Const | Known) and type(other.obj) in truth.SINGLE:
            frame.push(truth.test(frame, operand, value, _judge(frame, other.obj, bool(step.arg))))
            return
        if isinstance(other, Known) and is_class(other.obj):
            judge = _judge_class(other.obj, bool(step.arg))
            frame.push(truth.test(frame, operand, value, judge))
            return
    frame.push(frame.unknown_value("an identity test"))


def _refuse_identity(frame: Frame, value: Value, other: Value) -> None:
    """Whether an argument is a container of the module, or one like it, no key tells.

    Of instances that is asked of singletons for the most part, and equal ones are one.
    """
    held = [m for m in each(value) if isinstance(m, Known) and type(m.obj) in _CHANGEABLE]
    if held and any(_may_be_given(frame, member, held[0].obj) for member in each(other)):
        analysis = frame.analysis
        analysis.untraceable = analysis.untraceable or (
            f"{frame.node.name}, line {frame.line()}, asks whether something is a "
            f"{type(held[0].obj).__name__} of the program: equal arguments may be that, or not"
        )


_CHANGEABLE = (bytearray, deque, dict, list, set)


def _may_be_given(frame: Frame, value: Value, obj: Any) -> bool:
    if isinstance(value, Unknown | Given):
        return True
    return (
        isinstance(value, Heap)
        and value.site[0] == "argument"
        and value.kind
        in (
            type(obj).__name__,
            "list",
        )
    )


def _judge(frame: Frame, single: object, inverts: bool) -> truth.Judge:
    """What is known of whether a member is *single*, or whether it is not."""

    def judge(value: Value) -> bool | None:
        answer = truth.is_single(frame, value, single)
        return None if answer is None else answer != inverts

    return judge


def _judge_class(cls: type, inverts: bool) -> truth.Judge:
    """The same of a class."""

    def judge(value: Value) -> bool | None:
        return inverts if truth.is_not_class(value, cls) else None

    return judge


def _is_unique(value: Value) -> bool:
    """Whether only one object is what *value* is: None, a class, a function, a global's value."""
    return all(
        isinstance(member, Known | Local | LocalClass)
        or (isinstance(member, Const) and type(member.obj) in (type(None), bool, type(...)))
        for member in each(value)
    )


def unary_op(frame: Frame, step: Step) -> None:
    value = frame.pop()
    names = ("__bool__", "__len__") if step.arg == "not" else (_UNARY[step.arg],)
    found: Value | None = None
    for name in names:
        for method in special(frame, value, name):
            found = frame.pool.join(found, call(frame, method, ()))
    consume(frame, value)
    frame.push(found if found is not None and step.arg != "not" else frame.unknown_value("a sign"))


HANDLERS = {
    "BINARY_OP": binary_op,
    "COMPARE_OP": compare_op,
    "CONTAINS_OP": contains_op,
    "IS_OP": is_op,
    "UNARY_OP": unary_op,
}
