"""The part of the client that brings data in, and follows what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance.client.base import Base, PageOf
from appliance.client.rows import Receipt
from appliance.core import PeerError

__all__ = ["ArrivalCalls"]

_OPEN = frozenset({"receiving", "pending", "working"})


class ArrivalCalls(Base):
    """Imports, uploads, receipts."""

    def import_path(self, project: str, path: str | Path, **options: Any) -> Receipt:
        """Import a file or folder of the service's machine.

        Parameters
        ----------
        **options
            ``patients_id``, ``studies_id``, ``pattern``, ``extrafiles_filter``.
        """
        given = {name: value for name, value in options.items() if value is not None}
        return self._post("/imports", Receipt, {"project": project, "path": str(path), **given})

    def upload(
        self,
        project: str,
        file: Path,
        *,
        name: str | None = None,
        subject: str | None = None,
        study: str | None = None,
        native: bool = False,
    ) -> Receipt:
        """Send a file, or a zip of files, of this machine.

        With `native`, DICOM and Bruker files go to whom they say, and only others to the target.
        """
        params = {
            "project": project,
            "filename": name or file.name,
            "subject": subject,
            "study": study,
            "native": native or None,
        }
        return self._transport.send_file("/uploads", file, Receipt, params)

    def all_receipts(self, **filters: Any) -> Iterator[Receipt]:
        """Give all arrivals, newest first; ``project`` and ``state`` narrow them."""
        return self._pages("/receipts", PageOf[Receipt], filters)

    def receipt(self, key: str) -> Receipt:
        """Give one arrival with its files."""
        return self._get(f"/receipts/{key}", Receipt)

    def retry_receipt(self, key: str) -> Receipt:
        """Try again what failed or was quarantined."""
        return self._post(f"/receipts/{key}/retry", Receipt)

    def wait_receipt(self, key: str, *, within_s: float = 3600, poll_s: float = 0.3) -> Receipt:
        """Wait until an arrival is through, or waits for a person.

        Raises
        ------
        PeerError
            If that takes longer than `within_s`.
        """
        until = time.monotonic() + within_s
        while (receipt := self.receipt(key)).state in _OPEN:
            if time.monotonic() > until:
                raise PeerError(f"receipt {key} is still {receipt.state} after {within_s:g} s")
            time.sleep(poll_s)
        return receipt
