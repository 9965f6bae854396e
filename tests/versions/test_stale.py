"""Results of older code: known as such, and handed out only where somebody allows it."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import dumbo

Ran = list[object]

SOURCE = """
import sys
import dumbo

LEVEL = 1

def helper(x):
    return x * 2

class Model:
    def __init__(self, weight):
        self.weight = weight

    @dumbo.memo(keep="always")
    def fit(self, x):
        return self.weight * helper(x)

    @dumbo.memo(keep="always")
    @classmethod
    def made(cls, x):
        return helper(x)

class Other(Model):
    pass

@dumbo.memo(keep="always")
def f(x, level=None):
    sys.audit("ran", x)
    return [helper(x), LEVEL]

@dumbo.memo(keep="always")
def weighed(model):
    return model.weight * helper(1)

@dumbo.memo(keep="always")
def applied(function, x):
    return function(x)

@dumbo.memo(keep="always")
async def later(x):
    return helper(x)

@dumbo.memo(keep="always")
def steps(x):
    yield helper(x)
    yield helper(x + 1)

def double(x): return 2 * x
def triple(x): return 3 * x
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a module, and import it anew, as another process would."""
    monkeypatch.syspath_prepend(tmp_path)
    # Two versions of one file may have the same size, and be written in the same second.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(source: str = SOURCE, *edits: tuple[str, str], name: str = "project") -> Any:
        for before, after in edits:
            assert before in source
            source = source.replace(before, after)
        (tmp_path / f"{name}.py").write_text(source)
        sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield load
    sys.modules.pop("project", None)


EDIT = ("x * 2", "x * 3")


def test_a_result_is_stale_when_what_it_depends_on_has_changed(project: Any, ran: Ran) -> None:
    first = project()
    assert not first.f.is_stale(1)  # nothing is stored
    first.f(1)
    assert not first.f.is_stale(1)
    second = project(SOURCE, EDIT)
    assert second.f.is_stale(1)
    assert second.f.is_stale(x=1)
    assert not second.f.is_stale(2)
    assert len(ran) == 1
    second.f(1)
    assert not second.f.is_stale(1)


def test_taking_a_change_back_makes_a_result_fresh_again(project: Any) -> None:
    project().f(1)
    assert project(SOURCE, EDIT).f.is_stale(1)
    assert not project().f.is_stale(1)


def test_methods_coroutines_and_generators_may_be_asked(project: Any) -> None:
    import asyncio

    first = project()
    first.Model(2).fit(1), first.Model.made(1), list(first.steps(1))
    asyncio.run(first.later(1))
    second = project(SOURCE, EDIT)
    assert second.Model(2).fit.is_stale(1)
    assert second.Model.fit.is_stale(second.Model(2), 1)
    assert not second.Model(3).fit.is_stale(1)
    assert second.Model.made.is_stale(1)
    assert second.later.is_stale(1)
    assert second.steps.is_stale(1)


def test_the_same_call_with_other_code_as_its_argument_is_not_stale(project: Any) -> None:
    first = project()
    first.applied(first.double, 1)
    assert not first.applied.is_stale(first.triple, 1)
    assert not first.applied.is_stale(len, 1)
    assert not first.applied.is_stale(lambda x: x, 1)
    second = project(SOURCE, ("return 2 * x", "return x + x"))
    assert second.applied.is_stale(second.double, 1)
    assert not second.applied.is_stale(second.triple, 1)


def test_an_instance_of_another_class_is_another_argument(project: Any) -> None:
    first = project()
    first.weighed(first.Model(1))
    second = project(SOURCE, EDIT)
    assert second.weighed.is_stale(second.Model(1))
    assert not second.weighed.is_stale(second.Other(1))


def test_results_of_other_functions_that_have_the_same_name_are_not_stale_ones(
    cache: dumbo.Cache,
) -> None:
    def made(factor: int) -> Any:
        @cache.memo(keep="always")
        def f(x: int) -> int:
            return x * factor

        return f

    two, three = made(2), made(3)
    two(1)
    assert not three.is_stale(1)
    first = cache.memo(keep="always")(lambda x: x)
    second = cache.memo(keep="always")(lambda x: -x)
    first(1)
    assert not second.is_stale(1)


def test_scripts_that_share_a_directory_do_not_share_their_past(
    tmp_path: Path, project: Any
) -> None:
    project().f(1)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "project.py").write_text(SOURCE.replace(*EDIT))
    sys.modules.pop("project")
    sys.path.insert(0, str(tmp_path / "elsewhere"))
    importlib.invalidate_caches()
    try:
        assert not importlib.import_module("project").f.is_stale(1)
    finally:
        sys.path.pop(0)


def test_a_function_without_a_name_of_its_own_is_known_as_long_as_it_lives(
    cache: dumbo.Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache.memo(keep="always")
    def f(x: int) -> str:
        return os.path.basename(helped(x))

    f(1)
    monkeypatch.setitem(globals(), "helped", lambda x: "other")
    assert f.is_stale(1)


def helped(x: int) -> str:
    return f"a/{x}"


def test_wrappers_that_look_alike_are_told_apart(project: Any) -> None:
    source = """
