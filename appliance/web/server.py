"""Runs the application on sockets that are already bound: TCP for browsers, Unix for programs.

Binding first means that a taken port is a plain error before anything else starts, and that
READY is only told once a connection would be answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import uvicorn
from litestar import Litestar

from appliance.core import SettingsError
from appliance.web.hub import EventHub
from appliance.web.peers import PeerProtocol
from appliance.web.systemd import keep_watchdog, sd_notify

__all__ = ["WebServer", "bind_tcp", "bind_unix"]

_GRACE_S = 20
_KEEP_ALIVE_S = 75
_BACKLOG = 512
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def bind_tcp(host: str, port: int) -> socket.socket:
    """Bind the address that browsers use.

    Raises
    ------
    SettingsError
        If it is taken, or is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(_BACKLOG)  # from here on the port is ours: a second start fails at once
    except (OSError, OverflowError) as error:
        sock.close()
        raise SettingsError(_bind_problem(host, port, error), hint=_bind_hint(error)) from error
    return sock


def bind_unix(path: Path) -> socket.socket:
    """Bind the socket that programs of this user use; only this user can open it.

    Its folder is private (0700), so that nobody gets in between making and restricting it. The
    caller holds the data folder's lock: a socket that lies there is left from a crash.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.chmod(0o700)
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    path.chmod(0o600)
    sock.listen(_BACKLOG)
    return sock


class WebServer:
    """The web server of one process.

    Parameters
    ----------
    app : Litestar
        As `create_app` makes it.
    sockets : sequence of socket
        Bound sockets; closed when the server stops.
    alive : callable, optional
        Asked before each watchdog ping, in a thread: do the other parts still move?
    on_ready : callable, optional
        Called once, on the event loop, when connections are answered.
    """

    def __init__(
        self,
        app: Litestar,
        sockets: Sequence[socket.socket],
        *,
        alive: Callable[[], bool] = lambda: True,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=PeerProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
            backlog=_BACKLOG,
        )
        self._server = _Server(config, app.state.hub, alive, on_ready)
        self._sockets = list(sockets)
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, finish the requests in flight, and return."""
        self._server.run(sockets=self._sockets)

    def stop(self) -> None:
        """Ask the server to stop; may be called from any thread."""
        self._server.should_exit = True

    def __enter__(self) -> Self:
        """Serve in a thread of its own; ready when this returns."""
        self._thread = threading.Thread(target=self.run, name="web-server", daemon=True)
        self._thread.start()
        if not self._server.ready.wait(30):
            raise RuntimeError("the web server did not start within 30 s")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()


class _Server(uvicorn.Server):
    """Uvicorn that ends event streams before it waits, and leaves the exit code to us."""

    def __init__(
        self,
        config: uvicorn.Config,
        hub: EventHub,
        alive: Callable[[], bool],
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._hub, self._alive, self._on_ready = hub, alive, on_ready
        self._watchdog: asyncio.Task[None] | None = None
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell systemd and whoever waits."""
        await super().startup(sockets)
        self._watchdog = asyncio.create_task(keep_watchdog(self._alive))
        sd_notify("READY=1")
        self._on_ready()
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, which never end by themselves, and wait for all other requests."""
        sd_notify("STOPPING=1")
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._hub.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal as uvicorn does, but do not raise it again afterwards: we exit 0."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and number == signal.SIGINT
        self.should_exit = True


def _bind_problem(host: str, port: int, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken by another program"
    return f"cannot listen on {host} port {port}: {getattr(error, 'strerror', None) or error}"


def _bind_hint(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "Stop that program, or choose another port with --port or the setting web.port."
    return "Check the settings web.bind and web.port."
