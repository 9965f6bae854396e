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
        return dumbo.memo(keep="always")(wrapper)
    return decorate

def base(x):
    return x

two, three = scaled(2)(base), scaled(3)(base)
"""
    first = project(source)
    first.two(1)
    assert not first.three.is_stale(1)
    second = project(source, ("return x\n", "return x + 0\n"))
    assert second.two.is_stale(1)
    assert not second.three.is_stale(1)


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
    monkeypatch.setattr("dumbo.stale.time", lambda: now + 61)
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

@dumbo.memo(keep="always")
def f(name, x):
    return sys.modules[__name__].__dict__["".join(reversed(name))](x)
"""
    first = project(source)
    assert first.f("neddih", 1) == 2
    assert not first.f.is_stale("neddih", 1)
    second = project(source, ("x + 1", "x + 2"))
    assert second.f.is_stale("neddih", 1)
