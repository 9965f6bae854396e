"""One closure, not two: what `deps` shows is what invalidates, and nothing else is.

Each function of a small package is edited, one at a time, and the call is made again as a later
program would make it. `benchmarks/closure.py` does the same with installed packages.
"""

from __future__ import annotations

import importlib
import importlib.util
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

# Imported in a body: until that runs, its source stands for it as a whole.
LATE = "../one_late.py"

FILES = {
    "__init__.py": "from one_pkg.shop import price\n",
    "tools.py": """
import functools

def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        note(function.__name__)
        return function(*args, **kwargs)
    return wrapper

def note(name):
    return len(name)

def by_length(text):
    return len(text)

def by_letters(text):
    return sorted(text)

def clean(text):
    return text.strip()

def shout(text):
    return text.upper()

def silent(text):
    return ""

MODES = {"shout": shout, "clean": clean}
QUIET = {"silent": silent}

class Closing:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self.close()

    def close(self):
        return False

def forget(x):
    return None

def never(x):
    return forget(x)
""",
    "models.py": """
from dataclasses import dataclass, field

from one_pkg import tools

def fresh():
    return []

@dataclass
class Item:
    name: str
    tags: list = field(default_factory=fresh)

    def __post_init__(self):
        self.name = tools.clean(self.name)

    def __lt__(self, other):
        return self.name < other.name

    def __repr__(self):
        return "an item"

    @property
    def weight(self):
        return self.measure() * self.factor()

    def measure(self):
        return len(self.name)

    def factor(self):
        return 1

    @classmethod
    def parse(cls, text):
        return cls(text)

    @staticmethod
    def unused(text):
        return text

class Heavy(Item):
    def factor(self):
        return super().factor() + 1

class Light(Item):
    def factor(self):
        return 0

class Basket:
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        for item in self.items:
            yield item

    def __len__(self):
        return len(self.items)

    def __bool__(self):
        return True

    def __contains__(self, item):
        return item in self.items
""",
    "shop.py": """
import sys

from one_pkg import models, tools
from one_pkg.tools import logged

def make(texts):
    def build(text):
        return models.Heavy.parse(text)
    return models.Basket([build(text) for text in texts])

@logged
def total(basket):
    return sum(item.weight for item in sorted(basket))

def visit_a(x):
    return x + 1

def visit_b(x):
    return x + 2

def other_a(x):
    return x

def dispatch(kind, x):
    return globals()["visit_" + kind](x)

def later(x):
    from one_late import helped
    return helped(x)

def price(texts):
    sys.audit("ran", "price")
    basket = make(texts)
    with tools.Closing():
        result = total(basket) if basket else 0
    longest = max(texts, key=tools.by_length)
    return dispatch("a", result), tools.MODES["shout"](longest), later(result)

def report(texts):
    return price(texts), tools.never(texts), models.Light("x").weight
""",
    LATE: """
def helped(x):
    return x * 2

def not_helped(x):
    return x
""",
}
ARGUMENTS = (["bb ", "a"],)


def _load() -> Any:
    file = Path(__file__).parent.parent.parent / "benchmarks" / "closure.py"
    if not file.exists():
        pytest.skip("the benchmarks are not here", allow_module_level=True)
    spec = importlib.util.spec_from_file_location("dumbo_closure", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


closure = _load()
FUNCTIONS = [(f, found) for f, source in FILES.items() for found in closure.functions_in(source)]


class Project:
    """The package in one version after another, as programs one after another have it."""

    def __init__(self, folder: Path, cache: Any) -> None:
        self.folder = folder
        self.cache = cache
        self.versions = 0

    def load(self, files: dict[str, str]) -> Any:
        self.unload()
        self.versions += 1
        root = self.folder / str(self.versions)
        (root / "one_pkg").mkdir(parents=True)
        for name, source in files.items():
            (root / "one_pkg" / name).write_text(source)
        sys.path.insert(0, str(root))
        return self.cache.memo(importlib.import_module("one_pkg").price, keep="always")

    def unload(self) -> None:
        for name in [name for name in sys.modules if name.startswith("one_")]:
            del sys.modules[name]
        sys.path[:] = [path for path in sys.path if not path.startswith(str(self.folder))]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    import dumbo

    written = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    with dumbo.Cache(tmp_path_factory.mktemp("cache")) as cache:
        made = Project(tmp_path_factory.mktemp("versions"), cache)
        made.load(FILES)(*ARGUMENTS)
        yield made
        made.unload()
    sys.dont_write_bytecode = written


def place(code: CodeType) -> tuple[str, int]:
    name = Path(code.co_filename).name
    return next((file for file in FILES if Path(file).name == name), ""), code.co_firstlineno


def in_package(code: CodeType) -> bool:
    return "one_" in code.co_filename


@pytest.fixture(scope="module")
def ran(project: Project) -> set[tuple[str, int]]:
    """The functions that the call enters."""
    price = project.load(FILES).__wrapped__
    found: set[tuple[str, int]] = set()

    def note(frame: Any, event: str, _: object) -> None:
        if event == "call" and in_package(frame.f_code):
            found.add(place(frame.f_code))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        price(*ARGUMENTS)
    finally:
        sys.setprofile(before)
    return found


@pytest.fixture(scope="module")
def shown(project: Project) -> set[tuple[str, int]]:
    """The functions that `deps` shows for the call."""
    memoized = project.load(FILES)
    memoized.__wrapped__(*ARGUMENTS)  # what its body imports is there now
    codes = [data.get("code") for _, data in memoized.deps(*ARGUMENTS).nodes(data=True)]
    return {place(code) for code in codes if code is not None and in_package(code)}


def test_the_package_has_both(ran: set[tuple[str, int]]) -> None:
    assert len(ran & {(file, function.first) for file, function in FUNCTIONS}) >= 20
    assert len(FUNCTIONS) - len(ran) >= 10


def test_what_ran_is_shown(ran: set[tuple[str, int]], shown: set[tuple[str, int]]) -> None:
    functions = {(file, function.first) for file, function in FUNCTIONS}
    assert ran & functions <= shown


@pytest.mark.parametrize(
    ("file", "function"), FUNCTIONS, ids=[f"{file}:{found.name}" for file, found in FUNCTIONS]
)
def test_an_edit_recomputes_exactly_what_shows_it(
    file: str,
    function: Any,
    project: Project,
    shown: set[tuple[str, int]],
) -> None:
    files = {**FILES, file: closure.edited(FILES[file], function)}
    memoized = project.load(files)
    is_hit = memoized.why(*ARGUMENTS).startswith("hit")
    counts = (file, function.first) in shown or file == LATE
    assert is_hit is not counts, memoized.why(*ARGUMENTS)
    memoized(*ARGUMENTS)
    assert memoized.cache_info().hits == is_hit


def test_any_edits_outside_at_once_change_nothing(
    project: Project, shown: set[tuple[str, int]]
) -> None:
    cases = [case for case in FUNCTIONS if case[0] != LATE]
    outside = [case for case in cases if (case[0], case[1].first) not in shown]
    chance = random.Random(7)
    for _ in range(5):
        files = dict(FILES)
        chosen = chance.sample(outside, 5)
        # From the end of each file, so that the lines of the others stay where they are.
        for file, function in sorted(chosen, key=lambda case: -case[1].first):
            files[file] = closure.edited(files[file], function)
        assert project.load(files).why(*ARGUMENTS).startswith("hit"), chosen
