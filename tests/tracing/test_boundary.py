"""Where user code ends: real small distributions, installed in every way there is."""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import sysconfig
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dumbo.tracing import boundary
from dumbo.tracing.boundary import STDLIB, Owner, owner_of
from dumbo.tracing.interpreter import trace


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder like `site-packages`, from which modules can be imported."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    loaded = set(sys.modules)
    boundary.refresh()
    yield folder
    for name in set(sys.modules) - loaded:
        del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Callable[..., None]:
    """Put files, and the metadata of a distribution that has them, into `site`."""

    def put(
        name: str,
        version: str,
        files: dict[str, str],
        *,
        record: bool = True,
        top_level: str | None = None,
        direct_url: object = None,
    ) -> None:
        for path, text in files.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text)
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        if record:
            lines = [f"{path},sha256=x,1" for path in [*files, f"{info.name}/METADATA"]]
            (info / "RECORD").write_text("\n".join(lines) + "\n")
        if top_level is not None:
            (info / "top_level.txt").write_text(top_level)
        if direct_url is not None:
            (info / "direct_url.json").write_text(json.dumps(direct_url))

    return put


def load(name: str) -> ModuleType:
    importlib.invalidate_caches()
    boundary.refresh()
    return importlib.import_module(name)


CODE = "K = 1\ndef f(): return 1\nclass C:\n    def m(self): return 1\n"


def test_what_a_distribution_has_recorded_is_its_own(install: Callable[..., None]) -> None:
    install("some_dist", "1.2", {"some_pkg/__init__.py": "", "some_pkg/inner.py": CODE})
    inner = load("some_pkg.inner")
    for thing in (inner, inner.f, inner.C, inner.C.m):
        owner = owner_of(thing)
        assert owner is not None
        assert (owner.name, owner.version) == ("some-dist", "1.2")
        assert owner.info.endswith("some_dist-1.2.dist-info")


def test_a_single_module_is_found_by_its_record(install: Callable[..., None]) -> None:
    install("one_file", "0.1", {"one_file_module.py": CODE})
    owner = owner_of(load("one_file_module").f)
    assert owner is not None
    assert owner.name == "one-file"


def test_without_a_record_the_top_level_names_do(install: Callable[..., None]) -> None:
    install("old", "3", {"old_pkg/__init__.py": CODE}, record=False, top_level="old_pkg\n")
    owner = owner_of(load("old_pkg").f)
    assert owner is not None
    assert owner.version == "3"


def test_an_editable_install_is_user_code(install: Callable[..., None]) -> None:
    install(
        "mine",
        "1",
        {"mine_pkg.py": CODE},
        direct_url={"url": "file:///somewhere", "dir_info": {"editable": True}},
    )
    assert owner_of(load("mine_pkg").f) is None


def test_one_that_was_installed_from_a_folder_is_not(install: Callable[..., None]) -> None:
    install("local", "1", {"local_pkg.py": CODE}, direct_url={"dir_info": {}, "url": "file:///x"})
    assert owner_of(load("local_pkg").f) is not None


def test_a_module_put_there_by_hand_is_user_code(install: Callable[..., None], site: Path) -> None:
    install("neighbour", "1", {"neighbour.py": CODE})
    (site / "by_hand.py").write_text(CODE)
    assert owner_of(load("by_hand").f) is None
    assert owner_of(load("neighbour").f) is not None


def test_a_namespace_is_shared_by_the_file(install: Callable[..., None]) -> None:
    install("one", "1", {"shared_ns/one.py": CODE})
    install("two", "2", {"shared_ns/two.py": CODE})
    owners = [owner_of(load(f"shared_ns.{name}").f) for name in ("one", "two")]
    assert [owner and (owner.name, owner.version) for owner in owners] == [
        ("one", "1"),
        ("two", "2"),
    ]


def test_a_file_that_someone_added_to_a_shared_namespace_is_user_code(
    install: Callable[..., None], site: Path
) -> None:
    install("one", "1", {"added_ns/one.py": CODE})
    install("two", "2", {"added_ns/two.py": CODE})
    (site / "added_ns" / "three.py").write_text(CODE)
    owner = owner_of(load("added_ns.three").f)
    assert owner is None or owner.name in ("one", "two")


def test_a_project_is_user_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project_of_mine.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        module = load("project_of_mine")
        assert owner_of(module) is owner_of(module.f) is owner_of(module.C) is None
    finally:
        sys.modules.pop("project_of_mine", None)


def test_a_setting_makes_an_installed_package_user_code(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("theirs", "1", {"their_pkg/__init__.py": "", "their_pkg/inner.py": CODE})
    assert owner_of(load("their_pkg.inner").f) is not None
    monkeypatch.setenv("DUMBO_USER_PACKAGES", "their_pkg other")
    boundary.refresh()
    assert owner_of(load("their_pkg.inner").f) is None


@pytest.mark.parametrize("thing", [json, json.dumps, json.JSONEncoder, len, str, str.join, sys])
def test_the_standard_library_is_one_thing(thing: object) -> None:
    boundary.refresh()
    assert owner_of(thing) == STDLIB


def test_code_that_was_typed_belongs_to_the_module_it_runs_in() -> None:
    names: dict[str, object] = {"__name__": "typed_here"}
    exec("def f(): pass", names)
    assert owner_of(names["f"]) is None


def test_dumbo_is_never_user_code() -> None:
    boundary.refresh()
    assert owner_of(boundary.owner_of) == Owner("dumbo")


def test_damaged_metadata_claims_nothing(install: Callable[..., None], site: Path) -> None:
    install("broken", "1", {"broken_pkg.py": CODE}, record=False)
    (site / "broken-1.dist-info" / "RECORD").write_bytes(b"\xff\xfe not text")
    (site / "broken-1.dist-info" / "direct_url.json").write_text("{")
    assert owner_of(load("broken_pkg").f) is None


def test_where_a_distribution_has_the_name_of_its_package_no_other_is_read(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("Named_Alike", "1", {"named_alike/__init__.py": CODE})
    install("other", "1", {"by_another_name.py": CODE})
    read: list[str] = []
    text = boundary._text

    def recording(info: str) -> str:
        read.append(Path(info).name)
        return text(info)

    monkeypatch.setattr(boundary, "_text", recording)
    alike = owner_of(load("named_alike").f)
    assert alike is not None
    assert (alike.name, read) == ("named-alike", ["Named_Alike-1.dist-info"])
    another = owner_of(load("by_another_name").f)
    assert another is not None
    assert (another.name, "other-1.dist-info" in read) == ("other", True)


def test_a_namesake_that_does_not_list_the_file_has_no_say(
    install: Callable[..., None], site: Path
) -> None:
    install("namesake", "1", {"something_else.py": CODE})
    install("real", "2", {"namesake/__init__.py": CODE})
    owner = owner_of(load("namesake").f)
    assert owner is not None
    assert owner.name == "real"


def test_no_function_is_kept_for_longer_than_it_is_analysed() -> None:
    names: dict[str, Any] = {"__name__": "nowhere"}
    exec("def inner(): return 1\ndef outer(): return inner()", names)
    alive = weakref.ref(names["inner"])
    trace(names["outer"])
    names.clear()
    gc.collect()
    assert alive() is None


def test_the_roots_of_the_standard_library_are_those_that_sysconfig_knows() -> None:
    kinds = ("stdlib", "platstdlib")
    known = {os.path.realpath(sysconfig.get_path(kind)) for kind in kinds}
    assert set(boundary._STDLIB_ROOTS) == known
