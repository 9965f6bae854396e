"""The line of the cell magic: what goes in, what comes out, and how it is kept.

    %%dumbo (a, b) -> c, d    both declared
    %%dumbo -> c              inputs are found in the cell
    %%dumbo (a, b)            outputs are found in the cell
    %%dumbo                   both are
    %%dumbo () -> total       no inputs; `-> ()` says no outputs

Options stand before or after:

    --name NAME                 what the results are listed under
    --keep auto|always|never    as of `memo`
    --samples N                 each run draws the next of N results
    --seed NAME                 a generator under that name is made for the cell
    --seed NUMBER               the root seed of all that is drawn
    --recompute                 compute and store, whatever is there

Knows the text of a line; must not know cells.
"""

from __future__ import annotations

import keyword
import re
import shlex

from dumbo.decision.worth import KEEP
from dumbo.notebook.errors import CellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.decision.worth import Keep

__all__ = ["USAGE", "Wanted", "parse"]

USAGE = (
    "%%dumbo [(inputs)] [-> outputs] [--name NAME] [--keep auto|always|never] [--samples N] "
    "[--seed NAME|NUMBER] [--recompute]"
)
_WITH_VALUE = ("--name", "--keep", "--samples", "--seed")
_SIGNATURE = re.compile(r"(?:\((?P<inputs>[^()]*)\))?\s*(?:->(?P<outputs>.*))?", re.DOTALL)


class Wanted:
    """What one line says.

    Attributes:
        inputs, outputs: the names declared, in their order; None: not declared.
        name: what the results are listed under, if that is said.
        keep: as of `memo`.
        samples: among how many results a run draws; None: there is one.
        seed: the name that a generator is made for.
        root: the root seed.
        recompute: compute and store, whatever is there.
    """

    __slots__ = ("inputs", "keep", "name", "outputs", "recompute", "root", "samples", "seed")

    def __init__(self) -> None:
        self.inputs: tuple[str, ...] | None = None
        self.outputs: tuple[str, ...] | None = None
        self.name: str | None = None
        self.keep: Keep = "auto"
        self.samples: int | None = None
        self.seed: str | None = None
        self.root: int | None = None
        self.recompute = False


def parse(line: str) -> Wanted:
    """Return what *line*, all behind ``%%dumbo``, says.

    Raises:
        CellError: if it cannot be meant.
    """
    wanted = Wanted()
    signature = _options(line, wanted)
    matched = _SIGNATURE.fullmatch(signature)
    if matched is None:
        raise CellError(f"%%dumbo {signature}: not understood; use {USAGE}")
    if matched["inputs"] is not None:
        wanted.inputs = _names(matched["inputs"], "inputs")
    if matched["outputs"] is not None:
        text = matched["outputs"].strip()
        if text.startswith("(") and text.endswith(")"):
            text = text[1:-1]
        elif not text:
            raise CellError("%%dumbo ->: name the outputs, or write `-> ()` for none")
        wanted.outputs = _names(text, "outputs")
    return wanted


def _options(line: str, wanted: Wanted) -> str:
    """Set what the options in *line* say; return the rest of it."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise CellError(f"%%dumbo {line}: {error}") from None
    rest: list[str] = []
    while words:
        word, equals, value = words.pop(0).partition("=")
        if not word.startswith("--"):
            rest.append(word + equals + value)
            continue
        if word in _WITH_VALUE and not equals:
            if not words:
                raise CellError(f"%%dumbo {word}: a value is missing; use {USAGE}")
            value = words.pop(0)
        _set(wanted, word, value)
    return " ".join(rest)


def _set(wanted: Wanted, option: str, value: str) -> None:
    if option == "--name" and value:
        wanted.name = value
    elif option == "--keep":
        if value not in KEEP:
            raise CellError(f"%%dumbo --keep {value}: use {', '.join(KEEP)}")
        wanted.keep = value  # type: ignore[assignment]
    elif option == "--samples":
        if not value.isdecimal() or not int(value):
            raise CellError(f"%%dumbo --samples {value}: give a number from 1 on")
        wanted.samples = int(value)
    elif option == "--seed":
        if value.removeprefix("-").isdecimal():
            wanted.root = int(value)
        else:
            (wanted.seed,) = _names(value, "seeds")
    elif option == "--recompute" and not value:
        wanted.recompute = True
    else:
        raise CellError(f"%%dumbo {option}: not an option as it stands; use {USAGE}")


def _names(text: str, side: str) -> tuple[str, ...]:
    names = [part.strip() for part in text.split(",")]
    if names and not names[-1]:
        names.pop()  # none at all, or a comma at the end
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise CellError(f"%%dumbo: {name!r} among the {side} is not a name; use {USAGE}")
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise CellError(f"%%dumbo: {twice[0]!r} stands twice among the {side}")
    return tuple(names)
