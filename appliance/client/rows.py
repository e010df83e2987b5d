"""What the API answers, as far as programs use it; fields that are not named here are ignored."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "Backup",
    "BatchAccepted",
    "Check",
    "Done",
    "Event",
    "FileRow",
    "FixDone",
    "Grant",
    "Health",
    "Identity",
    "JobRow",
    "Log",
    "Member",
    "Named",
    "Operation",
    "OperationDone",
    "Output",
    "Project",
    "ProjectTags",
    "Receipt",
    "ReceiptItem",
    "Selected",
    "Session",
    "SqlResult",
    "StudyRow",
    "SubjectRow",
    "TagCount",
    "TagsChanged",
    "Unresolved",
    "User",
]


class Session(msgspec.Struct, frozen=True):
    """Who the service takes us for."""

    login: str
    is_admin: bool
    rights: list[str]
    version: str
    project_default: str


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A pool of subjects."""

    key: str
    name: str
    module: str
    state: str
    n_subjects: int
    n_studies: int
    n_files: int
    size_bytes: int


class SubjectRow(msgspec.Struct, frozen=True, kw_only=True):
    """One subject."""

    id: int
    key: str
    pid: str
    sex: str | None
    tags: list[str]
    n_studies: int
    n_files: int
    fields: dict[str, Any] = {}


class StudyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One study; `psid` is ``PID#SID``."""

    id: int
    key: str
    psid: str
    subject_id: int
    pid: str
    sid: str
    date: str | None
    description: str | None
    tags: list[str]
    n_files: int
    fields: dict[str, Any] = {}


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """One file; `path` is relative to its study's folder."""

    id: int
    key: str
    study_id: int
    psid: str
    path: str
    kind: str
    size_bytes: int
    version: str
    tags: list[str]
    content_url: str
    origin: str | None


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """One file that a selector chose; `doc` is its content when JSON was asked for."""

    psid: str
    path: str
    file_id: int
    tags: list[str]
    absolute_path: str
    doc: Any = None


class Named(msgspec.Struct, frozen=True):
    """A subject or a study that a name means; `level` tells which."""

    name: str
    level: str
    id: int


class Output(msgspec.Struct, frozen=True):
    """Where a file or folder belongs."""

    psid: str
    path: str
    absolute_path: str


class Identity(msgspec.Struct, frozen=True):
    """Who a subject really is."""

    patient_id: str
    name: str
    birth_date: str
    sex: str


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One line of history; `final_at` tells when what lies in the trash is deleted for good."""

    id: int
    at: str
    actor: str
    verb: str
    project: str | None
    target: dict[str, Any]
    undoable: bool
    undone_at: str | None
    final_at: str | None


class TagsChanged(msgspec.Struct, frozen=True):
    """How many rows were meant, and the operation that takes the change back."""

    n: int
    operation_id: int | None


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may do in one project; its admin may do everything there."""

    role: str = "user"
    readonly: bool = True
    batchtool: bool = False
    download: bool = False
    deanonym: bool = False


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user; `grants` tells by project what it may do, unless it is an administrator."""

    id: int
    login: str
    full_name: str
    is_admin: bool
    disabled: bool
    seen_at: str | None
    grants: dict[str, Grant]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A user of a project."""

    login: str
    full_name: str
    disabled: bool
    grant: Grant


class TagCount(msgspec.Struct, frozen=True):
    """A tag with how often it is used."""

    name: str
    n: int


class ProjectTags(msgspec.Struct, frozen=True):
    """The tags in use on each level."""

    subject: list[TagCount]
    study: list[TagCount]
    file: list[TagCount]


class Done(msgspec.Struct, frozen=True):
    """How many things were changed."""

    n: int


class OperationDone(msgspec.Struct, frozen=True):
    """An operation that can be undone by its id."""

    operation_id: int
    n: int


class ReceiptItem(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an arrival."""

    id: int
    name: str
    size_bytes: int
    state: str
    reason: str
    hint: str
    psid: str | None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one arrival; `items` only when one receipt was asked for."""

    key: str
    project: str
    kind: str
    source: str
    state: str
    n_files: int
    n_done: int
    n_quarantined: int
    n_duplicate: int
    n_pending: int
    studies: list[str]
    reason: str
    hint: str
    items: list[ReceiptItem] = []


class Unresolved(msgspec.Struct, frozen=True):
    """A target that was not started, and why."""

    psid: str
    job: str
    problem: str


class BatchAccepted(msgspec.Struct, frozen=True):
    """A batch that runs."""

    key: str
    n_jobs: int
    unresolved: list[Unresolved]
    skipped: list[Unresolved] = []


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """One job; `letter` is q, r, e, d or k."""

    key: str
    batch_key: str | None
    name: str
    psid: str | None
    project: str
    state: str
    letter: str
    queue: str
    attempt: int
    why: str
    function: str = ""
    owner: str = ""
    created_at: str = ""
    started_at: str | None = None
    ended_at: str | None = None
    wall_s: float | None = None
    priority: int = 0


class Log(msgspec.Struct, frozen=True):
    """A piece of a log; ask again from `offset` until `done`."""

    text: str
    offset: int
    done: bool


class SqlResult(msgspec.Struct, frozen=True):
    """The answer to a statement."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the health page."""

    id: str
    title: str
    level: str
    text: str
    hint: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the appliance is."""

    status: str
    checks: list[Check]
    version: str
    started_at: str


class FixDone(msgspec.Struct, frozen=True):
    """What a repair has done, as a sentence."""

    note: str


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """One backup of the databases."""

    name: str
    created_at: str
    size_bytes: int
    verified: bool
    version: str


class Event(msgspec.Struct, frozen=True):
    """One change; `seq` is its place in the sequence."""

    seq: int
    topic: str
    data: dict[str, Any]
