"""The values the catalog gives out: frozen rows, queries and pages."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

__all__ = [
    "FileQuery",
    "FileRow",
    "JobCounts",
    "Page",
    "Project",
    "SelectedFile",
    "SeriesFacts",
    "StudyQuery",
    "StudyRow",
    "SubjectQuery",
    "SubjectRow",
    "TagCount",
]

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some rows, the cursor of the next page (None at the end), and how many match in all."""

    items: list[T]
    next: str | None
    total: int


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A pool of subjects."""

    id: int
    key: str
    name: str
    module: str
    policy: dict[str, Any]
    state: str
    created_at: int
    n_subjects: int = 0
    n_studies: int = 0
    n_files: int = 0
    size_bytes: int = 0


class JobCounts(msgspec.Struct, frozen=True):
    """Jobs by letter: queued, running, with error, done."""

    q: int = 0
    r: int = 0
    e: int = 0
    d: int = 0


class SubjectRow(msgspec.Struct, frozen=True, kw_only=True):
    """One subject in the table; `pid` is the project's code, never the patient's ID."""

    id: int
    key: str
    pid: str
    sex: str | None
    tags: list[str]
    n_studies: int
    n_files: int
    last_date: str | None
    jobs: JobCounts = JobCounts()


class StudyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One study (visit) in the table; `psid` is ``PID#SID``."""

    id: int
    key: str
    psid: str
    subject_id: int
    pid: str
    sex: str | None
    sid: str
    date: str | None
    age_years: float | None
    description: str | None
    modalities: list[str]
    tags: list[str]
    subject_tags: list[str]
    n_files: int
    size_bytes: int
    preview_file_id: int | None
    jobs: JobCounts = JobCounts()


class SeriesFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a file's series says of itself."""

    number: int | None
    description: str | None
    protocol: str | None
    modality: str | None


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """One file; `path` is relative to its study's folder."""

    id: int
    key: str
    project: str
    project_id: int
    study_id: int
    pid: str
    sid: str
    psid: str
    path: str
    kind: str
    size_bytes: int
    mtime_ns: int
    sha256: str | None
    origin: str | None
    tags: list[str]
    series: SeriesFacts | None
    header: dict[str, Any] | None

    @property
    def folder(self) -> str:
        """Folder part of the path, without a final slash."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def version(self) -> str:
        """Text that changes whenever the file's bytes may have."""
        return f"{self.mtime_ns:x}-{self.size_bytes:x}"


class SelectedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file that a selector chose."""

    file_id: int
    study_id: int
    pid: str
    sid: str
    psid: str
    path: str
    kind: str
    size_bytes: int
    tags: list[str]


class TagCount(msgspec.Struct, frozen=True):
    """A tag with how often it is used on one level."""

    name: str
    n: int


class SubjectQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Filter bars of the subjects view; the dates ask for a study between them."""

    name: str = ""
    files: str = ""
    tags: str = ""
    date_from: str | None = None
    date_to: str | None = None
    sort: str = "pid"
    after: str | None = None
    limit: int = 200


class StudyQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Filter bars of the studies view; all that are given must hold."""

    name: str = ""
    files: str = ""
    description: str = ""
    tags: str = ""
    jobs: str = ""
    date_from: str | None = None
    date_to: str | None = None
    subject_id: int | None = None
    sort: str = "-date"
    after: str | None = None
    limit: int = 200


class FileQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Filter bars of the files view; the dates are those of the studies."""

    files: str = ""
    date_from: str | None = None
    date_to: str | None = None
    study_id: int | None = None
    kind: str | None = None
    sort: str = "path"
    after: str | None = None
    limit: int = 200
