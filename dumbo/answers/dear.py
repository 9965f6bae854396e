"""What of a call's arguments is dear to hash, for `why`.

Knows a clock and the hasher; must not know what a result is.
"""

from __future__ import annotations

from time import perf_counter

from dumbo.arguments.hashing import digest
from dumbo.errors import UnhashableArgument
from dumbo.explain import human_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["remark"]

_WORTH = 1e-3  # seconds, below which nobody cares
_SHARE = 0.5  # of all arguments


def remark(names: Sequence[str], values: Sequence[object]) -> str:
    """Return a remark on the dearest of a call's arguments, or "" if none is dear."""
    times: dict[str, float] = {}
    for name, value in zip(names, values, strict=False):
        begun = perf_counter()
        try:
            digest(value)
        except UnhashableArgument:
            continue
        times[name] = perf_counter() - begun
    if not times:
        return ""
    dearest = max(times, key=times.__getitem__)
    whole = sum(times.values())
    if times[dearest] < _WORTH or times[dearest] < _SHARE * whole:
        return ""
    said = (
        f"; hashing {dearest} takes {human_time(times[dearest])} of each call, "
        f"{times[dearest] / whole:.0%} of what its arguments take"
    )
    if dearest == "self":
        said += " (by.version and __dumbo_ignore__ say what of it counts)"
    return said
