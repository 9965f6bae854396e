"""What a memoized function looks like to those who inspect, copy and document functions."""

from __future__ import annotations

import asyncio
import copy
import doctest
import functools
import inspect
import io
import pydoc
import sys
import types
import typing

import pytest

import dumbo
from dumbo import Cache, Memoized, memo


def original(a: int, /, b: str = "b", *args: int, c: float = 2.5, **rest: object) -> list[object]:
    """Say what it got.

    >>> original(1)
    [1, 'b', 2.5]
    """
    return [a, b, c]


original.remark = "kept"  # type: ignore[attr-defined]
original_memoized = memo(original)


async def coroutine(x: int) -> int:
    return x


def generator(x):
    yield x


async def async_generator(x):
    yield x


class Model:
    @memo
    def method(self, x: int) -> int:
        """Double."""
        return 2 * x

    @memo
    async def later(self, x: int) -> int:
        return x

    @memo
    @classmethod
    def of(cls, x: int) -> str:
        """Name the class."""
        return cls.__name__


# -- inspection --------------------------------------------------------------------------------


def test_names_documentation_and_attributes_are_the_functions() -> None:
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__"):
        assert getattr(original_memoized, name) == getattr(original, name)
    assert original_memoized.remark == "kept"
    assert original_memoized.__wrapped__ is original


def test_what_runs_cannot_be_swapped_behind_its_back() -> None:
    with pytest.raises(AttributeError):
        memo(original).__wrapped__ = coroutine


def test_signature_and_type_hints() -> None:
    assert inspect.signature(original_memoized) == inspect.signature(original)
    assert str(inspect.signature(Model().method)) == "(x: 'int') -> 'int'"
    assert str(inspect.signature(Model.method)) == "(self, x: 'int') -> 'int'"
    assert str(inspect.signature(Model.of)) == "(x: 'int') -> 'str'"
    assert typing.get_type_hints(original_memoized)["return"] == list[object]
    assert typing.get_type_hints(Model().method) == {"x": int, "return": int}


def test_source() -> None:
    assert inspect.getsource(original_memoized) == inspect.getsource(original)
    assert "return 2 * x" in inspect.getsource(Model().method)
    assert inspect.getdoc(Model().method) == "Double."
    assert inspect.getmodule(original_memoized) is sys.modules[__name__]


@pytest.mark.parametrize(
    "question",
    [
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.isroutine,
        callable,
    ],
)
@pytest.mark.parametrize("function", [original, coroutine, generator, async_generator])
def test_inspect_sees_the_kind_of_function(question, function) -> None:
    assert question(memo(function)) == question(function)
    assert question(functools.partial(memo(function))) == question(functools.partial(function))


def test_bound_coroutine_functions_are_seen() -> None:
    assert inspect.iscoroutinefunction(Model().later)
    assert not inspect.iscoroutinefunction(Model().method)
    if sys.version_info < (3, 14):  # deprecated since
        assert asyncio.iscoroutinefunction(Model().later)
        assert asyncio.iscoroutinefunction(memo(coroutine))


def test_bound_ones_are_routines_and_stay_bound_in_a_class() -> None:
    bound = Model().method
    assert inspect.isroutine(bound)
    assert inspect.isroutine(Model.of)
    other = type("Other", (), {"borrowed": bound})
    assert other().borrowed is bound


def test_defaults_are_the_functions_to_read_and_to_write(cache: Cache, ran: list[object]) -> None:
    def f(x, y=1):
        sys.audit("ran", y)
        return [x, y]

    g = cache.memo(keep="always")(f)
    assert g(1) == [1, 1]
    g.__defaults__ = (2,)
    assert f.__defaults__ == (2,)
    assert g(1) == [1, 2]
    assert ran == [1, 2]


def test_help_shows_signature_and_documentation() -> None:
    text = pydoc.plain(pydoc.render_doc(original_memoized))
    assert "original(" in text
    assert "Say what it got." in text
    text = pydoc.plain(pydoc.render_doc(Model))
    assert "method(self, x" in text
    assert "Double." in text


