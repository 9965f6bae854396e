"""What a closure does not hold, because no call of these arguments can reach it."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from dumbo import Cache
from dumbo.tracing.tracker import Tracker

SOURCE = """
import abc
import collections.abc

class Plugin:
    def set_up(self):
        return wide()

def wide():
    return 1

def load(name):
    return Plugin()

def build(text, **options):
    for plugin in options.get("plugins", []):
        load(plugin).set_up()
    return text

def each(items):
    return [item.set_up() for item in items], Plugin()

class Table(collections.abc.Mapping):
    def __init__(self):
        self.held = {"a": one}

    def __getitem__(self, key):
        return self.held[key]

    def __iter__(self):
        return iter(self.held)

    def __len__(self):
        return unused()

def one():
    return 1

def unused():
    return 2

def by_table(name):
    return Table().get(name)()

class Marked:
    def run(self):
        return marked()

class Other:
    def run(self):
        return other()

def marked():
    return 1

def other():
    return 2

def late(self):
    return 3

def mark(value):
    setattr(Marked, "stop", late)
    return Other().run()

class Bare:
    pass

class Full:
    def __init__(self):
        self.field = one

def pick(flag):
    made = Full() if flag else Bare()
    return made.field()

class Given(Marked):
    pass

class Abstract(metaclass=abc.ABCMeta):
    def run(self):
        return unused()

class Virtual(abc.ABC):
    pass

Virtual.register(Marked)

class Hooked(abc.ABC):
    @classmethod
    def __subclasshook__(cls, other):
        return True

KINDS = (Other, (Abstract,))
NOTHING = ...

def of_kinds(value):
    return value.run() if isinstance(value, KINDS) else one()

def of_abstract(value):
    return unused() if isinstance(value, Abstract) else one()

def of_virtual(value):
    return unused() if isinstance(value, Virtual) else one()

def of_hooked(value):
    return unused() if isinstance(value, Hooked) else one()

def given(value=...):
    if value is ...:
        return one()
    return unused()

def not_given(value):
    if value is not NOTHING:
        return one()
    return unused()

def padded(rows):
    for row in rows:
        name, function, *more = row + (unused,)
        function()

class Dispatcher:
    def call(self, name):
        return getattr(self, name)()

    def _private(self):
        return unused()

class Visitor(Dispatcher):
    def visit(self):
        return one()

def dispatch(name):
    return Visitor().call("".join(name))
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("left_out_target")
    exec(compile(SOURCE, "left_out_target.py", "exec"), vars(made))
    monkeypatch.setitem(sys.modules, "left_out_target", made)
    return made


def closure(function: Any, *args: Any, observed: bool = True, **kwargs: Any) -> set[str]:
    graph = Tracker(function, observed=observed).graph(args, kwargs)
    nodes = graph.nodes.values()
    return {n["name"].partition(":")[2] for n in nodes if n["kind"] in ("function", "method")}


def test_keywords_that_a_call_does_not_pass_reach_nothing(module: Any) -> None:
    assert closure(module.build, "x") == {"build"}
    assert "wide" in closure(module.build, "x", plugins=["a"])


def test_plain_data_has_no_methods_of_the_program(module: Any) -> None:
    assert "wide" not in closure(module.each, [1, "two"])
    assert "wide" in closure(module.each, [module.Plugin()])


def test_mixins_of_abstract_containers_are_looked_through(module: Any) -> None:
    found = closure(module.by_table, "a")
    assert {"Table.__getitem__", "one"} <= found
    assert not {"Table.__len__", "unused"} & found


def test_what_a_program_sets_on_a_class_is_not_on_all_others(module: Any) -> None:
    found = closure(module.mark, 1)
    assert {"Other.run", "other"} <= found
    assert "marked" not in found


def test_an_attribute_that_nobody_sets_is_marked_where_the_call_is_observed(module: Any) -> None:
    graph = Tracker(module.pick, observed=True).graph((1,), {})
    reasons = [n["name"] for n in graph.nodes.values() if n["kind"] == "unresolved"]
    assert "one" in closure(module.pick, 1)
    assert any("attribute field of Bare" in reason for reason in reasons)


