"""Plain data that came with the call, and which strings are in it.

Plain data holds no code, but a string of it may pick some: as the key of a table, as the name
of an attribute, in a comparison. Which strings there are is asked of the arguments at hand,
and the answers are part of the trace: see `words`. What the program puts into such data itself
lies on the heap, and may be anything.

Knows `Given` values and strings of a call; must not know steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dumbo.tracing.frame import Frame
from dumbo.tracing.values import PLAIN, Given, Instance, Text, Value
from dumbo.tracing.words import MADE, PART, STEPS, TRUE, base_of

SITE = "given"  # of what is put into plain data out of an argument, and of strings that came
FLAG = "flag"  # of an argument that is true or false


def item(frame: Frame, source: Value) -> Value:
    """What is in plain data."""
    found: Value = PLAIN
    if isinstance(source, Given):
        found = source
        for place in source.places:
            put_there = frame.analysis.read((SITE, place), "elem", frame, frame.index)
            found = frame.pool.join(found, put_there) or found
    return found


def put(frame: Frame, target: Value, *values: Value) -> None:
    """The program puts *values* into *target*, if that is plain data of the call."""
    if isinstance(target, Given):
        for place in target.places:
            for value in values:
                frame.write((SITE, place), "elem", value)


def among(frame: Frame, key: Value, names: Iterable[str]) -> list[str] | None:
    """Those of *names* that *key*, a string of the call, may be; None if that is not known."""
    places = _places(key)
    if not places:
        return None
    found: list[str] = []
    for name in names:
        answers = [frame.analysis.questions.has(place, name) for place in places]
        if True in answers:
            found.append(name)
        elif None in answers:
            return None
    return found


def every(frame: Frame, key: Value) -> list[str] | None:
    """All that *key*, a string of the call, may be; None if that is not known.

    Who goes through the letters of a string for names is left to the observer.
    """
    places = _places(key)
    found = [frame.analysis.questions.every(place) for place in places]
    if not found or None in found:
        return None
    words = dict.fromkeys([word for words in found for word in words or ()])
    if frame.analysis.watched:
        return list(words)
    made_of = [base_of(place) for place in places if base_of(place) != place]
    if made_of:
        # Of what is no string by itself, it may have been made of a letter.
        return list(words) if frame.analysis.questions.texts.issuperset(made_of) else None
    if not is_text(key):
        words.update(dict.fromkeys([letter for word in words for letter in word]))
    return list(words)


def is_among(frame: Frame, key: Value, name: str) -> bool | None:
    """Whether *key*, a string of the call, is *name*; None if that is not known.

    A parameter that is a string is told from other strings; of what lies in other places it
    is only known what it is not, and that is asked only where something else was, or where the
    answer tells for which of some pieces of code a loop looks.
    """
    places = _places(key)
    texts = frame.analysis.questions.texts
    sure = isinstance(key, Instance | Text) and texts.issuperset(map(base_of, places))
    if not places or not (sure or frame.picks() or _may_ask(frame, places)):
        return None
    found = among(frame, key, (name,))
    if found is None or (found and not sure):
        return None
    return bool(found)


def is_true(frame: Frame, value: Instance) -> bool | None:
    """Which of the two an argument is that is true or false; None if that is not known."""
    if value.site[0] != FLAG:
        return None
    answer: bool | None = frame.analysis.questions.has(value.site[1], TRUE)
    return answer


def lacks(frame: Frame, source: Value, name: str) -> bool:
    """Whether *name* is surely neither in plain data *source* of the call, nor part of a string."""
    places = _places(source)
    if not places or not _may_ask(frame, places):
        return False
    return among(frame, source, (PART + name,)) == []


def _may_ask(frame: Frame, places: tuple[Any, ...]) -> bool:
    """Whether something else was asked of all of *places*."""
    questions = frame.analysis.questions
    if questions.asked.issuperset(places):
        return True
    questions.unasked.update(set(places) - questions.asked)
    return False


def made(value: Value, method: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The places of what a method makes of a string of the call (or `JOINED` with two others, or
    `ITEM` with what is in a table); none if that is not known."""
    step = (MADE, method, *args)
    places = tuple([(*place, step) for place in _places(value)])
    return () if any(len(p) - len(base_of(p)) > STEPS for p in places) else places


def is_text(value: Value) -> bool:
    """Whether *value* is a string that came with the call, and nothing else."""
    return isinstance(value, Instance) and bool(_places(value))


def _places(key: Value) -> tuple[Any, ...]:
    """The arguments that a string may come from."""
    if isinstance(key, Given | Text):
        return key.places
    if isinstance(key, Instance) and key.site[:1] == (SITE,):
        found: tuple[Any, ...] = key.site[1:]
        return found
    return ()
