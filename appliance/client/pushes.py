"""The part of the client that sends to archives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

import msgspec

from appliance.client.base import Base, Items
from appliance.client.rows import Done

__all__ = ["Push", "PushAnswer", "PushAsked", "PushCalls", "PushFate", "PushNode", "PushPatient"]


class PushNode(msgspec.Struct, frozen=True):
    """An archive that a project may send to."""

    name: str
    address: str


class PushPatient(msgspec.Struct, frozen=True):
    """Who a subject is."""

    patient_id: str
    name: str
    birth_date: str
    sex: str


class PushFate(msgspec.Struct, frozen=True):
    """What becomes of a series or a result; with a `problem` it does not go."""

    psid: str
    kind: str
    what: str
    n_objects: int
    n_there: int
    known_there: bool
    problem: str
    hint: str
    patient: PushPatient | None


class PushAsked(msgspec.Struct, frozen=True):
    """What becomes of everything; `batch` is empty when nothing goes."""

    batch: str
    address: str
    fates: list[PushFate]


class Push(msgspec.Struct, frozen=True):
    """A series, or a result, that is sent; nothing here tells who it shows."""

    key: str
    batch: str
    node: str
    kind: str
    psid: str
    what: str
    n_objects: int
    n_sent: int
    n_refused: int
    state: str
    reason: str
    hint: str
    tries: int


class PushAnswer(msgspec.Struct, frozen=True):
    """What the archive said of one object."""

    n: int
    state: str
    code: int | None
    text: str


class PushCalls(Base):
    """Sending to archives."""

    def push_nodes(self, project: str) -> list[PushNode]:
        """List the archives that a project may send to."""
        return self._get(
            f"/projects/{quote(project, safe='')}/pacs/push-nodes", Items[PushNode]
        ).items

    def push(
        self,
        project: str,
        node: str,
        *,
        studies: Sequence[int] = (),
        files: Sequence[int] = (),
        form: Literal["seg", "rtstruct"] = "seg",
        reference_id: int | None = None,
        title: str = "",
        new_study: bool = False,
        again: bool = False,
        names: bool = False,
        dry_run: bool = False,
    ) -> PushAsked:
        """Send series, ROIs, pictures and reports to an archive.

        Parameters
        ----------
        studies : sequence of int
            All series of them.
        files : sequence of int
            Images (the objects of their series), masks and label maps, PNG, JPEG and PDF.
        form : {"seg", "rtstruct"}
            What ROIs become.
        reference_id : int, optional
            Image that ROIs were drawn on.
        new_study : bool
            Whether the archive need not have the study.
        again : bool
            Whether also what it has acknowledged goes.
        names : bool
            Whether the answer tells who the subjects are, which needs the right to see that.
        dry_run : bool
            Only tell what would go.
        """
        body = {
            "node": node,
            "studies": list(studies),
            "files": list(files),
            "form": form,
            "reference_id": reference_id,
            "title": title,
            "new_study": new_study,
            "again": again,
            "names": names,
            "dry_run": dry_run,
        }
        return self._post(_pushes(project), PushAsked, body)

    def pushes(self, project: str, *, batch: str = "") -> list[Push]:
        """List what was sent to archives from a project, newest first."""
        return self._get(_pushes(project), Items[Push], {"batch": batch, "limit": 10_000}).items

    def push_answers(self, project: str, key: str) -> list[PushAnswer]:
        """Tell what the archive said of each object of a push."""
        return self._get(f"{_pushes(project)}/{quote(key, safe='')}", Items[PushAnswer]).items

    def act_on_pushes(self, project: str, action: str, *, batch: str) -> int:
        """Cancel, or retry, what was asked for together; gives how many were changed."""
        body = {"action": action, "batch": batch}
        return self._post(f"{_pushes(project)}/actions", Done, body).n


def _pushes(project: str) -> str:
    return f"/projects/{quote(project, safe='')}/pacs/pushes"
