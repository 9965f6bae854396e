"""The soak of `benchmarks/soak.py`, in short."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_processes_that_store_evict_and_are_killed_leave_a_clean_cache(tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", str(ROOT / "benchmarks" / "soak.py")),
            *("--seconds", "6", "--processes", "4", "--limit", "20000000"),
            *("--dir", str(tmp_path / "cache")),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
