"""Modules that are not loaded, by their sources."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from dumbo.tracing import sources


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "outer_source.py").write_text("import inner_source\nimport json\n")
    (tmp_path / "inner_source.py").write_text("def f():\n    return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_module_counts_with_those_it_imports(package: Path) -> None:
    before = sources.print_of("outer_source")
    (package / "inner_source.py").write_text("def f():\n    return 2\n")
    assert sources.print_of("outer_source") != before


def test_comments_change_nothing(package: Path) -> None:
    before = sources.print_of("outer_source")
    (package / "inner_source.py").write_text("# said\ndef f():\n\n    return 1\n")
    assert sources.print_of("outer_source") == before


def test_who_reads_several_modules_looks_for_each_file_once(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sought: list[str] = []
    find = sources.find

    def counted(name: str) -> object:
        sought.append(name)
        return find(name)

    monkeypatch.setattr(sources, "find", counted)
    reader = sources.Reader()
    both = [reader.print_of("outer_source"), reader.print_of("inner_source")]
    assert sorted(sought) == ["inner_source", "json", "outer_source"]
    assert both == [sources.print_of("outer_source"), sources.print_of("inner_source")]


def test_a_later_reader_sees_what_has_changed(package: Path) -> None:
    before = sources.Reader().print_of("inner_source")
    (package / "inner_source.py").unlink()
    assert sources.Reader().print_of("inner_source") != before


def test_no_getattr_of_a_loaded_module_runs(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    plain = ModuleType("asked_nothing")
    plain.__getattr__ = asked.append  # type: ignore[method-assign,assignment]
    monkeypatch.setitem(sys.modules, "asked_nothing", plain)
    assert sources.find("asked_nothing") is None
    assert sources.find("asked_nothing.inner") is None
    assert asked == []


def test_what_a_module_is_asked_for_that_is_no_package_lies_nowhere(package: Path) -> None:
    # `from inner_source import outer_source` gives a name of that module, and not a module.
    assert sources.find("inner_source.outer_source") is None
    (package / "asking.py").write_text("from inner_source import outer_source\n")
    before = sources.print_of("asking")
    (package / "outer_source.py").write_text("import json\n")
    assert sources.print_of("asking") == before


def test_a_folder_in_a_package_that_is_not_loaded_is_found(package: Path) -> None:
    inner = package / "unloaded_package" / "folder"
    inner.mkdir(parents=True)
    (package / "unloaded_package" / "__init__.py").write_text("raise RuntimeError\n")
    (inner / "deep.py").write_text("x = 1\n")
    spec = sources.find("unloaded_package.folder.deep")
    assert spec is not None
    assert spec.origin == str(inner / "deep.py")
    before = sources.print_of("unloaded_package.folder.deep")
    (inner / "deep.py").write_text("x = 2\n")
    assert sources.print_of("unloaded_package.folder.deep") != before


def test_what_a_module_that_is_no_package_may_hold_is_not_known_to_be_absent(
    package: Path,
) -> None:
    (package / "unloaded_package").mkdir()
    (package / "unloaded_package" / "__init__.py").write_text("")
    (package / "unloaded_package" / "six.py").write_text("import sys\n")  # may register `moves`
    assert not sources.is_nowhere("unloaded_package.six.moves")
    assert sources.is_nowhere("unloaded_package.seven")
