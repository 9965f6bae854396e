"""Lowered code: sound for the standard library, and alike on every CPython."""

from __future__ import annotations

import dis
import opcode
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from types import CodeType
from typing import Any

import pytest

from dumbo.tracing import instructions
from dumbo.tracing.instructions import UNDECLARED, lower
from dumbo.tracing.normal import normalise
from dumbo.tracing.steps import EFFECTS, JUMP_EFFECTS, Handler, Lowered, Shape, SuperAttr

VERSION = sys.version_info[:2]
Depths = Callable[[Lowered], "list[int | None]"]


def compiled(source: str, name: str = "f") -> CodeType:
    """Return the first code object of that name in *source*."""
    todo = [compile(source, "<test>", "exec", dont_inherit=True)]
    for code in todo:
        if code.co_name == name:
            return code
        todo += [const for const in code.co_consts if isinstance(const, CodeType)]
    raise LookupError(name)


def names(source: str, name: str = "f") -> list[str]:
    """Return the names of the normalised steps: blocks stand elsewhere on each CPython."""
    return [step.name for step in normalise(lower(compiled(source, name))).steps]


def arguments(source: str, wanted: str) -> list[Any]:
    return [step.arg for step in lower(compiled(source)).steps if step.name == wanted]


def where(code: CodeType) -> str:
    return f"{code.co_filename}:{code.co_firstlineno} {code.co_qualname}"


# ------------------------------------------------------------------ the standard library


def test_the_depth_of_the_stack_agrees_wherever_ways_meet(
    sample: list[CodeType], depths: Depths
) -> None:
    for code in sample:
        try:
            depths(lower(code))
        except AssertionError as cause:
            raise AssertionError(where(code)) from cause


def test_each_step_is_of_the_vocabulary(sample: list[CodeType]) -> None:
    met = {step.name for code in sample[::2] for step in lower(code).steps}
    assert met <= set(EFFECTS)
    assert "LOAD_SPECIAL" not in met, "a `with` that is not WITH_ENTER"


def test_names_and_constants_are_those_that_dis_reads(sample: list[CodeType]) -> None:
    named = {
        "LOAD_GLOBAL": "LOAD_GLOBAL",
        "LOAD_ATTR": "LOAD_ATTR",
        "LOAD_METHOD": "LOAD_ATTR",
        "STORE_ATTR": "STORE_ATTR",
        "LOAD_NAME": "LOAD_NAME",
        "LOAD_DEREF": "LOAD_DEREF",
        "STORE_DEREF": "STORE_DEREF",
        "IMPORT_FROM": "IMPORT_FROM",
        "IMPORT_NAME": "IMPORT_NAME",
        "COMPARE_OP": "COMPARE_OP",
        "LOAD_SUPER_ATTR": "LOAD_SUPER_ATTR",
    }
    for code in sample[::4]:
        expected = [
            (named[one.opname], one.argval)
            for one in dis.get_instructions(code)
            if one.opname in named
        ]
        found = [
            (
                step.name.removeprefix("LAZY_"),
                step.arg.name if step.name == "LOAD_SUPER_ATTR" else step.arg,
            )
            for step in lower(code).steps
            if step.name.removeprefix("LAZY_") in named.values()
        ]
        assert found == expected, where(code)


def test_lines_are_those_that_dis_reads(sample: list[CodeType]) -> None:
    # STORE_ATTR and STORE_NAME are one step each on every CPython.
    stores = {"STORE_ATTR", "STORE_NAME", "STORE_GLOBAL", "STORE_SUBSCR"}
    for code in sample[::4]:
        expected = [
            one.positions.lineno
            for one in dis.get_instructions(code)
            if one.opname in stores and one.positions is not None
        ]
        assert [s.line for s in lower(code).steps if s.name in stores] == expected, where(code)


# ------------------------------------------------------------------ the tables


def test_every_opcode_is_lowered_or_declared() -> None:
    assert len(UNDECLARED) <= 5
    assert not [name for name in UNDECLARED if name.startswith(("CALL", "STORE", "IMPORT"))]


def test_nothing_is_undeclared_on_a_supported_cpython() -> None:
    if VERSION <= (3, 15):
        assert not UNDECLARED


