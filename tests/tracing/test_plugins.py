"""Entry points of installed distributions: which are found, what they load, and who notices."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

import dumbo
from dumbo.persistence.store import Store
from dumbo.tracing import entry_points
from dumbo.tracing.tracker import Tracker
from tests.tracing.test_tracker import module

Install = Callable[[str, str], Path]
HANDLERS = """
    class Red:
        def paint(self): return "red"
    class Blue:
        def paint(self): return "blue"
    class Shades:
        class Dark:
            def paint(self): return "dark"
    def green(): return "green"
"""
OFFERED = """
[plugged.paints]
red = plugged_handlers:Red
blue = plugged_handlers:Blue
dark = plugged_handlers:Shades.Dark [extra]
none = plugged_nowhere:Nothing
whole = plugged_handlers

[plugged.others]
green = plugged_handlers:green
"""
USERS = """
    import importlib
    from functools import cache
    from importlib import metadata
    from importlib.metadata import entry_points

    def listed(name):
        points = [point for point in entry_points(group="plugged.paints") if point.name == name]
        return points[0].load()().paint()

    def selected(name):
        for point in entry_points(group="plugged.paints", name=name):
            return point.load()().paint()

    def by_name(name):
        return entry_points(group="plugged.paints")[name].load()().paint()

    def of_all(name):
        return metadata.entry_points().select(group="plugged.paints", name=name)

    def constant():
        (point,) = entry_points(group="plugged.paints", name="red")
        return point.load()().paint()

    def nested():
        (point,) = entry_points(group="plugged.paints", name="dark")
        return point.load()().paint()

    def attribute():
        (point,) = entry_points(group="plugged.paints", name="whole")
        return point.load().green()

    @cache
    def points():
        return metadata.entry_points(group="plugged.paints")

    def build(name):
        found = [point for point in points() if point.name == name]
        if found:
            return found[0].load()().paint()
        try:
            imported = importlib.import_module(name)
        except ImportError:
            raise LookupError(name) from None
        return imported.make().paint()

    def every():
        return [point.load() for point in entry_points(group="plugged.others")]

    def of_group(group):
        return [point.name for point in entry_points(group=group)]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(name: str, offered: str) -> Path:
        info = site / f"{name}-1.0.dist-info"  # as installers write it, names have no "-"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(dedent(offered))
        return info

    return install


