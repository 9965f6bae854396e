"""The example does what the README says of it, over a few files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_example_recomputes_what_depends_on_each_edit_and_nothing_else() -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "run.py"), "--files", "30"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    # It compares what ran with what should have, and each result with an undecorated run's.
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "WRONG" not in ran.stdout
    assert ran.stdout.endswith("All as it should be.\n")
