"""Bodies about notebooks."""

from __future__ import annotations

from typing import Annotated

import msgspec

from appliance.web.schemas.base import Input

__all__ = ["NewNotebook", "Notebook", "NotebookLimits", "Notebooks"]


class NewNotebook(Input, frozen=True):
    """What is asked of a notebook; zeros stand for what the settings propose."""

    project: str
    cpus: Annotated[int, msgspec.Meta(ge=0)] = 0
    memory_mb: Annotated[int, msgspec.Meta(ge=0)] = 0
    gpus: Annotated[int, msgspec.Meta(ge=0)] = 0
    hours: Annotated[float, msgspec.Meta(ge=0, le=24 * 31)] = 0
    queue: str = ""


class Notebook(msgspec.Struct, frozen=True):
    """A notebook; it is opened at `path` on port `port` of this host."""

    key: str
    project: str
    name: str
    state: str
    letter: str
    why: str
    created_at: str
    port: int
    path: str


class NotebookLimits(msgspec.Struct, frozen=True):
    """How much of something is proposed, and how much there is."""

    proposed: int
    most: int


class Notebooks(msgspec.Struct, frozen=True):
    """One's own notebooks, and what the dialog for a new one needs.

    Attributes
    ----------
    problem : str
        Why none can be opened; empty when they can.
    """

    items: list[Notebook]
    problem: str
    queues: list[str]
    hours: int
    cpus: NotebookLimits
    memory_mb: NotebookLimits
    gpus: NotebookLimits
