"""What `why` answers: a sentence that knows its reasons.

    Change   one thing that is not as it was when the nearest result was stored
    Why      the sentence, a string, with its code, its changes and their differences

Knows words; must not know stores, functions or how anything was found out.
"""

from __future__ import annotations

from dumbo.explain import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

__all__ = ["Change", "Why", "in_words", "reason_for"]

_TOLD = 3  # changes that a sentence has room for
_ROOM = 60  # characters of a line that is quoted
_CODES = {"value": "value changed", "library": "library changed"}


class Change:
    """One thing that is not as it was; its string is half a sentence.

    Attributes:
        kind: ``argument``, ``code``, ``value``, ``library``, ``class``, ``new``, ``gone``,
            ``version``, ``parameters``, ``file``, ``observed``, or ``other``.
        name: what changed: ``module:qualname``, a parameter, a library, the path of a file.
        path: names, from the memoized function to what changed, both included.
        before, after: how it looked then, and looks now, in a few characters; names of code.
        sources: the source of code, then and now; empty if it is not known.
    """

    __slots__ = ("after", "before", "kind", "name", "path", "sources")

    def __init__(
        self,
        kind: str,
        name: str,
        path: Sequence[str] = (),
        before: str = "",
        after: str = "",
        sources: tuple[str, str] = ("", ""),
    ) -> None:
        self.kind = kind
        self.name = name
        self.path = tuple(path)
        self.before = before
        self.after = after
        self.sources = sources

    def diff(self) -> str:
        """Return what changed, as a unified diff of the source; empty if that is not known."""
        before, after = self.sources
        if not before or not after:
            return ""
        # Imported here: only who looks closely needs it.
        from difflib import unified_diff

        lines = unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"{self.before or self.name} (stored)",
            f"{self.after or self.name} (now)",
        )
        return "".join(lines)

    def __str__(self) -> str:
        return _PHRASES[self.kind](self)

    def __repr__(self) -> str:
        return f"<{self.kind}: {self}>"


class Why(str):
    """The answer to `why`: a sentence, and what it is made of.

    Attributes:
        code: what programs compare, such as ``hit``, ``new`` or ``code changed``.
        changes: all that is not as it was, the first reason first.
        reason: the sentence without remarks on what else is worth knowing.
    """

    __slots__ = ("changes", "code", "reason")

    code: str
    changes: tuple[Change, ...]
    reason: str

    def __new__(
        cls, text: str, code: str, changes: Sequence[Change] = (), reason: str | None = None
    ) -> Self:
        self = super().__new__(cls, text)
        self.code = code
        self.changes = tuple(changes)
        self.reason = text if reason is None else reason
        return self

    def diff(self) -> str:
        """Return what changed in the source, as a unified diff; empty if that is not known."""
        return "\n".join([text for change in self.changes if (text := change.diff())])

    def __reduce__(self) -> tuple[object, ...]:
        return Why, (str(self), self.code, self.changes, self.reason)


def in_words(changes: Sequence[Change]) -> str:
    """Return *changes* as one sentence, the first ones in full."""
    said = [str(change) for change in changes[:_TOLD]]
    more = len(changes) - len(said)
    if more:
        said.append(f"{more} more " + ("thing" if more == 1 else "things") + " changed")
    return "; and ".join(said)


def reason_for(changes: Sequence[Change]) -> Reason:
    """Return the reason that is made of *changes* of code and data."""
    code = _CODES.get(changes[0].kind, "code changed")
    return Reason(code, changes, what=in_words(changes))


# -- phrases ---------------------------------------------------------------------------


def _used(change: Change) -> str:
    """How it is reached, to be put behind its name."""
    if len(change.path) < 2:
        return ""
    root, *between = change.path[:-1]
    through = f" through {' and '.join(between)}" if between else ""
    return f", which {root} uses{through},"


def _user(change: Change) -> str:
    """Who uses it, with the way to it."""
    if len(change.path) < 2:
        return change.path[0] if change.path else "it"
    root, *between = change.path[:-1]
    if not between:
        return root
    through = f" through {' and '.join(between[:-1])}" if between[1:] else ""
    return f"{between[-1]}, which {root} uses{through},"


def _code(change: Change) -> str:
    if change.before != change.after and not change.sources[0]:
        return f"{_user(change)} uses {change.after} where it used {change.before}"
    if change.before != change.after:
        return (
            f"{_user(change)} uses {change.after} where it used {change.before}, "
            "which did something else"
        )
    itself = " itself" if len(change.path) < 2 else ""
    return f"{change.name}{itself}{_used(change)} changed{_lines(change)}"


def _lines(change: Change) -> str:
    """The lines that differ, if they are few; how many, if they are many."""
    before = [line.strip() for line in change.sources[0].splitlines()]
    after = [line.strip() for line in change.sources[1].splitlines()]
    if not before or not after:
        return ""
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    gone, news = list(filter(None, before)), list(filter(None, after))
    if len(gone) == 1 and len(news) == 1:
        return f": `{_cut(gone[0])}` is now `{_cut(news[0])}`"
    if len(gone) == 1 and not news:
        return f": `{_cut(gone[0])}` was removed"
    if len(news) == 1 and not gone:
        return f": `{_cut(news[0])}` was added"
    count = max(len(gone), len(news))
    return f" in {count} lines" if count else ""


def _cut(line: str) -> str:
    return line if len(line) <= _ROOM else line[: _ROOM - 3] + "..."


def _value(change: Change) -> str:
    what = f"{change.name}{_used(change)}"
    if not change.before or change.before == change.after:
        return f"{what} has another value"
    return f"{what} was {change.before} and is {change.after}"


def _library(change: Change) -> str:
    if change.before.partition(" ")[0] == change.after.partition(" ")[0]:
        return f"{change.name}{_used(change)} was {change.before} and is {change.after}"
    return f"{_user(change)} uses {change.after} where it used {change.before}"


def _argument(change: Change) -> str:
    if not change.before and not change.after:
        return f"{change.name} is another one"
    if not change.before:
        return f"{change.name} is {change.after}, and was not there"
    if not change.after:
        return f"{change.name} was {change.before}, and is not there"
    if change.before == change.after:
        return f"{change.name} looks alike ({change.after}), and differs in what it holds"
    return f"{change.name} is {change.after}, and was {change.before}"


def _version(change: Change) -> str:
    return f"version= of the decorator was {change.before!r} and is {change.after!r}"


def _class(change: Change) -> str:
    what = f"{change.name}{_used(change)}"
    if change.before == change.after:
        return f"{what} is built otherwise"
    was, now = change.before, change.after
    if not was or not now:
        return (
            f"{what} is now derived from {now}"
            if now
            else f"{what} is no longer derived from {was}"
        )
    return f"{what} was derived from {was} and is derived from {now}"


_PHRASES: dict[str, Callable[[Change], str]] = {
    "argument": _argument,
    "code": _code,
    "value": _value,
    "library": _library,
    "class": _class,
    "new": lambda change: f"{_user(change)} now uses {change.name}",
    "gone": lambda change: f"{_user(change)} no longer uses {change.name}",
    "version": _version,
    "parameters": lambda change: (
        f"the parameters of {change.name} were ({change.before}) and are ({change.after})"
    ),
    "file": lambda change: f"{change.name} changed",
    "observed": lambda change: f"{change.name}{_used(change)} changed",
    "other": lambda change: f"the way changed in which {change.name} uses other things",
}
