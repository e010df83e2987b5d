"""What all parts of the client share: how it reaches the service, and how pages are followed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec

from appliance.client.transport import Transport

__all__ = ["Base", "Items", "PageOf"]

_T = TypeVar("_T")
_DEFAULT_URL = "http://127.0.0.1:8181"
_SOCKET_URL = "http://localhost"
_PAGE = 1000


class Items(msgspec.Struct, Generic[_T]):
    """All rows of a short list."""

    items: list[_T]


class PageOf(msgspec.Struct, Generic[_T]):
    """Some rows and the cursor of the next page."""

    items: list[_T]
    next: str | None


class Base:
    """A connection to one service; see `Client`."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        socket: str | Path | None = None,
        token: str | None = None,
    ) -> None:
        path = Path(socket) if socket is not None else None
        address = base_url or (_SOCKET_URL if path else _DEFAULT_URL)
        self._transport = Transport(address, socket=path, token=token)

    @classmethod
    def from_environment(cls) -> Self:
        """Make a client from ``NORA_URL`` or ``NORA_SOCKET``, and ``NORA_TOKEN``; as in jobs."""
        return cls(
            os.environ.get("NORA_URL") or None,
            socket=os.environ.get("NORA_SOCKET") or None,
            token=os.environ.get("NORA_TOKEN") or None,
        )

    @classmethod
    def local(cls, data: str | Path | None = None) -> Self:
        """Make a client of the service of this user on this machine.

        Parameters
        ----------
        data : str or Path, optional
            Its data folder; by default that of the settings.
        """
        from appliance.core import DataFolder, load_settings

        settings = load_settings(Path(data) if data is not None else None)
        return cls(socket=DataFolder(settings.data_path).socket_path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _get(self, path: str, kind: type[_T], params: Mapping[str, Any] | None = None) -> _T:
        return self._transport.ask("GET", path, kind, params=params)

    def _post(self, path: str, kind: type[_T], body: Any = None) -> _T:
        return self._transport.ask("POST", path, kind, body=body)

    def _pages(self, path: str, kind: type[PageOf[_T]], filters: Mapping[str, Any]) -> Iterator[_T]:
        after: str | None = None
        while True:
            params = {"limit": _PAGE, **filters, "after": after}
            page = self._get(path, kind, params)
            yield from page.items
            after = page.next
            if after is None:
                return