def test_doctest_finds_and_runs_the_examples() -> None:
    module = types.ModuleType("documented")
    source = (
        "from dumbo import memo\n"
        "@memo\n"
        "def f(x):\n"
        "    '''\n    >>> f(1)\n    2\n    '''\n"
        "    return x + 1\n"
        "class A:\n"
        "    @memo\n"
        "    def g(self):\n"
        "        '''\n        >>> A().g()\n        3\n        '''\n"
        "        return 3\n"
    )
    sys.modules["documented"] = module
    try:
        exec(source, module.__dict__)
        found = {test.name: test for test in doctest.DocTestFinder().find(module)}
        assert {"documented.f", "documented.A.g"} <= set(found)
        runner = doctest.DocTestRunner()
        out = io.StringIO()
        for test in found.values():
            runner.run(test, out=out.write)
        assert runner.summarize(verbose=False) == (0, 2)
    finally:
        del sys.modules["documented"]


def test_functools_wraps_takes_a_memoized_function() -> None:
    @functools.wraps(original_memoized)
    def wrapper(*args, **kwargs):
        return original_memoized(*args, **kwargs)

    assert wrapper.__name__ == "original"
    assert wrapper.__wrapped__ is original_memoized
    assert inspect.unwrap(wrapper) is original
    assert wrapper.remark == "kept"
    assert not [name for name in vars(wrapper) if name.startswith("_") and name[:2] != "__"]


def test_representations_name_the_function() -> None:
    assert repr(original_memoized).startswith("<memoized original at 0x")
    assert repr(Model().method).startswith("<bound memoized Model.method of <")


def test_memoized_is_generic_for_annotations() -> None:
    alias = Memoized[[int], str]
    assert alias.__origin__ is Memoized
    assert typing.get_type_hints(lambda: None) == {}


def test_a_bound_method_has_the_attributes_of_its_function() -> None:
    bound = Model().method
    assert (bound.__name__, bound.__qualname__) == ("method", "Model.method")
    assert (bound.__doc__, bound.__module__) == ("Double.", __name__)
    assert isinstance(bound.__self__, Model)
    assert bound.__func__ is Model.method
    assert bound.__wrapped__(4) == 8
    assert Model.of.__doc__ == "Name the class."
    assert type(bound).__module__ == "dumbo.bound"
    with pytest.raises(AttributeError):
        bound.nothing


def test_subclasses_override_and_reach_memoized_methods_by_super(cache: Cache) -> None:
    class Base:
        @cache.memo(keep="always")
        def f(self, x):
            return [x]

    class Derived(Base):
        @cache.memo(keep="always")
        def f(self, x):
            return [*super().f(x), type(self).__name__]

    assert Derived().f(1) == Derived().f(1) == [1, "Derived"]
    assert Base().f(1) == [1]


# -- copies ------------------------------------------------------------------------------------


def test_copies_are_the_same_object_as_for_functions() -> None:
    assert copy.copy(original_memoized) is original_memoized
    assert copy.deepcopy({"f": original_memoized})["f"] is original_memoized
    method = Model().method
    assert copy.copy(method) is method
    assert copy.deepcopy(method).__self__ is not method.__self__
    assert copy.deepcopy(method)(2) == 4


def test_one_frame_of_dumbos_lies_on_the_stack(cache: Cache) -> None:
    def names():
        frame, found = sys._getframe(1), []
        while frame.f_code.co_name != "test_one_frame_of_dumbos_lies_on_the_stack":
            found.append(frame.f_code.co_name)
            frame = frame.f_back
        return found

    class Local:
        @cache.memo
        def method(self):
            return names()

    @cache.memo
    async def coro():
        return names()

    async def main():
        return await coro()

    assert cache.memo(names)() == ["__call__"]
    assert Local().method() == ["method", "__call__"]
    assert asyncio.run(main())[:3] == ["coro", "__call__", "main"]


def test_deep_recursion_has_room(cache: Cache) -> None:
    @cache.memo(keep="always")
    def down(n):
        return 0 if n == 0 else 1 + down(n - 1)

    # 3.11 counts the call of an object as one more level.
    depth = 250 if sys.version_info < (3, 12) else 400
    assert down(depth) == depth
    assert down.cache_info().entries > depth - 20


def test_the_public_class_is_the_one_that_memo_makes() -> None:
    assert type(original_memoized) is dumbo.Memoized
    assert isinstance(memo(coroutine), dumbo.Memoized)
    assert isinstance(memo(generator), dumbo.Memoized)
