"""A program to be recorded: a notebook in a shell of IPython, worked on in two sessions.

    python notebook.py first     all cells are run; then some are edited, and run on from there
    python notebook.py second    the notebook as it was left, all of it; then other edits

Its cells are a small study of numbers by day: prepared, fitted, resampled, summed up.
"""

from __future__ import annotations

import sys

from IPython.core.interactiveshell import InteractiveShell

CELLS = {
    "imports": "%load_ext dumbo\nimport numpy as np\nimport pandas as pd\nfrom dumbo import memo\n",
    "sizes": "ROWS, WINDOW, DRAWS = 1_000_000, 7, 30\nPENALTIES = (0.1, 1.0, 10.0)\n",
    "raw": """\
%%dumbo -> raw
chance = np.random.default_rng(3)
raw = pd.DataFrame({
    "shop": chance.integers(0, 40, ROWS),
    "day": chance.integers(0, 365, ROWS),
    "sales": chance.gamma(2.0, 30.0, ROWS),
})
""",
    "tidy": """\
def tidy(frame):
    frame = frame[frame["sales"] > 1.0].sort_values(["shop", "day"])
    return frame.assign(week=frame["day"] // 7)
""",
    "clean": "%%dumbo (raw) -> clean\nclean = tidy(raw)\n",
    "daily": """\
%%dumbo (clean) -> daily
daily = clean.groupby(["shop", "day"])["sales"].agg(["sum", "mean", "count"]).reset_index()
""",
    "features": """\
%%dumbo (daily, WINDOW) -> features
rolling = daily.groupby("shop")["sum"].rolling(WINDOW, min_periods=1)
features = daily.assign(
    level=rolling.mean().to_numpy(), swing=rolling.std().fillna(0).to_numpy(),
    season=np.sin(daily["day"] / 58.1),
)
""",
    "fit": """\
@memo
def fit(frame, shop, penalty):
    own = frame[frame["shop"] == shop]
    x = own[["level", "swing", "season"]].to_numpy()
    x = np.hstack([x**power for power in (1, 2, 3)])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ own["sum"])
    return float(np.abs(own["sum"] - x @ weights).mean())
""",
    "fits": """\
errors = {(shop, p): fit(features, shop, p) for shop in range(12) for p in PENALTIES}
best = min(PENALTIES, key=lambda p: sum(errors[shop, p] for shop in range(12)))
""",
    "resample": """\
@memo
def resampled(values, seed):
    chance = np.random.default_rng(seed)
    return float(np.median(chance.choice(values, values.size)))
""",
    "spread": """\
medians = [resampled(daily["sum"].to_numpy(), seed) for seed in range(DRAWS)]
""",
    "weeks": """\
%%dumbo (clean) -> weeks
weeks = clean.pivot_table(index="week", columns="shop", values="sales", aggfunc="median")
""",
    "alike": "%%dumbo (weeks) -> alike\nalike = weeks.corr(method='spearman')\n",
    "summary": """\
%%dumbo (alike, daily) -> text
text = f"{alike.to_numpy().mean():.3f} {daily['mean'].median():.1f}"
print(text)
""",
}

# What is changed, one edit after the other, and from which cell on is run again.
EDITS = {
    "first": [
        ("sizes", "30\n", "50\n", "spread"),
        ("fit", "(1, 2, 3)", "(1, 2)", "fit"),
        ("fit", "(1, 2)", "(1, 2, 3)", "fit"),  # and back
        ("sizes", "7,", "14,", "features"),
        ("tidy", "> 1.0", "> 2.0", "tidy"),
        ("summary", ".3f", ".4f", "summary"),
    ],
    "second": [
        ("sizes", "10.0)", "10.0, 100.0)", "fits"),
        ("alike", "'spearman'", "'pearson'", "alike"),
        ("tidy", "> 2.0", "> 1.0", "tidy"),  # and back
        ("features", "58.1", "29.05", "features"),
        ("fit", ".mean())", ".sum())", "fit"),
        ("alike", "'pearson'", "'spearman'", "alike"),  # and back
    ],
}


def edited(cells: dict[str, str], name: str, before: str, after: str) -> None:
    assert before in cells[name], (name, before)
    cells[name] = cells[name].replace(before, after)


def work(session: str) -> None:
    shell = InteractiveShell.instance()
    cells = dict(CELLS)
    if session == "second":
        for name, before, after, _ in EDITS["first"]:
            edited(cells, name, before, after)

    def run(start: str) -> None:
        for name in list(cells)[list(cells).index(start) :]:
            shell.run_cell(cells[name], store_history=True).raise_error()

    run("imports")
    for name, before, after, start in EDITS[session]:
        edited(cells, name, before, after)
        if name == "sizes":
            shell.run_cell(cells[name], store_history=True).raise_error()
        run(start)


if __name__ == "__main__":
    work(sys.argv[1])
