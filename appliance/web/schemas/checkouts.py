"""Files that are edited elsewhere, as the API takes and gives them."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.viewing import Program
from appliance.web.schemas.base import Input
from appliance.web.schemas.rois import IfChanged, SavedFile

__all__ = ["CheckIn", "CheckOut", "CheckedIn", "CheckoutRow"]


class CheckOut(Input, frozen=True):
    """The program, and the image that a mask is looked at with; by default one on its grid."""

    program: Program = "other"
    reference_id: int | None = None


class CheckIn(Input, frozen=True):
    """What to do when the file was changed meanwhile, or the copy has another grid."""

    if_changed: IfChanged = "refuse"
    other_grid: Literal["refuse", "new_file"] = "refuse"
    note: str = ""


class CheckoutRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is edited elsewhere.

    `target` is where it is checked in; `command` opens it in a terminal; `is_changed` tells that
    the copy holds what is not checked in; `problem` why it could not be. `others` have it, too.
    """

    key: str
    project: str
    psid: str
    file_id: int
    path: str
    target: str
    program: Program
    program_name: str
    actor: str
    is_mine: bool
    since: str
    n: int
    folder: str
    name: str
    reference: str
    command: str
    is_changed: bool
    state: Literal["open", "conflict", "refused"]
    problem: str
    hint: str
    suggested_path: str
    n_saved: int
    last_at: str | None
    others: list[str]


class CheckedIn(msgspec.Struct, frozen=True):
    """Whether something had changed, what was saved, and how the check-out stands."""

    changed: bool
    saved: SavedFile | None
    checkout: CheckoutRow
