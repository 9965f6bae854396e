"""How one argument counts: the words of ``from dumbo import by``, and what they refuse.

    content            all of it; what counts where nothing is said
    ignore             not at all
    value(function)    by what *function* makes of it
    identity           by being the same object, within this process; never written to disk
    file(how)          a path by the content of the file, folder or glob that it names
    approx(rel, abs)   numbers near to those of a stored result find it
    rounded(digits)    numbers by what rounding leaves of them
    sample(n)          by *n* of its elements, and how many there are
    shape, schema      by its dimensions and types, or by its types alone
    unordered          by its elements, in any order
    version(attribute) by one attribute of it
    subset(*columns)   by some columns of a frame, or items of a dict

Knows what can be said, and what can certainly not be meant; must not know how a value is
read: `matching` does, at the first call. `import dumbo` pays for this file.
"""

from __future__ import annotations

from dumbo.errors import InvalidUse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

__all__ = [
    "Matcher",
    "approx",
    "content",
    "env",
    "file",
    "identity",
    "ignore",
    "rounded",
    "sample",
    "schema",
    "shape",
    "subset",
    "unordered",
    "value",
    "version",
]


class Matcher:
    """How one argument counts.

    Attributes:
        takes_rest: whether it can be said of ``*args`` or ``**kwargs``, as one tuple or dict.
    """

    __slots__: tuple[str, ...] = ()

    takes_rest = True

    @property
    def word(self) -> str:
        """What it is called, for messages."""
        return f"by.{type(self).__name__}"

    def __repr__(self) -> str:
        held = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{self.word}({held})"


class content(Matcher):  # noqa: N801 - read as words: by.content
    """By all of it, as it does where nothing is said.

    Costs one pass over the data: about as fast as memory for arrays and frames.
    """

    __slots__ = ()


class ignore(Matcher):  # noqa: N801
    """Not at all: neither its data nor its code. Costs nothing."""

    __slots__ = ()


class value(Matcher):  # noqa: N801
    """By what *function* makes of it.

    Costs one call of *function* for each call. Changing *function*, or what it calls, makes
    the stored results stale, for what it returned means something else then.

    Args:
        function: takes the argument, and returns what counts of it.
    """

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], object]) -> None:
        if not callable(function):
            raise InvalidUse(f"by.value({function!r}): give a function of the argument")
        self.function = function


class identity(Matcher):  # noqa: N801
    """By being the same object. A result of such a call lives as long as this process, at most.

    Costs nothing, and writes nothing to disk. An object that is changed in place stays the same
    object: say it only of what doesn't change, or whose changes don't matter.
    """

    __slots__ = ()

    takes_rest = False


class file(Matcher):  # noqa: N801
    """A path by what it leads to: a file, a folder or a glob pattern with all that is below.

    The path itself does not count. What isn't there counts as such. A file that changes while
    the function runs makes its result one that is not stored.

    Args:
        how: ``"content"``: costs reading all of it at each call; ``"mtime"``: by size and time
            of last change, costs one look at each file, and trusts the clocks.
    """

    __slots__ = ("how",)

    takes_rest = False

    def __init__(self, how: Literal["content", "mtime"] = "content") -> None:
        if how not in ("content", "mtime"):
            raise InvalidUse(f"by.file({how!r}): use 'content' or 'mtime'")
        self.how = how


class approx(Matcher):  # noqa: N801
    """Numbers, and arrays of them, by being near to those of a stored result.

    The nearest stored result within the tolerance is served; it is compared with the arguments
    that it was computed from, so that a chain of small steps does not drift. Two numbers *a* and
    *b* are near if ``|a - b| <= max(abs, rel * max(|a|, |b|))``, all numbers of an argument are
    if each one is. What is no number has to be equal.

    Costs, beside one hash, one comparison with each stored call of the same shape, and a copy
    of the numbers beside each result.
    """

    __slots__ = ("rel", "abs")

    takes_rest = False

    def __init__(self, rel: float = 0.0, abs: float = 0.0) -> None:
        for name, given in (("rel", rel), ("abs", abs)):
            is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
            if not (is_number and 0 <= given < float("inf")):
                raise InvalidUse(f"by.approx({name}={given!r}): give a number that is not negative")
        if not rel and not abs:
            raise InvalidUse("by.approx() needs a tolerance: by.approx(rel=1e-6), or abs=")
        self.rel = float(rel)
        self.abs = float(abs)


class rounded(Matcher):  # noqa: N801
    """Numbers, and arrays of them, by what rounding to *digits* decimal places leaves.

    Costs a rounded copy. Two numbers may be as near as you like and round to different ones;
    if that matters, say `approx`.
    """

    __slots__ = ("digits",)

    takes_rest = False

    def __init__(self, digits: int) -> None:
        if type(digits) is not int:
            raise InvalidUse(f"by.rounded({digits!r}): give a number of decimal places")
        self.digits = digits


class sample(Matcher):  # noqa: N801
    """By *n* of its elements, evenly spread, its type and its size: for data too big to hash.

    Costs *n* elements. Two arguments that differ elsewhere are taken for one: say it only where
    data changes as a whole.
    """

    __slots__ = ("n",)

    def __init__(self, n: int) -> None:
        if type(n) is not int or n < 1:
            raise InvalidUse(f"by.sample({n!r}): give how many elements, 1 or more")
        self.n = n


class shape(Matcher):  # noqa: N801
    """By type, dimensions and types of elements; not by content. Costs nothing."""

    __slots__ = ()


class schema(Matcher):  # noqa: N801
    """By types, and names of columns or keys; neither by content nor by size. Costs nothing."""

    __slots__ = ()


