"""What a terminal is shown."""

from __future__ import annotations

import pytest

from dumbo.cli.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("größe λ 変数", "größe λ 変数"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("admin\u202etxt", r"admin\u202etxt"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("two\nlines", r"two\nlines"),
        ("lone \udc80", r"lone \udc80"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_line_breaks_stay_where_they_are_wanted() -> None:
    assert printable("two\nlines\r", lines=True) == "two\nlines\\r"
