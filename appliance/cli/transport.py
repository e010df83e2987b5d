"""Reaching the service: over its Unix socket, or in this process when none is running."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.core import DataFolder, NotFound, Settings, load_settings

if TYPE_CHECKING:
    from appliance.client import Client

__all__ = ["connect", "service_answers", "settings_for"]


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
        If another process holds the data folder but does not answer.
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
    from appliance.cli.offline import serve_offline

    print(f"no service runs: working on {folder.root} alone", file=sys.stderr)
    with serve_offline(settings, imports=imports, jobs=jobs) as path, Client(socket=path) as client:
        yield client


def service_answers(folder: DataFolder) -> bool:
    """Tell whether somebody listens on the data folder's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        try:
            sock.connect(str(folder.socket_path))
        except OSError:
            return False
    return True