import functools
import dumbo

def scaled(factor):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(x):
            return function(x) * factor
        return wrapper
    return decorate

def base(x):
    return x

two = dumbo.memo(keep="always")(scaled(2)(base))
three = dumbo.memo(keep="always")(scaled(3)(base))

@dumbo.memo(keep="always")
@scaled(2)
def named(x):
    return x - 1

named.again = dumbo.memo(keep="always")(scaled(3)(named.__wrapped__.__wrapped__))
"""
    first = project(source)
    first.two(1), first.named(1)
    assert not first.three.is_stale(1)
    assert not first.named.again.is_stale(1)
    second = project(
        source,
        ("return x - 1", "return x - 2"),
    )
    assert second.named.is_stale(1)
    assert not second.named.again.is_stale(1)
    assert not second.three.is_stale(1)


def test_a_later_function_of_the_same_name_is_another_one(project: Any) -> None:
    source = """
import dumbo

@dumbo.memo(keep="always", on_stale="reuse")
def f(x):
    return x + 1

earlier = f

@dumbo.memo(keep="always", on_stale="reuse")
def f(x):
    return x + 2

def plain(x):
    return x

kept = dumbo.memo(keep="always", on_stale="reuse")(plain)
"""
    first = project(source)
    assert (first.earlier(1), first.f(1), first.kept(1)) == (2, 3, 1)
    second = project(source, ("x + 2", "x + 4"), ("    return x\n", "    return +x\n"))
    assert (second.earlier(1), second.earlier(2)) == (2, 3)
    with pytest.warns(dumbo.StaleResultWarning):
        assert second.f(1) == 3
    with pytest.warns(dumbo.StaleResultWarning):
        assert second.kept(1) == 1
    assert second.f(2) == 6


def test_an_expired_result_is_not_a_stale_one(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    aged = (
        '@dumbo.memo(keep="always")\ndef f',
        "@dumbo.memo(keep='always', expires_after=60)\ndef f",
    )
    project(SOURCE, aged).f(1)
    second = project(SOURCE, aged, EDIT)
    assert second.f.is_stale(1)
    now = time.time()
    monkeypatch.setattr("dumbo.versions.stale.time", lambda: now + 61)
    assert not second.f.is_stale(1)


def test_a_result_made_of_a_file_that_changed_is_not_one_of_older_code(
    project: Any, tmp_path: Path
) -> None:
    source = """
import dumbo

def helper(text):
    return text * 2

@dumbo.memo(keep="always", reads="observed")
def f(path):
    with open(path) as file:
        return helper(file.read())
"""
    path = tmp_path / "data.txt"
    path.write_text("1")
    project(source).f(str(path))
    second = project(source, ("text * 2", "text * 3"))
    assert second.f.is_stale(str(path))
    path.write_text("2")
    assert not second.f.is_stale(str(path))


def test_asking_about_arguments_that_do_not_fit_raises_what_the_call_would(project: Any) -> None:
    with pytest.raises(TypeError):
        project().f.is_stale()


def test_arguments_without_a_key_are_not_stale(project: Any) -> None:
    assert not project().f.is_stale(iter([1]))


def test_what_only_its_run_has_shown_counts_too(project: Any) -> None:
    if not hasattr(sys, "monitoring"):
        pytest.skip("nobody observes before 3.12")
    source = """
import sys
import dumbo

def hidden(x):
    return x + 1

@dumbo.memo(keep="always", on_stale="reuse")
def f(name, x):
    return sys.modules[__name__].__dict__["".join(reversed(name))](x)
