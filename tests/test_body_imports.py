"""Functions whose bodies import modules: what was stored before the import is found after it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dumbo

PROGRAM = """
import sys
sys.path.insert(0, {root!r})
import dumbo

@dumbo.Cache({cache!r}).memo(keep="always")
def f(x):
    print("ran", x)
    if x == "user":
        import later
        return later.rate()
    if x == "library":
        import xml.dom
        import xml.dom.minidom
        return xml.dom.minidom.parseString("<a/>").documentElement.tagName
    return x

for word in sys.argv[1:]:
    if word.startswith("import:"):
        __import__(word[7:])
    else:
        print(f(word))
"""


@pytest.fixture
def run(tmp_path: Path):
    root = str(Path(dumbo.__file__).parent.parent)
    (tmp_path / "program.py").write_text(PROGRAM.format(root=root, cache=str(tmp_path / "cache")))
    (tmp_path / "later.py").write_text("def rate():\n    return 1\n")

    def run(*words: str) -> list[str]:
        ran = subprocess.run(
            [sys.executable, str(tmp_path / "program.py"), *words],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.splitlines()

    return run


def test_what_was_stored_before_an_import_is_found_after_it(run) -> None:
    assert run("plain", "library", "user") == [
        *("ran plain", "plain", "ran library", "a", "ran user", "1")
    ]
    assert run("plain", "library", "user") == ["plain", "a", "1"]
    assert run("user", "library", "plain") == ["1", "a", "plain"]


def test_another_module_loaded_elsewhere_takes_nothing_away(run) -> None:
    assert run("plain", "library") == ["ran plain", "plain", "ran library", "a"]
    assert run("import:xml", "plain", "library") == ["plain", "a"]
    assert run("import:xml.dom", "plain", "library") == ["plain", "a"]
    assert run("import:xml.dom.minidom", "plain", "library") == ["plain", "a"]


def test_a_call_that_first_imports_in_a_later_process_depends_on_what_it_imports(
    run, tmp_path: Path
) -> None:
    assert run("plain") == ["ran plain", "plain"]
    assert run("user") == ["ran user", "1"]  # its closure was proven before the module was loaded
    assert run("import:later", "user") == ["1"]
    (tmp_path / "later.py").write_text("def rate():\n    return 2\n")
    assert run("import:later", "user") == ["ran user", "2"]
