"""The vocabulary that code is lowered to: what a step does to the stack.

Top of the stack on the right; `n`, `i` are the argument; `->` is what the step
leaves when it falls through, `=>` what it leaves when it jumps.

    LOAD_CONST obj                                 -> obj
    LOAD_COMMON_CONSTANT name                      -> builtin of that name, however shadowed
    LOAD_FAST, LOAD_DEREF, LOAD_GLOBAL name        -> value
    LOAD_FAST_AND_CLEAR name                       -> value, or a cell, or nothing at all
    LOAD_CLOSURE name                              -> cell
    LOAD_NAME name                                 -> value
    LOAD_LOCALS, LOAD_BUILD_CLASS                  -> value
    LOAD_FROM_DICT_OR_DEREF, -_GLOBALS name  dict  -> value
    STORE_FAST, -_DEREF, -_GLOBAL, -_NAME    value ->
    DELETE_FAST, -_DEREF, -_GLOBAL, -_NAME         ->
    MAKE_CELL name                                 ->    a fresh cell under that name (*)
    PUSH_NULL                                      -> NULL
    POP_TOP                                      x ->
    COPY n                             x ... [n-1] -> x ... x
    SWAP n                           x ... [n-2] y -> y ... x

    LOAD_ATTR name                             obj -> value
    LOAD_SUPER_ATTR SuperAttr     super class self -> value
    STORE_ATTR name                      value obj ->
    DELETE_ATTR name                           obj ->

    BINARY_OP op, COMPARE_OP op                a b -> result
    IS_OP inverted, CONTAINS_OP inverted       a b -> bool
    UNARY_OP op                                  a -> result
    BINARY_SLICE                  obj start stop -> result
    STORE_SLICE              value obj start stop ->
    STORE_SUBSCR                     value obj key ->
    DELETE_SUBSCR                          obj key ->

    BUILD_TUPLE, -LIST, -SET, -STRING, -SLICE n  x*n -> built
    BUILD_MAP n                      (key value)*n -> dict
    BUILD_CONST_KEY_MAP n             value*n keys -> dict
    BUILD_TEMPLATE          strings interpolations -> template
    BUILD_INTERPOLATION arg      value str [spec]  -> interpolation; spec where arg & 1
    LIST_APPEND, SET_ADD i                       x ->    into the i-th below x
    LIST_EXTEND, SET_UPDATE, DICT_UPDATE, DICT_MERGE i   likewise
    MAP_ADD i                            key value ->    into the i-th below key
    LIST_TO_TUPLE                             list -> tuple
    UNPACK_SEQUENCE n                          seq -> last ... first
    UNPACK_EX (before, after)                  seq -> last ... [before + 1 + after] first
    CONVERT "str" | "repr" | "ascii"         value -> str
    FORMAT has_spec                   value [spec] -> str

    GET_ITER, GET_YIELD_FROM_ITER              obj -> iterator
    FOR_ITER                              iterator -> iterator value
                                                   =>    (exhausted)
    GET_LEN                                    obj -> obj int
    GET_AITER, GET_AWAITABLE                   obj -> iterator
    GET_ANEXT                                aiter -> aiter awaitable
    SEND                            receiver value -> receiver yielded
                                                   => receiver result
    END_SEND                       receiver result -> result
    YIELD_VALUE                              value -> sent
    CLEANUP_THROW              receiver sent error -> None result, or raises
    END_ASYNC_FOR                      aiter error ->    or raises
    RETURN_GENERATOR                               -> what the POP_TOP behind it pops
    RETURN_VALUE                             value    ends

    JUMP                                           =>
    POP_JUMP_IF_TRUE, _FALSE, _NONE, _NOT_NONE   x ->    and =>

    MATCH_MAPPING, MATCH_SEQUENCE              obj -> obj bool
    MATCH_KEYS                            obj keys -> obj keys values-or-None
    MATCH_CLASS n                   obj type names -> attributes-or-None

    CALL Shape                         a b x*nargs -> result
    CALL_EX Shape              a b args [keywords] -> result; keywords where nargs is 2
    MAKE_FUNCTION flags                extras code -> function; 3.11, 3.12: an extra a flag
    SET_FUNCTION_ATTRIBUTE flag     extra function -> function
    CALL_INTRINSIC_1 name                        x -> result
    CALL_INTRINSIC_2 name                      x y -> result
    IMPORT_NAME, LAZY_IMPORT_NAME name  level list -> module
    IMPORT_FROM name                        module -> module value
    SETUP_ANNOTATIONS                              ->

    WITH_ENTER is_async                    manager -> exit entered
    LOAD_SPECIAL name                          obj -> method receiver-or-NULL; in no known code
    WITH_EXCEPT_START  exit lasti previous error -> exit lasti previous error result
    PUSH_EXC_INFO                            error -> previous error
    POP_EXCEPT                            previous ->
    CHECK_EXC_MATCH                     error type -> error bool
    CHECK_EG_MATCH                     error type  -> rest match; None where there is none
    RERAISE n                                error    ends; lasti is the n-th below error
    RAISE_VARARGS n                            x*n    ends

`a b` is CPython's callee pair, in either order: a callee and NULL, or a method and
its receiver. Until 3.12 NULL is pushed before what makes the callee, `PUSH_NULL;
LOAD_GLOBAL table; ...`, later right after it; after LOAD_ATTR on all. A `with` that is
left calls `exit` as a method of the first of three None: `exit None None None; CALL 2`.

(*) In an inlined comprehension, whose variable a lambda captures: between
LOAD_FAST_AND_CLEAR x; MAKE_CELL x, and the STORE_FAST x that puts back what the
first pushed, `x` is another cell than before and after.

Knows names and depths; must not know CPython versions or values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Shape(NamedTuple):
    nargs: int  # how many values a call takes from above the callee pair
    names: tuple[str, ...] = ()  # the last of them are these keywords


class SuperAttr(NamedTuple):
    name: str
    two_args: bool  # super(class, self), not super()


class Step(NamedTuple):
    name: str
    arg: Any = 0  # 0 where the step takes none
    effect: int = 0  # on the depth of the stack
    jump_effect: int = 0  # instead of `effect`, when it jumps
    target: int | None = None  # index of the step a jump lands on
    line: int | None = None
    bound: bool = False  # a LOAD_FAST that CPython has seen to find its variable


class Handler(NamedTuple):
    """What catches an exception in steps `start:stop`.

    At `target` the stack holds `depth` values and, on top, the exception. Where
    `lasti` says so, the last of the `depth` is CPython's note of where it happened;
    the others, `depth - lasti`, are left from the stack of the raising step.
    """

    start: int
    stop: int
    target: int
    depth: int
    lasti: bool


class Lowered(NamedTuple):
    steps: list[Step]
    handlers: list[Handler]  # their ranges do not overlap


EFFECTS: dict[str, int | Callable[[Any], int]] = {
    "BINARY_OP": -1,
    "BINARY_SLICE": -2,
    "BUILD_CONST_KEY_MAP": lambda n: -n,
    "BUILD_INTERPOLATION": lambda arg: -1 - (arg & 1),
    "BUILD_LIST": lambda n: 1 - n,
    "BUILD_MAP": lambda n: 1 - 2 * n,
    "BUILD_SET": lambda n: 1 - n,
    "BUILD_SLICE": lambda n: 1 - n,
    "BUILD_STRING": lambda n: 1 - n,
    "BUILD_TEMPLATE": -1,
    "BUILD_TUPLE": lambda n: 1 - n,
    "CALL": lambda shape: -1 - shape.nargs,
    "CALL_EX": lambda shape: -1 - shape.nargs,
    "CALL_INTRINSIC_1": 0,
    "CALL_INTRINSIC_2": -1,
    "CHECK_EG_MATCH": 0,
    "CHECK_EXC_MATCH": 0,
    "CLEANUP_THROW": -1,
    "COMPARE_OP": -1,
    "CONTAINS_OP": -1,
    "CONVERT": 0,
    "COPY": 1,
    "DELETE_ATTR": -1,
    "DELETE_DEREF": 0,
    "DELETE_FAST": 0,
    "DELETE_GLOBAL": 0,
    "DELETE_NAME": 0,
    "DELETE_SUBSCR": -2,
    "DICT_MERGE": -1,
    "DICT_UPDATE": -1,
    "END_ASYNC_FOR": -2,
    "END_SEND": -1,
    "FORMAT": lambda has_spec: -has_spec,
    "FOR_ITER": 1,
    "GET_AITER": 0,
    "GET_ANEXT": 1,
    "GET_AWAITABLE": 0,
    "GET_ITER": 0,
    "GET_LEN": 1,
    "GET_YIELD_FROM_ITER": 0,
    "IMPORT_FROM": 1,
    "IMPORT_NAME": -1,
    "IS_OP": -1,
    "JUMP": 0,
    "LAZY_IMPORT_NAME": -1,
    "LIST_APPEND": -1,
    "LIST_EXTEND": -1,
    "LIST_TO_TUPLE": 0,
    "LOAD_ATTR": 0,
    "LOAD_BUILD_CLASS": 1,
    "LOAD_CLOSURE": 1,
    "LOAD_COMMON_CONSTANT": 1,
    "LOAD_CONST": 1,
    "LOAD_DEREF": 1,
    "LOAD_FAST": 1,
    "LOAD_FAST_AND_CLEAR": 1,
    "LOAD_FROM_DICT_OR_DEREF": 0,
    "LOAD_FROM_DICT_OR_GLOBALS": 0,
    "LOAD_GLOBAL": 1,
    "LOAD_LOCALS": 1,
    "LOAD_NAME": 1,
    "LOAD_SPECIAL": 1,
    "LOAD_SUPER_ATTR": -2,
    "MAKE_CELL": 0,
    "MAKE_FUNCTION": lambda flags: -(flags & 15).bit_count(),
    "MAP_ADD": -2,
    "MATCH_CLASS": -2,
    "MATCH_KEYS": 1,
    "MATCH_MAPPING": 1,
    "MATCH_SEQUENCE": 1,
    "POP_EXCEPT": -1,
    "POP_JUMP_IF_FALSE": -1,
    "POP_JUMP_IF_NONE": -1,
    "POP_JUMP_IF_NOT_NONE": -1,
    "POP_JUMP_IF_TRUE": -1,
    "POP_TOP": -1,
    "PUSH_EXC_INFO": 1,
    "PUSH_NULL": 1,
    "RAISE_VARARGS": lambda n: -n,
    "RERAISE": -1,
    "RETURN_GENERATOR": 1,
    "RETURN_VALUE": -1,
    "SEND": 0,
    "SETUP_ANNOTATIONS": 0,
    "SET_ADD": -1,
    "SET_FUNCTION_ATTRIBUTE": -1,
    "SET_UPDATE": -1,
    "STORE_ATTR": -2,
    "STORE_DEREF": -1,
    "STORE_FAST": -1,
    "STORE_GLOBAL": -1,
    "STORE_NAME": -1,
    "STORE_SLICE": -4,
    "STORE_SUBSCR": -3,
    "SWAP": 0,
    "UNARY_OP": 0,
    "UNPACK_EX": lambda around: around[0] + around[1],
    "UNPACK_SEQUENCE": lambda n: n - 1,
    "WITH_ENTER": 1,
    "WITH_EXCEPT_START": 1,
    "YIELD_VALUE": 0,
}
JUMP_EFFECTS = {
    "FOR_ITER": -1,
    "JUMP": 0,
    "POP_JUMP_IF_FALSE": -1,
    "POP_JUMP_IF_NONE": -1,
    "POP_JUMP_IF_NOT_NONE": -1,
    "POP_JUMP_IF_TRUE": -1,
    "SEND": 0,
}
FINAL = {"JUMP", "RAISE_VARARGS", "RERAISE", "RETURN_VALUE"}  # nothing falls through


def step(name: str, arg: Any = 0, target: int | None = None, line: int | None = None) -> Step:
    """Return the step of that name, its effects looked up."""
    effect = EFFECTS[name]
    if not isinstance(effect, int):
        effect = effect(arg)
    return Step(name, arg, effect, JUMP_EFFECTS.get(name, 0), target, line)
