"""What is known of functions is kept by name, changed by many, and believed by none blindly."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import Desk

from dumbo.errors import StorageError
from dumbo.persistence import statistics
from dumbo.persistence.store import Store


def put(store: Store, function: str, **facts: Any) -> None:
    statistics.change(store, {function: lambda known: {**known, **facts}})


def test_what_was_written_is_read(desk: Desk) -> None:
    assert statistics.read(desk.store, "m:f") == {}
    put(desk.store, "m:f", calls=3, costs={"load": (1, 0.5, 0.0)})
    put(desk.store, "m:g\udcff", calls=1)
    assert statistics.read(desk.store, "m:f") == {"calls": 3, "costs": {"load": (1, 0.5, 0.0)}}
    assert {name: facts for name, _, facts in statistics.read_all(desk.store)} == {
        "m:f": {"calls": 3, "costs": {"load": (1, 0.5, 0.0)}},
        "m:g\udcff": {"calls": 1},
    }


def test_another_store_of_the_directory_reads_it(desk: Desk, tmp_path: Path) -> None:
    put(desk.store, "m:f", calls=3)
    other = Store(tmp_path / "cache")
    assert statistics.read(other, "m:f") == {"calls": 3}
    other.close()


def test_a_damaged_row_is_none(desk: Desk) -> None:
    put(desk.store, "m:f", calls=3)
    desk.store.run(lambda sql, known: sql.execute("UPDATE statistics SET payload = x'00'").rowcount)
    assert statistics.read(desk.store, "m:f") == {}
    assert list(statistics.read_all(desk.store)) == []
    put(desk.store, "m:f", calls=1)
    assert statistics.read(desk.store, "m:f") == {"calls": 1}


def test_a_row_in_the_place_of_another_function_is_none(desk: Desk) -> None:
    put(desk.store, "m:f", calls=3)
    put(desk.store, "m:g", calls=1)
    desk.store.run(
        lambda sql, known: (
            sql.execute(
                "UPDATE statistics SET payload = (SELECT max(payload) FROM statistics)"
            ).rowcount
        )
    )
    assert len(list(statistics.read_all(desk.store))) == 1


def test_what_is_not_plain_is_refused_and_changes_nothing(desk: Desk) -> None:
    put(desk.store, "m:f", calls=3)
    with pytest.raises(StorageError, match="m:f"):
        put(desk.store, "m:f", calls=object())
    assert statistics.read(desk.store, "m:f") == {"calls": 3}


def test_a_signed_store_believes_nothing_without_its_signature(tmp_path: Path) -> None:
    plain, signed = Store(tmp_path / "c"), Store(tmp_path / "c", signing_key=b"k" * 16)
    put(plain, "m:f", calls=3)
    assert statistics.read(signed, "m:f") == {}
    put(signed, "m:f", calls=1)
    assert statistics.read(signed, "m:f") == {"calls": 1}
    other = Store(tmp_path / "c", signing_key=b"x" * 16)
    assert statistics.read(other, "m:f") == {}
    for store in (plain, signed, other):
        store.close()


def test_the_oldest_go_when_there_are_too_many(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "_ROWS", 20)
    for number in range(60):
        monkeypatch.setattr(statistics.time, "time", lambda now=number: now)
        put(desk.store, f"m:f{number}", calls=1)
    left = {name for name, _, _ in statistics.read_all(desk.store)}
    assert "m:f59" in left
    assert "m:f0" not in left
    assert 18 <= len(left) <= 20


def test_clearing_a_store_forgets_all_of_it(desk: Desk) -> None:
    put(desk.store, "m:f", calls=3)
    desk.store.clear()
    assert list(statistics.read_all(desk.store)) == []


def test_one_function_can_be_forgotten(desk: Desk) -> None:
    put(desk.store, "m:f", calls=3)
    put(desk.store, "m:g", calls=3)
    statistics.drop(desk.store, "m:f")
    assert [name for name, _, _ in statistics.read_all(desk.store)] == ["m:g"]


def test_no_change_of_several_processes_is_lost(
    desk: Desk, child: Callable[..., subprocess.Popen[str]]
) -> None:
    program = """
from dumbo.persistence import statistics
for _ in range(50):
    statistics.change(store, {"m:f": lambda known: {"calls": known.get("calls", 0) + 1}})
"""
    children = [child(program) for _ in range(4)]
    assert [one.wait() for one in children] == [0] * 4
    assert statistics.read(desk.store, "m:f") == {"calls": 200}
