"""A store of its own for each test, and children that may be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # for desk.py, which children import too

from desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "cache")
    yield desk
    desk.store.close()


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python programs that have `desk`, `store` and `digest`; ends what they leave."""
    started = []

    def start(program: str, directory: Path | None = None) -> subprocess.Popen[str]:
        prelude = (
            f"import sys; sys.path[:0] = [{str(HERE.parents[1])!r}, {str(HERE)!r}]\n"
            "import os, time\nfrom pathlib import Path\nfrom desk import Desk, digest\n"
            f"desk = Desk(Path({str(directory or tmp_path / 'cache')!r})); store = desk.store\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", prelude + program],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
