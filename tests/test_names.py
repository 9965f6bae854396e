"""What modules are called: scripts by their files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dumbo.names import in_lists, module_name, named

ROOT = Path(__file__).parent.parent

SCRIPT = """
from dumbo import memo

def helper(x):
    return x + 1

@memo(keep="always")
def f(x):
    return helper(x)

if __name__ == "__main__":
    print(f(1), __name__)
"""


@pytest.mark.parametrize(
    ("module", "names", "name"),
    [
        ("json.decoder", {"__file__": "x.py"}, "json.decoder"),
        ("__main__", {"__name__": "__main__", "__file__": "/there/job.py"}, "job"),
        ("__main__", {"__name__": "__main__", "__file__": "C:\\there\\job.py"}, "job"),
        ("__mp_main__", {"__name__": "__mp_main__", "__file__": "job.py"}, "job"),
        (
            "__main__",
            {"__name__": "__main__", "__file__": "job.py", "__package__": "shop.daily"},
            "shop.daily.job",
        ),
        ("__main__", {"__name__": "__main__", "__file__": "job.py", "__package__": None}, "job"),
        ("__main__", {"__name__": "__main__"}, "__main__"),
        ("__main__", {"__name__": "__main__", "__file__": None}, "__main__"),
        ("__main__", {"__name__": "__main__", "__file__": "/tools/job"}, "__main__"),
        ("__main__", {"__name__": "other", "__file__": "other.py"}, "__main__"),
        ("__mp_main__", {}, "__main__"),
    ],
)
def test_a_script_is_called_by_its_file(module: str, names: dict[str, object], name: str) -> None:
    assert module_name(module, names) == name


def test_other_things_are_called_as_python_does() -> None:
    assert named(in_lists) == "dumbo.names:in_lists"
    assert in_lists("json.decoder:JSONDecoder.decode") == "json.decoder:JSONDecoder.decode"
    assert in_lists("json") == "json"


class Scripts:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.write(SCRIPT)

    def write(self, text: str) -> None:
        (self.home / "job.py").write_text(text)

    def run(self, *words: str) -> str:
        known = {name: value for name, value in os.environ.items() if name != "DUMBO_DIR"}
        ran = subprocess.run(
            [sys.executable, *words],
            cwd=self.home,
            capture_output=True,
            text=True,
            env={**known, "PYTHONPATH": str(ROOT), "DUMBO_DIR": str(self.home / "cache")},
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


def test_what_a_script_stored_is_found_from_outside(scripts: Scripts) -> None:
    assert scripts.run("job.py") == "2 __main__\n"
    for place in ("job", "job.py", None):
        words = ["-m", "dumbo", "status", "--json", *([place] if place else [])]
        (one,) = json.loads(scripts.run(*words))
        assert (one["function"], one["state"]) == ("job:f", "fresh")
    assert scripts.run("-m", "dumbo", "why", "job.py:f", "--args", "1").startswith(
        "job.py:f(1): hit"
    )


def test_a_change_of_a_script_is_named_shown_and_accepted_from_outside(scripts: Scripts) -> None:
    scripts.run("job.py")
    scripts.write(SCRIPT.replace("x + 1", "1 + x"))
    (one,) = json.loads(scripts.run("-m", "dumbo", "status", "--json"))
    assert one["because"][0]["path"] == ["job:f", "job:helper"]
    assert "-    return x + 1\n+    return 1 + x" in scripts.run("-m", "dumbo", "diff", "job:f")
    assert "Accepted" in scripts.run("-m", "dumbo", "accept", "job:f", "--yes")
    scripts.run("job.py")
    (row,) = json.loads(scripts.run("-m", "dumbo", "stats", "--json"))["functions"]
    assert (row["function"], row["hits"], row["computed"]) == ("job:f", 1, 1)


def test_a_function_that_reads_the_name_of_its_module_has_results_of_its_own(
    scripts: Scripts,
) -> None:
    scripts.write(SCRIPT.replace("return helper(x)", "return f.__module__"))
    assert scripts.run("job.py") == "__main__ __main__\n"
    assert scripts.run("-c", "import job; print(job.f(1))") == "job\n"
