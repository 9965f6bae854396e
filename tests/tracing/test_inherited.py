"""Containers by their class: what subclasses of dict, list, deque and the like hold."""

from __future__ import annotations

import sys
import types
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from pathlib import Path
from typing import Any

import pytest

from dumbo import Cache
from dumbo.tracing.tracker import Tracker

SOURCE = """
from collections import *

class Held:
    def run(self):
        return ran()

    def __lt__(self, other):
        return False

def ran():
    return 1

class Put(Held):
    def run(self):
        return 2

class Dict(dict): pass
class Slotted(dict):
    __slots__ = ("x",)
class Ordered(OrderedDict): pass
class Default(defaultdict): pass
class Counted(Counter): pass
class List(list): pass
class Deque(deque): pass
class Set(set): pass
class Frozen(frozenset): pass
class Tuple(tuple): pass
Pair = namedtuple("Pair", "one other")

def by_key(m): m["q"] = Put(); return m["a"].run()
def by_other_key(m, k="a"): m["q"] = Put(); return m[k].run()
def by_get(m): m["q"] = Put(); return m.get("a").run()
def by_values(m): m["q"] = Put(); return [v.run() for v in m.values()]
def by_items(m): m["q"] = Put(); return [v.run() for _, v in m.items()]
def by_pattern(m):
    m["q"] = Put()
    match m:
        case {"a": x}:
            return x.run()
def in_loop(m): m["q"] = Put(); return [m[k].run() for k in ["a", "q"] if k in m]
def by_dict(m): m["q"] = Put(); return dict(m)["a"].run()
def by_merging(m): m["q"] = Put(); return {**m}["a"].run()
def by_update(m): x = {"z": Put()}; x.update(m); return x["a"].run()
def by_updating(m): m.update(z=Put()); return m["a"].run()
def by_or(m): m["q"] = Put(); return (m | {})["a"].run()
def by_star(m): m["q"] = Put(); return named(**m)
def named(a=None, **others): return a.run()

def at(m): m.append(Put()); return m[0].run()
def each(m): m.append(Put()); return [v.run() for v in m]
def first(m): m.append(Put()); x, *_ = m; return x.run()
def following(m): m.append(Put()); return next(iter(m)).run()
def listed(m): m.append(Put()); return list(m)[0].run()
def added(m): m.append(Put()); return (m + [])[0].run()
def repeated(m): m.append(Put()); return (m * 2)[0].run()
def ordered(m): m.append(Put()); return sorted(m)[0].run()

def of_set(m): m.add(Put()); return [v.run() for v in m | set()]
def of_frozen(m): return [v.run() for v in m | {Put()}]
def of_tuple(m): x = m + (Put(),); return x[0].run()

def of_several(flag):
    one, other = [Put()], []
    either = one if flag else other
    either += [Held()]
    return one[-1].run()
"""

DICTS = ["Dict", "Slotted", "Ordered", "Default", "Counted"]
BY_KEY = [
    "by_key", "by_other_key", "by_get", "by_values", "by_items", "by_pattern", "in_loop",
    "by_dict", "by_merging", "by_update", "by_updating", "by_or", "by_star",
]  # fmt: skip
BY_PLACE = ["at", "each", "first", "following", "listed", "added", "repeated", "ordered"]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("of_containers")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(compile(SOURCE, "/src/of_containers.py", "exec"), made.__dict__)
    return made


def closure(function: Any, *args: Any) -> set[str]:
    nodes = Tracker(function, observed=False).graph(args, {}).nodes.values()
    return {n["name"].partition(":")[2] for n in nodes if n["kind"] in ("function", "method")}


def table(module: Any, name: str) -> Any:
    held = {"a": module.Held()}
    if name == "Default":
        return module.Default(None, held)
    if name == "defaultdict":
        return defaultdict(None, held)
    library = {"OrderedDict": OrderedDict, "Counter": Counter, "UserDict": UserDict}
    return {**library, "ChainMap": ChainMap, **vars(module)}[name](held)


@pytest.mark.parametrize("name", [*DICTS, "OrderedDict", "defaultdict", "Counter"])
@pytest.mark.parametrize("how", BY_KEY)
def test_what_a_dict_of_some_class_holds_is_read(module: Any, name: str, how: str) -> None:
    assert "ran" in closure(getattr(module, how), table(module, name))


