"""What an attribute of something unknown may be: one answer for all who ask.

Whatever went out of sight may have come back, so that an attribute of an unknown value is that
of any object out of sight which has one of this name. These are looked up once for each name,
and not by each step that asks: the steps are told when there is more, and in the end depend on
all that was found.

Knows names and what is out of sight; must not know steps.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any

from dumbo.tracing.callgraph import Analysis, Node
from dumbo.tracing.escapes import out_of_sight_with
from dumbo.tracing.frame import Frame, Stalled
from dumbo.tracing.outside import Apart
from dumbo.tracing.schedule import NeedsCallee
from dumbo.tracing.values import UNKNOWN, Known, Unknown, Value

Attribute = Callable[[Frame, Value, str], Value | None]
Fields = Callable[[Frame, Value], dict[str, Value]]
FIELDS = "__dict__"  # who asks for this asks for all fields, by name


class Strangers(Apart):
    """See the module's docstring. Who is *far* asks others than who is near: see `schedule`."""

    def __init__(
        self,
        analysis: Analysis,
        home: Known,
        handlers: dict[str, Any],
        attribute_of: Attribute,
        fields_of: Fields,
        *,
        far: bool,
    ) -> None:
        super().__init__(analysis, Node("outside", "something unknown", None, -1), home, handlers)
        self.far = far
        self._attribute_of = attribute_of
        self._fields_of = fields_of
        self._nodes: dict[str, Node] = {}
        self._questions: dict[tuple[str, Value | None], int] = {}
        self._by_number: list[tuple[str, Value | None]] = []
        self._askers: dict[str, dict[tuple[Node, int], int | None]] = {}  # with the line
        self._reasons: dict[Node, dict[str, None]] = {}

    def ask(self, frame: Frame, name: str) -> Value | None:
        """What attribute *name* of something unknown may be, as far as it is found.

        Raises:
            NeedsCallee: if nobody has asked before: the step is made again with the answer.
        """
        self._begin(frame, name)
        return self.analysis.read(self._site(name), "elem", frame, frame.index)

    def ask_fields(self, frame: Frame) -> dict[str, Value]:
        """What is in the `__dict__` of something unknown: the same for all names together."""
        self._begin(frame, FIELDS)
        site, read = self._site(FIELDS), self.analysis.read
        names = self.analysis.slots(site, frame, frame.index)
        return {name: read(site, name, frame, frame.index) or UNKNOWN for name in names}

    def _begin(self, frame: Frame, name: str) -> None:
        if name not in self._nodes:
            self._nodes[name] = Node("outside", f"what has {name}", None, -1)
            self._askers[name] = {}
            self._put(name, None)
            raise NeedsCallee(self)
        self._askers[name][frame.place] = frame.line()

    def finish(self) -> None:
        """What was found for a name belongs to each step that has asked for it."""
        for name, askers in self._askers.items():
            found = self._nodes[name]
            for (node, step), line in askers.items():
                for targets in found.edges.values():
                    for target, label in targets.items():
                        if target is not node:
                            node.edge(step, target, label)
                for reason in self._reasons.get(found, ()):
                    self.analysis.unresolve(node.name, line, reason)

    def unanswered(self, left: Iterable[int]) -> set[str]:
        """The names of which not all was found, where the questions *left* were put off."""
        return {self._by_number[index][0] for index in (*self._pending, *left)}

    def unresolved(self, reason: str) -> Unknown:
        self._reasons.setdefault(self.node, {})[reason] = None
        return self.unknown_value(reason)

    def run(self) -> None:
        while self._pending:
            index = heapq.heappop(self._pending)
            self._queued.discard(index)
            name, member = self._by_number[index]
            self.begin(index)
            self.node = self._nodes[name]
            try:
                if member is None:
                    self._look_for(name)
                elif name == FIELDS:
                    for field, held in self._fields_of(self, member).items():
                        self.analysis.write(self._site(name), field, held)
                else:
                    found = self._attribute_of(self, member, name)
                    self.analysis.write(self._site(name), "elem", found)
            except Stalled:
                continue
            except NeedsCallee:
                self._push(index)
                raise
            self.analysis.check()

    def _look_for(self, name: str) -> None:
        """Ask each object that has an attribute *name*, now and when others come."""
        for member in out_of_sight_with(self, name):
            self._put(name, member)
        if self.analysis.methods is not None:
            for found in self.analysis.methods.named(self, name):
                self.analysis.write(self._site(name), "elem", found)

    def _put(self, name: str, member: Value | None) -> None:
        key = (name, member)
        if key not in self._questions:
            self._questions[key] = len(self._by_number)
            self._by_number.append(key)
            self._push(self._questions[key])

    def _site(self, name: str) -> tuple[str, str, bool]:
        return ("stranger", name, self.far)


__all__ = ["Strangers"]
