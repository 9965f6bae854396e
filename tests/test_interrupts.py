"""What an interrupt, or a signal handler that raises, may not leave behind: a lock that is taken.

Up to Python 3.14, the jump that ends a round of some loops belongs to no handler: what is raised
there passes by a `with` and a `finally` around the loop. So such loops lie in functions of their
own.
"""

from __future__ import annotations

import ast
import dis
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

import dumbo

PACKAGE = Path(dumbo.__file__).parent
LOCKS = ("lock", "mutex", "_opening")
GIVES_BACK = ("_lock.release()", "_writing.release()", "os.close(", "_busy.discard(")


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def guarded(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """The lines of what is followed by giving something back, however it ends."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            if any(word in ast.unparse(node.items[0].context_expr) for word in LOCKS):
                yield node.lineno, node.end_lineno or node.lineno
        elif isinstance(node, ast.Try) and node.finalbody:
            last = "".join(map(ast.unparse, node.finalbody))
            if any(word in last for word in GIVES_BACK):
                yield node.lineno, node.finalbody[0].lineno - 1


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there, lines of jumps may be unknown")
def test_no_loop_passes_by_what_gives_something_back() -> None:
    found = []
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        spans = list(guarded(ast.parse(text)))
        for code in codes(compile(text, str(path), "exec")) if spans else ():
            handled = dis._parse_exception_table(code)  # type: ignore[attr-defined]
            for step in dis.get_instructions(code):
                line = step.positions.lineno if step.positions is not None else None
                if step.opname.startswith("JUMP_BACKWARD") and line is not None:
                    inside = any(first < line <= last for first, last in spans)
                    if inside and not any(one.start <= step.offset < one.end for one in handled):
                        found.append(f"{path.relative_to(PACKAGE)}:{line}")
    assert found == []


PROGRAM = """
import random, signal, sys, time
sys.path.insert(0, {root!r})
import dumbo
from dumbo.tracing import observer

class Rang(Exception):
    pass

def ring(*_):
    raise Rang

@dumbo.Cache(sys.argv[1]).memo(keep="always")
def f(k, n):
    for i in range(n):
        yield [i]

list(f(-1, 5))
signal.signal(signal.SIGALRM, ring)
random.seed(1)
ends = time.monotonic() + 6
number = 0
while time.monotonic() < ends:
    number += 1
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0002, 0.003))
        list(f(number, 30))
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Rang:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if observer._lock.locked():
        sys.exit("the lock is left taken")
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_what_a_signal_handler_raises_while_a_recording_ends_leaves_no_lock(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(root=str(PACKAGE.parent)))
    command = [sys.executable, str(program), str(tmp_path / "cache")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
