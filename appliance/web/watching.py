"""Long answers that end when the one who asked has gone: a page that was left, a pressed Stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection

__all__ = ["while_connected"]

_T = TypeVar("_T")


async def while_connected(
    request: ASGIConnection[Any, Any, Any, Any], work: Callable[[], _T], stop: Callable[[], None]
) -> _T:
    """Run `work` in a thread; call `stop` as soon as the connection is closed.

    The request's body must have been read. What `work` raises is raised.
    """
    task = asyncio.ensure_future(sync_to_thread(work))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not task.done():
            stop()
    return await task


async def _gone(request: ASGIConnection[Any, Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
