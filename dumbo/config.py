"""Where settings come from, and which of them wins.

    setting        argument   environment           [tool.dumbo]     otherwise
    directory      explicit   DUMBO_DIR             dir              the platform's cache directory
    user packages             DUMBO_USER_PACKAGES   user-packages    none
    disabled                  DUMBO_DISABLE         disable          no
    observing      observe    DUMBO_OBSERVE         observe          yes
    size limit     size_limit DUMBO_SIZE_LIMIT      size-limit       10 GB
    details                   DUMBO_KEEP_DETAILS    keep-details     yes
    other Pythons  across_... DUMBO_ACROSS_PYTHON   across-python    no
    stale results  on_stale   DUMBO_ON_STALE        on-stale         computed again
    but within     recomp..   DUMBO_RECOMPUTE_WITHIN  recompute-within  any time
    lock packages  packages                         lock-packages    none
    root seed      seeded()   DUMBO_SEED            seed             0
    thresholds     Policy()   DUMBO_BUDGET          budget           0.01
                              DUMBO_MIN_COMPUTE     min-compute      0 seconds
                              DUMBO_MAX_RESULT      max-result       no limit
    hidden chance  on_impure  DUMBO_ON_IMPURE       on-impure        warn

The leftmost that is given wins. `[tool.dumbo]` is that of the nearest
``pyproject.toml`` that has one, upward from the working directory.

Knows names and types of settings; must not know what they do, nor whether a
directory can be used. Every import of `dumbo` pays for this file: that is why
it imports `os` and nothing more.
"""

from __future__ import annotations

import os
import sys

from dumbo.errors import InvalidUse, UnusableDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["cache_directory", "is_disabled", "is_observing", "seed", "user_packages"]

_KEYS = (
    "dir", "user-packages", "disable", "observe", "size-limit", "keep-details", "across-python",
    "lock-packages", "seed", "on-impure", "on-stale", "recompute-within", "budget",
    "min-compute", "max-result",
)  # fmt: skip
_VARIABLES = frozenset(
    ["DUMBO_SIGNING_KEY", "DUMBO_SIGNING_KEY_FILE"]
    + [f"DUMBO_{key.replace('-', '_').upper()}" for key in _KEYS if key != "lock-packages"]
)
_FOR_TESTS = ("DUMBO_TEST_", "DUMBO_PYTHONS")  # of this project's own
_THRESHOLDS = ("budget", "min-compute", "max-result")
ON_IMPURE = ("refuse", "warn", "ignore")
SIZE_LIMIT = 10_000_000_000  # bytes
ON_STALE = ("recompute", "reuse", "ask")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_OFF = frozenset({"", "0", "false", "no", "off"})


class Settings:
    """What one ``[tool.dumbo]`` table says; None where it is silent."""

    __slots__ = (
        "across_python", "directory", "disable", "keep_details", "lock_packages", "observe",
        "on_impure", "on_stale", "recompute_within", "seed", "size_limit", "source",
        "thresholds", "user_packages",
    )  # fmt: skip

    def __init__(
        self,
        source: str | None = None,
        directory: str | None = None,
        user_packages: frozenset[str] | None = None,
        disable: bool | None = None,
        observe: bool | None = None,
        size_limit: int | None = None,
        keep_details: bool | None = None,
        across_python: bool | None = None,
        lock_packages: tuple[str, ...] = (),
        seed: int | None = None,
        on_impure: str | None = None,
        on_stale: str = "",
        recompute_within: float | None = None,
    ) -> None:
        self.on_stale = on_stale
        self.recompute_within = recompute_within
        self.thresholds: dict[str, float] = {}
        self.across_python = across_python
        self.on_impure = on_impure
        self.keep_details = keep_details
        self.seed = seed
        self.size_limit = size_limit
        self.lock_packages = lock_packages
        self.source = source
        self.directory = directory
        self.user_packages = user_packages
        self.disable = disable
        self.observe = observe


# One entry per working directory that was asked about; a process has few.
_settings: dict[str, Settings] = {}


def cache_directory(explicit: str | os.PathLike[str] | None = None) -> str:
    """Return the absolute path of the directory that results are kept in; creates nothing.

    Raises:
        InvalidUse: if *explicit* is no path, or the settings cannot be meant.
        UnusableDirectory: if nothing is set and this user has no home directory.
    """
    if explicit is not None:
        return _absolute(_path(explicit))
    from_environment = os.environ.get("DUMBO_DIR")
    if from_environment:
        return _absolute(from_environment)
    from_project = _project().directory
    if from_project is not None:
        return from_project
    return _platform_directory()


