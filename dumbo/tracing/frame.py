"""One function with one set of abstract arguments, and the state it is in.

While a step runs, the frame holds that step's state: `stack`, `locals`,
`written`, the globals that were written on every way here, and what is `sure` (see
the module of that name). After the step, the state flows on to the steps behind it,
joined where ways meet.

A step that lies in rounds of a loop (see `rounds`) has a state for each: `at` is the step, and
`index` tells its rounds apart, too.

Knows values, the analysis and the shape of steps; must not know what a step means.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from types import CodeType
from typing import Any

from dumbo.tracing import sure
from dumbo.tracing.callgraph import Analysis, Node
from dumbo.tracing.instructions import lower
from dumbo.tracing.lookup import globals_of, is_module
from dumbo.tracing.mentions import CARRYING, use_operands
from dumbo.tracing.normal import normalise, raises
from dumbo.tracing.rewritten import plain
from dumbo.tracing.rounds import Rounds, bare, body_of, doomed, repeated
from dumbo.tracing.schedule import COLD
from dumbo.tracing.spreads import becomes_tuple
from dumbo.tracing.steps import FINAL, Handler, Step
from dumbo.tracing.values import UNKNOWN, Cell, Known, Unknown, Value

_PUSHING = frozenset({"LOAD_CONST", "LOAD_DEREF", "LOAD_FAST", "LOAD_GLOBAL", "PUSH_NULL"})
_MOVING = frozenset({"SWAP", "COPY", "STORE_FAST", "DELETE_FAST"})  # no simple loads
DEAR = 64  # of work: a step that takes so much counts as one more time that it was made
State = tuple[tuple[Value, ...], dict[str, Value], frozenset[Any], sure.Sure]


class Stalled(Exception):
    """Raised within a step that reads what nobody has written so far."""


class _Passage:
    """What a step made of a state, local variables aside, which it neither read nor set."""

    __slots__ = ("state", "ways")

    def __init__(self, state: State, ways: Sequence[tuple[int, State]]) -> None:
        self.state = state
        self.ways = ways

    def fits(self, state: State) -> bool:
        """Whether only local variables have changed since."""
        stack, _, written, held = self.state
        if stack != state[0] or written != state[2]:
            return False
        return held is state[3] or held == state[3]


class Plan:
    """A code object, lowered: what all frames of it share."""

    __slots__ = (
        "_bodies",
        "_doomed",
        "_rebound",
        "_repeated",
        "_tuples",
        "_variables",
        "bare",
        "catches",
        "changes",
        "code",
        "given",
        "handlers",
        "joins",
        "moves",
        "steps",
    )

    def __init__(self, code: CodeType) -> None:
        self.given = code
        self.code = plain(code)
        lowered = normalise(lower(self.code))
        self.steps: list[Step] = lowered.steps
        self.handlers: list[Handler] = lowered.handlers
        self.catches: dict[int, Handler] = {
            index: handler
            for handler in lowered.handlers
            for index in range(handler.start, handler.stop)
            if raises(self.steps[index])
        }
        self.joins = {step.target for step in self.steps if step.target is not None}
        self.joins |= {handler.target for handler in self.handlers}
        # Steps that do nothing but read or set a local variable: whether they set it, and which.
        self.moves: list[tuple[bool, str] | None] = [
            (step.name == "STORE_FAST", step.arg)
            if step.name in ("LOAD_FAST", "STORE_FAST")
            else None
            for step in self.steps
        ]
        self._variables: dict[tuple[int, int], str | None] = {}
        self._bodies: dict[int, frozenset[int]] = {}
        self._tuples: dict[int, bool] = {}
        self._doomed: frozenset[int] | None = None
        self.bare = bare(self.steps)  # handlers that catch whatever comes
        self._repeated: frozenset[int] | None = None
        self._rebound: frozenset[str] | None = None
        self.changes = sure.changes_containers(self.steps)

    @property
    def repeated(self) -> frozenset[int]:
        """The steps that lie in some loop, and a few more."""
        if self._repeated is None:
            self._repeated = repeated(self.steps, self.catches)
        return self._repeated

    @property
    def rebound(self) -> frozenset[str]:
        """The variables beyond its own that it sets more than once."""
        if self._rebound is None:
            self._rebound = sure.rebound_by(self.steps, self.repeated, self.code.co_varnames)
        return self._rebound

    @property
    def doomed(self) -> frozenset[int]:
        """The steps behind which it raises, whatever happens."""
        if self._doomed is None:
            self._doomed = doomed(self.steps, self.catches)
        return self._doomed

    def body(self, head: int) -> frozenset[int]:
        """The steps of the loop with its head there; see `rounds`."""
        if head not in self._bodies:
            self._bodies[head] = body_of(head, self.steps, self.catches)
        return self._bodies[head]

    def becomes_tuple(self, index: int) -> bool:
        """Whether the list that step *index* makes is the making of a tuple; see `spreads`."""
        if index not in self._tuples:
            self._tuples[index] = becomes_tuple(self.steps, index)
        return self._tuples[index]

    def variable(self, index: int, operand: int) -> str | None:
        """The local variable that an operand of step *index* was read from, the top being 0."""
        key = (index, operand)
        if key not in self._variables:
            self._variables[key] = self._find_variable(index, operand)
        return self._variables[key]

    def _find_variable(self, index: int, operand: int) -> str | None:
        height = -operand - 1  # of the operand, with the stack before *index* as zero
        level = 0
        for at in range(index - 1, -1, -1):
            step = self.steps[at]
            if at + 1 in self.joins or step.target is not None or step.name in _MOVING:
                return None
            if step.name in _PUSHING:
                if level - 1 == height:
                    return step.arg if step.name == "LOAD_FAST" else None
            elif level - 2 <= height:  # it may have put one or two values there
                return None
            level -= step.effect
        return None


_plans: dict[int, Plan] = {}


def plan_of(code: CodeType) -> Plan:
    """The plan of *code*, made once; a plan keeps its code, so that no id is reused."""
    plan = _plans.get(id(code))
    if plan is None:
        plan = _plans[id(code)] = Plan(code)
    return plan


class Frame:
    """See the module's docstring.

    `home` is the Known function (or module) whose globals the code runs in,
    `cells` maps its free variables to `Cell` values, `names` is the namespace of
    a class body. `result`, `yielded` and `sent` are what callers see.
    """

    def __init__(
        self,
        analysis: Analysis,
        node: Node,
        plan: Plan,
        home: Known,
        parameters: dict[str, Value],
        cells: dict[str, Value],
        site: Any,
        handlers: dict[str, Callable[[Any, Any], None]],
    ) -> None:
        self.analysis = analysis
        self.pool = analysis.pool
        self.node = node
        self.plan = plan
        self.code = plan.code
        self.home = home
        self.cells = cells
        self.site = site
        self.handlers = handlers
        self.parameters = parameters
        self.receiver: Value | None = None
        self.owner: Value | None = None  # the class that super() without arguments means
        self.namespace: Any = None  # heap site of a class body's names
        self.result: Value | None = None
        self.yielded: Value | None = None
        self.exit_written: frozenset[Any] | None = None
        self.entry_written: frozenset[Any] | None = None
        self.entry_sure: sure.Sure | None = None
        self.callers: dict[tuple[Frame, int], None] = {}
        self.calls: dict[Any, Any] = {}  # that its steps have made, see `calls`
        self.is_once = site[1:] == (0,)  # as far as is known, see `sure`; later frames share a heap
        self.entries: set[tuple[Frame, int]] = set()
        self.inner: list[Frame] = []  # frames that only this one enters, once
        self.owned: list[Any] = []  # places of which only this frame may be sure
        self.states: dict[int, State] = {}
        self.rounds = Rounds({})
        self.far = False  # only code out of sight calls it; see `schedule`
        self.waits = ""  # where it waits to be run
        self._pending: list[int] = []
        self._queued: set[int] = set()
        self._stale: set[int] = set()  # steps that read something which has grown
        self._passes: dict[int, _Passage] = {}
        self._raised: dict[int, State] = {}  # by handler: the last state that led there
        self._times: dict[int, int] = {}  # that a step was made ready
        self.stack: list[Value] = []
        self._locals: dict[str, Value] = {}
        self._sees_locals = False  # this step has looked at the local variables, or set one
        self.written: frozenset[Any] = frozenset()
        self.sure: sure.Sure = sure.NOTHING
        self.is_direct = False  # what is entered now, runs now, and once
        self.entering: list[Frame] = []  # by this step
        self.index = 0  # of the step and its rounds
        self.at = 0  # of the step
        self.escaping: set[Any] = set()  # what this step has let out of sight
        self.let_out: set[Any] = set()  # of live objects, what its steps have
        self._ends = False
        self._successors: list[tuple[int, State]] | None = None

    @property
    def locals(self) -> dict[str, Value]:
        """The local variables, before this step or, once it has set one, after it."""
        self._sees_locals = True
        return self._locals

    @locals.setter  # noqa: A003 - the property, not the builtin
    def locals(self, variables: dict[str, Value]) -> None:
        self._sees_locals = True
        self._locals = variables

    # --- entering and results ----------------------------------------------------

    def start(self) -> None:
        """Make the first step ready, with the parameters in their places."""
        start: dict[str, Value] = {}
        for name, value in self.parameters.items():
            if name in self.code.co_cellvars:
                self.analysis.write((self.site, name), "value", value)
            start[name] = value
        self.states[0] = (
            (),
            start,
            self.entry_written or frozenset(),
            self.entry_sure or sure.NOTHING,
        )
        self._push(0)

    def gets(self, parameters: dict[str, Value]) -> bool:
        """Join *parameters* into those it has; whether any of these has grown."""
        grown = False
        for name, value in parameters.items():
            known = self.parameters.get(name)
            if known is not value:
                joined = value if known is None else self.pool.join(known, value)
                if joined is not known:
                    if not grown:
                        self.parameters = {**self.parameters}
                    self.parameters[name] = _must(joined)
                    grown = True
        return grown

    def again(self, step: int) -> bool:
        """Put *step* back to be made again; whether the frame must be queued for it."""
        if step not in self.states:
            return False
        self._stale.add(step)
        self._push(step)
        return True

    def returns(self, value: Value | None) -> None:
        """Join into the result, and wake the callers if it grew."""
        grown = self.pool.join(self.result, value)
        written = self.written if self.exit_written is None else self.exit_written & self.written
        if grown is not self.result or written != self.exit_written:
            self.result, self.exit_written = grown, written
            self.wake_callers()

    def yields(self, value: Value | None) -> None:
        grown = self.pool.join(self.yielded, value)
        if grown is not self.yielded:
            self.yielded = grown
            self.wake_callers()

    def wake_callers(self) -> None:
        for frame, step in list(self.callers):
            self.analysis.wake(frame, step)

    def entered_with(self, written: frozenset[Any], held: sure.Sure) -> None:
        """Callers agree only on what all of them have written, and are sure of."""
        before = (self.entry_written, self.entry_sure)
        if self.entry_written is not None:
            written &= self.entry_written
        if self.entry_sure is not None:
            held = sure.meet(self.pool, self.entry_sure, held)
        if (written, held) != before:
            self.entry_written, self.entry_sure = written, held
            if self.states:
                stack, variables, old, _ = self.states[0]
                self.states[0] = (stack, variables, old & written, held)
                self.analysis.wake(self, 0)

    # --- running -----------------------------------------------------------------

    def run(self) -> None:
        """Run what is pending. May raise `NeedsCallee`."""
        analysis = self.analysis
        while self._pending:
            index: int | None = heapq.heappop(self._pending)
            assert index is not None
            self._queued.discard(index)
            while index is not None:
                index = self._flow(index)
                if analysis.is_over():
                    if index is not None:
                        self._queue(index)
                    analysis.check()

    def _flow(self, index: int) -> int | None:
        """Let the state of a step flow on through it; see `_follow`."""
        plan = self.plan
        count = len(plan.steps)
        at = index if index < count else index % count
        state = self.states[index]
        move = plan.moves[at]
        if move is not None and self.namespace is None:
            self.analysis.work += 1
            behind = at + 1 if index < count else self._place_of(at + 1, index // count)
            return self._follow(index, behind, _moved(state, *move))
        caught = plan.catches.get(at)
        if caught is not None:
            self._raise_into(index, caught, state)
        passage = self._passes.get(index)
        if passage is not None and index not in self._stale and passage.fits(state):
            ways: Sequence[tuple[int, State]] = [
                (target, (stack, state[1], written, held))
                for target, (stack, _, written, held) in passage.ways
            ]
        else:
            self._stale.discard(index)
            ways = self._make(index, plan.steps[at], state)
            if caught is not None and self.sure is not state[3]:
                # It may raise before or after it has changed what is sure.
                self._raise_into(index, caught, (*state[:3], self.sure))
        if len(ways) == 1:
            return self._follow(index, *ways[0])
        for target, after in ways:
            self._arrive(index, target, after)
        return None

    def _make(self, index: int, step: Step, state: State) -> Sequence[tuple[int, State]]:
        """Make one step; the steps behind it that are reached, each with the state there."""
        stack, self._locals, self.written, self.sure = state
        self.stack = list(stack)
        self.is_direct = self._sees_locals = self._ends = False
        self._successors = None
        self.index, self.at = index, index % len(self.plan.steps)
        if self.entering:
            self.entering.clear()
        if self.escaping:
            self.escaping.clear()
        handler = self.handlers.get(step.name)
        before = self.analysis.work
        try:
            if step.name not in CARRYING:
                use_operands(self, step)
            if handler is None:
                self.unknown(step)
            else:
                handler(self, step)
        except Stalled:
            self._passes.pop(index, None)
            return ()
        except BaseException:
            self._passes.pop(index, None)
            self._push(index)
            raise
        self.analysis.work += 1
        self._times[index] += (self.analysis.work - before) // DEAR
        ways = self._ways(index, step)
        if self._sees_locals:
            self._passes.pop(index, None)
        else:
            self._passes[index] = _Passage(state, ways)
        return ways

    def _raise_into(self, index: int, handler: Handler, state: State) -> None:
        target = self._place_of(handler.target, index // len(self.plan.steps))
        stack, variables, written, held = state
        kept = stack[: handler.depth - handler.lasti]
        last = self._raised.get(target)
        if last is not None and last[1] is variables and last[2] is written and last[3] is held:
            if last[0] == kept:
                return  # as from the step before
        self._raised[target] = (kept, variables, written, held)
        # More is known of what is raised only where it is caught by class.
        values = (*kept, *([UNKNOWN] * handler.lasti), UNKNOWN)
        self._arrive(index, target, (values, variables, written, held))

    def _ways(self, index: int, step: Step) -> Sequence[tuple[int, State]]:
        """The steps behind this one that are reached, each with the state there."""
        if self._successors is not None:
            return self._successors
        if self._ends or step.name in FINAL:
            return ()
        after = self._place_of(self.at + 1, index // len(self.plan.steps))
        return ((after, self.state()),)

    @property
    def module(self) -> str:
        """The name of the module whose globals the code runs in."""
        return str(globals_of(self.home.obj).get("__name__", ""))

    def state(self) -> State:
        return (tuple(self.stack), self._locals, self.written, self.sure)

    def branch(self, target: int, state: State) -> None:
        """Flow on to step *target*; whoever branches names all the ways."""
        self._branch(self._place_of(target, self.index // len(self.plan.steps)), state)

    def _branch(self, place: int, state: State) -> None:
        if self._successors is None:
            self._successors = []
        self._successors.append((place, state))

    def picks(self) -> bool:
        """Whether this step is made for one of some pieces of code that a loop goes through."""
        return self.rounds.picks(self.index // len(self.plan.steps))

    def go_round(self, items: Sequence[Value], state: State, *, picks: bool = False) -> bool:
        """Flow on into the loop of which this step is the head, with each of *items* for itself.

        False if there are too many. With *picks*, the items are code.
        """
        body = self.plan.body(self.at)
        outer = self.index // len(self.plan.steps)
        if self.at + 1 not in body or not self.rounds.allows(outer, body, len(items)):
            return False
        self.rounds.bodies[self.at] = body
        stack, variables, written, held = state
        for number, item in enumerate(items):
            entered = self.rounds.enter(outer, self.at, number, len(items), picks)
            place = entered * len(self.plan.steps) + self.at + 1
            self._branch(place, ((*stack, item), variables, written, held))
        return True

    def _place_of(self, step: int, number: int) -> int:
        """Where *step* has its state if it is reached from round *number*."""
        return self.rounds.at(number, step) * len(self.plan.steps) + step if number else step

    def stop(self) -> None:
        """Nothing flows on from this step, as far as is known now."""
        self._ends = True

    def _arrive(self, source: int, target: int, state: State) -> None:
        """*state* flows on to *target*, which is made ready if it is reached by anything new."""
        if self._takes(source, target, state):
            self._push(target)

    def _follow(self, source: int, target: int, state: State) -> int | None:
        """The same; the step to be made next is returned, if it is *target*."""
        if not self._takes(source, target, state) or not self._is_due(target):
            return None
        if self._pending and self._pending[0] < target:
            self._queue(target)
            return None
        return target

    def _takes(self, source: int, target: int, state: State) -> bool:
        """Join *state* into that of *target*; whether it has grown."""
        old = self.states.get(target)
        if old is not None:
            count = len(self.plan.steps)
            # Where a round ends, all rounds meet.
            if target % count in self.plan.joins or target // count < source // count:
                state = self._join(old, state)
            if state is old or _same(old, state):
                return False
        self.states[target] = state
        return True

    def _join(self, old: State, new: State) -> State:
        """The least that is true of both; *old* itself, if *new* says nothing else."""
        stack, variables, written, held = old
        join = self.pool.join
        joined = stack
        if stack != new[0]:
            joined = tuple([_must(join(a, b)) for a, b in zip(stack, new[0], strict=True)])
        both = variables
        if variables is not new[1]:
            for name, value in new[1].items():
                known = variables.get(name, value)  # unbound on one way: reading it there raises
                found = known if known is value else _must(join(known, value))
                if found is not known or name not in variables:
                    both = {**variables} if both is variables else both
                    both[name] = found
        common = written if written == new[2] else written & new[2]
        sure_of_both = sure.meet(self.pool, held, new[3])
        if joined is stack and both is variables and common is written and sure_of_both is held:
            return old
        return (joined, both, common, sure_of_both)

    def is_settled(self) -> bool:
        """Whether nothing is left to be done that is known of, and each step was reached."""
        count = len(self.plan.steps)
        return not self._pending and len({index % count for index in self.states}) == count

    def _push(self, index: int) -> None:
        if self._is_due(index):
            self._queue(index)

    def _is_due(self, index: int) -> bool:
        """Whether a step is to be made ready: it is not yet, and is not put off."""
        if index in self._queued:
            return False
        times = self._times.get(index, 0)
        if times >= COLD and self.analysis.is_hot(self, index, times):
            return False
        self._times[index] = times + 1
        return True

    def _queue(self, index: int) -> None:
        self._queued.add(index)
        heapq.heappush(self._pending, index)

    # --- the stack ---------------------------------------------------------------

    def push(self, value: Value | None) -> None:
        self.stack.append(UNKNOWN if value is None else value)

    def pop(self) -> Value:
        return self.stack.pop()

    def take(self, count: int) -> tuple[Value, ...]:
        """The topmost *count* values, the top last."""
        if not count:
            return ()
        taken = tuple(self.stack[-count:])
        del self.stack[-count:]
        return taken

    def store(self, name: str, value: Value) -> None:
        self.locals = {**self.locals, name: value}

    # --- what is depended on -----------------------------------------------------

    def depend(self, node: Node | None, label: str) -> None:
        if node is not None:
            self.node.edge(self.at, node, label)

    def touch(self, value: Value | None, label: str) -> Value | None:
        """Record that this step reaches *value*."""
        if value is not None:
            self.depend(self.analysis.node(value), label)
            if isinstance(value, Known) and id(value.obj) in self.analysis.impure:
                self.meet(value)
        return value

    def meet(self, value: Known, *, called: bool = False) -> None:
        """Record that *value* is reached if it makes results differ."""
        source = self.analysis.impure.get(id(value.obj))
        if source is not None and (source.always or called):
            self.remark(source.kind, source.name)

    def remark(self, kind: str, what: str) -> None:
        """Record that this step has something to do with chance."""
        place = (self.node.name, self.node.file or "", self.line() or self.node.line or 0)
        self.analysis.chance[kind, what, *place] = None

    @property
    def place(self) -> tuple[Node, int]:
        """To whom belongs what the step that is being made reaches."""
        return self.node, self.at

    def is_doomed(self) -> bool:
        """Whether what this step calls is left to the observer: it raises in any case.

        What such code calls, an exception and its message for the most part, is rarely run.
        """
        return self.analysis.watched and self.at in self.plan.doomed

    def line(self) -> int | None:
        """The line of the step that is being made, as far as there is one."""
        steps = self.plan.steps
        return steps[self.at].line if self.at < len(steps) else None

    def resolved(self, value: Value) -> None:
        """The name of this step was looked up, so what it found counts instead of the name."""
        if isinstance(value, Known) and is_module(value.obj):
            self.node.through.add(self.at)
        elif self.node.named.get(self.at, True):
            self.node.named[self.at] = True

    def unresolved(self, reason: str) -> Unknown:
        """An unknown value, and a mark in the graph that something may be missing."""
        line = self.plan.steps[self.at].line
        self.analysis.unresolve(self.node.name, line, reason)
        return self.unknown_value(reason)

    def unknown_value(self, reason: str) -> Unknown:
        value: Unknown = self.pool.make(Unknown, reason)
        return value

    def write(self, site: Any, slot: Any, value: Value | None) -> None:
        """Write to the heap; what goes into a place that is out of sight goes out of sight."""
        from dumbo.tracing.escapes import escape  # a cycle: escaping enters frames

        if self.analysis.owners and value is not None:
            sure.loses(self, site, slot)
        self.analysis.write(site, slot, value)
        for use in self.analysis.escaped.get(site, ()):
            escape(self, value, use)

    def write_global(self, place: tuple[int, str]) -> None:
        """From here on, what *place* held before the call is gone."""
        self.written = self.written | {place}

    def await_or(self, fallback: Callable[[], Value]) -> Value:
        """Wait until something is written that this step reads; *fallback* if nothing ever is.

        Raises:
            Stalled: while there is hope.
        """
        if self.analysis.may_wait(self, self.index):
            raise Stalled
        return fallback()

    def cell(self, name: str) -> Value:
        """The cell of an own variable, or the one that came with the function."""
        if name in self.cells:
            return self.cells[name]
        found: Value = self.pool.make(Cell, (self.site, name))
        return found

    def unknown(self, step: Step) -> None:
        """A step that nobody handles: what it takes escapes, what it pushes is unknown."""
        from dumbo.tracing.escapes import escape  # a cycle: escaping enters frames

        reason = f"opcode {step.name}"
        popped = max(0, -step.effect)
        for value in self.take(min(popped, len(self.stack))):
            escape(self, value)
        for _ in range(step.effect):
            self.push(self.unresolved(reason))


def _must(value: Value | None) -> Value:
    return UNKNOWN if value is None else value


def _moved(state: State, sets: bool, name: str) -> State:
    """*state* behind a step that reads or sets a local variable."""
    stack, variables, written, held = state
    if not sets:
        return ((*stack, variables.get(name, UNKNOWN)), variables, written, held)
    value = stack[-1]
    if variables.get(name) is not value:
        variables = {**variables, name: value}
    return (stack[:-1], variables, written, held)


def _same(a: State, b: State) -> bool:
    if a[0] != b[0] or a[2] != b[2]:
        return False
    return (a[1] is b[1] or a[1] == b[1]) and (a[3] is b[3] or a[3] == b[3])


def unknowns(names: Iterable[str], pool: Any) -> dict[str, Value]:
    """Each of *names* as an unknown parameter."""
    return {name: pool.make(Unknown, f"parameter {name}") for name in names}
