"""What builtin methods of a subclass keep is there to be called, and goes nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest

from dumbo.tracing.tracker import Tracker

T = TypeVar("T")


def one() -> Any:
    return 1


def two() -> Any:
    return 2


class One:
    def run(self) -> Any:
        return one()

    def other(self) -> Any:
        return two()


class Two:
    def run(self) -> Any:
        return 2


class Row(list[Any]):
    pass


class Table(dict[Any, Any]):
    pass


class Bag(set[Any]):
    pass


class Made(list[Any]):
    def __init__(self, items: Any) -> None:
        super().__init__(items)


class Put(dict[Any, Any]):
    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)


class Key:
    def __hash__(self) -> int:
        return int(one())


class Kept(Generic[T]):
    pass


def f_list() -> Any:
    made = Row([One()])
    made.append(Two())
    return made[0].run()


def f_list_by_super() -> Any:
    made = Made([One()])
    made.append(Two())
    return [item.run() for item in made]


def f_insert() -> Any:
    made = Row([Two()])
    made.insert(0, One())
    return made.pop().run()


def f_extend() -> Any:
    made = Row([Two()])
    made.extend(One() for _ in range(3))
    return made[2].run()


def f_dict() -> Any:
    made = Table(a=One())
    made["b"] = Two()
    return made["a"].run()


def f_dict_of_rows() -> Any:
    made = Table([("a", One())])
    made["b"] = Two()
    return made["a"].run()


def f_dict_of_a_dict() -> Any:
    made: Any = Table({"a": One()})
    made["b"] = Two()
    return made.get("a").run()


def f_update() -> Any:
    made = Table()
    made.update(a=One())
    made["b"] = Two()
    return made["a"].run()


def f_setdefault() -> Any:
    made = Table()
    made["b"] = Two()
    return made.setdefault("a", One()).run()


def f_put_by_super() -> Any:
    made = Put()
    made["a"] = Two()
    made["b"] = One()
    return made["b"].run()


def f_set() -> Any:
    made = Bag([One()])
    made.add(Two())
    return [item.run() for item in made]


def f_hashed() -> Any:
    return Bag([Key()])


def f_class_method_in_c() -> Any:
    return Table.fromkeys([1], One())[1].run()


CASES = {name: found for name, found in globals().items() if name.startswith("f_")}


def closure(function: Callable[..., Any], *args: Any, observed: bool = True) -> set[str]:
    nodes = Tracker(function, observed=observed).graph(args, {}).nodes.values()
    return {n["name"].partition(":")[2] for n in nodes if n["kind"] in ("function", "method")}


@pytest.mark.parametrize("case", CASES)
def test_what_is_put_into_a_subclass_of_a_container_is_in_there(case: str) -> None:
    # Nothing is observed, so what is not followed would be missing.
    assert "one" in closure(CASES[case], observed=False)


def test_a_container_of_its_own_lets_nothing_out_of_sight() -> None:
    def f(value: Any) -> Any:
        made = Row([value])
        made.append(One())
        return made[0].run(), json.loads("1").other()

    found = closure(f, Two(), observed=False)
    assert "one" in found
    assert "One.other" not in found


def test_what_stands_in_the_brackets_of_a_class_is_not_made() -> None:
    def f() -> Any:
        return Kept[Row](), Kept[Made], Kept[One]

    assert not {"Made.__init__", "One.run", "one"} & closure(f)
    assert not {"Made.__init__", "One.run", "one"} & closure(f, observed=False)


def test_calling_what_cannot_be_called_lets_nothing_out_of_sight() -> None:
    def f(number: Any) -> Any:
        made = One()
        hooks: Any = (None, 1, "text", number)
        for hook in hooks:
            try:
                hook(made)
            except TypeError:
                continue
        return json.loads("1").other()

    assert not {"One.other", "two"} & closure(f, 3)
