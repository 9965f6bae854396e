"""dumbo's plugin for pytest, as pytest loads it: options, a marker, and two fixtures.

Every run of pytest where dumbo is installed pays for this file, and importing `dumbo` takes longer
than the rest of it: so it lies beside that package, and imports it only for those who ask.

Knows pytest's hooks; what they do is in `dumbo.pytest_plugin` and `dumbo.testing`.
"""

from __future__ import annotations

import sys

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager
    from types import ModuleType

    from dumbo import Cache

_MARKER = (
    "dumbo(disabled=False, read_only=False): run this test with memoized functions that just run, "
    "or that store nothing"
)


# pytest rewrites the asserts of all modules in a plugin's distribution, which takes seconds where
# no bytecode can be kept. Those of dumbo are not for users to read.
for _finder in sys.meta_path:
    if type(_finder).__name__ == "AssertionRewritingHook":
        getattr(_finder, "_must_rewrite", set()).discard("dumbo")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("dumbo", "dumbo, the disk memoizer")
    try:
        group.addoption(
            "--dumbo-check",
            action="store_true",
            help="Fail if memoized functions depend on other code than dumbo.lock says.",
        )
    except ValueError:  # `-p dumbo.pytest_plugin`, where it is installed, too
        return
    group.addoption(
        "--dumbo-update",
        action="store_true",
        help="Write to dumbo.lock what memoized functions depend on.",
    )
    parser.addini(
        "dumbo_lock_packages",
        "packages in dumbo.lock [default: lock-packages in [tool.dumbo] of pyproject.toml]",
        type="args",
    )
    parser.addini("dumbo_lock_file", "the lock [default: dumbo.lock beside pyproject.toml]")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    checks, updates = config.getoption("dumbo_check"), config.getoption("dumbo_update")
    if not (checks or updates):
        return
    if checks and updates:
        raise pytest.UsageError("--dumbo-check or --dumbo-update: one at a time")
    if hasattr(config, "workerinput") or config.pluginmanager.has_plugin("dumbo-locking"):
        return  # of xdist: what started this worker does it, once
    # Imported here: it takes all of dumbo.
    from dumbo.pytest_plugin import Locking

    config.pluginmanager.register(Locking(config, updates=updates), "dumbo-locking")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    marker = item.get_closest_marker("dumbo")
    if marker is not None:
        from dumbo.pytest_plugin import check_marker

        check_marker(marker)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    # All of it: what a fixture starts, such as an event loop, takes the switch along.
    marker = item.get_closest_marker("dumbo")
    if marker is None:
        return (yield)
    from dumbo.pytest_plugin import switched

    with switched(marker):
        return (yield)


@pytest.fixture
def dumbo_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    """An empty `dumbo.Cache` that all memoized functions use in this test; everything is kept."""
    from dumbo.testing import isolated

    with isolated(tmp_path_factory.mktemp("dumbo-cache")) as cache:
        yield cache


@pytest.fixture
def dumbo_edit() -> Callable[[str | ModuleType, str, str], AbstractContextManager[ModuleType]]:
    """Edit a module for the length of a block: ``with dumbo_edit("pkg.mod", old, new): ...``."""
    from dumbo.testing import edited

    return edited
