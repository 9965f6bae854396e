"""`dumbo lock` on real projects, in real processes and real git repositories."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dumbo.lockfile.compare import compare
from dumbo.lockfile.form import read

ROOT = Path(__file__).parent.parent
FIXTURES = Path(__file__).parent / "fixtures"

FILES = {
    "pyproject.toml": '[tool.dumbo]\nlock-packages = ["shop"]\ndir = ".cache"\n',
    ".gitignore": ".cache\n__pycache__\n",
    "shop/__init__.py": "",
    "shop/tools.py": """
import math

RATE = 3

def helper(x):
    return x * RATE + math.floor(x)

def other(x):
    return x + 1

class Model:
    scale = 2

    def fit(self, x):
        return helper(x) * self.scale
""",
    "shop/prices.py": """
from dumbo import memo
from shop import tools
from shop.tools import helper

@memo(keep="always")
def price(x):
    return middle(x)

def middle(x):
    return helper(x)

@memo(keep="always")
def total(x):
    return tools.Model().fit(x)

@memo(keep="always")
def lonely(x):
    return tools.other(x)
""",
}


class Project:
    """A project in a git repository."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for name, text in FILES.items():
            self.write(name, text)
        self.git("init", "-q", "-b", "main")

    def write(self, name: str, text: str) -> None:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.home / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.home,
            capture_output=True,
            text=True,
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("DUMBO_")},
                "PYTHONPATH": str(ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_CONFIG_NOSYSTEM": "1",
            },
        )

    def git(self, *command: str, fails: bool = False) -> str:
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        ran = self.run("git", *who, *command)
        assert fails or ran.returncode == 0, ran.stderr + ran.stdout
        return ran.stdout

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def python(self, code: str) -> str:
        ran = self.run(sys.executable, "-c", code)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def lock(self, *arguments: str, status: int = 0) -> str:
        ran = self.run(sys.executable, "-m", "dumbo", "lock", *arguments)
        assert ran.returncode == status, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    @property
    def text(self) -> str:
        return (self.home / "dumbo.lock").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def test_a_pull_request_is_told_what_it_would_compute_again(project: Project) -> None:
    assert project.lock() == "3 memoized functions written to dumbo.lock\n"
    project.commit("base")
    project.python("from shop.prices import *; price(1); price(2); total(1); lonely(1)")

    project.git("checkout", "-q", "-b", "change")
    project.edit("shop/tools.py", "x * RATE", "x * RATE * 2")
    said = project.lock("--check", status=1)
    assert "of 3 memoized functions, 2 of them would be computed again" in said
    assert "shop.prices:price: 2 results here that took" in said
    assert "shop.prices:price > shop.prices:middle > shop.tools:helper" in said
    assert "shop.prices:total > shop.tools:Model.fit > shop.tools:helper" in said
    assert "In all, 3 results on this machine" in said
    assert "lonely" not in said

    project.lock()
    assert "nothing has changed" in project.lock("--check")
    project.commit("change")
    changed = project.git("diff", "--unified=0", "main", "--", "dumbo.lock").splitlines()
    lines = [line for line in changed if line[0] in "+-" and not line.startswith(("+++", "---"))]
    assert len(lines) == 4, "one line for each function whose results go, before and after"

    project.git("checkout", "-q", "main")
    assert "nothing has changed" in project.lock("--check")


def test_branches_that_change_different_functions_merge(project: Project) -> None:
    project.lock()
    project.commit("base")
    for branch, old, new in (
        ("one", "x * RATE", "x * RATE * 2"),
        ("two", "scale = 2", "scale = 5"),
        ("three", "x + 1", "x + 2"),
    ):
        project.git("checkout", "-q", "-b", branch, "main")
        project.edit("shop/tools.py", old, new)
        project.lock()
        project.commit(branch)
    project.git("checkout", "-q", "main")
    for branch in ("one", "two", "three"):
        project.git("merge", "-q", "--no-edit", branch)
    assert "nothing has changed" in project.lock("--check")


