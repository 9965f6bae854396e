"""What is read, and what is not: signatures, and caches without pickle."""

from __future__ import annotations

import os
import pickle
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
import xxhash

from dumbo import Cache, InvalidUse, UnstorableResult, by
from dumbo.memory import epoch
from dumbo.persistence import blobs, rows
from dumbo.persistence.neighbours import Family
from dumbo.persistence.store import Store
from dumbo.tracing import tracker

Ran = list[object]
KEY = "a key of more than sixteen bytes"


def f(x):
    sys.audit("ran", x)
    return [x] * 3 if x != "large" else [os.urandom(30_000), b"x"]


def g():
    return "of g"


def h():
    return "of h"


def use(cache: Cache, *arguments: object) -> None:
    """Call as a fresh process would: nothing is open, nothing is in memory."""
    cache.close()
    epoch.number += 1
    memoized = cache.memo(keep="always", name="f")(f)
    for argument in arguments:
        memoized(argument)


class Evil:
    def __reduce__(self):
        return sys.audit, ("ran", "evil")


def plant(cache: Cache) -> int:
    """Replace every stored pickle by one that runs code, with checksums that fit."""
    evil = pickle.dumps(Evil(), 5)
    store = cache.open()
    planted = 0

    def replace(sql, known):
        count = 0
        for row in sql.execute(rows.ALL).fetchall():
            if row[13] is not None:
                changed = [*row]
                changed[13] = evil + row[13][-32:]
                sql.execute(rows.PUT, rows.checked(tuple(changed)))
                count += 1
        return count

    planted += store.run(replace)
    for path in Path(cache.directory).glob("blobs/*/*"):
        header = blobs.peek(str(path))
        payload = evil + path.read_bytes()[-32:]
        header.length = len(payload)
        header.checksum = xxhash.xxh3_64_intdigest(payload)
        path.write_bytes(header.pack() + payload)
        planted += 1
    cache.close()
    return planted


def test_signed_results_are_served(tmp_path: Path, ran: Ran) -> None:
    for _ in range(2):
        use(Cache(tmp_path / "c", signing_key=KEY), 1, "large")
    assert ran == [1, "large"]


def test_whoever_has_no_key_may_read_what_is_signed(tmp_path: Path, ran: Ran) -> None:
    use(Cache(tmp_path / "c", signing_key=KEY), 1, "large")
    use(Cache(tmp_path / "c"), 1, "large")
    assert ran == [1, "large"]


def test_what_is_not_signed_is_a_miss_and_is_signed_then(tmp_path: Path, ran: Ran) -> None:
    use(Cache(tmp_path / "c"), 1, "large")
    use(Cache(tmp_path / "c", signing_key=KEY), 1, "large")
    assert ran == [1, "large"] * 2
    use(Cache(tmp_path / "c", signing_key=KEY), 1, "large")
    assert ran == [1, "large"] * 2


def test_another_key_is_none(tmp_path: Path, ran: Ran) -> None:
    use(Cache(tmp_path / "c", signing_key=KEY), 1, "large")
    use(Cache(tmp_path / "c", signing_key=KEY[::-1]), 1, "large")
    assert ran == [1, "large"] * 2


def test_planted_results_are_not_run_if_signing_is_on(tmp_path: Path, ran: Ran) -> None:
    use(Cache(tmp_path / "c", signing_key=KEY), 1, "large")
    assert plant(Cache(tmp_path / "c", signing_key=KEY)) >= 2
    use(Cache(tmp_path / "c", signing_key=KEY), 1, "large")
    assert ran == [1, "large"] * 2
    # Without a key they would have been, which is what this test is about.
    ran.clear()
    use(Cache(tmp_path / "d"), 1)
    plant(Cache(tmp_path / "d"))
    use(Cache(tmp_path / "d"), 1)
    assert "evil" in ran


def traces(sql) -> list[list[object]]:
    columns = rows.TRACES_OF.partition("SELECT ")[2].partition(" FROM")[0]
    return [list(row) for row in sql.execute(f"SELECT {columns} FROM traces").fetchall()]


