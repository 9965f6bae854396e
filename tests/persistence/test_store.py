"""Entries and traces: found by their whole identity, listed and forgotten by function."""

from __future__ import annotations

import os
import stat
from collections import deque
from pathlib import Path
from typing import Any

import pytest
import xxhash
from desk import Desk, digest

from dumbo.errors import CorruptBlob, UnstorableResult
from dumbo.persistence import rows
from dumbo.persistence.ground import named
from dumbo.persistence.store import PYTHON, Store

LARGE = bytes(range(256)) * 20_000  # 5 MB
MIDDLE = LARGE[:50_000]


def test_a_result_is_found_by_closure_and_key(desk: Desk) -> None:
    for number, value in enumerate([None, {"a": [1, 2.5]}, b"", MIDDLE, list(range(50_000))]):
        saved = desk.save(number, value, note="why")
        found = desk.find(number)
        assert desk.load(number) == value
        assert found.inline == (saved.size <= 4096)
        assert (found.function, found.closure, found.key) == ("mod:func", desk.closure, saved.key)
        assert (found.compute, found.size, found.codec) == (1.5, saved.size, saved.codec)
        assert (found.note, found.extras, found.python) == ("why", b"", PYTHON)
    assert desk.find(99) is None
    assert desk.store.find(digest(1), digest(0)) is None
    assert desk.store.trouble == ""


def test_another_store_of_the_directory_finds_it(desk: Desk) -> None:
    desk.save(1, [1])
    desk.save(2, MIDDLE)
    other = desk.again()
    assert (other.load(1), other.load(2)) == ([1], MIDDLE)
    other.store.close()
    assert other.load(1) == [1]


def test_a_record_can_be_loaded_by_another_store(desk: Desk) -> None:
    desk.save(1, MIDDLE)
    assert Store(desk.directory).load(desk.find(1)) == MIDDLE


def test_the_last_result_of_a_call_replaces_the_one_before(desk: Desk) -> None:
    for value in ("small", MIDDLE, LARGE, "small again"):
        desk.save(1, value)
        assert desk.load(1) == value
    assert desk.blobs() == []
    assert len(desk.store.entries_of("mod:func")) == 1


def test_results_with_other_extras_stand_side_by_side_and_the_newest_is_found(desk: Desk) -> None:
    for extras in (b"", b"one", b"two"):
        desk.save(1, extras, extras=extras)
    assert desk.load(1) == b"two"
    assert len(desk.store.entries_of("mod:func")) == 3
    assert desk.store.forget_call("mod:func", digest(1)) == 3


def test_no_variant_of_a_call_pushes_another_out_while_there_is_room(desk: Desk) -> None:
    every = [b"%d" % number for number in range(rows.SLOTS - 1)]
    for _ in range(2):
        for extras in every:
            desk.save(1, LARGE + extras, extras=extras)
    desk.save(1, LARGE)
    found = desk.store.variants(desk.closure, digest(1))
    assert [record.extras for record in found] == [b"", *reversed(every)]
    assert [desk.store.load(record) for record in found] == [LARGE + r.extras for r in found]
    assert len(desk.blobs()) == rows.SLOTS


def test_one_variant_too_many_pushes_the_oldest_out_with_its_file(desk: Desk) -> None:
    for number in range(rows.SLOTS):
        desk.save(1, LARGE, extras=b"%d" % number)
    found = desk.store.variants(desk.closure, digest(1))
    assert [record.extras for record in found] == [b"%d" % n for n in range(rows.SLOTS - 1, 0, -1)]
    assert len(desk.blobs()) == len(found)


def test_a_new_index_finds_all_variants_of_a_call(desk: Desk) -> None:
    every = [b"", *[b"%d" % number for number in range(rows.SLOTS - 1)]]
    for extras in every:
        desk.save(1, LARGE, extras=extras)
    desk.store.close()
    desk.index.unlink()
    found = desk.again().store.variants(desk.closure, digest(1))
    assert sorted(record.extras for record in found) == sorted(every)


def test_what_only_shares_its_place_is_no_hit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "first_slot", lambda *identity: 7)
    desk.save(1, "one")
    assert desk.find(2) is None
    desk.save(2, "two")
    assert desk.find(1) is None
    assert desk.load(2) == "two"


