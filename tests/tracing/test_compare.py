"""Two accounts of one function, part by part."""

from __future__ import annotations

from dumbo.tracing.account import Account, Part
from dumbo.tracing.compare import Difference, differences, digest_below

Spec = tuple[str, str, bytes, str, list[tuple[int, bytes, str, int]]]


def account(*parts: Spec, salt: str = "") -> Account:
    made = [Part(kind, name, own, said, b"", edges) for kind, name, own, said, edges in parts]
    return Account([], [], made, (), [], (), salt)


def call(*ends: int) -> Spec:
    return ("root", "call", b"call", "", [(0, b"", "function", end) for end in ends])


def function(name: str, own: bytes, *edges: tuple[int, str, int]) -> Spec:
    return ("function", name, own, "", [(place, b"", label, end) for place, label, end in edges])


def value(name: str, said: str) -> Spec:
    return ("value", name, said.encode(), said, [])


def told(found: list[Difference]) -> list[tuple[str, str, str]]:
    return [(one.kind, one.name, " > ".join(one.path)) for one in found]


def test_equal_accounts_differ_in_nothing() -> None:
    parts = call(1), function("m:f", b"f", (0, "global g", 2)), function("m:g", b"g")
    assert differences(account(*parts), account(*parts)) == []


def test_other_names_are_no_difference() -> None:
    old = account(call(1), function("m:f", b"f", (0, "global g", 2)), function("m:g", b"g"))
    new = account(call(1), function("n:h", b"f", (0, "global k", 2)), function("n:k", b"g"))
    assert differences(old, new) == []


def test_rings_end() -> None:
    def ring(own: bytes) -> Account:
        return account(
            call(1),
            function("m:f", b"f", (0, "global g", 2)),
            function("m:g", own, (0, "global f", 1)),
        )

    assert told(differences(ring(b"g"), ring(b"h"))) == [("code", "m:g", "m:f > m:g")]


def test_what_is_below_a_changed_function_is_still_compared() -> None:
    def made(own: bytes, rate: str) -> Account:
        return account(
            call(1), function("m:f", own, (len(rate), "global RATE", 2)), value("m:RATE", rate)
        )

    found = differences(made(b"f", "1"), made(b"g", "22"))
    assert told(found) == [("code", "m:f", "m:f"), ("value", "m:RATE", "m:f > m:RATE")]


def test_the_shortest_way_is_told() -> None:
    def made(own: bytes) -> Account:
        return account(
            call(1),
            function("m:f", b"f", (0, "global g", 2), (1, "global h", 3)),
            function("m:g", b"g", (0, "global h", 3)),
            function("m:h", own),
        )

    assert told(differences(made(b"h"), made(b"i"))) == [("code", "m:h", "m:f > m:h")]


def test_a_name_that_means_another_function_is_a_change_of_its_user() -> None:
    def made(name: str, own: bytes) -> Account:
        return account(call(1), function("m:f", b"f", (0, "global g", 2)), function(name, own))

    (one,) = differences(made("m:g", b"g"), made("n:g", b"h"))
    assert (one.kind, one.before, one.after) == ("code", "m:g", "n:g")


def test_a_number_that_two_names_share_goes_by_the_way_to_it() -> None:
    def made(first: str, second: int) -> Account:
        return account(
            call(1),
            function("m:f", b"f", (0, "global A", 2), (1, "global B", second)),
            value("m:A", "2"),
            value("m:B", first),
        )

    found = differences(made("1", 3), made("1", 2))
    assert told(found) == [("value", "m:B", "m:f > m:B")]


def test_another_salt_is_a_difference() -> None:
    parts = call(1), function("m:f", b"f")
    (one,) = differences(account(*parts, salt="1"), account(*parts, salt="2"))
    assert (one.kind, one.before, one.after) == ("version", "1", "2")


def test_two_parts_that_do_the_same_with_all_below_have_one_digest() -> None:
    def made(name: str, rate: str) -> Account:
        return account(call(1), function(name, b"f", (0, "global R", 2)), value("m:R", rate))

    assert digest_below(made("m:f", "1"), 1) == digest_below(made("m:g", "1"), 1)
    assert digest_below(made("m:f", "1"), 1) != digest_below(made("m:f", "2"), 1)
