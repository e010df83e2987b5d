"""Tags, history, trash and names, as the API gives and takes them."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.web.schemas.base import Input

__all__ = [
    "MoveStudy",
    "NewName",
    "Operation",
    "Purged",
    "Retag",
    "TagTotal",
    "TagsChanged",
]


class TagTotal(msgspec.Struct, frozen=True, kw_only=True):
    """A tag of a project with its counts; `meaning` is told of special file tags."""

    name: str
    n_subjects: int
    n_studies: int
    n_files: int
    meaning: str


class Retag(Input, frozen=True):
    """Tags to be renamed, merged into one, or (`to` null) taken off everywhere in a project."""

    names: list[str]
    to: str | None = None


class TagsChanged(msgspec.Struct, frozen=True):
    """How many rows were meant, and the operation that takes the change back."""

    n: int
    operation_id: int | None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One line of history.

    Attributes
    ----------
    target : dict
        What it was done to; never an identity.
    undoable : bool
        Whether it can still be taken back, if nothing later stands in the way.
    final_at : str or None
        When what lies in the trash is deleted for good.
    """

    id: int
    at: str
    actor: str
    verb: str
    project: str | None
    target: dict[str, Any]
    undoable: bool
    undone_at: str | None
    undone_by: str | None
    purged_at: str | None
    final_at: str | None


class Purged(msgspec.Struct, frozen=True):
    """What was deleted for good."""

    n_files: int
    size_bytes: int


class NewName(Input, frozen=True):
    """Another code for a subject or a study, or another path within its study for a file."""

    name: str


class MoveStudy(Input, frozen=True):
    """The subject that a study is to belong to."""

    subject_id: int
