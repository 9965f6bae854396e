"""Classes that derive from `property` and call its `__get__`."""

from __future__ import annotations

from typing import Any

import pytest

from dumbo.tracing.tracker import Tracker
from tests.tracing.test_tracker import module

SOURCE = """
    class Own(property):
        fget = None  # which `property` itself does not look at

        def __init__(self, fget=None, of_class=None):
            self.of_class = of_class
            property.__init__(self, fget=fget)

        def __get__(self, obj, kind=None):
            if obj is None:
                return self.of_class
            return property.__get__(self, obj, kind)

    class Inherited(property):
        def __get__(self, obj, kind=None):
            return super().__get__(obj, kind)

    class Tool:
        def work(self):
            return one()

    class Other:
        def work(self):
            return two()

    def one(): return 1
    def two(): return 2
    def three(): return 3

    class Holder:
        def __init__(self):
            self.made = Tool()

        @Own
        def tool(self):
            return self.made

        @Own
        def other(self):
            return Other()

        @Inherited
        def inherited(self):
            return self.made

        @property
        def plain(self):
            return three()

        function = Own(lambda self: one, two)
        nothing = Own()

    def of_one(holder):
        holder.other
        return holder.tool.work()

    def inherits(holder):
        return holder.inherited.work()

    def called(holder):
        return holder.function()

    def of_class(holder):
        return type(holder).function()

    def of_either(holder, flag):
        descriptor = Holder.__dict__["function"]
        return descriptor.__get__(holder if len(flag) else None, Holder)()

    def changes(holder):
        property.__init__(Holder.__dict__["function"], lambda self: Other())
        return holder.function.work()

    def changes_by_new(holder):
        Own.__init__(Holder.__dict__["function"], three_times)
        return holder.function()

    def three_times(self): return three

    def itself(holder):
        descriptor = Holder.__dict__["inherited"]
        return descriptor.__get__(None, Holder).fget(holder).work()

    def without(holder):
        try:
            return holder.nothing
        except AttributeError:
            return one()
"""


def reached(made: Any, name: str, *args: Any, observed: bool = False) -> set[str]:
    graph = Tracker(getattr(made, name), observed=observed).graph(args, {})
    return {str(node).partition(":")[2] for node in graph}


@pytest.mark.parametrize("observed", [False, True])
def test_what_a_property_gives_is_followed_past_the_class_that_derives_from_it(
    observed: bool,
) -> None:
    made = module(SOURCE)
    found = reached(made, "of_one", made.Holder(), observed=observed)
    assert {"Holder.tool", "Holder.other", "Own.__get__", "Tool.work", "one"} <= found
    assert not {"Other.work", "two", "three", "Holder.plain", "Holder.inherited"} & found
    found = reached(made, "inherits", made.Holder(), observed=observed)
    assert {"Holder.inherited", "Inherited.__get__", "Tool.work", "one"} <= found
    assert not {"Other.work", "two", "Holder.tool"} & found


def test_each_property_of_one_class_gives_its_own() -> None:
    made = module(SOURCE)
    assert {"one"} <= reached(made, "called", made.Holder())
    assert not {"two", "three"} & reached(made, "called", made.Holder())


def test_of_a_class_a_property_is_what_its_class_says() -> None:
    made = module(SOURCE)
    assert "two" in reached(made, "of_class", made.Holder())
    assert {"one", "two"} <= reached(made, "of_either", made.Holder(), "x")
    assert {"Tool.work", "one"} <= reached(made, "itself", made.Holder())
    assert "one" in reached(made, "without", made.Holder())


def test_a_getter_that_is_put_in_the_place_of_another_one_counts() -> None:
    made = module(SOURCE)
    tracker = Tracker(made.called)
    holder = made.Holder()

    def digest() -> Any:
        return tracker.look([holder], (made.Holder, made.Tool), None, ("holder",)).digest

    before = digest()
    assert digest() == before
    property.__init__(made.Holder.__dict__["function"], lambda self: made.three)
    assert digest() != before


def test_a_getter_that_the_call_itself_puts_in_the_place_of_another_one_counts() -> None:
    made = module(SOURCE)
    assert {"Other.work", "two"} <= reached(made, "changes", made.Holder())
    assert "three" in reached(made, "changes_by_new", made.Holder())
