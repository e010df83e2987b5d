"""Our originals for DICOM programs: C-FIND, and C-MOVE to archives that may be sent to.

Off for all that the settings do not name; without names every answer carries the code.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from appliance.core import (
    ApplianceError,
    DicomReader,
    FormatError,
    Refused,
    SettingsError,
)
from appliance.exchange.association import FIND_MODELS, MOVE_MODELS, Caller, Message
from appliance.exchange.dicomweb import Asked, OwnArchive, Viewer
from appliance.exchange.dicomweb_query import Level, QidoQuery
from appliance.exchange.pacs_link import Archive
from appliance.exchange.served_move import Moving, Tell

if TYPE_CHECKING:
    from appliance.core import Settings
    from appliance.exchange.importer import Importer

__all__ = ["Served"]

_LOG = logging.getLogger(__name__)
_SUCCESS: Final = 0x0000
_OUT_OF_RESOURCES, _NO_DESTINATION, _UNABLE = 0xA700, 0xA801, 0xC001
_BAD_QUESTION, _NOT_ALLOWED, _SOME_FAILED, _CANCELLED = 0xA900, 0x0124, 0xB000, 0xFE00
_MOST_ANSWERS = 10_000
_LEVEL, _CHARSET, _TITLE = "00080052", "00080005", "00080054"
_PATIENT_ID, _STUDY, _SERIES, _SOP = "00100020", "0020000D", "0020000E", "00080018"
_LEVELS: dict[str, Level] = {
    "PATIENT": "studies",
    "STUDY": "studies",
    "SERIES": "series",
    "IMAGE": "instances",
}
_KEYS = {"PATIENT": _PATIENT_ID, "STUDY": _STUDY, "SERIES": _SERIES, "IMAGE": _SOP}
_OURS = frozenset({_LEVEL, _CHARSET, _TITLE})
_Question = Mapping[str, str]


class Served:
    """Answers those whom the settings name as readers.

    Parameters
    ----------
    importer : Importer
        Knows what is kept.
    settings : Settings
        Section ``dicom``.
    links : mapping of str to Archive
        Where objects may be sent.

    Raises
    ------
    SettingsError
        If a reader cannot be understood.
    """

    def __init__(
        self, importer: Importer, settings: Settings, links: Mapping[str, Archive]
    ) -> None:
        self._archive, self._links = OwnArchive(importer), links
        self._title = settings.dicom.ae_title.strip()
        self._readers = [(one, _network(one)) for one in settings.dicom.readers]

    def models(self, caller: Caller) -> frozenset[str]:
        """Give the services beside storage that somebody is offered."""
        return FIND_MODELS | MOVE_MODELS if self._reader(caller) else frozenset()

    def find(
        self, caller: Caller, message: Message, data: bytes, tell: Callable[[bytes], bool]
    ) -> int:
        """Answer a query piece by piece while `tell` says to go on; gives the last status."""
        from appliance.formats import answer_bytes

        reader = self._reader(caller)
        if reader is None:
            return _NOT_ALLOWED
        try:
            level, question = _read(message, data)
            found, more = self._search(reader, level, question)
            said = {"QueryRetrieveLevel": level, "RetrieveAETitle": self._title}
            whole = all(
                tell(answer_bytes(header, question.keys() - _OURS, said, message.syntax))
                for header in found
            )
        except ApplianceError as error:
            _LOG.warning("a query of %s was not answered: %s", caller, error.message)
            return _BAD_QUESTION if isinstance(error, FormatError) else _UNABLE
        if reader.names:
            self._archive.note_names(reader.project, _actor(caller))
        _LOG.info("%s asked for level %s of %s: %d", caller, level, reader.project, len(found))
        if not whole:
            return _CANCELLED
        return _OUT_OF_RESOURCES if more else _SUCCESS

    def move(
        self, caller: Caller, message: Message, data: bytes, tell: Tell
    ) -> tuple[int, Moving | None]:
        """Send what is asked for to an archive; gives the last status, and the counts."""
        reader = self._reader(caller)
        if reader is None:
            return _NOT_ALLOWED, None
        name = self._destination(message.text(0x0600), reader)
        if name is None:
            _LOG.warning("%s names a destination that nothing may be sent to", caller)
            return _NO_DESTINATION, None
        moving = Moving(self._archive, self._links[name], _viewer(reader), tell)
        try:
            moving.send(reader.project, list(self._chosen(reader, *_read(message, data))))
        except FormatError:
            return _BAD_QUESTION, None
        except ApplianceError as error:
            _LOG.warning("sending to %s for %s ended: %s", name, caller, error.message)
            return (_NOT_ALLOWED if isinstance(error, Refused) else _UNABLE), moving
        finally:
            self._put_on_record(reader, caller, name, moving.n_sent)
        if moving.is_cancelled:
            return _CANCELLED, moving
        return (_SOME_FAILED if moving.n_failed else _SUCCESS), moving

    def _reader(self, caller: Caller) -> DicomReader | None:
        """Give what somebody may read; None: nothing."""
        address = ipaddress.ip_address(caller.address.partition("%")[0])
        for one, network in self._readers:
            if one.calling == caller.calling and (network is None or address in network):
                return one
        return None

    def _destination(self, title: str, reader: DicomReader) -> str | None:
        """Give the archive that goes by a title, if the reader's project may send there."""
        for name, link in list(self._links.items()):
            node = link.node
            known = node.ae_title == title and node.method != "web" and node.push
            if known and (not node.projects or reader.project in node.projects):
                return name
        return None

    def _search(
        self, reader: DicomReader, level: str, question: _Question
    ) -> tuple[list[dict[str, Any]], bool]:
        matches = {tag: text for tag, text in question.items() if text and tag not in _OURS}
        query = QidoQuery(matches=matches, everything=True, limit=_MOST_ANSWERS)
        asked = Asked(project=reader.project)
        found, more = self._archive.search(_LEVELS[level], asked, query, _viewer(reader))
        if level == "PATIENT":
            found = list({_first(one, _PATIENT_ID): one for one in found}.values())
        return found, more

    def _chosen(self, reader: DicomReader, level: str, question: _Question) -> Iterator[Asked]:
        """Give what a request to send means, a part for each study, series or object.

        Raises
        ------
        FormatError
            If it does not name what is meant.
        """
        if not question.get(_KEYS[level]):
            raise FormatError("a request to send that does not name what")
        found, _ = self._search(reader, "STUDY" if level == "PATIENT" else level, question)
        for one in found:
            yield Asked(
                project=reader.project,
                study=_first(one, _STUDY),
                series=_first(one, _SERIES) if level in ("SERIES", "IMAGE") else "",
                instance=_first(one, _SOP) if level == "IMAGE" else "",
            )

    def _put_on_record(self, reader: DicomReader, caller: Caller, node: str, n: int) -> None:
        if not n:
            return
        target = {"project": reader.project, "node": node, "n": n}
        self._archive.importer.ctx.catalog.write(
            lambda tx: tx.operation("pacs-push", actor=_actor(caller), target=target)
        )


def _read(message: Message, data: bytes) -> tuple[str, dict[str, str]]:
    """Give the level of a query, and what it asks.

    Raises
    ------
    FormatError
        If it cannot be read, or names no level.
    """
    from appliance.formats import read_question

    question = read_question(data, message.syntax)
    level = question.get(_LEVEL, "").upper()
    if level not in _LEVELS:
        raise FormatError("a query without a level")
    return level, question


def _first(header: Mapping[str, Any], tag: str) -> str:
    values = header.get(tag, {}).get("Value")
    return str(values[0]) if values else ""


def _viewer(reader: DicomReader) -> Viewer:
    return Viewer(named=reader.names, root="")


def _actor(caller: Caller) -> str:
    return f"dicom:{caller.calling}"


def _network(one: DicomReader) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if not one.calling.strip():
        raise SettingsError("dicom.readers: an entry names no AE title", hint="Fill in calling.")
    try:
        return ipaddress.ip_network(one.address, strict=False) if one.address else None
    except ValueError as error:
        raise SettingsError(
            f"dicom.readers: {one.address!r} names no address",
            hint="Write 10.1.0.7 or 10.1.0.0/16.",
        ) from error
