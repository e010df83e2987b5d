"""The DICOM listener: C-ECHO, C-STORE and storage commitment, acknowledged when it is on disk.

Who is named as a reader also gets C-FIND and C-MOVE.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import ssl
import threading
from collections.abc import Mapping

from appliance.core import DicomSettings, Settings, SettingsError
from appliance.exchange.association import Association
from appliance.exchange.commitment import Commitments
from appliance.exchange.desk import Counter
from appliance.exchange.importer import Importer
from appliance.exchange.pacs_awaited import Awaited
from appliance.exchange.pacs_link import Archive
from appliance.exchange.senders import Senders
from appliance.exchange.served import Served
from appliance.exchange.wire import Wire

__all__ = ["DicomListener", "PortTaken"]

_LOG = logging.getLogger(__name__)
_OPENING_S = 30.0  # for a TLS handshake, and for the request of an association
_END_WITHIN_S = 10.0
_BACKLOG = 64
_BREATH_S = 0.1
_STRANGERS = 16  # connections beyond the places, so that who finds none is told so
_LEAST_PDU, _MOST_PDU = 4096, 1 << 24


class PortTaken(SettingsError):
    """Another program has the port, or the address is not there yet: it may be free later."""


class DicomListener:
    """Receives objects from scanners and archives, one thread for each association.

    Parameters
    ----------
    importer : Importer
        Takes what arrives; one receipt per association.
    settings : Settings
        Section ``dicom``.
    awaited : Awaited, optional
        What was asked for: it belongs to its pull, and may come from where it was asked for.
    links : mapping of str to Archive, optional
        Where objects may be sent when somebody asks for it (C-MOVE).

    Raises
    ------
    SettingsError
        If it would listen beyond this machine without a list of allowed senders, or the list or
        the AE title cannot be understood.
    """

    def __init__(
        self,
        importer: Importer,
        settings: Settings,
        awaited: Awaited | None = None,
        links: Mapping[str, Archive] | None = None,
    ) -> None:
        self._dicom = settings.dicom
        self.importer, self.awaited = importer, awaited or Awaited()
        self.senders = Senders(self._dicom)
        self.commitments = Commitments(importer.ctx, settings, links or {})
        self.served = Served(importer, settings, links or {}) if self._dicom.readers else None
        self.max_pdu_bytes, self.idle_s = self._dicom.max_pdu_bytes, self._dicom.idle_s
        self._title = self._dicom.ae_title.strip()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._guests: dict[threading.Thread, _Guest] = {}
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._tls: ssl.SSLContext | None = None
        _check(self._title, self.max_pdu_bytes)

    @property
    def port(self) -> int:
        """TCP port in use, which differs from the setting when that is 0."""
        if self._socket is None:
            return self._dicom.port
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Begin to listen.

        Raises
        ------
        PortTaken
            If another program has the port.
        SettingsError
            If the port may not be used, or a certificate cannot be read.
        """
        bind, port = self._dicom.bind, self._dicom.port
        self._tls = _tls(self._dicom)
        try:
            self._socket = _bound(bind, port)
        except OSError as error:
            raise _cannot_bind(bind, port, error) from error
        self._stopping.clear()
        self._thread = threading.Thread(
            target=self._accept, args=(self._socket,), name="dicom-listener", daemon=True
        )
        self._thread.start()
        _LOG.info("DICOM listener %s on %s:%d", self._title, bind, self.port)

    def stop(self) -> None:
        """Stop listening; what was acknowledged is kept and worked on."""
        if self._socket is None or self._thread is None:
            return
        self._stopping.set()
        listening, self._socket = self._socket, None
        listening.shutdown(socket.SHUT_RDWR)
        self._thread.join(_END_WITHIN_S)
        listening.close()
        self.commitments.stop()
        with self._lock:
            guests = dict(self._guests)
        for guest in guests.values():
            guest.shut()
        for thread in guests:
            thread.join(_END_WITHIN_S)

    def is_running(self) -> bool:
        """Tell whether the listener accepts associations."""
        return self._socket is not None and self._thread is not None and self._thread.is_alive()

    def seat(self) -> bool:
        """Take one of the places for associations, for the thread that asks."""
        with self._lock:
            taken = sum(guest.seated for guest in self._guests.values())
            free = taken < self._dicom.max_associations
            self._guests[threading.current_thread()].seated = free
        return free

    def flush(self) -> None:
        """Write the rows of all that was acknowledged, over whichever association it came."""
        with self._lock:
            counters = [guest.counter for guest in self._guests.values()]
        for counter in counters:
            counter.flush()

    def _accept(self, listening: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                raw, address = listening.accept()
            except OSError as error:
                if not self._stopping.wait(_BREATH_S):  # as when no more files may be open
                    _LOG.warning("a connection was lost: %s", error.strerror)
                continue
            self._receive(raw, str(address[0]))

    def _receive(self, raw: socket.socket, address: str) -> None:
        """Serve a connection in a thread of its own, if there are not too many."""
        guest = _Guest(raw, Counter(self))
        thread = threading.Thread(
            target=self._serve, args=(guest, address), name="dicom", daemon=True
        )
        with self._lock:
            crowded = len(self._guests) >= self._dicom.max_associations + _STRANGERS
            if not crowded:
                self._guests[thread] = guest
        if crowded:
            _LOG.warning("a connection from %s was closed: too many at once", address)
            raw.close()
            return
        thread.start()

    def _serve(self, guest: _Guest, address: str) -> None:
        from appliance.formats import IMPLEMENTATION

        try:
            if self._tls is not None:
                guest.raw.settimeout(_OPENING_S)
                guest.raw = self._tls.wrap_socket(guest.raw, server_side=True)
            wire = Wire(guest.raw, self.max_pdu_bytes, _OPENING_S)
            Association(wire, guest.counter, address, IMPLEMENTATION).serve()
        except OSError as error:
            _LOG.warning("no TLS with %s: %s", address, getattr(error, "reason", error))
        except Exception:  # noqa: BLE001 - an outer loop: the others are served on
            _LOG.exception("an association of %s ended by a fault", address)
        finally:
            guest.raw.close()
            with self._lock:
                self._guests.pop(threading.current_thread(), None)


class _Guest:
    """A connection: whether it has one of the places, and what it is stopped with."""

    def __init__(self, raw: socket.socket, counter: Counter) -> None:
        self.raw, self.counter, self.seated = raw, counter, False

    def shut(self) -> None:
        """Make whoever waits for it go on."""
        with contextlib.suppress(OSError):
            self.raw.shutdown(socket.SHUT_RDWR)


def _check(title: str, max_pdu_bytes: int) -> None:
    if not 1 <= len(title) <= 16:
        raise SettingsError("dicom.ae_title must have 1 to 16 characters")
    if not _LEAST_PDU <= max_pdu_bytes <= _MOST_PDU:
        raise SettingsError(f"dicom.max_pdu_bytes must be {_LEAST_PDU} to {_MOST_PDU}")


def _bound(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    return socket.create_server((bind, port), family=family, backlog=_BACKLOG)


def _tls(dicom: DicomSettings) -> ssl.SSLContext | None:
    """Make the context of TLS; None without a certificate."""
    if not dicom.tls_certificate_file:
        if dicom.tls_key_file or dicom.tls_ca_file:
            raise SettingsError(
                "TLS of the DICOM listener lacks its certificate",
                hint="Set dicom.tls_certificate_file.",
            )
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(dicom.tls_certificate_file, dicom.tls_key_file or None)
        if dicom.tls_ca_file:
            context.load_verify_locations(dicom.tls_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:  # also ssl.SSLError
        raise SettingsError(
            f"the certificates of the DICOM listener cannot be used: {error.strerror or error}",
            hint="Check dicom.tls_certificate_file, dicom.tls_key_file and dicom.tls_ca_file.",
        ) from error
    return context


def _cannot_bind(bind: str, port: int, error: OSError) -> SettingsError:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"DICOM port {port} on {bind} is taken by another program",
            hint="Stop that program, or choose another port with dicom.port.",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return PortTaken(
            f"this machine has no address {bind}",
            hint="Check dicom.bind; a network may not be up yet.",
        )
    return SettingsError(
        f"the DICOM listener cannot use {bind}:{port}: {error.strerror}",
        hint="Check dicom.bind and dicom.port; ports below 1024 need special rights.",
    )
