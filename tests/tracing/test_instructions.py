"""Lowered code: sound for every function of the standard library, alike on every CPython."""

from __future__ import annotations

import dis
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType

import pytest

from dumbo.tracing.instructions import UNDECLARED, Lowered, lower, normalise
from dumbo.tracing.steps import EFFECTS, FINAL

SAMPLE = """
    abc argparse ast asyncio/base_events asyncio/queues asyncio/streams asyncio/taskgroups
    asyncio/tasks asyncio/timeouts bisect calendar cmd code collections/__init__
    concurrent/futures/thread configparser contextlib copy csv dataclasses datetime difflib dis
    email/message enum fileinput fnmatch fractions functools gettext glob graphlib heapq
    html/parser http/client http/cookiejar importlib/_bootstrap inspect io json/decoder json/encoder
    logging/__init__ mailbox mimetypes multiprocessing/pool numbers optparse pdb pickle platform
    plistlib pprint queue random shelve shlex shutil smtplib statistics string subprocess tarfile
    tempfile textwrap threading tokenize traceback types typing unittest/case unittest/mock
    urllib/parse uuid weakref xml/dom/minidom zipfile
""".split()


def nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from nested(const)


@cache
def sample() -> list[CodeType]:
    library = Path(sysconfig.get_path("stdlib"))
    files = [library / f"{name}.py" for name in SAMPLE]
    return [
        code
        for file in files
        if file.exists()  # modules come and go
        for code in nested(compile(file.read_bytes(), str(file), "exec", dont_inherit=True))
    ]


def depths(lowered: Lowered) -> list[int | None]:
    """Return the depth of the stack before each step, None where it is not reached.

    Asserts that all roads to a step agree, and that none takes more than there is.
    """
    steps, handlers = lowered
    found: list[int | None] = [None] * len(steps)
    todo = [(0, 0)]
    while todo:
        index, depth = todo.pop()
        assert 0 <= index < len(steps), "falls or jumps out of the code"
        if found[index] is not None:
            assert found[index] == depth, f"{depth} meets {found[index]} at {index}"
            continue
        found[index] = depth
        step = steps[index]
        for handler in handlers:
            if handler.start <= index < handler.stop:
                assert handler.depth - handler.lasti <= depth
                todo.append((handler.target, handler.depth + 1))
        if step.name == "RETURN_VALUE":
            assert depth >= 1
        if step.target is not None:
            assert depth + step.jump_effect >= 0
            todo.append((step.target, depth + step.jump_effect))
        if step.name not in FINAL:
            assert depth + step.effect >= 0
            todo.append((index + 1, depth + step.effect))
    return found


def test_the_depth_of_the_stack_agrees_wherever_roads_meet() -> None:
    for code in sample():
        try:
            depths(lower(code))
        except AssertionError as cause:
            raise AssertionError(f"{code.co_filename}:{code.co_firstlineno} {code}") from cause


def test_normalised_code_is_as_sound_and_has_no_dead_steps() -> None:
    for code in sample():
        try:
            assert None not in depths(normalise(lower(code)))
        except AssertionError as cause:
            raise AssertionError(f"{code.co_filename}:{code.co_firstlineno} {code}") from cause
