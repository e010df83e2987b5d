"""IMOD's list of directives (``directives.csv``), read from the installation, and checks by it.

The list is part of IMOD and is never shipped with the appliance.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.core import FormatError
from appliance.tomography.directives import Directives, parse_directives
from appliance.tomography.imod import find_imod

__all__ = [
    "DirectiveFacts",
    "DirectiveList",
    "Problem",
    "check_directives",
    "installed_problems",
    "read_list",
]

Role = Literal["batch", "template"]


@dataclass(frozen=True, slots=True)
class DirectiveFacts:
    """What the list says of one directive; `definition` is its help."""

    key: str
    definition: str
    type: str
    in_batch: bool
    in_template: bool
    notes: str = ""
    label: str = ""
    choices: str = ""


@dataclass(frozen=True, slots=True)
class DirectiveList:
    """All directives that an installation of IMOD knows, by key."""

    facts: dict[str, DirectiveFacts]

    def find(self, key: str) -> DirectiveFacts | None:
        """Find a directive; one for a single axis is found as the one for any axis."""
        return next((self.facts[name] for name in _names(key) if name in self.facts), None)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a directive, with the line it stands in (0 if in none)."""

    key: str
    line: int
    text: str


def read_list(path: Path) -> DirectiveList:
    """Read ``directives.csv`` of an installation.

    Parameters
    ----------
    path : Path
        ``$IMOD_DIR/com/directives.csv``.

    Returns
    -------
    DirectiveList
        Whatever the order and number of the columns.

    Raises
    ------
    FormatError
        If it has no row of headings, or cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            rows = list(csv.reader(stream))
    except OSError as error:
        raise FormatError(f"IMOD's list of directives cannot be read: {path}") from error
    start = next((n for n, row in enumerate(rows) if row[:1] == ["Directive"]), None)
    if start is None:
        raise FormatError(f"{path.name} is no list of directives of IMOD")
    heads = [head.strip().lower() for head in rows[start]]
    found = (_facts(dict(zip(heads, row, strict=False))) for row in rows[start + 1 :])
    return DirectiveList({one.key: one for one in found if one is not None})


def check_directives(
    directives: Directives, known: DirectiveList, role: Role = "batch"
) -> list[Problem]:
    """Check a directive file by IMOD's list.

    Parameters
    ----------
    directives : Directives
        Of the file.
    known : DirectiveList
        What IMOD knows.
    role : {"batch", "template"}
        Whether it is the file of a series or a template: not all directives may stand in both.

    Returns
    -------
    list of Problem
        In the order of the lines; empty when all is well.
    """
    return sorted(_problems(directives, known, role), key=lambda one: one.line)


def installed_problems(text: str, name: str, role: Role = "batch") -> list[Problem]:
    """Check the text of a directive file by the list of the IMOD that is installed.

    Returns
    -------
    list of Problem
        None where IMOD or its list is not here.

    Raises
    ------
    FormatError
        If a line is no directive.
    """
    directives = parse_directives(text, name)
    imod = find_imod()
    path = imod / "com" / "directives.csv" if imod else None
    if path is None or not path.is_file():
        return []
    return check_directives(directives, read_list(path), role)


def _facts(row: dict[str, str]) -> DirectiveFacts | None:
    cells = {head: cell.strip() for head, cell in row.items()}
    key = cells.get("directive", "")
    if "." not in key or " " in key:
        return None
    return DirectiveFacts(
        key,
        cells.get("definition", cells.get("description", "")),
        cells.get("type", ""),
        cells.get("batch", "").upper() == "Y",
        cells.get("tmplt", "").upper() == "Y",
        cells.get("notes", ""),
        cells.get("label", ""),
        cells.get("choices", ""),
    )


def _names(key: str) -> Iterator[str]:
    """Give the names under which the list may have a directive."""
    yield key
    parts = key.split(".")
    if parts[0] == "runtime" and parts[2] in ("a", "b"):
        yield ".".join([*parts[:2], "any", *parts[3:]])
    if parts[0] == "comparam" and parts[1][-1] in "ab":
        yield ".".join([parts[0], parts[1][:-1], *parts[2:]])


def _problems(directives: Directives, known: DirectiveList, role: Role) -> Iterator[Problem]:
    for key, value in directives.values.items():
        text = _wrong(key, value, known, role)
        if text:
            yield Problem(key, directives.lines.get(key, 0), text)


def _wrong(key: str, value: str, known: DirectiveList, role: Role) -> str:
    facts = known.find(key)
    if facts is None:
        near = difflib.get_close_matches(key, known.facts, n=1, cutoff=0.7)
        return f"{key} is not known to IMOD" + (f"; did you mean {near[0]}?" if near else "")
    if not (facts.in_batch if role == "batch" else facts.in_template):
        what = "the file of a series" if role == "batch" else "a template"
        return f"{key} may not stand in {what}"
    if value and not _fits(facts.type, value):
        return f"{key} is of type {facts.type}, and {value!r} is not"
    return ""


def _fits(kind: str, value: str) -> bool:
    """Tell whether a value is of a type of the list; types we do not know take anything."""
    number, _, name = kind.lower().rpartition(" ")
    check = _TYPES.get(name)
    if check is None:
        return True
    words = value.replace(",", " ").split() if number.isdigit() else [value]
    return len(words) == (int(number) if number.isdigit() else 1) and all(map(check, words))


def _is_int(word: str) -> bool:
    return word.lstrip("+-").isdigit()


def _is_float(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


_TYPES: dict[str, Callable[[str], bool]] = {
    "bool": lambda word: word in ("0", "1"),
    "int": _is_int,
    "float": _is_float,
}
