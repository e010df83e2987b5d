"""From the catalog's rows to the API's: times as ISO text, and the addresses of contents."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import quote

import msgspec

from appliance import catalog, upkeep
from appliance.core import Settings, iso
from appliance.formats import is_dicom_name
from appliance.web.schemas import (
    Backup,
    Check,
    FileRow,
    Header,
    Health,
    Items,
    NamedDoc,
    Page,
    Project,
    StudyRow,
    SubjectRow,
)
from appliance.web.scope import RIGHTS

__all__ = [
    "API",
    "backup",
    "document",
    "file_row",
    "health",
    "items",
    "login_url",
    "maybe_iso",
    "page",
    "project",
    "study_row",
    "subject_row",
    "volume_name",
    "without_details",
]

API = "/api/v1"
_VOLUMES = frozenset({"image", "mask", "labels"})
_A = TypeVar("_A")
_B = TypeVar("_B")


def page(found: catalog.Page[_A], view: Callable[[_A], _B]) -> Page[_B]:
    """Turn a page of one kind of rows into a page of another."""
    return Page([view(row) for row in found.items], found.next, found.total)


def items(found: Iterable[_A], view: Callable[[_A], _B]) -> Items[_B]:
    """Turn a short list into an answer."""
    return Items([view(row) for row in found])


def maybe_iso(at_ms: int | None) -> str | None:
    """Write a time that may be missing."""
    return None if at_ms is None else iso(at_ms)


def project(row: catalog.Project, rights: Iterable[str] = RIGHTS) -> Project:
    """Show a project, with what the caller may do in it."""
    facts = msgspec.structs.asdict(row)
    facts["created_at"] = iso(row.created_at)
    facts["rights"] = sorted(rights)
    return Project(**{name: facts[name] for name in Project.__struct_fields__})


def subject_row(row: catalog.SubjectRow) -> SubjectRow:
    """Show a subject."""
    return SubjectRow(**msgspec.structs.asdict(row))


def study_row(row: catalog.StudyRow) -> StudyRow:
    """Show a study with the address of its preview."""
    facts = msgspec.structs.asdict(row)
    file_id = facts.pop("preview_file_id")
    return StudyRow(**facts, preview_url=_preview(file_id) if file_id else None)


def file_row(row: catalog.FileRow, stale: str | None = None) -> FileRow:
    """Show a file with the addresses of its contents."""
    is_volume = row.kind in _VOLUMES
    is_shown = is_volume or (row.kind == "other" and is_dicom_name(row.name))
    return FileRow(
        id=row.id,
        key=row.key,
        study_id=row.study_id,
        psid=row.psid,
        path=row.path,
        folder=row.folder,
        name=row.name,
        kind=row.kind,
        size_bytes=row.size_bytes,
        mtime=iso(row.mtime_ns // 1_000_000),
        version=row.version,
        tags=row.tags,
        series=row.series,
        header=msgspec.convert(row.header, Header, strict=False) if row.header else None,
        content_url=f"{API}/files/{row.id}/{quote(row.name, safe='')}",
        volume_url=f"{API}/volumes/{row.id}/{volume_name(row.name)}" if is_shown else None,
        preview_url=_preview(row.id) if is_volume else None,
        origin=row.origin,
        stale=stale,
    )


def volume_name(name: str) -> str:
    """Name the plain NIfTI form of an image, for its address."""
    stem = name.removesuffix(".gz")
    return quote(f"{stem.rpartition('.')[0] or stem}.nii", safe="")


def login_url(settings: Settings, code: str) -> str:
    """Write the link by which a browser logs in with a one-time code."""
    web = settings.web
    host = "127.0.0.1" if web.bind in ("0.0.0.0", "::") else web.bind  # noqa: S104 - compared
    return f"http://{f'[{host}]' if ':' in host else host}:{web.port}/login#{code}"


def document(doc: catalog.Document) -> NamedDoc:
    """Show a named document."""
    return NamedDoc(
        kind=doc.kind, name=doc.name, doc=doc.doc, rev=doc.rev, updated_at=iso(doc.updated_at)
    )


def health(found: upkeep.Health) -> Health:
    """Show how the appliance is."""
    return Health(
        status=found.status,
        checks=[msgspec.convert(check, Check, from_attributes=True) for check in found.checks],
        version=found.version,
        started_at=iso(found.started_at),
        checked_at=iso(found.checked_at),
    )


def without_details(found: Health) -> Health:
    """Leave out of the checks what may name projects, folders and machines."""
    checks = [
        msgspec.structs.replace(
            check, text="", hint="" if check.level == "ok" else "Ask an administrator.", fix=None
        )
        for check in found.checks
    ]
    return msgspec.structs.replace(found, checks=checks)


def backup(found: upkeep.BackupInfo) -> Backup:
    """Show a backup; where it lies is the machine's business."""
    return Backup(
        name=found.name,
        created_at=iso(found.created_at),
        size_bytes=found.size_bytes,
        verified=found.verified,
        version=found.version,
    )


def _preview(file_id: int) -> str:
    return f"{API}/previews/{file_id}.png"
