"""Switching caching off: for a block, for a function, for one context among others."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

import dumbo
from dumbo import InvalidUse
from dumbo.switches import DISABLED, READ_ONLY, current


def test_a_block_is_switched_and_nothing_after_it() -> None:
    assert current() == 0
    with dumbo.disabled():
        assert current() == DISABLED
        with dumbo.read_only():
            assert current() == DISABLED | READ_ONLY
        assert current() == DISABLED
    assert current() == 0


def test_an_exception_switches_back() -> None:
    with pytest.raises(KeyError), dumbo.disabled():
        raise KeyError
    assert current() == 0


def test_one_switch_may_be_entered_again() -> None:
    switch = dumbo.disabled()
    with switch, switch:
        assert current() == DISABLED
    assert current() == 0
    with switch:
        assert current() == DISABLED


def test_a_decorated_function_is_switched_while_it_runs() -> None:
    @dumbo.read_only()
    def f(x):
        """Doc."""
        return current() + x

    assert f(0) == READ_ONLY
    assert current() == 0
    assert (f.__name__, f.__doc__) == ("f", "Doc.")


def test_a_decorated_coroutine_function_is_switched_while_it_runs_and_others_are_not() -> None:
    @dumbo.disabled()
    async def inside():
        await asyncio.sleep(0)
        return current()

    async def outside():
        await asyncio.sleep(0)
        return current()

    async def main():
        return await asyncio.gather(inside(), outside(), inside())

    assert asyncio.run(main()) == [DISABLED, 0, DISABLED]


def test_a_generator_function_cannot_be_switched_as_a_whole() -> None:
    def items():
        yield 1

    with pytest.raises(InvalidUse, match="`with` block inside"):
        dumbo.disabled()(items)


def test_other_threads_are_not_switched() -> None:
    seen = []
    with dumbo.disabled():
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
    inherits = getattr(sys.flags, "thread_inherit_context", False)  # of free-threaded builds
    assert seen == [DISABLED if inherits else 0]
