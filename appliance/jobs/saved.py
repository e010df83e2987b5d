"""Saved batches: descriptions without targets, one person's own or for all of a project."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

import msgspec

from appliance.catalog import Catalog, Document, delete_doc, list_docs, put_doc
from appliance.core import Invalid, NotFound, Refused
from appliance.jobs.structs import BatchSpec, Choice, JobSpec, Level

__all__ = [
    "FORMAT",
    "Asker",
    "SavedBatch",
    "Template",
    "find_saved",
    "forget_saved",
    "list_saved",
    "save_batch",
    "template_of",
]

FORMAT = "nora-batch/1"
"""What a file with a batch says it is."""
_KIND = "batch"


class Template(msgspec.Struct, frozen=True, omit_defaults=False):
    """A batch without project and targets, as it is saved, exported and imported."""

    jobs: tuple[JobSpec, ...]
    name: str = ""
    format: str = FORMAT
    description: str = ""
    level: Level = "study"
    mode: Literal["serial", "parallel"] = "serial"
    queue: str = ""
    on_error: Literal["stop", "continue"] = "stop"
    priority: int = 0
    group: Literal["none", "subject", "batch"] = "none"
    n_groups: int = 1
    immediate: bool = False
    skip_done: bool = False
    choices: tuple[Choice, ...] = ()

    def spec(self, project: str) -> BatchSpec:
        """Give the batch for a project."""
        facts = msgspec.structs.asdict(self)
        for name in ("format", "description"):
            del facts[name]
        return BatchSpec(**facts | {"project": project, "name": self.name or "batch"})


class Asker(msgspec.Struct, frozen=True):
    """Who wants something of a saved batch; `manages`: may change those of others, too."""

    login: str
    manages: bool = False


class SavedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch kept under a name; `owner` is empty where that was not written down."""

    name: str
    owner: str
    private: bool
    may_change: bool
    updated_at: int
    doc: dict[str, Any]


def template_of(doc: Any) -> Template:
    """Read a description of a batch; what it says about project and targets is left out.

    Raises
    ------
    Invalid
        If it is none, with the place of what is wrong.
    """
    if isinstance(doc, dict) and isinstance(doc.get("batch"), dict):
        doc = {"format": doc.get("format", FORMAT), **doc["batch"]}
    try:
        template = msgspec.convert(doc, Template)
    except msgspec.ValidationError as error:
        raise Invalid(f"this is no batch: {error}") from error
    if template.format != FORMAT:
        raise Invalid(
            f"this is no batch but {template.format!r}", hint=f"A batch says format {FORMAT!r}."
        )
    return template


def list_saved(con: sqlite3.Connection, project_id: int, asker: Asker) -> list[SavedBatch]:
    """List one's own saved batches and those for all of the project, by name."""
    found = [
        _saved(doc, asker, private=private)
        for private in (True, False)
        for doc in list_docs(con, _kind(asker, private=private), project_id=project_id)
    ]
    return sorted(found, key=lambda one: (one.name.casefold(), not one.private))


def find_saved(con: sqlite3.Connection, project_id: int, asker: Asker, name: str) -> SavedBatch:
    """Give a saved batch by name; one's own counts before that of the project.

    Raises
    ------
    NotFound
        If there is none.
    """
    for one in list_saved(con, project_id, asker):
        if one.name.casefold() == name.casefold():
            return one
    raise NotFound(f"there is no saved batch {name!r}")


def save_batch(
    catalog: Catalog,
    project_id: int,
    asker: Asker,
    name: str,
    doc: Any,
    *,
    private: bool = False,
) -> SavedBatch:
    """Keep a batch under a name.

    Raises
    ------
    Invalid
        If it is no batch.
    Refused
        If another person's would be replaced.
    """
    template = template_of(doc)
    with catalog.read() as con:
        owner = _check_owner(con, project_id, asker, name, private=private) or asker.login
    kept = msgspec.to_builtins(template) | {"owner": owner}
    saved = catalog.write(
        lambda tx: put_doc(
            tx,
            _kind(asker, private=private),
            name,
            kept,
            project_id=project_id,
            actor=asker.login,
        )
    )
    return _saved(saved, asker, private=private)


def forget_saved(
    catalog: Catalog, project_id: int, asker: Asker, name: str, *, private: bool = False
) -> int:
    """Remove a saved batch; give the id of the operation, which can be undone."""
    with catalog.read() as con:
        _check_owner(con, project_id, asker, name, private=private)
    return catalog.write(
        lambda tx: delete_doc(
            tx, _kind(asker, private=private), name, project_id=project_id, actor=asker.login
        )
    )


def _check_owner(
    con: sqlite3.Connection, project_id: int, asker: Asker, name: str, *, private: bool
) -> str:
    """Give the owner of what is there already; nobody else may change it but who manages."""
    for doc in list_docs(con, _kind(asker, private=private), project_id=project_id):
        if doc.name.casefold() == name.casefold():
            one = _saved(doc, asker, private=private)
            if not one.may_change:
                raise Refused(
                    f"the saved batch {name!r} belongs to {one.owner}",
                    hint="Save it under another name, or as private.",
                )
            return one.owner
    return ""


def _saved(doc: Document, asker: Asker, *, private: bool) -> SavedBatch:
    body = {key: value for key, value in doc.doc.items() if key != "owner"}
    owner = str(doc.doc.get("owner", ""))
    mine = asker.manages or owner in ("", asker.login)
    return SavedBatch(
        name=doc.name,
        owner=owner,
        private=private,
        may_change=mine,
        updated_at=doc.updated_at,
        doc=body,
    )


def _kind(asker: Asker, *, private: bool) -> str:
    return f"{_KIND}@{asker.login}" if private else _KIND
