"""Classes that something is an instance of without deriving from them: seen, and cheap to prove."""

from __future__ import annotations

import abc
from typing import Any

import pytest

from dumbo.tracing.virtual import DESCENDANTS, Watch, has_virtual_instances


class Base(abc.ABC):  # noqa: B024 - what derives from it is what counts
    pass


@pytest.fixture
def base() -> Any:
    return abc.ABCMeta("Fresh", (Base,), {})


def derived(base: Any, **names: Any) -> Any:
    return type(base)("Derived", (base,), names)


def hook(cls: Any, other: Any) -> bool:
    raise AssertionError("asked")


def test_a_class_that_others_only_derive_from_has_none(base: Any) -> None:
    kept = [derived(base), derived(derived(base))]
    assert not has_virtual_instances(base)
    assert kept


def test_registering_counts_with_whatever_derives_from_it(base: Any) -> None:
    below = derived(derived(base))
    watch = Watch(base)
    assert watch.holds()
    below.register(int)
    assert not watch.holds()
    assert has_virtual_instances(base)


def test_registering_elsewhere_does_not(base: Any) -> None:
    watch = Watch(base)
    abc.ABCMeta("Elsewhere", (), {}).register(int)
    assert watch.holds()
    assert watch.holds()


def test_hooks_count_whenever_they_come(base: Any) -> None:
    watch = Watch(base)
    kept = derived(base, __subclasshook__=classmethod(hook))
    assert not watch.holds()
    other = abc.ABCMeta("Other", (), {})
    watch = Watch(other)
    other.__subclasshook__ = classmethod(hook)
    assert not watch.holds()
    assert kept


def test_what_derives_later_is_looked_at_once(base: Any) -> None:
    watch = Watch(base)
    kept = derived(base)
    assert watch.holds()
    kept.register(int)
    assert not watch.holds()


def test_a_metaclass_with_a_word_in_it_counts() -> None:
    class Meta(type):
        pass

    class Asked(Meta):
        def __instancecheck__(cls, other: Any) -> bool:
            raise AssertionError("asked")

    plain: Any = Meta("Plain", (), {})
    assert has_virtual_instances(Asked("One", (), {}))
    watch = Watch(plain)
    assert watch.holds()
    kept = Asked("Below", (plain,), {})
    assert not watch.holds()
    assert kept
    plain = Meta("Plain", (), {})
    watch = Watch(plain)
    Meta.__subclasscheck__ = hook  # type: ignore[method-assign, assignment]
    assert not watch.holds()


def test_of_large_families_nothing_is_said(base: Any) -> None:
    family = [derived(base) for _ in range(DESCENDANTS)]
    assert has_virtual_instances(base)
    assert family


def test_classes_are_not_compared_or_hashed() -> None:
    class Meta(abc.ABCMeta):
        def __eq__(cls, other: object) -> bool:
            raise AssertionError("asked")

        def __hash__(cls) -> int:
            raise AssertionError("asked")

    base = type.__new__(Meta, "Base", (), {})
    assert isinstance(has_virtual_instances(base), bool)
