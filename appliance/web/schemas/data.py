"""Projects, subjects, studies, files and tags, as the API gives and takes them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from appliance.catalog import JobCounts, SeriesFacts, TagCount
from appliance.web.schemas.base import Input

__all__ = [
    "FileRow",
    "FilesAdd",
    "FilesRemove",
    "Header",
    "Identity",
    "NamedDoc",
    "NewProject",
    "OperationDone",
    "Project",
    "ProjectTags",
    "SelectRequest",
    "Selected",
    "StudyRow",
    "SubjectRow",
    "TagRequest",
    "TrashRequest",
]


class NewProject(Input, frozen=True):
    """A project to be made; `definition` is what its module's file holds."""

    name: str
    module: str = ""
    definition: dict[str, Any] = msgspec.field(default_factory=dict)


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A pool of subjects, with counts; `rights` is what the caller may do in it."""

    key: str
    name: str
    module: str
    state: str
    n_subjects: int
    n_studies: int
    n_files: int
    size_bytes: int
    created_at: str
    rights: list[str]


class SubjectRow(msgspec.Struct, frozen=True, kw_only=True):
    """One subject of the table; `pid` is the project's code, `fields` what was asked for."""

    id: int
    key: str
    pid: str
    sex: str | None
    tags: list[str]
    n_studies: int
    n_files: int
    last_date: str | None
    jobs: JobCounts
    fields: dict[str, Any] = {}


class StudyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One study of the table; `psid` is ``PID#SID``, `fields` what was asked for."""

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
    jobs: JobCounts
    preview_url: str | None
    fields: dict[str, Any] = {}


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What an image's header says; absent for files that are no images."""

    shape: list[int] = []
    voxel_mm: list[float] = []
    dtype: str = ""
    n_volumes: int = 1


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """One file; `path` is relative to its study's folder.

    Attributes
    ----------
    version : str
        Changes whenever the bytes may have; also the ETag of `content_url`.
    content_url : str
        The bytes, with ranges.
    volume_url : str or None
        The same image as plain NIfTI-1 for the viewer.
    origin : str or None
        Receipt item or attempt that the file came from.
    stale : str or None
        Why the file is out of date: an input was changed, or is gone.
    """

    id: int
    key: str
    study_id: int
    psid: str
    path: str
    folder: str
    name: str
    kind: str
    size_bytes: int
    mtime: str
    version: str
    tags: list[str]
    series: SeriesFacts | None
    header: Header | None
    content_url: str
    volume_url: str | None
    preview_url: str | None
    origin: str | None
    stale: str | None = None


class TagRequest(Input, frozen=True):
    """Tags to put on, and to take off, subjects, studies or files."""

    level: Literal["subject", "study", "file"]
    ids: list[int]
    add: list[str] = msgspec.field(default_factory=list)
    remove: list[str] = msgspec.field(default_factory=list)


class ProjectTags(msgspec.Struct, frozen=True):
    """The tags in use on each level."""

    subject: list[TagCount]
    study: list[TagCount]
    file: list[TagCount]


class TrashRequest(Input, frozen=True):
    """What to put into the trash, all of one operation."""

    files: list[int] = msgspec.field(default_factory=list)
    studies: list[int] = msgspec.field(default_factory=list)
    subjects: list[int] = msgspec.field(default_factory=list)


class OperationDone(msgspec.Struct, frozen=True):
    """An operation that can be undone by its id."""

    operation_id: int
    n: int


class SelectRequest(Input, frozen=True):
    """A selector over a project's files, or over some of its studies.

    Attributes
    ----------
    studies : list of str
        ``PID#SID`` or ``PID``; empty: all.
    by_filename : bool
        Sort by file name instead of by subject.
    """

    project: str
    selector: str
    studies: list[str] = msgspec.field(default_factory=list)
    json: bool = False
    by_filename: bool = False


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """One file that a selector chose; `doc` is its content when JSON was asked for."""

    psid: str
    path: str
    file_id: int
    tags: list[str]
    absolute_path: str
    doc: Any = None


class FilesAdd(Input, frozen=True):
    """Existing files below the project's folder to be put into the catalog."""

    project: str
    paths: list[str]
    tags: list[str] = msgspec.field(default_factory=list)


class FilesRemove(Input, frozen=True):
    """Files to be put into the trash, by absolute path or ``PID#SID/path``."""

    project: str
    paths: list[str]


class Identity(msgspec.Struct, frozen=True):
    """Who a subject really is."""

    patient_id: str
    name: str
    birth_date: str
    sex: str


class NamedDoc(msgspec.Struct, frozen=True, kw_only=True):
    """A saved view, layout, batch or autoloader."""

    kind: str
    name: str
    doc: Any
    rev: int
    updated_at: str
