"""Summarise: one row per module, the riskiest first."""

from __future__ import annotations

import math

from dumbo import memo

Row = dict[str, float | str]


@memo(keep="always")  # milliseconds, hardly worth it; but the answer shall be found again
def rank(
    tangles: dict[str, int],
    measures: dict[str, dict[str, float]],
    relations: dict[str, dict[str, float]],
    pairs: list[tuple[float, str, str]],
) -> list[Row]:
    """Return what is known of each module, by falling risk."""
    copies: dict[str, int] = {}
    for _, *names in pairs:
        for name in names:
            module = name.partition(":")[0]
            copies[module] = copies.get(module, 0) + 1
    rows: list[Row] = []
    for module, related in relations.items():
        row: Row = {
            "module": module,
            **measures[module],
            "tangle": tangles[module],
            **related,
            "copies": copies.get(module, 0),
        }
        row["risk"] = round(risk(row), 1)
        rows.append(row)
    return sorted(rows, key=lambda row: (-row["risk"], row["module"]))


def risk(row) -> float:
    """Return how much may break (reach, bridge), times how easily (tangle, effort), per test."""
    hard = math.log1p(row["tangle"]) + math.log1p(row["effort"])
    wide = math.log1p(row["reach"]) + 10 * row["bridge"]
    return hard * wide / math.log2(2 + row["tests"])
