"""The parts of a multipart message as they arrive, as DICOMweb sends objects; both ways use it."""

from __future__ import annotations

from appliance.core import Invalid

__all__ = ["Parts"]

_MOST_BYTES = 2 << 30


class Parts:
    """The bodies of a multipart message, whole, however the network cuts it.

    Parameters
    ----------
    boundary : str
        Without the leading hyphens.
    """

    def __init__(self, boundary: str) -> None:
        self._mark = b"\r\n--" + boundary.encode()
        self._held, self._seen, self._begun = bytearray(b"\r\n"), 0, False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes; gives the bodies that they end.

        Raises
        ------
        Invalid
            If a body is too large.
        """
        found: list[bytes] = []
        self._held += chunk
        while (at := self._held.find(self._mark, self._seen)) >= 0:
            if self._begun:
                found.append(bytes(self._held[:at]).partition(b"\r\n\r\n")[2])
            del self._held[: at + len(self._mark)]
            self._seen, self._begun = 0, True
        self._seen = max(0, len(self._held) - len(self._mark))
        if len(self._held) > _MOST_BYTES:
            raise Invalid("an object is larger than 2 GiB", hint="Bring it in another way.")
        return found
