"""The lock of a project: which packages, which file, and what their code says now.

Imports the packages, so what they do on import happens. Knows settings, files and targets; what
differs, and how it is told, is for others.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from dumbo import config
from dumbo.cli import reverse, table, targets
from dumbo.errors import Bypass, InvalidUse
from dumbo.lockfile import form
from dumbo.lockfile.closure import closure_of
from dumbo.lockfile.compare import Outcome, compare, holds
from dumbo.target import Target
from dumbo.tracing import DIGEST_VERSION
from dumbo.tracing.sources import find

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NAME", "Checked", "Found", "Stored", "check", "collect", "place", "save", "stored"]

NAME = "dumbo.lock"


class Found(NamedTuple):
    """What the code says.

    Attributes:
        memoized: the functions, by label.
        failed: modules that could not be imported, and functions that could not be followed.
    """

    lock: form.Lock
    memoized: dict[str, Any]
    failed: list[str]


class Stored(NamedTuple):
    """What is stored here of one function."""

    entries: int
    seconds: float


class Checked(NamedTuple):
    """A lock that was read, and what became of it."""

    outcomes: list[Outcome]
    old: form.Lock
    new: form.Lock

    @property
    def holds(self) -> bool:
        return holds(self.outcomes)


def place(file: str | None = None) -> str:
    """Return the path of the lock: *file*, or the one beside the project's pyproject.toml."""
    if file:
        return os.path.abspath(file)
    return os.path.join(config.project_directory(), NAME)


def collect(packages: Sequence[str] = ()) -> Found:
    """Import *packages*, or those of the settings, and return what is memoized in them.

    Raises:
        InvalidUse: if none are named, or one cannot be imported.
    """
    packages = tuple(packages) or config.lock_packages()
    if not packages:
        raise InvalidUse(
            'no packages to lock: name them, or set lock-packages = ["mypackage"] in '
            "[tool.dumbo] of pyproject.toml"
        )
    modules = []
    failed: list[str] = []
    for package in packages:
        inner, wrong = targets.modules_below(package)
        modules += inner
        failed += wrong
    memoized = reverse.memoized_in(modules)
    folder = config.project_directory()
    closures = {}
    for label in sorted(memoized):
        closures[label], wrong_here = _closure(memoized[label], label, folder)
        failed += wrong_here
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return Found(form.Lock(closures, python, DIGEST_VERSION), memoized, failed)


def _closure(memoized: Any, label: str, folder: str) -> tuple[form.Closure, list[str]]:
    # Imported here: it takes the analyser.
    from dumbo.tracing.tracker import Tracker

    options = memoized._keeper.options
    tracker = Tracker(
        Target(memoized).function,
        track_deps=options.track_deps,
        version=options.version,
        observed=True,  # on every Python alike; and nobody watches what runs
        watched=False,
    )
    try:
        analysis = tracker.analysis()
    except Bypass as reason:
        unknown = form.Part(form.UNKNOWN, "-")
        return form.Closure({label: unknown}), [f"{label} cannot be followed: {reason}"]
    closure = closure_of(analysis, label, version=options.version, project=folder)
    if not options.track_deps:
        closure = form.Closure({label: closure.parts[label]._replace(to=())})
    return closure, []


def check(found: Found, file: str) -> Checked:
    """Compare what the code says with the lock in *file*.

    Raises:
        InvalidUse: if it is not there, or cannot be read.
    """
    if not os.path.exists(file):
        raise InvalidUse(f"there is no {file!r} to compare with: write it with `dumbo lock`")
    old = _read(file)
    outcomes = compare(old, found.lock)
    outcomes = [
        one._replace(state="unseen") if one.state == "removed" and _is_unseen(one.label) else one
        for one in outcomes
    ]
    return Checked(outcomes, old, found.lock)


def _is_unseen(label: str) -> bool:
    """Whether the module of a function is there, but could not be imported."""
    module = label.partition(":")[0]
    return module not in sys.modules and find(module) is not None


def _read(file: str) -> form.Lock:
    try:
        with open(file, encoding="utf-8") as lines:
            text = lines.read()
    except FileNotFoundError:
        return form.Lock({})
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidUse(f"{file!r} cannot be read: {error}") from error
    return form.read(text, file)


def save(found: Found, file: str) -> bool:
    """Write what the code says to *file*, and return whether that changed it.

    One that says the same is left alone: two Pythons must not take turns at writing it. What it
    says of modules that cannot be imported stays.

    Raises:
        InvalidUse: if it cannot be written.
    """
    try:
        old = _read(file)
    except InvalidUse:  # an unfinished merge, or another format
        old = form.Lock({})
    kept = {label: old.closures[label] for label in old.closures if _is_unseen(label)}
    lock = found.lock._replace(closures={**kept, **found.lock.closures})
    if os.path.exists(file) and holds(compare(old, lock)):
        return False
    beside = f"{file}.{os.getpid()}"
    try:
        with open(beside, "w", encoding="utf-8", newline="\n") as lines:
            lines.write(form.write(lock))
        os.replace(beside, file)
    except OSError as error:
        raise InvalidUse(f"{file!r} cannot be written: {error.strerror}") from error
    return True


def stored(found: Found, labels: Sequence[str]) -> dict[str, Stored]:
    """Return how much the caches on this machine hold of these functions; creates none."""
    held: dict[str, Stored] = {}
    by_directory: dict[str, dict[str, Any]] = {}
    for label in labels:
        memoized = found.memoized.get(label)
        if memoized is None:
            continue
        keeper = memoized._keeper
        directory = keeper.shelf.directory
        if directory not in by_directory:
            rows, _ = table.rows(directory)
            by_directory[directory] = {row["function"]: row for row in rows}
        row = by_directory[directory].get(keeper.label)
        if row is not None:
            held[label] = Stored(row["entries"], row["seconds"])
    return held
