"""The part of the client that erases subjects."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from appliance.client.base import Base

__all__ = ["ErasureCalls", "ErasurePlan", "OfAnother"]


class OfAnother(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was made from files of the subject and belongs to somebody or something else."""

    psid: str
    path: str
    is_model: bool


class ErasurePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be erased of a subject, and what stays: backups until they rotate, and others'."""

    project: str
    code: str
    studies: list[str]
    n_files: int
    n_originals: int
    n_held: int
    n_jobs: int
    n_cached: int
    n_names: int
    size_bytes: int
    backups: list[str]
    of_others: list[OfAnother]
    elsewhere: list[str]
    sources: list[str]
    busy: str


class ErasureCalls(Base):
    """Erasing subjects, for administrators."""

    def plan_erasure(self, project: str, subject: str) -> ErasurePlan:
        """Tell what would be erased of a subject."""
        return self._get(f"{_of(project)}/plan", ErasurePlan, {"subject": subject})

    def erase(self, project: str, subject: str, *, typed: str) -> ErasurePlan:
        """Erase a subject for good; `typed` is its code once more."""
        return self._post(_of(project), ErasurePlan, {"subject": subject, "typed": typed})


def _of(project: str) -> str:
    return f"/projects/{quote(project, safe='')}/erasures"
