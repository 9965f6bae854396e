"""What tests of lowered code share: a sample of real code, and a check of its stack."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType

import pytest

from dumbo.tracing.steps import FINAL, Handler, Lowered

SAMPLE = """
    abc argparse ast asyncio/base_events asyncio/queues asyncio/streams asyncio/taskgroups
    asyncio/tasks asyncio/timeouts bisect calendar code collections/__init__
    concurrent/futures/thread configparser contextlib copy csv dataclasses datetime difflib dis
    email/message enum fractions functools gettext glob graphlib heapq html/parser http/client
    importlib/_bootstrap inspect io json/decoder json/encoder logging/__init__ mailbox mimetypes
    multiprocessing/pool numbers optparse pdb pickle platform plistlib pprint queue random shelve
    shlex shutil smtplib statistics string subprocess tarfile tempfile textwrap threading tokenize
    traceback types typing unittest/case unittest/mock urllib/parse uuid weakref
    xml/dom/minidom zipfile
"""


def nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from nested(const)


@pytest.fixture(scope="session")
def sources() -> dict[str, bytes]:
    """Some modules of the standard library; they come and go, so not all exist."""
    files = [Path(sysconfig.get_path("stdlib"), f"{name}.py") for name in SAMPLE.split()]
    return {str(file): file.read_bytes() for file in files if file.exists()}


@pytest.fixture(scope="session")
def sample(sources: dict[str, bytes]) -> list[CodeType]:
    """All code objects of these modules."""
    return [
        code
        for file, source in sources.items()
        for code in nested(compile(source, file, "exec", dont_inherit=True))
    ]


@pytest.fixture(scope="session")
def depths() -> Callable[[Lowered], list[int | None]]:
    return measure


def measure(lowered: Lowered) -> list[int | None]:
    """Return the depth of the stack before each step, None where it is not reached.

    Asserts that all ways to a step agree, and that no step takes more than there is.
    """
    steps, handlers = lowered
    catching: dict[int, Handler] = {}
    for handler in handlers:
        for index in range(handler.start, handler.stop):
            assert index not in catching, "two handlers around one step"
            catching[index] = handler
    found: list[int | None] = [None] * len(steps)
    todo = [(0, 0)]
    while todo:
        index, depth = todo.pop()
        assert 0 <= index < len(steps), "falls or jumps out of the code"
        if found[index] is not None:
            assert found[index] == depth, f"{depth} meets {found[index]} at {index}"
            continue
        found[index] = depth
        step, caught = steps[index], catching.get(index)
        if caught is not None:
            assert caught.depth - caught.lasti <= depth
            todo.append((caught.target, caught.depth + 1))
        if step.name == "RETURN_VALUE":
            assert depth >= 1
        if step.target is not None:
            assert depth + step.jump_effect >= 0
            todo.append((step.target, depth + step.jump_effect))
        if step.name not in FINAL:
            assert depth + step.effect >= 0
            todo.append((index + 1, depth + step.effect))
    return found
