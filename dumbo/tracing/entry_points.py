"""What installed distributions offer as plug-ins: the entry points in their metadata.

    group     ``markdown.extensions``
    rows      (name, value), ...: by name, and those of one name in the order of finding

Read as `importlib.metadata` reads them: ``entry_points.txt`` in the ``.dist-info`` and
``.egg-info`` folders along `sys.path`, and of several distributions of one name the first. What a
file says is kept for as long as the file is the same, and what lies in a folder for as long as the
folder is; so that to look again costs a few `stat` calls. Nothing is imported and no code is run.

Knows files and their format; must not know what plug-ins are loaded for.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.machinery import PathFinder

from dumbo.tracing.lookup import is_class, mro, namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Rows = tuple[tuple[str, str], ...]
    Groups = dict[str, list[tuple[str, str]]]

_INFO = (".dist-info", ".egg-info")
_YOUNG = 2_000_000_000  # ns: a folder that changed so lately may change again unseen
_folders: dict[str, tuple[int, tuple[str, ...]]] = {}
_files: dict[str, tuple[tuple[int, int, int], Groups]] = {}


def rows_of(group: str) -> Rows | None:
    """The entry points of *group* as they are now; None if somebody else is asked for them, too."""
    if any(map(_is_strange, sys.meta_path)):
        return None
    rows: dict[tuple[str, str], None] = {}
    seen: set[str] = set()
    for path in sys.path:
        infos = _infos_in(path) if type(path) is str else None
        if infos is None:
            return None
        for info in infos:
            name = _distribution_of(info)
            if name in seen:
                continue
            if name:
                seen.add(name)
            rows.update(dict.fromkeys(_groups_of(info).get(group, ())))
    return tuple(sorted(rows, key=lambda row: row[0]))


def _is_strange(finder: Any) -> bool:
    """Whether *finder* may know of distributions that lie in no folder."""
    if finder is PathFinder:
        return False
    cls = finder if is_class(finder) else type(finder)
    if not any("find_distributions" in namespace(base) for base in mro(cls)):
        return False
    # The library that the standard one was made of reads the same files.
    return str(namespace(cls).get("__module__")).rpartition(".")[2] != "importlib_metadata"


def _infos_in(folder: str) -> tuple[str, ...] | None:
    """The metadata folders of distributions in *folder*; None if it is something to unpack."""
    try:
        folder = os.path.abspath(folder)
        changed = os.stat(folder).st_mtime_ns
        known = _folders.get(folder)
        if known is not None and known[0] == changed:
            return known[1]
        names = os.listdir(folder)
    except NotADirectoryError:
        return None
    except OSError:
        return ()
    is_egg = folder.lower().endswith(".egg")
    infos = tuple(
        [
            os.path.join(folder, name)
            for name in names
            if name.lower().endswith(_INFO) or (is_egg and name.lower() == "egg-info")
        ]
    )
    if time.time_ns() - changed > _YOUNG:
        _folders[folder] = (changed, infos)
    return infos


def _distribution_of(info: str) -> str:
    """The name of the distribution, in the form in which names are compared; empty if not told."""
    stem, end = os.path.splitext(os.path.basename(info))
    if end not in _INFO:
        return ""
    name = stem.partition("-")[0].lower().replace(".", "_")
    while "__" in name:
        name = name.replace("__", "_")
    return name


def _groups_of(info: str) -> Groups:
    path = os.path.join(info, "entry_points.txt")
    try:
        found = os.stat(path)
    except OSError:
        return {}
    state = (found.st_mtime_ns, found.st_size, found.st_ino)
    known = _files.get(path)
    if known is not None and known[0] == state:
        return known[1]
    try:
        with open(path, encoding="utf-8") as file:
            groups = parse(file.read())
    except (OSError, UnicodeDecodeError):
        return {}
    if time.time_ns() - found.st_mtime_ns > _YOUNG:
        _files[path] = (state, groups)
    return groups


def parse(text: str) -> Groups:
    """The groups in an ``entry_points.txt``."""
    groups: Groups = {}
    rows: list[tuple[str, str]] = []  # of no group yet
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            rows = groups.setdefault(line.strip("[]"), [])
        else:
            name, _, value = line.partition("=")
            rows.append((name.strip(), value.strip()))
    return groups


def as_text(rows: Rows) -> str:
    """*rows* as one string, which is what a lookup finds."""
    return "\n".join([f"{name} = {value}" for name, value in rows])


def from_text(text: str) -> Rows:
    """The opposite of `as_text`."""
    rows = [line.partition(" = ") for line in text.splitlines()]
    return tuple([(name, value) for name, _, value in rows])


__all__ = ["as_text", "from_text", "parse", "rows_of"]
