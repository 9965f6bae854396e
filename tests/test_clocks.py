"""What passed, and what a thread needed of it."""

from __future__ import annotations

import sys
import time

import pytest

from dumbo.clocks import Reading, reading


def test_what_passed_and_what_was_needed_of_it() -> None:
    before = Reading(10.0, 1.0, 5)
    assert Reading(12.0, 1.5, 5) - before == complex(2.0, 0.5)
    assert Reading(12.0, 9.0, 5) - before == complex(2.0, 2.0)


def test_what_a_thread_waited_for_was_needed() -> None:
    assert Reading(12.0, 1.5, 6) - Reading(10.0, 1.0, 5) == complex(2.0, 2.0)


def test_who_computes_needs_the_processor() -> None:
    before = reading()
    number = 0
    while time.thread_time() < before.ran + 0.02:
        number += 1
    spent = reading() - before
    assert spent.real >= spent.imag >= 0.01


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say who waits")
def test_who_sleeps_needs_that() -> None:
    before = reading()
    time.sleep(0.05)
    spent = reading() - before
    assert spent.imag == spent.real >= 0.05
