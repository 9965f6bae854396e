"""Relate: who needs whom, and which functions are near copies of one another."""

from __future__ import annotations

from array import array
from collections import Counter, deque
from itertools import combinations

from atlas.outline import Import, Sketch
from atlas.sources import is_test
from dumbo import memo

ALIKE = 0.7  # share of common shingles from which two functions count as twins
CROWD = 60  # a shingle in more functions than this tells nothing


@memo
def relate(imports: dict[str, tuple[Import, ...]]) -> dict[str, dict[str, float]]:
    """Return for each module: users, reach, tests and bridge.

    users: modules that import it, whenever; reach: modules that cannot be imported once it is
    broken; tests: test modules that import it, or a module that does; bridge: share of all
    shortest paths of imports that lead through it.
    """
    packages = {_parent(name) for name in imports}
    early: dict[str, list[str]] = {}
    users: dict[str, list[str]] = {name: [] for name in imports}
    needy: dict[str, list[str]] = {name: [] for name in imports}
    for name, found in imports.items():
        package = name if name in packages else _parent(name)
        needs = targets(name, package, found, imports)
        early[name] = sorted(other for other in needs if needs[other])
        for other in needs:
            users[other].append(name)
        for other in early[name]:
            needy[other].append(name)
    library = {
        name: [other for other in needed if not is_test(other)]
        for name, needed in early.items()
        if not is_test(name)
    }
    bridges = betweenness(library)
    return {
        name: {
            "users": sum(not is_test(user) for user in users[name]),
            "tests": sum(is_test(user) for user in near(name, users)),
            "reach": sum(not is_test(user) for user in reachable(name, needy)),
            "bridge": bridges[name],
        }
        for name in sorted(library)
    }


def targets(
    name: str, package: str, found: tuple[Import, ...], modules: dict[str, object]
) -> dict[str, bool]:
    """Return which of *modules* the module *name* imports, and whether it does so early."""
    needed: dict[str, bool] = {}
    for early, level, module, names in found:
        base = module
        if level:
            start = package
            for _ in range(level - 1):
                start = _parent(start)
            base = ".".join(part for part in (start, module) if part)
        for candidate in (*_ancestors(base), *(f"{base}.{item}" for item in names)):
            if candidate in modules and candidate != name:
                needed[candidate] = needed.get(candidate, False) or early
    return needed


def near(name: str, users: dict[str, list[str]]) -> set[str]:
    """Return the users of *name*, and their users."""
    return {other for user in users[name] for other in (user, *users[user])}


def reachable(start: str, edges: dict[str, list[str]]) -> set[str]:
    seen = {start}
    todo = [start]
    while todo:
        for other in edges[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen - {start}


def betweenness(edges: dict[str, list[str]]) -> dict[str, float]:
    """Return the share of shortest paths through each module (Brandes, 2001)."""
    score = dict.fromkeys(edges, 0.0)
    for start in edges:
        order, parents, paths = _shortest_paths(start, edges)
        debt = dict.fromkeys(order, 0.0)
        for name in reversed(order):
            for parent in parents[name]:
                debt[parent] += paths[parent] / paths[name] * (1 + debt[name])
            if name != start:
                score[name] += debt[name]
    pairs = max(1, (len(edges) - 1) * (len(edges) - 2))
    return {name: value / pairs for name, value in score.items()}


def _shortest_paths(start, edges):
    distance = {start: 0}
    paths = {start: 1}
    parents = {start: []}
    order = []
    todo = deque([start])
    while todo:
        name = todo.popleft()
        order.append(name)
        for other in edges[name]:
            if other not in distance:
                distance[other] = distance[name] + 1
                paths[other] = 0
                parents[other] = []
                todo.append(other)
            if distance[other] == distance[name] + 1:
                paths[other] += paths[name]
                parents[other].append(name)
    return order, parents, paths


@memo
def twins(sketches: dict[str, tuple[Sketch, ...]]) -> list[tuple[float, str, str]]:
    """Return pairs of functions of different modules that are near copies, dearest first."""
    functions = [
        (module, name, size, frozenset(array("I", hashes)))
        for module, found in sorted(sketches.items())
        for name, size, hashes in found
    ]
    crowds: dict[int, list[int]] = {}
    for number, (_, _, _, hashes) in enumerate(functions):
        for value in hashes:
            crowds.setdefault(value, []).append(number)
    meetings: Counter[tuple[int, int]] = Counter()
    for crowd in crowds.values():
        if len(crowd) <= CROWD:
            meetings.update(combinations(crowd, 2))
    found = []
    for (left, right), common in meetings.items():
        if common < 4 or functions[left][0] == functions[right][0]:
            continue
        share = likeness(functions[left][3], functions[right][3])
        if share >= ALIKE:
            cost = share * min(functions[left][2], functions[right][2])
            names = sorted(f"{m}:{n}" for m, n, *_ in (functions[left], functions[right]))
            found.append((round(cost, 1), *names))
    return sorted(found, reverse=True)


def likeness(left: frozenset[int], right: frozenset[int]) -> float:
    """Return the estimated Jaccard index of two functions from their smallest hashes."""
    smallest = sorted(left | right)[: min(len(left), len(right))]
    return sum(value in left and value in right for value in smallest) / len(smallest)


def _ancestors(name: str) -> list[str]:
    """Return *name* and the packages that it lies in: they all are imported with it."""
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _parent(name: str) -> str:
    return name.rpartition(".")[0]
