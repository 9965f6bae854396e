"""What a generator does to its items later is seen; what others do is not its doing."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

from dumbo.persistence import yielded as module
from dumbo.persistence.yielded import Yielded


class Own:
    pass


def watching(*items: Any) -> Yielded:
    found = Yielded()
    for item in items:
        found.add(item, 100, plain=True)
    return found


@pytest.mark.parametrize("item", [[1, [2]], {"a": 1}, {1}, bytearray(b"a")])
def test_a_change_between_is_seen(item: Any) -> None:
    yielded = watching(item)
    yielded.before()
    assert yielded.changed() is None
    item.clear()
    assert yielded.changed() is item


def test_a_change_within_an_item_is_seen() -> None:
    inner = [1]
    item = [(inner,)]
    yielded = watching(item)
    yielded.before()
    inner.append(2)
    assert yielded.changed() is item


def test_a_change_before_is_somebody_elses() -> None:
    item = [1]
    yielded = watching(item)
    item.append(2)
    yielded.before()
    assert yielded.changed() is None


def test_only_the_last_small_plain_items_are_held() -> None:
    items = [[i] for i in range(20)]
    yielded = watching(*items)
    yielded.add(large := [1], 1 << 20, plain=True)
    yielded.add(odd := [2], 100, plain=False)
    yielded.add(text := "text", 100, plain=True)
    yielded.before()
    for item in (items[0], large, odd):
        item.append(0)
    assert yielded.changed() is None
    assert text == "text"
    items[-1].append(0)
    assert yielded.changed() is items[-1]


def test_what_nobody_holds_is_let_go() -> None:
    yielded = watching([1], [2])
    held = [3]
    yielded.add(held, 100, plain=True)
    yielded.before()
    assert yielded._items == [held]


def test_items_with_objects_of_the_users_are_left_alone() -> None:
    item: list[Any] = [1]
    yielded = watching(item)
    item.append(Own())
    yielded.before()
    item.append(2)
    assert yielded.changed() is None


def test_an_item_that_is_left_alone_hides_no_other() -> None:
    odd, other = [Own()], [1]
    yielded = watching(odd, other)
    yielded.before()
    assert yielded.changed() is None
    other.append(2)
    assert yielded.changed() is other


def test_an_object_of_the_users_that_the_generator_puts_in_is_a_change() -> None:
    items: list[Any] = [[0], [1], [2]]
    yielded = watching(*items)
    yielded.before()
    items[1].append(Own())
    assert yielded.changed() is items[1]


def test_the_item_that_changed_is_told_from_those_that_share_with_it() -> None:
    text = "".join(["a", "b"])
    items = [[text], {"text": text}, [text, 1]]
    yielded = watching(*items)
    yielded.before()
    items[1]["text"] = "other"  # type: ignore[call-overload]
    assert yielded.changed() is items[1]


def test_all_items_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []
    real = module._look
    monkeypatch.setattr(module, "_look", lambda item: looked.append(item) or real(item))
    items = [[number] for number in range(4)]
    yielded = watching(*items)
    yielded.before()
    assert yielded.changed() is None
    assert looked == [items, items]


def test_a_change_of_a_part_of_a_tuple_is_seen() -> None:
    total: list[int] = []
    yielded = watching((0, total))
    yielded.before()
    total.append(1)
    assert yielded.changed() is total


def test_one_thing_that_is_yielded_again_and_again_is_looked_at_once() -> None:
    total: list[int] = []
    other = [1]
    yielded = watching(other, *[(i, total) for i in range(20)])
    yielded.before()
    other.append(2)
    assert yielded.changed() is other


def test_what_a_signal_handler_raises_meanwhile_reaches_the_program() -> None:
    class Timeout(Exception):
        pass

    def ring(*_: object) -> None:
        raise Timeout

    rang = signal.signal(signal.SIGALRM, ring)
    items = [[list(range(500)) for _ in range(2)] for _ in range(4)]
    yielded = watching(*items)
    fired = 0
    try:
        for _ in range(50):
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            ends = time.monotonic() + 5
            try:
                while time.monotonic() < ends:
                    yielded.before()
            except Timeout:
                fired += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, rang)
    assert fired == 50
