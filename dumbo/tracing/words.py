"""The strings in the arguments of a call, as far as an analysis asks for them.

A string among the arguments decides which code runs where it is the key of a table, or the
name of an attribute. The analysis asks whether a name is among those of an argument, and what
it was told is part of its trace: it stands for all calls that give the same answers.

    place     (argument, step, step, ...): where plain data lies. A step is the name of a field,
              or ("item", key); what lies behind an ellipsis is not told apart. -1: in any argument.
              The last steps may be ("made", method, ...): what that makes of a string there
    asked     ((place, names that are in it, names that are not), ...); with a "\\0" before it, a
              name is asked for as a part of any string; behind a "\\1" stand all there are;
              "\\2" asks whether an argument is True, which is true or false
    Words     the strings of the call at hand
    Told      what is known of another call by what was asked then

Knows the layout of values; must not know the analysis.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from types import FunctionType, MemberDescriptorType

from dumbo.tracing.fingerprint import ATOMS
from dumbo.tracing.lookup import (
    ABSENT,
    instance_dict,
    is_class,
    is_module,
    mro,
    namespace,
    reach,
)
from dumbo.tracing.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Place = tuple[Any, ...]
    Asked = tuple[tuple[Place, tuple[str, ...], tuple[str, ...]], ...]

_VALUES = 5_000  # looked at in one argument, beyond which nothing is known of its strings
MADE = "made"  # the first item of a step by which a string is made of another one
JOINED = "+"  # the method of one that puts a string between two others
# Methods that give a string, and have no other effect.
MAKING = frozenset(
    "capitalize casefold lower lstrip removeprefix removesuffix replace rstrip strip swapcase "
    "title upper".split()
)
LONGEST = 1_000  # characters of a string of which another one is made
ITEM = "[]"  # that of one that looks it up in a table, of which the keys and values follow
STEPS = 4  # of these in a row
PART = "\0"
ALL = "\1"
TRUE = "\2"  # asked of an argument that is true or false
_EVERY = 32  # strings: of more nobody asks which they are
ANYWHERE = -1  # in place of the number of an argument
_QUESTIONS = 1_000  # of one argument
_LETTERS = 200_000  # in strings of which the letters may be gone through one by one


class Words:
    """The strings in *values*, the arguments of a call; each is looked through when asked for."""

    __slots__ = ("_found", "_values")

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values
        self._found: dict[Place, frozenset[str] | None] = {}

    def of(self, place: Place) -> frozenset[str] | None:
        """Those in one place, None if there are too many."""
        if place not in self._found:
            self._found[place] = _words_at(self._values, place)
        return self._found[place]

    def has(self, place: Place, name: str) -> bool | None:
        """Whether *place* is, or holds, the string *name*; None if that is not known."""
        if name[:1] == ALL:
            return self.every(place) == name
        if name == TRUE:
            return _found_at(self._values, place) is True
        words = self.of(place)
        return None if words is None else _is_in(name, words)

    def among(self, place: Place, names: frozenset[str]) -> frozenset[str] | None:
        """Those of *names* that are in a place; None if that is not known."""
        answers = {name: self.has(place, name) for name in names}
        if None in answers.values():
            return None
        return frozenset([name for name, answer in answers.items() if answer])

    def every(self, place: Place) -> str | None:
        """The question whether these are all in a place, to which the answer is yes; None if
        they are too many."""
        whole = (*place, ALL)
        if whole not in self._found:
            self._found[whole] = _words_at(self._values, place, letters=False)
        words = self._found[whole]
        if words is None or len(words) > _EVERY or any(PART in word for word in words):
            return None
        return ALL + PART.join(sorted(words))


class Told:
    """What a trace was told about the arguments that it was made for."""

    __slots__ = ("_known",)

    def __init__(self, asked: Asked) -> None:
        self._known = {place: (set(held), set(lacking)) for place, held, lacking in asked}

    def among(self, place: Place, names: frozenset[str]) -> frozenset[str] | None:
        held, lacking = self._known.get(place, ((), ()))
        return names.intersection(held) if names.issubset((*held, *lacking)) else None

    def every(self, place: Place) -> str | None:
        """The same as of `Words`, if that was asked."""
        held = self._known.get(place, ((), ()))[0]
        return next((name for name in held if name[:1] == ALL), None)

    def has(self, place: Place, name: str) -> bool | None:
        """The same as of `Words`."""
        held, lacking = self._known.get(place, ((), ()))
        return True if name in held else False if name in lacking else None


class AskedTooLate(Exception):
    """Raised where something is asked of a place of which it would have been good to know more
    before: the analysis is better made anew, with these places asked from the start."""

    def __init__(self, asked: frozenset[Place]) -> None:
        self.asked = asked


class Questions:
    """What an analysis asks of the arguments, and what it is told.

    Attributes:
        anew: whether whoever asks too late is told so at once, and not in the end.
        words: who answers; None if nobody does.
        texts: the places of arguments that are strings.
        asked: the places of which something was asked.
        unasked: those of which it would be good to know more, if something is asked at all.
    """

    __slots__ = ("_told", "anew", "asked", "texts", "unasked", "words")

    def __init__(self) -> None:
        self.anew = False
        self.words: Words | Told | None = None
        self.texts: set[Place] = set()
        self.asked: set[Place] = set()
        self.unasked: set[Place] = set()
        self._told: dict[Place, dict[str, bool]] = {}

    def has(self, place: Place, name: str) -> bool | None:
        """Whether the string *name* is in a place; None if that is not known.

        Raises:
            AskedTooLate: if the analysis is better made anew.
        """
        told = self._told.setdefault(place, {})
        if name not in told:
            answer = None if self.words is None else self.words.has(place, name)
            if answer is None or len(told) >= _QUESTIONS:
                return None
            told[name] = answer
            self.asked.add(place)
            if self.anew and place in self.unasked:
                raise AskedTooLate(frozenset(self.asked))
        return told[name]

    def every(self, place: Place) -> list[str] | None:
        """All strings in a place; None if that is not known."""
        told = self._told.get(place, {})
        question = next((name for name in told if name[:1] == ALL), None)
        if question is None:
            question = None if self.words is None else self.words.every(place)
            if question is None or not self.has(place, question):
                return None
        return [word for word in question[1:].split(PART) if word]

    def answers(self) -> Asked:
        """What was asked and told, for the trace."""
        return tuple(
            (
                place,
                tuple(sorted(name for name, held in self._told[place].items() if held)),
                tuple(sorted(name for name, held in self._told[place].items() if not held)),
            )
            for place in sorted(self._told, key=repr)
            if self._told[place]
        )


def fits(asked: Asked, words: Words | Told) -> bool:
    """Whether *words* give the answers that were given when a trace was made."""
    return all(
        all(words.has(place, name) is True for name in held)
        and all(words.has(place, name) is False for name in lacking)
        for place, held, lacking in asked
    )


def with_words(shape: Any, asked: Asked) -> Any:
    """*shape* with what else a trace has asked of the arguments."""
    return (*shape, ("words", asked)) if asked else shape


def without_words(shape: Any) -> tuple[Any, Asked]:
    """A shape, and what was asked."""
    if shape and shape[-1][0] == "words":
        return shape[:-1], shape[-1][1]
    return shape, ()


def _is_in(name: str, words: frozenset[str]) -> bool:
    if name[:1] == PART:
        return any(name[1:] in word for word in words)
    return name in words


def _words_at(
    values: Sequence[Any], place: Place, *, letters: bool = True
) -> frozenset[str] | None:
    """The strings in a place, each with what its last steps make of it."""
    base = base_of(place)
    words = words_in(_found_at(values, base), letters=letters)
    if words is None or base == place:
        return words
    try:
        found = {_made_of(word, place[len(base) :]) for word in words}
    except OverflowError:
        return None
    return frozenset([word for word in found if word is not None])


def base_of(place: Place) -> Place:
    """*place* without what is made of the strings there."""
    end = len(place)
    while end > 1 and type(place[end - 1]) is tuple and place[end - 1][0] == MADE:
        end -= 1
    return place[:end]


def _made_of(word: str, steps: Sequence[Any]) -> str | None:
    """What *steps* make of a string; None if one of them raises.

    Raises:
        OverflowError: if it is too long for that.
    """
    found: Any = word
    for _, method, *args in steps:
        if len(found) > LONGEST:
            raise OverflowError
        if method == JOINED:
            found = args[0] + found + args[1]
        elif method == ITEM:
            found = dict(zip(args[::2], args[1::2], strict=True)).get(found)
            if found is None:
                return None
        elif method in MAKING:
            try:
                found = getattr(str, method)(found, *args)
            except (TypeError, ValueError):
                return None
    return str(found)


def _found_at(values: Sequence[Any], place: Place) -> Any:
    found = tuple(values) if place[0] == ANYWHERE else values[place[0]]
    for step in place[1:]:
        if type(step) is tuple:
            found = reach("item", found, step[1])
        elif type(found) is Opened:
            found = found.given.get(step, ABSENT)
        else:
            found = reach("field", found, step)
    return found


def known_part(place: Place) -> Place:
    """*place* without what is not told apart."""
    return place[: place.index(...)] if ... in place else place


def words_in(value: Any, *, letters: bool = True) -> frozenset[str] | None:
    """The strings in a value, with the letters of those that are inside of it; see `Words.of`."""
    if type(value) is str:
        return frozenset((value,))
    found: set[str] = set()
    seen: set[int] = set()
    todo = [value]
    length = 0
    while todo:
        one = todo.pop()
        kind = type(one)
        if kind is str:
            if one not in found:
                found.add(one)
                found.update(one if letters else ())
                length += len(one)
            continue
        if kind in ATOMS or id(one) in seen:
            continue
        seen.add(id(one))
        if len(seen) > _VALUES or length > _LETTERS:
            return None
        # By identity: a metaclass may take itself for any type.
        listed = any(kind is known for known in _CONTAINERS)
        if listed and len(one) > 4 * _VALUES:
            return None
        if kind is dict:
            todo += one
            todo += one.values()
        elif listed:
            todo += one
        elif kind is Opened:
            todo += one.given.values()
        elif not is_class(one) and not is_module(one):
            if _gives_unseen(one, kind):
                return None
            todo += _fields(one)
        if len(todo) > 8 * _VALUES:
            return None
    return frozenset(found)


_CONTAINERS = (dict, list, tuple, set, frozenset, deque)
_WITHOUT_WORDS = (bytes, bytearray, range, *ATOMS)  # iterating these gives no strings
_SEEN = (object, OrderedDict, defaultdict, str, *_CONTAINERS, *_WITHOUT_WORDS)


def _gives_unseen(value: Any, kind: type) -> bool:
    """Whether iterating a value, or taking an item of it, may give strings that lie nowhere that
    can be looked into: its type is not made of Python, and does so by itself."""
    for base in mro(kind):
        if any(base is one for one in _SEEN):
            continue
        own = namespace(base)
        methods = [own[name] for name in _GIVING if name in own]
        if any(type(method) is not FunctionType for method in methods):
            return not _is_numeric(value, kind)
    return False


_GIVING = ("__getitem__", "__iter__", "__next__")


def _is_numeric(value: Any, kind: type) -> bool:
    """Whether it is an array of numbers."""
    if kind.__module__.partition(".")[0] != "numpy":
        return False
    return getattr(getattr(value, "dtype", None), "kind", "") in tuple("biufcmM")


def _fields(value: Any) -> list[Any]:
    """What an object holds, read without running any code of its own."""
    held = list((instance_dict(value) or {}).values())
    for cls in mro(type(value)):
        for slot in namespace(cls).values():
            if type(slot) is MemberDescriptorType:
                try:
                    held.append(slot.__get__(value))
                except (AttributeError, TypeError):
                    continue
        base = next((kind for kind in _CONTAINERS if cls is kind), None)
        if cls is str:
            held.append(str.__str__(value))
        elif base is dict:
            held += [*dict.keys(value), *dict.values(value)]
        elif base is not None:
            held += base.__iter__(value)
    return held
