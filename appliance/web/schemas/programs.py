"""What programs ask with names in place of ids, as the API gives and takes it."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.web.schemas.base import Input

__all__ = ["Named", "NamesRequest", "Output", "OutputRequest"]


class NamesRequest(Input, frozen=True):
    """Exact names of subjects (``PID``) and studies (``PID#SID``)."""

    names: list[str]


class Named(msgspec.Struct, frozen=True):
    """The subject or study that a name means."""

    name: str
    level: Literal["subject", "study"]
    id: int


class OutputRequest(Input, frozen=True):
    """Where a file or folder called `path` belongs, in the studies that `study` means."""

    study: str
    path: str


class Output(msgspec.Struct, frozen=True):
    """A place in a study's folder; nothing need lie there yet."""

    psid: str
    path: str
    absolute_path: str
