"""One thing to tell, before it is known who wants to hear it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from appliance.upkeep.notifications.kinds import Tone

__all__ = ["News", "Said", "counted"]

Said = tuple[str, str]
"""Title and text."""


@dataclass(frozen=True, kw_only=True)
class News:
    """One thing to tell.

    Attributes
    ----------
    kind, level : str
        See `kinds`.
    about : str
        What it is about, such as ``"batch:KEY"``: an unread notification about the same thing is
        changed instead of a second one made.
    n : int
        Events that it stands for.
    say : callable
        From the events that the notification stands for, those told before included, to its words.
    link : callable
        The same for the page it leads to.
    owners : tuple of str
        Logins that it concerns first.
    local : bool
        It stays in the browser, as it is about the channels themselves.
    """

    kind: str
    level: Tone
    about: str
    say: Callable[[int], Said]
    link: Callable[[int], str]
    n: int = 1
    project_id: int | None = None
    owners: tuple[str, ...] = ()
    local: bool = False


def counted(n: int, one: str, many: str) -> str:
    """Write a number with its noun: ``1 job``, ``2 jobs``."""
    return f"{n} {one if n == 1 else many}"