"""
    first = project(source)
    assert first.f("neddih", 1) == 2
    assert not first.f.is_stale("neddih", 1)
    second = project(source, ("x + 1", "x + 2"))
    assert second.f.is_stale("neddih", 1)
    with pytest.warns(dumbo.StaleResultWarning, match="project:hidden"):
        assert second.f("neddih", 1) == 2


# -- handing them out ------------------------------------------------------------------------


def reusing(keywords: str) -> tuple[str, str]:
    return ('keep="always")\ndef f', f'keep="always", {keywords})\ndef f')


@pytest.fixture
def warned(recwarn: pytest.WarningsRecorder) -> Any:
    """The texts of warnings of stale results so far; forgets them."""
    import warnings

    warnings.simplefilter("always")

    def texts() -> list[str]:
        found = [one for one in recwarn.list if one.category is dumbo.StaleResultWarning]
        recwarn.clear()
        return [str(one.message) for one in found]

    return texts


def test_a_stale_result_is_reused_with_a_warning_that_names_what_changed(
    project: Any, ran: Ran, warned: Any
) -> None:
    rule = reusing("on_stale='reuse'")
    assert project(SOURCE, rule).f(1) == [2, 1]
    second = project(SOURCE, rule, EDIT)
    assert second.f(1) == [2, 1]
    assert len(ran) == 1
    (text,) = warned()
    assert text.startswith("project:f: a stale result is reused (on_stale='reuse'): project:helper")
    assert "`return x * 2` is now `return x * 3`" in text
    assert second.f.is_stale(1)
    assert second.f.why(1).code == "reused"
    assert second.f.get_entry(1) is None
    assert second.f(2) == [6, 1]  # nothing stale is there
    assert warned() == []


def test_the_warning_points_at_the_call(project: Any) -> None:
    rule = reusing("on_stale='reuse'")
    project(SOURCE, rule).f(1)
    second = project(SOURCE, rule, EDIT)
    with pytest.warns(dumbo.StaleResultWarning) as caught:
        second.f(1)
    assert caught[0].filename == __file__
    assert issubclass(dumbo.StaleResultWarning, dumbo.DumboWarning)
    assert issubclass(dumbo.DumboWarning, UserWarning)


def test_a_program_that_makes_errors_of_warnings_gets_one(project: Any) -> None:
    import warnings

    rule = reusing("on_stale='reuse'")
    project(SOURCE, rule).f(1)
    second = project(SOURCE, rule, EDIT)
    with warnings.catch_warnings():
        warnings.simplefilter("error", dumbo.StaleResultWarning)
        with pytest.raises(dumbo.StaleResultWarning):
            second.f(1)


def test_the_default_recomputes(project: Any, ran: Ran, warned: Any) -> None:
    project().f(1)
    assert project(SOURCE, EDIT).f(1) == [3, 1]
    assert project(SOURCE, reusing("on_stale='recompute'"), EDIT).f(1) == [3, 1]
    assert warned() == []


def test_recompute_computes_anew_and_ends_it(project: Any, ran: Ran, warned: Any) -> None:
    rule = reusing("on_stale='reuse'")
    project(SOURCE, rule).f(1)
    second = project(SOURCE, rule, EDIT)
    assert second.f(1) == [2, 1]
    assert second.f.recompute(1) == [3, 1]
    warned()
    assert second.f(1) == [3, 1]
    assert not second.f.is_stale(1)
    assert warned() == []


def test_the_newest_of_several_stale_results_is_reused(
    project: Any, warned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = reusing("on_stale='reuse'")
    project(SOURCE, rule).f(1)
    project(SOURCE, rule, ("x * 2", "x * 5")).f.recompute(1)
    assert project(SOURCE, rule, EDIT).f(1) == [5, 1]


def test_a_value_that_changed_is_named_too(project: Any, warned: Any) -> None:
    rule = reusing("on_stale='reuse'")
    project(SOURCE, rule).f(1)
    assert project(SOURCE, rule, ("LEVEL = 1", "LEVEL = 7")).f(1) == [2, 1]
    assert "project:LEVEL" in warned()[0]


def test_only_what_is_dear_is_reused_where_a_limit_is_set(
    project: Any, ran: Ran, warned: Any
) -> None:
    cheap, dear = reusing("recompute_within='10 min'"), reusing("recompute_within=1e-9")
    first = project(SOURCE, cheap)
    first.f(1), first.f(2)
    second = project(SOURCE, cheap, EDIT)
    assert second.f(1) == [3, 1]
    assert second.f.why(2).code == "not reused"
    assert "recompute_within allows that" in second.f.why(2)
    assert project(SOURCE, dear, EDIT).f(2) == [4, 1]
    assert "recompute_within=" in warned()[0]


def test_settings_say_so_for_all_functions(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: Any
) -> None:
    project().f(1)
    monkeypatch.setenv("DUMBO_ON_STALE", "reuse")
    second = project(SOURCE, EDIT)
    assert second.f(1) == [2, 1]
    assert len(warned()) == 1
    # What the decorator says wins.
    assert project(SOURCE, reusing("on_stale='recompute'"), ("x * 2", "x * 9")).f(1) == [9, 1]
    assert warned() == []


def test_a_setting_that_makes_no_sense_recomputes_and_says_so(
    project: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, warned: Any
) -> None:
    first = project(SOURCE, EDIT)
    monkeypatch.setenv("DUMBO_ON_STALE", "sometimes")
    assert first.f(1) == [3, 1]
    assert "DUMBO_ON_STALE='sometimes'" in caplog.text


def test_functions_with_other_code_as_their_argument_do_not_share_stale_results(
    project: Any, warned: Any
) -> None:
    rule = ('keep="always")\ndef applied', 'keep="always", on_stale="reuse")\ndef applied')
    first = project(SOURCE, rule)
    assert first.applied(first.double, 2) == 4
    assert first.applied(first.triple, 2) == 6
    second = project(SOURCE, rule, ("return 2 * x", "return x + x"))
    assert second.applied(second.triple, 2) == 6
    assert warned() == []
    second.applied(second.double, 2)
    assert len(warned()) == 1


def test_streams_coroutines_methods_and_lazy_results_are_reused(project: Any, warned: Any) -> None:
    import asyncio

    rule = ('keep="always")', 'keep="always", on_stale="reuse")')
    first = project(SOURCE, rule)
    first.Model(2).fit(1), first.Model.made(1), asyncio.run(first.later(1))
    assert list(first.steps(1)) == [2, 4]
    second = project(SOURCE, rule, EDIT)
    assert second.Model(2).fit(1) == 4
    assert second.Model.made(1) == 2
    assert asyncio.run(second.later(1)) == 2
    assert list(second.steps(1)) == [2, 4]
    assert len(warned()) == 4


# -- and what is made of them ----------------------------------------------------------------

NESTED = """
import asyncio
import contextlib
import functools
import sys
import threading
import dumbo

