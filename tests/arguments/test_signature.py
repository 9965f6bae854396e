"""However a call is written, its values are the same; and a call that does not fit says so."""

from __future__ import annotations

import functools
import inspect
import operator
import subprocess
import sys
from typing import Any

import pytest

from dumbo.arguments.signature import Binder, check_ignored, parameters_of
from dumbo.errors import InvalidUse


def call(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


def bind(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], ignore: Any = ()) -> Any:
    binder = Binder(function, ignore)
    values = binder.bind(args, kwargs)
    assert len(values) == len(binder.names)
    return dict(zip(binder.names, values, strict=True))


def plain(a, b=2): ...
def positional(a, b=2, /, c=3, *, d=4): ...
def star(*args): ...
def stars(a, *args, k=1, **kwargs): ...
def clash(self, args, kwargs, bind, function, names, values, at): ...
def same_name(a, /, **a_or_more): ...
def keyword_only(*, a, b=1): ...
def nothing(): ...


PLAIN = [
    (plain, [call(1), call(1, 2), call(a=1), call(b=2, a=1), call(1, b=2)]),
    (positional, [call(1), call(1, 2), call(1, 2, 3), call(1, c=3), call(1, d=4, c=3)]),
    (star, [call(1, 2), call(*[1, 2])]),
    (stars, [call(1, 2, x=1, y=2), call(1, 2, y=2, x=1, k=1)]),
    (stars, [call(1), call(a=1), call(1, k=1), call(k=1, a=1)]),
    (keyword_only, [call(a=1), call(b=1, a=1)]),
    (nothing, [call()]),
    (lambda x, y=1: x, [call(1), call(x=1), call(y=1, x=1)]),
]


@pytest.mark.parametrize(("function", "calls"), PLAIN)
def test_ways_to_write_one_call_have_the_same_values(function: Any, calls: Any) -> None:
    values = [bind(function, *c) for c in calls]
    assert all(v == values[0] and list(v) == list(values[0]) for v in values)
    assert [repr(v) for v in values] == [repr(values[0])] * len(values)


def test_values_stand_under_the_names_of_the_parameters() -> None:
    assert bind(positional, *call(1)) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert bind(stars, *call(1, 2, z=3)) == {"a": 1, "args": (2,), "k": 1, "kwargs": {"z": 3}}
    assert bind(nothing, *call()) == {}
    assert bind(same_name, *call(1, a=2)) == {"a": 1, "a_or_more": {"a": 2}}


def test_calls_that_differ_have_other_values() -> None:
    calls = [
        call(1), call(2), call(1, 2), call((1, 2)), call(1, (2,)), call(1, k=2), call(1, x=2),
        call(1, ("x", 2)), call(1, {"x": 2}), call(1, x=2, y=3), call(1, x=3, y=2),
    ]  # fmt: skip
    values = [repr(bind(stars, *c)) for c in calls]
    assert len(set(values)) == len(values)


def test_keywords_that_are_no_identifiers() -> None:
    odd = {"not an identifier": 1, "": 2, "a\0b": 3, "self": 4}
    assert bind(lambda **k: k, (), odd) == {"k": dict(sorted(odd.items()))}


def test_parameters_may_have_any_name() -> None:
    names = ("self", "args", "kwargs", "bind", "function", "names", "values", "at")
    expected = {name: n for n, name in enumerate(names)}
    assert bind(clash, tuple(range(8)), {}) == expected
    assert bind(clash, (), expected) == expected


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (plain, *call()),
        (plain, *call(1, 2, 3)),
        (plain, *call(1, c=3)),
        (plain, *call(1, a=1)),
        (positional, *call(a=1)),
        (keyword_only, *call(1)),
        (nothing, *call(1)),
    ],
)
def test_a_call_that_does_not_fit_is_a_type_error(function: Any, args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) "):
        Binder(function).bind(args, kwargs)


def test_no_user_code_runs_while_binding() -> None:
    class Hostile:
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError

        __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __getattribute__  # type: ignore[assignment]

    value = Hostile()
    assert Binder(stars).bind((value, value), {"k": value, "x": value, "y": value})[0] is value


# Other callables


class Callable:
    def __call__(self, a, b=2): ...

    def method(self, a, b=2): ...

    @classmethod
    def of_class(cls, a, b=2): ...


@pytest.mark.parametrize(
    "function",
    [Callable(), Callable().method, Callable.of_class, functools.partial(plain)],
    ids=["instance", "method", "classmethod", "partial"],
)
def test_other_callables_have_the_parameters_that_are_left(function: Any) -> None:
    for args, kwargs in (call(1), call(a=1), call(1, 2), call(1, b=2)):
        assert bind(function, args, kwargs) == {"a": 1, "b": 2}


def test_a_partial_leaves_out_what_it_fixes_in_place() -> None:
    assert bind(functools.partial(plain, 1), *call()) == {"b": 2}
    assert bind(functools.partial(plain, b=5), *call(1)) == {"a": 1, "b": 5}
    assert bind(functools.partial(plain, b=5), *call(1, b=6)) == {"a": 1, "b": 6}
    with pytest.raises(TypeError):
        bind(functools.partial(plain, b=5), *call(1, 6))


def test_builtins_with_and_without_a_signature() -> None:
    assert list(bind(len, *call([1])).values()) == [[1]]
    assert bind(max, *call(1, 2)) == {"args": (1, 2), "kwargs": {}}
    assert bind(operator.itemgetter(1), *call([1, 2]))


