"""Which exceptions stay inside."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dumbo.net import describe, meant_for_the_program, raised_by


class Timeout(Exception):
    pass


def handler(*_: object) -> None:
    raise Timeout


@pytest.fixture
def installed() -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, handler)
    yield
    signal.signal(signal.SIGUSR1, before)


def test_what_a_handler_raises_is_meant_for_the_program(installed: None) -> None:
    with pytest.raises(Timeout) as caught:
        signal.raise_signal(signal.SIGUSR1)
    assert meant_for_the_program(caught.value) is caught.value


def test_also_where_it_was_wrapped_on_its_way(installed: None) -> None:
    def wrap():
        try:
            signal.raise_signal(signal.SIGUSR1)
        except Timeout as error:
            raise LookupError from error

    with pytest.raises(LookupError) as caught:
        wrap()
    assert meant_for_the_program(caught.value) is caught.value.__cause__


def test_everything_else_is_not(installed: None) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0
    assert meant_for_the_program(caught.value) is None


def test_errors_are_described_in_one_line() -> None:
    class Silent(Exception):
        def __str__(self):
            raise RuntimeError

    assert describe(ValueError("one\ntwo")) == "ValueError: one"
    assert describe(KeyError()) == "KeyError"
    assert describe(Silent()) == "Silent"
    assert len(describe(ValueError("x" * 9999))) < 400


PROGRAM = """
import asyncio
import sys
import dumbo

ran = []

def work(n):
    ran.append(n)
    return [n]

async def later(n):
    return work(n)

def items(n):
    yield from work(n)

async def items_later(n):
    for item in work(n):
        yield item

async def all_of(n):
    return [item async for item in keep(items_later)(n)]

keep = dumbo.Cache(sys.argv[1]).memo(keep="always")
f = {
    "plain": keep(work),
    "async": lambda n, f=keep(later): asyncio.run(f(n)),
    "generator": lambda n, f=keep(items): list(f(n)),
    "async generator": lambda n: asyncio.run(all_of(n)),
}[sys.argv[2]]
asyncio.run(asyncio.sleep(0))
if len(sys.argv) > 3:
    f(int(sys.argv[3]))
sys.meta_path.clear()  # as after chroot, or when the user has changed: no module is found any more
assert (f(3), f(3)) == ([3], [3])
assert set(ran) <= {3, 4}
"""


@pytest.mark.parametrize("kind", ["plain", "async", "generator", "async generator"])
@pytest.mark.parametrize("before", [[], ["3"], ["4"]])
def test_a_process_that_can_import_nothing_more_computes(
    tmp_path: Path, kind: str, before: list[str]
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "cache"), kind, *before]
    subprocess.run(command, check=True)


def test_who_of_the_program_raised_is_named() -> None:
    def outer() -> None:
        inner()

    def inner() -> None:
        int("none")

    with pytest.raises(ValueError, match="none") as caught:
        outer()
    assert raised_by(caught.value).endswith("inner")
    assert raised_by(ValueError()) == ""


def test_what_the_standard_library_raises_is_nobodys() -> None:
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("{")
    traceback = caught.value.__traceback__
    assert traceback is not None
    assert raised_by(caught.value.with_traceback(traceback.tb_next)) == ""  # without this test