def helper(x):
    return x * 2

@dumbo.memo(keep="always", on_stale="reuse")
def inner(x):
    return helper(x)

@dumbo.memo(keep="always", on_stale="reuse")
def items(x):
    yield helper(x)
    yield helper(x)

@dumbo.memo(keep="always", on_stale="reuse")
async def awaited(x):
    return helper(x)

@dumbo.memo(keep="always")
def outer(x):
    return inner(x) + 1

@dumbo.memo(keep="always")
def outermost(x):
    return outer(x) + 1

@dumbo.memo(keep="always")
def threaded(x):
    found = []
    thread = threading.Thread(target=lambda: found.append(inner(x)))
    thread.start()
    thread.join()
    return found

@dumbo.memo(keep="always")
def summed(x):
    return sum(items(x))

@dumbo.memo(keep="always")
async def gathered(x):
    return sum(await asyncio.gather(awaited(x), asyncio.to_thread(inner, x)))

@dumbo.memo(keep="always")
def produced(x):
    yield 0
    yield inner(x)

@dumbo.memo(keep="always")
def other(x):
    return helper(x)

@functools.lru_cache
def cached(x):
    return inner(x)

@dumbo.memo(keep="always")
def through_a_cache(x, y):
    return cached(x) + y

table = {}

def tabled(x):
    if x not in table:
        table[x] = inner(x)
    return table[x]

@dumbo.memo(keep="always")
def through_a_table(x, y):
    return tabled(x) + y

@functools.singledispatch
def dispatched(x):
    return inner(x)

@dumbo.memo(keep="always")
def through_a_decorator(x, y):
    return dispatched(x) + y