def test_a_dispatcher_calls_any_method_but_its_own_and_private_ones(module: Any) -> None:
    found = closure(module.dispatch, "visit")
    assert {"Visitor.visit", "one"} <= found
    assert "unused" not in found
    assert "unused" in closure(module.dispatch, "visit", observed=False)


def test_kinds_in_a_tuple_of_the_module_are_asked_for_one_by_one(module: Any) -> None:
    assert "one" not in closure(module.of_kinds, module.Other())
    assert closure(module.of_kinds, module.Marked()) == {"of_kinds", "one"}


@pytest.mark.parametrize("observed", [True, False])
def test_only_what_derives_from_an_abstract_class_is_of_it(module: Any, observed: bool) -> None:
    found = closure(module.of_abstract, module.Marked(), observed=observed)
    assert "unused" not in found
    assert "one" in found


def test_what_is_registered_with_an_abstract_class_is_of_it(module: Any) -> None:
    assert "unused" in closure(module.of_virtual, module.Marked())
    assert "unused" in closure(module.of_virtual, module.Given())
    assert "unused" in closure(module.of_hooked, module.Marked())


@pytest.mark.parametrize("later", ["class", "subclass"])
def test_what_is_registered_later_counts(module: Any, later: str) -> None:
    tracker = Tracker(module.of_abstract, observed=True)
    values = (module.Marked(),)
    before = tracker.look(values, (module.Marked,), None, ("value",)).digest
    assert tracker.look(values, (module.Marked,), None, ("value",)).digest == before
    kind = module.Abstract
    if later == "subclass":
        kind = module.Later = type(kind)("Later", (kind,), {})
    kind.register(module.Marked)
    assert tracker.look(values, (module.Marked,), None, ("value",)).digest != before


def test_no_object_of_another_kind_is_the_ellipsis(module: Any) -> None:
    assert closure(module.given, "x") == {"given", "unused"}
    assert closure(module.given) == {"given", "one"}
    assert closure(module.not_given, module.Marked()) == {"not_given", "one"}


def test_a_short_tuple_is_extended_item_by_item(module: Any) -> None:
    assert closure(module.padded, [("a", module.one)]) == {"padded", "one"}


STRANGERS = """
import operator

class Number:
    def __init__(self, value):
        self.value = value

    def __add__(self, other):
        return plus(self.value, other)

    def __repr__(self):
        return text(self.value)

def plus(one, two):
    return one + two

def text(value):
    return str(value)

def computed(number, name):
    return getattr(operator, name)(number, 1)
"""


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("of_strangers")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(compile(STRANGERS, "/src/of_strangers.py", "exec"), made.__dict__)
    return made


def test_what_somebody_unknown_calls_of_an_object_is_left_to_the_observer(strangers: Any) -> None:
    number = strangers.Number(1)
    seen = closure(strangers.computed, number, "add")
    assert not {"plus", "text"} & seen
    assert {"plus", "text"} <= closure(strangers.computed, number, "add", observed=False)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="nobody observes")
def test_what_ran_of_it_counts_for_the_result(strangers: Any, tmp_path: Path) -> None:
    memoized = Cache(tmp_path).memo(keep="always")(strangers.computed)
    assert memoized(strangers.Number(1), "add") == 2
    strangers.text.__code__ = (lambda value: "changed").__code__
    assert memoized(strangers.Number(1), "add") == 2
    assert memoized.cache_info().hits == 1
    strangers.plus.__code__ = (lambda one, two: one - two).__code__
    assert memoized(strangers.Number(1), "add") == 0


