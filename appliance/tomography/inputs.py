"""Which tilt series a run is about: files that were named, or those of a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.core import Invalid, NotFound

__all__ = ["SeriesInput", "find_series", "is_made", "natural_key", "series_of"]

_STACKS = (".mrc", ".st")
_MADE = re.compile(r"_(full_rec|rec|ali|preali|preview)$|^(ave|avebin8|ali)_")


@dataclass(frozen=True, slots=True)
class SeriesInput:
    """One tilt series; `second` is the stack of the second axis, if it has two."""

    basename: str
    stack: Path
    second: Path | None = None


def find_series(folder: Path, only: str = "") -> list[SeriesInput]:
    """Find the tilt series of a folder, in the order of their names.

    Parameters
    ----------
    folder : Path
        Its own files are looked at, not those of folders in it.
    only : str
        Name of the one file to take.

    Raises
    ------
    NotFound
        If there is none.
    """
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder.name}")
    paths = [folder / only] if only else sorted(folder.iterdir(), key=natural_key)
    stacks = [path for path in paths if path.is_file() and _is_stack(path)]
    if not stacks:
        raise NotFound(
            f"{only or folder.name} holds nothing to process",
            hint="Tilt series end in .mrc or .st.",
        )
    return series_of(stacks)


def series_of(stacks: Sequence[Path]) -> list[SeriesInput]:
    """Make series of stacks in their order; ``Xa`` and ``Xb`` are two axes if there is no ``X``.

    Raises
    ------
    Invalid
        If a name ends in neither ``.mrc`` nor ``.st``, or two series would have one name.
    """
    for path in stacks:
        if path.suffix.lower() not in _STACKS:
            raise Invalid(f"{path.name} is no tilt series", hint="They end in .mrc or .st.")
    there = {path.stem: path for path in stacks}
    if len(there) < len(stacks):
        names = sorted({p.stem for p in stacks if [q.stem for q in stacks].count(p.stem) > 1})
        raise Invalid(f"two tilt series are called {names[0]}", hint="Process them in two runs.")
    return [one for path in stacks if (one := _one(path, there)) is not None]


def _one(path: Path, there: dict[str, Path]) -> SeriesInput | None:
    """Give the series of a stack; None for a second axis, which comes with the first."""
    base, letter = path.stem[:-1], path.stem[-1]
    if base and letter in "ab" and base not in there:
        other = there.get(base + ("b" if letter == "a" else "a"))
        if other is not None:
            return SeriesInput(base, path, other) if letter == "a" else None
    return SeriesInput(path.stem, path)


def is_made(path: Path) -> bool:
    """Tell by its name whether a stack is a result, not a series."""
    return bool(_MADE.search(path.stem))


def _is_stack(path: Path) -> bool:
    return path.suffix.lower() in _STACKS and not is_made(path)


def natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Give what sorts names as people do: `a2` comes before `A10`."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts], path.name
