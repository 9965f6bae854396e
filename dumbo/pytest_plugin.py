"""What dumbo's plugin for pytest does: `--dumbo-check`, `--dumbo-update`, and the marker.

The lock is written and compared by another process, after the tests: what tests have patched, and
what pytest has rewritten, has no part in it, and it may import what the tests have not.

pytest loads `pytest_dumbo`, which imports this when it is needed. Where dumbo is imported from a
checkout and not installed, ``-p dumbo.pytest_plugin`` loads both.

Knows pytest and the command line; must not know what a lock is made of.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import dumbo
from pytest_dumbo import (
    dumbo_cache,
    dumbo_edit,
    pytest_addoption,
    pytest_configure,
    pytest_runtest_protocol,
    pytest_runtest_setup,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Locking",
    "check_marker",
    "dumbo_cache",
    "dumbo_edit",
    "pytest_addoption",
    "pytest_configure",
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "switched",
]

_SWITCHES = {"disabled": dumbo.disabled, "read_only": dumbo.read_only}
# Of a run that was broken off, nobody knows what it would have said.
_BROKEN_OFF = (
    pytest.ExitCode.INTERRUPTED,
    pytest.ExitCode.INTERNAL_ERROR,
    pytest.ExitCode.USAGE_ERROR,
)
_FINE = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


def check_marker(marker: pytest.Mark) -> None:
    """Fail the test whose marker cannot be meant."""
    wrong = [name for name in marker.kwargs if name not in _SWITCHES]
    if marker.args or wrong:
        what = repr(marker.args[0]) if marker.args else f"{wrong[0]}="
        pytest.fail(
            f"@pytest.mark.dumbo({what}): there is no such switch; "
            "use disabled=True or read_only=True",
            pytrace=False,
        )


@contextlib.contextmanager
def switched(marker: pytest.Mark) -> Iterator[None]:
    """Do what the marker of a test says while it runs."""
    with contextlib.ExitStack() as stack:
        for name, switch in _SWITCHES.items():
            if marker.kwargs.get(name):
                stack.enter_context(switch())
        yield


class Locking:
    """Compares the lock with the code, or writes it, when the tests have run."""

    def __init__(self, config: pytest.Config, *, updates: bool) -> None:
        self._config = config
        self._updates = updates
        # As it is now: tests may leave anything in it.
        self._environment = dict(os.environ)
        self._said: list[str] = []

    def pytest_report_header(self) -> str:
        return f"dumbo: {'writes' if self._updates else 'checks'} the lock when the tests have run"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus in _BROKEN_OFF:
            self._said = ["The run was broken off: the lock was left as it is, and not checked."]
            return
        if self._updates and self._config.option.collectonly:
            self._said = ["Nothing is written with --collect-only."]
            return
        ran = self._run()
        self._said = [*ran.stderr.splitlines(), *ran.stdout.splitlines()]
        if ran.returncode and exitstatus in _FINE:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("dumbo")
        for line in self._said:
            terminalreporter.line(line)

    def _run(self) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dumbo", "lock"]
        file = self._config.getini("dumbo_lock_file")
        if file:
            command += ["-o", os.path.join(self._config.rootpath, file)]
        if not self._updates:
            command.append("--check")
        command += ["--", *self._config.getini("dumbo_lock_packages")]
        # What pytest has put on the path, such as `pythonpath`, is where the packages are.
        path = os.pathsep.join([os.path.abspath(entry) for entry in sys.path])
        return subprocess.run(
            command,
            cwd=self._config.rootpath,
            env={**self._environment, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
