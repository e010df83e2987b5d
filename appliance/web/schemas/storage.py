"""What the data folder takes on disk, and what may be freed."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from appliance.upkeep import StorageDay, StoragePart, StorageProject
from appliance.web.schemas.base import Input

__all__ = ["StorageFacts", "StorageFree", "StorageFreed"]


class StorageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The last measurement, and how it grew.

    `trash_days` and `jobs_days` are the ages after which trash and ended jobs may go; 0: never
    by itself.
    """

    measured_at: str | None
    disk_bytes: int
    free_bytes: int
    parts: list[StoragePart]
    projects: list[StorageProject]
    growth: list[StorageDay]
    trash_days: int
    jobs_days: int


class StorageFree(Input, frozen=True):
    """What is to be freed now: cached pictures, old trash, or folders of old jobs."""

    what: Literal["cache", "trash", "jobs"]
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30


class StorageFreed(msgspec.Struct, frozen=True):
    """What was freed: bytes of the cache, operations of the trash, or jobs."""

    n: int
