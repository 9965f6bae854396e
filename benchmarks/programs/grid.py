"""A program to be recorded: an experiment over a grid, with pandas; extended, and run again."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dumbo import memo


@memo
def load(seed: int, rows: int) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "group": chance.integers(0, 50, rows),
            "day": chance.integers(0, 365, rows),
            "value": chance.normal(size=rows),
        }
    )


@memo
def features(seed: int, rows: int, window: int) -> pd.DataFrame:
    frame = load(seed, rows).sort_values(["group", "day"])
    rolling = frame.groupby("group")["value"].rolling(window, min_periods=1)
    frame["mean"] = rolling.mean().to_numpy()
    frame["spread"] = rolling.std().fillna(0).to_numpy()
    return frame


@memo
def fit(seed: int, rows: int, window: int, penalty: float) -> np.ndarray:
    frame = features(seed, rows, window)
    x = frame[["day", "mean", "spread"]].to_numpy()
    x = np.hstack([x**power for power in range(1, 5)])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ frame["value"])


@memo
def score(seed: int, rows: int, window: int, penalty: float) -> float:
    return float(np.abs(fit(seed, rows, window, penalty)).sum())


def sweep(seeds: int, windows: tuple[int, ...], penalties: tuple[float, ...]) -> None:
    for seed in range(seeds):
        for window in windows:
            for penalty in penalties:
                score(seed, 20_000, window, penalty)


def main() -> None:
    sweep(3, (5, 10), (0.1, 1.0))
    sweep(3, (5, 10, 20), (0.1, 1.0, 10.0))
    sweep(5, (5, 10, 20), (0.1, 1.0, 10.0))
    sweep(5, (5, 20, 40), (0.1, 1.0, 10.0, 100.0))
    sweep(6, (5, 20, 40), (1.0, 10.0, 100.0))


if __name__ == "__main__":
    main()
