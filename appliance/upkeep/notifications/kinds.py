"""The kinds of notifications: whom each is for, and how unless a user chose otherwise."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["CHANNELS", "KINDS", "OUTSIDE", "Audience", "Channel", "Kind", "Tone"]

Channel = Literal["browser", "email", "webhook"]
Tone = Literal["info", "warning", "error"]
Audience = Literal["owner", "project", "admin"]
CHANNELS: tuple[Channel, ...] = ("browser", "email", "webhook")
OUTSIDE: tuple[Channel, ...] = ("email", "webhook")
"""Channels that leave the machine."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of notification.

    Attributes
    ----------
    audience : str
        ``owner``: who started it. ``project``: by default who manages the project, and whoever may
        read it and asks for it. ``admin``: administrators.
    by_default : bool
        Whether it is shown in the browser unless the user chose otherwise.
    """

    id: str
    title: str
    audience: Audience
    by_default: bool = True


KINDS = {
    kind.id: kind
    for kind in (
        Kind(id="batch_done", title="A batch of mine is done", audience="owner"),
        Kind(id="batch_failed", title="A batch of mine ended with failures", audience="owner"),
        Kind(id="job_failed", title="Jobs of a batch of mine fail", audience="owner"),
        Kind(id="job_ended", title="A job ended that I asked to be told of", audience="owner"),
        Kind(id="import_waiting", title="An arrival waits for a decision", audience="project"),
        Kind(id="import_failed", title="An arrival failed", audience="project"),
        Kind(id="import_done", title="An arrival is in", audience="project", by_default=False),
        Kind(id="autorule_failed", title="An autoexecution rule failed", audience="project"),
        Kind(
            id="protocol_deviates",
            title="A scan deviates from its project's protocol, or misses a series",
            audience="project",
        ),
        Kind(id="health", title="A health check warns", audience="admin"),
        Kind(id="disk_low", title="Disk space is low", audience="admin"),
        Kind(id="backup_failed", title="A backup failed", audience="admin"),
    )
}
