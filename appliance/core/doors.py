"""Lazy doors: a room lists its public names, and a submodule is imported when one is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy_door"]


def lazy_door(room: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the module-level ``__getattr__`` (PEP 562) of a room's door.

    Parameters
    ----------
    room : str
        Package name of the room, usually ``__name__``.
    names : mapping of str to str
        Public name to the submodule that defines it, such as ``{"read_volume": "volumes"}``.

    Returns
    -------
    callable
        To be bound to ``__getattr__`` in the door module.
    """

    def __getattr__(name: str) -> Any:
        try:
            submodule = names[name]
        except KeyError:
            raise AttributeError(f"module {room!r} has no attribute {name!r}") from None
        return getattr(import_module(f"{room}.{submodule}"), name)

    return __getattr__