def size_limit(explicit: int | str | None = None) -> int:
    """Return how many bytes a cache may take; 0: any number.

    There is a limit if nothing is set.
    """
    if explicit is not None:
        return _bytes(explicit, f"size_limit={explicit!r}")
    from_environment = os.environ.get("DUMBO_SIZE_LIMIT", "").strip()
    if from_environment:
        return _bytes(from_environment, f"DUMBO_SIZE_LIMIT={from_environment!r}")
    from_project = _project().size_limit
    return SIZE_LIMIT if from_project is None else from_project


def unknown_variables() -> list[str]:
    """Return the environment's variables that look like settings of dumbo's, and are none."""
    return sorted(
        name
        for name in os.environ
        if name.startswith("DUMBO_") and name not in _VARIABLES and not name.startswith(_FOR_TESTS)
    )


def known_variables() -> list[str]:
    """Return the environment's variables that dumbo reads."""
    return sorted(_VARIABLES)


def thresholds() -> dict[str, float]:
    """Return what is set of `budget`, `min_compute` and `max_result`, see `decision.policy`."""
    found = dict(_project().thresholds)
    for name in _THRESHOLDS:
        variable = f"DUMBO_{name.replace('-', '_').upper()}"
        given = os.environ.get(variable, "").strip()
        if given:
            found[name.replace("-", "_")] = _threshold(name, given, f"{variable}={given!r}")
    return found


def _threshold(name: str, given: object, where: str) -> float:
    if name == "max-result":
        return _bytes(given, where)
    if isinstance(given, (str, int, float)) and not isinstance(given, bool):
        try:
            number = float(given)
        except ValueError:
            number = -1.0
        if 0 <= number < 1e12:
            return number
    raise InvalidUse(f"{where}: give a number from 0 on, such as 0.01")


def _bytes(given: object, where: str) -> int:
    """Return a number of bytes: ``1500000``, ``"1.5 MB"``, ``"none"``."""
    if isinstance(given, str):
        text = given.strip().lower()
        if text in ("none", "no", "off"):
            return 0
        number = text.rstrip("kmgtib ")
        unit = text[len(number) :].strip().rstrip("b").rstrip("i")
        try:
            return int(float(number) * _UNITS[unit])
        except (ValueError, KeyError, OverflowError):
            pass
    elif type(given) is int and given >= 0:
        return given
    raise InvalidUse(f"{where}: give a number of bytes, such as 5000000000 or '5 GB'; 0: no limit")


def user_packages() -> frozenset[str]:
    """Return the installed packages that count as the user's own code, by import name."""
    from_environment = os.environ.get("DUMBO_USER_PACKAGES")
    if from_environment is not None:
        return frozenset(from_environment.replace(",", " ").split())
    return _project().user_packages or frozenset()


def lock_packages() -> tuple[str, ...]:
    """Return the packages whose memoized functions ``dumbo.lock`` is about."""
    return _project().lock_packages


def project_directory() -> str:
    """Return the folder of the settings: the nearest with a pyproject.toml for dumbo, or this."""
    source = _project().source
    return os.path.dirname(source) if source else os.getcwd()


def is_disabled() -> bool:
    """Return whether every memoized function shall just run, untouched by any cache.

    A value of ``DUMBO_DISABLE`` that is not known as "off" disables: whoever set
    the variable at all wants plain calls, and plain calls are never wrong.
    """
    from_environment = os.environ.get("DUMBO_DISABLE")
    if from_environment is not None:
        return from_environment.strip().lower() not in _OFF
    return bool(_project().disable)


def is_observing(explicit: bool | None = None) -> bool:
    """Return whether what runs while a result is computed shall be observed."""
    if explicit is not None:
        return explicit
    from_environment = os.environ.get("DUMBO_OBSERVE")
    if from_environment is not None:
        return from_environment.strip().lower() not in _OFF
    from_project = _project().observe
    return True if from_project is None else from_project


def goes_across_pythons(explicit: bool | None = None) -> bool:
    """Return whether results that another minor version of Python stored may be served."""
    if explicit is not None:
        return explicit
    from_environment = os.environ.get("DUMBO_ACROSS_PYTHON")
    if from_environment is not None:
        return from_environment.strip().lower() not in _OFF
    return bool(_project().across_python)


