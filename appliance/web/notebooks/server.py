"""Runs the proxy in a thread of its own, on a socket that may be refused without harm."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import uvicorn

from appliance.core import Settings, SettingsError
from appliance.web.server import bind_tcp
from appliance.web.services import Services

if TYPE_CHECKING:
    from litestar.types import Receive, Send

    from appliance.web.notebooks.proxy import NotebookProxy

__all__ = ["NotebookServer", "notebook_port"]

_LOG = logging.getLogger(__name__)
_GRACE_S = 2
_STARTED: Any = {"type": "lifespan.startup.complete"}
_STOPPED: Any = {"type": "lifespan.shutdown.complete"}


def notebook_port(settings: Settings) -> int:
    """Give the port of the notebooks."""
    return settings.notebooks.port or settings.web.port + 1


class NotebookServer:
    """Serves notebooks while the service runs; a context manager.

    A taken port is no reason for the service not to start: `Notebooks.problem` tells it then.

    Parameters
    ----------
    services : Services
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        settings = self._services.settings
        if not settings.notebooks.enabled:
            return self
        try:
            sock = bind_tcp(settings.web.bind, notebook_port(settings))
        except SettingsError as error:
            why = f"{error.message}: set notebooks.port to a free one."
            self._services.notebooks.problem = why
            _LOG.warning("no notebooks: %s", why)
            return self
        config = uvicorn.Config(
            _LateProxy(self._services),
            ws="websockets-sansio",
            ws_max_size=1 << 30,
            ws_ping_interval=30.0,
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([sock],), name="notebooks", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(2 * _GRACE_S + 1)


class _LateProxy:
    """The proxy, loaded for the first request: its client costs the start a quarter of a second."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._proxy: NotebookProxy | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        await self._loaded()(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        told: Any = await receive()
        while told["type"] != "lifespan.shutdown":
            await send(_STARTED)
            told = await receive()
        if self._proxy is not None:
            await self._proxy.close()
        await send(_STOPPED)

    def _loaded(self) -> NotebookProxy:
        from appliance.web.notebooks.proxy import NotebookProxy

        self._proxy = self._proxy or NotebookProxy(self._services)
        return self._proxy
