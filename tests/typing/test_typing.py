"""Type checkers keep parameters, results, methods and overloads of what `memo` decorates."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("cases.py")
ROOT = Path(__file__).parents[2]

ANSWER = re.compile(r"cases\.py:(\d+): (error|note): (.*?)(?:  \[([a-z-]+)\])?$")


def expected() -> dict[int, str]:
    wanted = {}
    for number, line in enumerate(CASES.read_text().splitlines(), 1):
        found = re.search(r"# (reveal|error): (.*)$", line)
        if found:
            wanted[number] = f"{found[1]}: {found[2]}"
    return wanted


def test_mypy_says_of_each_case_what_its_comment_says(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-error-summary",
            "--show-error-codes",
            "--python-version=3.11",
            f"--cache-dir={tmp_path}",
            str(CASES),
        ],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert not done.stderr
    said: dict[int, str] = {}
    for line in done.stdout.splitlines():
        found = ANSWER.search(line)
        if not found:
            pytest.fail(line)
        number, kind, text, code = int(found[1]), found[2], found[3], found[4]
        if kind == "error":
            said[number] = f"error: {code}"
        elif text.startswith("Revealed type is "):
            type_ = text.removeprefix("Revealed type is ").strip('"')
            said[number] = "reveal: " + type_.replace("builtins.", "")
    wanted = expected()
    assert len(wanted) >= 50
    assert said == wanted