# What `dis.stack_effect` counts otherwise, and why.
OTHERWISE = {
    "CALL": "3.11 leaves most to PRECALL",
    "CLEANUP_THROW": "3.12 counts what it pushes only",
    "GET_ITER": "3.15 pushes an index beside the iterator",
    "END_SEND": "3.15 pops that index",
    "LOAD_ATTR": "has a flag that pushes NULL, a step of its own here",
    "LOAD_GLOBAL": "likewise",
    "LOAD_SUPER_ATTR": "likewise",
    "RETURN_GENERATOR": "pushes, though 3.11 and 3.12 say 0",
    "RETURN_VALUE": "takes what it returns, though 3.14 says 0",
}
AS_COUNTED: dict[str, Callable[[int], Any]] = {
    "MAKE_FUNCTION": lambda n: n if VERSION < (3, 13) else 0,
    "UNPACK_EX": lambda n: (n & 255, n >> 8),
}


@pytest.mark.parametrize("name", sorted(set(EFFECTS) & set(dis.opmap) - set(OTHERWISE)))
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_effects_are_those_of_dis(name: str, n: int) -> None:
    if name == "BUILD_SLICE" and n not in (2, 3):
        return
    op = dis.opmap[name]
    try:
        expected = dis.stack_effect(op, n, jump=False)
    except ValueError:
        try:
            expected = dis.stack_effect(op, jump=False)
        except ValueError:
            pytest.skip("a name of the compiler's only")
    effect = EFFECTS[name]
    found = effect if isinstance(effect, int) else effect(AS_COUNTED.get(name, int)(n))
    assert found == expected


@pytest.mark.parametrize("name", sorted(set(JUMP_EFFECTS) - {"FOR_ITER", "SEND", "JUMP"}))
def test_conditional_jumps_pop_what_they_test(name: str) -> None:
    assert JUMP_EFFECTS[name] == EFFECTS[name] == -1


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (instructions.BINARY_OPS, [symbol for _, symbol in getattr(opcode, "_nb_ops", [])]),
        (instructions.COMPARISONS, list(dis.cmp_op)),
        (instructions.SPECIAL_NAMES, getattr(opcode, "_special_method_names", [])),
        (instructions.INTRINSICS_1, getattr(opcode, "_intrinsic_1_descs", [])),
        (instructions.INTRINSICS_2, getattr(opcode, "_intrinsic_2_descs", [])),
        (
            (*instructions.COMMON_NAMES, *instructions.COMMON_CONSTANTS),
            [getattr(it, "__name__", it) for it in getattr(opcode, "_common_constants", [])],
        ),
    ],
    ids=["operators", "comparisons", "special", "intrinsics 1", "intrinsics 2", "constants"],
)
def test_numbered_arguments_are_numbered_as_cpython_does(
    ours: tuple[object, ...], theirs: list[Any]
) -> None:
    plain = [
        it.removeprefix("INTRINSIC_").removeprefix("1_").removeprefix("2_")
        if isinstance(it, str)
        else it
        for it in theirs
    ]
    assert [(type(it), it) for it in ours[: len(plain)]] == [(type(it), it) for it in plain]


# ------------------------------------------------------------------ one spelling

END = "LOAD_CONST RETURN_VALUE "
EXIT = "LOAD_CONST LOAD_CONST LOAD_CONST CALL "
MAKE = "LOAD_CONST MAKE_FUNCTION "
# Until 3.12 what a function is made with are operands, later steps of their own.
EXTRA = "SET_FUNCTION_ATTRIBUTE " if VERSION >= (3, 13) else ""
AWAIT = "GET_AWAITABLE LOAD_CONST SEND YIELD_VALUE JUMP END_SEND "
# Since 3.12 StopIteration that leaves a generator is dealt with in its code.
STOP = "CALL_INTRINSIC_1 RERAISE " if VERSION >= (3, 12) else ""
CLEANUP = "CLEANUP_THROW JUMP " if VERSION >= (3, 12) else ""