def test_a_conflict_is_said_and_written_over(project: Project) -> None:
    project.lock()
    project.commit("base")
    for branch, new in (("one", "x + 2"), ("two", "x + 3")):
        project.git("checkout", "-q", "-b", branch, "main")
        project.edit("shop/tools.py", "x + 1", new)
        project.lock()
        project.commit(branch)
    project.git("merge", "-q", "one", fails=True)
    assert "<<<<<<<" in project.text
    project.git("checkout", "-q", "--ours", "shop/tools.py")
    assert "an unfinished merge: write it again with `dumbo lock`" in project.lock(
        "--check", status=2
    )
    project.lock()
    assert "nothing has changed" in project.lock("--check")


def test_renames_and_moves_lose_no_result_and_are_told(project: Project) -> None:
    project.lock()
    (project.home / "shop/tools.py").rename(project.home / "shop/utils.py")
    project.edit("shop/prices.py", "from shop import tools", "from shop import utils as tools")
    project.edit("shop/prices.py", "from shop.tools import helper", "from shop.utils import helper")
    project.edit("shop/prices.py", "def price", "def cost")
    said = project.lock("--check", status=1)
    assert "no result is lost" in said
    assert "shop.prices:cost (was shop.prices:price)" in said
    assert "computed again" not in said


def test_what_does_not_matter_leaves_the_lock_alone(project: Project) -> None:
    project.lock()
    before = project.text
    project.edit("shop/tools.py", "def other(x):\n", 'def other(x: int) -> int:\n    "Add."\n\n')
    project.edit("shop/tools.py", "return x * RATE", "return (  # hm\n        x\n        * RATE )")
    assert "nothing has changed" in project.lock("--check")
    assert project.lock() == "3 memoized functions, unchanged in dumbo.lock\n"
    assert project.text == before


def test_a_check_writes_nothing(project: Project) -> None:
    project.lock()
    project.edit("shop/tools.py", "x + 1", "x + 2")
    before = {path: path.stat().st_mtime_ns for path in project.home.rglob("*")}
    project.lock("--check", status=1)
    assert {path: path.stat().st_mtime_ns for path in project.home.rglob("*")} == before


def test_the_lock_is_beside_the_settings_wherever_the_command_is_called(project: Project) -> None:
    inner = project.home / "shop"
    ran = subprocess.run(
        [sys.executable, "-m", "dumbo", "lock"],
        cwd=inner,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{project.home}"},
    )
    assert ran.returncode == 0, ran.stderr
    assert "shop.prices:price" in project.text
    assert not (inner / "dumbo.lock").exists()


