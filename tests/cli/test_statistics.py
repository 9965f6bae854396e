"""`dumbo stats`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dumbo import Cache
from dumbo.cli.commands import dumbo


def run(*words: str) -> Result:
    return CliRunner().invoke(dumbo, ["stats", *words])


@pytest.fixture
def directory(tmp_path: Path) -> str:
    """A cache in which something happened."""
    with Cache(tmp_path / "c") as cache:

        @cache.memo(keep="always", name="shop.prices:rank")
        def rank(x: int) -> list[int]:
            return [x]

        @cache.memo(keep="always", name="shop:sell")
        def sell(x: int) -> int:
            return x

        @cache.memo(keep="always", name="bad\x1b[31m:f")
        def bad(x: object) -> int:
            return 1

        for _ in range(3):
            rank(1)
        sell(1), bad(1), bad(iter(""))
    return str(tmp_path / "c")


def test_every_function_has_a_line_and_there_is_a_sum(directory: str) -> None:
    done = run("--dir", directory)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0].split() == [
        "function", "calls", "loaded", "computing", "saved", "caching", "stored", "verdict",
    ]  # fmt: skip
    names = {line.split()[0]: line.split()[1:3] for line in lines[1:5]}
    assert names["shop.prices:rank"] == ["3", "67"]
    assert names["all"][0] == "6"
    assert "\x1b" not in done.output
    assert "bad\\x1b[31m:f" in names


def test_one_function_is_shown_in_full(directory: str) -> None:
    done = run("shop.prices:rank", "--dir", directory)
    assert done.output.startswith("shop.prices:rank\n  calls      3: 2 loaded (67 %), 1 computed\n")
    assert "1 × stored" in done.output
    assert run("shop.prices.rank", "--dir", directory).output == done.output


def test_a_package_stands_for_its_functions(directory: str) -> None:
    lines = run("shop", "--dir", directory).output.splitlines()
    assert {line.split()[0] for line in lines[1:3]} == {"shop.prices:rank", "shop:sell"}
    assert lines[3].split()[:2] == ["all", "4"]


def test_reasons_cannot_say_anything_to_a_terminal(directory: str) -> None:
    done = run("bad\x1b[31m:f", "--dir", directory)
    assert done.exit_code == 0
    assert "\x1b" not in done.output
    assert "1 × not cached: argument x" in done.output


def test_json_has_all_of_it_and_the_sums(directory: str) -> None:
    found = json.loads(run("--json", "--dir", directory).output)
    assert found["all"]["calls"] == 6
    (rank,) = (one for one in found["functions"] if one["function"] == "shop.prices:rank")
    assert (rank["calls"], rank["hits"], rank["computed"], rank["entries"]) == (3, 2, 1, 1)
    assert rank["verdicts"] == [{"code": "stored", "count": 1, "reason": "stored: 17 bytes"}]


def test_what_is_not_known_is_an_error_with_a_hint(directory: str) -> None:
    done = run("shop:sel", "--dir", directory)
    assert done.exit_code == 2
    assert "did you mean 'shop:sell'?" in done.output


def test_looking_creates_nothing(tmp_path: Path) -> None:
    done = run("--dir", str(tmp_path / "none"))
    assert done.exit_code == 0
    assert "Nothing is known" in done.output
    assert not (tmp_path / "none").exists()
    assert json.loads(run("--json", "--dir", str(tmp_path / "none")).output)["functions"] == []


def test_a_function_that_only_has_results_is_listed_too(directory: str) -> None:
    from dumbo.persistence import statistics
    from dumbo.shelf import Shelf

    shelf = Shelf(directory)
    statistics.drop(shelf.open(), "shop:sell")
    shelf.release()
    line = next(line for line in run("--dir", directory).output.splitlines() if "sell" in line)
    assert line.split()[1:3] == ["0", "-"]
    assert line.endswith("no calls")