def spelled(expected: str) -> list[str]:
    """Return the steps; 3.11 and 3.12 push NULL before the callee, but for methods."""
    steps = " ".join(expected.split())
    if VERSION < (3, 13):
        steps = re.sub(r"(LOAD_GLOBAL|LOAD_FAST) PUSH_NULL", r"PUSH_NULL \1", steps)
    return steps.split()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            """
            global g
            g = a
            b = g
            del b, g
            """,
            "LOAD_FAST STORE_GLOBAL LOAD_GLOBAL STORE_FAST DELETE_FAST DELETE_GLOBAL " + END,
            id="variables",
        ),
        pytest.param(
            """
            def inner(b=1):
                nonlocal a
                a = b
            return inner, a
            """,
            f"LOAD_CONST LOAD_CLOSURE BUILD_TUPLE {MAKE}{EXTRA}{EXTRA}STORE_FAST LOAD_FAST"
            " LOAD_DEREF BUILD_TUPLE RETURN_VALUE",
            id="cells",
        ),
        pytest.param(
            """
            a.b = a.c
            del a.d
            return a.e()
            """,
            "LOAD_FAST LOAD_ATTR LOAD_FAST STORE_ATTR LOAD_FAST DELETE_ATTR LOAD_FAST LOAD_ATTR"
            " PUSH_NULL CALL RETURN_VALUE",
            id="attributes",
        ),
        pytest.param(
            """
            a += b
            a[b] = -a @ ~b
            del a[b]
            return not a is b, a not in b, a <= b, a[b], +a
            """,
            """
            LOAD_FAST LOAD_FAST BINARY_OP STORE_FAST
            LOAD_FAST UNARY_OP LOAD_FAST UNARY_OP BINARY_OP LOAD_FAST LOAD_FAST STORE_SUBSCR
            LOAD_FAST LOAD_FAST DELETE_SUBSCR
            LOAD_FAST LOAD_FAST IS_OP LOAD_FAST LOAD_FAST CONTAINS_OP LOAD_FAST LOAD_FAST COMPARE_OP
            LOAD_FAST LOAD_FAST BINARY_OP LOAD_FAST UNARY_OP BUILD_TUPLE RETURN_VALUE
            """,
            id="operators",
        ),
        pytest.param(
            "return a[1:b]",
            "LOAD_FAST LOAD_CONST LOAD_FAST "
            + ("BUILD_SLICE BINARY_OP " if VERSION == (3, 11) else "BINARY_SLICE ")
            + "RETURN_VALUE",
            id="slices",
        ),
        pytest.param(
            "return [a, *b], {a, *b}, {a: b, **b}, (a, *b), [1, 2, 3]",
            """
            LOAD_FAST BUILD_LIST LOAD_FAST LIST_EXTEND
            LOAD_FAST BUILD_SET LOAD_FAST SET_UPDATE
            LOAD_FAST LOAD_FAST BUILD_MAP LOAD_FAST DICT_UPDATE
            LOAD_FAST BUILD_LIST LOAD_FAST LIST_EXTEND LIST_TO_TUPLE
            BUILD_LIST LOAD_CONST LIST_EXTEND BUILD_TUPLE RETURN_VALUE
            """,
            id="building",
        ),
        pytest.param(
            """
            b, *c, d = a
            e, g = a
            """,
            "LOAD_FAST UNPACK_EX STORE_FAST STORE_FAST STORE_FAST"
            " LOAD_FAST UNPACK_SEQUENCE STORE_FAST STORE_FAST " + END,
            id="unpacking",
        ),
        pytest.param(
            "return f'{a!r} {b} {a!s} {b:x}'",
            """
            LOAD_FAST CONVERT FORMAT LOAD_CONST LOAD_FAST FORMAT LOAD_CONST LOAD_FAST CONVERT FORMAT
            LOAD_CONST LOAD_FAST LOAD_CONST FORMAT BUILD_STRING RETURN_VALUE
            """,
            id="formatting",
        ),
        pytest.param(
            "return f'{a!r:>9}'",
            (
                "LOAD_FAST LOAD_CONST SWAP CONVERT SWAP FORMAT RETURN_VALUE"
                if VERSION < (3, 13)  # which convert and format in one
                else "LOAD_FAST CONVERT LOAD_CONST FORMAT RETURN_VALUE"
            ),
            id="formatting what was converted",
        ),
        pytest.param(
            """
            for c in a:
                if c:
                    break
                len(c)
            else:
                return a
            """,
            "LOAD_FAST GET_ITER FOR_ITER STORE_FAST LOAD_FAST POP_JUMP_IF_FALSE POP_TOP "
            + END
            + "LOAD_GLOBAL PUSH_NULL LOAD_FAST CALL POP_TOP JUMP LOAD_FAST JUMP",
            id="loop",
        ),
        pytest.param(
            """
            for c in a:
                with c():
                    return len(c)
            """,
            f"LOAD_FAST GET_ITER FOR_ITER STORE_FAST LOAD_FAST PUSH_NULL CALL WITH_ENTER POP_TOP"
            f" LOAD_GLOBAL PUSH_NULL LOAD_FAST CALL SWAP {EXIT}POP_TOP SWAP POP_TOP RETURN_VALUE"
            " LOAD_CONST JUMP PUSH_EXC_INFO WITH_EXCEPT_START POP_JUMP_IF_FALSE POP_TOP"
            " POP_EXCEPT POP_TOP POP_TOP JUMP RERAISE COPY POP_EXCEPT RERAISE",
            id="return from a with in a loop",
        ),
        pytest.param(
            """
            a = a and a.c or None
            if a and (b or not a):
                return a
            return not b and a
            """,
            """
            LOAD_FAST POP_JUMP_IF_FALSE LOAD_FAST LOAD_ATTR COPY POP_JUMP_IF_FALSE STORE_FAST
            LOAD_FAST POP_JUMP_IF_FALSE LOAD_FAST POP_JUMP_IF_FALSE LOAD_FAST RETURN_VALUE
            LOAD_FAST POP_JUMP_IF_FALSE LOAD_FAST UNARY_OP COPY POP_JUMP_IF_FALSE POP_TOP JUMP
            POP_TOP LOAD_CONST JUMP
            """,
            id="boolean operators",
        ),
        pytest.param(
            """
            b = yield a
            yield from b
            """,
            "RETURN_GENERATOR POP_TOP LOAD_FAST YIELD_VALUE STORE_FAST LOAD_FAST"
            " GET_YIELD_FROM_ITER LOAD_CONST SEND YIELD_VALUE JUMP END_SEND POP_TOP "
            + END
            + STOP
            + CLEANUP,
            id="generator",
        ),
        pytest.param(
            """
            match a:
                case {"k": b, **c}: return b
                case [b, *c]: return c
                case int(real=1): return 1
            """,
            """
            LOAD_FAST COPY MATCH_MAPPING POP_JUMP_IF_FALSE
            GET_LEN LOAD_CONST COMPARE_OP POP_JUMP_IF_FALSE LOAD_CONST MATCH_KEYS
            COPY POP_JUMP_IF_NONE UNPACK_SEQUENCE SWAP SWAP BUILD_MAP SWAP DICT_UPDATE
            UNPACK_SEQUENCE COPY SWAP DELETE_SUBSCR STORE_FAST STORE_FAST POP_TOP
            LOAD_FAST RETURN_VALUE POP_TOP POP_TOP POP_TOP
            COPY MATCH_SEQUENCE POP_JUMP_IF_FALSE
            GET_LEN LOAD_CONST COMPARE_OP POP_JUMP_IF_FALSE UNPACK_EX STORE_FAST STORE_FAST POP_TOP
            LOAD_FAST JUMP POP_TOP
            LOAD_GLOBAL LOAD_CONST MATCH_CLASS COPY POP_JUMP_IF_NONE
            UNPACK_SEQUENCE LOAD_CONST COMPARE_OP POP_JUMP_IF_FALSE LOAD_CONST JUMP
            LOAD_CONST JUMP POP_TOP JUMP
            """,
            id="match",
        ),
        pytest.param(
            """
            g(1, k=2)
            g(*a, **b)
            g(*b)
            a.m(1, k=2)
            return a(b)
            """,
            """
            LOAD_GLOBAL PUSH_NULL LOAD_CONST LOAD_CONST CALL POP_TOP
            LOAD_GLOBAL PUSH_NULL LOAD_FAST BUILD_MAP LOAD_FAST DICT_MERGE CALL_EX POP_TOP
            LOAD_GLOBAL PUSH_NULL LOAD_FAST CALL_EX POP_TOP
            LOAD_FAST LOAD_ATTR PUSH_NULL LOAD_CONST LOAD_CONST CALL POP_TOP
            LOAD_FAST PUSH_NULL  LOAD_FAST CALL RETURN_VALUE
            """,
            id="calls",
        ),
        pytest.param(
            """
            import a.b as c
            from .d import e
            """,
            "LOAD_CONST LOAD_CONST IMPORT_NAME IMPORT_FROM STORE_FAST POP_TOP"
            " LOAD_CONST LOAD_CONST IMPORT_NAME IMPORT_FROM STORE_FAST POP_TOP " + END,
            id="imports",
        ),
        pytest.param(
            """
            with a as c:
                len(c)
            """,
            f"LOAD_FAST WITH_ENTER STORE_FAST LOAD_GLOBAL PUSH_NULL LOAD_FAST CALL POP_TOP"
            f" {EXIT}POP_TOP {END}PUSH_EXC_INFO WITH_EXCEPT_START POP_JUMP_IF_FALSE"
            " POP_TOP POP_EXCEPT POP_TOP JUMP RERAISE COPY POP_EXCEPT RERAISE",
            id="with",
        ),
        pytest.param(
            """
            try:
                len(a)
            except ValueError as e:
                raise
            finally:
                a.close()
            """,
            f"""
            LOAD_GLOBAL PUSH_NULL LOAD_FAST CALL POP_TOP
            LOAD_FAST LOAD_ATTR PUSH_NULL CALL POP_TOP {END}
            PUSH_EXC_INFO LOAD_GLOBAL CHECK_EXC_MATCH POP_JUMP_IF_FALSE
            STORE_FAST RAISE_VARARGS RERAISE COPY POP_EXCEPT RERAISE
            LOAD_CONST STORE_FAST DELETE_FAST RERAISE
            PUSH_EXC_INFO LOAD_FAST LOAD_ATTR PUSH_NULL CALL POP_TOP RERAISE
            COPY POP_EXCEPT RERAISE
            """,
            id="try",
        ),
        pytest.param(
            """
            try:
                len(a)
            except* ValueError:
                pass
            """,
            "LOAD_GLOBAL PUSH_NULL LOAD_FAST CALL POP_TOP "
            + END
            + "PUSH_EXC_INFO "
            + ("COPY BUILD_LIST SWAP " if VERSION == (3, 11) else "BUILD_LIST COPY ")
            + """
            LOAD_GLOBAL CHECK_EG_MATCH COPY POP_JUMP_IF_NONE POP_TOP LIST_APPEND CALL_INTRINSIC_2
            COPY POP_JUMP_IF_NONE SWAP POP_EXCEPT RERAISE POP_TOP POP_EXCEPT JUMP
            COPY POP_EXCEPT RERAISE
            """,
            id="except star",
        ),
        pytest.param(
            """
            assert a, 1
            raise a from None
            """,
            "LOAD_FAST POP_JUMP_IF_FALSE LOAD_FAST LOAD_CONST RAISE_VARARGS"
            " LOAD_COMMON_CONSTANT LOAD_CONST CALL RAISE_VARARGS",
            id="raise",
        ),
    ],
)
def test_a_source_has_the_same_steps_on_every_cpython(source: str, expected: str) -> None:
    assert names(f"def f(a, b): {source}") == spelled(expected)