def test_closure_and_key_must_be_digests(desk: Desk) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        desk.store.save(b"short", digest(1), 1, function="f", compute=1.0)


def test_what_cannot_be_stored_leaves_nothing_behind(desk: Desk) -> None:
    with pytest.raises(UnstorableResult):
        desk.save(1, [LARGE, iter([1])])
    assert desk.find(1) is None
    assert list(desk.directory.rglob("*.part")) == []


def test_functions_may_have_any_name(desk: Desk) -> None:
    names = ["../../up", "a\0b", "\ud800", "", "n" * 5000, "x'); DROP TABLE entries;--"]
    for number, name in enumerate(names):
        desk.save(number, MIDDLE, function=name)
    other = desk.again()
    assert sorted(summary.function for summary in other.store.summary()) == sorted(names)
    assert [other.find(number).function for number in range(len(names))] == names
    assert {path.name[:2] for path in other.blobs()} == {p.parent.name for p in other.blobs()}


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_files_are_private_whatever_the_umask(desk: Desk, umask: int) -> None:
    before = os.umask(umask)
    try:
        desk.save(1, MIDDLE)
    finally:
        os.umask(before)
    modes = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode))
        for path in (desk.directory, *desk.directory.rglob("*"))
    }
    assert modes == {(True, 0o700), (False, 0o600)}


# -- by function ---------------------------------------------------------------------


def test_entries_are_listed_newest_first_by_function_and_call(desk: Desk) -> None:
    for number in (1, 2, 3):
        desk.save(number, number)
    desk.store.save(digest(7), digest(2), "other version", function="mod:func", compute=1.0)
    desk.store.save(digest(8), digest(2), "stranger", function="mod:other", compute=1.0)
    listed = [desk.store.load(record) for record in desk.store.entries_of("mod:func")]
    assert listed == ["other version", 3, 2, 1]
    assert [r.function for r in desk.store.entries_of("mod:func", limit=2)] == ["mod:func"] * 2
    calls = desk.store.entries_of("mod:func", digest(2))
    assert [desk.store.load(record) for record in calls] == ["other version", 2]
    assert desk.store.entries_of("mod:none") == []


def test_the_summary_counts_by_function(desk: Desk) -> None:
    desk.save(1, "a")
    desk.save(2, MIDDLE)
    desk.save(3, "b", function="mod:other", compute=0.25)
    one, two = sorted(desk.store.summary(), key=lambda summary: summary.function)
    assert (one.function, one.entries, one.compute) == ("mod:func", 2, 3.0)
    assert one.bytes == 50_000 + desk.find(1).size
    assert (two.function, two.entries, two.compute) == ("mod:other", 1, 0.25)
    assert one.used == pytest.approx(desk.find(1).created, abs=2)


def test_forgetting_removes_rows_and_files(desk: Desk) -> None:
    desk.save(1, "a")
    desk.save(2, MIDDLE)
    assert desk.store.forget(desk.closure, digest(1)) == 1
    assert desk.store.forget(desk.closure, digest(2)) == 1
    assert desk.store.forget(desk.closure, digest(2)) == 0
    assert (desk.find(1), desk.find(2), desk.blobs()) == (None, None, [])


def test_forgetting_a_call_removes_it_in_all_versions_and_no_other(desk: Desk) -> None:
    for closure in (desk.closure, digest(7)):
        for number in (1, 2):
            desk.store.save(closure, digest(number), MIDDLE, function="mod:func", compute=1.0)
    desk.store.save(desk.closure, digest(9), 1, function="mod:other", compute=1.0)
    assert desk.store.forget_call("mod:func", digest(1)) == 2
    assert len(desk.store.entries_of("mod:func", digest(2))) == 2
    assert len(desk.blobs()) == 2


def test_clearing_a_function_removes_also_what_a_twin_stored_for_it(desk: Desk) -> None:
    # The name is no part of the identity: `twin` has the closure of `func`, and is served.
    desk.save(1, MIDDLE)
    desk.store.save(digest(8), digest(1), "stranger", function="mod:other", compute=1.0)
    desk.store.add_trace("mod:twin", b"root", b"shape", b"program", b"state", desk.closure, b"")
    assert desk.store.clear("mod:twin") == 1
    assert (desk.find(1), desk.blobs()) == (None, [])
    assert desk.store.find(digest(8), digest(1)) is not None


