"""Programs that fork while another thread is in its first memoized call."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dumbo

PROGRAM = """
import os, signal, sys, threading, time
sys.path.insert(0, {root!r})
import dumbo

@dumbo.Cache(sys.argv[1]).memo(keep="always")
def f(x):
    return [x]

stop = []

def spin():
    while not stop:
        f(1)

thread = threading.Thread(target=spin, daemon=True)
thread.start()
time.sleep(float(sys.argv[2]))
pid = os.fork()
if pid == 0:
    signal.alarm(30)  # ends a child that waits for ever
    os._exit(0 if f(2) == [2] else 1)
status = os.waitpid(pid, 0)[1]
stop.append(True)
thread.join(30)
os._exit(status != 0)
"""


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01, 0.03])
def test_a_child_forked_in_the_middle_of_a_first_call_can_call(
    delay: float, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(root=str(Path(dumbo.__file__).parent.parent)))
    command = [sys.executable, "-W", "ignore", str(program), str(tmp_path / "cache"), str(delay)]
    assert subprocess.run(command, env=dict(os.environ)).returncode == 0


def test_a_fork_asks_an_index_that_was_imported_while_it_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dumbo import forks
    from dumbo.persistence import index

    asked: list[bool] = []
    monkeypatch.setattr(index, "before_fork", lambda: asked.append(True))
    monkeypatch.setattr(index, "forking", True)  # it has been asked as others are
    forks._before_fork()
    assert asked == []
    monkeypatch.setattr(index, "forking", False)
    forks._before_fork()
    assert asked == [True]