@contextlib.contextmanager
def context():
    yield inner

@dumbo.memo(keep="always")
def in_a_context(x, y):
    with context() as function:
        return function(x) + y

class Thing:
    def __init__(self, x):
        self.x = x

    @functools.cached_property
    def value(self):
        return inner(self.x)

@dumbo.memo(keep="always")
def through_a_property(thing, y):
    return thing.value + y

@dumbo.memo(keep="always")
def added(a, b):
    return a + b
"""


@pytest.fixture
def nested(project: Any, warned: Any) -> Any:
    """The module after `helper` was edited, when `inner` and the like have stale results."""
    import asyncio

    first = project(NESTED)
    first.inner(1), list(first.items(1)), asyncio.run(first.awaited(1))
    return project(NESTED, EDIT)


def test_what_is_made_of_a_stale_result_is_not_stored(nested: Any) -> None:
    assert nested.outermost(1) == 4
    assert nested.outer.get_entry(1) is None
    assert nested.outermost.get_entry(1) is None
    assert nested.outer.is_stale(1)
    assert nested.outermost.is_stale(1)
    assert nested.outermost.why(1) == "not stored: a stale result of project:inner went into it"
    nested.inner.recompute(1)
    assert nested.outermost(1) == 5
    assert nested.outermost.get_entry(1) is not None
    assert not nested.outermost.is_stale(1)


def test_what_another_thread_is_given_counts(nested: Any) -> None:
    assert nested.threaded(1) == [2]
    assert nested.threaded.get_entry(1) is None


def test_what_tasks_are_given_counts(nested: Any) -> None:
    import asyncio

    assert asyncio.run(nested.gathered(1)) == 4
    assert nested.gathered.get_entry(1) is None


def test_what_is_iterated_counts(nested: Any) -> None:
    assert nested.summed(1) == 4
    assert nested.summed.get_entry(1) is None
    assert list(nested.produced(1)) == [0, 2]
    assert nested.produced.get_entry(1) is None


def test_an_iteration_that_began_before_counts_where_it_goes_on(
    nested: Any, cache: dumbo.Cache
) -> None:
    items = nested.items(1)
    next(items)

    @cache.memo(keep="always", ignore=["items"])
    def rest(items: Any, x: int) -> int:
        return sum(items) + x

    assert rest(items, 0) == 2
    assert rest.get_entry(None, 0) is None


def test_what_has_no_part_in_it_is_stored(nested: Any) -> None:
    nested.inner(1)
    assert nested.other(1) == 3
    assert nested.other.get_entry(1) is not None


def test_a_result_that_is_given_as_an_argument_is_data(nested: Any) -> None:
    assert nested.added(nested.inner(1), 1) == 3
    assert nested.added.get_entry(2, 1) is not None


def test_a_cache_that_keeps_a_stale_result_does_not_make_it_fresh(nested: Any) -> None:
    assert nested.through_a_cache(1, 1) == 3
    assert nested.through_a_cache(1, 2) == 4  # inner() is not called again
    assert nested.through_a_cache.get_entry(1, 2) is None
    assert nested.through_a_cache.is_stale(1, 2)


def test_a_hand_made_cache_does_not_make_it_fresh(nested: Any) -> None:
    assert nested.through_a_table(1, 1) == 3
    assert nested.through_a_table(1, 2) == 4
    assert nested.through_a_table.get_entry(1, 2) is None


def test_a_cached_property_does_not_make_it_fresh(nested: Any) -> None:
    thing = nested.Thing(1)
    assert nested.through_a_property(thing, 1) == 3
    assert nested.through_a_property(thing, 2) == 4
    assert nested.through_a_property.get_entry(thing, 2) is None


def test_a_decorator_of_which_nobody_knows_does_not_make_it_fresh(nested: Any) -> None:
    assert nested.through_a_decorator(1, 1) == 3
    assert nested.through_a_decorator(2, 1) == 7  # which is fresh, but who knows
    assert nested.through_a_decorator.get_entry(2, 1) is None


def test_a_function_that_hands_out_both_keeps_nobody_from_storing_fresh_ones(nested: Any) -> None:
    assert (nested.outer(1), nested.outer(2)) == (3, 7)
    assert nested.outer.get_entry(1) is None
    assert nested.outer.get_entry(2) is not None
    assert nested.in_a_context(2, 1) == 7
    assert nested.in_a_context.get_entry(2, 1) is not None


def test_explicit_acts_store_nothing_stale_either(nested: Any) -> None:
    assert nested.outer.recompute(1) == 3
    assert nested.outer.get_entry(1) is None
    nested.outer.insert(4, 1)  # whoever says so, knows
    assert nested.outer(1) == 4


def test_stale_results_count_as_hits_that_are_told_apart(nested: Any) -> None:
    before = nested.inner.stats()
    nested.inner(1), nested.inner(1)
    found = nested.inner.stats()
    assert (found.hits - before.hits, found.reused - before.reused) == (2, 2)
    assert "a result of older code was handed out" in str(found)


def test_workers_of_multiprocessing_compute_again(
    nested: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import multiprocessing.process

    monkeypatch.setattr(multiprocessing.process, "parent_process", lambda: object())
    assert nested.inner(1) == 3


# -- asking ----------------------------------------------------------------------------------

ASKING = reusing("on_stale='ask'")


class Terminal:
    """A terminal with somebody who has made up his mind."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.shown = ""

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.answers.pop(0)

    def write(self, text: str) -> None:
        self.shown += text

    def flush(self) -> None:
        pass


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Any:
    from dumbo.versions import consent

    def sit(*answers: str) -> Terminal:
        terminal = Terminal(*answers)
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setattr(consent, "_somebody_is_there", lambda: True)
        return terminal

    monkeypatch.setattr(consent, "_answers", {})
    return sit


