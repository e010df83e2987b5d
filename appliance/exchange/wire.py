"""The socket of one DICOM association: whole PDUs out of large reads, within time and size.

Senders with Nagle's algorithm on stall for 40 ms on every small object unless the receiver
acknowledges at once; so every read is followed by a quick acknowledgement.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from appliance.core import PeerError

__all__ = ["Gone", "Malformed", "Wire"]

_HEADER_BYTES = 6
_LINGER_S = 1.0
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)


class Gone(PeerError):
    """The peer closed the connection, or kept silent for too long."""


class _Nothing(Exception):
    """Nothing is there to be read, and nobody wants to wait."""


class Malformed(PeerError):
    """What the peer sent is against the rules; the association is aborted."""


class Wire:
    """Reads PDUs and writes answers.

    Parameters
    ----------
    raw : socket
        A connected socket, perhaps wrapped in TLS; this closes it.
    most_bytes : int
        Largest PDU that is taken.
    patience_s : float
        Seconds that the peer may take for one PDU.
    """

    def __init__(self, raw: socket.socket, most_bytes: int, patience_s: float) -> None:
        self._raw, self._most = raw, most_bytes
        self._buffer = bytearray(most_bytes + _HEADER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self._patience_s = patience_s
        raw.settimeout(patience_s)
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def be_patient(self, patience_s: float) -> None:
        """Change the seconds that the peer may take for one PDU."""
        self._patience_s = patience_s
        self._raw.settimeout(patience_s)

    def read(self) -> tuple[int, memoryview]:
        """Give kind and content of the next PDU; the content is valid until the next call.

        Raises
        ------
        Gone
            If the peer is not there any more or too slow.
        Malformed
            If the PDU is larger than agreed.
        """
        until = time.monotonic() + self._patience_s
        self._fill(_HEADER_BYTES, until)
        kind = self._buffer[self._start]
        length = int.from_bytes(self._view[self._start + 2 : self._start + 6], "big")
        if length > self._most:
            raise Malformed(f"a PDU of {length} bytes; {self._most} were agreed")
        self._fill(_HEADER_BYTES + length, until)
        begin = self._start + _HEADER_BYTES
        self._start = begin + length
        return kind, self._view[begin : self._start]

    def ahead(self) -> tuple[int, memoryview] | None:
        """Give the next PDU without taking it; None when it has not come whole. Waits for nothing.

        Nothing that was read is moved in the buffer, because the PDU before may be in use: who
        fills the buffer to its end with requests that wait is heard when they are taken.

        Raises
        ------
        Gone
            If the peer is not there any more.
        """
        while self._end - self._start < (wanted := self._wanted()):
            if self._start + wanted > len(self._buffer) or not self._take_what_came():
                return None
        begin = self._start + _HEADER_BYTES
        return self._buffer[self._start], self._view[begin : self._start + wanted]

    def _wanted(self) -> int:
        """Give the bytes of the next PDU, as far as is known."""
        if self._end - self._start < _HEADER_BYTES:
            return _HEADER_BYTES
        head = self._view[self._start + 2 : self._start + _HEADER_BYTES]
        return _HEADER_BYTES + int.from_bytes(head, "big")

    def _take_what_came(self) -> bool:
        """Have more bytes in the buffer, without waiting; tells whether there are."""
        self._raw.settimeout(0)
        try:
            self._end += self._receive()
        except _Nothing:
            return False
        finally:
            self._raw.settimeout(self._patience_s)
        return True

    def send(self, data: bytes) -> None:
        """Write an answer.

        Raises
        ------
        Gone
            If the peer does not take it.
        """
        try:
            self._raw.sendall(data)
        except OSError as error:
            raise Gone(f"the answer was not taken: {error.strerror or error}") from error

    def hang_up(self) -> None:
        """Close the connection; what was sent last still reaches the peer."""
        until = time.monotonic() + _LINGER_S
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_WR)
            self._raw.settimeout(_LINGER_S)
            while time.monotonic() < until and self._raw.recv_into(self._view):
                pass  # unread bytes would make the system take back what was sent last
        with contextlib.suppress(OSError):
            self._raw.close()

    def _fill(self, count: int, until: float) -> None:
        """Have at least `count` unread bytes in the buffer."""
        if self._start == self._end:
            self._start = self._end = 0
        if self._start + count > len(self._buffer):
            left = self._end - self._start
            self._view[:left] = bytes(self._view[self._start : self._end])
            self._start, self._end = 0, left
        while self._end - self._start < count:
            self._end += self._receive()
            if time.monotonic() > until and self._end - self._start < count:
                raise Gone("the peer is too slow")

    def _receive(self) -> int:
        try:
            got = self._raw.recv_into(self._view[self._end :])
            if _QUICKACK is not None:
                self._raw.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        except TimeoutError as error:
            raise Gone("the peer keeps silent") from error
        except (BlockingIOError, ssl.SSLWantReadError) as error:
            raise _Nothing from error
        except (OSError, ssl.SSLError) as error:
            raise Gone(f"the connection broke: {error.strerror or error}") from error
        if not got:
            raise Gone("the peer closed the connection")
        return got