def test_coroutines_have_the_same_steps_on_every_cpython() -> None:
    source = """
async def f(a):
    async with a as b:
        await b
    async for c in b:
        len(c)
"""
    expected = f"""
        RETURN_GENERATOR POP_TOP LOAD_FAST WITH_ENTER {AWAIT} STORE_FAST LOAD_FAST {AWAIT} POP_TOP
        {EXIT} {AWAIT} POP_TOP LOAD_FAST GET_AITER GET_ANEXT LOAD_CONST SEND YIELD_VALUE END_SEND
        STORE_FAST LOAD_GLOBAL PUSH_NULL LOAD_FAST CALL POP_TOP
        PUSH_EXC_INFO WITH_EXCEPT_START {AWAIT} POP_JUMP_IF_FALSE POP_TOP POP_EXCEPT POP_TOP
        END_ASYNC_FOR LOAD_CONST RETURN_VALUE COPY POP_EXCEPT
        """
    # 3.12 deals in code with what is thrown into a coroutine; 3.11 within SEND.
    left_out = {"JUMP", "RERAISE", "CALL_INTRINSIC_1", "CLEANUP_THROW"}
    assert [name for name in names(source) if name not in left_out] == [
        name for name in spelled(expected) if name not in left_out
    ]


def test_comprehensions_are_part_of_their_function_since_3_12() -> None:
    source = "def f(a): return {b: c for b, c in a if b}"
    if VERSION == (3, 11):
        expected = MAKE + "LOAD_FAST GET_ITER CALL RETURN_VALUE"
    else:
        begin = "LOAD_FAST GET_ITER LOAD_FAST_AND_CLEAR LOAD_FAST_AND_CLEAR SWAP BUILD_MAP SWAP "
        if VERSION >= (3, 15):  # gets the iterator last
            begin = begin.replace(" GET_ITER", "") + "GET_ITER "
        expected = (
            begin
            + """
            FOR_ITER UNPACK_SEQUENCE STORE_FAST STORE_FAST LOAD_FAST POP_JUMP_IF_FALSE
            LOAD_FAST LOAD_FAST MAP_ADD JUMP SWAP STORE_FAST STORE_FAST RETURN_VALUE
            SWAP POP_TOP SWAP STORE_FAST STORE_FAST RERAISE
            """
        )
    assert names(source) == expected.split()


