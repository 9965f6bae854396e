"""The plugin in real runs of pytest, with real workers and real repositories."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent

TOOLS = """
import math

RATE = 3

def helper(x):
    return x * RATE + math.floor(x)

def other(x):
    return x + 1
"""

PRICES = """
import sys

from dumbo import memo
from shop.tools import helper, other

@memo
def price(x):
    sys.audit("ran")
    return helper(x)

@memo
def lonely(x):
    return other(x)
"""

TEST = """
import contextvars
import sys
import pytest
from shop.prices import lonely, price
from dumbo.testing import assert_hit, assert_recomputes

RAN = []
sys.addaudithook(lambda event, args: event == "ran" and RAN.append(1))
"""


class Runs:
    """A project, and pytest over it in processes of their own."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.home = pytester.path
        for name in list(os.environ):
            if name.startswith(("PYTEST_", "DUMBO_", "COV_")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        self.write(
            "pyproject.toml",
            '[tool.dumbo]\nlock-packages = ["shop"]\ndir = ".cache"\n'
            '[tool.pytest.ini_options]\npythonpath = ["."]\naddopts = "-p no:cacheprovider"\n',
        )
        self.write("shop/__init__.py", "")
        self.write("shop/tools.py", TOOLS)
        self.write("shop/prices.py", PRICES)

    def write(self, name: str, text: str) -> None:
        path = self.home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.home / name).read_text(encoding="utf-8")
        assert text.count(old) == 1
        self.write(name, text.replace(old, new))

    def run(self, *arguments: str, plugin: str = "dumbo.pytest_plugin") -> pytest.RunResult:
        plugins = ("-p", plugin) if plugin else ()
        return self.pytester.runpytest_subprocess(*plugins, *arguments)

    def python(self, code: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=self.home, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    @property
    def lock(self) -> Path:
        return self.home / "dumbo.lock"


@pytest.fixture
def runs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(pytester, monkeypatch)


# -- fixtures and markers --------------------------------------------------------------


def test_each_test_has_a_cache_of_its_own_that_keeps_everything(runs: Runs) -> None:
    runs.write(
        "test_it.py",
        TEST
        + """
@pytest.mark.parametrize("number", [1, 2])
def test_starts_from_nothing(dumbo_cache, number, tmp_path):
    del RAN[:]
    assert price(2) == price(2) == 8
    assert RAN == [1]
    assert_hit(price, 2)
    assert len(list(tmp_path.iterdir())) == 0

def test_its_own_functions(dumbo_cache):
    @dumbo_cache.memo(keep="never")
    def f(x):
        return x
    f(1)
    assert_hit(f, 1)
""",
    )
    runs.run().assert_outcomes(passed=3)
    assert not (runs.home / ".cache").exists()


def test_edits_are_seen_and_gone_after_their_block(runs: Runs) -> None:
    runs.write(
        "test_it.py",
        TEST
        + """
def test_edit(dumbo_cache, dumbo_edit):
    price(2), lonely(2)
    with dumbo_edit("shop.tools", "x * RATE", "x * RATE * 2"):
        assert_recomputes(price, 2, because="shop.tools:helper")
        assert_hit(lonely, 2)
        assert price(2) == 14
    assert_hit(price, 2)
    assert price(2) == 8

def test_that_fails(dumbo_cache, dumbo_edit):
    price(2)
    with dumbo_edit("shop.tools", "RATE = 3", "RATE = 4"):
        assert_hit(price, 2)

def test_afterwards():
    import shop.tools
    assert shop.tools.RATE == 3
""",
    )
    ran = runs.run()
    ran.assert_outcomes(passed=2, failed=1)
    ran.stdout.fnmatch_lines(["E *AssertionError: price(2) would compute: no entry: *RATE, which*"])
    assert (runs.home / "shop/tools.py").read_text() == TOOLS


def test_markers_switch_caching_off_or_make_it_read_only(runs: Runs) -> None:
    runs.write(
        "test_it.py",
        TEST
        + """
@pytest.fixture
def used():
    price(2)  # of the test's time, so under its marker

@pytest.mark.dumbo(disabled=True)
def test_disabled(dumbo_cache, used):
    assert price.why(2).code == "disabled"
    assert price.get_entry(2) is None

@pytest.mark.dumbo(read_only=True)
class TestReadOnly:
    def test_stores_nothing(self, dumbo_cache):
        price(2)
        assert price.get_entry(2) is None

    def test_serves(self, dumbo_cache):
        contextvars.Context().run(price.insert, 100, 2)  # where nothing is switched
        assert price(2) == 100

def test_both_are_off_elsewhere(dumbo_cache, used):
    assert_hit(price, 2)

@pytest.mark.dumbo(disabled=False)
def test_false_is_nothing(dumbo_cache, used):
    assert_hit(price, 2)

@pytest.mark.dumbo(off=True)
def test_wrong(): pass

@pytest.mark.dumbo("disabled")
def test_wrong_too(): pass
""",
    )
    ran = runs.run("--strict-markers")
    ran.assert_outcomes(passed=5, errors=2)
    ran.stdout.fnmatch_lines(["*mark.dumbo(off=): there is no such switch; use disabled=True or*"])


def test_workers_of_xdist_have_caches_of_their_own(runs: Runs) -> None:
    runs.write(
        "test_it.py",
        TEST
        + """
@pytest.mark.parametrize("number", range(8))
def test_apart(dumbo_cache, dumbo_edit, number):
    import time
    del RAN[:]
    with dumbo_edit("shop.tools", "RATE = 3", f"RATE = {number}"):
        price(2)
        time.sleep(0.05)
        assert price(2) == 2 * number + 2
    assert RAN == [1]
    with open(f"seen-{number}", "w") as file:
        file.write(dumbo_cache.directory)
""",
    )
    runs.run("-p", "xdist", "-n", "2").assert_outcomes(passed=8)
    seen = {(runs.home / f"seen-{number}").read_text() for number in range(8)}
    assert len(seen) == 8
    assert len({os.path.dirname(directory) for directory in seen}) == 2, "a folder for each worker"
    assert not (runs.home / ".cache").exists()


# -- the lock --------------------------------------------------------------------------


def test_the_lock_is_written_and_checked_when_the_tests_have_run(runs: Runs) -> None:
    runs.write("test_it.py", "def test_it(): pass\n")
    ran = runs.run("--dumbo-check")
    assert ran.ret == 1
    ran.stdout.fnmatch_lines(["*there is no *dumbo.lock*write it with `dumbo lock`"])

    ran = runs.run("--dumbo-update")
    assert ran.ret == 0
    ran.stdout.fnmatch_lines(["2 memoized functions written to dumbo.lock"])
    ran = runs.run("--dumbo-check")
    assert ran.ret == 0
    ran.stdout.fnmatch_lines(["dumbo.lock holds: 2 memoized functions, nothing has changed."])

    before = runs.lock.read_bytes()
    runs.python("from shop.prices import price; price.recompute(1); price.recompute(2)")
    runs.edit("shop/tools.py", "x * RATE", "x * RATE * 2")
    ran = runs.run("--dumbo-check")
    ran.assert_outcomes(passed=1)
    assert ran.ret == 1
    ran.stdout.fnmatch_lines(
        [
            "dumbo.lock: of 2 memoized functions, 1 of them would be computed again.",
            "  shop.prices:price: 2 results here that took *",
            "    shop.tools:helper changed",
            "      by way of shop.prices:price > shop.tools:helper",
            "In all, 2 results on this machine, *",
        ]
    )
    assert runs.lock.read_bytes() == before
    assert runs.run().ret == 0, "only who asks is told"


def test_a_failing_run_checks_and_writes_all_the_same(runs: Runs) -> None:
    runs.write("test_it.py", "def test_it(): assert False\n")
    ran = runs.run("--dumbo-update")
    assert ran.ret == 1
    assert runs.lock.exists()
    assert runs.run("--dumbo-check").ret == 1


def test_packages_and_file_may_be_pytests_own_settings(runs: Runs) -> None:
    runs.write("pyproject.toml", "")
    runs.write(
        "pytest.ini",
        "[pytest]\npythonpath = .\ndumbo_lock_packages = shop.tools shop.prices\n"
        "dumbo_lock_file = locks/mine.lock\n",
    )
    (runs.home / "locks").mkdir()
    runs.write("test_it.py", "def test_it(): pass\n")
    assert runs.run("--dumbo-update").ret == 0
    assert "[shop.prices:price]" in (runs.home / "locks/mine.lock").read_text()
    assert runs.run("--dumbo-check").ret == 0
    assert not runs.lock.exists()


def test_both_at_once_are_refused(runs: Runs) -> None:
    ran = runs.run("--dumbo-check", "--dumbo-update")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*one at a time*"])


def test_nothing_is_written_by_who_only_collects_or_breaks_off(runs: Runs) -> None:
    runs.write("test_it.py", "def test_it(): raise KeyboardInterrupt\n")
    ran = runs.run("--dumbo-update", "--collect-only")
    ran.stdout.fnmatch_lines(["Nothing is written with --collect-only."])
    assert ran.ret == 0
    for option in ("--dumbo-update", "--dumbo-check"):
        ran = runs.run(option)
        assert ran.ret == pytest.ExitCode.INTERRUPTED
        ran.stdout.fnmatch_lines(["The run was broken off*"])
    assert not runs.lock.exists()
    assert runs.run("--dumbo-check", "--collect-only").ret == 1, "looking writes nothing"
    assert not (runs.home / ".cache").exists()


def test_workers_write_nothing_and_who_started_them_once(runs: Runs) -> None:
    runs.write(
        "test_it.py",
        """
import os, pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number, request):
    assert hasattr(request.config, "workerinput")
    assert not request.config.pluginmanager.has_plugin("dumbo-locking")
    assert not os.path.exists("dumbo.lock")
""",
    )
    ran = runs.run("-p", "xdist", "-n", "2", "--dumbo-update")
    ran.assert_outcomes(passed=4)
    assert ran.stdout.str().count("memoized functions written to dumbo.lock") == 1
    assert runs.lock.exists()
    runs.edit("test_it.py", '    assert not os.path.exists("dumbo.lock")\n', "")
    assert runs.run("-p", "xdist", "-n", "2", "--dumbo-check").ret == 0


def test_what_tests_leave_patched_has_no_part_in_the_lock(runs: Runs) -> None:
    runs.run("--dumbo-update")
    runs.write(
        "test_it.py",
        "import os, shop.tools\n"
        "def test_it():\n"
        "    shop.tools.RATE = 5\n"
        "    shop.tools.helper.__code__ = (lambda x: x).__code__\n"
        "    os.environ['DUMBO_DISABLE'] = '1'\n"
        "    os.chdir('shop')\n",
    )
    ran = runs.run("--dumbo-check")
    assert ran.ret == 0, ran.stdout.str()


def test_a_pull_request_is_played_through(runs: Runs) -> None:
    def git(*command: str) -> str:
        who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
        ran = subprocess.run(["git", *who, *command], cwd=runs.home, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    runs.write(".gitignore", ".cache\nrunpytest*\nstd*\n")
    runs.edit("shop/prices.py", "@memo\ndef price", '@memo(keep="always")\ndef price')
    runs.write("test_it.py", "from shop.prices import price\ndef test_it(): assert price(1)\n")
    runs.run("--dumbo-update")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "base")
    program = (
        "import sys; from shop.prices import price; ran = []; "
        "sys.addaudithook(lambda event, args: event == 'ran' and ran.append(1)); "
        "print(price(2), len(ran))"
    )
    assert (runs.python(program), runs.python(program)) == ("8 1\n", "8 0\n")

    git("checkout", "-q", "-b", "faster")
    runs.edit("shop/tools.py", "    return x * RATE", '    "Faster."\n    return RATE * x')
    ran = runs.run("--dumbo-check")
    assert ran.ret == 1
    ran.stdout.fnmatch_lines(["    shop.tools:helper changed"])
    assert git("status", "--short", "shop", "dumbo.lock") == " M shop/tools.py\n"
    accepted = runs.python(
        "import sys; from dumbo.cli import main; "
        "sys.argv[1:] = ['accept', 'shop.prices:price', '--yes']; main()"
    )
    assert "+    return RATE * x" in accepted
    assert runs.python(program) == "8 0\n", "what was accepted is served"
    ran = runs.run("--dumbo-update")
    assert ran.ret == 0
    git("commit", "-q", "-a", "-m", "faster")
    assert runs.run("--dumbo-check").ret == 0

    git("checkout", "-q", "-b", "tidier", "main")
    runs.edit("shop/tools.py", "    return x + 1", "    # One more.\n    return (x + 1)")
    assert runs.run("--dumbo-check").ret == 0, "nothing that matters"
    runs.edit("shop/tools.py", "(x + 1)", "x + 2")
    assert runs.run("--dumbo-check").ret == 1
    runs.run("--dumbo-update")
    git("commit", "-q", "-a", "-m", "tidier")
    git("merge", "-q", "--no-edit", "faster")
    assert runs.run("--dumbo-check").ret == 0, "both changes, and both lines of the lock"
    assert runs.python(program) == "8 0\n", "the merge changed nothing of what was accepted"


# -- pytest itself ---------------------------------------------------------------------


def test_results_of_functions_in_tests_are_those_of_plain_python(runs: Runs) -> None:
    runs.write(
        "test_it.py",
        """
from dumbo import memo

def helper(x):
    assert x > 0, "positive"
    return x

@memo(keep="always")
def f(x):
    y = helper(x)
    assert y == x
    return y

def test_it():
    assert "@pytest_ar" in f.__code__.co_names
    assert f(1) == 1
    print("SAID", f.why(1))
""",
    )
    runs.python("import test_it; test_it.f(1)")
    ran = runs.run("-s")
    ran.assert_outcomes(passed=1)
    ran.stdout.fnmatch_lines(["*SAID hit:*"])
    runs.python("import test_it; assert len(test_it.f.cache_info().reasons) == 0; test_it.f(2)")
    ran = runs.run("--assert=plain")
    assert "1 failed" in ran.stdout.str(), "without rewriting, the test's first line does not hold"


def test_a_run_that_does_not_use_it_imports_nothing_of_dumbo(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where dumbo is installed, its entry point would load it a second time.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    runs.write("pyproject.toml", "")
    runs.write(
        "test_it.py",
        "import sys\n"
        "def test_it(request):\n"
        "    assert request.config.pluginmanager.has_plugin('pytest_dumbo')\n"
        "    assert not [name for name in sys.modules if name.partition('.')[0] == 'dumbo']\n",
    )
    runs.run(plugin="pytest_dumbo").assert_outcomes(passed=1)


def test_pytest_finds_it_by_its_entry_point(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    points = project["project"]["entry-points"]["pytest11"]
    build = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    for module in points.values():
        assert build["force-include"][f"{module}.py"] == f"{module}.py", "it is in the wheel"
    # What an installer would write.
    info = tmp_path / "installed" / "dumbo-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dumbo\nVersion: 0\n")
    lines = [f"{name} = {module}" for name, module in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    (info / "RECORD").write_text("dumbo/__init__.py,,\npytest_dumbo.py,,\n")
    monkeypatch.setenv("PYTHONPATH", f"{info.parent}{os.pathsep}{ROOT}")
    runs.write(
        "test_it.py",
        "import dumbo\n"
        "def test_it(request, dumbo_cache, dumbo_edit):\n"
        "    assert request.config.pluginmanager.has_plugin('dumbo')\n"
        "    assert 'Rewriting' not in type(dumbo.__loader__).__name__\n"
        "    assert 'Rewriting' in type(__loader__).__name__\n",
    )
    runs.run(plugin="").assert_outcomes(passed=1)
    # Named in both ways it is one plugin; but then dumbo is imported before it can have a say.
    runs.write("test_it.py", "def test_it(dumbo_cache): pass\n")
    runs.run("-p", "dumbo.pytest_plugin", plugin="").assert_outcomes(passed=1)
    ran = runs.run("--help", plugin="")
    ran.stdout.fnmatch_lines(["*--dumbo-check*", "*--dumbo-update*"])
