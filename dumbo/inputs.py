"""What a computation read besides its arguments: files, environment variables, the root seed.

    declared   ``reads=[...]`` of the function: part of its key
    by others  what memoized functions that it called read: part of the *extras* of its result
    observed   ``reads="observed"``: files that it opened for reading, likewise
    drawn      the root seed, if it called a function that draws by it, likewise

A list of such inputs, each with its digest, stands in the store under a digest of its own; a
result that has one is a hit only if each input is still the same. An input counts as it was
when it was read, and one that has changed by the end of the computation is no input to rely
on: the result is not stored. Like code that is observed, an input that is read while several
computations run belongs to all of them: too wide, never too narrow.

Knows files and variables; must not know keys, closures or what a result is.
"""

from __future__ import annotations

import marshal
import os
import sys
from _thread import get_ident
from _weakref import ref

import xxhash

from dumbo.errors import InvalidUse, MadeOfStale, StorageError, UnhashableArgument
from dumbo.randomness.root_seed import root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    from dumbo.persistence.store import Store

    Input: TypeAlias = tuple[str, str, str]  # kind, name, how

__all__ = [
    "Inputs", "Reads", "begin", "divide", "hold", "join", "join_root_seed", "join_stale",
]  # fmt: skip

# version  change
# 1        the first
_VERSION = 1
_SHAPE = xxhash.xxh3_128_digest(b"inputs")  # under which the store has the lists
_MARK = b"\x01"  # begins the part of an entry's extras that is about inputs
_SIZE = 17


class Inputs:
    """What one computation has read so far.

    Attributes:
        found: input -> its digest when it was read.
        unclear: why not all of it can be known; empty if it can.
        stale: the function whose stale result was handed out meanwhile; empty if none was.
        observing: whether files that it opens are inputs.
        noting: whether their names are kept, whatever they count for.
        opened: these names.
    """

    __slots__ = ("__weakref__", "found", "noting", "observing", "opened", "stale", "unclear")

    def __init__(self, observing: bool, noting: bool) -> None:
        self.opened: dict[str, None] = {}
        self.noting = noting or observing
        self.found: dict[Input, bytes] = {}
        self.unclear = ""
        self.stale = ""
        self.observing = observing

    def add(self, one: Input, digest: bytes) -> None:
        if self.found.setdefault(one, digest) != digest:
            self.unclear = f"{one[1]} changed while the function ran"

    def settle(self, store: Store, closure: bytes, own: Iterable[Input]) -> bytes:
        """Return what goes into the extras of the result; empty if it read nothing.

        Args:
            own: inputs that are in the key already.

        Raises:
            StorageError: if the result cannot be stored for what it read.
        """
        if self.stale:
            raise MadeOfStale(self.stale)
        if self.unclear:
            raise StorageError(self.unclear)
        left = {one: digest for one, digest in self.found.items() if one not in set(own)}
        if not left:
            return b""
        for one, digest in left.items():
            if _now(one) != digest:
                raise StorageError(f"{one[1]} changed while the function ran")
        listed = [(*one, left[one]) for one in sorted(left)]
        payload = marshal.dumps((b"inputs", _VERSION, listed), 2)
        store.add_trace("inputs", _SHAPE, _SHAPE, payload, b"", closure, b"")
        return _MARK + xxhash.xxh3_128_digest(payload)


# Each leaves when its computation does, by what is no Python: there, a signal handler could raise
# where nobody hears of it.
_open: set[ref[Inputs]] = set()


def begin(observing: bool, *, noting: bool = False) -> Inputs:
    """Return what will know the inputs of a computation that is about to run."""
    inputs = Inputs(observing, noting)
    _open.add(ref(inputs, _open.discard))
    if inputs.noting:
        _listen()
    return inputs


def end(inputs: Inputs) -> None:
    """The computation is over: what is read from now on is none of its inputs."""
    _open.discard(ref(inputs))


