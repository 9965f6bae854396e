"""What really runs while a result is computed, told by `sys.monitoring` (CPython 3.12+).

One tool for the process, held only while some recorder is open. The first start of each code
object is an event, after which it is disabled: so that code which calls much costs nothing more.
`DISABLE` belongs to the tool, not to a recorder or thread, hence

    a recorder opens       all events are switched on again: what ran before counts for it too
    an event comes         it belongs to every open recorder, whichever thread it comes from

which gives recorders of several threads too much, and never too little. Generators that were
started earlier and are resumed count as well; but not the coroutines that wait for what is
recorded, which the event loop resumes only to get through to it.

Knows code objects and events; must not know functions, names, or what is user code.
"""

from __future__ import annotations

import os
import sys
import threading
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType
    from typing import Any

__all__ = ["Recorder", "join", "unavailable"]

# 0, 1, 2 and 5 are those of debuggers, coverage, profilers and optimisers, wanted or not.
_TOOLS = (3, 4)
_NAME = "dumbo"

_monitoring: Any = getattr(sys, "monitoring", None)
_frame = sys._getframe

_CODE = type((lambda: None).__code__)
_STARTS = threading.Thread.start.__code__
_NESTED = 0x10  # functions that a function makes
_SUSPENDS = 0x20 | 0x80 | 0x100 | 0x200  # generators, coroutines, asynchronous generators

_get_ident = threading.get_ident
# The recorders that were opened in this context: tasks inherit those of who made them.
_inside: ContextVar[tuple[Recorder, ...]] = ContextVar("dumbo recorders", default=())

# Taken in one step with the note that it is: in a `with`, Python 3.14 lets a signal handler raise
# between the two, and who comes next would wait for ever.
_lock = threading.Lock()
_ONCE = (True,)
_open: tuple[Recorder, ...] = ()  # replaced, never changed: events read it without the lock
_tool: int | None = None


class Recorder:
    """Notes the code that starts between `start` and `stop`.

    Attributes:
        codes: each code object, and the globals that it ran in, by the id of the code.
        joined: what else counts as having run, for whoever reads it: see `join`.
        active: whether anything is recorded; False where no tool is to be had.
        near: by id, the closures that ran where what is recorded runs: in its thread or, if it
            starts any, one that was started since; and in its task or one that it made.
        callers: the frames that wait for what is recorded, and may be resumed while they do.
    """

    __slots__ = ("active", "callers", "codes", "joined", "near", "task", "thread", "threads")

    def __init__(self) -> None:
        # By id: code objects of two files that look alike are equal.
        self.codes: dict[int, tuple[CodeType, dict[str, Any]]] = {}
        self.joined: dict[Any, Any] = {}
        self.active = False
        self.near: set[int] = set()
        self.callers: set[FrameType] = set()
        self.task = False
        self.thread = 0
        self.threads: frozenset[int] = frozenset()  # that there were when it was opened

    def start(self, *, task: bool = False) -> None:
        """Record from now on.

        Parameters:
            task: what is recorded may be suspended, with all that waits for it.
        """
        global _open
        if _monitoring is None:
            return
        self.task = task
        self.threads = frozenset(sys._current_frames())
        if task:
            self.callers.update(_resumable(_frame(1)))
            _inside.set((*_inside.get(), self))
        taken: list[bool] = []
        try:
            taken.extend(map(_lock.acquire, _ONCE))
            if _tool is None and not _take_tool():
                return
            self.active = True
            self.thread = threading.get_ident()
            _open = (*_open, self)
        finally:
            if taken:
                _lock.release()
        _monitoring.restart_events()

    def is_near(self) -> bool:
        """Whether this runs for what is recorded, as far as threads and tasks tell."""
        thread = _get_ident()
        if thread != self.thread:
            return thread not in self.threads and id(_STARTS) in self.near
        return not self.task or self in _inside.get()

    def stop(self) -> None:
        """Record no more. May be called twice, and without `start`."""
        global _open
        taken: list[bool] = []
        try:
            taken.extend(map(_lock.acquire, _ONCE))
            self.callers.clear()
            if self.task:
                _inside.set(_without(self, _inside.get()))
            if self in _open:
                _open = _without(self, _open)
                if not _open:
                    _free_tool()
        finally:
            if taken:
                _lock.release()


def _without(one: Recorder, recorders: tuple[Recorder, ...]) -> tuple[Recorder, ...]:
    # Not where it is used: up to Python 3.14, what a signal handler raises at the end of a round of
    # such a loop passes by a `with` and a `finally` around it, and the lock would stay taken.
    return tuple([other for other in recorders if other is not one])


