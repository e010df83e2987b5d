"""The same application in this process, on a private socket, for calls while no service runs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.cli.serve import Appliance, Parts
from appliance.core import Settings, configure_logging

__all__ = ["serve_offline"]


@contextmanager
def serve_offline(
    settings: Settings, *, imports: bool = False, jobs: bool = False
) -> Iterator[Path]:
    """Lock the data folder and serve it on a socket of its own; give the socket's path.

    Parameters
    ----------
    imports : bool
        Whether arrivals are worked on meanwhile; else they wait for the next `nora serve`.
    jobs : bool
        Whether jobs run meanwhile; else they wait likewise.
    """
    from appliance.web import WebServer, bind_tcp, bind_unix, create_app

    configure_logging("WARNING")
    with (
        Appliance(settings) as appliance,
        tempfile.TemporaryDirectory(prefix="nora-") as private,
    ):
        path = Path(private) / "nora.sock"
        sockets = [bind_unix(path)]
        if jobs:  # `nora` inside a job speaks to a port
            sockets.append(bind_tcp("127.0.0.1", 0))
            port = sockets[-1].getsockname()[1]
            appliance.services.scheduler.url = f"http://127.0.0.1:{port}"
        with WebServer(create_app(appliance.services), sockets):
            if imports or jobs:
                appliance.start(Parts.QUEUE | (Parts.JOBS if jobs else Parts.NONE))
            yield path
