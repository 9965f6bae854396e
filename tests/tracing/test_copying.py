"""What copying calls is in the closure, wherever in the copied value it lies."""

from __future__ import annotations

import collections
import copy
import enum
from collections.abc import Callable
from typing import Any

import pytest

from dumbo.tracing.tracker import Tracker


def one(*_: Any) -> Any:
    return 1


def two(*_: Any) -> Any:
    return 2


class Deep:
    def __deepcopy__(self, memo: Any) -> Any:
        one()
        return copy.copy(self)

    def shown(self) -> Any:
        return two()


class Held:
    def __init__(self) -> None:
        self.deep: Any = Deep()


class Other:
    def __deepcopy__(self, memo: Any) -> Any:
        return Deep()

    shown: Any


class Shallow:
    def __copy__(self) -> Any:
        return one()


class State:
    def __getstate__(self) -> Any:
        return {"field": one}

    def __setstate__(self, state: Any) -> None:
        state["field"]()


class Loaded:
    def __init__(self) -> None:
        self.field = one

    def __setstate__(self, state: Any) -> None:
        state["field"]()


class Reduced:
    def __reduce__(self) -> Any:
        return one, (), {}


class New:
    def __new__(cls, *args: Any) -> Any:
        one()
        return super().__new__(cls)

    def __getnewargs__(self) -> Any:
        two()
        return (1,)


class Wrong(Exception):
    def __init__(self, *args: Any) -> None:
        one()


class Table(dict[Any, Any]):
    def __setitem__(self, key: Any, value: Any) -> None:
        one()


class Row(list[Any]):
    def append(self, item: Any) -> None:
        one()


class Slotted:
    __slots__ = ("field",)

    def __setattr__(self, name: str, value: Any) -> None:
        one()


class Asked:
    def __getattr__(self, name: str) -> Any:
        one()
        raise AttributeError(name)


class Meta(type):
    def __getattr__(cls, name: str) -> Any:
        one()
        raise AttributeError(name)


class OfMeta(metaclass=Meta):
    pass


class Key:
    def __hash__(self) -> int:
        return int(one())


class Color(enum.Enum):
    RED = 1

    def shown(self) -> Any:
        return two()


class Replaced:
    def __deepcopy__(self, memo: Any) -> Any:
        return one


PLAIN = {"a": [Deep()]}
IN_ORDER = collections.OrderedDict(a=Deep())
HELD = Held()
OTHERS = [Other()]
KEYS = {Key(): 1}
NUMBERS = {"a": [1, 2]}
REPLACED: Any = {"a": Replaced()}


def f_within_live_containers() -> Any:
    return copy.deepcopy(PLAIN)


def f_within_a_container_of_a_library() -> Any:
    return copy.deepcopy(IN_ORDER)


def f_within_live_objects() -> Any:
    return copy.deepcopy(HELD)


def f_within_containers_that_are_made() -> Any:
    return copy.deepcopy([{"a": (Deep(),)}])


def f_within_objects_that_are_made() -> Any:
    return copy.deepcopy(Held())


def f_what_a_hook_gives_within_live_data() -> Any:
    "one two"
    return copy.deepcopy(OTHERS)[0].shown(), copy.deepcopy(PLAIN)


def f_what_a_hook_gives_within_a_field() -> Any:
    "two"
    held = Held()
    held.deep = Other()
    return copy.deepcopy(held).deep.shown()


def f_what_is_in_a_table() -> Any:
    return copy.deepcopy(REPLACED)["a"]()


def f_a_shallow_hook() -> Any:
    return copy.copy(Shallow())


def f_by_keyword() -> Any:
    return copy.copy(x=Shallow())


def f_a_state() -> Any:
    return copy.copy(State())


def f_a_state_within() -> Any:
    return copy.deepcopy([State()])


def f_a_state_of_fields() -> Any:
    return copy.copy(Loaded())


def f_what_reduces() -> Any:
    return copy.copy(Reduced())


def f_what_reduces_within() -> Any:
    return copy.deepcopy({"a": Reduced()})


def f_making() -> Any:
    "one two"
    return copy.copy(New())


def f_an_exception_is_made_anew() -> Any:
    return copy.copy(WRONG)


def f_a_table_is_filled() -> Any:
    return copy.copy(TABLE)


def f_a_row_is_filled() -> Any:
    return copy.copy(Row())


def f_slots_are_set() -> Any:
    return copy.copy(Slotted())


def f_hooks_are_asked_for_methods() -> Any:
    return copy.deepcopy(Asked())


def f_hooks_of_metaclasses_are_asked_for_methods() -> Any:
    return copy.copy(OfMeta())


def f_keys_are_hashed() -> Any:
    return copy.deepcopy(KEYS)


def f_a_class_made_here() -> Any:
    class Here:
        def __deepcopy__(self, memo: Any) -> Any:
            return one()

    return copy.deepcopy([Here()])


def f_a_class_made_here_of_a_list() -> Any:
    class Here(list[Any]):
        def append(self, item: Any) -> None:
            one()

    return copy.deepcopy(Here([1]))


def f_a_receiver() -> Any:
    return copy.deepcopy(Held().deep.shown)


WRONG, TABLE = Wrong(1), Table(a=1)
CASES = {name: found for name, found in globals().items() if name.startswith("f_")}


def closure(function: Callable[..., Any], *, observed: bool) -> set[str]:
    nodes = Tracker(function, observed=observed).graph((), {}).nodes.values()
    return {n["name"].partition(":")[2] for n in nodes if n["kind"] in ("function", "method")}


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_what_copying_calls_is_in_the_closure(case: str, observed: bool) -> None:
    found = closure(CASES[case], observed=observed)
    assert set((CASES[case].__doc__ or "one").split()) <= found


def f_plain() -> Any:
    return copy.deepcopy(NUMBERS), copy.copy(PLAIN), copy.deepcopy([Color.RED]), copy.copy(Held())


@pytest.mark.parametrize("observed", [False, True])
def test_what_copying_does_not_call_is_not(observed: bool) -> None:
    found = closure(f_plain, observed=observed)
    assert not {"one", "two", "Deep.__deepcopy__", "Color.shown"} & found


def test_a_copy_has_the_methods_of_what_it_is_a_copy_of() -> None:
    def f() -> Any:
        return copy.deepcopy(PLAIN)["a"][0].shown()

    assert {"two", "Deep.shown"} <= closure(f, observed=True)
