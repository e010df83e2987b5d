"""The values of searching and pulling: queries, what an archive answers, and rows of pulls."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = [
    "Fate",
    "PacsPull",
    "PacsQuery",
    "PacsSeries",
    "PacsStudy",
    "PacsView",
    "PullState",
    "SearchState",
    "Wished",
]


class PacsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is sought. ``*`` and ``?`` stand for any text and any letter; empty: all.

    Attributes
    ----------
    patient_name : str
        ``LAST^FIRST``.
    study_date : str
        ``*``, a day, or days ``FROM-TO``, ``FROM-`` or ``-TO``; a day is ``20240131``,
        ``2024-01-31`` or ``31.01.2024``.
    days_before, days_after : int
        Days by which a day, or days, are widened; also those of `patients`.
    min_age, max_age : int
        Years at the time of the study. Whose age is unknown is left out when they are narrowed.
    patients : tuple of str
        One line each: PatientID, and a day after a tab, a semicolon or a comma; each is a query.
    without : tuple of str
        PatientIDs that are left out, as lines likewise.
    series : bool
        Whether the series of each study are asked for.
    """

    patient_id: str = ""
    patient_name: str = ""
    accession: str = ""
    study_date: str = "*"
    days_before: int = 0
    days_after: int = 0
    study_description: str = ""
    series_description: str = ""
    modality: str = ""
    modalities_in_study: str = ""
    min_age: int = 0
    max_age: int = 999
    patients: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    series: bool = True


class PacsStudy(msgspec.Struct, frozen=True, kw_only=True):
    """A study in an archive; it says who the patient is."""

    study_uid: str
    patient_id: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    date: str = ""
    time: str = ""
    description: str = ""
    accession: str = ""
    modalities: list[str] = []
    age_years: float | None = None
    n_series: int | None = None
    n_images: int | None = None


class PacsSeries(msgspec.Struct, frozen=True, kw_only=True):
    """A series in an archive.

    Attributes
    ----------
    in_studies, in_patients : int
        In how many of the studies, and of the patients, that were found a series of this
        description, protocol and modality occurs.
    n_here : int
        Its images that the project has already.
    """

    study_uid: str
    series_uid: str
    number: int | None = None
    description: str = ""
    protocol: str = ""
    modality: str = ""
    n_images: int | None = None
    in_studies: int = 0
    in_patients: int = 0
    n_here: int = 0


class PacsView(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told of a search.

    Attributes
    ----------
    named : bool
        Whether it is told who the patients are.
    studies_from, series_from, log_from : int
        How many of them are known already: what comes after them is given.
    """

    named: bool = True
    studies_from: int = 0
    series_from: int = 0
    log_from: int = 0


class SearchState(StrEnum):
    """Where a search is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class PullState(StrEnum):
    """Where a pull is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"  # fewer images came than the archive has
    FAILED = "failed"
    CANCELLED = "cancelled"


class Wished(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A series that is to be pulled, or, without `series_uid`, a whole study."""

    study_uid: str
    series_uid: str = ""
    modality: str = ""
    number: int | None = None
    n_images: int | None = None


class PullWays(msgspec.Struct, frozen=True, kw_only=True):
    """How a pull is done, beside what the node says.

    Attributes
    ----------
    autoexec : bool
        Whether the rules of autoexecution run on what it brings.
    autoexec_queue : str
        Queue of their jobs; empty: that of each rule.
    move_pause_s : float or None
        Seconds after each series; None: as the node says.
    """

    autoexec: bool = True
    autoexec_queue: str = ""
    move_pause_s: float | None = None


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a wished series.

    Attributes
    ----------
    action : str
        ``pull``; ``here``: all of it is here; ``asked``: it was asked for and has not come yet.
    """

    action: str
    n_here: int = 0


class PacsPull(msgspec.Struct, frozen=True, kw_only=True):
    """One series, or study, that is pulled. Nothing here tells who it shows.

    Attributes
    ----------
    batch : str
        What was asked for together.
    n_expected : int or None
        Images that the archive said it has.
    n_received : int
        Images that are on our disk.
    receipts : list of str
        Keys of the arrivals, the last one at the end.
    due_at : int
        When it is asked for (again), ms UTC.
    ways : PullWays
        How it is done.
    """

    key: str
    batch: str
    project: str
    node: str
    actor: str
    modality: str
    number: int | None
    n_expected: int | None
    n_received: int
    state: str
    reason: str
    hint: str
    receipts: list[str]
    tries: int
    due_at: int
    created_at: int
    updated_at: int
    ways: PullWays