# ------------------------------------------------------------------ the five moves


def test_a_call_knows_its_keywords() -> None:
    assert arguments("def f(a): a(1, 2, k=3, l=4); a(5)", "CALL") == [
        Shape(4, ("k", "l")),
        Shape(1),
    ]


def test_a_spread_call_knows_whether_it_has_keywords() -> None:
    assert arguments("def f(a): a(*a); a(*a, **a); a(**a)", "CALL_EX") == [
        Shape(1),
        Shape(2),
        Shape(2),
    ]


def test_operators_go_by_their_symbols() -> None:
    source = "def f(a, b): a + b; a **= b; a[b]; a < b; a != b; -a; not a; a is not b; a in b"
    found = [
        (step.name, step.arg) for step in lower(compiled(source)).steps if step.name.endswith("_OP")
    ]
    assert found == [
        ("BINARY_OP", "+"),
        ("BINARY_OP", "**="),
        ("BINARY_OP", "[]"),
        ("COMPARE_OP", "<"),
        ("COMPARE_OP", "!="),
        ("UNARY_OP", "-"),
        ("UNARY_OP", "not"),
        ("IS_OP", True),
        ("CONTAINS_OP", False),
    ]


def test_the_flag_of_a_method_is_a_step() -> None:
    steps = lower(compiled("def f(a): a.b(); a.c")).steps
    assert [step[:3] for step in steps[:6]] == [
        ("LOAD_FAST", "a", 1),
        ("LOAD_ATTR", "b", 0),
        ("PUSH_NULL", 0, 1),
        ("CALL", Shape(0), -1),
        ("POP_TOP", 0, -1),
        ("LOAD_FAST", "a", 1),
    ]


