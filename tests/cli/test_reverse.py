"""Who depends on a thing: what would be computed again if it were touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = str(Path(__file__).parent.parent.parent)

FILES = {
    "shop/__init__.py": "",
    "shop/tools.py": """
RATE = 3
TABLE = {"a": 1}
OTHER = 3

def helper(x):
    return x * RATE

def unused(x):
    return x

class Model:
    scale = 2

    def fit(self, x):
        return helper(x) * self.scale
""",
    "shop/prices.py": """
import json

from dumbo import memo
from shop import tools
from shop.tools import OTHER, RATE as rate, helper as assistant

@memo(keep="always")
def price(x):
    return middle(x)

def middle(x):
    return assistant(x) + rate

@memo(keep="always")
def table(x):
    return tools.TABLE["a"] + x

class Shop:
    @memo(keep="always")
    def total(self, x):
        return tools.Model().fit(x)

    @property
    @memo
    def size(self):
        return json.dumps(OTHER)

    class Inner:
        @staticmethod
        @memo
        def plain(x):
            return x
""",
    "shop/broken.py": "1 / 0\n",
    "shop/__main__.py": "raise SystemExit('the program ran')\n",
    "script.py": """
from dumbo import memo
from shop import tools

@memo(keep="always")
def report(model, x):
    return model.fit(x)

if __name__ != "script":
    report(tools.Model(), 1), report(tools.Model(), 2)
""",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": ROOT,
            "PYTHONIOENCODING": "utf-8",
            "DUMBO_DIR": str(folder / "cache"),
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def dependents(folder: Path, *arguments: str) -> dict[str, Any]:
    """The memoized functions that are found, by name, and whether the program ran for it."""
    ran = run(folder, "-m", "dumbo", "deps", "--reverse", "--format", "json", *arguments)
    assert ran.returncode == 0, ran.stderr
    assert "the program ran" not in ran.stderr
    nodes = json.loads(ran.stdout)["nodes"]
    return {node["name"]: node for node in nodes if node.get("memoized")}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("shop.tools:helper", {"price", "Shop.total"}),
        ("shop.prices:assistant", {"price", "Shop.total"}),
        ("shop/tools.py:helper", {"price", "Shop.total"}),
        ("shop.tools:RATE", {"price", "Shop.total"}),
        ("shop.tools:TABLE", {"table"}),
        ("shop.tools:OTHER", {"Shop.size"}),
        ("shop.tools:Model", {"Shop.total"}),
        ("shop.tools:Model.fit", {"Shop.total"}),
        ("shop.tools:Model.scale", {"Shop.total"}),
        ("shop.tools", {"price", "table", "Shop.total", "Shop.size"}),
        ("shop.prices:middle", {"price"}),
        ("shop.prices:Shop.Inner.plain", {"Shop.Inner.plain"}),
        ("shop.tools:unused", set()),
    ],
)
def test_whoever_reaches_it_is_found(target: str, expected: set[str], project: Path) -> None:
    assert set(dependents(project, target)) == {f"shop.prices:{name}" for name in expected}


def test_a_library_is_asked_about_where_one_says(project: Path) -> None:
    assert set(dependents(project, "json", "--in", "shop.tools")) == set()
    assert "shop.prices:Shop.size" in dependents(project, "json", "--in", "shop")


def test_the_way_to_each_of_them_is_drawn(project: Path) -> None:
    ran = run(project, "-m", "dumbo", "deps", "--reverse", "shop.tools:helper")
    lines = [line.partition("  [")[0] for line in ran.stdout.splitlines()]
    assert lines[0] == "shop.tools:helper"
    way = ["├── shop.prices:middle", "│   └── shop.prices:price"]
    assert "\n".join(way) in "\n".join(lines)
    (failure,) = ran.stderr.splitlines()
    assert failure.startswith("dumbo: left out: importing 'shop.broken' failed with ZeroDivision")


def test_nobody_is_said_to_be_nobody(project: Path) -> None:
    ran = run(project, "-m", "dumbo", "deps", "--reverse", "shop.tools:unused")
    assert ran.returncode == 0
    assert ran.stderr.endswith("dumbo: nothing memoized that was looked through depends on it\n")


def test_the_store_knows_of_functions_that_nobody_imports(project: Path) -> None:
    assert run(project, "-c", "import runpy; runpy.run_path('script.py')").returncode == 0
    known = dependents(project, "shop.tools:helper")
    (label,) = set(known) - {"shop.prices:price", "shop.prices:Shop.total"}
    # The call's own argument led there: without it, nobody could say what `model.fit` is.
    assert label.endswith(":report")
    assert known[label]["entries"] == 2
    assert known[label]["seconds"] > 0
    assert not any(node.get("entries") for name, node in known.items() if name != label)


def test_what_is_stored_of_them_is_counted(project: Path) -> None:
    code = "from shop.prices import price, table; [price(n) for n in range(3)]; table(1)"
    assert run(project, "-c", code).returncode == 0
    assert dependents(project, "shop.tools:RATE")["shop.prices:price"]["entries"] == 3


def test_looking_creates_no_cache(project: Path) -> None:
    dependents(project, "shop.tools:helper")
    assert not (project / "cache").exists()
