"""What makes text of values: formatting, conversion, joining strings.

Of a string that is put together, the ends are kept where they are known.

Knows strings; must not know containers.
"""

from __future__ import annotations

from typing import Any

from dumbo.tracing import given
from dumbo.tracing.attributes import call, special
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.containers import instance_of, text_of
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.frame import Frame
from dumbo.tracing.steps import Step
from dumbo.tracing.uses import SHOWN
from dumbo.tracing.values import (
    CONSTANTS,
    UNKNOWN,
    Builtin,
    Heap,
    Instance,
    Known,
    Text,
    Tuple,
    Value,
    each,
)
from dumbo.tracing.words import JOINED


def build_string(frame: Frame, step: Step) -> None:
    frame.push(concatenate(frame, frame.take(step.arg)))


def concatenate(frame: Frame, parts: tuple[Value, ...]) -> Value:
    """A string of which the known ends are kept; one of a few, if each part is one of a few."""
    ways: list[tuple[Value, ...]] = [()]
    for part in parts:
        members = each(part)
        if len(ways) * len(members) > CONSTANTS:
            return _concatenated(frame, parts)
        ways = [(*way, member) for way in ways for member in members]
    return frame.pool.join(*[_concatenated(frame, way) for way in ways]) or UNKNOWN


def _concatenated(frame: Frame, parts: tuple[Value, ...]) -> Value:
    texts = [text_of(part) for part in parts]
    unknown = [place for place, text in enumerate(texts) if text is None]
    if not unknown:
        return frame.pool.const("".join(text or "" for text in texts))
    first, last = parts[unknown[0]], parts[unknown[-1]]
    before = "".join(text or "" for text in texts[: unknown[0]])
    after = "".join(text or "" for text in texts[unknown[-1] + 1 :])
    places: tuple[Any, ...] = ()
    if len(unknown) == 1:  # which of the strings of the call it is made of may be asked for
        places = given.made(first, JOINED, (before, after))
    prefix = before + (first.prefix if isinstance(first, Text) else "")
    suffix = (last.suffix if isinstance(last, Text) else "") + after
    if not prefix and not suffix:
        return instance_of(frame, str)
    ends = (prefix, suffix)
    made: Value = frame.pool.make(Text, *ends, places) if places else frame.pool.make(Text, *ends)
    return made


def is_known_text(value: Value) -> bool:
    """Whether it is known which string it is, or which of a few."""
    return all(text_of(member) is not None for member in each(value))


def build_interpolation(frame: Frame, step: Step) -> None:
    for value in frame.take(2 + (step.arg & 1)):
        escape(frame, value)
    frame.push(frame.unknown_value("an interpolation"))


def build_template(frame: Frame, step: Step) -> None:
    for value in frame.take(2):
        escape(frame, value)
    frame.push(frame.unknown_value("a template"))


def formatted(frame: Frame, template: str, values: Value) -> Value:
    for member in each(values):
        stringify(frame, member, ("__str__", "__repr__", "__format__"))
        for item in member.items if isinstance(member, Tuple) else (member,):
            for name in ("__index__", "__int__", "__float__"):  # `%d`
                for method in special(frame, item, name):
                    call(frame, method, ())
    prefix, _, tail = template.partition("%")
    suffix = tail[1:] if tail[:1] in "sd" and "%" not in tail else ""
    if not prefix and not suffix:
        return instance_of(frame, str)
    made: Value = frame.pool.make(Text, prefix, suffix)
    return made


def stringify(frame: Frame, value: Value, names: tuple[str, ...]) -> None:
    """The first of the special methods *names* that user code defines is called."""
    for member in each(value):
        for name in names:
            methods = special(frame, member, name)
            for method in methods:
                given = (frame.pool.const(""),) if name == "__format__" else ()
                call(frame, method, given)
        if isinstance(member, Heap | Tuple | Known):
            escape(frame, member, SHOWN)
        elif isinstance(member, Builtin):
            consume(frame, member)
        elif isinstance(member, Instance):
            if isinstance(member.cls, Known) and owner_of(member.cls.obj) is not None:
                escape(frame, member, SHOWN)
            else:
                frame.analysis.names_read.add("__qualname__")


def convert(frame: Frame, step: Step) -> None:
    value = frame.pop()
    if is_known_text(value) and step.arg == "str":
        frame.push(value)
        return
    names = ("__str__", "__repr__") if step.arg == "str" else ("__repr__",)
    stringify(frame, value, names)
    frame.push(instance_of(frame, str))


def format_value(frame: Frame, step: Step) -> None:
    if step.arg:
        escape(frame, frame.pop())
    value = frame.pop()
    if not step.arg and (is_known_text(value) or isinstance(value, Text) or given.is_text(value)):
        frame.push(value)
        return
    stringify(frame, value, ("__format__", "__str__", "__repr__"))
    frame.push(instance_of(frame, str))


HANDLERS = {
    "BUILD_INTERPOLATION": build_interpolation,
    "BUILD_STRING": build_string,
    "BUILD_TEMPLATE": build_template,
    "CONVERT": convert,
    "FORMAT": format_value,
}