@pytest.mark.skipif(VERSION < (3, 12), reason="super() is an opcode since 3.12")
def test_super_tells_how_it_was_written() -> None:
    source = "class C:\n  def f(self): super().a; super(C, self).b; super().c()"
    assert arguments(source, "LOAD_SUPER_ATTR") == [
        SuperAttr("a", False),
        SuperAttr("b", True),
        SuperAttr("c", False),
    ]


def test_a_cell_is_told_from_the_value_in_it() -> None:
    source = """
def f(a, b):
    def g(): return a, b, __class__
    return g, (a, lambda: 0)
"""
    assert arguments(f"class C:\n{source}".replace("\n", "\n    "), "LOAD_CLOSURE") == [
        "__class__",
        "a",
        "b",
    ]
    assert arguments(f"class C:\n{source}".replace("\n", "\n    "), "LOAD_DEREF") == ["a"]


def test_a_class_body_hands_on_its_cell() -> None:
    code = compiled("class C:\n  def f(self): return __class__", "C")
    steps = lower(code).steps
    at = [step.arg for step in steps].index("__classcell__")
    assert [step.name for step in steps[at - 2 : at]] == ["LOAD_CLOSURE", "COPY"]


def test_every_function_gets_as_many_cells_as_it_has_free_variables(
    sample: list[CodeType],
) -> None:
    for code in sample[::2]:
        steps = lower(code).steps
        handed_on = sum(
            step.name == "STORE_NAME" and step.arg in ("__classcell__", "__classdictcell__")
            for step in steps
        )
        wanted = sum(
            len(step.arg.co_freevars)
            for step, after in pairwise(steps)
            if after.name == "MAKE_FUNCTION"
        )
        found = sum(step.name == "LOAD_CLOSURE" for step in steps)
        assert found == wanted + handed_on, where(code)


@pytest.mark.skipif(VERSION < (3, 12), reason="comprehensions are functions until 3.11")
def test_a_comprehension_has_a_cell_of_its_own() -> None:
    source = "def f(a, x):\n  y = [lambda: x for x in a]\n  return x"
    assert arguments(source, "MAKE_CELL") == ["x"], "not the one at the start"


