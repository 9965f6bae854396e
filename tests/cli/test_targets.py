"""What is typed finds the function that is meant, or says what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dumbo.cli import targets
from dumbo.errors import InvalidUse

MODULE = """
def helper(x): return x

class Model:
    def fit(self, data): return helper(data)
    @staticmethod
    def still(x): return x
    @classmethod
    def made(cls): return cls()
    @property
    def size(self): raise RuntimeError("analysis runs no property")

def outer():
    def inner(): ...
    return inner

number = 3
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    package = tmp_path / "shop_pkg"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "__init__.py").write_text(
        "import shop_pkg.inner.same\ndef here(): ...\ndef same(): ...\n"
    )
    (package / "inner" / "same.py").write_text("")
    (package / "model.py").write_text(MODULE)
    (package / "broken.py").write_text("1 / 0\n")
    (package / "needy.py").write_text("import there_is_no_such_thing\n")
    (package / "leaves.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "alone.py").write_text("def f(): ...\n")
    (tmp_path / "random.py").write_text("def f(): ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("shop_pkg", "alone"):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("target", "qualname"),
    [
        ("shop_pkg.model:helper", "helper"),
        ("shop_pkg.model.helper", "helper"),
        ("shop_pkg.model:Model.fit", "Model.fit"),
        ("shop_pkg.model.Model.fit", "Model.fit"),
        ("shop_pkg/model.py:Model.fit", "Model.fit"),
        ("./shop_pkg/model.py:Model", "Model"),
        ("shop_pkg/inner/__init__.py:here", "here"),
        ("shop_pkg.model:Model.still", "Model.still"),
        ("shop_pkg.model:Model.made", "Model.made"),
        ("shop_pkg.model:Model.size", "Model.size"),
        ("alone.py:f", "f"),
        ("os.path.join", "join"),
        ("shop_pkg.inner.same", "same"),
    ],
)
def test_every_way_to_name_a_function_finds_it(target: str, qualname: str) -> None:
    assert targets.find(target).__qualname__ == qualname


def test_a_file_of_a_package_is_imported_under_its_full_name() -> None:
    assert targets.find("shop_pkg/inner/__init__.py:here").__module__ == "shop_pkg.inner"


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (
            "shop_pkg.modle:helper",
            r"no module 'shop_pkg.modle' here: did you mean 'shop_pkg.model'",
        ),
        (
            "shop_pgk.model:helper",
            r"no module 'shop_pgk.model' here: did you mean 'shop_pkg.model'",
        ),
        ("shop_pgk.model.helper", r"no module 'shop_pgk' here: did you mean 'shop_pkg'"),
        ("shop_pkg.modle.helper", r"no 'modle' in shop_pkg: did you mean 'model'"),
        ("shop_pkg.model:hepler", r"no 'hepler' in shop_pkg.model: did you mean 'helper'"),
        ("shop_pkg.model:Model.fti", r"no 'fti' in shop_pkg.model:Model: did you mean 'fit'"),
        (
            "shop_pkg/modle.py:helper",
            r"no file 'shop_pkg/modle.py': did you mean 'shop_pkg/model.py'",
        ),
        ("nowhere/at_all.py:f", r"no file 'nowhere/at_all.py'$"),
        ("shop_pkg.model:outer.<locals>.inner", r"only exists while that runs"),
        ("shop_pkg.model:number", r"shop_pkg.model:number is no function: it is a int"),
        ("shop_pkg.model", r"'shop_pkg.model' is a module, such as shop_pkg.model:helper"),
        ("shop_pkg/model.py", r"names a file, and no function in it: write module:function"),
        (":f", r"lacks a module"),
        ("shop_pkg.model:", r"lacks a name"),
        ("", r"names nothing"),
        ("a..b", r"names nothing"),
        ("random.py:f", r"would be imported as 'random', and that is .*: rename the file"),
    ],
)
def test_what_is_not_there_is_said_with_what_was_meant(target: str, complaint: str) -> None:
    with pytest.raises(InvalidUse, match=complaint):
        targets.find(target)


@pytest.mark.parametrize(
    ("module", "complaint"),
    [
        ("broken", r"importing 'shop_pkg.broken' failed with ZeroDivisionError: division by zero"),
        ("needy", r"failed with ModuleNotFoundError: No module named 'there_is_no_such_thing'"),
        ("leaves", r"importing 'shop_pkg.leaves' failed with SystemExit: 3"),
    ],
)
def test_an_import_that_fails_is_told_in_one_line(module: str, complaint: str) -> None:
    for target in (f"shop_pkg.{module}:f", f"shop_pkg.{module}.f", f"shop_pkg/{module}.py:f"):
        with pytest.raises(InvalidUse, match=complaint) as caught:
            targets.find(target)
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is not None
