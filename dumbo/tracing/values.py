"""What the analyser knows about a value that does not exist yet.

    Value
    ├── Unknown(reason)                  anything; the reason is for people. PLAIN is plain data
    │   ├── Test(variable, yes, no)      a truth value, and what it says of a local variable
    │   └── Given(places)                plain data out of these places in the arguments
    ├── Known(obj, ref)                  this live object, and the lookup that reaches it
    ├── Const(obj)                       a constant in code: no lookup needed
    ├── Instance(cls, site)              some instance of a class, made at *site*: by the
    │                                    class itself, or "found", or part of an argument
    ├── Local(code, ...)                 a function that is made while the program runs
    ├── LocalClass(code, ...)            a class that is made while the program runs
    ├── Tuple(items)                     a tuple of known length
    ├── Heap(kind, site)                 a list, dict, set, iterator, ... made at *site*
    ├── Bound(function, receiver)        a method with its receiver
    ├── Partial(function, args, names)   functools.partial, methodcaller and the like
    ├── Super(cls, index, receiver)      super(): the lookup goes on behind *index* of the MRO
    ├── Cell(site)                       a variable that closures share
    ├── Text(prefix, suffix)             a string of which the ends are known
    ├── Builtin(name, receiver)          a method of a container or string, modelled by name
    ├── NULL                             CPython's empty slot of a callee pair
    └── Union(members)                   one of several

Values are equal if they are the same object: `Pool` makes each of them once.
A value never changes; what a program writes into containers, instances and
cells lies in the analysis' heap, by site.

Knows nothing of frames, steps or lookups.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import CodeType, FunctionType
from typing import Any

WIDTHS = (32, 8)  # members of a union, beyond which they are let out of sight; with haste
CALLABLE = 128  # the same, where most are functions: to call each is less than to call any
ALIKE = 3  # tuples of one length in a union, beyond which they are joined item by item
CONSTANTS = 8  # different ones in a union, beyond which they are just some value
NUMBERS = 2  # the same of numbers, which name nothing
PLACES = 8  # in the arguments that one value may come from
_SCALARS = (int, float, complex, bool, str, bytes, type(None))
POINTS = "entry points"  # the kind of a `Heap`: of one group, by name
GROUPS = "groups of entry points"  # the same: of all groups
ENTRY_POINT = "entry point"  # site of an `Instance`: (this, group, name, value)
DEPTH = 4  # of tuples in tuples, bound methods of partials and so on


class Value:
    """Base of all abstract values; see the table above."""

    __slots__ = ("depth", "number")
    number: int  # order of making: deterministic, so it may order members
    depth: int


class Unknown(Value):
    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Test(Unknown):
    """`variable` is *yes* where the test holds, else *no*; None where it cannot be so."""

    __slots__ = ("no", "variable", "yes")

    def __init__(self, variable: str, yes: Value | None, no: Value | None) -> None:
        super().__init__("a test")
        self.variable = variable
        self.yes = yes
        self.no = no


class Given(Unknown):
    """Which strings are in these places may be asked for: see `words`."""

    __slots__ = ("places",)

    def __init__(self, places: tuple[Any, ...]) -> None:
        super().__init__("plain data")
        self.places = places


class Known(Value):
    __slots__ = ("obj", "ref")

    def __init__(self, obj: Any, ref: int) -> None:
        self.obj = obj
        self.ref = ref


class Const(Value):
    __slots__ = ("obj",)

    def __init__(self, obj: Any) -> None:
        self.obj = obj


class Instance(Value):
    """`cls` is a Known or LocalClass value; `site` names the place on the heap.

    `vague`: it may be of a class that derives from `cls`, too.
    """

    __slots__ = ("cls", "site", "vague")

    def __init__(self, cls: Value, site: Any, vague: bool = False) -> None:
        self.cls = cls
        self.site = site
        self.vague = vague


class Local(Value):
    """`home` is the Known function whose globals it runs in; `cells` by free variable."""

    __slots__ = ("cells", "code", "home", "site")

    def __init__(self, code: CodeType, home: Value, site: Any) -> None:
        self.code = code
        self.home = home
        self.site = site


class LocalClass(Value):
    __slots__ = ("bases", "body", "site")

    def __init__(self, body: Value, bases: tuple[Value, ...], site: Any) -> None:
        self.body = body
        self.bases = bases
        self.site = site


class Tuple(Value):
    __slots__ = ("items",)

    def __init__(self, items: tuple[Value, ...]) -> None:
        self.items = items


class Heap(Value):
    """`kind` is the builtin type it stands for: list, dict, set, tuple; or "iterator", ..."""

    __slots__ = ("kind", "site")

    def __init__(self, kind: str, site: Any) -> None:
        self.kind = kind
        self.site = site


class Bound(Value):
    __slots__ = ("function", "receiver")

    def __init__(self, function: Value, receiver: Value) -> None:
        self.function = function
        self.receiver = receiver


class Partial(Value):
    __slots__ = ("args", "function", "names")

    def __init__(self, function: Value, args: tuple[Value, ...], names: tuple[str, ...]) -> None:
        self.function = function
        self.args = args
        self.names = names


class Super(Value):
    __slots__ = ("cls", "index", "receiver")

    def __init__(self, cls: Value, index: int, receiver: Value) -> None:
        self.cls = cls
        self.index = index
        self.receiver = receiver


class Cell(Value):
    __slots__ = ("site",)

    def __init__(self, site: Any) -> None:
        self.site = site


class Text(Value):
    """A string with these ends; `places` as in a `Given`, if it is known which it may be."""

    __slots__ = ("places", "prefix", "suffix")

    def __init__(self, prefix: str, suffix: str, places: tuple[Any, ...] = ()) -> None:
        self.prefix = prefix
        self.suffix = suffix
        self.places = places


class Builtin(Value):
    __slots__ = ("name", "receiver")

    def __init__(self, name: str, receiver: Value) -> None:
        self.name = name
        self.receiver = receiver


class Union(Value):
    __slots__ = ("members",)

    def __init__(self, members: tuple[Value, ...]) -> None:
        self.members = members


class _Null(Value):
    __slots__ = ()


# For `isinstance`, which is asked millions of times: `A | B` would be made anew each time.
_MERGED = (Tuple, Bound)
_CONSTANT = (Const, Text)
_WITH_OBJECT = (Const, Known)
# Of these, some in one union stand for each other, or for more.
_PECULIAR = frozenset({Bound, Const, Given, Test, Text, Tuple, Unknown})

NULL = _Null()
NULL.number, NULL.depth = -1, 0
UNKNOWN = Unknown("not known")
UNKNOWN.number, UNKNOWN.depth = -2, 0
PLAIN = Unknown("plain data")  # a number, a text, or a builtin container of such: no code in it
PLAIN.number, PLAIN.depth = -5, 0
MANY = Unknown("one of many constants, or something else")
MANY.number, MANY.depth = -3, 0
PLAIN_MANY = Unknown("one of many constants")
PLAIN_MANY.number, PLAIN_MANY.depth = -6, 0
DATA = Unknown("any plain data, or something else")  # beside which none is told apart
DATA.number, DATA.depth = -7, 0
PLAIN_DATA = Unknown("any plain data")
PLAIN_DATA.number, PLAIN_DATA.depth = -8, 0


EVERYTHING = Unknown("one of too many things")
EVERYTHING.number, EVERYTHING.depth = -4, 0


class Pool:
    """Makes each value once, so that `is` compares them and unions stay small.

    Where values become too many or too deep to be told apart, they are given to *spill*
    and become unknown: an unknown value may be any that has been let out of sight.
    """

    def __init__(self, spill: Callable[[Value], None], *, haste: bool = False) -> None:
        self._spill = spill
        self._width = WIDTHS[haste]
        self._made: dict[Any, Value] = {}
        self._joins: dict[tuple[Value, Value], Value] = {}

    def make(self, kind: type[Value], *parts: Any) -> Any:
        """The value of *kind* with *parts*, which must be hashable or live objects by `ident`."""
        key = (kind, *[_ident(part) for part in parts])
        value = self._made.get(key)
        if value is None:
            value = kind(*parts)
            value.number = len(self._made)
            value.depth = 1 + max((d for part in parts for d in _depths(part)), default=0)
            if kind is LocalClass:  # its body and bases are no data that nests
                value.depth = 0
            if value.depth > DEPTH and kind in (Tuple, Bound, Partial):
                self._made[key] = UNKNOWN
                self._spill(value)
                value = UNKNOWN
            self._made[key] = value
        return value

    def known(self, obj: Any, ref: int) -> Known:
        """Where an object is reached by two ways, the first stands for both."""
        key = (Known, id(obj))
        value = self._made.get(key)
        if value is None:
            value = Known(obj, ref)
            value.number, value.depth = len(self._made), 0
            self._made[key] = value
        assert isinstance(value, Known)
        return value

    def const(self, obj: Any) -> Const:
        key = (Const, type(obj), _constant_key(obj))
        value = self._made.get(key)
        if value is None:
            value = Const(obj)
            value.number, value.depth = len(self._made), 0
            self._made[key] = value
        assert isinstance(value, Const)
        return value

    def join(self, *values: Value | None) -> Value | None:
        """The union of *values*, in the order in which they were first made; None is bottom."""
        found: Value | None = None
        for value in values:
            if found is None:
                found = value
            elif value is not None and value is not found:
                key = (found, value)
                known = self._joins.get(key)
                if known is None:
                    known = self._joins[key] = self._unite((*each(found), *each(value)))
                found = known
        return found

    def _unite(self, values: tuple[Value, ...]) -> Value:
        members: dict[Value, None] = dict.fromkeys(values)
        if len(members) <= self._width and _PECULIAR.isdisjoint(map(type, members)):
            return self._union(members)  # as most are
        if len([member for member in members if isinstance(member, _MERGED)]) > 1:
            members = self._merge_alike(members)
        unknown = [member for member in members if isinstance(member, Unknown)]
        for member in unknown:
            del members[member]
        # Many constants say no more than that it is a constant; and so it stays, or a
        # union would grow and shrink for ever.
        consts = [member for member in members if isinstance(member, _CONSTANT)]
        others = [member for member in unknown if not is_plain(member)]
        rest: Value | None = next(iter(others), None)
        if unknown and not others:
            rest = self._plain(unknown)
        if len(unknown) > 1 and any(isinstance(member, Test) for member in unknown):
            rest = UNKNOWN if EVERYTHING not in unknown else EVERYTHING
        numbers = [member for member in consts if _is_number(member)]
        if MANY in unknown or PLAIN_MANY in unknown or len(consts) - len(numbers) > CONSTANTS:
            rest = MANY if others else PLAIN_MANY
            members = {member: None for member in members if member not in consts}
        elif unknown or len(numbers) > NUMBERS:
            # Nor do numbers beside something unknown: what takes its place must not let them in.
            rest = rest or PLAIN
            members = {member: None for member in members if member not in numbers}
        if DATA in unknown or PLAIN_DATA in unknown or self._is_too_wide(members):
            # Of what is too much, plain data is what matters least.
            strange = bool(others) or any(map(_is_of_stranger, members))
            rest = DATA if strange else PLAIN_DATA
            members = {member: None for member in members if not _is_data(member)}
        if EVERYTHING in unknown or self._is_too_wide(members):
            # And so it stays, for the same reason.
            for lost in members:
                self._spill(lost)
            return EVERYTHING
        if rest is not None:
            members[rest] = None
        return self._union(members)

    def _union(self, members: dict[Value, None]) -> Value:
        ordered = tuple(sorted(members, key=_number))
        if len(ordered) == 1:
            return ordered[0]
        found: Union = self.make(Union, ordered)
        return found

    def _is_too_wide(self, members: dict[Value, None]) -> bool:
        if len(members) <= self._width:
            return False
        functions = sum(map(_is_function, members))
        return len(members) - functions > self._width or len(members) > CALLABLE

    def _plain(self, members: list[Unknown]) -> Value:
        """One value for several that are plain data."""
        if PLAIN_MANY in members:
            return PLAIN_MANY
        places: set[Any] = set()
        for member in members:
            if not isinstance(member, Given):
                return PLAIN
            places.update(member.places)
        if len(places) > PLACES:
            return PLAIN
        found: Value = self.make(Given, tuple(sorted(places, key=repr)))
        return found

    def _merge_alike(self, members: dict[Value, None]) -> dict[Value, None]:
        """Of many tuples of one length, and of many receivers of one method, make one.

        What is within another one is left out, or a union would grow and shrink for ever.
        """
        kinds: dict[Any, list[Value]] = {}
        for member in members:
            if isinstance(member, Tuple):
                kinds.setdefault(len(member.items), []).append(member)
            elif isinstance(member, Bound):
                kinds.setdefault(member.function, []).append(member)
        for alike in kinds.values():
            if len(alike) == 1:
                continue
            whole = alike[0]
            for member in alike[1:]:
                whole = self._widen(whole, member)
            if whole in members or len(alike) > ALIKE:
                for member in alike:
                    del members[member]
                members[whole] = None
        return members

    def _widen(self, one: Value, two: Value) -> Value:
        found: Value
        if isinstance(one, Tuple) and isinstance(two, Tuple):
            rows = zip(one.items, two.items, strict=True)
            found = self.make(Tuple, tuple([self.join(*row) for row in rows]))
        elif isinstance(one, Bound) and isinstance(two, Bound):
            found = self.make(Bound, one.function, self.join(one.receiver, two.receiver))
        else:
            found = UNKNOWN  # it has become too deep, and went out of sight
        return found


def is_plain(value: Value) -> bool:
    """Whether a member is some plain data of which no more is known."""
    return value in (PLAIN, PLAIN_MANY, PLAIN_DATA) or isinstance(value, Given)


def _is_data(value: Value) -> bool:
    """Whether a member is a scalar, or an attribute of something unknown."""
    if isinstance(value, _WITH_OBJECT):
        return type(value.obj) in _SCALARS
    if isinstance(value, Instance):
        return isinstance(value.cls, Known) and value.cls.obj in _SCALARS and not value.vague
    return isinstance(value, Text) or _is_of_stranger(value)


def _is_of_stranger(value: Value) -> bool:
    if not isinstance(value, Builtin) or value.receiver is not UNKNOWN:
        return False
    return not value.name.endswith("()") and value.name != "__build_class__"


def _is_function(value: Value) -> bool:
    """Whether a member is a live function, or a method that is one: see `CALLABLE`."""
    inner = value.function if isinstance(value, Bound) else value
    return isinstance(inner, Known) and type(inner.obj) is FunctionType


def _is_number(value: Value) -> bool:
    return isinstance(value, Const) and type(value.obj) in (int, float, complex)


_number = attrgetter("number")


def each(value: Value | None) -> tuple[Value, ...]:
    """The members of a union, or the value itself; nothing for bottom."""
    if value is None:
        return ()
    return value.members if isinstance(value, Union) else (value,)


def _ident(part: Any) -> Any:
    if isinstance(part, CodeType):
        return id(part)  # code compares by value, and two equal ones may have other homes
    return part


def _depths(part: Any) -> list[int]:
    if isinstance(part, Value):
        return [part.depth]
    if isinstance(part, tuple):
        return [item.depth for item in part if isinstance(item, Value)]
    return []


def _constant_key(obj: Any) -> Any:
    if type(obj) is tuple:
        return tuple((type(item), _constant_key(item)) for item in obj)
    if type(obj) in (float, complex):
        return repr(obj)
    if type(obj) is slice:
        return _constant_key((obj.start, obj.stop, obj.step))
    if type(obj) in (frozenset, CodeType):
        return id(obj)
    return obj
