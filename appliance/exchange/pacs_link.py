"""Speaks DICOM to one archive: echo, queries, and asking it to send. Knows nothing of projects."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from appliance.core import PacsNode, PeerError, without
from appliance.exchange.pacs_request import Request
from appliance.exchange.push_tls import tls_args

if TYPE_CHECKING:
    from pynetdicom import AE
    from pynetdicom.association import Association

__all__ = ["Archive", "Link", "Moved", "NotOffered", "Store"]

Store = Callable[[bytes], int]
"""Takes the bytes of an object and gives the status that is answered."""

_PENDING = (0xFF00, 0xFF01)
_WARNING = 0xB000
_MAX_PDU_BYTES = 131072
_MAX_CONTEXTS = 128
_MEANINGS = {
    0xA700: "it is out of resources",
    0xA701: "it could not count the images",
    0xA702: "it could not send the images",
    0xA801: "it does not know our title as a destination",
    0xA900: "it does not understand the request",
    0xFE00: "it was cancelled",
}
_HINTS = {
    0xA801: "Enter our AE title, address and port at the archive; see the manual page PACS.",
    0xA702: "Does the archive know our address and port, and does the listener let it in?",
}


class Moved(msgspec.Struct, frozen=True):
    """What an archive said of a request to send: images sent, images that it could not send."""

    n_sent: int
    n_failed: int
    why: str = ""
    hint: str = ""


class Archive(Protocol):
    """What searching and pulling need of an archive, whatever it speaks; see `Link`."""

    name: str
    node: PacsNode
    calling: str

    def echo(self) -> None:
        """Ask whether it answers."""

    def find(
        self,
        level: str,
        keys: Mapping[str, str],
        wanted: Sequence[str],
        stopping: threading.Event | None = None,
    ) -> tuple[list[dict[str, str]], bool]:
        """Ask for studies or series; gives the answers and whether there were more."""

    def cancel_find(self, stopping: threading.Event) -> None:
        """End the query of whoever has set this; what was answered by then is given."""

    def move(self, keys: Mapping[str, str], message_id: int, heard: Callable[[], None]) -> Moved:
        """Ask it to send to our listener."""

    def get(self, keys: Mapping[str, str], store: Store, heard: Callable[[], None]) -> Moved:
        """Fetch over our own connection."""

    def open(self) -> None:
        """Let it be spoken to again after `close`."""

    def close(self) -> None:
        """End what is going on, because the service stops."""

    def cancel_pull(self) -> None:
        """End what comes now."""


class NotOffered(PeerError):
    """An archive answers, but takes no requests, or objects, of the kind."""


class Link:
    """One archive, as the settings describe it.

    Parameters
    ----------
    name : str
        Its name in the settings.
    node : PacsNode
    ae_title : str
        How we call ourselves, unless `node` says otherwise.

    Attributes
    ----------
    calling : str
        How we call ourselves there.
    """

    def __init__(self, name: str, node: PacsNode, ae_title: str) -> None:
        self.name, self.node = name, node
        self.calling = node.calling or ae_title.strip()
        self._destination = node.destination or ae_title.strip()
        self._open: dict[Association, Request] = {}
        self._ended = False
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return f"{self.name} ({self.node.ae_title} at {self.node.host}:{self.node.port})"

    def echo(self) -> None:
        """Ask whether it answers.

        Raises
        ------
        PeerError
            If nobody answers, or it does not let us in.
        """
        with self._associated(Request("", kinds=[("1.2.840.10008.1.1",)])) as association:
            status = association.send_c_echo()
            if getattr(status, "Status", None) != 0:
                raise PeerError(f"{self} did not answer the echo")

    def find(
        self,
        level: str,
        keys: Mapping[str, str],
        wanted: Sequence[str],
        stopping: threading.Event | None = None,
    ) -> tuple[list[dict[str, str]], bool]:
        """Ask for studies or series; beyond the node's limit, the query is cancelled.

        Parameters
        ----------
        level : {"STUDY", "SERIES"}
        keys : mapping of str to str
            Matching keys.
        wanted : sequence of str
            Keywords of which the values are given.
        stopping : Event, optional
            Set when the answers are not wanted any more; then call `cancel_find` with it.

        Returns
        -------
        (list of dict, bool)
            Answers, and whether there were more of them than the node's limit.

        Raises
        ------
        PeerError
            If it does not answer, or refuses.
        """
        from appliance.formats import query_answer, query_identifier

        if stopping is not None and stopping.is_set():
            return [], False
        charset = self.node.charset
        asked = {"QueryRetrieveLevel": level, **dict.fromkeys(wanted, ""), **keys}
        identifier = query_identifier(asked, charset=charset)
        found: list[dict[str, str]] = []
        request = Request(_models().find, stopping=stopping)
        with self._associated(request) as association:
            answers = association.send_c_find(identifier, _models().find)
            request.begin(association)
            for status, answer in answers:
                if request.is_cancelled:
                    continue  # what was under way, and at last that it heard
                if self._goes_on(status, "the query") and answer is not None:
                    found.append(query_answer(answer, wanted, charset=charset))
                if len(found) > self.node.max_answers:
                    request.cancel(association)
        return found[: self.node.max_answers], len(found) > self.node.max_answers

    def cancel_find(self, stopping: threading.Event) -> None:
        """Let the archive know that no more answers are wanted (C-CANCEL)."""
        self._cancel(lambda one: one.stopping is stopping)

    def move(self, keys: Mapping[str, str], message_id: int, heard: Callable[[], None]) -> Moved:
        """Ask it to send a series, or a study, to our listener.

        Parameters
        ----------
        keys : mapping of str to str
            ``StudyInstanceUID``, and ``SeriesInstanceUID`` for one series.
        message_id : int
            It comes back with every image.
        heard : callable
            Called with every word of it.
        """
        request = Request(_models().move, message_id, pulls=True)
        with self._associated(request, self.node.pull_timeout_s) as association:
            answers = association.send_c_move(
                _retrieved(keys), self._destination, _models().move, msg_id=message_id
            )
            request.begin(association)
            return self._outcome(answers, heard)

    def get(self, keys: Mapping[str, str], store: Store, heard: Callable[[], None]) -> Moved:
        """Let it send a series, or a study, over our own association."""
        from pynetdicom import evt

        handlers = [(evt.EVT_C_STORE, lambda event: store(event.encoded_dataset()))]
        timeout_s = self.node.pull_timeout_s
        request = Request(_models().get, pulls=True)
        with self._associated(request, timeout_s, handlers) as association:
            answers = association.send_c_get(_retrieved(keys), _models().get)
            request.begin(association)
            return self._outcome(answers, heard)

    def sending(self, kinds: Sequence[tuple[str, str]]) -> AbstractContextManager[Association]:
        """Give an association for objects of kinds, each a SOP class and a transfer syntax."""
        return self._associated(Request("", kinds=kinds))

    def open(self) -> None:
        """Let it be spoken to again after `close`."""
        self._ended = False

    def close(self) -> None:
        """End what is going on, and begin nothing more, because the service stops."""
        self._ended = True
        self._cancel(lambda _: True, at_once=True)

    def cancel_pull(self) -> None:
        """Let the archive know that what it sends is not wanted any more (C-CANCEL)."""
        self._cancel(lambda one: one.pulls)

    def _cancel(self, which: Callable[[Request], bool], *, at_once: bool = False) -> None:
        with self._lock:
            found = [pair for pair in self._open.items() if which(pair[1])]
        for association, request in found:
            request.cancel(association, at_once=at_once)

    def _outcome(self, answers: Iterator[Any], heard: Callable[[], None]) -> Moved:
        n_sent = n_failed = 0
        code = 0
        for status, _ in answers:
            code = self._code(status, "the request to send")
            n_sent = _count(status, "Completed", n_sent) + _count(status, "Warning", 0)
            n_failed = _count(status, "Failed", n_failed)
            heard()
        if code in (0, _WARNING):
            return Moved(n_sent, n_failed)
        return Moved(n_sent, n_failed, _meaning(code), _HINTS.get(code, ""))

    def _goes_on(self, status: Any, what: str) -> bool:
        """Tell whether more answers come.

        Raises
        ------
        PeerError
            If it refused or fell silent.
        """
        code = self._code(status, what)
        if code not in (*_PENDING, 0):
            raise PeerError(f"{self} refused {what}: {_meaning(code)}")
        return code in _PENDING

    def _code(self, status: Any, what: str) -> int:
        code = getattr(status, "Status", None)
        if code is None:
            raise PeerError(
                f"{self} fell silent during {what}", hint="Try again; raise its timeout if need be."
            )
        return int(code)

    @contextmanager
    def _associated(
        self,
        request: Request,
        timeout_s: float | None = None,
        handlers: Sequence[Any] = (),
    ) -> Iterator[Association]:
        entity = _entity(self.calling, self.node.timeout_s, timeout_s or self.node.timeout_s)
        for context in request.kinds:
            entity.add_requested_context(*context)
        roles = _storage(entity, _MAX_CONTEXTS - 1) if request.model == _models().get else []
        association = entity.associate(
            self.node.host,
            self.node.port,
            ae_title=self.node.ae_title,
            ext_neg=roles,
            evt_handlers=list(handlers),
            tls_args=tls_args(self.node),
        )
        if not association.is_established:
            raise self._refusal(association)
        with self._lock:
            self._open[association] = request
        try:
            if self._ended:
                association.abort()
                raise PeerError("the service stops")
            yield association
        finally:
            with self._lock:
                self._open.pop(association, None)
            request.end()
            if association.is_established:
                _take_leave(association)

    def _refusal(self, association: Association) -> PeerError:
        if association.rejected_contexts:
            return NotOffered(
                f"{self} does not offer what is asked of it",
                hint="It takes no such requests, or no such objects.",
            )
        if association.is_rejected:
            return PeerError(
                f"{self} does not let us in as {self.calling}",
                hint="Enter our AE title and address there, and check its AE title here.",
            )
        return PeerError(
            f"{self} does not answer", hint="Check host and port, and the firewall between."
        )


class _Models(msgspec.Struct, frozen=True):
    find: str = "1.2.840.10008.5.1.4.1.2.2.1"
    move: str = "1.2.840.10008.5.1.4.1.2.2.2"
    get: str = "1.2.840.10008.5.1.4.1.2.2.3"


def _models() -> _Models:
    """Give the SOP classes of the study root."""
    return _Models()


def _entity(calling: str, connect_s: float, dimse_s: float) -> AE:
    with without("requests"):
        from pynetdicom import AE, _config

    _config.LOG_HANDLER_LEVEL = "none"  # these would write who the patients are
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
    _config.STORE_SEND_CHUNKED_DATASET = True  # what is sent goes byte for byte
    logging.getLogger("pydicom").setLevel(logging.ERROR)  # its warnings quote values
    entity = AE(calling)
    entity.maximum_pdu_size = _MAX_PDU_BYTES
    entity.connection_timeout = entity.acse_timeout = connect_s
    entity.dimse_timeout = entity.network_timeout = dimse_s
    return entity


def _storage(entity: AE, most: int) -> list[Any]:
    """Offer to take objects of the common kinds, and give the roles that this needs."""
    from pynetdicom import ALL_TRANSFER_SYNTAXES, StoragePresentationContexts, build_role

    uids = [str(context.abstract_syntax) for context in StoragePresentationContexts][:most]
    for uid in uids:
        entity.add_requested_context(uid, ALL_TRANSFER_SYNTAXES)
    return [build_role(uid, scp_role=True) for uid in uids]


def _take_leave(association: Association) -> None:
    """Release, or abort when the peer was cut short."""
    if association.dimse.msg_queue.empty():
        association.release()
    else:
        association.abort()


def _retrieved(keys: Mapping[str, str]) -> Any:
    from appliance.formats import query_identifier

    level = "SERIES" if keys.get("SeriesInstanceUID") else "STUDY"
    given = {name: value for name, value in keys.items() if value}
    return query_identifier({"QueryRetrieveLevel": level, **given})


def _count(status: Any, kind: str, known: int) -> int:
    found = getattr(status, f"NumberOf{kind}Suboperations", None)
    return known if found is None else int(found)


def _meaning(code: int) -> str:
    return f"{_MEANINGS.get(code, 'it failed')} (0x{code:04X})"
