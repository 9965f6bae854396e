"""Sets up what a task needs, then runs it; needs a Python from 3.11 on and a package registry.

    python3 tools/dev.py example [...]   the main job; further arguments go to examples/run.py
    python3 tools/dev.py test [...]      the tests; further arguments go to pytest
    python3 tools/dev.py lint            ruff, ruff format and mypy, changing nothing

Each Python gets one virtual environment of its own, ``build/venv-3.x``, made with `venv` and
`pip` and filled again when pyproject.toml changes. Nothing outside ``build`` is touched.
``--python PATH`` before the task takes another Python than the one that runs this file.

Knows how to set up; what is checked, and how, stands in pyproject.toml and in the tests.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
WORKERS = 4  # more processes than this spend their time on starting


def main() -> int:
    if sys.version_info < OLDEST:
        version = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"dumbo needs Python 3.11 or newer, and this is {version}: name another one")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default=sys.executable, help="the Python to run the task with")
    parser.add_argument("task", choices=["example", "test", "lint"])
    options, arguments = parser.parse_known_args()
    python = Environment(options.python).python
    run = {"example": example, "test": test, "lint": lint}[options.task]
    os.chdir(ROOT)
    return run(python, arguments)


def example(python: str, arguments: list[str]) -> int:
    return subprocess.call([python, "examples/run.py", *arguments])


def test(python: str, arguments: list[str]) -> int:
    workers = str(min(WORKERS, os.cpu_count() or 1))
    # Some tests go from one Python to the next: to those of which there is an environment.
    built = map(str, sorted((ROOT / "build").glob("venv-*/bin/python")))
    known = {"DUMBO_TEST_PYTHONS": os.pathsep.join(built), **os.environ}
    return subprocess.call([python, "-m", "pytest", "-n", workers, *arguments], env=known)


def lint(python: str, arguments: list[str]) -> int:
    install = [python, "-m", "pip", "install", "--quiet", "--editable", ".[dev]"]
    checks = (
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "mypy", "--strict", "dumbo"],
    )
    if subprocess.call(install):
        return 1
    codes = [subprocess.call([*check, *arguments]) for check in checks]
    return int(any(codes))


class Environment:
    """The virtual environment of one Python, with the project and the tests' needs in it."""

    def __init__(self, base: str) -> None:
        version = _output(base, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
        self.folder = ROOT / "build" / f"venv-{version}"
        self.python = str(self.folder / "bin" / "python")
        stamp = self.folder / "filled-for"
        wanted = hashlib.sha256(
            b"\0".join([os.fsencode(base), (ROOT / "pyproject.toml").read_bytes()])
        ).hexdigest()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        print(f"Setting up {self.folder.relative_to(ROOT)} ...", flush=True)
        self._make(base)
        self._fill()
        stamp.write_text(wanted)

    def _make(self, base: str) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        made = subprocess.run([base, "-m", "venv", self.folder], capture_output=True, text=True)
        if made.returncode == 0:
            return
        # Some distributions cut ensurepip out. Then the pip of the Python that runs this file
        # fetches a new one, which can run from its wheel; an old pip may not know a new Python.
        shutil.rmtree(self.folder, ignore_errors=True)
        bare = [base, "-m", "venv", "--without-pip", self.folder]
        wheels = self.folder / "wheels"
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", wheels]
        if subprocess.call(bare) == 0 and subprocess.call([*fetch, "pip"]) == 0:
            (wheel,) = wheels.glob("pip-*.whl")
            if subprocess.call([self.python, wheel / "pip", "install", "--quiet", wheel]) == 0:
                return
        sys.exit(
            f"{base} cannot make a virtual environment with pip in it:\n{made.stdout}"
            f"{made.stderr}\nInstall its venv module (Debian and Ubuntu: python3-venv)."
        )

    def _fill(self) -> None:
        fault = self._install("--editable", ".[test-base]")
        if fault:
            sys.exit(f"{fault}\nThe installation failed; what pip wrote above says why.")
        extras = _optional_requirements()
        if self._install("--only-binary=:all:", *extras):
            for extra in extras:
                if self._install("--only-binary=:all:", extra):
                    print(f"No wheel of {extra} for this Python: tests that need it are skipped.")

    def _install(self, *what: str) -> str:
        """Install *what*; return what pip wrote if that failed, else nothing."""
        command = [self.python, "-m", "pip", "install", *what]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        return "" if ran.returncode == 0 else f"{ran.stdout}{ran.stderr}"


def _optional_requirements() -> list[str]:
    # Not at the top: an older Python shall get as far as the message about its version.
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]["test"]
    return [extra for extra in extras if not extra.startswith("dumbo[")]


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
