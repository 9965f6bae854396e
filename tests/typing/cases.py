"""What type checkers must say about memoized functions: `reveal: TYPE` and `error: CODE`.

Never run; `test_typing.py` reads the comments and compares them with mypy's answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import overload, reveal_type

import dumbo
from dumbo import memo


@memo
def bare(a: int, b: str = "", *, c: float = 1.0) -> list[str]:
    return [b] * a


@memo(keep="always", ignore=["b"], version="2")
def with_keywords(a: int, b: str = "") -> dict[str, int]:
    return {b: a}


reveal_type(bare(1))  # reveal: list[str]
reveal_type(bare(1, "x", c=2.0))  # reveal: list[str]
reveal_type(with_keywords(a=1))  # reveal: dict[str, int]
bare("1")  # error: arg-type
bare()  # error: call-arg
bare(1, d=2)  # error: call-arg
with_keywords(1, 2)  # error: arg-type

reveal_type(bare.__wrapped__(1))  # reveal: list[str]
reveal_type(bare.recompute(1))  # reveal: list[str]
reveal_type(bare.get_entry(1))  # reveal: dumbo.entry.Entry | None
reveal_type(bare.insert(["x"], 1))  # reveal: dumbo.entry.Entry
reveal_type(bare.forget(1))  # reveal: int
reveal_type(bare.clear())  # reveal: int
reveal_type(bare.why(1))  # reveal: dumbo.answers.why.Why
reveal_type(bare.cache_info().hits)  # reveal: int
reveal_type(bare.is_stale(1))  # reveal: bool
reveal_type(bare.stats().saved)  # reveal: float
reveal_type(bare.stats().verdicts[0].reason)  # reveal: str
bare.is_stale("1")  # error: arg-type
bare.get_entry("1")  # error: arg-type
bare.why()  # error: call-arg


class Model:
    @memo
    def method(self, x: int) -> str:
        return str(x)

    @memo(keep="never")
    async def later(self, x: int) -> str:
        return str(x)

    # mypy binds it as a method when it is reached through an instance; other checkers do not.
    @staticmethod
    @memo
    def static(x: int) -> bytes:
        return bytes(x)

    @classmethod
    @memo
    def named(cls, x: int) -> Model:
        return cls()

    @memo
    @staticmethod
    def static_outside(x: int) -> bytes:
        return bytes(x)

    @memo
    @classmethod
    def named_outside(cls, x: int) -> Model:
        return cls()

    # In the other order mypy says that "decorators on top of @property are not supported".
    @property
    @memo
    def inside(self) -> float:
        return 1.0


model = Model()
reveal_type(model.method(1))  # reveal: str
reveal_type(Model.method(model, 1))  # reveal: str
reveal_type(model.method.get_entry(1))  # reveal: dumbo.entry.Entry | None
reveal_type(model.method.recompute(x=1))  # reveal: str
model.method("1")  # error: arg-type
model.method()  # error: call-arg
model.method.why("1")  # error: arg-type
reveal_type(model.method.is_stale(1))  # reveal: bool
reveal_type(model.method.stats().calls)  # reveal: int
model.method.is_stale("1")  # error: arg-type
reveal_type(Model.static(1))  # reveal: bytes
reveal_type(Model.named(1))  # reveal: cases.Model
reveal_type(Model.static_outside(1))  # reveal: bytes
reveal_type(Model.named_outside(1))  # reveal: cases.Model
reveal_type(Model.named.get_entry(1))  # reveal: dumbo.entry.Entry | None
Model.static("1")  # error: call-overload
Model.named("1")  # error: call-overload
reveal_type(model.inside)  # reveal: float


@memo
async def later(x: int) -> str:
    return str(x)


async def main() -> None:
    reveal_type(await later(1))  # reveal: str
    reveal_type(await model.later(1))  # reveal: str
    reveal_type(await later.recompute(1))  # reveal: str
    await later("1")  # error: arg-type


@overload
def either(x: int) -> int: ...
@overload
def either(x: str) -> str: ...
@memo
def either(x: int | str) -> int | str:
    return x


reveal_type(either(1))  # reveal: int
reveal_type(either("x"))  # reveal: str
either(1.5)  # error: call-overload


def takes(function: Callable[[int], list[str]]) -> None: ...


takes(bare)
takes(with_keywords)  # error: arg-type
takes(Model().method)  # error: arg-type

memo(5)  # error: call-overload
memo(kep="always")  # error: call-overload
memo(keep="sometimes")  # error: call-overload

cache = dumbo.Cache("directory")


@cache.memo
def kept(x: int) -> str:
    return str(x)


@cache.memo(keep="always")
def always_kept(x: int) -> str:
    return str(x)


reveal_type(kept(1))  # reveal: str
reveal_type(always_kept(1))  # reveal: str
kept("1")  # error: arg-type
always_kept("1")  # error: arg-type

with dumbo.disabled(), dumbo.read_only():
    pass


@dumbo.disabled()
def plain(x: int) -> str:
    return kept(x)


reveal_type(plain(1))  # reveal: str
with cache as same:
    reveal_type(same)  # reveal: dumbo.cache.Cache