@pytest.mark.parametrize("name", DICTS)
@pytest.mark.parametrize("how", BY_KEY)
def test_so_it_is_where_the_dict_lies_deep(module: Any, name: str, how: str) -> None:
    # Its class and that of its items are met elsewhere, too.
    deep = module.Held()
    deep.x = module.Held()
    deep.x.y = [{"k": table(module, name)}]
    exec(f"def outer(o): return {how}(o.x.y[0]['k'])", vars(module))
    assert "ran" in closure(module.outer, deep)


@pytest.mark.parametrize("name", ["UserDict", "ChainMap"])
@pytest.mark.parametrize("how", ["by_key", "by_pattern", "in_loop", "by_dict", "by_update"])
def test_what_a_mapping_of_a_library_holds_may_be_an_item(module: Any, name: str, how: str) -> None:
    assert "ran" in closure(getattr(module, how), table(module, name))


@pytest.mark.parametrize("name", ["List", "Deque", "deque", "UserList"])
@pytest.mark.parametrize("how", BY_PLACE)
def test_what_a_list_of_some_class_holds_is_read(module: Any, name: str, how: str) -> None:
    if (name, how) in (("Deque", "added"), ("deque", "added")):
        pytest.skip("raises")
    kind = {"deque": deque, "UserList": UserList, **vars(module)}[name]
    assert "ran" in closure(getattr(module, how), kind([module.Held()]))


def test_what_sets_and_tuples_of_some_class_hold_is_read(module: Any) -> None:
    held = module.Held()
    assert "ran" in closure(module.of_set, module.Set([held]))
    assert "ran" in closure(module.of_frozen, module.Frozen([held]))
    assert "ran" in closure(module.of_tuple, module.Tuple([held]))
    assert "ran" in closure(module.of_tuple, module.Pair(held, 1))


MADE = [
    "Dict(a=Held())", "OrderedDict(a=Held())", "Ordered(a=Held())", "Counter(a=Held())",
    "defaultdict(None, a=Held())", "Default(None, a=Held())", "Counted(a=Held())",
]  # fmt: skip


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("how", BY_KEY)
def test_what_a_dict_is_made_of_is_in_it(module: Any, made: str, how: str) -> None:
    exec(f"def outer(): return {how}({made})", vars(module))
    assert "ran" in closure(module.outer)


@pytest.mark.parametrize("made", ["List([Held()])", "Deque([Held()])", "UserList([Held()])"])
@pytest.mark.parametrize("how", ["at", "each", "first", "listed", "repeated"])
def test_what_a_list_is_made_of_is_in_it(module: Any, made: str, how: str) -> None:
    exec(f"def outer(): return {how}({made})", vars(module))
    assert "ran" in closure(module.outer)


def test_a_class_that_a_function_makes_holds_what_it_is_given(module: Any) -> None:
    source = """
def outer():
    class Local(dict):
        pass
    held = Local(a=Held())
    held["q"] = Put()
    return held["a"].run()
"""
    exec(source, vars(module))
    assert "ran" in closure(module.outer)


def test_what_the_program_has_in_a_tuple_comes_out_of_a_longer_one(module: Any) -> None:
    module.LIVE = (module.Held(),)
    exec("def outer(): return (LIVE + (None,))[0].run()", vars(module))
    assert "ran" in closure(module.outer)
    module.LIVE = [module.Held()]
    exec("def outer(): return (LIVE * 2)[0].run()", vars(module))
    assert "ran" in closure(module.outer)


def test_what_is_added_to_one_of_several_lists_is_in_each(module: Any) -> None:
    assert "ran" in closure(module.of_several, True)


def test_what_a_subclass_of_defaultdict_makes_is_an_item(module: Any) -> None:
    exec("def outer(m): m['q'] = Put(); return m['new'].run()", vars(module))
    assert "ran" in closure(module.outer, module.Default(module.Held))


@pytest.mark.parametrize("how", ["by_key", "by_dict", "by_pattern"])
def test_a_result_is_computed_again_when_what_an_item_calls_has_changed(
    module: Any, how: str, tmp_path: Path
) -> None:
    memoized = Cache(tmp_path).memo(keep="always", observe=False)(getattr(module, how))
    assert memoized(table(module, "Dict")) == 1
    module.ran.__code__ = (lambda: 3).__code__
    assert memoized(table(module, "Dict")) == 3


def test_instances_that_differ_in_their_items_differ_in_shape(module: Any) -> None:
    exec("def outer(rows): return [row[0].run() for row in rows]", vars(module))
    rows = [module.List([module.Put()]), module.List([module.Held()])]
    assert "ran" in closure(module.outer, rows)


