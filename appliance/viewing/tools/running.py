"""What the image tools share: errors become a clear message and an exit code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from appliance.core import ApplianceError, Invalid, atomic_write

__all__ = ["number", "output_folder", "run_program", "run_tool", "write_json"]


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


def run_program(
    work: Callable[[argparse.Namespace], None],
    about: str,
    arguments: Sequence[tuple[str, dict[str, Any]]],
) -> int:
    """Run a tool whose arguments have names, such as ``--image``.

    Parameters
    ----------
    work : callable
        Takes the arguments; raises what goes wrong.
    about : str
        What the program does.
    arguments : sequence of (str, dict)
        Name without dashes, and what `argparse` is told of it.

    Returns
    -------
    int
        0, or 2 after an error the user can mend.
    """
    parser = argparse.ArgumentParser(description=about, allow_abbrev=False)
    for name, facts in arguments:
        parser.add_argument(f"--{name}", **facts)
    options = parser.parse_args()
    try:
        work(options)
    except ApplianceError as error:
        hint = f"hint: {error.hint}\n" if error.hint else ""
        sys.stderr.write(f"error: {error.message}\n{hint}")
        return 2
    return 0


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, in a folder that is made when it is missing."""
    with atomic_write(output_folder(path)) as stream:
        stream.write(json.dumps(content, indent=1).encode() + b"\n")


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
