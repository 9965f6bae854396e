"""Measure: how much there is to understand in one file, after Halstead (1977)."""

from __future__ import annotations

import io
import keyword
import math
import tokenize
from collections import Counter

from dumbo import memo

_OPERANDS = (tokenize.NUMBER, tokenize.STRING)
_LAYOUT = (
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
)


@memo
def measure(source: bytes) -> dict[str, float]:
    """Return the lines of code in *source*, and Halstead's effort in millions."""
    operators: Counter[str] = Counter()
    operands: Counter[str] = Counter()
    lines = set()
    try:
        for token in tokenize.tokenize(io.BytesIO(source).readline):
            if token.type in _LAYOUT:
                continue
            lines.add(token.start[0])
            kind = operands if is_operand(token) else operators
            kind[token.string] += 1
    except (tokenize.TokenError, SyntaxError):
        pass  # what came before the fault counts
    return {"lines": len(lines), "effort": effort(operators, operands) / 1e6}


def is_operand(token: tokenize.TokenInfo) -> bool:
    if token.type == tokenize.NAME:
        return not keyword.iskeyword(token.string)
    return token.type in _OPERANDS


def effort(operators: Counter[str], operands: Counter[str]) -> float:
    """Return difficulty times volume."""
    if not operands:
        return 0.0
    volume = (operators.total() + operands.total()) * math.log2(len(operators) + len(operands) + 1)
    difficulty = len(operators) / 2 * operands.total() / len(operands)
    return difficulty * volume
