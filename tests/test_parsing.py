"""Source text becomes a syntax tree in any thread."""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor

import pytest

from dumbo.parsing import parse

SOURCE = "\n".join(
    f"def f{n}(a, b=({n}, [1, 2])): return [a, {{b: (x for x in a)}}]" for n in range(300)
)


def test_it_is_the_tree_that_ast_makes() -> None:
    assert ast.dump(parse(SOURCE)) == ast.dump(ast.parse(SOURCE))
    assert ast.dump(parse("a + 1", mode="eval")) == ast.dump(ast.parse("a + 1", mode="eval"))
    with pytest.raises(SyntaxError, match=r"here\.py"):
        parse("a b", filename="here.py")


def test_a_depth_that_another_thread_mixed_up_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[str] = []
    made = ast.parse

    def mixed_up(*args: str) -> ast.AST:
        attempts.append(args[0])
        if len(attempts) < 4:
            raise SystemError("AST constructor recursion depth mismatch (before=27, after=21)")
        return made(*args)

    monkeypatch.setattr(ast, "parse", mixed_up)
    assert ast.dump(parse("a = 1")) == ast.dump(made("a = 1"))
    assert attempts == ["a = 1"] * 4


def test_threads_parse_at_the_same_time() -> None:
    with ThreadPoolExecutor(4) as pool:
        trees = list(pool.map(parse, [SOURCE] * 40))
    assert {len(tree.body) for tree in trees} == {300}
