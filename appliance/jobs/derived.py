"""What jobs made of studies, and by which tools: for datasets that are handed on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from appliance.catalog import study_files
from appliance.core import NotFound
from appliance.jobs.records import plan_text, read_records

__all__ = ["Derived", "Maker", "derived_files", "makers_of"]

_RECORDED = "SELECT 1 FROM provenance WHERE origin = ?"
_INPUTS = "SELECT file_id FROM provenance_file WHERE origin = ? AND dir = 'in' ORDER BY 1"


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """A file that an attempt made; `inputs` are what the attempt read, by id."""

    file_id: int
    study_id: int
    path: str
    kind: str
    tags: list[str]
    size_bytes: int
    n_volumes: int
    origin: str
    inputs: list[int]


class Maker(msgspec.Struct, frozen=True, kw_only=True):
    """A tool, or a script, that really ran.

    Attributes
    ----------
    version : str
        Empty for a script.
    about : str
        The fingerprint of its descriptor, or of the script with its arguments.
    container : dict or None
        ``type`` and ``image``, where it ran in one.
    """

    name: str
    version: str
    about: str
    container: dict[str, str] | None


def derived_files(con: sqlite3.Connection, study_ids: Iterable[int]) -> list[Derived]:
    """Give the files of studies that jobs made, and of which it is recorded how."""
    found, inputs = [], dict[str, list[int] | None]()
    for study_id in study_ids:
        for file in study_files(con, study_id):
            origin = file.origin or ""
            if not origin.startswith("attempt:"):
                continue
            if origin not in inputs:
                inputs[origin] = _inputs(con, origin)
            read = inputs[origin]
            if read is not None:
                found.append(
                    Derived(
                        file_id=file.id,
                        study_id=study_id,
                        path=file.path,
                        kind=file.kind,
                        tags=file.tags,
                        size_bytes=file.size_bytes,
                        n_volumes=int((file.header or {}).get("n_volumes") or 1),
                        origin=origin,
                        inputs=read,
                    )
                )
    return found


def makers_of(con: sqlite3.Connection, origins: Sequence[str]) -> list[Maker]:
    """Give each tool and each script once that some attempts ran, by name."""
    found: dict[str, Maker] = {}
    for record in read_records(con, dict.fromkeys(origins)).values():
        one = _maker(con, record)
        found.setdefault(repr(one), one)
    return sorted(found.values(), key=lambda one: (one.name, one.version, one.about))


def _inputs(con: sqlite3.Connection, origin: str) -> list[int] | None:
    if con.execute(_RECORDED, (origin,)).fetchone() is None:
        return None
    return [row[0] for row in con.execute(_INPUTS, (origin,))]


def _maker(con: sqlite3.Connection, record: dict[str, Any]) -> Maker:
    container = record.get("container")
    if record["tool"]:
        name, version, digest = record["tool"]
        about = f"descriptor SHA-256 {digest}" if digest else ""
        return Maker(name=name, version=version, about=about, container=container)
    job = record["job"]
    digest = job.get("spec_sha256") or record["plan"]
    return Maker(
        name=job["name"],
        version="",
        about=f"{_language(con, record)} script, SHA-256 of it with its arguments {digest}",
        container=container,
    )


def _language(con: sqlite3.Connection, record: dict[str, Any]) -> str:
    if record["job"].get("function"):
        return str(record["job"]["function"])
    try:
        plan = msgspec.json.decode(plan_text(con, record))
    except NotFound:
        return "a"
    return str(plan["job"].get("language") or "a")
