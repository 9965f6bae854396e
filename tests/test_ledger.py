"""What is remembered of calls, and that it is bounded."""

from __future__ import annotations

from dumbo.explain import Reason
from dumbo.ledger import Ledger


def test_the_last_reason_of_a_call_is_remembered() -> None:
    ledger = Ledger()
    ledger.note(Reason("unknown", why="a"), b"1")
    ledger.note(Reason("unknown", why="b"), b"1")
    assert str(ledger.of(b"1")) == "not cached: b"
    assert ledger.of(b"2") is None
    ledger.forget(b"1")
    ledger.forget(b"1")
    assert ledger.of(b"1") is None


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    ledger = Ledger()
    for number in range(10_000):
        ledger.note(Reason("read only"), number.to_bytes(4, "big"))
    assert len(ledger.last) < 100
    remembered = [n for n in range(10_000) if ledger.of(n.to_bytes(4, "big"))]
    assert remembered == list(range(10_000 - len(remembered), 10_000))
    assert 0 < len(remembered) < 1000


def test_hits_are_taken_in_when_a_call_is_missed() -> None:
    ledger = Ledger()
    for _ in range(100):
        ledger.missed()
    assert ledger.costs.share < 0.05
    ledger.far += 1_000
    ledger.missed()
    assert ledger.costs.share > 0.8
    for _ in range(20):
        ledger.missed()
    ledger.missed()
    assert ledger.costs.share < 0.95
