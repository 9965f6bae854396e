"""Code that pytest rewrites to explain its asserts has the digest of its source."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dumbo.tracing import fingerprint
from dumbo.tracing.digest import closure_digest
from dumbo.tracing.rewritten import plain
from dumbo.tracing.tracker import Tracker

ROOT = str(Path(__file__).parent.parent.parent)


def helper(x: int) -> int:
    def inner(y: int) -> int:
        assert y > 0, "not positive"
        return y

    assert x in (1, 2)
    return inner(x)


def f(xs: list[int]) -> list[int]:
    found = [helper(x) for x in xs]
    assert found == xs
    return found


def described() -> list[str]:
    digest = closure_digest(Tracker(f).analysis()).hex()
    return [digest, fingerprint.code(f.__code__).hex(), fingerprint.code(helper.__code__).hex()]


def test_digests_are_those_of_a_process_without_pytest() -> None:
    assert "@pytest_ar" in f.__code__.co_names, "this test is about rewritten code"
    code = f"import sys; sys.path[:0] = {[ROOT, str(Path(__file__).parent)]!r}; import pytest"
    code += "; import test_rewritten as t; assert '@pytest_ar' not in t.f.__code__.co_names"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}; print(*t.described())"], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == described()


def test_code_that_is_not_what_its_file_says_counts_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ast

    from _pytest.assertion.rewrite import rewrite_asserts

    file = tmp_path / "module.py"
    source = "def g(x):\n    assert x == 1\n    return x\n"
    file.write_text(source)
    tree = ast.parse(source)
    rewrite_asserts(tree, source.encode(), str(file))
    names: dict[str, object] = {}
    exec(compile(tree, str(file), "exec", dont_inherit=True), names)
    code = names["g"].__code__  # type: ignore[attr-defined]
    file.write_text(source.replace("== 1", "== 2"))
    assert plain(code) is code
    file.write_text(source)
    again = code.replace()  # what was found out of the first is kept
    assert plain(again) is not again
    assert plain(again).co_names == ()


def test_code_without_asserts_is_itself() -> None:
    code = test_code_without_asserts_is_itself.__code__.replace(co_names=())
    assert plain(code) is code
