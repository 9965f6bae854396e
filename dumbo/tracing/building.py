"""The abstract values that a shape of arguments describes.

Made from the shape and never from the values, so that calls of the same shape share one
closure; which strings are in plain data may be asked for all the same: see `words`.

Knows shapes; must not know how an analysis begins or ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dumbo.tracing import calls, containers, given
from dumbo.tracing.calls import Arguments
from dumbo.tracing.escapes import escape, remember
from dumbo.tracing.frame import Frame
from dumbo.tracing.lookup import is_class
from dumbo.tracing.values import (
    UNKNOWN,
    Bound,
    Const,
    Given,
    Heap,
    Instance,
    Known,
    Partial,
    Value,
)
from dumbo.tracing.words import ANYWHERE, known_part

if TYPE_CHECKING:
    from dumbo.tracing.shapes import Shape
    from dumbo.tracing.words import Place

_HELD = ("elem", "key")  # slots of an instance that is a container by its class


def build(
    frame: Frame,
    shape: Shape,
    place: Place,
    only: Sequence[int] = (),
    above: tuple[Value, ...] = (),
) -> Value:
    """The abstract value at *place* that *shape* describes, inside of those *above*."""
    analysis, pool = frame.analysis, frame.pool
    kind, site = shape[0], ("argument", *place)
    if kind == "code":
        return _root(frame, shape[1])
    if kind == "atom":
        return _atom(frame, shape[1], place)
    if kind == "up":
        return above[-shape[1]] if shape[1] <= len(above) else UNKNOWN
    if kind == "object":
        if shape[1] in only:
            site = _deep_site(shape[1:2], only)
        made: Value = pool.make(Instance, _root(frame, shape[1]), site)
        inside = (*above, made)
        for name, field in shape[2]:
            value = build(frame, field, (*place, name), only, inside)
            analysis.write(site, ("attr", name), value)
        for slot, items in zip(_HELD, shape[3:], strict=False):
            for item in items:
                value = build(frame, item, (*place, ..., slot), only, inside)
                analysis.write(site, slot, value)
        return made
    if kind == "kind":
        deep: Value = pool.make(Instance, _root(frame, shape[1]), _deep_site(shape[1:], only))
        return deep
    if kind == "tuple":
        inside = (*above, UNKNOWN)  # it is not made yet
        parts = [
            build(frame, item, (*place, ("item", index)), only, inside)
            for index, item in enumerate(shape[1])
        ]
        return containers.make_tuple(frame, tuple(parts))
    if kind in ("list", "set", "dict"):
        made = pool.make(Heap, kind, site)
        inside = (*above, made)
        if not shape[1] and not shape[2]:  # no code in it
            data = pool.make(Given, (known_part(place),))
            analysis.write(site, "elem", data)
            analysis.write(site, "key", data if kind == "dict" else None)
        for slot, item in shape[1]:
            value = build(frame, item, (*place, slot), only, inside)
            analysis.write(site, slot, value)
        for number, item in enumerate(shape[2]):
            slot = "key" if number == 0 and kind == "dict" else "elem"
            for option, one in enumerate(item):
                value = build(frame, one, (*place, ..., slot, option), only, inside)
                analysis.write(site, slot, value)
        return made
    if kind in ("bound", "partial", "default"):
        return _callable(frame, shape, place, only, above)
    if kind == "generator":
        fields = {name: build(frame, field, (*place, name), only) for name, field in shape[2]}
        given = calls.invoke(frame, _root(frame, shape[1]), Arguments((), fields))
        return frame.unknown_value("a generator") if given is None else given
    if kind == "any":
        for number in shape[1]:
            _hide(frame, _root(frame, number))
        return frame.unknown_value(f"an argument of type {shape[2]}")
    return frame.unknown_value("an argument")


def build_deep(frame: Frame, kinds: Sequence[Any], only: Sequence[int]) -> None:
    """What instances hold that lie too deep to be told apart."""
    for key, fields, *items in kinds:
        site = _deep_site(key, only)
        slots = [(("attr", name), shapes) for name, shapes in fields]
        for slot, shapes in (*slots, *zip(_HELD, items, strict=False)):
            for option, shape in enumerate(shapes):
                place = (ANYWHERE, ..., key, slot, option)
                frame.analysis.write(site, slot, build(frame, shape, place, only))


def _deep_site(key: Sequence[Any], only: Sequence[int]) -> tuple[Any, ...]:
    """The only instance of a class is the same wherever it is met."""
    return ("argument", "kind", key[0]) if key[0] in only else ("argument", "kind", *key)


def _callable(
    frame: Frame, shape: Shape, place: Place, only: Sequence[int], above: tuple[Value, ...]
) -> Value:
    """What the standard library's own types hold."""
    inside = (*above, UNKNOWN)  # it is not made yet
    kind = shape[0]
    held_in = above if kind == "default" else inside  # a defaultdict is the dict itself
    first = build(frame, shape[1], (*place, ..., 0), only, held_in)
    if kind == "bound":
        receiver = build(frame, shape[2], (*place, ..., 1), only, inside)
        bound: Value = frame.pool.make(Bound, first, receiver)
        return bound
    if kind == "partial":
        held = [*enumerate(shape[2]), *shape[3]]
        values = [build(frame, item, (*place, ..., name), only, inside) for name, item in held]
        names = tuple([name for name, _ in shape[3]])
        made: Value = frame.pool.make(Partial, first, tuple(values), names)
        return made
    factory = build(frame, shape[2], (*place, ..., 1), only, inside)
    if isinstance(first, Heap) and not (isinstance(factory, Const) and factory.obj is None):
        item = calls.invoke(frame, factory, Arguments((), {}))
        frame.write(first.site, "factory result", item)
    return first


def _atom(frame: Frame, kind: type, place: Place) -> Value:
    if kind is type(None):
        return frame.pool.const(None)
    made = containers.instance_of(frame, kind)
    if kind is bool and isinstance(made, Instance) and len(place) == 1:
        flag: Value = frame.pool.make(Instance, made.cls, (given.FLAG, place))
        return flag
    if kind is not str or not isinstance(made, Instance):
        return made
    known = known_part(place)
    if place[0] == ANYWHERE:
        pass
    elif len(known) == 1 or (len(known) == 2 and type(known[1]) is tuple):
        frame.analysis.questions.texts.add(known)
    text: Value = frame.pool.make(Instance, made.cls, (given.SITE, known))
    return text


def _hide(frame: Frame, value: Value) -> None:
    """Code that lies in an argument of a type that is not looked into.

    Of a class, something unknown may be an instance; a function may be called in any way.
    """
    if isinstance(value, Known) and is_class(value.obj):
        frame.touch(value, "type within an argument")
        remember(frame, value, frame.pool.make(Instance, value, ("found", id(value.obj))))
    else:
        escape(frame, value)


def _root(frame: Frame, number: int) -> Value:
    index = frame.analysis.look("root", -1, number + 1)
    return frame.pool.known(frame.analysis.found[index], index)
