"""Reasons as sentences.

    code            facts                         said by
    hit             size, compute, beside         a call whose entry was found
    new             others, how                   no entry for these arguments
    new sample      others                        no entry for this sample of the call
    code changed    what                          a function that it uses is another one
    value changed   what                          a value that it reads is another one
    library changed what                          an installed library is another one
    gone                                          it was stored, and is no more
    too fast        compute, price                keep="auto"
    in memory       compute                       a fast function whose same calls come all the time
    never again     compute, price                a function whose calls hardly ever come again
    no room         compute, price                the cache is full of what saves more by the byte
    too large, by its policy, below the threshold
                    compute, price                thresholds in the settings, keep=Policy(...)
    never           compute                       keep="never"
    not asked       compute                       a fast function that is called straight through
    unhashable      where, why                    an argument without an honest key
    unknown         why                           what the call depends on cannot be known
    never cached    why                           nothing about this function can be stored
    unstorable      why                           a result that no codec writes
    not stored      why                           the store refused, or broke
    unreadable      why                           the entry is there, and is no use
    unobserved      why                           a result whose computation nobody could watch
    no store        why                           the directory cannot be used
    disabled        by                            the environment or `disabled()`
    read only                                     `read_only()`
    explicit        act                           recompute()
    expired         age                           expires_after=
    reused          what, compute, age, rule      a stale result that is handed out
    not reused      what, why                     one that is not, though on_stale= is set
    made of stale   of                            a result that a stale one went into
    stored          size                          what a kept miss leaves
    misfit          why                           arguments that the function will refuse
    failed          why                           a part of dumbo broke

Knows words; must not know stores, functions or how a verdict came about.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from dumbo.answers.why import Change

__all__ = ["Reason", "human_size", "human_time", "printable"]


class Reason:
    """How one call ended: a code that programs compare, and facts for the sentence."""

    __slots__ = ("changes", "code", "facts")

    def __init__(self, code: str, changes: Sequence[Change] = (), **facts: Any) -> None:
        self.code = code
        self.changes = tuple(changes)
        self.facts = facts

    def __str__(self) -> str:
        return _SENTENCES[self.code](**self.facts)

    def __repr__(self) -> str:
        return f"<{self.code}: {self}>"


def human_time(seconds: float) -> str:
    """Return *seconds* as people say it: ``2 µs``, ``1.5 ms``, ``12 s``, ``3 min 20 s``."""
    if seconds >= 60:
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        # 0.9995 of a unit would be rounded up to "1000" of the smaller one.
        if seconds >= scale * 0.9995:
            return f"{_short(seconds / scale)} {unit}"
    return f"{round(seconds * 1e9)} ns"


def human_size(size: float) -> str:
    """Return *size* bytes as people say it, in powers of a thousand: ``120 bytes``, ``3.2 kB``."""
    if size < 1000:
        return "1 byte" if size == 1 else f"{round(size)} bytes"
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale * 0.9995:
            return f"{_short(size / scale)} {unit}"
    return f"{round(size)} bytes"


def printable(text: str, *, lines: bool = False) -> str:
    """Return *text* with escapes for all that does not print: control and bidi characters,
    invisible ones, lone surrogates. With *lines*, line breaks stay.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or (lines and character == "\n")
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 9.95 else f"{number:.1f}".removesuffix(".0")


def _hit(size: int, compute: float, beside: str = "") -> str:
    said = f"hit: {human_size(size)}, computed in {human_time(compute)}"
    return f"{said}; {beside}" if beside else said


def _new(others: int, how: str = "") -> str:
    if not others:
        return "no entry: nothing of this function is stored"
    return f"no entry: new arguments{how and ': '}{how} ({_results(others)})"


def _results(count: int) -> str:
    return f"{'1 result' if count == 1 else f'{count} results'} of this function stored"


def _too_fast(compute: float, price: float) -> str:
    if compute > 2 * price:
        return (
            f"not kept: took {human_time(compute)}, which the calls before did not let expect, so "
            "that nothing was made ready to store it; if it comes again, it is stored "
            "(keep='always' stores it anyway)"
        )
    return (
        f"not kept: took {human_time(compute)}, storing and loading would take "
        f"{human_time(price)} (keep='always' stores it anyway)"
    )


def _never_again(compute: float, price: float) -> str:
    return (
        f"not kept: took {human_time(compute)}, storing and loading would take "
        f"{human_time(price)}, and calls of this function hardly ever come again "
        "(keep='always' stores it anyway)"
    )


def _no_room(compute: float, price: float) -> str:
    return (
        f"not kept: took {human_time(compute)}, and the cache is full of results that save more "
        "by the byte (a larger size limit, or keep='always', stores it)"
    )


def _not_asked(compute: float) -> str:
    return (
        f"not kept: took {human_time(compute)} again and again, which is less than looking it "
        "up would cost, so most calls go straight through (keep='always' stores them)"
    )


_SENTENCES: dict[str, Callable[..., str]] = {
    "hit": _hit,
    "new": _new,
    "new sample": lambda others: f"no entry: this sample is not there yet ({_results(others)})",
    "code changed": lambda what: f"no entry: {what}",
    "value changed": lambda what: f"no entry: {what}",
    "library changed": lambda what: f"no entry: {what}",
    "gone": lambda: "no entry: it was stored, and has been removed since (evicted, or by hand)",
    "too fast": _too_fast,
    "in memory": lambda compute: (
        f"kept in memory alone: took {human_time(compute)}, which is less than finding it on disk "
        "would take, but comes all the time (keep='always' stores it)"
    ),
    "never again": _never_again,
    "no room": _no_room,
    "below the threshold": lambda compute, price: (
        f"not kept: took {human_time(compute)}, which is less than min-compute asks for"
    ),
    "too large": lambda compute, price: "not kept: larger than max-result allows",
    "by its policy": lambda compute, price: "not kept: by the policy that keep= names",
    "never": lambda: "not kept: keep='never' (insert() and recompute() store nevertheless)",
    "not asked": _not_asked,
    "unhashable": lambda where, why: f"not cached: argument {where}: {why}",
    "unknown": lambda why: f"not cached: {why}",
    "never cached": lambda why: f"never cached: {why}",
    "unstorable": lambda why: f"not stored: the result cannot be written: {why}",
    "not stored": lambda why: f"not stored: {why}",
    "unreadable": lambda why: f"computed again: the stored result cannot be read: {why}",
    "unobserved": lambda why: f"not observed: {why}, so what ran unforeseen is not known",
    "no store": lambda why: f"not cached: {why}",
    "disabled": lambda by: f"not cached: switched off by {by}",
    "read only": lambda: "not stored: inside dumbo.read_only()",
    "explicit": lambda act: f"computed because {act} was called",
    "expired": lambda age: (
        f"no entry: it expired, being {human_time(age)} old"
        if age >= 0
        else "no entry: it expired, being of unknown age: by the clock it is yet to be stored"
    ),
    "reused": lambda what, compute, age, rule: (
        f"stale hit ({rule}): {what}; computing it took {human_time(compute)}, "
        f"{human_time(age)} ago"
    ),
    "not reused": lambda what, why: f"no entry: {what}; the stale result is not reused: {why}",
    "made of stale": lambda of: f"not stored: a stale result of {of} went into it",
    "stored": lambda size: f"stored: {human_size(size)}",
    "failed": lambda why: f"not cached: dumbo failed, which is a bug worth reporting: {why}",
    "misfit": lambda why: f"not cached: the arguments do not fit: {why}",
}