class unordered(Matcher):  # noqa: N801
    """By its elements, in any order: a list as a bag, a dict by its items, an array by its rows.

    Costs one pass, and sorting.
    """

    __slots__ = ()


class version(Matcher):  # noqa: N801
    """By one attribute of it, such as ``"revision"`` or ``"meta.id"``; and by its class, as code.

    Costs that attribute. What the object holds otherwise is yours to vouch for.
    """

    __slots__ = ("attribute",)

    takes_rest = False

    def __init__(self, attribute: str) -> None:
        if type(attribute) is not str or not all(map(str.isidentifier, attribute.split("."))):
            raise InvalidUse(f"by.version({attribute!r}): give the name of an attribute")
        self.attribute = attribute


class subset(Matcher):  # noqa: N801
    """By some columns of a frame with its index, or by some items of a dict.

    Costs hashing these. One that is missing counts as missing.
    """

    __slots__ = ("columns",)

    def __init__(self, *columns: Any) -> None:
        if len(columns) == 1 and type(columns[0]) in (list, tuple, set, frozenset):
            columns = tuple(columns[0])
        if not columns:
            raise InvalidUse("by.subset() needs columns, or keys: by.subset('x', 'y')")
        try:
            hash(columns)
        except TypeError:
            raise InvalidUse(f"by.subset{columns!r}: names of columns are hashable") from None
        self.columns = columns


class env:  # noqa: N801
    """A variable of the environment, for ``reads=[by.env("HOME")]``: by its value, if it is set."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        if type(name) is not str or not name or "=" in name or "\0" in name:
            raise InvalidUse(f"by.env({name!r}): give the name of a variable of the environment")
        self.name = name

    def __repr__(self) -> str:
        return f"by.env({self.name!r})"


class Rules:
    """What is said of the parameters of one function.

    Attributes:
        matchers: parameter -> how it counts; without those that count by content.
        ignored: parameters that do not count.
    """

    __slots__ = ("ignored", "matchers")

    def __init__(self, matchers: dict[str, Matcher], ignored: tuple[str, ...] = ()) -> None:
        self.matchers = {
            name: matcher
            for name, matcher in matchers.items()
            if not isinstance(matcher, (content, ignore))
        }
        more = [name for name, matcher in matchers.items() if isinstance(matcher, ignore)]
        self.ignored = (*ignored, *more)

    def check_recorded(self) -> None:
        """See that what a generator function yields may go to disk.

        Raises:
            InvalidUse: if it may not.
        """
        for name, matcher in self.matchers.items():
            if isinstance(matcher, identity):
                raise InvalidUse(
                    f"{name!r} counts by.identity, so nothing of its calls is written, and what a "
                    "generator yields is recorded on disk: one function cannot have both"
                )


def as_matcher(given: object, where: str) -> Matcher:
    """Return the matcher that *given* means: one of the words may go without brackets.

    Raises:
        InvalidUse: if it means none.
    """
    if isinstance(given, Matcher):
        return given
    if isinstance(given, type) and issubclass(given, Matcher) and given is not Matcher:
        try:
            return given()
        except InvalidUse as error:
            raise InvalidUse(f"{where}: {error}") from None
        except TypeError:
            raise InvalidUse(
                f"{where}: by.{given.__name__} needs to know more: {_use(given)}"
            ) from None
    raise InvalidUse(f"{where}: {given!r} says nothing about how an argument counts; see dumbo.by")


def _use(kind: type) -> str:
    examples = {
        "value": "by.value(function)",
        "rounded": "by.rounded(3)",
        "sample": "by.sample(100)",
        "version": "by.version('revision')",
    }
    return examples.get(kind.__name__, f"by.{kind.__name__}(...)")


def combine(
    parameters: Any, ignored: tuple[str, ...], said: dict[str, Matcher], given: dict[str, Matcher]
) -> Rules:
    """Return what holds for a function of these *parameters*.

    Args:
        parameters: a `signature.Parameters`.
        ignored: what ``ignore=`` names; checked already.
        said: what the annotations say.
        given: what ``key=`` says.

    Raises:
        InvalidUse: for what cannot be meant.
    """
    known = parameters.names()
    for name in given:
        if name not in known:
            there = ", ".join(known) or "none"
            raise InvalidUse(f"key names {name!r}, which is no parameter; there are: {there}")
        if name in said:
            raise InvalidUse(
                f"parameter {name!r} has two matchers, {said[name]!r} in its annotation and "
                f"{given[name]!r} in key=: keep one"
            )
    for name, matcher in said.items():
        if name not in known:
            raise InvalidUse(
                f"{matcher!r} is said of {name!r}, which a wrapper hands on as one of many: "
                "put @memo below the other decorator"
            )
    matchers = {**said, **given}
    for name, matcher in matchers.items():
        if name in ignored and not isinstance(matcher, ignore):
            raise InvalidUse(f"parameter {name!r} is ignored, and has {matcher!r} too: keep one")
        if name in (parameters.args, parameters.kwargs) and not matcher.takes_rest:
            stars = "*" if name == parameters.args else "**"
            raise InvalidUse(
                f"{matcher!r} says nothing about {stars}{name}, which takes any number of "
                "arguments: give the parameter that it is about a name of its own"
            )
    kinds = {type(matcher) for matcher in matchers.values()}
    if approx in kinds and identity in kinds:
        raise InvalidUse(
            "by.approx compares with stored results, and calls by.identity are not stored: "
            "one function cannot have both"
        )
    return Rules(matchers, ignored)
