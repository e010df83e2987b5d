"""Reaching the service: over its Unix socket, or in this process when none is running."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.core import Conflict, DataFolder, NotFound, Settings, load_settings

if TYPE_CHECKING:
    from appliance.client import Client

__all__ = ["connect", "service_answers", "service_ready", "settings_for"]

_WAIT_S = 120.0
_POLL_S = 0.2


def settings_for(data: Path | None, config: Path | None = None) -> Settings:
    """Load the settings that hold for a call."""
    return load_settings(data, config=config)


@contextmanager
def connect(
    settings: Settings, *, create: bool = False, imports: bool = False, jobs: bool = False
) -> Iterator[Client]:
    """Give a client of the service.

    Inside a job, or wherever ``NORA_URL`` or ``NORA_SOCKET`` is set, that is the service it names.
    Else it is the one on the data folder. When none runs, the data folder is locked and the same
    application is served in this process until the block ends.

    Parameters
    ----------
    settings : Settings
    create : bool
        Whether a data folder that does not exist is made.
    imports, jobs : bool
        Whether arrivals are worked on, and jobs run, in this process when no service runs.

    Raises
    ------
    NotFound
        If no service runs and there is no data folder.
    Conflict
        If another process holds the data folder for long but does not answer.
    """
    from appliance.client import Client

    if os.environ.get("NORA_URL") or os.environ.get("NORA_SOCKET"):
        with Client.from_environment() as client:
            yield client
        return
    folder = DataFolder(settings.data_path)
    if service_answers(folder):
        with Client(socket=folder.socket_path) as client:
            yield client
        return
    if not create and not folder.projects.is_dir():
        raise NotFound(
            f"no service runs, and there is no data folder {folder.root}",
            hint="Start 'nora serve', or name a data folder with --data.",
        )
    with ExitStack() as stack:
        path = _serve_alone(stack, settings, folder, imports=imports, jobs=jobs)
        yield stack.enter_context(Client(socket=path))


def _serve_alone(
    stack: ExitStack, settings: Settings, folder: DataFolder, *, imports: bool, jobs: bool
) -> Path:
    """Serve in this process; while another call does so, wait for it."""
    from appliance.cli.offline import serve_offline

    print(f"no service runs: working on {folder.root} alone", file=sys.stderr)
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            return stack.enter_context(serve_offline(settings, imports=imports, jobs=jobs))
        except Conflict:
            if service_answers(folder):  # one was started meanwhile
                return folder.socket_path
            if time.monotonic() > until:
                raise
            time.sleep(_POLL_S)


def service_answers(folder: DataFolder) -> bool:
    """Tell whether somebody listens on the data folder's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        try:
            sock.connect(str(folder.socket_path))
        except OSError:
            return False
    return True


def service_ready(folder: DataFolder) -> bool:
    """Tell whether the service has started and answers requests on the data folder's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(2)
        try:
            sock.connect(str(folder.socket_path))
            sock.sendall(b"GET /api/v1/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return b" 200 " in sock.recv(64)
        except OSError:
            return False
