"""The benchmarks, as small as they can be: what they call is there, and what they claim holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("program", "options", "said"),
    [
        ("tracing.py", ("--sizes", "10", "--turns", "1"), "to tracing"),
        ("guards.py", ("--sizes", "10"), "Each of these was seen"),
        ("storing.py", ("--bytes", "100000", "--turns", "1"), "text       stored in"),
        ("hits.py", ("--turns", "1"), "a number                       1.0 times"),
    ],
)
def test_it_runs_and_its_own_checks_pass(
    program: str, options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "benchmarks" / program), *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert said in ran.stdout
