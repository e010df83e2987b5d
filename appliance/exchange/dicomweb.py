"""Our own archive of originals for other DICOMweb programs: QIDO-RS and WADO-RS.

Who may not see identities gets codes: every answer is then what an export would hold, UIDs too.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import FormatError, NotFound
from appliance.exchange.dicomweb_query import Level, QidoQuery, returned
from appliance.exchange.dicomweb_rows import KeptSeries, kept_series, places_of_series
from appliance.exchange.dicomweb_store import Stow
from appliance.privacy import ProjectPolicy, Pseudonymizer, Withheld, keyed_uid

if TYPE_CHECKING:
    from appliance.catalog import Project
    from appliance.exchange.importer import Importer

__all__ = ["Asked", "OwnArchive", "Viewer", "WebObject"]

Header = dict[str, Any]
_MOST_HEADERS, _SEEN_S = 5000, 3600.0
_STUDY_UID, _SERIES_UID, _SOP_UID = "0020000D", "0020000E", "00080018"
_MODALITIES, _MODALITY = "00080061", "00080060"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a project's archive is asked for; an empty UID stands for all."""

    project: str
    study: str = ""
    series: str = ""
    instance: str = ""


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody sees the archive.

    Attributes
    ----------
    named : bool
        Whether real identities are told.
    root : str
        Address of the project's service, without a final slash.
    """

    named: bool
    root: str


class WebObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object: the place of the original, its UIDs as the caller sees them."""

    pid: str
    place: str
    study: str
    series: str
    instance: str


class OwnArchive:
    """The originals of all projects.

    Parameters
    ----------
    importer : Importer
        Knows what is kept, and what stands for a subject outside.
    """

    def __init__(self, importer: Importer) -> None:
        self._importer = importer
        self._headers: OrderedDict[tuple[str, ...], Header] = OrderedDict()
        self._seen: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def search(
        self, level: Level, asked: Asked, query: QidoQuery, viewer: Viewer
    ) -> tuple[list[Header], bool]:
        """Search studies, series or instances; gives a page and whether there are more.

        Raises
        ------
        NotFound
            If there is no such project.
        """
        view = _View(self, asked.project, viewer)
        found = _SEARCHES[level](view, asked, query)
        page = list(islice(found, query.offset, query.offset + query.limit + 1))
        shown = [returned(level, query, one) for one in page[: query.limit]]
        return shown, len(page) > query.limit

    def objects(self, asked: Asked, viewer: Viewer) -> list[WebObject]:
        """Give the objects of a study, a series or an instance.

        Raises
        ------
        NotFound
            If there are none.
        """
        found = list(_View(self, asked.project, viewer).objects(asked))
        if not found:
            raise NotFound("the archive has no such objects")
        return found

    def content(self, asked: Asked, one: WebObject, viewer: Viewer) -> bytes:
        """Give the bytes of an object as the caller may have them.

        Raises
        ------
        Withheld, FormatError
            If it may show a name in its pixels; if it cannot be rewritten.
        """
        from appliance.formats import rewrite_dicom

        path = self._importer.ctx.path(one.place)
        if viewer.named:
            return path.read_bytes()
        return rewrite_dicom(path, _View(self, asked.project, viewer).engine(one.pid))

    def metadata(self, asked: Asked, some: Sequence[WebObject], viewer: Viewer) -> Iterator[Header]:
        """Give the headers of objects; those that may not be shown are left out."""
        view = _View(self, asked.project, viewer)
        for one in some:
            try:
                yield view.whole_header(one)
            except (Withheld, FormatError):
                continue

    def store(self, asked: Asked, boundary: str, viewer: Viewer) -> Stow:
        """Begin to take objects into a project, under a receipt of their own.

        Raises
        ------
        NotFound, Conflict, DiskFull
            Before anything is taken.
        """
        view = _View(self, asked.project, viewer)
        return Stow(self._importer, asked.project, boundary, asked.study, view.address_of)

    def note_names(self, project: str, actor: str) -> None:
        """Put on record that somebody saw who the subjects are; once an hour."""
        now = time.monotonic()
        with self._lock:
            if self._seen.get((project, actor), -_SEEN_S) + _SEEN_S > now:
                return
            self._seen[project, actor] = now
        target = {"project": project}
        self._importer.ctx.catalog.write(
            lambda tx: tx.operation("dicomweb-names", actor=actor, target=target)
        )

    def project(self, name: str) -> Project:
        """Give a project."""
        from appliance.catalog import get_project

        with self._importer.ctx.catalog.read() as con:
            return get_project(con, name)

    def kept(self, key: tuple[str, ...], header: Header) -> Header:
        """Remember a header; originals never change."""
        with self._lock:
            self._headers[key] = header
            while len(self._headers) > _MOST_HEADERS:
                self._headers.popitem(last=False)
        return header

    def known(self, key: tuple[str, ...]) -> Header | None:
        """Give a header that is remembered."""
        with self._lock:
            return self._headers.get(key)

    @property
    def importer(self) -> Importer:
        """The room's way in, which knows the stand-ins."""
        return self._importer


