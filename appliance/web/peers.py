"""Who is at the other end of a Unix socket, as the kernel tells it.

The mark is set on the connection itself, before a byte of the request is read; nothing that is
sent over TCP or in a header can set it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Any

from litestar.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["PeerProtocol", "peer_is_us", "peer_uid"]

_MARK = "nora_peer_uid"
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


class PeerProtocol(H11Protocol):
    """HTTP/1.1 that marks connections from a Unix socket with the user id of the peer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read the peer's credentials, then go on as usual."""
        uid = _socket_uid(transport.get_extra_info("socket"))
        self.app_state = {**self.app_state, _MARK: uid}
        super().connection_made(transport)


def peer_uid(scope: Scope) -> int | None:
    """Give the user id at the other end of a Unix socket, None for TCP."""
    uid: int | None = scope.get("state", {}).get(_MARK)
    return uid


def peer_is_us(scope: Scope) -> bool:
    """Tell whether the caller came over the Unix socket as our own user or as root."""
    uid = peer_uid(scope)
    return uid is not None and uid in (os.getuid(), 0)


def _socket_uid(sock: Any) -> int | None:
    if sock is None or sock.family != socket.AF_UNIX:
        return None
    with socket.socket(fileno=os.dup(sock.fileno())) as own:
        raw = own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])
