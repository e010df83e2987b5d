"""STOW-RS: takes the objects of a multipart message as they come, each durable before the answer.

They go the way of every arrival, under a receipt of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from appliance.core import FormatError
from appliance.exchange.parts_of_message import Parts
from appliance.exchange.reception import Reception, Status

if TYPE_CHECKING:
    from appliance.exchange.importer import Importer

__all__ = ["Stow"]

_NOT_UNDERSTOOD, _OTHER_STUDY = 0xC000, 0xA900
_UIDS = ("00080016", "00080018", "0020000D", "0020000E")


class Stow:
    """One request; end it with `close`.

    Parameters
    ----------
    study_uid : str
        Study that all objects have to belong to; empty: any.
    address_of : callable
        Tells where an object is retrieved, by its three UIDs.

    Attributes
    ----------
    key : str
        Of the receipt.
    """

    def __init__(
        self,
        importer: Importer,
        project: str,
        boundary: str,
        study_uid: str,
        address_of: Callable[[str, str, str], str],
    ) -> None:
        self._reception = Reception(importer, project, "DICOMweb")
        self.key = self._reception.key
        self._parts, self._study_uid, self._address_of = Parts(boundary), study_uid, address_of
        self._stored: list[dict[str, Any]] = []
        self._failed: list[dict[str, Any]] = []

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the message."""
        for data in self._parts.feed(chunk):
            self._take(data)

    def close(self) -> tuple[int, dict[str, Any]]:
        """Begin the work on what came; gives the status and the body of the answer."""
        if self._reception.n_stored:
            self._reception.close(complete=True)
        else:
            self._reception.abandon()
        answer: dict[str, Any] = {}
        if self._stored:
            answer["00081199"] = {"vr": "SQ", "Value": self._stored}
        if self._failed:
            answer["00081198"] = {"vr": "SQ", "Value": self._failed}
        if not self._stored:
            return 409 if self._failed else 400, answer
        return 202 if self._failed else 200, answer

    def _take(self, data: bytes) -> None:
        from appliance.formats import object_json

        try:
            header = object_json(data)
        except FormatError:
            header = {}
        sop_class, sop, study, series = (_uid(header, tag) for tag in _UIDS)
        if not (sop_class and sop and study and series):
            self._refuse(sop_class, sop, _NOT_UNDERSTOOD)
        elif self._study_uid not in ("", study):
            self._refuse(sop_class, sop, _OTHER_STUDY)
        elif (status := self._reception.store(data)) is not Status.SUCCESS:
            self._refuse(sop_class, sop, int(status))
        else:
            url = self._address_of(study, series, sop)
            self._stored.append(_named(sop_class, sop) | {"00081190": _value("UR", url)})

    def _refuse(self, sop_class: str, sop: str, code: int) -> None:
        self._failed.append(_named(sop_class, sop) | {"00081197": _value("US", code)})


def _named(sop_class: str, sop: str) -> dict[str, Any]:
    told = {"00081150": sop_class, "00081155": sop}
    return {tag: _value("UI", uid) for tag, uid in told.items() if uid}


def _value(vr: str, value: object) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]}


def _uid(header: dict[str, Any], tag: str) -> str:
    values = header.get(tag, {}).get("Value") or [""]
    return str(values[0])
