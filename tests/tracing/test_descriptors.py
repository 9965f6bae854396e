"""Descriptors of CPython's own of which a program calls the methods by hand."""

from __future__ import annotations

import pytest

from dumbo.tracing.tracker import Tracker
from tests.tracing.test_tracker import module

SOURCE = """
    import argparse
    import functools

    def one(): return 1
    def two(x): return x
    def three(x): return x

    put = object.__setattr__.__get__

    class Frozen:  # as such classes are generated
        __slots__ = ("work", "other")

        def __init__(self, work):
            setter = put(self)
            setter("work", work)
            setter("other", work)

        def __setattr__(self, name, value):
            raise TypeError

    class ByHand:
        __slots__ = ("work",)

        def __init__(self, work):
            object.__setattr__.__get__(self, ByHand)("work", work)

    class BySlot:
        __slots__ = ("work",)

        def __init__(self, work):
            BySlot.work.__set__(self, work)

    class Watched:
        @property
        def work(self):
            return one

        @work.setter
        def work(self, value):
            three(value)

    class Plain:
        def method(self, x):
            return two(x)

    class Options:
        pass

    class Bare:
        pass

    def of(cls):
        found = cls(one).work()
        return two(found)

    def reads_a_slot():
        made = BySlot(one)
        return two(BySlot.work.__get__(made)())

    def sets_a_property():
        object.__setattr__(Watched(), "work", one)

    def binds():
        return Plain.method.__get__(Plain())(1)

    def binds_what_is_made_here():
        def made(self, x):
            return three(self) + x
        return made.__get__(1)(two(1))

    def binds_a_class_method():
        return classmethod(lambda cls: two(cls)).__get__(None, Plain)()

    def of_a_container():
        return dict.__getitem__.__get__({"work": one})("work")()

    def set_by_a_library():
        options = Options()
        argparse.ArgumentParser().parse_args([], namespace=options)
        found = options.work
        return two(found)

    def set_by_nobody():
        found = Bare().work
        return two(found)
"""


def reached(name: str, *classes: str, observed: bool = False) -> set[str]:
    made = module(SOURCE)
    args = tuple(getattr(made, cls) for cls in classes)
    graph = Tracker(getattr(made, name), observed=observed).graph(args, {})
    return {str(node).partition(":")[2] for node in graph}


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("name", ["Frozen", "ByHand", "BySlot"])
def test_what_is_put_into_a_field_past_all_hooks_is_read_from_it(name: str, observed: bool) -> None:
    found = reached("of", name, observed=observed)
    assert {"one", "two"} <= found
    assert not {"three", "Frozen.__setattr__"} & found


@pytest.mark.parametrize("observed", [False, True])
def test_a_slot_gives_the_field_when_it_is_asked_by_hand(observed: bool) -> None:
    assert {"one", "two"} <= reached("reads_a_slot", observed=observed)


@pytest.mark.parametrize("observed", [False, True])
def test_the_setter_of_a_property_runs_when_object_sets_it(observed: bool) -> None:
    assert "three" in reached("sets_a_property", observed=observed)


@pytest.mark.parametrize("observed", [False, True])
def test_functions_and_methods_in_c_are_bound_by_hand(observed: bool) -> None:
    found = reached("binds", observed=observed)
    assert {"Plain.method", "two"} <= found
    assert not [name for name in found if name.startswith("unresolved")]
    assert "one" in reached("of_a_container", observed=observed)


@pytest.mark.parametrize("observed", [False, True])
def test_what_is_made_while_it_runs_is_bound_by_hand(observed: bool) -> None:
    assert {"two", "three"} <= reached("binds_what_is_made_here", observed=observed)
    assert "two" in reached("binds_a_class_method", observed=observed)


def test_a_field_that_a_library_may_have_set_does_not_end_a_function() -> None:
    assert "two" in reached("set_by_a_library", observed=True)
    assert "two" not in reached("set_by_nobody", observed=True)  # for it raises
