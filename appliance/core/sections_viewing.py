"""The settings of the viewing room: how many earlier versions of masks and annotations are kept."""

from __future__ import annotations

from appliance.core.sections import Section

__all__ = ["ViewingSettings"]


class ViewingSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Masks, annotations and what else is saved in the viewer.

    Attributes
    ----------
    versions_keep : int
        How many earlier versions of a file are kept; 0: all.
    versions_days : int
        Days after which an earlier version goes, except the newest of them; 0: never.
    """

    versions_keep: int = 50
    versions_days: int = 0
