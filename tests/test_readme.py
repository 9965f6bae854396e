"""What the README says of its first example is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
(EXAMPLE, *_) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)

DOCUMENTS = '[{"title": "a b", "body": "c d e"}, {"title": "a", "body": "b b"}]'


def run(folder: Path, act: str) -> str:
    code = f"import example; print(example.rank.{act}({DOCUMENTS}))"
    ran = subprocess.run(
        # -B: two edits within a second leave a compiled file that looks fresh.
        [sys.executable, "-B", "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DUMBO_DIR": str(folder / "cache")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def replaced(old: str, new: str) -> str:
    assert old in EXAMPLE
    return EXAMPLE.replace(old, new)


@pytest.mark.parametrize(
    ("edited", "kept"),
    [
        (EXAMPLE, True),
        (replaced("weight * len", "2 * weight * len"), False),
        (replaced('"title": 3', '"title": 4'), False),
        (replaced("def score", "\n\n# moved, and explained\ndef score"), True),
        (replaced("    return weight", "    # how many words\n    return weight"), True),
        (EXAMPLE + "\ndef never_reached():\n    return 1\n", True),
    ],
    ids=["as it was", "score", "a weight", "moved", "a comment", "another function"],
)
def test_the_first_example_recomputes_when_it_should(
    edited: str, kept: bool, tmp_path: Path
) -> None:
    (tmp_path / "example.py").write_text(EXAMPLE, encoding="utf-8")
    run(tmp_path, "recompute")
    (tmp_path / "example.py").write_text(edited, encoding="utf-8")
    assert (run(tmp_path, "get_entry") != "None") is kept
    assert run(tmp_path, "why").startswith("hit" if kept else "no entry")


def test_the_two_commands_are_there() -> None:
    commands = re.findall(r"^python3 (\S+) (\S+)$", README, flags=re.MULTILINE)
    assert commands == [("tools/dev.py", "example"), ("tools/dev.py", "test")]
    assert (ROOT / "tools" / "dev.py").is_file()
