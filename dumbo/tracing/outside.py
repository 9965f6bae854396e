"""The code that is out of sight, as a frame of its own.

Whatever escapes is handed to it once, by `take`, and is called back from here with
unknown arguments: so that a step which lets a value go need not be made again when a
callback has run. What this finds belongs to the nodes of what escaped: the methods of
a class to the class.

Knows how frames run; must not know which parts of a value can be called back.
"""

from __future__ import annotations

import heapq
from typing import Any

from dumbo.tracing.callgraph import Analysis, Node
from dumbo.tracing.escapes import escape, expose
from dumbo.tracing.frame import Frame, Stalled, plan_of
from dumbo.tracing.schedule import NeedsCallee
from dumbo.tracing.uses import Use
from dumbo.tracing.values import Bound, Instance, Known, Local, LocalClass, Unknown, Value

_STEP = 1_000_000  # of all edges from here: the order in which things escape says nothing


class Apart(Frame):
    """A frame that runs no code: its steps are questions, and what they find belongs to a node
    of the question. In which order they are asked says nothing."""

    def __init__(
        self, analysis: Analysis, node: Node, home: Known, handlers: dict[str, Any]
    ) -> None:
        plan = plan_of(_nobody.__code__)
        super().__init__(analysis, node, plan, home, {}, {}, (node, 0), handlers)

    def begin(self, index: int) -> None:
        self.index = self.at = index
        self.stack, self.locals, self.written = [], {}, frozenset()
        self.escaping.clear()
        self.analysis.work += 1

    def again(self, step: int) -> bool:
        if step < 0:
            return False
        self._push(step)
        return True

    def depend(self, node: Node | None, label: str) -> None:
        if node is not None and node is not self.node:
            self.node.edge(_STEP, node, label)

    @property
    def place(self) -> tuple[Node, int]:
        return self.node, _STEP

    def line(self) -> int | None:
        return None

    def unresolved(self, reason: str) -> Unknown:
        self.analysis.unresolve(self.node.name, self.node.line, reason)
        return self.unknown_value(reason)


class Outside(Apart):
    """See the module's docstring."""

    def __init__(self, analysis: Analysis, home: Known, handlers: dict[str, Any]) -> None:
        self.nowhere = Node("outside", "out of sight", None, -1)
        super().__init__(analysis, self.nowhere, home, handlers)
        self.far = True
        self.members: list[tuple[Value, Use]] = []
        self.known: set[tuple[Value, Use]] = set()
        self._late: dict[int, None] = {}  # functions that others call, too

    def receive(self, value: Value, use: Use) -> None:
        """*value* has escaped, to be used like *use*."""
        key = (value, use)
        if key not in self.known:
            self.known.add(key)
            self._push(len(self.members))
            self.members.append(key)

    def spread(self, value: Value, use: Use) -> None:
        """What the program puts into *value*, which has escaped, escapes with it, now and later.

        It belongs to the value, and not to each step that lets it out of sight.
        """
        key = (value, use)
        if key in self.known:
            return
        self.known.add(key)
        self.members.append(key)
        before = (self.node, self.index, self.at, self.escaping)
        self.node, self.escaping = self._node_of(value), set()
        self.index = self.at = len(self.members) - 1
        try:
            expose(self, value, use)
        except (NeedsCallee, Stalled):
            self._push(self.index)  # when there is time
        finally:
            self.node, self.index, self.at, self.escaping = before

    def take_from_nowhere(self, value: Value) -> None:
        """*value* is let go by no step in particular."""
        node, self.node = self.node, self.nowhere
        try:
            escape(self, value)
        finally:
            self.node = node

    def has_more(self) -> bool:
        return bool(self._pending or self._late)

    def run(self) -> None:
        # One at a time: what is near goes first, if this has woken any of it.
        index = self._next()
        value, use = self.members[index]
        self.begin(index)
        self.node = self._node_of(value)
        try:
            expose(self, value, use)
        except NeedsCallee:
            self._push(index)
            raise

    def _next(self) -> int:
        """What nobody else calls comes first, for there may be no time for all."""
        while self._pending:
            index = heapq.heappop(self._pending)
            self._queued.discard(index)
            if self._node_of(self.members[index][0]) not in self.analysis.by_node:
                return index
            self._late[index] = None
        index = next(iter(self._late))
        del self._late[index]
        return index

    def _node_of(self, value: Value) -> Node:
        subject: Value = value
        if isinstance(value, Instance):
            subject = value.cls
        elif isinstance(value, Bound):
            subject = value.function
        if isinstance(subject, LocalClass):
            subject = subject.body
        node = self.analysis.node(subject) if isinstance(subject, Known | Local) else None
        return node or self.nowhere


def _nobody() -> None:
    """Never run."""