def on_stale(rule: str = "", within: float | None = None) -> tuple[str, float]:
    """Return what is done about stale results, and which of them are computed again in any case.

    These take fewer seconds than the number. Who says only that, wants the others reused.

    Raises:
        InvalidUse: if the environment says what cannot be meant.
    """
    environment = os.environ.get
    project = _project()
    text, length = environment("DUMBO_ON_STALE", ""), environment("DUMBO_RECOMPUTE_WITHIN", "")
    levels = (
        (rule, within),
        (
            stale_rule(text.strip().lower(), f"DUMBO_ON_STALE={text!r}") if text else "",
            duration(length, f"DUMBO_RECOMPUTE_WITHIN={length!r}") if length else None,
        ),
        (project.on_stale, project.recompute_within),
    )
    rule, within = "", None
    for said, seconds in levels:
        rule = rule or said or ("reuse" if seconds is not None else "")
        within = seconds if within is None else within
    return rule or "recompute", within or 0.0


def stale_rule(given: object, where: str) -> str:
    """Return *given*, if it is one of the rules for stale results."""
    if isinstance(given, str) and given in ON_STALE:
        return given
    raise InvalidUse(f"{where}: there is no such rule; use 'recompute', 'reuse' or 'ask'")


def duration(given: object, where: str) -> float:
    """Return the seconds that *given* stands for."""
    # Imported here: few programs say how long something may take.
    from dumbo.durations import seconds_of

    seconds = seconds_of(given)
    if seconds is None:
        raise InvalidUse(f"{where}: give a length of time, such as '10 min', '2h 30m', or seconds")
    return seconds


def keeps_details() -> bool:
    """Return whether sources, and values in a few characters, are kept for `why` to show."""
    from_environment = os.environ.get("DUMBO_KEEP_DETAILS")
    if from_environment is not None:
        return from_environment.strip().lower() not in _OFF
    from_project = _project().keep_details
    return True if from_project is None else from_project


def seed() -> int:
    """Return the root seed of draws.

    Raises:
        InvalidUse: if what is set is no whole number.
    """
    from_environment = os.environ.get("DUMBO_SEED", "").strip()
    if from_environment:
        try:
            return int(from_environment)
        except ValueError:
            raise InvalidUse(
                f"DUMBO_SEED={from_environment!r}: give a whole number, such as 42"
            ) from None
    return _project().seed or 0


def on_impure(explicit: str | None = None) -> str:
    """Return what to do about results that may differ from call to call.

    A value of ``DUMBO_ON_IMPURE`` that is not known refuses: whoever set the variable at all
    wants something else than the default, and what is not stored is never wrong.
    """
    if explicit is not None:
        return explicit
    from_environment = os.environ.get("DUMBO_ON_IMPURE", "").strip().lower()
    if from_environment:
        return from_environment if from_environment in ON_IMPURE else "refuse"
    return _project().on_impure or "warn"


def _path(given: object) -> str:
    if not isinstance(given, (str, os.PathLike)):
        raise InvalidUse(
            f"the cache directory is {given!r}, of type {type(given).__name__}: "
            "give a string or a path"
        )
    path = os.fspath(given)
    if not isinstance(path, str):
        raise InvalidUse(f"the cache directory is {path!r}: give a path of text, not of bytes")
    if not path:
        raise InvalidUse("the cache directory is an empty string: give a path, or leave it out")
    return path


def _absolute(path: str, base: str | None = None) -> str:
    """Return *path* with ``~`` expanded, relative to *base* or to the working directory."""
    if "\0" in path:
        raise InvalidUse(f"the cache directory {path!r} contains a NUL character: give a real path")
    path = os.path.expanduser(path)
    if base is not None:
        path = os.path.join(base, path)
    try:
        return os.path.abspath(path)
    except OSError as error:  # the working directory was removed
        raise UnusableDirectory(
            f"the cache directory {path!r} is relative, and the working directory is gone "
            f"({error.strerror}): give an absolute path"
        ) from error


def _platform_directory() -> str:
    # By hand, not by platformdirs: importing that takes 16 - 22 ms (typing, pathlib), more
    # than all the rest of a hit in a fresh process. A test compares the two.
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        caches = os.path.join(home, "Library", "Caches")
    else:
        caches = os.environ.get("XDG_CACHE_HOME", "").strip()
        if not os.path.isabs(caches):  # the XDG specification: ignore a relative one
            caches = os.path.join(home, ".cache")
    if not os.path.isabs(caches):
        raise UnusableDirectory(
            "no cache directory: this user has no home directory; "
            "set DUMBO_DIR, or give one to dumbo.Cache(directory)"
        )
    return os.path.join(caches, "dumbo")


