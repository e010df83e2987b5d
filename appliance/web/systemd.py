"""Tells systemd how the service is: ready, alive, stopping. Does nothing without systemd."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

__all__ = ["keep_watchdog", "sd_notify", "watchdog_seconds"]


def sd_notify(state: str) -> bool:
    """Send a state such as ``READY=1`` to the socket that systemd names.

    Returns
    -------
    bool
        Whether there was somebody to tell.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto(state.encode(), address)
        except OSError:
            return False
    return True


def watchdog_seconds() -> float | None:
    """Give half the time within which systemd wants to hear from this process, if it does."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 2e6 if text.isdigit() and int(text) else None


async def keep_watchdog(alive: Callable[[], bool]) -> None:
    """Tell systemd that we are alive, as long as `alive` says so; it runs in a thread."""
    pause = watchdog_seconds()
    while pause is not None:
        if await asyncio.to_thread(alive):
            sd_notify("WATCHDOG=1")
        await asyncio.sleep(pause)
