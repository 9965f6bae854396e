"""A package of any number of functions to measure with, as a source tree.

Function number *i* calls numbers *2i + 1* and *2i + 2*, so that all are reached from the first, in
as few steps as can be. They stand in modules of 100 and call each other across them; every tenth
builds an instance of a class of its module and calls its method, every seventh reads a table,
every fifth has a default, every eleventh closes over a value.

Knows how such a package is written; must not know what is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME = "synthetic_project"
_SIZE = 100  # functions in a module

_HEAD = """\
from {name} import {modules}

RATE = {number}
TABLE = {{"a": {number}, "b": [1, 2, 3]}}


class Base:
    scale = 2

    def part(self, x):
        return x * self.scale


class Model(Base):
    def __init__(self, n):
        self.n = n

    def fit(self, x):
        return self.part(x) + self.n


def closing(rate):
    def closed(x):
        return x * rate

    return closed


closed = closing({number})
"""


def write(folder: Path, count: int) -> None:
    """Write the package of *count* functions into *folder*; its first is ``m0.f0``."""
    package = folder / NAME
    package.mkdir(parents=True)
    modules = [f"m{number}" for number in range((count + _SIZE - 1) // _SIZE)]
    (package / "__init__.py").write_text("")
    for number, module in enumerate(modules):
        head = _HEAD.format(name=NAME, modules=", ".join(modules), number=number)
        own = range(number * _SIZE, min((number + 1) * _SIZE, count))
        (package / f"{module}.py").write_text(head + "".join(_function(i, count) for i in own))


def _function(i: int, count: int) -> str:
    called = [n for n in (2 * i + 1, 2 * i + 2) if n < count]
    terms = [f"{_from(i, n)}(x)" for n in called]
    if i % 10 == 0:
        terms.append("Model(x).fit(x)")
    if i % 7 == 0:
        terms.append('TABLE["a"] + RATE')
    if i % 11 == 0:
        terms.append("closed(x)")
    default = ", y=3" if i % 5 == 0 else ""
    lines = [
        f"def f{i}(x{default}):",
        f"    if x > {i}:",
        "        x = x - 1",
        "    items = [x for _ in range(3)]",
        f"    return {' + '.join(['items[0]', *terms])}",
    ]
    return "\n\n" + "\n".join(lines) + "\n"


def _from(i: int, n: int) -> str:
    same = i // _SIZE == n // _SIZE
    return f"f{n}" if same else f"m{n // _SIZE}.f{n}"