def join(items: Iterable[tuple[Input, bytes]], unclear: str = "") -> None:
    """Tell the computations that run what one of them read by calling something."""
    for reference in list(_open):
        inputs = reference()
        if inputs is not None:
            for one, digest in items:
                inputs.add(one, digest)
            inputs.unclear = inputs.unclear or unclear


def join_stale(name: str) -> None:
    """Tell the computations that run that a stale result of function *name* was handed out."""
    for reference in list(_open):
        inputs = reference()
        if inputs is not None:
            inputs.stale = inputs.stale or name


_ROOT_SEED = ("seed", "the root seed", "")


def join_root_seed() -> None:
    """Tell the computations that run that one of them drew what hangs on the root seed."""
    if _open:
        join([(_ROOT_SEED, _now(_ROOT_SEED))])


def divide(extras: bytes) -> tuple[bytes, bytes]:
    """Return the parts of an entry's extras: about code, and about inputs."""
    if len(extras) >= _SIZE and extras[-_SIZE : -_SIZE + 1] == _MARK:
        return extras[:-_SIZE], extras[-_SIZE + 1 :]
    return extras, b""


def read(digest: bytes, store: Store) -> list[tuple[Input, bytes]] | None:
    """Return the inputs that *digest* stands for; None if they are lost."""
    payload = store.program(digest)
    try:
        kind, version, listed = marshal.loads(payload or b"")
        if (kind, version) != (b"inputs", _VERSION):
            return None
        return [((kind, name, how), was) for kind, name, how, was in listed]
    except (ValueError, EOFError, TypeError):
        return None


def hold(digest: bytes, store: Store) -> bool:
    """Whether all inputs that *digest* stands for are as they were; then they are joined."""
    listed = read(digest, store)
    if listed is None or any(_now(one) != was for one, was in listed):
        return False
    join(listed)
    return True


def changed(digest: bytes, store: Store) -> str:
    """Return the name of an input that is not as it was; empty if all are."""
    for one, was in read(digest, store) or ():
        if _now(one) != was:
            return one[1]
    return ""


def _now(one: Input) -> bytes:
    kind, name, how = one
    if kind == "env":
        return _digest_of(os.environ.get(name))
    if kind == "seed":
        return _digest_of(str(root()))
    from dumbo.arguments.files import see  # only for who reads files

    try:
        return see(name, how).digest
    except UnhashableArgument:
        return b""


def _digest_of(text: str | None) -> bytes:
    data = b"-" if text is None else b"=" + text.encode("utf-8", "surrogateescape")
    return xxhash.xxh3_128_digest(data)


_forked = False  # in a child that a computation made, which nobody can tell anything


def is_cut_off() -> bool:
    """Whether somebody computes in another process what this one does a part of, for all we know.

    Of multiprocessing's workers nobody can know.
    """
    process = sys.modules.get("multiprocessing.process")
    return _forked or (process is not None and process.parent_process() is not None)


def _after_fork_in_child() -> None:
    global _forked
    _forked = _forked or any(reference() is not None for reference in list(_open))


os.register_at_fork(after_in_child=_after_fork_in_child)


# What a function says that it reads