def test_two_folders_of_one_project_have_one_lock(tmp_path: Path) -> None:
    texts = []
    for name in ("here", "there"):
        project = Project(tmp_path / name)
        project.edit("shop/tools.py", "RATE = 3", "RATE = 3\nHOME = __file__")
        project.edit("shop/tools.py", "return x + 1", "return x + len(HOME)")
        project.lock()
        assert "shop.tools:HOME" in project.text
        texts.append(project.text)
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--check"], "there is no"),
        (["shopp"], "did you mean 'shop'"),
        (["-o", "missing/dumbo.lock"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    project: Project, arguments: list[str], said: str
) -> None:
    (line,) = project.lock(*arguments, status=2).splitlines()
    assert line.startswith("dumbo: ") and said in line


def test_without_packages_the_way_to_name_them_is_said(project: Project) -> None:
    project.write("pyproject.toml", "[tool.dumbo]\n")
    assert "lock-packages" in project.lock(status=2)
    project.write("pyproject.toml", '[tool.dumbo]\nlock-packages = "shop"\n')
    assert "give a list of package names" in project.lock(status=2)


def test_a_module_that_fails_and_a_function_that_cannot_be_followed_are_named(
    project: Project,
) -> None:
    project.write("shop/broken.py", "raise RuntimeError('no')\n")
    project.write(
        "shop/chance.py",
        "import importlib\nfrom dumbo import memo\n"
        "@memo\ndef f(name):\n    return importlib.import_module(name).x\n",
    )
    said = project.lock()
    assert "left out: importing 'shop.broken' failed with RuntimeError: no" in said
    assert "shop.chance:f cannot be followed" in said
    assert "\nshop.chance:f\n    unknown -\n" in project.text


def test_what_cannot_be_imported_is_neither_forgotten_nor_taken_for_unchanged(
    project: Project,
) -> None:
    project.lock()
    before = project.text
    project.edit("shop/prices.py", "from dumbo", "import not_here\nfrom dumbo")
    said = project.lock("--check", status=1)
    assert "dumbo.lock cannot be compared as a whole." in said
    assert "cannot be imported here:\n    shop.prices:lonely\n    shop.prices:price" in said
    project.lock()
    assert project.text == before
    (project.home / "shop/prices.py").unlink()
    assert "No longer in the code:\n    shop.prices:lonely" in project.lock("--check", status=1)


def test_options_of_the_decorator_count(project: Project) -> None:
    project.lock()
    project.edit("shop/prices.py", '@memo(keep="always")\ndef lonely',
                 '@memo(keep="always", version="2")\ndef lonely')  # fmt: skip
    said = project.lock("--check", status=1)
    assert "shop.prices:lonely changed" in said
    project.lock()
    project.edit("shop/prices.py", 'version="2"', 'version="2", track_deps=False')
    project.lock()
    project.edit("shop/tools.py", "x + 1", "x + 2")
    assert "nothing has changed" in project.lock("--check")


def test_locks_say_of_every_fixture_what_the_digest_of_its_closure_says(tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("lockfile_worker.py"))],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DUMBO_DIR": str(tmp_path / "cache")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    home = tmp_path / "project"
    assert worker.stdin is not None and worker.stdout is not None
    wrong: list[str] = []
    seen = 0
    for fixture in sorted(FIXTURES.iterdir()):
        if not (fixture / "after").is_dir():
            continue
        expected = tomllib.loads((fixture / "expect.toml").read_text(encoding="utf-8"))["verdict"]
        told = []
        for state in ("before", "after"):
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(fixture / state, home, ignore=shutil.ignore_patterns("__pycache__"))
            worker.stdin.write(f"{home}\n")
            worker.stdin.flush()
            told.append(json.loads(worker.stdout.readline()))
        (before, digest), (after, other) = told
        assert "error" not in (before, after), told
        if not before:
            continue  # it memoizes methods only
        seen += 1
        (outcome,) = compare(read(before, "before"), read(after, "after"))
        invalidated = outcome.state == "invalidated"
        # A digest for no arguments may be finer than needed: then the lock need not be.
        if invalidated != (digest != other) and invalidated != (expected == "recompute"):
            wrong.append(fixture.name)
    worker.communicate()
    assert seen > 300
    assert wrong == []


def test_the_documentation_shows_a_lock_as_it_is(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    blocks = [block.partition("\n") for block in text.split("\n```")]
    project = Project(tmp_path / "project")
    for language, _, block in blocks:
        if language == "python":
            name, _, code = block.partition("\n")
            project.write(name.removeprefix("# "), f"{code}\n")
    project.write("forecast/__init__.py", "")
    project.lock("forecast")
    # Which Python wrote it is another one here.
    shown = next(f"{block}\n" for _, _, block in blocks if "\nformat 1\n" in block)
    kept = [line for line in shown.splitlines() if not line.startswith(("python ", "digests "))]
    real = [
        line for line in project.text.splitlines() if not line.startswith(("python ", "digests "))
    ]
    assert kept == real

    project.edit("forecast/series.py", "total += new - old", "total = total + new - old")
    said = project.lock("forecast", "--check", status=1).splitlines()
    quoted = text.splitlines()
    told = [line for line in said if "result" not in line and "stored" not in line]
    assert len(told) >= 6
    assert [line for line in told if line not in quoted] == []
