"""Which closures certainly run nothing but their own code; and that all others are observed."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import pytest

import dumbo
from dumbo import Cache
from dumbo.tracing.closed import ALONE, CLOSED, OPEN, closed

RATE = 3
TABLE = {"a": 1, "b": 2}
HANDLERS: list[Callable[..., Any]] = [lambda x: x]


def helper(x, factor=2):
    return x * factor


def certainty(f: Any, *args: Any) -> int:
    """What `closed` says of the closure of a call."""
    f(*args)
    keeper = f._keeper
    call = dumbo.call.Call()
    dumbo.keeping.identity.locate(keeper, call, args, {})
    return closed(call.snapshot)


def scalars(a, b, c):
    return a


def calls_helpers(x):
    return helper(x) + helper(x, factor=RATE)


def uses_builtins(x):
    items = sorted([math.sqrt(n) for n in range(x)], key=lambda item: -item)
    return sum(items) + len(TABLE) + max(items, default=0)


def branches(x):
    try:
        return {"one": x}.get("one", 0) + TABLE["a"]
    except (KeyError, ValueError) as error:
        raise RuntimeError(f"{x} is wrong") from error


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (scalars, (1, "two", 2.5)),
        (calls_helpers, (3,)),
        (uses_builtins, (4,)),
        (branches, (5,)),
    ],
)
def test_a_function_of_plain_values_is_closed(cache: Cache, function: Any, args: Any) -> None:
    assert certainty(cache.memo(keep="always")(function), *args) == ALONE


def test_memoized_functions_within_are_told_apart(cache: Cache) -> None:
    global fib

    @cache.memo(keep="always")
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert certainty(fib, 5) == CLOSED


def runs_handlers(x):
    return sum(handler(x) for handler in HANDLERS)


def imports(x):
    import json

    return json.dumps(x)


def imports_by_a_name_that_is_a_method(x):
    import index  # type: ignore[import-not-found]

    return index.x


def prints(x):
    print(x, end="")  # which somebody may have replaced the output of
    return x


def formats(x):
    return "{.real}".format(x)  # noqa: UP032 - what is tested


def decodes(x):
    return "text".encode(x)


def makes_a_class(x):
    class Made:
        def __len__(self):
            return x

    return len(Made())


def evaluates(x):
    return eval("x + 1")


def gets(x):
    return getattr(sys, "maxsize") + x  # noqa: B009 - what is tested


def looks_at_frames(x):
    return (lambda: x).__globals__["RATE"]


def writes(x):
    global RATE
    RATE = RATE
    return x


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (runs_handlers, 1),
        (imports, 1),
        (prints, 1),
        (formats, 1),
        (decodes, "ascii"),
        (makes_a_class, 1),
        (evaluates, 1),
        (gets, 1),
        (looks_at_frames, 1),
        (writes, 1),
    ],
)
def test_what_leads_elsewhere_is_not_closed(cache: Cache, function: Any, argument: Any) -> None:
    assert certainty(cache.memo(keep="always")(function), argument) == OPEN


def test_an_import_is_found_whatever_the_module_is_called(cache: Cache) -> None:
    f = cache.memo(keep="always")(imports_by_a_name_that_is_a_method)
    with pytest.raises(ModuleNotFoundError):
        certainty(f, 1)
    call = dumbo.call.Call()
    dumbo.keeping.identity.locate(f._keeper, call, (1,), {})
    assert closed(call.snapshot) == OPEN


class Holder:
    def __add__(self, other):
        return helper(other)


@pytest.mark.parametrize("argument", [[1], {"a": 1}, Holder(), helper, None])
def test_only_plain_arguments_are_closed(cache: Cache, argument: Any) -> None:
    @cache.memo(keep="always")
    def f(x):
        return 1

    assert certainty(f, argument) == (ALONE if argument is None else OPEN)


def test_what_is_put_on_a_function_may_be_called_like_a_method(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "count", Holder(), raising=False)
    assert certainty(cache.memo(keep="always")(calls_helpers), 3) == OPEN


def test_an_ignored_argument_may_be_anything(cache: Cache) -> None:
    @cache.memo(keep="always", ignore=["y"])
    def f(x, y):
        return x

    assert certainty(f, 1, 2) == OPEN


def test_a_matched_argument_may_be_anything(cache: Cache) -> None:
    class Number:
        def __init__(self, value):
            self.value = value

        def __radd__(self, other):
            return other + self.value

    @cache.memo(keep="always", key={"y": dumbo.by.version("value")})
    def f(x, y):
        return x + y

    call = dumbo.call.Call()
    assert f(1, Number(2)) == 3
    dumbo.keeping.identity.locate(f._keeper, call, (1, Number(2)), {})
    assert dumbo.keeping.observing._certainty(f._keeper, call) == OPEN


@pytest.mark.skipif(sys.version_info < (3, 12), reason="nobody is observed before 3.12")
def test_nobody_is_observed_where_that_is_of_no_use(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dumbo.tracing import observer

    opened = []
    start = observer.Recorder.start
    monkeypatch.setattr(
        observer.Recorder, "start", lambda self, **k: (opened.append(1), start(self, **k))[1]
    )
    assert cache.memo(keep="always")(calls_helpers)(3) == 15
    assert opened == []
    cache.memo(keep="always")(runs_handlers)(3)
    assert opened == [1]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="nobody is observed before 3.12")
def test_a_result_that_needed_no_observation_serves_who_observes(cache: Cache) -> None:
    f = cache.memo(keep="always")(calls_helpers)
    f(3)
    entry = f.get_entry(3)
    assert entry is not None
    assert entry._record.extras == b""


def test_a_helper_that_changes_recomputes_what_was_not_observed(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    f = cache.memo(keep="always")(calls_helpers)
    assert f(3) == 15
    monkeypatch.setattr(sys.modules[__name__], "helper", lambda x, factor=2: x)
    assert f(3) == 6
