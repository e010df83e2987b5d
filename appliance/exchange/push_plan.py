"""Judges whether something may go to an archive; each study is asked for once."""

from __future__ import annotations

import msgspec

from appliance.core import Refused
from appliance.exchange.context import Context
from appliance.exchange.pacs_link import Archive
from appliance.exchange.push_check import check_archive_agrees, check_objects, known_as
from appliance.exchange.push_values import PushFate, PushWish
from appliance.privacy import Identity

__all__ = ["Judge"]

_NOTHING = "nothing is kept of it as DICOM"
_NOTHING_HINT = "Only series that came as DICOM, and results on them, can be sent."
_Known = bool | Refused


class Judge:
    """Judges wishes for one archive.

    Parameters
    ----------
    ctx : Context
    project_key : str
    link : Archive
    new_study : bool
        Whether the archive need not have the study.
    names : bool
        Whether fates tell who the subjects are.
    """

    def __init__(
        self, ctx: Context, project_key: str, link: Archive, *, new_study: bool, names: bool
    ) -> None:
        self._ctx, self._project_key, self._link = ctx, project_key, link
        self._new_study, self._names = new_study, names
        self._asked: dict[tuple[str, str, str], _Known] = {}

    def fate(self, wish: PushWish, sent: set[str]) -> PushFate:
        """Tell what would become of a wish; `sent` are places that the archive has."""
        push = wish.push
        there = [place for place in push.places if place in sent]
        told = PushFate(
            psid=push.psid,
            kind=push.kind,
            what=push.what,
            n_objects=1 if wish.make else len(push.places) - len(there),
            n_there=len(there),
            patient=known_as(self._ctx, self._project_key, push.pid) if self._names else None,
        )
        if wish.make is None and not push.places:
            return _refused(told, Refused(_NOTHING, hint=_NOTHING_HINT))
        if not self._link.node.push_check:
            return told
        known = self._known(wish)
        if isinstance(known, Refused):
            return _refused(told, known)
        return _with(told, known_there=known)

    def _known(self, wish: PushWish) -> _Known:
        """Tell whether the archive has the study, or why nothing may go."""
        push = wish.push
        try:
            ours = check_objects(self._ctx, self._project_key, push.pid, push.study_uid, wish.like)
        except Refused as error:
            return error
        key = (push.pid, push.study_uid, ours.fingerprint)
        if key not in self._asked:
            self._asked[key] = self._agrees(wish, ours)
        return self._asked[key]

    def _agrees(self, wish: PushWish, ours: Identity) -> _Known:
        try:
            return check_archive_agrees(
                self._link, ours, wish.push.study_uid, new_study=self._new_study
            )
        except Refused as error:
            return error


def _refused(told: PushFate, error: Refused) -> PushFate:
    return _with(told, problem=error.message, hint=error.hint)


def _with(told: PushFate, **changes: object) -> PushFate:
    return msgspec.structs.replace(told, **changes)
