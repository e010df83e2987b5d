"""The way to one notebook: its Unix socket, for requests and for web sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import websockets
from litestar.types import Receive, Send
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.typing import Subprotocol

from appliance.jobs import NOTEBOOK_SOCKET

__all__ = ["Reach", "Wanted", "pass_socket"]

_MAX_BYTES = 1 << 30
_PATIENCE_S = 120  # a kernel that starts on a busy machine lets the first one wait


class Reach:
    """Connections to one notebook.

    Parameters
    ----------
    folder : Path
        Run folder of its attempt, in which the socket lies.
    token : str
        Its secret.
    """

    def __init__(self, folder: Path, token: str) -> None:
        self.token = token
        # Names of sockets are short; by its descriptor the folder always has a short name.
        self._folder = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        self.path = f"/proc/self/fd/{self._folder}/{NOTEBOOK_SOCKET}"
        self.client = httpx.AsyncClient(
            # No TLS here: it trusts nobody's certificates, which spares loading the list of them.
            transport=httpx.AsyncHTTPTransport(
                uds=self.path, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            ),
            timeout=httpx.Timeout(None, connect=10.0),
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self.client.aclose()
        os.close(self._folder)


@dataclass(frozen=True)
class Wanted:
    """The web socket that a browser asks for."""

    address: str
    headers: Sequence[tuple[str, str]]
    subprotocols: Sequence[str]


async def pass_socket(reach: Reach, wanted: Wanted, receive: Receive, send: Send) -> None:
    """Join the web socket of a browser to one of the notebook until either ends."""
    await receive()  # the browser's wish to connect
    spoken = [Subprotocol(name) for name in wanted.subprotocols]
    sent = [(name, value) for name, value in wanted.headers if name != "Host"]
    try:
        there = await unix_connect(
            reach.path,
            f"ws://localhost{wanted.address}",
            subprotocols=spoken or None,
            additional_headers=sent,
            max_size=_MAX_BYTES,
            ping_interval=None,
            compression=None,
            open_timeout=_PATIENCE_S,
        )
    except (OSError, websockets.WebSocketException, TimeoutError):
        await send({"type": "websocket.close", "code": 1013, "reason": "it does not answer"})
        return
    async with there:
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": there.subprotocol,
                "headers": [],
            }
        )
        await _join(there, receive, send)


async def _join(there: ClientConnection, receive: Receive, send: Send) -> None:
    tasks = {
        asyncio.create_task(_to_notebook(there, receive)),
        asyncio.create_task(_to_browser(there, send)),
    }
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed, OSError):
            await task


async def _to_notebook(there: ClientConnection, receive: Receive) -> None:
    while True:
        message: Any = await receive()
        if message["type"] == "websocket.disconnect":
            return
        data = message.get("bytes")
        await there.send(message["text"] if data is None else data)


async def _to_browser(there: ClientConnection, send: Send) -> None:
    async for data in there:
        text = isinstance(data, str)
        message: Any = {
            "type": "websocket.send",
            "text": data if text else None,
            "bytes": None if text else data,
        }
        await send(message)
    code = there.close_code
    closed: Any = {"type": "websocket.close", "code": 1000 if code in (None, 1005, 1006) else code}
    await send(closed)
