"""Live generators as arguments of a call that is looked at."""

from __future__ import annotations

import io
import threading
from typing import Any

import pytest

from dumbo.tracing.opened import Opened, open_all
from dumbo.tracing.tracker import Tracker


def helper(value: int) -> int:
    return value


class Source:
    def rows(self, count: int) -> Any:
        for number in range(count):
            yield helper(number)

    @classmethod
    def made(cls) -> Any:
        yield helper(1)


def plain(count: int) -> Any:
    yield count


def consume(rows: Any) -> list[Any]:
    return list(rows)


def closure(function: Any, *args: Any) -> set[str]:
    graph = Tracker(function, observed=True).graph(args, {})
    return {data["name"].partition(":")[2] for _, data in graph.nodes(data=True)}


def test_what_a_generator_runs_is_found_and_it_is_not_advanced() -> None:
    rows = Source().rows(2)
    assert {"consume", "Source.rows", "helper"} <= closure(consume, rows)
    assert list(rows) == [0, 1]


def test_a_generator_that_has_begun_is_known_by_its_function_too() -> None:
    rows = Source().rows(2)
    next(rows)
    assert {"Source.rows", "helper"} <= closure(consume, rows)


def test_functions_methods_and_classmethods_are_found_by_their_code() -> None:
    opened = open_all([plain(1), Source().rows(3), Source.made()])
    assert [type(one) for one in opened] == [Opened] * 3
    assert opened[0].given == {"count": 1}


def test_what_has_ended_or_belongs_to_no_function_stays_as_it_is() -> None:
    ended = plain(1)
    list(ended)
    given = (ended, (x for x in "ab"), 3)
    assert open_all(given) == given


class Report:
    def __init__(self) -> None:
        self.lines: list[object] = [Line()]

    def show(self, out: io.TextIOBase) -> None:
        for line in self.lines:
            print(line.text(), file=out)  # type: ignore[attr-defined]


class Line:
    def text(self) -> str:
        return str(helper(1))


class Guarded(Report):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize("report", [Report(), Guarded()])
def test_what_stands_beside_a_stream_or_a_lock_is_known(report: Report) -> None:
    assert {"Report.show", "Line.text", "helper"} <= closure(Report.show, report, io.StringIO())