@pytest.fixture
def paints(install: Install, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = module(HANDLERS)
    made.__name__ = "plugged_handlers"
    for thing in (made.Red, made.Blue, made.Shades.Dark, made.green):
        thing.__module__ = "plugged_handlers"
    monkeypatch.setitem(sys.modules, "plugged_handlers", made)
    return install("plugged_paints", OFFERED)


def held(function: object, *values: object) -> set[str]:
    """The functions and methods in the closure of a call, without the one that is called."""
    found = Tracker(function).graph(values, {}).nodes(data=True)
    names = {
        data["name"].rpartition(":")[2]
        for _, data in found
        if data["kind"] in ("function", "method")
    }
    # Before 3.12 comprehensions are functions.
    return {name for name in names if "comp>" not in name} - {function.__qualname__}  # type: ignore[attr-defined]


@pytest.mark.parametrize("user", ["listed", "selected", "by_name"])
def test_the_name_of_a_plugin_picks_what_it_loads(paints: Path, user: str) -> None:
    function = getattr(module(USERS), user)
    assert held(function, "red") == {"Red.paint"}
    assert held(function, "blue") == {"Blue.paint"}
    assert held(function, "no such paint") == set()


def test_a_name_in_the_code_picks_it_too(paints: Path) -> None:
    users = module(USERS)
    assert held(users.constant) == {"Red.paint"}
    assert held(users.nested) == {"Shades.Dark.paint"}
    assert held(users.attribute) == {"green"}
    assert held(users.every) == {"green"}


def test_a_name_that_is_a_plugin_is_not_imported_as_a_module(paints: Path) -> None:
    tracker = Tracker(module(USERS).build)
    graph = tracker.graph(("red",), {})
    names = [data["name"] for _, data in graph.nodes(data=True)]
    assert any(name.endswith("Red.paint") for name in names)
    if sys.version_info >= (3, 12):  # where calls are observed, no such module is no module
        assert not any("make" in name or "Blue" in name for name in names)


def test_who_asks_for_plugins_depends_on_which_there_are(paints: Path) -> None:
    graph = Tracker(module(USERS).listed).graph(("red",), {})
    assert "entry points plugged.paints" in [data["name"] for _, data in graph.nodes(data=True)]


def test_installing_and_removing_a_plugin_is_noticed_in_the_running_process(
    paints: Path, install: Install, tmp_path: Path
) -> None:
    tracker, store = Tracker(module(USERS).listed), Store(tmp_path / "cache")
    first = tracker.look(("red",), (), store, ("name",))
    assert tracker.look(("red",), (), store, ("name",)) is first
    info = install("plugged_more", "[plugged.paints]\nred = plugged_handlers:Blue\n")
    assert tracker.look(("red",), (), store, ("name",)).digest != first.digest
    (info / "entry_points.txt").unlink()
    info.joinpath("METADATA").unlink()
    info.rmdir()
    assert tracker.look(("red",), (), store, ("name",)).digest == first.digest


def test_another_group_may_change(paints: Path, install: Install, tmp_path: Path) -> None:
    tracker, store = Tracker(module(USERS).listed), Store(tmp_path / "cache")
    first = tracker.look(("red",), (), store, ("name",))
    install("plugged_more", "[plugged.others]\nred = plugged_handlers:Blue\n")
    assert tracker.look(("red",), (), store, ("name",)) is first


def test_another_process_proves_it_by_a_replay(paints: Path, tmp_path: Path) -> None:
    users, store = module(USERS), Store(tmp_path / "cache")
    one, two = Tracker(users.listed), Tracker(users.listed)
    known = one.settle(one.look(("red",), (), store, ("name",)), store)
    assert two.look(("red",), (), store, ("name",)).digest == known.digest
    assert two.traced == 0


def test_a_group_in_an_argument_is_looked_up(paints: Path) -> None:
    function = module(USERS).of_group
    graph = Tracker(function).graph(("plugged.others",), {})
    names = [data["name"] for _, data in graph.nodes(data=True)]
    assert "entry points plugged.others" in names
    assert "entry points plugged.paints" not in names


def test_what_is_read_is_what_the_standard_library_reads(paints: Path, install: Install) -> None:
    from importlib import metadata

    install("Plugged.Paints", "[plugged.paints]\nhidden = plugged_handlers:Red\n")
    install("plugged_more", "[plugged.paints]\n# said\nred = plugged_handlers:Blue\n")
    rows = entry_points.rows_of("plugged.paints")
    there = metadata.entry_points(group="plugged.paints")
    assert rows is not None
    assert sorted(rows) == sorted({(point.name, point.value) for point in there})
    for group in ("console_scripts", "pytest11", "no.such.group"):
        found = {(point.name, point.value) for point in metadata.entry_points(group=group)}
        assert set(entry_points.rows_of(group) or ()) == found


def test_nothing_is_said_where_somebody_else_knows_of_distributions(
    paints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Finder:
        def find_spec(self, *_: object) -> None: ...
        def find_distributions(self, *_: object) -> list[object]:
            raise AssertionError("user code was run")

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert entry_points.rows_of("plugged.paints") is None
    graph = Tracker(module(USERS).listed).graph(("red",), {})
    reasons = [data["name"] for _, data in graph.nodes(data=True) if data["kind"] == "unresolved"]
    assert "entry points that do not lie in folders" in reasons


PROGRAM = """
import sys
sys.path.insert(0, {root!r})
sys.path.insert(0, {site!r})
import dumbo
from importlib.metadata import entry_points

@dumbo.Cache({cache!r}).memo(keep="always")
def paint(name):
    print("ran")
    for point in entry_points(group="shop.paints"):
        if point.name == name:
            return point.load()()
    return "bare"

print(paint("red"))
"""


def test_a_script_notices_what_is_installed_between_its_runs(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    program = tmp_path / "program.py"
    root = str(Path(dumbo.__file__).parent.parent)
    cache = str(tmp_path / "cache")
    program.write_text(PROGRAM.format(root=root, site=str(site), cache=cache))

    def run() -> list[str]:
        ran = subprocess.run(
            [sys.executable, str(program)], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.split()

    assert [run(), run()] == [["ran", "bare"], ["bare"]]
    info = site / "shop-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[shop.paints]\nred = shop_paints:red\n")
    (site / "shop_paints.py").write_text("def red():\n    return 'red'\n")
    assert [run(), run()] == [["ran", "red"], ["red"]]
    (site / "shop_paints.py").write_text("def red():\n    return 'dark red'\n")
    assert run() == ["ran", "dark", "red"]
    (info / "entry_points.txt").write_text("[shop.paints]\n")
    assert [run(), run()] == [["bare"], ["bare"]]
