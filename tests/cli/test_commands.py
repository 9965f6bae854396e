"""The command line from outside: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dumbo import __version__

ROOT = str(Path(__file__).parent.parent.parent)

MODULE = """
from dumbo import memo

RATE = 3

print("imported")

def helper(x):
    return x * RATE

@memo(keep="always")
def price(x):
    return helper(x)

class Shop:
    @memo
    def total(self, x):
        return self.part(x)

    def part(self, x):
        return helper(x)

def report(shop, x):
    return shop.total(x)

def reckon(book, x):
    return book.unheard_of(x)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("def f(): ...\n1 / 0\n")
    (tmp_path / "wrong.py").write_text(
        'from dumbo import memo\n@memo(keep="sometimes")\ndef f(): ...\n'
    )
    return tmp_path


def dumbo(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dumbo", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": ROOT,
            "PYTHONIOENCODING": "utf-8",
            "DUMBO_DIR": str(folder / "cache"),
            **environment,
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_deps_draws_what_a_function_depends_on(project: Path) -> None:
    ran = dumbo(project, "deps", "shop:price")
    assert (ran.returncode, ran.stderr) == (0, "imported\n")
    first, *rest = ran.stdout.splitlines()
    assert first.startswith("shop:price  [function]")
    assert "shop.py:" in first
    assert any("shop:helper" in line for line in rest)
    assert any("RATE" in line for line in rest)


def test_deps_finds_methods_too(project: Path) -> None:
    ran = dumbo(project, "deps", "shop.py:Shop.total")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("shop:Shop.total")


def test_deps_as_json_is_node_link_data_and_nothing_else(project: Path) -> None:
    ran = dumbo(project, "deps", "shop.price", "--format", "json")
    data = json.loads(ran.stdout)
    nodes = {node["id"]: node for node in data["nodes"]}
    assert {"shop:price", "shop:helper"} <= set(nodes)
    assert nodes["shop:helper"]["kind"] == "function"
    assert nodes["shop:helper"]["line"] == MODULE.splitlines().index("def helper(x):") + 1
    assert ("shop:price", "shop:helper") in {(e["source"], e["target"]) for e in data["edges"]}


def test_depth_cuts_the_graph(project: Path) -> None:
    ran = dumbo(project, "deps", "shop:price", "--format", "json", "--depth", "0")
    assert [node["id"] for node in json.loads(ran.stdout)["nodes"]] == ["shop:price"]


def test_only_what_is_asked_for_is_shown(project: Path) -> None:
    ran = dumbo(project, "deps", "shop:price", "--only", "data")
    line = MODULE.splitlines().index("RATE = 3") + 1
    shown = f"└── shop:RATE  [value, global RATE in shop:helper]  shop.py:{line}"
    assert ran.stdout.splitlines()[1] == shown
    both = dumbo(project, "deps", "shop:price", "--only", "data", "--only", "user").stdout
    assert "└── shop:helper" in both
    assert "    └── shop:RATE  [value, global RATE]" in both


def test_what_could_not_be_followed_is_shown_with_reason_and_place(project: Path) -> None:
    ran = dumbo(project, "deps", "shop:reckon", "--only", "unresolved")
    line = MODULE.splitlines().index("    return book.unheard_of(x)") + 1
    (unresolved,) = (line for line in ran.stdout.splitlines() if "? " in line)
    assert "unheard_of" in unresolved
    assert unresolved.endswith(f"shop.py:{line}")


def test_arguments_specialise(project: Path) -> None:
    ran = dumbo(project, "deps", "shop:report", "--args", "Shop(), x=2")
    assert ran.returncode == 0, ran.stderr
    assert "? " not in ran.stdout
    for name in ("shop:Shop.total", "shop:Shop.part", "shop:helper"):
        assert name in ran.stdout


@pytest.mark.parametrize(
    ("name", "options", "start"),
    [
        ("deps.dot", [], "digraph "),
        ("deps.gv", [], "digraph "),
        ("deps.mmd", [], "flowchart LR"),
        ("deps.json", [], "{"),
        ("deps.txt", [], "shop:price  [function]"),
        ("deps.txt", ["--format", "dot"], "digraph "),
    ],
)
def test_the_ending_of_a_file_says_what_goes_into_it(
    name: str, options: list[str], start: str, project: Path
) -> None:
    ran = dumbo(project, "deps", "shop:price", "-o", name, *options)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert (project / name).read_text(encoding="utf-8").startswith(start)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["deps", "shop:pricee"], "dumbo: there is no 'pricee' in shop: did you mean 'price'?\n"),
        (["deps", "shpo:price"], "dumbo: there is no module 'shpo' here: did you mean 'shop'?\n"),
        (
            ["deps", "broken:f"],
            "dumbo: importing 'broken' failed with ZeroDivisionError: division by zero (--trace",
        ),
        (["deps", "shop:price", "--args", "2)"], "dumbo: --args '2)' is no list of arguments: "),
        (
            ["deps", "shop:price", "--args", "RATE, 2"],
            "dumbo: --args 'RATE, 2': price() takes 1 positional",
        ),
        (["deps", "shop:price", "--args", "r"], "dumbo: --args 'r' failed with NameError: name "),
        (["deps", "shop:price", "--reverse", "--args", ""], "dumbo: --args is for what a call "),
        (["deps", "shop:price", "--in", "shop"], "dumbo: --in says where to look for dependents"),
        (["deps", "shop:price", "-o", "no/such"], "dumbo: 'no/such' cannot be written: No such "),
        (["ls", "--dir", ""], "dumbo: the cache directory is an empty string: "),
    ],
)
def test_what_cannot_be_done_ends_with_status_2_and_one_line(
    arguments: list[str], complaint: str, project: Path
) -> None:
    ran = dumbo(project, *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.removeprefix("imported\n").startswith(complaint)
    assert ran.stderr.removeprefix("imported\n").count("\n") == 1


def test_the_traceback_is_there_for_the_asking(project: Path) -> None:
    ran = dumbo(project, "deps", "broken:f", "--traceback")
    assert ran.returncode == 2
    assert "1 / 0" in ran.stderr


def test_a_decoration_that_cannot_be_meant_is_told_as_it_is(project: Path) -> None:
    ran = dumbo(project, "deps", "wrong:f")
    assert ran.returncode == 2
    assert "sometimes" in ran.stderr


def test_ls_of_an_empty_cache_says_so_and_creates_nothing(project: Path) -> None:
    ran = dumbo(project, "ls")
    assert (ran.returncode, ran.stdout) == (0, f"Nothing is stored in {project / 'cache'}\n")
    assert not (project / "cache").exists()


def test_ls_of_a_directory_that_others_can_write_to_says_why_it_shows_nothing(
    project: Path,
) -> None:
    (project / "open").mkdir()
    (project / "open").chmod(0o777)
    (project / "open" / "something").touch()
    ran = dumbo(project, "ls", "--dir", "open")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "can be written to by other users" in ran.stderr


def test_ls_of_an_empty_directory_leaves_it_empty(project: Path) -> None:
    (project / "empty").mkdir(mode=0o700)
    assert dumbo(project, "ls", "--dir", "empty").stdout.startswith("Nothing is stored")
    assert list((project / "empty").iterdir()) == []


def test_ls_counts_what_is_stored_by_function(project: Path) -> None:
    code = "import shop; [shop.price(x) for x in range(3)]"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={**os.environ, "PYTHONPATH": ROOT, "DUMBO_DIR": str(project / "cache")},
        check=True,
        capture_output=True,
    )
    rows = json.loads(dumbo(project, "ls", "--json").stdout)
    assert [(row["function"], row["entries"]) for row in rows] == [("shop:price", 3)]
    assert rows[0]["bytes"] > 0
    table = dumbo(project, "ls").stdout.splitlines()
    assert table[0].split() == ["function", "entries", "size", "time", "saved"]
    assert table[1].split()[:2] == ["shop:price", "3"]
    elsewhere = dumbo(project, "ls", "--dir", str(project / "other"))
    assert elsewhere.stdout.startswith("Nothing is stored")


