"""In which order a class that is made while the program runs looks its attributes up.

The order is CPython's (C3: Barrett et al., "A Monotonic Superclass Linearization for Dylan",
OOPSLA 1996), over abstract values: local classes, and live ones, each of which stands for its own
order as a whole.

Knows abstract classes and their bases; must not know attributes.
"""

from __future__ import annotations

from dumbo.tracing.values import LocalClass, Value, each


def linearised(cls: LocalClass) -> list[Value]:
    """*cls* and its bases, in the order in which attributes are looked up."""
    return _linearised(cls, ())


def after(owner: LocalClass, receiver: Value | None) -> list[Value]:
    """Where ``super()`` in *owner* goes on for *receiver*, an abstract class."""
    order = linearised(receiver) if isinstance(receiver, LocalClass) else []
    if owner not in order:
        order = linearised(owner)
    return order[order.index(owner) + 1 :]


def _linearised(cls: Value, below: tuple[Value, ...]) -> list[Value]:
    if not isinstance(cls, LocalClass) or cls in below:
        return [cls]
    bases = [member for base in cls.bases for member in each(base)]
    orders = [_linearised(base, (*below, cls)) for base in bases]
    return [cls, *_merge([*orders, bases])]


def _merge(orders: list[list[Value]]) -> list[Value]:
    merged: list[Value] = []
    while orders := [order for order in orders if order]:
        heads = [order[0] for order in orders]
        free = [head for head in heads if not any(head in order[1:] for order in orders)]
        # None is free only where CPython raises TypeError, or where a base may be one of several.
        chosen = free[0] if free else heads[0]
        merged.append(chosen)
        orders = [[one for one in order if one is not chosen] for order in orders]
    return merged


__all__ = ["after", "linearised"]