def logged(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs, function(*args, **kwargs)

    return wrapper


def test_a_wrapper_gets_what_the_caller_gave() -> None:
    # It can tell f(1) from f(a=1), so they must not share an entry.
    wrapper = logged(plain)
    assert bind(wrapper, *call(1)) == {"args": (1,), "kwargs": {}}
    assert bind(wrapper, *call(a=1)) == {"args": (), "kwargs": {"a": 1}}


def test_an_invented_signature_is_not_believed() -> None:
    class Lying:
        __signature__ = inspect.signature(plain)

        def __call__(self, *args: Any) -> Any: ...

    assert bind(Lying(), *call(1, 2, 3)) == {"args": (1, 2, 3), "kwargs": {}}


def test_a_parameter_that_only_bytecode_can_name() -> None:
    generator = (x for x in ()).gi_code  # its parameter is called .0
    function = type(plain)(generator, {})
    assert bind(function, *call(iter(()))).keys() == {"args", "kwargs"}


# Ignored parameters


def test_ignored_parameters_are_left_out() -> None:
    assert bind(stars, *call(1, 2, k=3, z=4), ["k", "args"]) == {"a": 1, "kwargs": {"z": 4}}
    assert bind(stars, *call(1, 2, k=3, z=4), ["kwargs"]) == {"a": 1, "args": (2,), "k": 3}
    assert bind(plain, *call(1, 2), ["a", "b"]) == {}
    with pytest.raises(TypeError):
        bind(plain, *call(), ["a"])


def test_ignored_parameters_of_a_wrapped_function() -> None:
    wrapper = logged(plain)
    check_ignored(wrapper, ["b"])
    assert bind(wrapper, *call(1, 5), ["b"]) == bind(wrapper, *call(1, 6), ["b"])
    assert bind(wrapper, *call(1, b=5), ["b"]) == bind(wrapper, *call(1, b=6), ["b"])
    assert bind(wrapper, *call(1, 5), ["b"]) != bind(wrapper, *call(2, 5), ["b"])


def test_a_wrapper_keeps_what_it_takes_itself() -> None:
    @functools.wraps(plain)
    def wrapper(first: Any, *args: Any) -> Any: ...

    assert bind(wrapper, *call(1, 2), ["a"]) == {"first": 1, "args": (2,)}


@pytest.mark.parametrize("function", [plain, Callable(), logged(plain), functools.partial(plain)])
def test_an_ignored_name_that_is_no_parameter_is_refused(function: Any) -> None:
    with pytest.raises(InvalidUse, match=r"'verbose'.*parameters: .*a.*b"):
        check_ignored(function, ["a", "verbose"])


def test_one_name_is_not_a_list_of_names() -> None:
    with pytest.raises(InvalidUse, match=r"\['b'\]"):
        check_ignored(plain, "b")


def test_there_may_be_no_parameter_at_all() -> None:
    with pytest.raises(InvalidUse, match="none"):
        check_ignored(nothing, ["a"])
    check_ignored(nothing, [])


# Changes in the running process


def made() -> Any:
    def function(a, b=1, *, c=2): ...

    return function


@pytest.mark.parametrize("wrap", [lambda f: f, functools.partial, lambda f: f.__get__(1)])
def test_a_binder_knows_when_the_function_was_changed(wrap: Any) -> None:
    for change in (
        lambda f: setattr(f, "__defaults__", (5,)),
        lambda f: setattr(f, "__kwdefaults__", {"c": 5}),
        lambda f: setattr(f, "__code__", (lambda a, b=1, *, c=2: 5).__code__),
    ):
        function = made()
        wrapped = wrap(function)
        binder = Binder(wrapped)
        assert not binder.stale(wrapped)
        change(function)
        assert binder.stale(wrapped)
        assert not Binder(wrapped).stale(wrapped)


def test_the_binder_of_a_class_instance_sees_a_new_call_method() -> None:
    class Kind:
        def __call__(self, a): ...

    value = Kind()
    binder = Binder(value)
    assert not binder.stale(value)
    Kind.__call__ = lambda self, b: None  # type: ignore[method-assign]
    assert binder.stale(value)


def test_defaults_that_change_in_place_count_as_they_are() -> None:
    def function(a=[], *, k=1): ...  # noqa: B006 - a case

    binder = Binder(function)
    function.__defaults__[0].append(1)
    function.__kwdefaults__["k"] = 2
    assert binder.bind((), {}) == ([1], 2)


def test_a_plain_function_is_bound_without_inspect() -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        "from dumbo.arguments.signature import Binder, check_ignored\n"
        "def f(a, *args, k=1, **kwargs): ...\n"
        "check_ignored(f, ['k']); Binder(f, ['k']).bind((1,), {})\n"
        "heavy = {'inspect', 'typing', 'dataclasses', 're', 'enum'}\n"
        "assert not heavy & (set(sys.modules) - before)\n"
    )
    path = f"import sys; sys.path[:0] = {sys.path!r}\n"
    subprocess.run([sys.executable, "-S", "-c", path + program], check=True)


def test_parameters_are_those_that_inspect_finds() -> None:
    for function, _ in PLAIN:
        assert parameters_of(function).names() == list(inspect.signature(function).parameters)