def test_the_version_is_that_of_the_package(project: Path) -> None:
    assert dumbo(project, "--version").stdout == f"dumbo {__version__}\n"


def test_help_names_the_commands(project: Path) -> None:
    ran = dumbo(project, "--help")
    assert ran.returncode == 0
    assert "deps" in ran.stdout
    assert "ls" in ran.stdout


def test_a_terminal_that_lacks_a_letter_gets_an_escape(project: Path) -> None:
    (project / "letters.py").write_text("def λ(): ...\ndef f(): return λ()\n", encoding="utf-8")
    ran = dumbo(project, "deps", "letters:f", PYTHONIOENCODING="latin-1")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[1].startswith(r"`-- letters:\u03bb")


def test_what_changed_since_the_last_result_is_marked(project: Path) -> None:
    before = dumbo(project, "deps", "shop:price")
    assert "changed" not in before.stdout
    assert not (project / "cache").exists()
    subprocess.run(
        [sys.executable, "-Bc", "import shop; shop.price(1)"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": ROOT, "DUMBO_DIR": str(project / "cache")},
        check=True,
        capture_output=True,
    )
    assert "changed" not in dumbo(project, "deps", "shop:price").stdout
    (project / "shop.py").write_text(MODULE.replace("RATE = 3", "RATE = 30"))
    ran = dumbo(project, "deps", "shop:price", "--format", "json")
    data = json.loads(ran.stdout)
    states = {node["name"]: node["state"] for node in data["nodes"]}
    assert states == {
        "shop:price": "stale",
        "shop:helper": "stale",
        "shop:RATE": "changed",
    }
    assert data["graph"]["standing"] == ["shop:RATE"]
    assert "shop:RATE  [value, global RATE, changed]" in dumbo(project, "deps", "shop:price").stdout
    elsewhere = dumbo(project, "deps", "shop:price", "--dir", "elsewhere")
    assert "changed" not in elsewhere.stdout


def test_a_page_is_written_whole(project: Path) -> None:
    ran = dumbo(project, "deps", "shop:price", "-o", "price.html")
    assert (ran.returncode, ran.stdout) == (0, "")
    html = (project / "price.html").read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>")
    assert "shop:helper" in html
    assert html.rstrip().endswith("</html>")
    reverse = dumbo(project, "deps", "--reverse", "shop:helper", "--format", "html")
    assert "what depends on shop:helper" in reverse.stdout
