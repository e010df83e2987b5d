"""What the image tools share: errors become a clear message and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.core import ApplianceError, Invalid

__all__ = ["number", "output_folder", "run_tool"]


def run_tool(work: Callable[[list[str]], None], words: Sequence[str], usage: str) -> int:
    """Run a tool's work on its arguments.

    Parameters
    ----------
    work : callable
        Takes the arguments; raises what goes wrong.
    words : sequence of str
        Arguments after the program's name.
    usage : str
        The line shown when their number is wrong.

    Returns
    -------
    int
        0, or 2 after an error the user can mend.
    """
    if len(words) < usage.partition("[")[0].count("<"):
        sys.stderr.write(f"usage: {usage}\n")
        return 2
    try:
        work(list(words))
    except ApplianceError as error:
        sys.stderr.write(
            f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else "")
        )
        return 2
    return 0


def number(word: str) -> float:
    """Read a number of the command line.

    Raises
    ------
    Invalid
        If it is none.
    """
    try:
        return float(word)
    except ValueError:
        raise Invalid(f"not a number: {word!r}") from None


def output_folder(path: Path) -> Path:
    """Make the folder of an output and give the path back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