class _View:
    """One project as one caller sees it, while one request lasts."""

    def __init__(self, archive: OwnArchive, project: str, viewer: Viewer) -> None:
        self._archive, self._viewer = archive, viewer
        self._ctx = archive.importer.ctx
        self.project = archive.project(project)
        self._policy = ProjectPolicy.of(self.project.policy)
        self._rules = msgspec.json.encode(self._policy).decode()
        self._secret = self._ctx.identities.secret(self.project.key)
        self._engines: dict[str, Pseudonymizer] = {}

    def shown(self, uid: str) -> str:
        """Give the form of a UID that the caller sees."""
        if self._viewer.named or "uids" in self._policy.dicom_options:
            return uid
        return keyed_uid(self._secret, uid)

    def engine(self, pid: str) -> Pseudonymizer:
        """Give what decides about the objects of a subject."""
        if pid not in self._engines:
            _, engine = self._archive.importer.dicom.engine(self.project, self._policy, pid)
            self._engines[pid] = engine
        return self._engines[pid]

    def series_of(self, asked: Asked, query: QidoQuery | None = None) -> list[KeptSeries]:
        """Give the series that are asked for, as far as their rows tell."""
        with self._ctx.catalog.read() as con:
            found = kept_series(con, self.project.id, self.shown)
        if query is not None:
            found = _narrowed(found, query)
        return [
            one
            for one in found
            if asked.study in ("", one.shown_study) and asked.series in ("", one.shown_series)
        ]

    def objects(self, asked: Asked) -> Iterator[WebObject]:
        """Give the objects that are asked for."""
        series = {one.id: one for one in self.series_of(asked)}
        with self._ctx.catalog.read() as con:
            rows = places_of_series(con, list(series))
        for series_id, place, sop_uid in rows:
            sop = self.shown(sop_uid)
            if asked.instance in ("", sop):
                one = series[series_id]
                yield WebObject(
                    pid=one.pid,
                    place=place,
                    study=one.shown_study,
                    series=one.shown_series,
                    instance=sop,
                )

    def header(self, pid: str, place: str) -> Header | None:
        """Give the header of an object without large values; None when it may not be shown."""
        from appliance.formats import object_json

        key = (place, "" if self._viewer.named else f"{pid} {self._rules}")
        known = self._archive.known(key)
        if known is None:
            decider = None if self._viewer.named else self.engine(pid)
            try:
                known = object_json(self._ctx.path(place), "", decider)
            except (Withheld, FormatError):
                known = {}
            self._archive.kept(key, known)
        return known or None

    def whole_header(self, one: WebObject) -> Header:
        """Give the header of an object, with addresses of its large values."""
        from appliance.formats import object_json

        decider = None if self._viewer.named else self.engine(one.pid)
        url = f"{self.address(one.study, one.series, one.instance)}/bulkdata"
        return object_json(self._ctx.path(one.place), url, decider)

    def address(self, study: str, series: str = "", instance: str = "") -> str:
        """Give where something is retrieved."""
        path = f"{self._viewer.root}/studies/{study}"
        path += f"/series/{series}" if series else ""
        return path + (f"/instances/{instance}" if instance else "")

    def address_of(self, study: str, series: str, instance: str) -> str:
        """Give where an object is retrieved, by its UIDs as they are."""
        return self.address(self.shown(study), self.shown(series), self.shown(instance))

    def studies(self, asked: Asked, query: QidoQuery) -> Iterator[Header]:
        """Search studies."""
        by_study: dict[str, list[KeptSeries]] = {}
        for one in self.series_of(asked):
            by_study.setdefault(one.shown_study, []).append(one)
        for study, series in by_study.items():
            kinds = sorted({one.modality for one in series if one.modality})
            if _narrowed(series, query) and _has_kind(kinds, query):
                header = self._first_of(series)
                if header is not None and query.fits(header, (_MODALITIES, _MODALITY)):
                    url = _told("00081190", "UR", self.address(study))
                    modalities = {_MODALITIES: {"vr": "CS", "Value": kinds}}
                    yield _study_part(header, series) | url | modalities

    def series(self, asked: Asked, query: QidoQuery) -> Iterator[Header]:
        """Search series."""
        for one in self.series_of(asked, query):
            header = self.header(one.pid, one.first)
            if header is not None and query.fits(header):
                url = self.address(one.shown_study, one.shown_series)
                yield header | _told("00081190", "UR", url) | _told("00201209", "IS", one.n_objects)

    def instances(self, asked: Asked, query: QidoQuery) -> Iterator[Header]:
        """Search instances."""
        pinned = query.pinned(_SOP_UID)
        for one in self.series_of(asked, query):
            part = Asked(project=asked.project, study=one.shown_study, series=one.shown_series)
            for item in self.objects(part):
                if pinned and item.instance not in pinned:
                    continue
                header = self.header(item.pid, item.place)
                if header is not None and query.fits(header):
                    url = self.address(item.study, item.series, item.instance)
                    yield header | _told("00081190", "UR", url) | _told("00080056", "CS", "ONLINE")

    def _first_of(self, series: Sequence[KeptSeries]) -> Header | None:
        """Give the first header of a study that may be shown."""
        found = (self.header(one.pid, one.first) for one in series)
        return next((header for header in found if header is not None), None)