def test_clearing_all_removes_everything(desk: Desk) -> None:
    desk.save(1, MIDDLE)
    desk.save(2, 2, function="mod:other")
    desk.store.add_trace("mod:func", b"root", b"shape", b"program", b"state", desk.closure, b"")
    assert desk.store.clear() == 2
    assert (desk.store.summary(), desk.blobs()) == ([], [])
    assert desk.store.traces(b"root", b"shape") == []
    desk.save(1, "again")
    assert desk.store.summary()[0].function == "mod:func"


@pytest.mark.parametrize("value", ["small", [1], MIDDLE])
def test_what_is_stored_after_somebody_else_has_cleared_all_is_found_by_its_function(
    desk: Desk, value: object
) -> None:
    desk.save(1, value)
    other = Store(desk.directory)
    assert other.clear() == 1
    desk.save(2, value)
    assert [line.function for line in other.summary()] == ["mod:func"]
    assert [record.key for record in other.entries_of("mod:func")] == [digest(2)]
    assert desk.store.clear("mod:func") == 1
    assert desk.find(2) is None
    other.close()


def test_a_function_whose_name_could_not_be_written_is_written_with_the_next_result(
    desk: Desk,
) -> None:
    desk.save(1, [1], function="mod:other")

    def fail(sql: Any, known: set[object]) -> None:
        sql.execute("BEGIN IMMEDIATE")
        named(sql, known, "mod:func", desk.closure)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.store.run(fail)
    desk.save(2, [2])
    other = Store(desk.directory)
    assert {line.function for line in other.summary()} == {"mod:other", "mod:func"}
    other.close()


