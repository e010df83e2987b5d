"""Admin tools that bring data in: lists of sources, files by a pattern, and tables."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance.cli.bring import follow, source_path
from appliance.cli.call import Call, count
from appliance.core import ApplianceError, Invalid, NotFound, safe_name

__all__ = ["batchimport", "importcsv", "importfiles"]


def batchimport(call: Call) -> int:
    """Import each source of a list: a path a line, or CSV with path, patients_id, studies_id.

    Returns
    -------
    int
        1 when one of them was not taken whole; the others are imported nevertheless.
    """
    code = 0
    for row in _sources(Path(call.line.words[0])):
        try:
            path = source_path(Path(row.pop("path")))
            print(f"{path}:", end=" ", flush=True)
            receipt = call.client.import_path(call.project, str(path), **row)
            code |= follow(call.client, receipt.key)
        except ApplianceError as error:
            print(f"error: {error.message}", file=sys.stderr)
            code = 1
    return code


def importfiles(call: Call) -> int:
    """Import all files of a folder; a pattern with named groups tells subject and study."""
    path, pattern = call.line.words
    options = {"pattern": pattern}
    if "extrafiles_filter" in call.line.options:
        options["extrafiles_filter"] = call.line.options["extrafiles_filter"]
    receipt = call.client.import_path(call.project, str(source_path(Path(path))), **options)
    return follow(call.client, receipt.key, as_json=call.wants("json"))


def importcsv(call: Call) -> int:
    """Store each row of a table as ``META/<name of the table>.json`` in the study it names.

    The column IDCOL holds ``PID#SID``, ``PID#LATEST``, or ``PID`` for all studies of a subject.
    A study that a second row names, or that has such a file already, keeps what it has.

    Returns
    -------
    int
        1 when a row was not stored.
    """
    path, column = Path(call.line.words[0]), call.line.words[1]
    name = f"META/{safe_name(path.stem)}.json"
    n_stored, n_failed = 0, 0
    for number, row in enumerate(_rows(path, column), start=1):
        try:
            n_stored += _store(call, str(row[column] or ""), name, row)
        except ApplianceError as error:
            n_failed += 1
            print(f"error: {path.name}, row {number}: {error.message}", file=sys.stderr)
    text = f"stored {name} in {count(n_stored, 'study')}"
    call.tell(text, {"n": n_stored, "n_failed": n_failed})
    return 1 if n_failed else 0


def _store(call: Call, study: str, name: str, row: dict[str, Any]) -> int:
    places = call.client.outputs(call.project, study.strip(), name)
    doc = {key: cell for key, cell in row.items() if key and cell is not None}
    tags = call.listed("addtag")
    for place in places:
        call.client.put(call.project, place.psid, name, doc, tags=tags)
    return len(places)


def _rows(path: Path, column: str) -> list[dict[str, Any]]:
    from appliance.client import Table

    with _opened(path) as stream:
        text = stream.read()
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    found = Table.from_csv(text, delimiter=delimiter)
    if column not in found.columns:
        known = ", ".join(found.columns) or "none"
        raise Invalid(f"{path.name} has no column {column!r}", hint=f"Its columns: {known}.")
    return found.records()


def _sources(path: Path) -> Iterator[dict[str, str]]:
    known = ("path", "patients_id", "studies_id")
    with _opened(path) as stream:
        lines = [line for line in stream.read().splitlines() if line.strip()]
    if not lines or lines[0].split(",")[0].strip() != "path":
        yield from ({"path": line.strip()} for line in lines if not line.startswith("#"))
        return
    for row in csv.DictReader(lines):
        if row["path"]:
            yield {name: row[name].strip() for name in known if row.get(name)}


def _opened(path: Path) -> Any:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}") from error
