"""What calling `abs`, `round` and the functions of `math` gives.

Of numbers a number; of an object what its own method gives, whatever that is.

Knows builtin numbers; must not know whom a call is made by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dumbo.tracing.attributes import special
from dumbo.tracing.calls import invoke
from dumbo.tracing.containers import instance_of
from dumbo.tracing.operators import scalar
from dumbo.tracing.values import Value, each

if TYPE_CHECKING:
    from dumbo.tracing.binding import Arguments
    from dumbo.tracing.frame import Frame

__all__ = ["METHODS", "NUMBERS", "by_method"]

# Functions that ask an object for one of these methods, and take it for a number in any case.
_ASK = ("__float__", "__index__")
_FLOATS = (
    "acos acosh asin asinh atan atan2 atanh cbrt copysign cos cosh degrees erf erfc exp exp2 expm1 "
    "fabs fma fmod gamma ldexp lgamma log log10 log1p log2 nextafter pow radians remainder sin "
    "sinh sqrt tan tanh ulp"
).split()
_INTS = "comb factorial gcd isqrt lcm perm".split()
_BOOLS = "isclose isfinite isinf isnan".split()
NUMBERS: dict[str, tuple[type, tuple[str, ...]]] = {
    "_operator:index": (int, ("__index__",)),
    **{f"math:{name}": (float, _ASK) for name in _FLOATS},
    **{f"math:{name}": (int, _ASK) for name in _INTS},
    **{f"math:{name}": (bool, _ASK) for name in _BOOLS},
}

# Functions that give what the method gives, and what they make of numbers.
METHODS: dict[str, tuple[str, dict[type, tuple[type, ...]]]] = {
    "builtins:abs": (
        "__abs__",
        {bool: (int,), int: (int,), float: (float,), complex: (float,)},
    ),
    "builtins:round": ("__round__", {bool: (int,), int: (int,), float: (int, float)}),
    "math:ceil": ("__ceil__", {bool: (int,), int: (int,), float: (int,)}),
    "math:floor": ("__floor__", {bool: (int,), int: (int,), float: (int,)}),
    "math:trunc": ("__trunc__", {bool: (int,), int: (int,), float: (int,)}),
}


def by_method(frame: Frame, name: str, args: Arguments) -> Value | None:
    """What such a function gives for its first argument; None while its method gives nothing."""
    method_name, kinds = METHODS[name]
    if not args.positional or args.named_rest is not None:
        return frame.unknown_value(name)
    found: Value | None = None
    for member in each(args.positional[0]):
        methods = special(frame, member, method_name)
        given = [invoke(frame, method, args.positional[1:]) for method in methods]
        if not methods:
            kind = scalar(member)
            made = [instance_of(frame, one) for one in kinds.get(kind, ())] if kind else []
            given = [*(made or [frame.unknown_value(name)])]
        found = frame.pool.join(found, *given)
    return found
