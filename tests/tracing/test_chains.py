"""Values that are followed from where they are set to where they decide what runs."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from dumbo.tracing.tracker import Tracker

SOURCE = """
import typing

CACHED = False

def work(value):
    return value

def seldom():
    return 1

def build(value):
    if CACHED:
        try:
            if work(value):
                return
            work(3)
        except ValueError:
            seldom()
    work(2)

class Holder:
    def __init__(self):
        self.option = False

    def fill(self):
        if self.option:
            kept = self.option
            try:
                if work(1):
                    return
                work(3)
            except Exception:
                self.option = kept
        work(2)

def hold(value):
    made = Holder()
    made.fill()
    if made.option:
        return seldom()
    return value

class Shape:
    def area(self):
        return one(self)

    def __repr__(self):
        return seldom()

def one(shape):
    return 1

RULES = {str(number): ["a", "b"] for number in range(40)}

def words():
    found = [rule for rule in RULES.values()]
    found.append(Shape())
    return [one.area() for one in found if isinstance(one, Shape)]

class Box(typing.Generic[typing.TypeVar("T")]):
    def __init__(self):
        self.held = 1

    def show(self):
        return seldom()

    def __str__(self):
        return seldom()

class Word(str):
    def __len__(self):
        return seldom()

class ByObject:
    def __init__(self):
        self.field = work

    def method(self, value):
        return seldom()

    def __getattribute__(self, name):
        return object.__getattribute__(self, name)

class BySuper(ByObject):
    def __getattribute__(self, name):
        return super().__getattribute__(name)

class Raising:
    def __init__(self):
        self.field = work

    def __getattribute__(self, name):
        if name == "method":
            raise AttributeError(name)
        return super().__getattribute__(name)

    def __getattr__(self, name):
        return lambda value: seldom()

HOOKED = {kind.__name__: kind() for kind in (ByObject, BySuper, Raising)}
BY_OBJECT, BY_SUPER, RAISING = HOOKED.values()

def of_made(kind):
    made = {"ByObject": ByObject, "BySuper": BySuper, "Raising": Raising}[kind]()
    return made.field(1), made.method(1)

def of_given(value):
    return value.field(1), value.method(1)

def of_by_object():
    return BY_OBJECT.field(1), BY_OBJECT.method(1)

def of_by_super():
    return BY_SUPER.field(1), BY_SUPER.method(1)

def of_raising():
    return RAISING.field(1), RAISING.method(1)

class Renderer:
    def paragraph(self, token):
        return work(token)

    def text(self, token):
        return one(token)

    def unused(self, token):
        return seldom()

    def by_object(self, token):
        return object.__getattribute__(self, token["type"])(token)

    def by_super(self, token):
        return super().__getattribute__(token["type"])(token)

def tokens(text):
    for letter in text:
        yield {"type": "paragraph" if letter == "p" else "text"}

def render(text):
    return [Renderer().by_object(token) for token in tokens(text)]

def render_by_super(text):
    return [Renderer().by_super(token) for token in tokens(text)]

def ask(value):
    found = []
    for item in (Box(), Word("a"), Shape()):
        try:
            found.append(item.area())
        except AttributeError:
            pass
    return found
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("chains_target")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(compile(SOURCE, "/src/chains_target.py", "exec"), vars(made))
    return made


def closure(function: Any, *args: Any, observed: bool = True, **kwargs: Any) -> set[str]:
    graph = Tracker(function, observed=observed).graph(args, kwargs)
    nodes = graph.nodes.values()
    return {n["name"].partition(":")[2] for n in nodes if n["kind"] in ("function", "method")}


@pytest.mark.parametrize("observed", [True, False])
def test_what_never_raises_leads_into_no_handler(module: Any, observed: bool) -> None:
    # The last `return` is that of the branch, too, around which there is a handler.
    assert closure(module.build, 1, observed=observed) == {"build", "work"}


@pytest.mark.parametrize("observed", [True, False])
def test_a_field_is_what_was_set_where_the_branch_that_sets_it_is_not_taken(
    module: Any, observed: bool
) -> None:
    found = closure(module.hold, 1, observed=observed)
    assert found == {"hold", "Holder.__init__", "Holder.fill", "work"}


def test_many_lists_of_plain_data_are_followed_as_plain_data(module: Any) -> None:
    found = closure(module.words, observed=False)
    assert {"Shape.area", "one"} <= found
    assert not {"Shape.__repr__", "seldom"} & found


def test_a_class_of_a_builtin_base_has_only_the_fields_that_it_sets(module: Any) -> None:
    found = closure(module.ask, 1)
    assert {"Shape.area", "one"} <= found
    assert not {"Box.show", "Box.__str__", "Word.__len__", "seldom"} & found


HOOKED = ["of_by_object", "of_by_super", "of_raising", "of_made", "of_given"]


@pytest.mark.parametrize("observed", [True, False])
@pytest.mark.parametrize("name", HOOKED)
def test_what_a_getattribute_hands_on_to_that_of_object_is_followed(
    module: Any, name: str, observed: bool
) -> None:
    function = getattr(module, name)
    for kind in module.HOOKED if name in ("of_made", "of_given") else [""]:
        given = module.HOOKED[kind] if name == "of_given" else kind
        found = closure(function, *([given] if kind else []), observed=observed)
        assert {"work", "seldom"} <= found


@pytest.mark.parametrize("name", ["render", "render_by_super"])
def test_an_attribute_of_object_by_a_name_of_the_code_is_one_of_these(
    module: Any, name: str
) -> None:
    found = closure(getattr(module, name), "pt")
    assert {"Renderer.paragraph", "Renderer.text", "work", "one"} <= found
    assert "Renderer.unused" not in found