def join(key: Any, what: Any) -> None:
    """Tell every open recorder that *what* counts as having run; once is enough for a *key*."""
    for recorder in _open:
        recorder.joined[key] = what


def unavailable() -> str:
    """Why nothing can be recorded in this process now; empty if it can."""
    if _monitoring is None:
        return "Python 3.12 is the first that can"
    if _tool is None and all(_monitoring.get_tool(tool) is not None for tool in _TOOLS):
        return "other tools have taken all places in sys.monitoring"
    return ""


def _take_tool() -> bool:
    global _tool
    events = _monitoring.events
    for tool in _TOOLS:
        try:
            _monitoring.use_tool_id(tool, _NAME)
        except ValueError:  # somebody else's
            continue
        _monitoring.register_callback(tool, events.PY_START, _started)
        _monitoring.register_callback(tool, events.PY_RESUME, _resumed)
        _monitoring.register_callback(tool, events.PY_THROW, _thrown)
        _monitoring.set_events(tool, events.PY_START | events.PY_RESUME | events.PY_THROW)
        _tool = tool
        return True
    return False


def _free_tool() -> None:
    global _tool
    tool, _tool = _tool, None
    if tool is None or _monitoring.get_tool(tool) != _NAME:
        return
    events = _monitoring.events
    _monitoring.set_events(tool, events.NO_EVENTS)
    for event in (events.PY_START, events.PY_RESUME, events.PY_THROW):
        _monitoring.register_callback(tool, event, None)
    _monitoring.free_tool_id(tool)


def _started(code: CodeType, offset: int) -> object:
    # Whatever is raised here is raised in the program: so there is nothing in here that could.
    frame = _frame(1)
    if (sys.getprofile() is not None or sys.gettrace() is not None) and _is_hook(frame):
        return None  # and not disabled: what it runs may run for the program too
    every = True
    for recorder in _open:
        recorder.codes[id(code)] = (code, frame.f_globals)
        if code.co_flags & _NESTED or code is _STARTS:
            every = _is_near(recorder, code) and every
    return _monitoring.DISABLE if every else None


def _is_near(recorder: Recorder, code: CodeType) -> bool:
    if id(code) not in recorder.near:
        if not recorder.is_near():
            return False  # so far: that it runs here, too, would be another event
        recorder.near.add(id(code))
    return True


def _resumed(code: CodeType, offset: int) -> object:
    frame = _frame(1)
    if (sys.getprofile() is not None or sys.gettrace() is not None) and _is_hook(frame):
        return None
    every = True
    for recorder in _open:
        if frame in recorder.callers:
            every = False
        else:
            recorder.codes[id(code)] = (code, frame.f_globals)
            if code.co_flags & _NESTED:
                every = _is_near(recorder, code) and every
    return _monitoring.DISABLE if every else None


def _thrown(code: CodeType, offset: int, error: BaseException) -> None:
    # This event cannot be disabled. Frames are told apart as above.
    frame = _frame(1)
    for recorder in _open:
        if frame not in recorder.callers:
            recorder.codes[id(code)] = (code, frame.f_globals)
            if code.co_flags & _NESTED:
                _is_near(recorder, code)


def _resumable(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        if frame.f_code.co_flags & _SUSPENDS:
            yield frame
        frame = frame.f_back


def _is_hook(frame: FrameType | None) -> bool:
    """Whether *frame* runs for a profiler or debugger written in Python, not for the program."""
    hooks = [_code_of(sys.getprofile()), _code_of(sys.gettrace())]
    while frame is not None:
        if frame.f_code in hooks:
            return True
        frame = frame.f_back
    return False


def _code_of(hook: Any) -> CodeType | None:
    function = getattr(hook, "__func__", hook)
    code = getattr(function, "__code__", None)
    if code is None:
        call = getattr(type(hook), "__call__", None)  # noqa: B004 - what it is, not whether it is
        code = getattr(call, "__code__", None)
    return code if type(code) is _CODE else None


def _after_fork_in_child() -> None:
    """Only the thread that forked lives on, and its recorders with it."""
    global _lock, _open
    _lock = threading.Lock()
    mine = threading.get_ident()
    _open = tuple([recorder for recorder in _open if recorder.thread == mine])
    if not _open:
        _free_tool()


os.register_at_fork(after_in_child=_after_fork_in_child)
