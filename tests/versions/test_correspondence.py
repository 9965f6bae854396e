"""Old code and new: what stays a hit when a project is renamed, moved, formatted or switched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FILES = {
    "shop/__init__.py": "",
    "shop/prices.py": (
        "RATE = 3\n\n\ndef helper(x):\n    y = x * RATE\n    return y\n\n\n"
        "class Model:\n    power = 2\n\n    def fit(self, x):\n        return x ** self.power\n"
    ),
    "shop/work.py": (
        "from dumbo import memo\nfrom shop.prices import Model, helper\n\n\n"
        "@memo(keep='always')\ndef f(x):\n    print('computed')\n"
        "    return helper(x) + Model().fit(x)\n"
    ),
}


class Project:
    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.cache = cache
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, name: str, before: str, after: str) -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert before in text
        self.write(name, text.replace(before, after))

    def computes(self, code: str = "from shop.work import f; f(3)") -> bool:
        """Whether a new process computes the call."""
        path = os.pathsep.join([str(self.folder), str(ROOT), *filter(None, sys.path)])
        ran = subprocess.run(
            [sys.executable, "-B", "-c", code],
            env={"PYTHONPATH": path, "DUMBO_DIR": str(self.cache)},
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        return "computed" in ran.stdout

    def git(self, *words: str) -> None:
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        subprocess.run(["git", *who, *words], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project", tmp_path / "cache")
    assert project.computes()
    assert not project.computes()
    return project


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_branch_that_is_switched_to_and_fro_has_hits_on_both_sides(project: Project) -> None:
    project.git("init", "-q")
    project.git("add", ".")
    project.git("commit", "-qm", "one")
    project.git("branch", "first")
    project.git("checkout", "-qb", "second")
    project.replace("shop/prices.py", "RATE = 3", "RATE = 4")
    project.replace("shop/prices.py", "x ** self.power", "x * self.power")
    project.git("commit", "-qam", "two")
    assert project.computes()
    for branch in ("first", "second", "first", "second"):
        project.git("checkout", "-q", branch)
        assert not project.computes(), branch


def test_a_project_that_is_moved_keeps_its_results(project: Project, tmp_path: Path) -> None:
    shutil.move(project.folder, tmp_path / "elsewhere")
    project.folder = tmp_path / "elsewhere"
    assert not project.computes()


def test_a_package_that_is_renamed_keeps_its_results(project: Project) -> None:
    shutil.move(project.folder / "shop", project.folder / "store")
    project.replace("store/work.py", "shop.prices", "store.prices")
    assert not project.computes("from store.work import f; f(3)")


def test_functions_and_helpers_that_are_renamed_and_moved_keep_their_results(
    project: Project,
) -> None:
    project.write(
        "shop/other.py", "from shop.prices import RATE\n\n\ndef times(x):\n    return x * RATE\n"
    )
    project.replace("shop/prices.py", "def helper(x):\n    y = x * RATE\n    return y", "")
    project.write("shop/other.py", "RATE = 3\n\ndef times(n):\n    z = n * RATE\n    return z\n")
    project.replace("shop/work.py", "Model, helper", "Model\nfrom shop.other import times")
    project.replace("shop/work.py", "helper(x)", "times(x)")
    project.replace("shop/work.py", "def f(x)", "def total(x)")
    assert not project.computes("from shop.work import total; total(3)")


def test_layout_comments_annotations_and_the_order_of_definitions_do_not_count(
    project: Project,
) -> None:
    project.write(
        "shop/prices.py",
        '"""Prices."""\n\n\nclass Model:\n    """A model."""\n\n'
        "    def fit(self, x: float) -> float:\n        # times\n        return (\n"
        "            x ** self.power\n        )\n\n    power = 2\n\n\n"
        'def helper(x: int) -> "int":\n    """Help."""\n    product = x * RATE\n'
        "    return product\n\n\nRATE: int = 3\n",
    )
    assert not project.computes()


def test_another_version_in_the_decorator_makes_results_stale(project: Project) -> None:
    project.replace("shop/work.py", "keep='always'", "keep='always', version='2'")
    assert project.computes()
    project.replace("shop/work.py", ", version='2'", "")
    assert not project.computes()