RAISING = """
import concurrent.futures
import contextlib
import multiprocessing

FACTOR = 2

class Wrong(Exception):
    def __init__(self, value):
        self.code = factor(value)

def factor(value):
    return value * FACTOR

def check(value):
    if value > 1:
        raise Wrong(value)
    return value

def caught(value):
    try:
        return check(value)
    except Wrong as wrong:
        return rescue(wrong.code)

def rescue(code):
    return code

class Other(Exception):
    pass

class Narrower(Wrong):
    pass

def not_caught(value):
    try:
        return check(value)
    except (Other, Narrower) as other:
        return rescue(other)

def written(value):
    kept = []
    with contextlib.ExitStack() as stack:  # nobody sees that it catches
        stack.push(lambda kind, raised, trace: kept.append(raised and raised.code) or 1)
        return check(value)
    return kept[0]

def passed_on(value):
    try:
        return check(value)
    except Wrong as wrong:
        raise Other(wrong.code)

def caught_later(value):
    try:
        return passed_on(value)
    except Other as other:
        return rescue(other)

def forked(value):
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(caught, value).result()

def caught_by(kind, value):
    try:
        return check(value)
    except kind as wrong:
        return rescue(wrong.code)

def caught_bare(value):
    try:
        return check(value)
    except:
        return rescue(0)

def ended(value):
    try:
        return check(value)
    finally:
        rescue(0)

def ended_early(value):
    try:
        return check(value)
    finally:
        return rescue(0)

class Silent:
    def __enter__(self):
        pass

    def __exit__(self, *raised):
        return True

class Loud(Silent):
    def __exit__(self, *raised):
        return None

def within(manager, value):
    with manager:
        return check(value)

def suppressed(value):
    with contextlib.suppress(Wrong):
        return check(value)

@contextlib.contextmanager
def managed():
    try:
        yield
    except Wrong:
        rescue(0)

def within_managed(value):
    with managed():
        return check(value)

def build(value):
    return Wrong(value)

def indirect(value):
    if value > 1:
        raise build(value)

def caught_indirect(value):
    try:
        indirect(value)
    except Wrong as wrong:
        return rescue(wrong.code)

def grouped(value):
    try:
        return check(value)
    except* Wrong as group:
        rescue(group)

def message(value):
    if value > 1:
        raise ValueError(explained(value))

def explained(value):
    return factor(value)

def told(value):
    try:
        message(value)
    except ValueError as error:
        return str(error)

def not_told(value):
    try:
        message(value)
    except KeyError:
        return rescue(0)
"""


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("of_raising")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(compile(RAISING, "/src/of_raising.py", "exec"), made.__dict__)
    return made


def test_what_is_called_only_to_raise_is_left_to_the_observer(raising: Any) -> None:
    for function in (raising.not_caught, raising.ended, raising.passed_on):
        found = closure(function, 1)
        assert "check" in found
        assert not {"factor", "Wrong.__init__"} & found
        assert {"factor", "Wrong.__init__"} <= closure(function, 1, observed=False)
    assert not {"factor", "Wrong.__init__"} & closure(raising.within, raising.Loud(), 1)
    assert "factor" not in closure(raising.not_told, 1)


def test_what_is_called_to_raise_what_may_be_caught_is_followed(raising: Any) -> None:
    functions = [
        raising.caught, raising.caught_bare, raising.ended_early, raising.suppressed,
        raising.within_managed, raising.caught_indirect, raising.grouped,
        raising.caught_later,
    ]  # fmt: skip
    for function in functions:
        assert {"factor", "Wrong.__init__"} <= closure(function, 1), function
    for kind in (raising.Wrong, Exception, BaseException):
        assert {"factor", "Wrong.__init__"} <= closure(raising.caught_by, kind, 1), kind
    assert {"factor", "Wrong.__init__"} <= closure(raising.within, raising.Silent(), 1)
    assert "factor" in closure(raising.told, 1)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="nobody observes")
@pytest.mark.parametrize("what", ["factor", "FACTOR"])
def test_what_was_called_to_raise_counts_for_the_result(
    raising: Any, tmp_path: Path, what: str
) -> None:
    memoized = Cache(tmp_path).memo(keep="always")(raising.written)
    assert [memoized(1), memoized(2)] == [1, 4]
    if what == "factor":
        raising.factor.__code__ = (lambda value: value * 3).__code__
    else:
        raising.FACTOR = 3
    assert [memoized(1), memoized(2)] == [1, 6]
    assert memoized.cache_info().hits == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process is forked")
def test_what_another_process_calls_to_raise_counts(raising: Any, tmp_path: Path) -> None:
    # Nobody observes what it runs.
    memoized = Cache(tmp_path).memo(keep="always")(raising.forked)
    assert memoized(2) == 4
    raising.FACTOR = 3
    assert memoized(2) == 6
