"""A program of a few files that tests edit, and load again as a new process would."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


class Edited:
    """Files in a folder that is on the path; modules are forgotten before each load."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(self, **files: str) -> None:
        """Write modules by name; two underscores stand for a folder."""
        for name, text in files.items():
            path = self.folder / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def replace(self, name: str, before: str, after: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{before!r} is there {text.count(before)} times"
        path.write_text(text.replace(before, after), encoding="utf-8")

    def load(self, name: str) -> ModuleType:
        """Import a module of the folder anew, with all that it imports from there."""
        self.forget()
        importlib.invalidate_caches()
        return importlib.import_module(name)

    def forget(self) -> None:
        """Take the modules of the folder out of this process."""
        for known, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            if file.startswith(str(self.folder)):
                del sys.modules[known]


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edited]:
    program = Edited(tmp_path / "program", monkeypatch)
    yield program
    program.forget()