class Reads:
    """The list after ``reads=``, checked.

    Attributes:
        observed: whether it is ``"observed"``.
    """

    __slots__ = ("_files", "_settings", "_variables", "observed")

    def __init__(self, given: Any) -> None:
        self.observed = type(given) is str and given == "observed"
        self._files: list[str] = []
        self._variables: list[str] = []
        self._settings: list[Callable[[], object]] = []
        if self.observed:
            return
        if isinstance(given, (str, bytes, os.PathLike)):
            raise InvalidUse(f"reads={given!r}: give a list, reads=[{given!r}], or 'observed'")
        try:
            items = list(given)
        except TypeError:
            raise InvalidUse(f"reads={given!r}: give a list of what is read") from None
        for item in items:
            self._add(item)

    def _add(self, item: Any) -> None:
        from dumbo.arguments.matchers import env

        if isinstance(item, env):
            self._variables.append(item.name)
        elif isinstance(item, (str, os.PathLike)) and os.fspath(item):
            self._files.append(os.fsdecode(item))
        elif callable(item) and not isinstance(item, type):
            self._settings.append(item)
        else:
            raise InvalidUse(
                f"reads=[{item!r}]: give paths, by.env('NAME') for variables of the environment, "
                "and functions without parameters for settings"
            )

    @property
    def names_variables(self) -> bool:
        """Whether it says which variables of the environment are read."""
        return bool(self._variables)

    def look(self) -> tuple[list[tuple[Input, bytes]], list[Any], list[Any]]:
        """Return the inputs as they are, what was seen of files, and the settings.

        Raises:
            UnhashableArgument: if one cannot be read.
        """
        from dumbo.arguments.files import see  # only for who reads files

        inputs: list[tuple[Input, bytes]] = []
        seen = [see(path) for path in self._files]
        inputs += [(("file", one.path, one.how), one.digest) for one in seen]
        inputs += [(("env", n, ""), _digest_of(os.environ.get(n))) for n in self._variables]
        settings: list[Any] = []
        for function in self._settings:
            try:
                settings += (function, function())
            except Exception as error:  # the user's function
                said = f"a setting cannot be read: {type(error).__name__}: {error}"
                raise UnhashableArgument(said) from error
        return inputs, seen, settings


# Files that are opened


_listening = False
_busy: set[int] = set()  # threads in the hook: what that opens itself is no input
_OURS = os.path.dirname(__file__) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep


def _listen() -> None:
    """Hear of files that are opened; the hook stays, and does nothing while nobody listens."""
    global _listening
    if not _listening:
        _listening = True
        sys.addaudithook(_hook)


# What looking at a file may end in, deep in a stack or at the end of the interpreter.
_TROUBLE = (AttributeError, MemoryError, RuntimeError, TypeError, ValueError)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" or not _open:
        return
    thread = get_ident()
    if thread in _busy:
        return
    opener = sys._getframe(1).f_code.co_filename
    if opener.startswith((_OURS, "<frozen importlib")):
        return  # results, and modules that are imported
    _busy.add(thread)
    try:
        _opened(*args[:3])
    except (OSError, UnhashableArgument, *_TROUBLE) as error:
        # Never the program's trouble; but then it is not known what it reads.
        _not_seen(f"a file that it opened cannot be looked at: {error}")
    finally:
        _busy.discard(thread)


def _not_seen(why: str) -> None:
    # No loop lies within a `finally`: see `_without` in `tracing.observer`.
    for inputs in _listeners():
        if inputs.observing and not inputs.unclear:
            inputs.unclear = why


def _listeners() -> list[Inputs]:
    return [inputs for one in list(_open) if (inputs := one()) is not None]


def _opened(path: Any, mode: Any, flags: Any) -> None:
    listening = [inputs for inputs in _listeners() if inputs.noting]
    if not listening or not isinstance(path, (str, bytes)):
        return
    if type(flags) is int and flags & os.O_ACCMODE == os.O_WRONLY:
        return
    name = os.path.abspath(os.fsdecode(path))
    if _is_of_the_system(name) or os.path.isdir(name):
        return
    for inputs in listening:
        inputs.opened[name] = None
    listening = [inputs for inputs in listening if inputs.observing]
    if not listening:
        return
    if type(flags) is int and flags & os.O_ACCMODE == os.O_RDWR:
        for inputs in listening:
            inputs.unclear = inputs.unclear or f"{name} is read and written at once"
        return
    from dumbo.arguments.files import see

    seen = see(name)
    for inputs in listening:
        inputs.add(("file", seen.path, seen.how), seen.digest)


def _is_of_the_system(name: str) -> bool:
    """Whether a file is the system's, or of an installed library, whose version counts."""
    if name.startswith(("/proc/", "/dev/", "/sys/", _LIBRARY)):
        return True
    return "site-packages" in name.split(os.sep)