def _project() -> Settings:
    """Return the settings of the project that the working directory lies in."""
    try:
        here = os.getcwd()
    except OSError:  # the working directory was removed: then no project has a say
        return Settings()
    found = _settings.get(here)
    if found is None:
        found = _settings[here] = _search(here)
    return found


def _search(directory: str) -> Settings:
    while True:
        path = os.path.join(directory, "pyproject.toml")
        try:
            with open(path, "rb") as file:
                text = file.read()
        except OSError:  # mostly: there is none; one that we may not read has no say either
            text = b""
        if _may_have_table(text):
            table = _table(text, path)
            if table is not None:
                return _settings_of(table, path)
        parent = os.path.dirname(directory)
        if parent == directory:
            return Settings()
        directory = parent


def _may_have_table(text: bytes) -> bool:
    """Return False only if *text* certainly has no ``tool.dumbo``.

    Importing `tomllib` takes 20 ms, so a project that merely lists dumbo among its
    dependencies must not make each of its processes do so.
    """
    if b"dumbo" not in text:
        return False
    starts = (b"[tool.dumbo", b"[[tool.dumbo", b"dumbo={", b"dumbo.", b"tool")
    bare = text.translate(None, b" \t\"'")
    return any(b"dumbo" in line and line.startswith(starts) for line in bare.splitlines())


def _table(text: bytes, path: str) -> Mapping[str, object] | None:
    # Imported here: only a project that has settings pays for the parser.
    import tomllib

    try:
        document = tomllib.loads(text.decode())
    except ValueError as error:  # of the decoding and of the parser alike
        raise InvalidUse(f"{path}: not valid TOML, so [tool.dumbo] is lost: {error}") from error
    tools = document.get("tool")
    if not isinstance(tools, dict) or "dumbo" not in tools:
        return None
    table = tools["dumbo"]
    if not isinstance(table, dict):
        raise InvalidUse(f"{path}: tool.dumbo is {table!r}: make it a table, [tool.dumbo]")
    return table


def _settings_of(table: Mapping[str, object], path: str) -> Settings:
    settings = Settings(source=path)
    for name, value in table.items():
        key = name.replace("_", "-")
        where = f"{path}: [tool.dumbo] {name} = {value!r}"
        if key == "dir":
            if not isinstance(value, str) or not value:
                raise InvalidUse(f'{where}: give a directory as a string, such as ".cache/dumbo"')
            settings.directory = _absolute(value, os.path.dirname(path))
        elif key == "user-packages":
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise InvalidUse(f'{where}: give a list of package names, such as ["mylib"]')
            settings.user_packages = frozenset(value)
        elif key == "lock-packages":
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise InvalidUse(f'{where}: give a list of package names, such as ["mylib"]')
            settings.lock_packages = tuple(value)
        elif key == "disable":
            if not isinstance(value, bool):
                raise InvalidUse(f"{where}: give true or false")
            settings.disable = value
        elif key == "observe":
            if not isinstance(value, bool):
                raise InvalidUse(f"{where}: give true or false")
            settings.observe = value
        elif key == "keep-details":
            if not isinstance(value, bool):
                raise InvalidUse(f"{where}: give true or false")
            settings.keep_details = value
        elif key == "across-python":
            if not isinstance(value, bool):
                raise InvalidUse(f"{where}: give true or false")
            settings.across_python = value
        elif key == "on-stale":
            settings.on_stale = stale_rule(value, where)
        elif key == "recompute-within":
            settings.recompute_within = duration(value, where)
        elif key == "size-limit":
            settings.size_limit = _bytes(value, where)
        elif key in _THRESHOLDS:
            settings.thresholds[key.replace("-", "_")] = _threshold(key, value, where)
        elif key == "seed":
            if type(value) is not int:
                raise InvalidUse(f"{where}: give a whole number, such as 42")
            settings.seed = value
        elif key == "on-impure":
            if value not in ON_IMPURE:
                raise InvalidUse(f'{where}: give "refuse", "warn" or "ignore"')
            settings.on_impure = str(value)
        else:
            known = ", ".join(_KEYS)
            raise InvalidUse(f"{where}: there is no such setting; remove it, or use one of {known}")
    return settings
