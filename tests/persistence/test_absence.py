"""What is known not to be in the index: true as long as it is believed, whoever writes."""

from __future__ import annotations

import pytest
from desk import Desk, digest

from dumbo.persistence import absence, rows, small
from dumbo.persistence.ground import PYTHON

BEGINS, LAST = rows.closure_range(Desk.closure)


def where(number: int) -> int:
    return rows.first_slot(PYTHON, Desk.closure, digest(number))


def lacks(desk: Desk, number: int) -> bool:
    index = desk.store._index
    assert index is not None
    return index.lacks(BEGINS, where(number), 0.0)  # so that it does not hang on what that takes


def look_in_vain(desk: Desk, times: int = 16) -> None:
    for number in range(times):
        assert desk.find(-1 - number) is None
        desk.store._index.missed(BEGINS, LAST, rows.IDS)


def put(desk: Desk, number: int) -> None:
    key = digest(number)
    assert small.save(desk.store, desk.closure, key, 1, "mod:func", 1.5, "noted")


def knowing(desk: Desk) -> Desk:
    desk.save(1, "there")
    look_in_vain(desk)
    return desk


def test_nothing_is_known_before_some_calls_were_looked_for_in_vain(desk: Desk) -> None:
    look_in_vain(desk, 15)
    assert not lacks(desk, 2)
    look_in_vain(desk, 1)
    assert lacks(desk, 2)


def test_what_is_there_is_not_lacking(desk: Desk) -> None:
    knowing(desk)
    assert not lacks(desk, 1)
    assert lacks(desk, 2)


def test_of_another_closure_nothing_is_known(desk: Desk) -> None:
    knowing(desk)
    other = rows.closure_range(digest(7))[0]
    assert not desk.store._index.lacks(other, rows.first_slot(PYTHON, digest(7), digest(2)), 0.0)


def test_what_another_process_writes_ends_it(desk: Desk) -> None:
    knowing(desk)
    other = Desk(desk.directory)
    other.save(2, "there, too")
    assert not lacks(desk, 2)
    assert not lacks(desk, 3)
    assert desk.load(2) == "there, too"
    look_in_vain(desk)
    assert lacks(desk, 3)
    assert not lacks(desk, 2)


def test_what_this_process_merges_is_known(desk: Desk) -> None:
    knowing(desk)
    for number in range(2, 6):
        put(desk, number)
        desk.store._settle()
        assert not lacks(desk, number)
        assert lacks(desk, number + 1)


def test_what_another_one_has_merged_beside_ends_it(desk: Desk) -> None:
    knowing(desk)
    other = Desk(desk.directory)
    put(desk, 2)
    assert other.load(2) == 1
    other.store._settle()
    assert not lacks(desk, 3)
    put(desk, 3)
    desk.store._settle()
    assert not lacks(desk, 2)
    assert not lacks(desk, 4)
    assert desk.load(2) == 1


def test_what_others_have_put_into_the_tail_is_merged_and_known(desk: Desk) -> None:
    knowing(desk)
    other = Desk(desk.directory)
    assert other.find(2) is None
    put(other, 2)
    put(desk, 3)
    desk.store._settle()
    assert not lacks(desk, 2)
    assert not lacks(desk, 3)
    assert lacks(desk, 4)


def test_an_index_that_is_made_anew_ends_it(desk: Desk) -> None:
    knowing(desk)
    desk.index.unlink()
    desk.store._index._look_at = 0.0
    assert desk.find(2) is None
    assert not lacks(desk, 2)


def test_reading_what_there_is_waits_the_longer_the_more_there_is(desk: Desk) -> None:
    assert desk.find(1) is None
    for number in range(640):
        put(desk, number)
    desk.store._settle()
    look_in_vain(desk)
    assert lacks(desk, 1000)
    Desk(desk.directory).save(1001, "of somebody else")
    look_in_vain(desk, 39)
    assert not lacks(desk, 1000)
    look_in_vain(desk, 1)
    assert lacks(desk, 1000)


def test_marks_grow_with_what_there_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absence, "_SMALLEST", 64)
    knowing(desk)
    for number in range(2, 40):
        put(desk, number)
    desk.store._settle()
    assert not lacks(desk, 1000)  # they are too many
    look_in_vain(desk)
    lacking = [lacks(desk, number) for number in range(1000, 1100)]
    assert lacking.count(True) > 80
    assert [lacks(desk, number) for number in range(1, 40)] == [False] * 39
