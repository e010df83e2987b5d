"""Protocols of projects: kept, learned from a good session, and compared with what has come."""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import Conflict, Invalid, NotFound
from appliance.exchange.protocol_rows import Deviation, Expected, Protocol, ProtocolSeries

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["compare", "keep_protocol", "kept_protocol", "learn", "missing_series", "series_of"]

_KIND, _NAME = "protocol", "protocol"
_RELATIVE = 0.01
_IDENTIFYING_THE_MACHINE = frozenset({"StationName", "SoftwareVersions"})
_SERIES = (
    "SELECT s.*, e.parameters, e.figures FROM incoming_series s"
    " LEFT JOIN examined e ON e.series_id = s.id"
    " WHERE s.project_id = ? AND s.pid = ? AND s.sid = ? ORDER BY s.number, s.id"
)


def series_of(con: sqlite3.Connection, project_id: int, psid: str) -> list[Any]:
    """Give the rows of the series of a session, with parameters and figures as JSON."""
    pid, _, sid = psid.partition("#")
    return con.execute(_SERIES, (project_id, pid, sid)).fetchall()


def kept_protocol(con: sqlite3.Connection, project_id: int) -> Protocol:
    """Read the protocol of a project."""
    from appliance.catalog import get_doc

    try:
        found = get_doc(con, _KIND, _NAME, project_id=project_id)
    except NotFound:
        return Protocol()
    return msgspec.convert({**found.doc, "rev": found.rev}, Protocol)


def keep_protocol(tx: Tx, project_id: int, protocol: Protocol, actor: str) -> None:
    """Replace the protocol of a project; it goes into the history.

    Raises
    ------
    Invalid
        If a series has no name.
    Conflict
        If somebody changed it after `protocol.rev`.
    """
    from appliance.catalog import put_doc

    if any(not one.name.strip() for one in protocol.series):
        raise Invalid("a series of the protocol has no name")
    doc = msgspec.to_builtins(protocol)
    rev = doc.pop("rev")
    put_doc(tx, _KIND, _NAME, doc, project_id=project_id, rev=rev, actor=actor)
    tx.event("session.changed", project=_project(tx, project_id))


def _project(tx: Tx, project_id: int) -> str:
    return str(
        tx.con.execute("SELECT name FROM projects WHERE id = ?", (project_id,)).fetchone()[0]
    )


def learn(con: sqlite3.Connection, project_id: int, psid: str) -> Protocol:
    """Make a protocol of a good session: its images with their parameters.

    Numbers may differ by a hundredth; station and software are not asked for.

    Raises
    ------
    NotFound
        If the session has no series.
    Conflict
        If some of them have not been looked at yet, so that their parameters are not known.
    """
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in series_of(con, project_id, psid):
        if row["state"] != "failed" and _facts(row).get("image", True):
            groups.setdefault((name_of(row), row["modality"]), []).append(row)
    if not groups:
        raise NotFound(f"no series of {psid} have arrived here")
    if any(row["parameters"] is None for rows in groups.values() for row in rows):
        raise Conflict(f"series of {psid} are still being looked at", hint="Try again in a moment.")
    series = tuple(
        ProtocolSeries(name=name, modality=modality, count=len(rows), parameters=_parameters(rows))
        for (name, modality), rows in groups.items()
    )
    rev = kept_protocol(con, project_id).rev
    return Protocol(series=series, learned_from=psid, rev=rev)


def _facts(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(row["facts"])
    return found


def name_of(row: Any) -> str:
    """Give what a series is called: its protocol, else its description, else its folder."""
    facts = _facts(row)
    return str(facts.get("protocol") or facts.get("description") or row["folder"])


def _told(row: Any) -> dict[str, str]:
    return msgspec.json.decode(row["parameters"], type=dict[str, str]) if row["parameters"] else {}


def _parameters(rows: Sequence[Any]) -> tuple[Expected, ...]:
    """Give the parameters on which all series of one name agree."""
    told = [_told(row) for row in rows]
    agreed = {
        field: value
        for field, value in told[0].items()
        if all(one.get(field) == value for one in told) and field not in _IDENTIFYING_THE_MACHINE
    }
    return tuple(Expected(field, value, _tolerance(value)) for field, value in agreed.items())


def _tolerance(value: str) -> float:
    numbers = _numbers(value)
    if not numbers or all(number == int(number) and abs(number) < 1000 for number in numbers):
        return 0.0
    return float(f"{_RELATIVE * max(abs(number) for number in numbers):.2g}")


def _numbers(text: str) -> list[float] | None:
    try:
        return [float(part) for part in text.split("\\")]
    except ValueError:
        return None


def compare(
    protocol: Protocol, rows: Sequence[Any]
) -> dict[int, tuple[ProtocolSeries | None, list[Deviation]]]:
    """Find the series of the protocol that each series is, and on what it differs; by row id.

    Of several with the same name, that with the fewest differences.
    """
    found = {}
    for row in rows:
        told = _told(row)
        fitting = [one for one in protocol.series if _is(one, row)]
        judged = [(_deviations(one, told) if told else [], one) for one in fitting]
        best = min(judged, key=lambda pair: len(pair[0])) if judged else ([], None)
        found[int(row["id"])] = (best[1], best[0])
    return found


def _is(series: ProtocolSeries, row: Any) -> bool:
    if series.modality and series.modality != row["modality"]:
        return False
    facts = _facts(row)
    pattern = ".*".join(re.escape(part) for part in series.name.split("*"))
    names = {str(facts.get(key) or "") for key in ("protocol", "description")} | {row["folder"]}
    return any(re.fullmatch(pattern, name, re.IGNORECASE) for name in names)


def _deviations(series: ProtocolSeries, told: Mapping[str, str]) -> list[Deviation]:
    return [
        Deviation(one.field, one.value, told.get(one.field, ""))
        for one in series.parameters
        if not _fits(one, told.get(one.field))
    ]


def _fits(wanted: Expected, value: str | None) -> bool:
    if value is None:
        return False
    a, b = _numbers(wanted.value), _numbers(value)
    if a is None or b is None:
        return wanted.value.casefold() == value.casefold()
    slack = wanted.tolerance + 1e-9 * max(1.0, *(abs(number) for number in a))
    return len(a) == len(b) and all(
        math.isclose(x, y, abs_tol=slack, rel_tol=0) for x, y in zip(a, b, strict=True)
    )


def missing_series(protocol: Protocol, found: Iterable[ProtocolSeries | None]) -> list[str]:
    """Name the required series that have not come, each as often as it is missed."""
    there = Counter(one.name for one in found if one is not None)
    return [
        one.name if one.count == 1 else f"{one.name} ({there[one.name]} of {one.count})"
        for one in protocol.series
        if one.required and there[one.name] < one.count
    ]
