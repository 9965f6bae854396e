"""What `property.__get__` gives, where a class that derives from `property` calls it.

Knows live properties; must not know how an attribute is found.
"""

from __future__ import annotations

from dumbo.tracing import truth
from dumbo.tracing.calls import invoke
from dumbo.tracing.frame import Frame
from dumbo.tracing.values import Known, Value, each


def is_kept(frame: Frame, descriptor: Known) -> bool:
    """Whether *descriptor* keeps the getter that it has while this runs, as far as can be seen."""
    site = ("changed", id(descriptor.obj))
    return frame.analysis.read(site, "elem", frame, frame.index) is None


def get(frame: Frame, descriptor: Known, receiver: Value) -> Value | None:
    """``property.__get__(descriptor, receiver)``: of a class, the property itself."""
    getter = frame.touch(frame.analysis.get("member", descriptor.ref, "fget"), "property")
    has_getter = isinstance(getter, Known) and getter.obj is not None  # else it raises
    found: list[Value | None] = []
    for member in each(receiver):
        is_none = truth.is_none(member)
        if is_none is not False:
            found.append(descriptor)
        if is_none is not True and has_getter:
            assert getter is not None
            found.append(invoke(frame, getter, (member,)))
    if not is_kept(frame, descriptor):
        found.append(frame.unknown_value("what another getter gives"))
    return frame.pool.join(*found)
