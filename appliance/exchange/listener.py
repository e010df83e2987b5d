"""The DICOM listener: C-ECHO and C-STORE, acknowledged only when the bytes are on the disk."""

from __future__ import annotations

import errno
import ipaddress
import logging
import threading
from typing import Any

from appliance.core import ApplianceError, Settings, SettingsError, without
from appliance.exchange.importer import Importer
from appliance.exchange.pacs_awaited import Awaited
from appliance.exchange.reception import Reception, Status
from appliance.exchange.wire import quicken

__all__ = ["DicomListener"]

_LOG = logging.getLogger(__name__)
_MAX_PDU_BYTES = 131072
_REJECTED, _BY_USER, _CALLING_UNKNOWN = 0x01, 0x01, 0x03
_NETWORK_TIMEOUT_S, _DIMSE_TIMEOUT_S = 120, 120


class DicomListener:
    """Receives objects from scanners and archives.

    Parameters
    ----------
    importer : Importer
        Takes what arrives; one receipt per association.
    settings : Settings
        Section ``dicom``.
    awaited : Awaited, optional
        What was asked for: it belongs to its pull, and may come from where it was asked for.

    Raises
    ------
    SettingsError
        If it would listen beyond this machine without a list of allowed senders, or the list or
        the AE title cannot be understood.
    """

    def __init__(
        self, importer: Importer, settings: Settings, awaited: Awaited | None = None
    ) -> None:
        self._awaited = awaited or Awaited()
        self._importer, self._dicom = importer, settings.dicom
        self._allowed = [_parse_sender(entry) for entry in self._dicom.allow]
        self._receptions: dict[Any, Reception] = {}
        self._lock = threading.Lock()
        self._server: Any = None
        if not 1 <= len(self._dicom.ae_title.strip()) <= 16:
            raise SettingsError("dicom.ae_title must have 1 to 16 characters")
        if not self._allowed and not _is_loopback(self._dicom.bind):
            raise SettingsError(
                f"the DICOM listener would accept anyone on {self._dicom.bind}",
                hint="List the allowed senders in dicom.allow, or set dicom.bind = '127.0.0.1'.",
            )

    @property
    def port(self) -> int:
        """TCP port in use, which differs from the setting when that is 0."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to listen.

        Raises
        ------
        SettingsError
            If the port is taken or may not be used.
        """
        with without("requests"):
            from pynetdicom import AE, _config, evt
            from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

        _config.UNRESTRICTED_STORAGE_SERVICE = True  # private storage classes, any transfer syntax
        _config.LOG_HANDLER_LEVEL = "none"
        ae = AE(ae_title=self._dicom.ae_title.strip())
        ae.add_supported_context(Verification)
        ae.maximum_pdu_size = _MAX_PDU_BYTES
        ae.maximum_associations = self._dicom.max_associations
        ae.network_timeout, ae.dimse_timeout = _NETWORK_TIMEOUT_S, _DIMSE_TIMEOUT_S
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, self._on_open),
            (evt.EVT_REQUESTED, self._on_request),
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_RELEASED, self._on_end),
            (evt.EVT_ABORTED, self._on_end),
            (evt.EVT_CONN_CLOSE, self._on_end),
        ]
        address = (self._dicom.bind, self._dicom.port)
        try:
            self._server = ae.start_server(address, block=False, evt_handlers=handlers)
        except OSError as error:
            raise _cannot_bind(self._dicom.bind, self._dicom.port, error) from error
        _LOG.info("DICOM listener %s on %s:%d", ae.ae_title, self._dicom.bind, self.port)

    def stop(self) -> None:
        """Stop listening; what was acknowledged is kept and worked on."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.shutdown()
        server.server_close()
        with self._lock:
            open_ones = list(self._receptions)
        for association in open_ones:
            self._close(association)

    def is_running(self) -> bool:
        """Tell whether the listener accepts associations."""
        return self._server is not None

    def _on_open(self, event: Any) -> None:
        quicken(event.assoc)

    def _on_request(self, event: Any) -> None:
        """Reject senders that are not on the list."""
        association = event.assoc
        title = str(association.requestor.primitive.calling_ae_title).strip()
        address = str(association.requestor.address)
        known = any(_matches(entry, title, address) for entry in self._allowed)
        if self._allowed and not known and not self._awaited.admits(title, address):
            _LOG.warning("rejected an association of %r from %s: not allowed", title, address)
            association.acse.send_reject(_REJECTED, _BY_USER, _CALLING_UNKNOWN)
            association.kill()

    def _on_store(self, event: Any) -> int:
        try:
            requestor = event.assoc.requestor
            title, address = str(requestor.ae_title).strip(), str(requestor.address)
            reception = self._awaited.reception(title, address, event)
            reception = reception or self._reception(event.assoc)
        except ApplianceError as error:
            _LOG.warning("an object was refused: %s", error.message)
            return Status.for_error(error)
        return reception.store(event.encoded_dataset())

    def _on_end(self, event: Any) -> None:
        self._close(event.assoc)

    def _reception(self, association: Any) -> Reception:
        """Give the reception of an association, opened with its first object."""
        with self._lock:
            found = self._receptions.get(association)
            if found is None:
                requestor = association.requestor
                source = f"{str(requestor.ae_title).strip()} {requestor.address}"
                found = Reception(self._importer, self._dicom.project, source)
                self._receptions[association] = found
            return found

    def _close(self, association: Any) -> None:
        with self._lock:
            found = self._receptions.pop(association, None)
        if found is not None:
            found.close()


def _parse_sender(entry: str) -> tuple[str, Any]:
    """Read ``AET`` or ``AET@ADDRESS``; the address may be a network such as ``10.1.0.0/16``."""
    title, at, address = entry.partition("@")
    try:
        network = ipaddress.ip_network(address.strip(), strict=False) if at else None
    except ValueError as error:
        raise SettingsError(
            f"dicom.allow: {entry!r} names no address", hint="Write AET or AET@192.168.1.20."
        ) from error
    if not title.strip():
        raise SettingsError(f"dicom.allow: {entry!r} names no AE title", hint="'*' allows any.")
    return title.strip(), network


def _matches(entry: tuple[str, Any], title: str, address: str) -> bool:
    wanted, network = entry
    if wanted not in ("*", title):
        return False
    return network is None or ipaddress.ip_address(address.partition("%")[0]) in network


def _is_loopback(bind: str) -> bool:
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return bind == "localhost"


def _cannot_bind(bind: str, port: int, error: OSError) -> SettingsError:
    if error.errno == errno.EADDRINUSE:
        return SettingsError(
            f"DICOM port {port} on {bind} is taken by another program",
            hint="Stop that program, or choose another port with dicom.port.",
        )
    return SettingsError(
        f"the DICOM listener cannot use {bind}:{port}: {error.strerror}",
        hint="Check dicom.bind and dicom.port; ports below 1024 need special rights.",
    )
