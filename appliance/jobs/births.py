"""Our side of the nursery: asks it for supervisors, and starts it when there is none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from appliance.jobs import nursery, shim

__all__ = ["Births", "Born"]


class Born(NamedTuple):
    """A supervisor that runs; `handle` is a pidfd that is the receiver's to close."""

    pid: int
    handle: int


class Births:
    """Asks for supervisors, one at a time; any thread may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._program: subprocess.Popen[bytes] | None = None

    def ask(self, folder: Path) -> Born | None:
        """Get a supervisor for a run folder.

        Returns
        -------
        Born or None
            None when the nursery died over it: then nobody knows, and the run folder tells.

        Raises
        ------
        OSError
            If there can be no nursery at all; nothing was started.
        """
        with self._lock:
            sock = self._opened()
            try:
                sock.send(os.fsencode(folder))
                message, handles, _, _ = socket.recv_fds(sock, 64, 1)
            except OSError:
                message, handles = b"", []
            if not handles:
                self._close()
                return None
            return Born(int(message), handles[0])

    def close(self) -> None:
        """Let the nursery end; supervisors live on."""
        with self._lock:
            self._close()

    def _opened(self) -> socket.socket:
        if self._sock is not None and self._program is not None and self._program.poll() is None:
            return self._sock
        self._close()
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-I", "-S", nursery.__file__, shim.__file__, str(its.fileno())]
        with its:
            try:
                self._program = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    pass_fds=[its.fileno()],
                    env={"PATH": os.defpath},
                    cwd="/",
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        self._sock = ours
        return ours

    def _close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        if self._program is not None:
            try:
                self._program.wait(5)  # it ends when its socket does
            except subprocess.TimeoutExpired:
                self._program.kill()
                self._program.wait()
            self._program = None
