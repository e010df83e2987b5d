"""DICOM exports: the kept objects of studies, made nobody's by the rules of their project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance import __version__
from appliance.core import ApplianceError, FormatError, Invalid, NotFound, iso, now_ms
from appliance.exchange.exports import Entry, Export, Exports
from appliance.privacy import (
    CODES,
    EDITION,
    AttributeChange,
    Identity,
    ProjectPolicy,
    Pseudonymizer,
    Stand,
    Withheld,
    keyed_id,
    mentions,
    subject_label,
)

if TYPE_CHECKING:
    from appliance.catalog import Project

__all__ = ["BlackenedObjects", "DicomExports", "KeptObject", "ReleaseReport", "WithheldObjects"]

REPORT_NAME = "report.json"
_REASON_DAMAGED = "it cannot be read whole"


class KeptObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object on disk, and whose it is; `visit` and `series` count from 1."""

    pid: str
    visit: int
    series: int
    place: str
    size_bytes: int


class WithheldObjects(msgspec.Struct, frozen=True, kw_only=True):
    """Objects of one series that do not leave, and why."""

    subject: str
    study: str
    series: str
    reason: str
    n: int


class BlackenedObjects(msgspec.Struct, frozen=True, kw_only=True):
    """Objects of one series of which pixels were blackened, by which rules.

    Attributes
    ----------
    percent : float
        How much of a picture turned black.
    """

    subject: str
    study: str
    series: str
    rules: tuple[str, ...]
    percent: float
    n: int


class ReleaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to objects on their way out: counts and reasons, never a value.

    Attributes
    ----------
    sample : bool
        Whether only the first object of each series was looked at.
    """

    made_by: str
    at: str
    method: str
    options: list[str]
    burned_in: str
    sample: bool = False
    n_subjects: int = 0
    n_studies: int = 0
    n_series: int = 0
    n_objects: int = 0
    n_withheld: int = 0
    size_bytes: int = 0
    withheld: list[WithheldObjects] = []
    blackened: list[BlackenedObjects] = []
    changes: list[AttributeChange] = []


class DicomExports(Exports):
    """Gives the DICOM objects of studies away, pseudonymised."""

    KIND, STEP = "dicom", "exchange.dicom"

    def plan(self, project: str, study_ids: Sequence[int] = ()) -> ReleaseReport:
        """Try the first object of each series and tell what would be done to it."""
        found, kept = self._found(project, study_ids)
        first = [next(objects) for _, objects in groupby(kept, key=_series_of)]
        release = _Release(self, found, sample=True)
        for _ in release.entries(first):
            pass
        return release.report(kept)

    def sample(self, project: str, study_ids: Sequence[int] = ()) -> Iterator[Entry]:
        """Give the first object of each series as it would leave; it stands for all of them."""
        found, kept = self._found(project, study_ids)
        series = [list(objects) for _, objects in groupby(kept, key=_series_of)]
        release = _Release(self, found, sample=True)
        for objects in series:
            for entry in release.entries(objects[:1]):
                yield msgspec.structs.replace(entry, stands_for=len(objects))

    def begin(
        self, project: str, study_ids: Sequence[int], *, target: str = "", actor: str
    ) -> Export:
        """Begin an export to a folder of this machine, or make one ready for download.

        Raises
        ------
        Invalid
            If no object is kept of these studies, or the folder cannot be used.
        Conflict
            If the folder holds something already.
        """
        found, kept = self._found(project, study_ids)
        if not kept:
            raise Invalid(
                "nothing would be exported",
                hint="These studies did not come as DICOM, so no objects of them are kept.",
            )
        with self._ctx.catalog.read() as con:
            studies = list(study_ids) or _all_studies(con, found.id)
        return self._begin(
            found.id,
            studies,
            target=target,
            actor=actor,
            n_files=len(kept),
            size_bytes=sum(one.size_bytes for one in kept),
        )

    def stand(self, project: Project, policy: ProjectPolicy, pid: str) -> tuple[Stand, Identity]:
        """Give what stands for a subject outside, and who it is, so that it can be taken out."""
        store = self._ctx.identities
        secret = store.secret(project.key)
        try:
            identity = store.reveal(project.key, pid)
        except NotFound:
            identity = Identity()
        telling = policy.identified or not policy.is_subject_code(pid) or mentions(pid, identity)
        code = keyed_id(secret, "subject", pid) if telling else pid
        return Stand(subject_label(secret, code), store.date_shift(project.key, pid)), identity

    def engine(
        self, project: Project, policy: ProjectPolicy, pid: str
    ) -> tuple[Stand, Pseudonymizer]:
        """Give what decides about the objects of one subject."""
        stand, identity = self.stand(project, policy, pid)
        told = (identity.name, identity.patient_id, identity.birth_date)
        secret = self._ctx.identities.secret(project.key)
        return stand, Pseudonymizer(policy, secret, stand, [text for text in told if text])

    def path(self, place: str) -> Path:
        """Give where an object lies."""
        return self._ctx.path(place)

    def _found(self, project: str, study_ids: Sequence[int]) -> tuple[Project, list[KeptObject]]:
        from appliance.catalog import get_project

        with self._ctx.catalog.read() as con:
            found = get_project(con, project)
            return found, kept_objects(con, found.id, study_ids)

    def _entries(self, export: Export) -> Iterator[Entry]:
        project, kept = self._found(export.project, export.studies)
        return self._released(_Release(self, project), kept)

    def _released(self, release: _Release, kept: list[KeptObject]) -> Iterator[Entry]:
        yield from release.entries(kept)
        told = msgspec.json.format(msgspec.json.encode(release.report(kept)))
        yield Entry(REPORT_NAME, told, tells=True)


class _Release:
    """One run over some objects, with what it has done so far."""

    def __init__(self, exports: DicomExports, project: Project, *, sample: bool = False) -> None:
        self._exports, self._project, self._sample = exports, project, sample
        self._policy = ProjectPolicy.of(project.policy)
        self._withheld: Counter[tuple[str, str, str, str]] = Counter()
        self._blackened: Counter[tuple[str, str, str, tuple[str, ...], float]] = Counter()
        self._changes: Counter[tuple[str, str, str]] = Counter()
        self._n = 0

    def entries(self, kept: Sequence[KeptObject]) -> Iterator[Entry]:
        """Give the objects as they leave, one subject after the other."""
        for pid, objects in groupby(kept, key=lambda one: one.pid):
            stand, engine = self._exports.engine(self._project, self._policy, pid)
            try:
                yield from self._of_subject(stand.label, engine, objects)
            finally:
                for change in engine.changes:
                    self._changes[change.tag, change.name, change.action] += change.n

    def report(self, kept: Sequence[KeptObject]) -> ReleaseReport:
        """Tell what was done so far."""
        options: list[str] = [name for name in CODES if name in self._policy.dicom_options]
        return ReleaseReport(
            made_by=f"nora-appliance {__version__}",
            at=iso(now_ms()),
            method=f"DICOM PS3.15 {EDITION}, {CODES['basic'][1]}",
            options=options,
            burned_in=self._policy.dicom_burned_in,
            sample=self._sample,
            n_subjects=len({one.pid for one in kept}),
            n_studies=len({(one.pid, one.visit) for one in kept}),
            n_series=len({_series_of(one) for one in kept}),
            n_objects=len(kept) if self._sample else self._n,
            n_withheld=self._withheld.total(),
            size_bytes=sum(one.size_bytes for one in kept),
            withheld=[
                WithheldObjects(subject=subject, study=study, series=series, reason=why, n=n)
                for (subject, study, series, why), n in sorted(self._withheld.items())
            ],
            blackened=[
                BlackenedObjects(
                    subject=subject, study=study, series=series, rules=rules, percent=share, n=n
                )
                for (subject, study, series, rules, share), n in sorted(self._blackened.items())
            ],
            changes=[AttributeChange(*what, n) for what, n in sorted(self._changes.items())],
        )

    def _of_subject(
        self, label: str, engine: Pseudonymizer, objects: Iterator[KeptObject]
    ) -> Iterator[Entry]:
        from appliance.formats import rewrite_dicom

        for (_, visit, series), some in groupby(objects, key=_series_of):
            place = (label, f"study-{visit}", f"series-{series:03d}")
            for n, one in enumerate(some, start=1):
                try:
                    data = rewrite_dicom(self._exports.path(one.place), engine)
                except (Withheld, FormatError) as error:
                    self._withheld[(*place, _why(error))] += 1
                    continue
                self._n += 1
                self._tell_black(place, engine)
                yield Entry(f"{'/'.join(place)}/{n:06d}.dcm", data, counts=True)

    def _tell_black(self, place: tuple[str, str, str], engine: Pseudonymizer) -> None:
        done = engine.blackening
        if done is not None and done.share:
            self._blackened[*place, done.rules, round(100 * done.share, 1)] += 1


def kept_objects(con: Any, project_id: int, study_ids: Sequence[int]) -> list[KeptObject]:
    """Give the objects that are kept of studies, ordered by subject, study and series.

    Studies count per subject in the order in which they were made, so that a number stays.
    """
    rows = con.execute(
        "WITH visits AS (SELECT t.id, b.pid, t.trashed_at, b.trashed_at AS gone,"
        "  row_number() OVER (PARTITION BY b.id ORDER BY t.id) AS visit"
        "  FROM studies t JOIN subjects b ON b.id = t.subject_id WHERE b.project_id = ?)"
        " SELECT v.id, v.pid, v.visit, c.id AS series, i.place, max(i.size_bytes) AS size_bytes"
        " FROM visits v JOIN series s ON s.study_id = v.id JOIN incoming_series c ON c.key = s.key"
        " JOIN receipt_items i ON i.series_id = c.id AND i.place LIKE 'originals/%'"
        " WHERE v.trashed_at IS NULL AND v.gone IS NULL"
        " GROUP BY i.place ORDER BY v.pid, v.visit, c.number, c.id, min(i.id)",
        (project_id,),
    ).fetchall()
    asked = set(study_ids)
    numbers: dict[tuple[str, int], dict[int, int]] = {}
    kept = []
    for row in rows:
        if not asked or row["id"] in asked:
            seen = numbers.setdefault((row["pid"], row["visit"]), {})
            kept.append(
                KeptObject(
                    pid=row["pid"],
                    visit=row["visit"],
                    series=seen.setdefault(row["series"], len(seen) + 1),
                    place=row["place"],
                    size_bytes=row["size_bytes"],
                )
            )
    return kept


def _all_studies(con: Any, project_id: int) -> list[int]:
    rows = con.execute(
        "SELECT id FROM studies WHERE project_id = ? AND trashed_at IS NULL ORDER BY id",
        (project_id,),
    )
    return [int(row[0]) for row in rows]


def _series_of(one: KeptObject) -> tuple[str, int, int]:
    return one.pid, one.visit, one.series


def _why(error: ApplianceError) -> str:
    from appliance.formats import CannotBlacken

    told = isinstance(error, Withheld | CannotBlacken)
    return error.message if told else _REASON_DAMAGED