def test_last_use_is_noted_and_written_coarsely(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.save(1, "a")
    used = desk.store.summary()[0].used
    monkeypatch.setattr("time.time", lambda: used + 10_000.0)
    assert desk.find(1) is not None
    assert desk.store.summary()[0].used == used + 10_000


# -- traces --------------------------------------------------------------------------


def test_traces_are_found_by_root_and_shape_last_written_first(desk: Desk) -> None:
    add = desk.store.add_trace
    add("f", b"root", b"shape", b"program", b"state 1", digest(1), b"details 1")
    add("f", b"root", b"shape", b"program", b"state 2", digest(2), b"details 2")
    add("f", b"root", b"other", b"program", b"state 3", digest(3), b"")
    add("g", b"root 2", b"shape", b"program", b"state 1", digest(1), b"")
    assert [t.closure for t in desk.store.traces(b"root", b"shape")] == [digest(2), digest(1)]
    add("f", b"root", b"shape", b"program", b"state 1", digest(1), b"new details")
    first, second = desk.store.traces(b"root", b"shape")
    assert (first.state, second.state) == (b"state 1", b"state 2")
    assert first.program == xxhash.xxh3_128_digest(b"program")
    assert desk.store.program(first.program) == b"program"
    assert desk.store.traces(b"roots", b"hape") == []
    assert [(t.state, t.details) for t in desk.store.traces_of("f", limit=2)] == [
        (b"state 1", b"new details"),
        (b"state 3", b""),
    ]
    assert desk.store.traces_of("f")[0].function == "f"


def test_traces_of_another_digest_version_are_not_found(desk: Desk) -> None:
    desk.store.add_trace("f", b"root", b"shape", b"program", b"state", digest(1), b"")
    newer = Store(desk.directory, digest_version=2)
    assert newer.traces(b"root", b"shape") == []
    assert newer.traces_of("f") == []
    newer.add_trace("f", b"root", b"shape", b"program", b"state", digest(2), b"")
    assert [t.closure for t in newer.traces(b"root", b"shape")] == [digest(2)]
    assert [t.closure for t in desk.store.traces(b"root", b"shape")] == [digest(1)]
    newer.close()


def test_what_another_python_stored_is_not_found(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ("ground", "proofs", "removal", "saving", "store"):
        monkeypatch.setattr(f"dumbo.persistence.{room}.PYTHON", 310)
    desk.save(1, "of 3.10")
    desk.save(2, MIDDLE)
    desk.store.add_trace("f", b"root", b"shape", b"program", b"state", digest(1), b"")
    monkeypatch.undo()
    assert (desk.find(1), desk.find(2), desk.store.traces(b"root", b"shape")) == (None, None, [])
    desk.save(1, "of this one")
    assert [r.python for r in desk.store.entries_of("mod:func")] == [PYTHON, 310, 310]
    assert desk.store.forget(desk.closure, digest(1)) == 2
    assert desk.store.clear("mod:func") == 1
    assert desk.blobs() == []


def test_a_program_is_stored_once(desk: Desk) -> None:
    for number in range(50):
        state = b"%d" % number
        desk.store.add_trace("f", b"root", b"shape", b"p" * 100_000, state, digest(number), b"")
    assert len(desk.store.traces(b"root", b"shape")) == 50
    assert desk.index.stat().st_size < 200_000
    assert desk.store.program(digest(1)) is None


# -- loading -------------------------------------------------------------------------


class Fragile:
    """Loads where it is told to."""

    loads = True

    def __init__(self) -> None:
        self.x = 1

    def __setstate__(self, state: object) -> None:
        if not Fragile.loads:
            raise RuntimeError("not here")


def test_what_fails_to_load_is_set_aside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.save(1, [Fragile()])
    desk.save(2, [Fragile(), MIDDLE])
    monkeypatch.setattr(Fragile, "loads", False)
    for number in (1, 2):
        with pytest.raises(CorruptBlob, match="RuntimeError"):
            desk.load(number)
        assert desk.find(number) is None
    assert (desk.store.corrupt, desk.blobs()) == (2, [])


def test_the_trial_load_happens_once_for_each_set_of_types(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.save(1, [Fragile()])
    monkeypatch.setattr(Fragile, "loads", False)
    desk.save(2, [Fragile()])
    with pytest.raises(UnstorableResult, match="not loaded again"):
        desk.save(3, [Fragile()], function="mod:other")


def test_a_large_result_of_user_types_is_tried_from_its_file(desk: Desk) -> None:
    np = pytest.importorskip("numpy")
    thing = Fragile()
    thing.x = np.arange(300_000)
    monkey = desk.save(1, deque([thing, np.arange(300_000)]))  # it is stored whole
    assert monkey.codec == "buffers"
    assert desk.load(1)[1][7] == 7


def test_loaded_values_are_private(desk: Desk) -> None:
    np = pytest.importorskip("numpy")
    small, middle, large = np.arange(9.0), np.arange(9_000.0), np.arange(900_000.0)
    values = [small, middle, large, {"nested": [middle, large]}, np.asfortranarray(large[: 10**5])]
    for number, value in enumerate(values):
        desk.save(number, value)
    for number in range(len(values)):
        for _ in range(2):
            value = desk.load(number)
            arrays = value["nested"] if isinstance(value, dict) else [value]
            for array in arrays:
                assert (array[1], type(array)) == (1.0, np.ndarray)
                array[:] = -1.0


def test_a_map_outlives_the_entry(desk: Desk) -> None:
    np = pytest.importorskip("numpy")
    desk.save(1, np.arange(900_000))
    value = desk.load(1)
    desk.save(1, np.zeros(900_000))
    desk.store.clear()
    assert value.sum() == 900_000 * 899_999 // 2


def test_many_live_results_need_few_descriptors(child: Any) -> None:
    pytest.importorskip("numpy")
    program = """
import resource, numpy as np
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
desk.save(1, np.arange(140_000.0))
kept = [desk.load(1) for _ in range(600)]
print(sum(int(array[7]) for array in kept), store.trouble)
"""
    assert child(program).communicate()[0].split() == ["4200"]


def test_what_a_hit_imports(child: Any, tmp_path: Path) -> None:
    Desk(tmp_path / "cache").save(1, {"a": [1]})
    program = """
before = set(sys.modules)
found = store.load(store.find(desk.closure, digest(1)))
heavy = {"pickle", "sqlite3", "logging", "numpy", "cloudpickle", "re", "inspect", "typing"}
print(found, sorted((set(sys.modules) - before) & heavy))
"""
    assert child(program).communicate()[0].strip() == "{'a': [1]} []"


def test_trouble_is_kept_and_writing_raises_on_a_full_index(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.save(1, MIDDLE)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(desk.store._index, "write", full)
    with pytest.raises(OSError, match="No space"):
        desk.save(2, MIDDLE)
    assert len(desk.blobs()) == 1
    assert desk.load(1) == MIDDLE
