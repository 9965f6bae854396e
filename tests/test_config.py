"""Which setting wins, and what a setting that cannot be meant hears."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dumbo import config
from dumbo.errors import InvalidUse, UnusableDirectory

ROOT = str(Path(__file__).parent.parent)


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DUMBO_DIR", "DUMBO_USER_PACKAGES", "DUMBO_DISABLE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "_settings", {})
    monkeypatch.chdir(tmp_path)


def project(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUMBO_DIR", "/from/environment")
    assert config.cache_directory("/from/argument") == "/from/argument"


def test_the_environment_wins_over_the_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project(tmp_path, '[tool.dumbo]\ndir = "/from/project"\n')
    monkeypatch.setenv("DUMBO_DIR", "/from/environment")
    assert config.cache_directory() == "/from/environment"


def test_the_project_wins_over_the_platform(tmp_path: Path) -> None:
    project(tmp_path, '[tool.dumbo]\ndir = "/from/project"\n')
    assert config.cache_directory() == "/from/project"


def test_an_empty_variable_counts_as_not_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project(tmp_path, '[tool.dumbo]\ndir = "/from/project"\n')
    monkeypatch.setenv("DUMBO_DIR", "")
    assert config.cache_directory() == "/from/project"


def test_the_platforms_directory_is_the_one_that_platformdirs_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    platformdirs = pytest.importorskip("platformdirs")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config.cache_directory() == platformdirs.user_cache_dir("dumbo")
    if sys.platform != "darwin":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
        assert config.cache_directory() == platformdirs.user_cache_dir("dumbo")


@pytest.mark.skipif(sys.platform == "darwin", reason="XDG is not for macOS")
def test_a_relative_xdg_directory_is_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "caches")
    assert config.cache_directory() == str(tmp_path / ".cache" / "dumbo")


def test_without_a_home_directory_the_error_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(UnusableDirectory, match="set DUMBO_DIR"):
        config.cache_directory()


def test_relative_directories_are_relative_to_who_names_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project(tmp_path, '[tool.dumbo]\ndir = "mine"\n')
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert config.cache_directory() == str(tmp_path / "mine")
    assert config.cache_directory("mine") == str(below / "mine")
    monkeypatch.setenv("DUMBO_DIR", "mine")
    assert config.cache_directory() == str(below / "mine")


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config.cache_directory("~/a") == str(tmp_path / "a")
    assert config.cache_directory(Path("~/a")) == str(tmp_path / "a")


def test_the_nearest_project_that_has_a_table_is_the_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project(tmp_path, '[tool.dumbo]\nuser-packages = ["far"]\n')
    project(tmp_path / "a", '[project]\nname = "no-table-here"\ndependencies = ["dumbo"]\n')
    project(tmp_path / "a" / "b", '[tool.dumbo]\nuser-packages = ["near"]\n')
    monkeypatch.chdir(tmp_path / "a")
    assert config.user_packages() == {"far"}
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert config.user_packages() == {"near"}


@pytest.mark.parametrize(
    "text",
    [
        "[tool.dumbo]\nuser-packages = ['x']",
        '[ tool . "dumbo" ]\nuser_packages = ["x"]',
        "[tool]\ndumbo = { user-packages = ['x'] }",
        "[tool]\ndumbo.user-packages = ['x']",
        "tool.dumbo.user-packages = ['x']",
        "tool = { dumbo = { user-packages = ['x'] } }",
    ],
)
def test_every_way_to_write_the_table_is_found(text: str, tmp_path: Path) -> None:
    project(tmp_path, text)
    assert config.user_packages() == {"x"}


def test_user_packages_come_from_the_environment_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project(tmp_path, '[tool.dumbo]\nuser-packages = ["from_project"]\n')
    monkeypatch.setenv("DUMBO_USER_PACKAGES", "one, two three")
    assert config.user_packages() == {"one", "two", "three"}
    monkeypatch.setenv("DUMBO_USER_PACKAGES", "")
    assert config.user_packages() == frozenset()


def test_without_any_setting_no_package_is_the_users_and_nothing_is_disabled() -> None:
    assert config.user_packages() == frozenset()
    assert not config.is_disabled()
    assert config.on_stale() == ("recompute", 0.0)


@pytest.mark.parametrize(
    ("value", "disabled"),
    [("1", True), ("true", True), ("yes please", True), ("0", False), ("No", False), ("", False)],
)
def test_disable_is_on_unless_it_is_known_as_off(
    value: str, disabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUMBO_DISABLE", value)
    assert config.is_disabled() is disabled


def test_the_environment_can_enable_what_the_project_disables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project(tmp_path, "[tool.dumbo]\ndisable = true\n")
    assert config.is_disabled()
    monkeypatch.setenv("DUMBO_DISABLE", "0")
    assert not config.is_disabled()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[tool.dumbo]\ndir = 3", r"dir = 3: give a directory as a string"),
        ("[tool.dumbo]\ndir = ''", r"give a directory as a string"),
        ("[tool.dumbo]\nuser-packages = 'a'", r"user-packages = 'a': give a list"),
        ("[tool.dumbo]\nuser-packages = [1]", r"give a list"),
        ("[tool.dumbo]\ndisable = 'yes'", r"give true or false"),
        ("[tool.dumbo]\non-stale = 'maybe'", r"use 'recompute', 'reuse' or 'ask'"),
        ("[tool.dumbo]\nrecompute-within = 'soon'", r"give a length of time"),
        ("[tool.dumbo]\ndirectory = 'x'", r"no such setting; remove it, or use one of dir,"),
        ("[tool]\ndumbo = {", r"not valid TOML"),
        ("[[tool.dumbo]]\ndir = 'x'", r"make it a table"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_an_error_that_names_the_file(
    text: str, complaint: str, tmp_path: Path
) -> None:
    project(tmp_path, text)
    with pytest.raises(InvalidUse, match=complaint) as caught:
        config.cache_directory()
    assert str(tmp_path / "pyproject.toml") in str(caught.value)


def test_what_is_done_about_stale_results_is_said_in_three_places(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project(tmp_path, "[tool.dumbo]\nrecompute-within = '10 min'\n")
    assert config.on_stale() == ("reuse", 600.0)  # whoever says only that, wants the rest reused
    assert config.on_stale("ask") == ("ask", 600.0)
    assert config.on_stale("recompute") == ("recompute", 600.0)
    monkeypatch.setenv("DUMBO_ON_STALE", "Ask")
    assert config.on_stale() == ("ask", 600.0)
    monkeypatch.setenv("DUMBO_RECOMPUTE_WITHIN", "1h")
    assert config.on_stale() == ("ask", 3600.0)
    assert config.on_stale("reuse", 5.0) == ("reuse", 5.0)
    monkeypatch.setenv("DUMBO_ON_STALE", "never")
    with pytest.raises(InvalidUse, match="DUMBO_ON_STALE='never'"):
        config.on_stale()


def test_a_file_that_is_not_ours_may_be_broken(tmp_path: Path) -> None:
    project(tmp_path, "[project\nname = ")
    assert config.user_packages() == frozenset()


@pytest.mark.parametrize("given", [3, b"/bytes", "", "with\0nul", object()])
def test_a_directory_of_the_wrong_type_is_refused(given: object) -> None:
    with pytest.raises(InvalidUse, match="cache directory"):
        config.cache_directory(given)  # type: ignore[arg-type]


def test_a_removed_working_directory_has_no_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert config.user_packages() == frozenset()
    assert os.path.isabs(config.cache_directory())
    with pytest.raises(UnusableDirectory, match="give an absolute path"):
        config.cache_directory("relative")


def test_neither_a_missing_table_nor_a_mere_dependency_imports_the_parser(tmp_path: Path) -> None:
    project(tmp_path, '[project]\nname = "x"\ndependencies = [\n    "dumbo>=0.1",\n]\n')
    code = (
        "import sys, dumbo.config as c; c.cache_directory(); c.user_packages(); c.is_disabled();"
        "sys.exit('tomllib' in sys.modules)"
    )
    # -S: site customisations of the machine may import anything.
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, *sys.path])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_variable_that_is_no_setting_is_told_once(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from dumbo import memo\n"
        "@memo(keep='always')\n"
        "def f(x): return [x]\n"
        "@memo(keep='always')\n"
        "def g(x): return {x}\n"
        "print(f(1), f(2), g(1))\n"
    )
    own = {"DUMBO_DIR": str(tmp_path / "store"), "DUMBO_MAX_SIZE": "1 GB", "PYTHONPATH": ROOT}
    done = subprocess.run(
        [sys.executable, program],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[1] [2] {1}\n"
    assert done.stderr.count("DUMBO_MAX_SIZE: there is no such setting") == 1
    assert "DUMBO_SIZE_LIMIT" in done.stderr


def test_every_setting_of_the_table_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.__doc__ is not None
    named = {word for word in config.__doc__.split() if word.startswith("DUMBO_")}
    assert named <= set(config.known_variables())
    for name in config.known_variables():
        monkeypatch.setenv(name, "1")
    assert config.unknown_variables() == []
