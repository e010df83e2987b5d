"""Actions of PS3.15 on an attribute, and which of them a profile with its options asks for."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import StrEnum

from appliance.privacy.profile import ProfileRow

__all__ = ["Action", "action_of"]


class Action(StrEnum):
    """What is done to an attribute; the values are the words of reports."""

    KEEP = "kept"
    REMOVE = "removed"
    EMPTY = "emptied"
    DUMMY = "replaced by a dummy"
    UID = "replaced by a keyed UID"
    IDENTIFY = "replaced by a pseudonym"
    CLEAN = "cleaned"
    MOVE = "moved"  # a date that is cleaned


_REFERENCED_STUDIES = "00081110"  # X/Z, but it must not be empty; its UIDs are replaced instead

# Where the standard leaves a choice to the type of the attribute, the one that fits every type.
_BASIC = {
    "X": Action.REMOVE,
    "Z": Action.EMPTY,
    "D": Action.DUMMY,
    "U": Action.UID,
    "X/Z": Action.EMPTY,
    "X/D": Action.DUMMY,
    "Z/D": Action.DUMMY,
    "X/Z/D": Action.DUMMY,
    "X/Z/U": Action.KEEP,  # a sequence of references: entered, its UIDs are replaced
}


def action_of(row: ProfileRow, options: AbstractSet[str]) -> Action:
    """Tell what is done to an attribute of the table.

    Parameters
    ----------
    row : ProfileRow
        The attribute.
    options : set of str
        Options in use; what one keeps is kept, whatever another cleans.
    """
    if row.tag == _REFERENCED_STUDIES:
        return Action.KEEP
    asked = {row.options[option] for option in options if option in row.options}
    if "K" in asked:
        return Action.KEEP
    return Action.CLEAN if "C" in asked else _BASIC[row.basic]
