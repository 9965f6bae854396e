"""What a place holds for sure, where only one frame writes to it and runs just once.

    table = {"a": f}; table["a"] = g; table["a"]()      only `g` is called
    handler = f; handler = g; handler()                 in the body of a module, or in a cell

The heap of an analysis only grows: a place there holds whatever is ever put into it. Beside it,
the state of a frame says what containers and variables hold *here*, as far as that is sure:

- The container is made, or the variable is set, by a frame that is entered *once*: by the call
  itself, or from one place outside of loops in such a frame. The step that makes a container
  lies in no loop, either. So there is one such container, whatever ways lead to it.
- All that is done to it is done by steps of that frame which are modelled here. A step that
  does something else to it ends what is sure, for all that follows; another frame, or code out of
  sight, ends it for all of the analysis (`share`).
- A callee that runs to its end before the caller goes on takes along what is sure. It may
  read, and ends it for all if it writes.

What is sure is part of what the heap holds, so that losing it is growing: an analysis settles.

Knows places and what they hold; must not know what steps do to a stack.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from dumbo.tracing.values import Heap, Tuple, Value, each

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dumbo.tracing.callgraph import Analysis
    from dumbo.tracing.frame import Frame
    from dumbo.tracing.steps import Step
    from dumbo.tracing.values import Pool

MOST = 64  # items of a container that is known one by one
SHARED = "shared"  # a heap site of each place about which nothing is sure

# Of containers by their site: the items of a list, or the values of a dict by key. Of variables
# by site and slot: the value. Never changed, but replaced.
Contents = tuple[Value, ...] | dict[Any, Value]
Sure = dict[Any, Any]
NOTHING: Sure = {}


# --- containers ------------------------------------------------------------------------------


def begins(frame: Frame, made: Value, contents: Contents | None) -> None:
    """This step has made a container, with *contents*."""
    if not isinstance(made, Heap) or contents is None or len(contents) > MOST:
        return
    if frame.is_once and frame.plan.changes and frame.at not in frame.plan.repeated:
        frame.analysis.owners[made.site] = frame
        frame.owned.append(made.site)
        frame.sure = {**frame.sure, made.site: contents}


def contents_of(frame: Frame, value: Value | None) -> Contents | None:
    """What is in a container now; None if that is not sure."""
    if not isinstance(value, Heap) or value.site not in frame.sure:
        return None
    if _is_shared(frame, value.site):
        return None
    found: Contents = frame.sure[value.site]
    return found


def items_in(frame: Frame, value: Value | None) -> tuple[Value, ...] | None:
    """The items of a list, in order; None if they are not sure."""
    found = contents_of(frame, value)
    return found if isinstance(found, tuple) else None


def to_change(frame: Frame, target: Value) -> Contents | None:
    """What is in *target* before this step changes it, if what it does then is sure, too."""
    if not isinstance(target, Heap) or frame.analysis.owners.get(target.site) is not frame:
        return None
    return contents_of(frame, target)


def becomes(frame: Frame, target: Value, contents: Contents | None) -> None:
    """What this step has made of a container; None if nobody knows."""
    if isinstance(target, Heap) and target.site in frame.analysis.owners:
        if contents is None or len(contents) > MOST:
            loses(frame, target.site, None)
        else:
            frame.sure = {**frame.sure, target.site: contents}


def changes(frame: Frame, target: Value) -> None:
    """This step does something to *target* of which no more is known."""
    if frame.analysis.owners:
        for member in each(target):
            if isinstance(member, Heap):
                loses(frame, member.site, None)


def holds(contents: Contents, key: Any) -> Value | None:
    """The item of a container by a key or index; None if there is none."""
    if isinstance(contents, dict):
        return contents.get(key)
    if isinstance(key, int) and -len(contents) <= key < len(contents):
        return contents[key]
    return None


def values_in(contents: Contents) -> tuple[Value, ...]:
    """All items of a container."""
    return tuple(contents.values()) if isinstance(contents, dict) else contents


def with_item(contents: Contents, key: Any, value: Value) -> Contents:
    """*contents* after ``target[key] = value``."""
    if isinstance(contents, dict):
        return {**contents, key: value}
    if isinstance(key, int) and -len(contents) <= key < len(contents):
        return replaced(contents, key % len(contents), value)
    return contents  # it raises


def replaced(items: tuple[Value, ...], index: int, *values: Value) -> tuple[Value, ...]:
    """*items* with *values* in the place of one."""
    return (*items[:index], *values, *items[index + 1 :])


def without_item(contents: Contents, key: Any) -> Contents:
    """*contents* after ``del target[key]``."""
    if isinstance(contents, dict):
        return {name: value for name, value in contents.items() if name != key}
    if isinstance(key, int) and -len(contents) <= key < len(contents):
        return replaced(contents, key % len(contents))
    return contents


# --- variables -------------------------------------------------------------------------------


def assign(frame: Frame, site: Any, slot: Any, value: Value) -> None:
    """This step has set a variable that lives as long as the frame, or longer."""
    if frame.is_once and _is_tracked(frame, site, slot):
        key = (site, slot)
        frame.analysis.owners.setdefault(key, frame)
        frame.owned.append(key)
        frame.sure = {**frame.sure, key: value}


def _is_tracked(frame: Frame, site: Any, slot: Any) -> bool:
    if frame.analysis.owners.get((site, slot), frame) is not frame:
        return False
    if site[0] == "global":
        return slot in frame.plan.rebound
    return site[0] is frame.site and site[1] in frame.plan.rebound


def value_of(frame: Frame, site: Any, slot: Any) -> Value | None:
    """What a variable holds now; None if that is not sure."""
    found: Value | None = frame.sure.get((site, slot)) if frame.sure else None
    return None if found is None or _is_shared(frame, (site, slot)) else found


def deleted(frame: Frame, site: Any, slot: Any) -> None:
    """This step has deleted a variable."""
    if (site, slot) in frame.sure:
        frame.sure = {key: value for key, value in frame.sure.items() if key != (site, slot)}


# --- the end of it ---------------------------------------------------------------------------


def loses(frame: Frame, site: Any, slot: Any) -> None:
    """*frame* writes to a place, in a way that is not modelled."""
    owners = frame.analysis.owners
    for key in (site, (site, slot)):
        owner = owners.get(key)
        if owner is None:
            continue
        if owner is not frame:
            share(frame.analysis, key)
        elif key in frame.sure:
            frame.sure = {name: held for name, held in frame.sure.items() if name != key}
    if slot is None and site[0] == "global":
        share_all(frame.analysis, site)


def share(analysis: Analysis, key: Any) -> None:
    """Nothing is sure of a place any more, wherever it is read."""
    if key in analysis.owners:
        analysis.write((SHARED, key), "elem", analysis.pool.const(True))


def share_all(analysis: Analysis, site: Any) -> None:
    """The same of all variables of a namespace."""
    for key in list(analysis.owners):
        if key[0] == site:
            share(analysis, key)


def stands_for_more(frame: Frame, value: Value) -> None:
    """From here on, *value* is a container, or a copy of it with copies of all that is in it."""
    seen: set[Value] = set()
    todo = list(each(value)) if frame.analysis.owners else []
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        if isinstance(one, Tuple):
            todo += [member for item in one.items for member in each(item)]
        elif isinstance(one, Heap):
            share(frame.analysis, one.site)
            for slot in frame.analysis.slots(one.site, frame, frame.index):
                todo += each(frame.analysis.read(one.site, slot, frame, frame.index))


def _is_shared(frame: Frame, key: Any) -> bool:
    return frame.analysis.read((SHARED, key), "elem", frame, frame.index) is not None


def entered(frame: Frame, caller: Frame) -> None:
    """*caller* enters *frame*, by the step that it makes."""
    if not frame.is_once:
        return
    place = (caller, caller.index)
    first = not frame.entries
    again = frame in caller.entering
    frame.entries.add(place)
    caller.entering.append(frame)
    if len(frame.entries) > 1 or again or not _is_made_once(caller):
        repeats(frame)
    elif first:
        caller.inner.append(frame)


def _is_made_once(caller: Frame) -> bool:
    return caller.is_once and caller.is_direct and caller.at not in caller.plan.repeated


def repeats(frame: Frame) -> None:
    """*frame* may run more than once: nothing is sure of what it and what it calls makes."""
    todo = [frame]
    while todo:
        one = todo.pop()
        if one.is_once:
            one.is_once = False
            todo += one.inner
            for key in one.owned:
                share(one.analysis, key)


# --- where ways meet, and calls --------------------------------------------------------------


def passed(frame: Frame, parameters: Iterable[Value]) -> Sure:
    """What is sure for a callee that gets *parameters*, and runs to its end at once."""
    if not frame.sure or not frame.is_direct:
        return NOTHING
    owners = frame.analysis.owners
    found: Sure = {}
    reached = list(parameters)
    for key, held in frame.sure.items():
        if isinstance(held, Value):
            found[key] = held
            reached.append(held)
    for value in reached:
        for member in each(value):
            if isinstance(member, Heap) and member.site in frame.sure and member.site in owners:
                found[member.site] = frame.sure[member.site]
    return found


def meet(pool: Pool, one: Sure, two: Sure) -> Sure:
    """What is sure where two ways meet."""
    if one is two or one == two:
        return one
    if not one or not two:
        return NOTHING
    found: Sure = {}
    for key, held in one.items():
        if key in two:
            both = _meet_two(pool, held, two[key])
            if both is not None:
                found[key] = both
    return found


def _meet_two(pool: Pool, one: Any, two: Any) -> Any:
    if one is two:
        return one
    if isinstance(one, Value):
        return pool.join(one, two)
    if len(one) != len(two):
        return None
    if isinstance(one, tuple):
        return tuple([pool.join(*pair) for pair in zip(one, two, strict=True)])
    if one.keys() != two.keys():
        return None
    return {key: pool.join(value, two[key]) for key, value in one.items()}


# --- what code does, at first sight ----------------------------------------------------------

_CHANGING = frozenset(
    "__setitem__ __delitem__ append clear extend insert pop popitem remove reverse setdefault sort "
    "update".split()
)
_STORES = frozenset({"STORE_DEREF", "STORE_GLOBAL", "STORE_NAME"})


def changes_containers(steps: Iterable[Step]) -> bool:
    """Whether some step puts something into the place of something else."""
    for step in steps:
        if step.name in ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE", "DICT_UPDATE"):
            return True
        if step.name == "LOAD_ATTR" and step.arg in _CHANGING:
            return True
        if step.name == "BINARY_OP" and step.arg in ("+=", "|="):
            return True
    return False


def rebound_by(
    steps: Sequence[Step], repeated: frozenset[int], given: Sequence[str]
) -> frozenset[str]:
    """The names that are set more than once, if they stand for one variable only."""
    sets = Counter(given)
    cells: Counter[str] = Counter()
    for index, step in enumerate(steps):
        if step.name in _STORES:
            sets[step.arg] += 1 + (index in repeated)
        elif step.name == "MAKE_CELL":
            cells[step.arg] += 1 + (index in repeated)
    return frozenset(name for name, times in sets.items() if times > 1 and cells[name] < 2)
