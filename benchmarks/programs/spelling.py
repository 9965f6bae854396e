"""A program to be recorded: for each word of a text, the nearest words of a dictionary.

The text is that of this project's documentation, so that words come as often as they do in texts.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from dumbo import memo

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ("README.md", "docs/architecture.md", "docs/decisions.md", "docs/keys.md")


@memo
def distance(one: str, other: str) -> int:
    """Levenshtein's."""
    before = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            row.append(min(row[-1] + 1, before[j] + 1, before[j - 1] + (a != b)))
        before = row
    return before[-1]


@memo
def nearest(word: str, dictionary: tuple[str, ...]) -> list[str]:
    return sorted(dictionary, key=lambda other: (distance.__wrapped__(word, other), other))[:3]


@memo
def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def main() -> None:
    words = [
        word.lower()
        for name in TEXTS
        for word in re.findall(r"[A-Za-z]{3,}", (ROOT / name).read_text(encoding="utf-8"))
    ]
    dictionary = tuple(word for word, _ in Counter(words).most_common(60))
    for number, word in enumerate(words[:6_000]):
        nearest(word, dictionary)
        if number % 1_000 == 0:
            fib(12)
        if number % 3 == 0:
            distance(word, words[number // 2])


if __name__ == "__main__":
    main()
