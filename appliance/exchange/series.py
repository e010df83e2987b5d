"""Series being assembled: whose they are, which folder they get, and when they are ready."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import new_key, now_ms
from appliance.formats import DicomRecord
from appliance.privacy import Identity, ProjectPolicy, scrub_text

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = [
    "Facts",
    "Visit",
    "ensure_incoming_series",
    "facts_of",
    "folders_of",
    "identity_of",
    "load_series",
]

_MOST_STUDIES = 100_000


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a series says of itself and of its study; nothing here tells who it shows."""

    number: int | None = None
    description: str = ""
    protocol: str = ""
    modality: str = ""
    date: str | None = None
    time: str | None = None
    study_description: str = ""
    sex: str | None = None
    age_years: float | None = None
    image: bool = True


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """Whose series it is: subject, StudyInstanceUID, and a study's folder if one was asked for."""

    project_id: int
    pid: str
    study_uid: str
    sid: str | None = None


def identity_of(record: DicomRecord) -> Identity:
    """Take the identity out of a header."""
    return Identity(
        patient_id=record.patient_id,
        issuer=record.issuer,
        name=record.patient_name,
        birth_date=record.birth_date,
        sex=record.sex,
    )


def facts_of(record: DicomRecord, policy: ProjectPolicy) -> Facts:
    """Take what the catalog may know out of a header; names in descriptions are left out."""
    identity = identity_of(record)
    return Facts(
        number=record.series_number,
        description=scrub_text(record.series_description, identity),
        protocol=scrub_text(record.protocol, identity),
        modality=record.modality,
        date=_date(record.study_date) if policy.keep_dates else None,
        time=_time(record.study_time) if policy.keep_dates else None,
        study_description=scrub_text(record.study_description, identity),
        sex=record.sex if record.sex in {"M", "F", "O"} else None,
        age_years=_age(record),
        image=record.has_pixels,
    )


def load_series(con: sqlite3.Connection, series_id: int) -> tuple[sqlite3.Row, Facts] | None:
    """Give a series' row, with its project's name, key and policy, and its facts."""
    row = con.execute(
        "SELECT s.*, p.name AS project, p.key AS project_key, p.policy FROM incoming_series s"
        " JOIN projects p ON p.id = s.project_id WHERE s.id = ?",
        (series_id,),
    ).fetchone()
    return None if row is None else (row, msgspec.json.decode(row["facts"], type=Facts))


def ensure_incoming_series(
    tx: Tx, visit: Visit, series_uid: str, facts: Facts, policy: ProjectPolicy
) -> sqlite3.Row:
    """Give the row of a series, made and given its folders when it is new."""
    sid = visit.sid or _study_folder(tx.con, visit, facts.date, policy)
    key = (visit.project_id, visit.pid, sid, series_uid)
    row = _find(tx.con, key)
    if row is None:
        folder = _series_folder(tx.con, visit, sid, facts, policy)
        tx.con.execute(
            "INSERT INTO incoming_series (key, project_id, pid, sid, study_uid, series_uid, folder,"
            " number, modality, facts, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                new_key(),
                visit.project_id,
                visit.pid,
                sid,
                visit.study_uid,
                series_uid,
                folder,
                facts.number,
                facts.modality,
                msgspec.json.encode(facts).decode(),
                now_ms(),
            ),
        )
        row = _find(tx.con, key)
    assert row is not None  # noqa: S101 - inserted above, in the same transaction
    return row


def folders_of(
    con: sqlite3.Connection, visit: Visit, facts: Facts, policy: ProjectPolicy, series_uid: str
) -> tuple[str, str]:
    """Give the folders of a study and a series: those they have, else free ones."""
    sid = visit.sid or _study_folder(con, visit, facts.date, policy)
    row = con.execute(
        "SELECT r.folder FROM series r JOIN studies t ON t.id = r.study_id JOIN subjects u"
        " ON u.id = t.subject_id WHERE u.project_id = ? AND u.pid = ? AND t.sid = ?"
        " AND r.series_uid = ?",
        (visit.project_id, visit.pid, sid, series_uid or None),
    ).fetchone()
    return sid, str(row[0]) if row else _series_folder(con, visit, sid, facts, policy)


def _find(con: sqlite3.Connection, key: tuple[Any, ...]) -> sqlite3.Row | None:
    row: sqlite3.Row | None = con.execute(
        "SELECT s.*, p.name AS project FROM incoming_series s JOIN projects p"
        " ON p.id = s.project_id WHERE project_id = ? AND pid = ? AND sid = ? AND series_uid = ?",
        key,
    ).fetchone()
    return row


def _study_folder(
    con: sqlite3.Connection, visit: Visit, date: str | None, policy: ProjectPolicy
) -> str:
    """Give the folder of a study: the one it has, else the first free one of its date."""
    taken = {
        str(row["sid"]).casefold(): (str(row["sid"]), str(row["study_uid"] or ""))
        for row in con.execute(
            "SELECT t.sid, t.study_uid FROM studies t JOIN subjects u ON u.id = t.subject_id"
            " WHERE u.project_id = ? AND u.pid = ?"
            " UNION SELECT sid, study_uid FROM incoming_series WHERE project_id = ? AND pid = ?",
            (visit.project_id, visit.pid, visit.project_id, visit.pid),
        )
    }
    for sid, study_uid in taken.values():
        if study_uid == visit.study_uid:
            return sid
    names = (policy.study(date, n) for n in range(1, _MOST_STUDIES))
    return next(name for name in names if not taken.get(name.casefold(), ("", ""))[1])


def _series_folder(
    con: sqlite3.Connection, visit: Visit, sid: str, facts: Facts, policy: ProjectPolicy
) -> str:
    """Give a folder that no other series of the study has."""
    rows = con.execute(
        "SELECT folder FROM incoming_series WHERE project_id = ? AND pid = ? AND sid = ?"
        " UNION SELECT r.folder FROM series r JOIN studies t ON t.id = r.study_id"
        " JOIN subjects u ON u.id = t.subject_id"
        " WHERE u.project_id = ? AND u.pid = ? AND t.sid = ?",
        (visit.project_id, visit.pid, sid, visit.project_id, visit.pid, sid),
    )
    taken = {str(row[0]).casefold() for row in rows}
    base = policy.series(msgspec.structs.asdict(facts))
    names = (base if n == 1 else f"{base}_{n}" for n in range(1, _MOST_STUDIES))
    return next(name for name in names if name.casefold() not in taken)


def _date(text: str) -> str | None:
    digits = text.replace("-", "").replace(".", "")
    if len(digits) != 8 or not digits.isdecimal():
        return None
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def _time(text: str) -> str | None:
    digits = text.replace(":", "")[:6]
    if len(digits) != 6 or not digits.isdecimal():
        return None
    return f"{digits[:2]}:{digits[2:4]}:{digits[4:]}"


def _age(record: DicomRecord) -> float | None:
    """Give the age in years, from the header or as the difference of two dates."""
    if record.age_years is not None:
        return round(record.age_years, 1)
    born, seen = _date(record.birth_date), _date(record.study_date)
    if born is None or seen is None:
        return None
    years = int(seen[:4]) - int(born[:4]) - (seen[5:] < born[5:])
    return float(years) if 0 <= years < 150 else None