# -- fields of named tuples --------------------------------------------------------------------

NAMED = """
from typing import NamedTuple
from collections import namedtuple

def first(x): return x
def last(x): return x
def count(x): return x

class Steps(NamedTuple):
    first: object
    number: int
    last: object = last

class Named(Steps):
    alias = Steps.first
    def go(self, x): return self.alias(x)

Pair = namedtuple("Pair", "one other")
STEPS = Steps(first, 1)
TABLE = {"a": STEPS}

def of_argument(steps): return steps.first(1)
def of_both(steps): return steps.first(1) + steps.last(1)
def unpacked(steps): a, _, b = steps; return a(1) + b(1)
def by_place(steps): return steps[0](1) + steps[2](1)
def looped(steps): return [one(1) for one in steps if callable(one)]
def by_alias(steps): return Named(*steps).go(1)
def by_name(steps): return getattr(steps, "last")(1)
def replaced(steps): return steps._replace(first=count).first(1)
def as_dict(steps): return steps._asdict()["first"](1)
def matched(steps):
    match steps:
        case Steps(first=one):
            return one(1)
def of_global(): return STEPS.first(1)
def of_table(): return TABLE["a"].last(1)
def of_default(steps=STEPS): return steps.last(1)
def made_here(): return Steps(first, 1, count).last(1)
def made_by_place(): return Pair(first, last).other(1)
def made_of_items(): return Pair._make([first, last]).other(1)
def made_twice(): a, b = Pair(first, 1), Pair(last, count); return a.one(1)
"""

MUST = {
    "of_argument": {"first"},
    "of_both": {"first", "last"},
    "unpacked": {"first", "last"},
    "by_place": {"first", "last"},
    "looped": {"first", "last"},
    "by_alias": {"first"},
    "by_name": {"last"},
    "replaced": {"count"},
    "as_dict": {"first"},
    "matched": {"first"},
    "of_global": {"first"},
    "of_table": {"last"},
    "of_default": {"last"},
    "made_here": {"count"},
    "made_by_place": {"last"},
    "made_of_items": {"last"},
    "made_twice": {"first"},
}
# Where nothing else is read, and no other tuple of that class is made, nothing else is there.
ONLY = {"of_argument", "by_name", "of_global", "of_table", "of_default"}


def in_named(tmp_path: Path, name: str, source: str = NAMED) -> tuple[types.ModuleType, set[str]]:
    module = types.ModuleType(f"named_{name}")
    file = tmp_path / "named.py"
    file.write_text(source)
    exec(compile(source, file, "exec"), vars(module))
    sys.modules[module.__name__] = module
    function = getattr(module, name)
    given = (module.STEPS,) if function.__code__.co_argcount and name != "of_default" else ()
    graph = Tracker(function).graph(given, {})
    found = {data["name"].partition(":")[2] for _, data in graph.nodes(data=True)}
    return module, found & {"first", "last", "count"}


@pytest.mark.parametrize("name", MUST)
def test_what_lies_in_a_field_of_a_named_tuple_is_called(tmp_path: Path, name: str) -> None:
    _, found = in_named(tmp_path, name)
    assert found >= MUST[name]
    if name in ONLY:
        assert found == MUST[name]


def test_reading_a_field_leaves_the_tuple_in_sight(tmp_path: Path) -> None:
    source = NAMED + "\ndef f(): x = Pair(Steps(first, 1), 2); x.other; return x.one.first(1)\n"
    module, _ = in_named(tmp_path, "f", source)
    graph = Tracker(module.f).graph((), {})
    assert not [n for n, data in graph.nodes(data=True) if data["kind"] == "unresolved"]


@pytest.mark.parametrize("observe", [True, False])
def test_where_fields_change_places_the_result_is_computed_again(
    tmp_path: Path, observe: bool
) -> None:
    cache = Cache(tmp_path / "cache")
    swapped = NAMED.replace(
        "    first: object\n    number: int\n", "    number: int\n    first: object\n"
    )
    plain = "\ndef f(): return Steps(first, 1).number\ndef g(steps): return steps.number\n"
    results = []
    for source in (NAMED, swapped, NAMED):
        module, _ = in_named(tmp_path, "of_global", source + plain)
        f = cache.memo(keep="always", observe=observe)(module.f)
        g = cache.memo(keep="always", observe=observe)(module.g)
        results.append((f() == 1, g(module.Steps(1, 2, 3))))
    assert results == [(True, 2), (False, 1), (True, 2)]
