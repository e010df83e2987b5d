"""Storage commitment: a sender asks what is safe here, and is told from the journal and the disk.

The report goes out over the association that asked, or over a new one to a node of ``pacs.nodes``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from appliance.core import FormatError, PacsNode, PeerError, Settings, without
from appliance.exchange import pdu
from appliance.exchange.association import Caller, Message
from appliance.exchange.context import Context
from appliance.exchange.negotiation import COMMITMENT
from appliance.exchange.pacs_link import Archive
from appliance.exchange.push_tls import tls_args

if TYPE_CHECKING:
    from appliance.formats import CommitmentRequest

__all__ = ["Commitments"]

_LOG = logging.getLogger(__name__)
_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
_ALL_SAFE, _SOME_NOT = 1, 2
_NOT_HERE, _OTHER_CLASS, _BAD_REQUEST, _NO_SUCH_ACTION = 0x0112, 0x0119, 0x0115, 0x0123
_NO_LINKS: Mapping[str, Archive] = MappingProxyType({})
_RETRY_S = (5.0, 30.0, 120.0)
_CONNECT_S = 30.0
_PLACES = (
    "SELECT place, from_place FROM receipt_items WHERE sop_uid = ?"
    " AND state NOT IN ('expected', 'failed')"
)


class Commitments:
    """Answers requests for storage commitment.

    Parameters
    ----------
    ctx : Context
        The journal and the files.
    settings : Settings
        Tells where nodes listen, and our title.
    links : mapping of str to Archive
        The nodes as they are now; empty: those of `settings`.
    """

    def __init__(
        self, ctx: Context, settings: Settings, links: Mapping[str, Archive] = _NO_LINKS
    ) -> None:
        self._ctx, self._title = ctx, settings.dicom.ae_title.strip()
        self._nodes, self._links = settings.pacs.nodes, links
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Try no more to reach anyone."""
        self._stopping.set()

    def answer(self, caller: Caller, message: Message, data: bytes) -> tuple[int, list[bytes]]:
        """Give the status of a request, and command and data set of a report over the same line."""
        from appliance.formats import commitment_bytes, commitment_report, read_commitment

        if message.number(0x1008) != 1:
            return _NO_SUCH_ACTION, []
        try:
            request = read_commitment(data, message.syntax)
        except FormatError:
            return _BAD_REQUEST, []
        held, failed = self._look(request)
        _LOG.info("%s asked about %d objects: %d are safe", caller, len(held + failed), len(held))
        report = commitment_report(request.transaction_uid, held, failed)
        event = _SOME_NOT if failed else _ALL_SAFE
        node = self._node(caller.calling)
        if node is not None:
            threading.Thread(
                target=self._report, args=(node, event, report), name="commitment", daemon=True
            ).start()
            return 0, []
        command = pdu.write_command(
            [
                (0x0002, COMMITMENT),
                (0x0100, 0x0100),
                (0x0110, 1),
                (0x0800, 1),
                (0x1000, _INSTANCE),
                (0x1002, event),
            ]
        )
        return 0, [command, commitment_bytes(report, message.syntax)]

    def _node(self, title: str) -> PacsNode | None:
        """Give the node that goes by a title and listens itself."""
        known = [link.node for link in list(self._links.values())] or self._nodes.values()
        return next((one for one in known if one.ae_title == title and one.host), None)

    def _look(
        self, request: CommitmentRequest
    ) -> tuple[list[tuple[str, str]], list[tuple[tuple[str, str], int]]]:
        held, failed = [], []
        for one in request.objects:
            why = self._lack(*one)
            if why is None:
                held.append(one)
            else:
                failed.append((one, why))
        return held, failed

    def _lack(self, sop_class: str, sop_uid: str) -> int | None:
        """Say by its number why an object is not safe here; None: it is."""
        from appliance.formats import DicomRecord, scan_dicom

        with self._ctx.catalog.read() as con:
            rows = con.execute(_PLACES, (sop_uid,)).fetchall()
        paths = [self._ctx.path(place) for row in rows for place in row if place]
        records = [r for r in scan_dicom(paths) if isinstance(r, DicomRecord)]
        found = [record.sop_class for record in records if record.sop_uid == sop_uid]
        if sop_class in found:
            return None
        return _OTHER_CLASS if found else _NOT_HERE

    def _report(self, node: PacsNode, event: int, report: Any) -> None:
        """Tell a node; try again for a while when it does not listen."""
        for wait_s in (*_RETRY_S, 0.0):
            try:
                if self._tell(node, event, report):
                    return
            except PeerError as error:  # a certificate of ours: trying again does not help
                _LOG.error("no report on what is safe to %s: %s", node.ae_title, error.message)
                return
            if self._stopping.wait(wait_s):
                return
        _LOG.warning("%s did not take the report on what is safe here", node.ae_title)

    def _tell(self, node: PacsNode, event: int, report: Any) -> bool:
        with without("requests"):
            from pynetdicom import AE, build_role

        entity = AE(self._title)
        entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = _CONNECT_S
        entity.add_requested_context(COMMITMENT)
        association = entity.associate(
            node.host,
            node.port,
            ae_title=node.ae_title,
            ext_neg=[build_role(COMMITMENT, False, True)],
            tls_args=tls_args(node),
        )
        if not association.is_established:
            return False
        try:
            status, _ = association.send_n_event_report(report, event, COMMITMENT, _INSTANCE)
        except (RuntimeError, ValueError) as error:  # it does not take us in that role
            _LOG.warning("%s takes no reports: %s", node.ae_title, error)
            return True
        finally:
            association.release()
        return getattr(status, "Status", None) == 0
