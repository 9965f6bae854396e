"""Two accounts of one function -> what changed from the old one to the new one.

Both are walked at once, from the call on. Two parts that do the same stand for one another,
whatever they are called, and so do those that they lead to at the same places. Where two parts
differ, that is a change, and what they lead to is matched by name. So each change is met by the
shortest way, and has that way with it.

    kind       what is not as it was                          before, after
    code       a function                                     its name, then and now
    value      data that it read                              in a few characters
    library    a version, or what of a library is used        name and version, or names
    class      what a class is made of                        its name, then and now
    new, gone  something that is used now, or was             "" and its name; its name and ""
    version    `version=` of the decorator                    then and now
    other      the way in which a function uses its parts     its name, then and now

Pure: knows accounts; must not know stores, live objects, or words for what it finds.
"""

from __future__ import annotations

import xxhash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from dumbo.tracing.account import Account, Edge, Part

    _Home: TypeAlias = tuple[int, int]  # the code around, in the old account and in the new one

__all__ = ["Difference", "differences", "digest_below"]

_CODE = ("function", "method")


class Difference:
    """One thing that changed; see the table in the module's docstring.

    Attributes:
        path: names, from the function itself to what changed, both included.
        places: its numbers in the old account and in the new one; -1 where it is not.
        texts: digests of the source, then and now; empty if it is not known.
        alone: the parts that only the old one leads to, and those that only the new one does.
        of_call: whether it is something that the call itself leads to.
    """

    __slots__ = (
        "after", "alone", "before", "kind", "name", "of_call", "path", "places", "texts",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        name: str,
        path: tuple[str, ...],
        before: str = "",
        after: str = "",
        places: tuple[int, int] = (-1, -1),
        texts: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        self.kind = kind
        self.name = name
        self.path = path
        self.before = before
        self.after = after
        self.places = places
        self.texts = texts
        self.alone: tuple[list[int], list[int]] = ([], [])
        self.of_call = False

    def __repr__(self) -> str:
        return f"<{self.kind} {' -> '.join(self.path)}: {self.before!r}, {self.after!r}>"


def differences(old: Account, new: Account, *, every: bool = False) -> list[Difference]:
    """What changed, the nearest to the function first; empty if nothing did.

    Parameters:
        every: leave nothing out that only follows from something else.
    """
    found = [Difference("version", "version=", (), old.salt, new.salt)] * (old.salt != new.salt)
    if not old.parts or not new.parts:
        return found
    seen: set[tuple[int, int]] = {(0, 0)}
    queue: list[tuple[int, int, str, tuple[str, ...], _Home]] = [(0, 0, "", (), (-1, -1))]
    for was, now, label, path, home in queue:
        before, after = old.parts[was], new.parts[now]
        name = _name(before, after, label, path)
        if is_inside(name) and min(home) >= 0:
            name = new.parts[home[1]].name
        elif after.kind in _CODE:
            home = was, now
        path = (*path, name) if not after.hidden and path[-1:] != (name,) else path
        own = len(found)
        same = before.own == after.own and before.kind == after.kind
        if not same:
            one = _difference(before, after, name, path, (was, now))
            if is_inside(after.name) and min(home) >= 0:  # its source is that of what is around it
                one.texts = old.parts[home[0]].text, new.parts[home[1]].text
                one.before = one.after = name
            found.append(one)
            if before.kind != after.kind or before.kind == "library":
                continue
        bases = _bases(old, before), _bases(new, after)
        if before.kind == after.kind == "class" and bases[0] != bases[1]:
            made_of = ", ".join(bases[0]), ", ".join(bases[1])
            found.append(Difference("class", after.name, path, *made_of, (was, now)))
            continue
        pairs, gone, news = _matched(old, new, before, after, same=same)
        if same and not every and _is_rewritten(before, after):
            others = [pair for pair in pairs if _is_another(old.parts[pair[0]], new.parts[pair[1]])]
            if others or gone or news:
                # Its names stand for other things, and its source says so.
                found.append(_difference(before, after, name, path, (was, now)))
                pairs = [pair for pair in pairs if pair not in others]
                gone, news = [], []
        for first, second, way in pairs:
            if (first, second) not in seen:
                seen.add((first, second))
                queue.append((first, second, way, path, home))
        if same:
            # What the code of two functions says it uses is told by the code.
            left = [_alone("gone", old.parts[n], path, (n, -1)) for n in gone]
            left += [_alone("new", new.parts[n], path, (-1, n)) for n in news]
            for single in left:
                single.of_call = not was
            found += left
        else:
            found[own].alone = (gone, news)
    return found if every else _plain(found)


def digest_below(account: Account, number: int) -> bytes:
    """16 bytes over a part and all that it leads to; equal ones do the same."""
    order = {number: 0}
    queue = [number]
    hasher = xxhash.xxh3_128(b"below")
    for at in queue:
        part = account.parts[at]
        hasher.update(part.own + part.kind.encode())
        for place, label, _, end in part.edges:
            if end not in order:
                order[end] = len(order)
                queue.append(end)
            hasher.update(b"%d:%d:" % (place, order[end]) + label)
        hasher.update(b";")
    return hasher.digest()


def is_inside(name: str) -> bool:
    """Whether code has no name of its own for people: it belongs to what is around it."""
    return name.endswith(_INSIDE) and ".<locals>." in name


_INSIDE = ("<lambda>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


def _is_rewritten(before: Part, after: Part) -> bool:
    """Whether code is known to be written otherwise, though it does the same by itself."""
    return bool(before.text) and bool(after.text) and before.text != after.text


def _is_another(before: Part, after: Part) -> bool:
    """Whether a library's function stands where another one stood, of the same version."""
    if before.kind != "library" or after.kind != "library":
        return False
    return before.name != after.name and before.brief == after.brief


def _bases(account: Account, part: Part) -> list[str]:
    """What a class is made of, by name; nothing for what is none."""
    if part.kind != "class":
        return []
    return [
        f"{account.parts[end].name}"
        for _, _, label, end in part.edges
        if label == "base" and account.parts[end].name not in _PLAIN_BASES
    ]


_PLAIN_BASES = ("builtins:object", "builtins:type")


def _name(before: Part, after: Part, label: str, path: tuple[str, ...]) -> str:
    """What a part is called that was reached by *label*.

    Equal small numbers are one object, which has the name of only one way to it.
    """
    if after.kind != "value" or before.kind != "value" or not path:
        return after.name
    how, _, what = label.partition(" ")
    ending = {"global": f":{what}", "item": f"[{what}]"}.get(how, what)
    for name in (after.name, before.name):
        if name.endswith(ending):
            return name
    if how == "item":
        return f"{path[-1]}[{what}]"
    if how == "global":
        return f"{path[-1].partition(':')[0]}:{what}"
    return f"{label} of {path[-1]}" if label else after.name


def _difference(
    before: Part, after: Part, name: str, path: tuple[str, ...], places: tuple[int, int]
) -> Difference:
    texts = (before.text, after.text)
    path = path or (after.name,)
    if before.kind in _CODE and after.kind in _CODE:
        return Difference("code", name, path, before.name, after.name, places, texts)
    if before.kind == "value" == after.kind:
        return Difference("value", name, path, before.brief, after.brief, places)
    if before.kind == "library" == after.kind:
        was, now = before.brief, after.brief
        if was == now:
            return Difference("library", after.name, path, before.name, after.name, places)
        return Difference("library", now.partition(" ")[0], path, was, now, places)
    if before.hidden or after.hidden:
        kind, part = ("new", after) if before.hidden else ("gone", before)
        path = path if path[-1:] == (part.name,) else (*path, part.name)
        return Difference(kind, part.name, path, before.name, after.name, places)
    kind = "class" if before.kind == after.kind == "class" else "code"
    return Difference(kind, after.name, path, before.name, after.name, places)


def _alone(kind: str, part: Part, path: tuple[str, ...], places: tuple[int, int]) -> Difference:
    if part.hidden:
        name = path[-1] if path else "?"
        return Difference("other", name, path, name, name, places)
    way = (*path, part.name) if path[-1:] != (part.name,) else path
    names = (part.name, "") if kind == "gone" else ("", part.name)
    return Difference(kind, part.name, way, *names, places)


def _matched(
    old: Account, new: Account, before: Part, after: Part, *, same: bool
) -> tuple[list[tuple[int, int, str]], list[int], list[int]]:
    """The ends of edges that belong together, and those that are left of either."""
    pairs: list[tuple[int, int, str]] = []
    gone: list[int] = []
    news: list[int] = []
    groups: dict[object, tuple[list[int], list[int]]] = {}
    labels: dict[object, str] = {}
    for side, part in enumerate((before, after)):
        for edge in part.edges:
            end = edge[3]
            key = _group(edge, same=same)
            labels.setdefault(key, edge[2])
            group = groups.setdefault(key, ([], []))[side]
            if end not in group:
                group.append(end)
    for label, (was, now) in zip(labels.values(), groups.values(), strict=True):
        left = list(now)
        for one in was:
            other = _best(old.parts[one], new, left)
            if other is None:
                gone.append(one)
            else:
                left.remove(other)
                pairs.append((one, other, label))
        news += left
    return pairs, gone, news


def _group(edge: Edge, *, same: bool) -> object:
    place, counts, label, _ = edge
    return (place, counts) if same else label


def _best(part: Part, new: Account, left: list[int]) -> int | None:
    """Which of the parts in *left* stands for *part* now."""
    ranked = sorted(left, key=lambda n: _likeness(part, new.parts[n]), reverse=True)
    return ranked[0] if ranked else None


def _likeness(one: Part, other: Part) -> tuple[bool, bool, bool]:
    return (one.own == other.own, one.name == other.name, one.kind == other.kind)


def _plain(found: list[Difference]) -> list[Difference]:
    """Each thing once, and what follows from others only where there are no others."""
    once: dict[tuple[str, str], Difference] = {}
    met: set[int] = set()
    for one in found:
        if one.places[0] in met:  # what it was has something else in its place already
            continue
        if one.places[0] >= 0:
            met.add(one.places[0])
        once.setdefault((one.kind, one.name), one)
    every = list(once.values())
    telling = [one for one in every if one.kind not in ("new", "gone", "other")]
    return telling or [one for one in every if one.kind != "other"] or every
