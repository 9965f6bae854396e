"""The lock: sources without layout, closures as text, and what became of them."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence
from itertools import pairwise

import pytest

from dumbo.errors import InvalidUse
from dumbo.lockfile import report
from dumbo.lockfile.compare import Cause, Outcome, compare, holds
from dumbo.lockfile.form import Closure, Lock, Part, read, write
from dumbo.lockfile.project import Stored
from dumbo.lockfile.syntax import definition_of, imports_of, written


def text(source: str, **keywords: bool) -> str:
    """The form of the first function in *source*, with no name resolved."""
    (function,) = [
        node
        for node in ast.parse(textwrap.dedent(source)).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ][:1]
    return written(function, lambda parts: None, **keywords)


BASE = """
def f(x, *, key=None):
    y = [i * x for i in range(3) if i]
    def inner(z):
        return y + z
    with open(x) as file:
        for line in file:
            try:
                total = inner(line)
            except ValueError as error:
                print(f"{error!r:>{x}}")
    return total, lambda a, b=2: a + b
"""


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("a docstring", "    y =", '    "says something"\n    y ='),
        ("a comment, another layout", "[i * x for", "[  # all of them\n        i * x for"),
        ("a local variable", "total", "whole"),
        ("the variable of a comprehension", "[i * x for i in range(3) if i]",
         "[j * x for j in range(3) if j]"),
        ("a function of the body", "inner", "within"),
        ("an exception's name", "error", "wrong"),
        ("parameters of a lambda", "lambda a, b=2: a + b", "lambda c, d=2: c + d"),
        ("a parameter that goes by position", "(x,", "(x: int,"),
        ("an annotation of a variable", "y = [", "y: list[int] = ["),
        ("a pass", "    with", "    pass\n    with"),
        ("a decorator", "def f(x", "@noted\ndef f(x"),
        ("the function's own name and return type", "def f(x, *, key=None):",
         "def g(x, *, key=None) -> tuple:"),
    ],
)  # fmt: skip
def test_what_does_not_matter_leaves_the_form_as_it_is(what: str, old: str, new: str) -> None:
    assert old in BASE
    assert text(BASE.replace(old, new)) == text(BASE), what


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("a constant", "range(3)", "range(4)"),
        ("its type", "range(3)", "range(3.0)"),
        ("an operator", "i * x", "i + x"),
        ("another variable of the same kind", "y + z", "y + y"),
        ("which scope a name is of", "y + z", "y + x"),
        ("a keyword-only parameter", "key=", "keys="),
        ("a default inside", "b=2", "b=3"),
        ("an attribute", "print(", "print.out("),
        ("a conversion", "!r", "!s"),
        ("the order of statements", "    with open", "    return 1\n    with open"),
        ("a condition", " if i]", "]"),
    ],
)  # fmt: skip
def test_what_matters_changes_the_form(what: str, old: str, new: str) -> None:
    assert old in BASE
    assert text(BASE.replace(old, new)) != text(BASE), what


def test_variables_of_two_scopes_are_never_taken_for_one() -> None:
    inner = "def f(a):\n    b = 1\n    return [{} for c in a]"
    assert text(inner.format("b")) != text(inner.format("c"))
    nested = "def f(a):\n    def g(b):\n        return {}\n    return g"
    assert len({text(nested.format(name)) for name in ("a", "b", "c")}) == 3


def test_names_of_parameters_count_where_they_are_passed_by_name() -> None:
    old, new = "def f(a, b): return a - b", "def f(b, a): return b - a"
    assert text(old) == text(new)
    assert text(old, keep_parameters=True) != text(new, keep_parameters=True)
    old, new = (
        "def f():\n    a = 1\n    return locals()",
        "def f():\n    b = 1\n    return locals()",
    )
    assert text(old, keep_locals=True) != text(new, keep_locals=True)


def test_names_from_outside_are_asked_for_with_their_attributes() -> None:
    asked: list[list[str]] = []

    def resolve(parts: Sequence[str]) -> tuple[int, str] | None:
        asked.append(list(parts))
        return (2, "reference 0") if parts[0] == "mod" else None

    function = ast.parse("def f(x): return mod.helper.fit(x) + x.size + other").body[0]
    assert isinstance(function, ast.FunctionDef)
    form = written(function, resolve)
    assert asked == [["mod", "helper", "fit"], ["other"]]
    assert "reference 0.fit" in form and ".size" in form and "other" in form
    assert "helper" not in form


def test_a_definition_is_found_by_its_qualified_name_and_line() -> None:
    source = (
        "class A:\n    @property\n    def x(self): ...\n\n    def y(self):\n        def z(): ...\n"
    )
    found = definition_of(source, "A.x", 2)
    assert isinstance(found, ast.FunctionDef) and found.name == "x"
    found = definition_of(source, "A.y.<locals>.z", 6)
    assert isinstance(found, ast.FunctionDef) and found.name == "z"
    assert definition_of(source, "A.x", 3) is None
    assert definition_of("a = lambda: 1, lambda: 2", "<lambda>", 1) is None, "which of them?"
    assert definition_of("def broken(", "broken", 1) is None


def test_imports_say_where_a_name_comes_from() -> None:
    source = "import a.b, c as d\nfrom e.f import g as h\nfrom . import i\n"
    assert imports_of(source) == {"a": "a", "d": "c", "h": "e.f.g"}


LOCK = Lock(
    {
        "shop:price": Closure(
            {
                "shop:price": Part("function", "aa", ("shop:middle", "numpy")),
                "shop:middle": Part("function", "bb", ("shop:helper",)),
                "shop:helper": Part("function", "cc", ("shop:T['a b']",)),
                "shop:T['a b']": Part("value", "dd"),
                "numpy": Part("library", "2.1.0"),
            }
        ),
        "shop:alone": Closure({"shop:alone": Part("function", "ee")}),
    },
    "3.13",
    4,
)


def changed(label: str, **parts: Part | None) -> Lock:
    """LOCK with other parts in one closure, `_` standing for the colon."""
    closure = dict(LOCK.closures[label].parts)
    for key, part in parts.items():
        name = key.replace("_", ":")
        closure.pop(name, None)
        if part is not None:
            closure[name] = part
    return LOCK._replace(closures={**LOCK.closures, label: Closure(closure)})


def outcome(old: Lock, new: Lock, label: str = "shop:price") -> Outcome:
    (found,) = [one for one in compare(old, new) if one.label == label]
    return found


def test_a_lock_that_was_written_is_read_as_it_was() -> None:
    assert read(write(LOCK), "dumbo.lock") == LOCK
    assert write(read(write(LOCK), "dumbo.lock")) == write(LOCK)


def test_between_any_two_digests_stands_a_line_that_git_finds_unchanged() -> None:
    lines = write(LOCK).splitlines()
    digests = [at for at, line in enumerate(lines) if line.startswith("    ") and ">" not in line]
    assert len(digests) == 6
    assert all(after - before >= 3 for before, after in pairwise(digests))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("<<<<<<< HEAD\n", "unfinished merge"),
        ("", "no lock"),
        ("format 99\n", "of format 99"),
        ("format 1\n[a:b]\n    > c\n", "belongs to nothing"),
    ],
)
def test_what_is_no_lock_is_refused_with_the_way_out(wrong: str, said: str) -> None:
    with pytest.raises(InvalidUse, match=said) as caught:
        read(wrong, "dumbo.lock")
    assert "dumbo lock" in str(caught.value)


def test_the_same_code_is_the_same_lock() -> None:
    outcomes = compare(LOCK, LOCK)
    assert [one.state for one in outcomes] == ["same", "same"]
    assert holds(outcomes)


def test_what_changed_is_told_with_the_way_to_it() -> None:
    new = changed("shop:price", shop_helper=Part("function", "other", ("shop:T['a b']",)))
    found = outcome(LOCK, new)
    path = ("shop:price", "shop:middle", "shop:helper")
    assert found.state == "invalidated"
    assert found.causes == (Cause("shop:helper", "changed", path),)
    assert outcome(LOCK, new, "shop:alone").state == "same"


def test_a_new_version_of_a_library_invalidates() -> None:
    found = outcome(LOCK, changed("shop:price", numpy=Part("library", "2.2.0")))
    (cause,) = found.causes
    assert (cause.name, cause.how, cause.before, cause.after) == (
        "numpy", "version", ("2.1.0",), ("2.2.0",),
    )  # fmt: skip


def test_names_invalidate_nothing() -> None:
    new = changed(
        "shop:price",
        shop_middle=Part("function", "bb", ("lib:aid",)),
        shop_helper=None,
        lib_aid=Part("function", "cc", ("shop:T['a b']",)),
    )
    assert outcome(LOCK, new).state == "renamed"
    assert not holds(compare(LOCK, new)), "the names in the file are no longer right"


def test_a_memoized_function_that_was_renamed_is_found_again() -> None:
    closures = {**LOCK.closures, "shop:lonely": Closure({"shop:lonely": Part("function", "ee")})}
    del closures["shop:alone"]
    found = outcome(LOCK, LOCK._replace(closures=closures), "shop:lonely")
    assert (found.state, found.was) == ("renamed", "shop:alone")


def test_what_was_renamed_and_edited_is_told_as_another() -> None:
    new = changed(
        "shop:price",
        shop_middle=Part("function", "bb", ("lib:aid",)),
        shop_helper=None,
        lib_aid=Part("function", "other", ("shop:T['a b']",)),
    )
    (cause,) = outcome(LOCK, new).causes
    assert (cause.name, cause.how) == ("shop:middle", "refers")
    assert (cause.before, cause.after) == (("shop:helper",), ("lib:aid",))


def test_the_same_things_in_another_order_are_another_closure() -> None:
    two = Lock(
        {
            "m:f": Closure(
                {
                    "m:f": Part("function", "aa", ("m:a", "m:b")),
                    "m:a": Part("function", "x"),
                    "m:b": Part("function", "y"),
                }
            )
        },
        "3.13",
    )
    parts = two.closures["m:f"].parts
    turned = {**parts, "m:f": Part("function", "aa", ("m:b", "m:a"))}
    found = outcome(two, Lock({"m:f": Closure(turned)}, "3.13"), "m:f")
    assert found.state == "invalidated"
    assert found.causes[0].how == "refers"


def test_functions_that_come_and_go_are_told() -> None:
    one = LOCK._replace(closures={"shop:price": LOCK.closures["shop:price"]})
    assert outcome(one, LOCK, "shop:alone").state == "added"
    assert outcome(LOCK, one, "shop:alone").state == "removed"


def test_code_without_a_source_is_compared_only_by_the_python_that_compiled_it() -> None:
    def made(python: str, digest: str) -> Lock:
        part = Part("function", f"py{python}:{digest}")
        return Lock({"m:f": Closure({"m:f": part})}, python)

    assert outcome(made("3.13", "a"), made("3.13", "b"), "m:f").state == "invalidated"
    assert outcome(made("3.13", "a"), made("3.12", "b"), "m:f").state == "same"


def said(old: Lock, new: Lock, stored: dict[str, Stored] | None = None) -> str:
    return "\n".join(report.lines(compare(old, new), stored or {}, old, new))


def test_the_report_says_what_is_lost_by_what_and_what_it_is_worth() -> None:
    new = changed("shop:price", shop_helper=Part("function", "other", ("shop:T['a b']",)))
    assert said(LOCK, new, {"shop:price": Stored(12, 12_000.0)}) == textwrap.dedent(
        """\
        dumbo.lock: of 2 memoized functions, 1 of them would be computed again.

          shop:price: 12 results here that took 3 h 20 min
            shop:helper changed
              by way of shop:price > shop:middle > shop:helper

        In all, 12 results on this machine, 3 h 20 min of computing.
        What is as good as before can be kept: dumbo accept FUNCTION
        If that is meant, write it again: dumbo lock, or pytest --dumbo-update"""
    )


def test_the_report_of_what_costs_nothing_says_so() -> None:
    assert said(LOCK, LOCK) == "dumbo.lock holds: 2 memoized functions, nothing has changed."
    one = LOCK._replace(closures={"shop:price": LOCK.closures["shop:price"]})
    assert "no result is lost" in said(one, LOCK)
    assert "New, not in the lock:\n    shop:alone" in said(one, LOCK)
    assert "No longer in the code:\n    shop:alone" in said(LOCK, one)


def test_the_report_names_the_python_that_wrote_the_lock() -> None:
    new = changed("shop:price", numpy=Part("library", "2.2.0"))._replace(python="3.12")
    assert "written by Python 3.13, and this is 3.12" in said(LOCK, new)
    assert "numpy 2.1.0 -> 2.2.0" in said(LOCK, new)
