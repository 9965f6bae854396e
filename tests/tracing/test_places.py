"""Where a file binds a name, by its source alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from dumbo.tracing import places
from dumbo.tracing.places import Place, place_of

SOURCE = """\
import os.path, json as js
from shop import RATE as rate, (TABLE)
a = b = 1
(c, [d, *e]) = 1, (2, 3)
f: int = 2
for g in ():
    h = g
else:
    i = 0
with open(a) as j:
    k = 1
try:
    l = 1
except ValueError:
    m = 1
finally:
    n = 1
if a:
    class Model:
        scale = [
            2,
        ]
        def fit(self):
            inside = 1
elif b:
    o = 1
match a:
    case 1:
        p = 1
a = 2
raise SystemExit("reading it runs nothing")
""".replace("(TABLE)", "TABLE")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "named.py"
    path.write_text(SOURCE)
    places.refresh()
    return str(path)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("os", Place(1, 1)),
        ("js", Place(1, 1)),
        ("rate", Place(2, 2, "RATE")),
        ("TABLE", Place(2, 2, "TABLE")),
        ("a", Place(3, 3)),
        ("b", Place(3, 3)),
        ("e", Place(4, 4)),
        ("f", Place(5, 5)),
        ("g", Place(6, 9)),
        ("h", Place(7, 7)),
        ("i", Place(9, 9)),
        ("k", Place(11, 11)),
        ("m", Place(15, 15)),
        ("n", Place(17, 17)),
        ("Model", Place(19, 24)),
        ("Model.scale", Place(20, 22)),
        ("Model.fit", Place(23, 24)),
        ("o", Place(26, 26)),
        ("p", Place(29, 29)),
        ("Model.fit.inside", None),
        ("inside", None),
        ("nothing", None),
    ],
)
def test_a_name_is_found_where_it_is_first_bound(name: str, place: Place | None, file: str) -> None:
    assert place_of(file, name) == place


def test_a_file_that_is_no_source_has_no_places(tmp_path: Path) -> None:
    for name, data in (("a.py", b"\0"), ("b.py", b"def"), ("c.py", b"\xff = 1")):
        (tmp_path / name).write_bytes(data)
        assert place_of(str(tmp_path / name), "a") is None
    assert place_of(str(tmp_path / "none.py"), "a") is None
    assert place_of("<stdin>", "a") is None


def test_a_file_is_read_again_where_that_is_asked_for(file: str) -> None:
    assert place_of(file, "a") == Place(3, 3)
    Path(file).write_text("\na = 1\n")
    places.refresh()
    assert place_of(file, "a") == Place(2, 2)