def _study_part(header: Mapping[str, Any], series: Sequence[KeptSeries]) -> Header:
    """Give a header with the counts of its study, without what is of one series alone."""
    n = sum(one.n_objects for one in series)
    own = {tag: value for tag, value in header.items() if tag not in (_SERIES_UID, _SOP_UID)}
    counts = _told("00201206", "IS", len(series)) | _told("00201208", "IS", n)
    return own | counts | _told("00080056", "CS", "ONLINE")


def _told(tag: str, vr: str, value: object) -> Header:
    return {tag: {"vr": vr, "Value": [value]}}


def _has_kind(kinds: Iterable[str], query: QidoQuery) -> bool:
    wanted = query.pinned(_MODALITIES)
    return not wanted or bool(wanted & set(kinds))


def _narrowed(series: Iterable[KeptSeries], query: QidoQuery) -> list[KeptSeries]:
    """Leave out what cannot match by what is known without reading a header."""
    studies, those = query.pinned(_STUDY_UID), query.pinned(_SERIES_UID)
    kinds = query.pinned(_MODALITY)
    return [
        one
        for one in series
        if (not studies or one.shown_study in studies)
        and (not those or one.shown_series in those)
        and (not kinds or one.modality in kinds or any("*" in k or "?" in k for k in kinds))
    ]


_SEARCHES = {"studies": _View.studies, "series": _View.series, "instances": _View.instances}
