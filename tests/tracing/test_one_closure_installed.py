"""One closure, not two, for calls into installed packages: what ran, and what `deps` leaves out.

Each function that ran is edited, one at a time, and the call computes; fifty others that `deps`
does not show are edited, half of them at a time, and it does not. `benchmarks/closure.py` says how.
"""

from __future__ import annotations

import importlib.util
import random
import shutil
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.tracing.test_one_closure import closure

CALLS = {
    "toolz": "toolz.merge_with(sum, {'a': 1}, toolz.frequencies(toolz.concat([['a'], ['b']])))",
    "lark": "[x.pretty() for x in lark.Tree('a', [lark.Tree('b', ['c'])]).find_data('b')]",
    "markdown": "markdown.serializers.to_xhtml_string(markdown.serializers.Element('p', a='b'))",
}
OUTSIDE, AT_ONCE = 50, 25


class Seen(NamedTuple):
    folder: Path
    inside: list[Any]
    outside: list[Any]


@pytest.fixture(scope="module", params=CALLS)
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """The call was made once; the functions of its package that ran, and that are not shown."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp("closure").resolve() / "project"
    folder.mkdir()
    closure.make(folder, request.param, CALLS[request.param])
    places = closure.run(folder, closure.FIRST, folder / "cache")
    ran, shown = ({tuple(place) for place in found} for found in places)
    inside, outside = [], []
    for path in sorted((folder / request.param).rglob("*.py")):
        for function in closure.functions_in(path.read_text(encoding="utf-8")):
            case = (str(path.relative_to(folder)), function)
            if (str(path), function.first) in ran:
                inside.append(case)
            elif (str(path), function.first) not in shown:
                outside.append(case)
    return Seen(folder, inside, random.Random(0).sample(outside, OUTSIDE))


def hits(project: Path, scratch: Path, cases: list[Any]) -> bool:
    """Whether the call is answered from the cache when the functions of *cases* are edited."""
    copy = scratch / "project"
    shutil.copytree(project, copy)
    by_file = defaultdict(list)
    for file, function in cases:
        by_file[file].append(function)
    for file, functions in by_file.items():
        source = (copy / file).read_text(encoding="utf-8")
        # From the end, so that the lines of the others stay where they are.
        for function in sorted(functions, key=lambda function: -function.first):
            source = closure.edited(source, function)
        (copy / file).write_text(source, encoding="utf-8")
    found = bool(closure.run(copy, closure.AGAIN, copy / "cache")[0])
    shutil.rmtree(copy)
    return found


def ask(seen: Seen, groups: list[list[Any]], scratch: Path) -> list[bool]:
    def one(numbered: tuple[int, list[Any]]) -> bool:
        number, cases = numbered
        (scratch / str(number)).mkdir()
        return hits(seen.folder, scratch / str(number), cases)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, enumerate(groups)))


def test_the_call_is_a_hit_when_nothing_is_edited(seen: Seen, tmp_path: Path) -> None:
    assert len(seen.inside) >= 3
    assert ask(seen, [[]], tmp_path) == [True]


def test_an_edit_of_each_function_that_ran_recomputes(seen: Seen, tmp_path: Path) -> None:
    found = ask(seen, [[case] for case in seen.inside], tmp_path)
    assert [case for case, hit in zip(seen.inside, found, strict=True) if hit] == []


def test_edits_of_what_is_not_shown_change_nothing(seen: Seen, tmp_path: Path) -> None:
    groups = [seen.outside[at : at + AT_ONCE] for at in range(0, OUTSIDE, AT_ONCE)]
    found = ask(seen, groups, tmp_path)
    assert [group for group, hit in zip(groups, found, strict=True) if not hit] == []
