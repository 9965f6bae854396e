"""The trial load says what comes back, and changes nothing that lives."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple, Self

import pytest

from dumbo.errors import UnstorableResult
from dumbo.persistence import codecs, trial
from tests.persistence.desk import Desk
from tests.persistence.test_codecs import Sheet, through


class Unit:
    """One instance for each name."""

    known: dict[str, Unit] = {}

    def __new__(cls, name: str) -> Self:
        if name not in cls.known:
            cls.known[name] = super().__new__(cls)
        return cls.known[name]

    def __init__(self, name: str) -> None:
        self.name = name

    def __getnewargs__(self) -> Any:
        return (self.name,)


class Symbol:
    """One instance for each name, which says all that there is to it."""

    known: dict[str, Symbol] = {}
    __slots__ = ("name",)

    def __new__(cls, name: str) -> Self:
        if name not in cls.known:
            cls.known[name] = super().__new__(cls)
            cls.known[name].name = name
        return cls.known[name]

    def __reduce__(self) -> Any:
        return Symbol, (self.name,)


class Account(Symbol):
    """One instance for each name, with more than its name."""

    __slots__ = ("entries",)

    def __reduce__(self) -> Any:
        return Account, (self.name,)


class Settings:
    def __init__(self) -> None:
        self.table = {"a": 1}

    def __reduce__(self) -> Any:
        return "SETTINGS"


SETTINGS = Settings()


class Absent:
    def __reduce__(self) -> Any:
        return "ABSENT"


ABSENT = Absent()


class Chain(list):  # type: ignore[type-arg]
    last: Chain | None = None

    def __new__(cls) -> Self:
        cls.last = cls.last if cls.last is not None else super().__new__(cls)
        return cls.last


class Fresh:
    def __new__(cls, *args: Any) -> Self:
        return super().__new__(cls)

    def __init__(self, value: Any) -> None:
        self.value = value


class Pair(NamedTuple):
    x: Any
    y: Any


class Colour(enum.Enum):
    RED = [1]


class Base:
    told: list[type] = []

    def __init_subclass__(cls) -> None:
        Base.told.append(cls)


class Meta(type):
    def __new__(cls, *args: Any) -> Any:
        made = super().__new__(cls, *args)
        made.table = {"a": [1]}  # type: ignore[attr-defined]
        return made


class Modelled(metaclass=Meta):
    def __new__(cls) -> Self:
        return super().__new__(cls)


def test_an_instance_that_lives_is_not_written_to() -> None:
    unit = Unit("m")
    unit.log = log = []  # type: ignore[attr-defined]
    with pytest.raises(UnstorableResult, match="hands out"):
        through({"unit": unit, "log": log})
    assert unit.log is log  # type: ignore[attr-defined]


def test_a_container_that_lives_is_not_added_to() -> None:
    chain = Chain()
    chain.append(1)
    with pytest.raises(UnstorableResult, match="hands out"):
        through([chain])
    assert chain == [1]


def test_what_lives_once_and_may_change_is_not_stored() -> None:
    account: Any = Account("a")
    account.entries = [1]
    with pytest.raises(UnstorableResult, match="hands out"):
        through([account])
    with pytest.raises(UnstorableResult, match="hands out"):
        through([SETTINGS])


def test_what_is_interned_and_does_not_change_comes_back_as_itself() -> None:
    assert through([Symbol("x")])[0] is Symbol("x")
    assert through([ABSENT])[0] is ABSENT
    assert through([Colour.RED, Symbol("y")])[0] is Colour.RED


def test_a_class_that_makes_a_new_instance_each_time_may_say_how() -> None:
    back = through([Fresh([1]), {"a": Fresh(2)}, b"x" * 5000, 1 << 500])
    assert back[0].value == [1]
    assert back[1]["a"].value == 2
    assert back[2:] == [b"x" * 5000, 1 << 500]


def test_buffers_beside_the_stream_are_there_on_trial_too() -> None:
    np = pytest.importorskip("numpy")
    back = through([Fresh(np.arange(5000)), Fresh(1)])
    assert back[0].value.sum() == sum(range(5000))


def test_only_classes_with_a_say_are_looked_at_step_by_step() -> None:
    assert [trial.picks_instances(kind) for kind in (Unit, Symbol, Settings, Fresh)] == [True] * 4
    assert not any(trial.picks_instances(kind) for kind in (Pair, Colour, Base, Sheet))


def test_a_class_with_a_metaclass_goes_by_its_name() -> None:
    back = through([Modelled(), Modelled])
    assert type(back[0]) is back[1] is Modelled


def local(held: list[int]) -> Any:
    class Local:
        total = 0
        table = held

    return Local


def test_a_class_that_lives_keeps_its_attributes_when_a_copy_is_loaded() -> None:
    held = [1]
    cls = local(held)
    value = {"instance": cls(), "held": held}
    sheet = Sheet()
    written = codecs.encode(value, sheet)
    payload = b"".join(sheet.parts)
    codecs.prove(value, written, payload)
    assert cls.table is held
    cls.total = 5
    one, other = codecs.decode(written.codec, payload), codecs.decode(written.codec, payload)
    assert (cls.total, cls.table is held) == (5, True)
    assert one["instance"].table is one["held"]
    assert type(one["instance"]) is not type(other["instance"])
    assert type(one["instance"]).__qualname__ == cls.__qualname__


def test_a_local_enumeration_comes_back_as_another_one() -> None:
    class Local(enum.Enum):
        A = 1

    back = through([Local.A, Local])
    assert back[0] is back[1].A
    assert back[1] is not Local


def test_a_class_of_whose_making_somebody_is_told_is_not_stored() -> None:
    class Told(Base):
        pass

    class Made(metaclass=Meta):
        pass

    for value in (Told(), Made()):
        with pytest.raises(UnstorableResult, match="one more class"):
            through([value])
    assert Base.told == [Told]


class Failed(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"failed with {code}")


class Needs(Exception):
    def __init__(self, what: str, why: str) -> None:
        super().__init__(what)
        self.why = why


class Plain(Exception):
    """Keeps its arguments, and more fields than them."""


def test_an_exception_that_makes_others_of_its_arguments_is_not_stored() -> None:
    with pytest.raises(UnstorableResult, match=r"a .*Failed in it loses or changes"):
        through({"error": Failed(5)})
    with pytest.raises(UnstorableResult, match="not loaded again"):
        through([Needs("a", "b")])


def test_an_exception_comes_back_with_all_its_fields() -> None:
    error = Plain("x", 1)
    error.more = [1]  # type: ignore[attr-defined]
    error.add_note("a note")
    back = through([error, OSError(2, "no", "file"), KeyError("k"), ExceptionGroup("g", [error])])
    assert (back[0].args, back[0].more, back[0].__notes__) == (("x", 1), [1], ["a note"])
    assert (back[1].errno, back[1].filename) == (2, "file")
    assert back[3].exceptions[0] is back[0]


def test_a_field_that_pickle_drops_keeps_the_exception_out() -> None:
    with pytest.raises(UnstorableResult, match="loses or changes"):
        through([ValueError("x"), _without_context()])


def _without_context() -> ValueError:
    error = ValueError("y")
    error.__suppress_context__ = True
    return error


def test_each_exception_is_looked_at_whatever_its_type_was_proved_to_be(desk: Desk) -> None:
    desk.save(1, [Plain("x")])
    odd: Any = Plain("x")
    odd.__suppress_context__ = True
    with pytest.raises(UnstorableResult, match="loses or changes"):
        desk.save(2, [odd])


def test_exceptions_in_sets_come_back_in_any_order() -> None:
    for kind in (ValueError, KeyError, Plain):
        found = through([{kind(number) for number in range(50)}, frozenset([kind("a"), kind("b")])])
        assert sorted(error.args[0] for error in found[0]) == list(range(50))
        assert {error.args for error in found[1]} == {("a",), ("b",)}
    with pytest.raises(UnstorableResult, match="Failed in it loses or changes"):
        through([{Failed(number) for number in range(5)}])


def test_errors_that_are_their_arguments_take_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dumbo.persistence.trial.compare", None)
    errors = [ValueError("x"), KeyError(1, 2), ZeroDivisionError(), Exception([3])]
    errors[0].add_note("a note")
    back = through(errors)
    assert [(type(error), error.args) for error in back] == [
        (type(error), error.args) for error in errors
    ]
    assert back[0].__notes__ == ["a note"]


def test_fields_of_a_subclass_of_ndarray_that_numpy_drops_keep_it_out() -> None:
    np = pytest.importorskip("numpy")
    kind = INFO.setdefault("kind", make_info(np))
    array = np.zeros(3).view(kind)
    assert through([array])[0].unit is None
    array.unit = "m"
    for value in (array, [array], {"a": np.zeros(3), "b": array}):
        with pytest.raises(UnstorableResult, match="loses or changes"):
            through(value)
    assert type(through(np.zeros((2, 2)).view(np.matrix))) is np.matrix


INFO: dict[str, Any] = {}


def make_info(np: Any) -> Any:
    class Info(np.ndarray):  # type: ignore[misc]
        def __array_finalize__(self, other: Any) -> None:
            self.unit = getattr(other, "unit", None)

    return Info