def test_a_planted_trace_proves_nothing_if_signing_is_on(tmp_path: Path) -> None:
    def swap(sql, known):
        """Let what proves one closure prove the other."""
        one, two = traces(sql)
        one[8], two[8] = two[8], one[8]
        for row in (one, two):
            row[11] = rows.trace_checksum(tuple(row))
            sql.execute(rows.PUT_TRACE, (*row, 0))

    for key, swapped in ((None, True), (KEY, False)):
        cache = Cache(tmp_path / str(key), signing_key=key)
        assert [served(cache, g), served(cache, h)] == ["of g", "of h"]
        cache.open().run(swap)
        # Without a key one is served for the other, which is what this test is about.
        assert (served(cache, g) == "of h") is swapped
        cache.close()


def served(cache: Cache, function: Callable[[], str]) -> str:
    cache.close()
    epoch.number += 1
    tracker._trackers.clear()  # as in a fresh process
    return cache.memo(keep="always", name="f")(function)()


def test_a_result_is_not_younger_than_it_was_signed(tmp_path: Path, ran: Ran) -> None:
    def rejuvenate(sql, known):
        for row in sql.execute(rows.ALL).fetchall():
            changed = [*row]
            changed[9] += 10**12
            sql.execute(rows.PUT, rows.checked(tuple(changed)))

    cache = Cache(tmp_path / "c", signing_key=KEY)
    use(cache, 1, "large")
    cache.open().run(rejuvenate)
    use(cache, 1, "large")
    assert ran == [1, "large"] * 2
    use(cache, 1, "large")
    assert ran == [1, "large"] * 2


def test_a_planted_neighbour_is_none_if_signing_is_on(tmp_path: Path) -> None:
    numbers = array("d", [1.0])
    whose = (313, b"c" * 16, b"f" * 16)
    for key in (None, KEY):
        store = Store(tmp_path / str(key), signing_key=key)
        family = Family(store.directory, *whose, store.seal)
        family.add(b"k" * 16, numbers)
        Family(store.directory, *whose).add(b"p" * 16, numbers)
        expected = {b"k" * 16, b"p" * 16} if key is None else {b"k" * 16}
        assert set(family.near(numbers, [(1, 0.1, 0.1)])) == expected
        store.close()


def test_a_signature_is_of_one_call_only(tmp_path: Path, ran: Ran) -> None:
    cache = Cache(tmp_path / "c", signing_key=KEY)
    use(cache, 1, 2)

    def swap(sql, known):
        one, two = (list(row) for row in sql.execute(rows.ALL).fetchall())
        one[13], two[13] = two[13], one[13]
        for row in (one, two):
            sql.execute(rows.PUT, rows.checked(tuple(row)))

    cache.open().run(swap)
    use(cache, 1, 2)
    assert ran == [1, 2] * 2


def test_the_key_may_come_from_the_environment_or_a_file(
    tmp_path: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Cache(tmp_path / "c", signing_key=KEY), 1)
    monkeypatch.setenv("DUMBO_SIGNING_KEY", KEY)
    use(Cache(tmp_path / "c"), 1)
    monkeypatch.delenv("DUMBO_SIGNING_KEY")
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    monkeypatch.setenv("DUMBO_SIGNING_KEY_FILE", str(file))
    use(Cache(tmp_path / "c"), 1)
    assert ran == [1]
    file.chmod(0o644)  # a key that others can read proves nothing: nothing is cached
    use(Cache(tmp_path / "c"), 1)
    assert ran == [1, 1]


def why_nothing_is_kept(tmp_path: Path) -> str:
    with Cache(tmp_path / "c") as cache:
        memoized = cache.memo(keep="always", name="f")(f)
        memoized(1)
        assert memoized.cache_info().entries == 0
        return "".join(memoized.cache_info().reasons)


def test_a_key_file_that_is_no_file_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "key", 0o600)
    monkeypatch.setenv("DUMBO_SIGNING_KEY_FILE", str(tmp_path / "key"))
    assert "is no regular file" in why_nothing_is_kept(tmp_path)
    monkeypatch.setenv("DUMBO_SIGNING_KEY_FILE", str(tmp_path))
    assert "is no regular file" in why_nothing_is_kept(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_key_file_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "key").chmod(0o600)
    os.chown(tmp_path / "key", 65534, 65534)
    monkeypatch.setenv("DUMBO_SIGNING_KEY_FILE", str(tmp_path / "key"))
    assert "belongs to user 65534" in why_nothing_is_kept(tmp_path)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("DUMBO_SIGNING_KEY", "DUMBO_SIGNING_KEY is 0 bytes long"),
        ("DUMBO_SIGNING_KEY_FILE", "the signing key in '' cannot be read"),
    ],
)
def test_an_empty_key_is_not_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    monkeypatch.setenv(name, "")
    assert why in why_nothing_is_kept(tmp_path)


