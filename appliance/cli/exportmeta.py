"""Metadata of many JSON files as one table: a row per study, a column per sequence of keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Protocol

__all__ = ["meta_table"]

_RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run these


class _WithDoc(Protocol):
    @property
    def psid(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def doc(self) -> Any: ...


def meta_table(files: Iterable[_WithDoc], keys: Sequence[str] = ()) -> list[list[str]]:
    """Make the table.

    Parameters
    ----------
    files : iterable
        With ``psid``, ``path`` and the parsed ``doc``; those without one are left out.
    keys : sequence of str
        Patterns of columns such as ``*.mask.volume``; ``*`` stands for any characters, dots
        too. Empty: all columns.

    Returns
    -------
    list of list of str
        Header, then one row per study; a second row where a study holds two files of one name.
    """
    wanted = [_compile(key) for key in keys]
    rows: dict[tuple[str, int], dict[str, str]] = {}
    for psid, place, path, doc in _placed(files):
        row = rows.setdefault((psid, place), {})
        for column, value in _leaves(PurePosixPath(path).stem, doc):
            if not wanted or any(pattern.fullmatch(column) for pattern in wanted):
                row[column] = _cell(value)
    columns = sorted({column for row in rows.values() for column in row})
    table = [["subject", "study", *columns]]
    for (psid, _), row in sorted(rows.items()):
        pid, _, sid = psid.partition("#")
        table.append([_cell(pid), _cell(sid), *(row.get(column, "") for column in columns)])
    return table


def _placed(files: Iterable[_WithDoc]) -> Iterator[tuple[str, int, str, Any]]:
    """Give each file the number of the row in its study that still has room for its columns."""
    seen: dict[tuple[str, str], int] = {}
    for file in files:
        if file.doc is None:
            continue
        name = (file.psid, PurePosixPath(file.path).stem)
        seen[name] = seen.get(name, -1) + 1
        yield file.psid, seen[name], file.path, file.doc


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{prefix}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(f"{prefix}.{index}", inner)
    else:
        yield prefix, value


def _compile(key: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in key.split("*")), re.DOTALL)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_RISKY) else text
