"""One form of lowered code, however its source is laid out in lines.

CPython decides by line numbers where a block goes, which way a condition jumps and
whether a short ending is shared or copied. `normalise` forgets that:

    thread   a jump to a JUMP goes where that goes; what nothing reaches is left out
    turn     POP_JUMP_IF_TRUE, _NOT_NONE become their opposites, sides changed
    settle   a value just tested is not tested again; SWAPs before stores go
    merge    steps that do the same and lead to the same, on one depth, are one
    lay out  from the entry on, falling through first; then where jumps go, the latest
             first; then handlers. A JUMP stands only where the next step has its place

Knows steps; must not know CPython versions, or what is done with the result.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from dumbo.tracing.steps import FINAL, Handler, Lowered, Step, step

_STORING = {"POP_TOP", "STORE_FAST", "SWAP"}
_TURNED = {"POP_JUMP_IF_TRUE": "POP_JUMP_IF_FALSE", "POP_JUMP_IF_NOT_NONE": "POP_JUMP_IF_NONE"}
# Whether a handler stands around these depends on lines, and says nothing.
_NEVER_RAISE = {
    "COPY",
    "END_SEND",
    "LOAD_CLOSURE",
    "LOAD_COMMON_CONSTANT",
    "LOAD_CONST",
    "LOAD_FAST_AND_CLEAR",
    "POP_EXCEPT",
    "POP_JUMP_IF_NONE",
    "POP_TOP",
    "PUSH_EXC_INFO",
    "PUSH_NULL",
    "RETURN_GENERATOR",
    "RETURN_VALUE",
    "STORE_FAST",
    "SWAP",
}


class _Catch(NamedTuple):
    target: int
    depth: int
    lasti: bool


class _Node:
    __slots__ = ("caught", "falls", "jumps", "step")

    def __init__(
        self, step: Step, falls: int | None, jumps: int | None, caught: _Catch | None
    ) -> None:
        self.step = step
        self.falls = falls  # to which node
        self.jumps = jumps
        self.caught = caught


def normalise(lowered: Lowered) -> Lowered:
    """Return *lowered* in the form that does not depend on the layout of lines."""
    nodes = _connect(lowered)
    _settle(nodes)
    same, depths = _merge(nodes)
    return _lay_out(nodes, same, depths)


def _connect(lowered: Lowered) -> list[_Node]:
    steps, handlers = lowered
    to = [_end(steps, at) if one.name == "JUMP" else at for at, one in enumerate(steps)]
    around: list[_Catch | None] = [None] * len(steps)
    for start, stop, target, depth, lasti in handlers:
        around[start:stop] = [_Catch(to[target], depth, lasti)] * (stop - start)
    nodes = []
    for at, one in enumerate(steps):
        falls = None if one.name in FINAL else to[at + 1]
        jumps = None if one.target is None else to[one.target]
        if one.name in _TURNED:
            one = one._replace(name=_TURNED[one.name])
            falls, jumps = jumps, falls
        nodes.append(_Node(one, falls, jumps, around[at] if raises(one) else None))
    return nodes


def _end(steps: list[Step], index: int) -> int:
    """Return where the JUMP at *index* leads in the end."""
    passed: list[int] = []
    while steps[index].name == "JUMP":
        if index in passed:
            return min(passed[passed.index(index) :])  # `while True: pass` jumps to itself
        passed.append(index)
        target = steps[index].target
        assert target is not None
        index = target
    return index


def _settle(nodes: list[_Node]) -> None:
    """Do everywhere what the optimizer of CPython does where it finds one line."""
    for node in nodes[:]:
        if node.step.name == "COPY" and node.step.arg == 1:
            _test_once(nodes, node)
    entered = _entered(nodes)
    done: set[int] = set()
    for index, node in enumerate(nodes):
        if node.step.name in _STORING and index not in done:
            done.update(_store_in_order(nodes, index, entered))


def _entered(nodes: list[_Node]) -> list[int]:
    """Return on how many ways each node is reached."""
    entered = [0] * len(nodes)
    entered[0] = 1
    todo = [0]
    while todo:
        for ahead, _ in _ahead(nodes[todo.pop()], 0):
            entered[ahead] += 1
            if entered[ahead] == 1:
                todo.append(ahead)
    return entered


def _test_once(nodes: list[_Node], copy: _Node) -> None:
    """Lead each outcome of `COPY; POP_JUMP_IF_FALSE` past further tests of the same value."""
    assert copy.falls is not None
    test = nodes[copy.falls]
    if test.step.name != "POP_JUMP_IF_FALSE":
        return
    falls, falls_without = _past_tests(nodes, test.falls, True)
    jumps, jumps_without = _past_tests(nodes, test.jumps, False)
    if falls_without is not None and jumps_without is not None:
        # Neither way wants the value: no copy of it is needed.
        copy.step, copy.caught = test.step, test.caught
        copy.falls, copy.jumps = falls_without, jumps_without
    else:
        copy.falls = len(nodes)
        nodes.append(_Node(test.step, falls, jumps, test.caught))


def _past_tests(
    nodes: list[_Node], index: int | None, truth: bool
) -> tuple[int | None, int | None]:
    """Return where a value of known truth leads, and where it leads once it is popped."""
    for _ in nodes:
        assert index is not None
        node = nodes[index]
        if node.step.name == "POP_JUMP_IF_FALSE":
            return index, node.falls if truth else node.jumps
        if node.step.name == "POP_TOP":
            return index, node.falls
        if node.step.name != "COPY" or node.step.arg != 1:
            break
        assert node.falls is not None
        test = nodes[node.falls]
        if test.step.name != "POP_JUMP_IF_FALSE":
            break
        index = test.falls if truth else test.jumps
    return index, None


def _store_in_order(nodes: list[_Node], first: int, entered: list[int]) -> list[int]:
    """Let a run of stores take from the top down, without SWAPs; return its nodes.

    Of several stores in one variable only the last counts.
    """
    run = [first]
    after = nodes[first].falls
    while after is not None and entered[after] == 1 and nodes[after].step.name in _STORING:
        run.append(after)
        after = nodes[after].falls
    steps = [nodes[index].step for index in run]
    if len(run) == 1:
        return run
    size = len(run) + max((one.arg for one in steps if one.name == "SWAP"), default=0)
    stack = list(range(size, 0, -1))  # the top, 1, is last
    stored: dict[int, Step] = {}
    last: dict[str, int] = {}
    for one in steps:
        if one.name == "SWAP":
            stack[-1], stack[-one.arg] = stack[-one.arg], stack[-1]
            continue
        value = stack.pop()
        stored[value] = one
        if one.name == "STORE_FAST":
            if one.arg in last:
                stored[last[one.arg]] = step("POP_TOP", line=one.line)
            last[one.arg] = value
    if stored and stack == list(range(size, len(stored), -1)):  # no other order is left
        for index, value in zip(run, sorted(stored), strict=False):
            nodes[index].step = stored[value]
        nodes[run[len(stored) - 1]].falls = after
    return run


def _merge(nodes: list[_Node]) -> tuple[list[int], list[int]]:
    """Return, for each node, the node that stands for it, and the depth of its stack.

    One walk, ends first: nodes are one where their steps, and what these lead to, are.
    The way back in a loop leads to a node that is not done yet; that counts as itself.
    """
    same = [-1] * len(nodes)
    depths = [0] * len(nodes)
    known: dict[Any, int] = {}
    begun = [False] * len(nodes)
    todo = [0]
    while todo:
        index = todo[-1]
        node = nodes[index]
        if not begun[index]:
            begun[index] = True
            for after, depth in _ahead(node, depths[index]):
                if not begun[after]:
                    depths[after] = depth
                    todo.append(after)
            continue
        todo.pop()
        if same[index] < 0:
            same[index] = known.setdefault(_key(node, depths[index], same), index)
    return same, depths


def _ahead(node: _Node, depth: int) -> list[tuple[int, int]]:
    """Return what may come after *node*, what is walked first last, and its depth."""
    ahead = []
    if node.caught is not None:
        ahead.append((node.caught.target, node.caught.depth + 1))
    if node.jumps is not None:
        ahead.append((node.jumps, depth + node.step.jump_effect))
    if node.falls is not None:
        ahead.append((node.falls, depth + node.step.effect))
    return ahead


def _key(node: _Node, depth: int, same: list[int]) -> Any:
    one, caught = node.step, node.caught
    return (
        depth,
        one.name,
        # The compiler has told the constants of a code object apart, 1 from True.
        id(one.arg) if one.name == "LOAD_CONST" else one.arg,
        _stand_in(node.falls, same),
        _stand_in(node.jumps, same),
        caught and (_stand_in(caught.target, same), caught.depth, caught.lasti),
    )


def _stand_in(index: int | None, same: list[int]) -> Any:
    if index is None:
        return None
    return same[index] if same[index] >= 0 else ("back to", index)


def _lay_out(nodes: list[_Node], same: list[int], depths: list[int]) -> Lowered:
    laid: list[int] = []  # nodes; ~node for a JUMP to it
    place: dict[int, int] = {}
    jumps, handlers = [same[0]], deque[int]()
    while jumps or handlers:
        index = jumps.pop() if jumps else handlers.popleft()
        while index not in place:
            place[index] = len(laid)
            laid.append(index)
            node = nodes[index]
            if node.caught is not None:
                handlers.append(same[node.caught.target])
            if node.jumps is not None:
                jumps.append(same[node.jumps])
            if node.falls is None:
                break
            index = same[node.falls]
            if index in place:
                laid.append(~index)
    steps = []
    for index in laid:
        if index < 0:
            steps.append(step("JUMP", target=place[~index], line=nodes[~index].step.line))
        else:
            one, target = nodes[index].step, nodes[index].jumps
            if target is not None:
                one = one._replace(target=place[same[target]])
            steps.append(one)
    return Lowered(steps, _ranges(nodes, same, depths, laid, place))


def _ranges(
    nodes: list[_Node], same: list[int], depths: list[int], laid: list[int], place: dict[int, int]
) -> list[Handler]:
    """Return the handlers as ranges, over what cannot raise too where that lies between."""
    handlers: list[Handler] = []
    for at, index in enumerate(laid):
        caught = None if index < 0 else nodes[index].caught
        if caught is None:
            continue
        new = Handler(at, at + 1, place[same[caught.target]], caught.depth, caught.lasti)
        if handlers and handlers[-1][2:] == new[2:]:
            between = laid[handlers[-1].stop : at]
            kept = caught.depth - caught.lasti
            if all(i >= 0 and not raises(nodes[i].step) and depths[i] >= kept for i in between):
                new = new._replace(start=handlers.pop().start)
        handlers.append(new)
    return handlers


def raises(one: Step) -> bool:
    """Whether *one* may raise an exception: ranges of handlers lie over others, too."""
    return one.name not in _NEVER_RAISE and not one.bound
