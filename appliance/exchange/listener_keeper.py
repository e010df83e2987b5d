"""Keeps the DICOM listener going: while its port is taken it is tried again."""

from __future__ import annotations

import logging
import threading

from appliance.exchange.listener import DicomListener, PortTaken

__all__ = ["ListenerKeeper"]

_LOG = logging.getLogger(__name__)
_RETRY_S, _END_WITHIN_S = 5.0, 10.0


class ListenerKeeper:
    """Starts a listener, again and again while its port is taken.

    Parameters
    ----------
    listener : DicomListener
    retry_s : float
        Seconds between two tries.
    """

    def __init__(self, listener: DicomListener, retry_s: float = _RETRY_S) -> None:
        self._listener, self._retry_s = listener, retry_s
        self._stopping = threading.Event()
        self._why = ""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to listen, now or when the port is free.

        Raises
        ------
        SettingsError
            If its settings cannot be used at all.
        """
        self._stopping.clear()
        if not self._starts():
            self._thread = threading.Thread(target=self._run, name="dicom-retry", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_END_WITHIN_S)
            self._thread = None
        self._listener.stop()

    def problem(self) -> str:
        """Say why nobody is listened to; empty: all is well."""
        if self._listener.is_running():
            return ""
        return self._why or "It does not answer."

    def _run(self) -> None:
        while not self._stopping.wait(self._retry_s):
            if self._starts():
                return

    def _starts(self) -> bool:
        try:
            self._listener.start()
        except PortTaken as error:
            if not self._why:
                _LOG.error("%s; it is tried again every %.0f s", error.message, self._retry_s)
            self._why = f"{error.message}; it is tried again every {self._retry_s:.0f} s."
            return False
        self._why = ""
        return True