def test_a_short_key_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(InvalidUse, match="make it 16 or more"):
        Cache(tmp_path / "c", signing_key="short")


# -- without pickle ------------------------------------------------------------------------------

PLAIN = [
    *(None, True, 1, -(10**30), 1.5, -0.0, "text\ud800", b"bytes"),
    *([1, [2, (3,)]], (), {"a": {1: b"x"}}, {1, 2}, {(1, 2): None}),
]
OTHER = [float("inf"), 1j, set(), frozenset((1,)), object, range(3), [{"a": bytearray(b"x")}]]


def value(number):
    sys.audit("ran", number)
    return PLAIN[number] if number >= 0 else OTHER[number]


@pytest.fixture
def plainly(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "plain", allow_pickle=False)


@pytest.fixture
def no_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where anything is pickled or unpickled."""

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("pickled")

    for name in ("dumps", "loads"):
        monkeypatch.setattr(f"dumbo.persistence.codecs.{name}", never)
    monkeypatch.setattr("dumbo.persistence.fidelity.pickler", never)


@pytest.mark.usefixtures("no_pickle")
def test_plain_builtins_are_stored_and_read_without_pickle(plainly: Cache, ran: Ran) -> None:
    memoized = plainly.memo(keep="always")(value)
    for _ in range(3):
        epoch.number += 1
        for number, plain in enumerate(PLAIN):
            assert repr(memoized(number)) == repr(plain)
    assert ran == list(range(len(PLAIN)))


@pytest.mark.usefixtures("no_pickle")
def test_everything_else_is_not_stored_and_says_why(plainly: Cache, ran: Ran) -> None:
    memoized = plainly.memo(keep="always")(value)
    for number in range(-len(OTHER), 0):
        memoized(number)
        assert "takes pickle, and allow_pickle=False" in memoized.why(number)
    assert memoized.cache_info().entries == 0
    with pytest.raises(UnstorableResult):
        memoized.insert(OTHER, 3)


@pytest.mark.usefixtures("no_pickle")
def test_arrays_need_no_pickle(plainly: Cache, ran: Ran) -> None:
    np = pytest.importorskip("numpy")

    @plainly.memo(keep="always")
    def array(n):
        sys.audit("ran", n)
        return np.arange(n)

    for _ in range(2):
        assert (array(300_000) == np.arange(300_000)).all()
    assert ran == [300_000]


def test_what_was_pickled_is_a_miss_and_stays(tmp_path: Path, ran: Ran) -> None:
    use(Cache(tmp_path / "c"), 1, "large")
    ran.clear()
    with Cache(tmp_path / "c", allow_pickle=False) as plainly:
        entry = plainly.memo(keep="always", name="f")(f).get_entry(1)
        assert entry is not None
        with pytest.raises(Exception, match="allow_pickle=False"):
            entry.load()
    use(Cache(tmp_path / "c"), 1, "large")
    assert ran == []


def test_a_number_of_too_many_digits_is_not_stored_and_says_why(plainly: Cache) -> None:
    @plainly.memo(keep="always")
    def huge(n):
        return [10**n]

    assert huge(5000) == [10**5000]
    assert "a number of so many digits takes pickle" in huge.why(5000)


@pytest.mark.usefixtures("no_pickle")
def test_results_of_calls_with_private_keys_are_not_pickled_either(
    plainly: Cache, ran: Ran
) -> None:
    @plainly.memo(keep="always", key={"x": by.identity()})
    def made(x, of):
        sys.audit("ran", of)
        return [Evil()] if of == "evil" else [x is not None, of]

    x = object()
    for _ in range(3):
        assert made(x, "plain") == [True, "plain"]
        assert type(made(x, "evil")[0]) is Evil
    assert ran.count("plain") == 1
    assert ran.count("evil") == 3
    assert "takes pickle, and allow_pickle=False" in made.why(x, "evil")


def test_generators_are_not_recorded_without_pickle(plainly: Cache, ran: Ran) -> None:
    @plainly.memo(keep="always")
    def items():
        sys.audit("ran")
        yield 1

    assert [list(items()), list(items())] == [[1], [1]]
    assert len(ran) == 2