def test_who_says_yes_is_asked_once(project: Any, terminal: Any, ran: Ran, warned: Any) -> None:
    first = project(SOURCE, ASKING)
    first.f(1), first.f(2)
    second = project(SOURCE, ASKING, EDIT)
    shown = terminal("y\n")
    assert (second.f(1), second.f(2)) == ([2, 1], [4, 1])
    assert shown.shown.count("reuse stale results of project:f in this run?") == 1
    assert "`return x * 2` is now `return x * 3`" in shown.shown
    assert len(warned()) == 2
    third = project(SOURCE, ASKING, ("x * 2", "x * 7"))
    terminal("n\n")  # another version, another question
    assert third.f(1) == [7, 1]


def test_who_says_no_gets_a_fresh_one(project: Any, terminal: Any, warned: Any) -> None:
    first = project(SOURCE, ASKING)
    first.f(1), first.f(2)
    second = project(SOURCE, ASKING, EDIT)
    shown = terminal("what?\n", "\n")
    assert (second.f(1), second.f(2)) == ([3, 1], [6, 1])
    assert shown.answers == []
    assert warned() == []


def test_the_difference_can_be_looked_at(project: Any, terminal: Any, warned: Any) -> None:
    project(SOURCE, ASKING).f(1)
    second = project(SOURCE, ASKING, EDIT)
    shown = terminal("d\n", "")
    assert second.f(1) == [3, 1]
    assert "-    return x * 2" in shown.shown
    assert "+    return x * 3" in shown.shown


def test_where_nobody_sits_it_is_computed_again_with_a_reason(
    project: Any, warned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    first = project(SOURCE, ASKING)
    first.f(1), first.f(2)
    second = project(SOURCE, ASKING, EDIT)
    assert second.f(1) == [3, 1]
    assert "nobody at a terminal" in second.f.why(2)
    assert warned() == []


def test_an_interrupt_at_the_question_reaches_the_program(
    project: Any, terminal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(SOURCE, ASKING).f(1)
    second = project(SOURCE, ASKING, EDIT)
    shown = terminal()

    def interrupt() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(shown, "readline", interrupt)
    with pytest.raises(KeyboardInterrupt):
        second.f(1)
    terminal("y\n")
    with pytest.warns(dumbo.StaleResultWarning):
        assert second.f(1) == [2, 1]


def test_only_what_can_be_meant_is_accepted_at_decoration() -> None:
    for keywords in (
        {"on_stale": "sometimes"},
        {"on_stale": 1},
        {"recompute_within": "soon"},
        {"recompute_within": -1},
        {"recompute_within": True},
        {"on_stale": "recompute", "recompute_within": "1 min"},
    ):
        with pytest.raises(dumbo.InvalidUse, match="memo\\("):
            dumbo.memo(**keywords)(helped)  # type: ignore[call-overload]