def test_a_loop_ends_with_its_iterator_gone() -> None:
    lowered = lower(compiled("def f(a):\n  for b in a: pass\n  return 1"))
    (loop,) = [step for step in lowered.steps if step.name == "FOR_ITER"]
    assert (loop.effect, loop.jump_effect) == (1, -1)
    assert loop.target is not None
    assert lowered.steps[loop.target][:2] == ("LOAD_CONST", 1)


def test_exception_ranges_cover_the_body_and_keep_the_loop() -> None:
    source = """
def f(a):
    for b in a:
        try:
            len(b)
        except ValueError:
            continue
"""
    lowered = lower(compiled(source))
    (handler,) = [one for one in lowered.handlers if not one.lasti]
    body = [step.name for step in lowered.steps[handler.start : handler.stop]]
    assert body[:5] == spelled("LOAD_GLOBAL PUSH_NULL LOAD_FAST CALL POP_TOP")
    assert set(body[5:]) <= {"JUMP"}
    assert lowered.steps[handler.target].name == "PUSH_EXC_INFO"
    assert handler.depth == 1, "the iterator"


def test_nested_tries_have_each_their_handler() -> None:
    source = """
def f():
    try:
        a()
        try:
            b()
        finally:
            c()
    except ValueError:
        d()
"""
    lowered = lower(compiled(source))

    def handler_of(name: str) -> list[Handler]:
        index = [step.arg for step in lowered.steps].index(name)
        return [one for one in lowered.handlers if one.start <= index < one.stop]

    ((outer,), (inner,)) = handler_of("a"), handler_of("b")
    assert outer.target != inner.target
    assert [one.target for one in handler_of("c")] == [outer.target]
    assert handler_of("ValueError")[0].lasti


def test_long_jumps_and_large_numbers_are_read() -> None:
    lines = "\n".join(f"        x{i} = a.b{i}" for i in range(400))
    lowered = lower(compiled(f"def f(a):\n    while a:\n{lines}\n    return x399"))
    names = [step.arg for step in lowered.steps if step.name == "STORE_FAST"]
    assert names == [f"x{i}" for i in range(400)]
    (_, test) = [i for i, step in enumerate(lowered.steps) if step.arg == "x399"]
    assert any(step.target == test for step in lowered.steps)


def test_constants_are_objects_wherever_they_are_kept() -> None:
    assert arguments("def f(a): a(7); a(None); a(-1); a('')", "LOAD_CONST") == [
        7,
        None,
        -1,
        "",
        None,
    ]


@pytest.mark.skipif(VERSION < (3, 14), reason="template strings came with 3.14")
def test_template_strings_are_built() -> None:
    found = names("def f(a): return t'{a!r:x} b'")
    assert found.count("BUILD_INTERPOLATION") == found.count("BUILD_TEMPLATE") == 1


@pytest.mark.skipif(VERSION < (3, 12), reason="type parameters came with 3.12")
def test_type_parameters_are_made_by_intrinsics(depths: Depths) -> None:
    code = compile(
        "def f[T: int, *U, **V](a: T): pass\nclass C[T]: pass\ntype D[T] = T", "", "exec"
    )
    todo, met = [code], set()
    for one in todo:
        todo += [const for const in one.co_consts if isinstance(const, CodeType)]
        lowered = lower(one)
        depths(lowered)
        met |= {step.arg for step in lowered.steps if step.name.startswith("CALL_INTRINSIC")}
    assert {"TYPEVAR_WITH_BOUND", "PARAMSPEC", "TYPEVARTUPLE", "TYPEALIAS", "TYPEVAR"} <= met


@pytest.mark.skipif(VERSION < (3, 15), reason="lazy imports came with 3.15")
def test_lazy_imports_have_a_name_of_their_own() -> None:
    steps = lower(compile("lazy import a\nimport b", "", "exec")).steps
    found = [(step.name, step.arg) for step in steps if "IMPORT" in step.name]
    assert found == [("LAZY_IMPORT_NAME", "a"), ("IMPORT_NAME", "b")]


def test_a_variable_that_may_be_unbound_is_marked() -> None:
    lowered = lower(compiled("def f(a):\n  if a: b = 1\n  return a, b"))
    found = {step.arg: step.bound for step in lowered.steps if step.name == "LOAD_FAST"}
    assert found == {"a": VERSION >= (3, 12), "b": False}
