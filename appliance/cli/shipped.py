"""Finding the files that are shipped beside the code: the unit and the settings file."""

from __future__ import annotations

from pathlib import Path

from appliance.core import NotFound

__all__ = ["shipped"]

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped(name: str) -> Path:
    """Find a shipped file in an installed wheel, else in the source tree.

    Raises
    ------
    NotFound
        If it is in neither.
    """
    for root in (_PACKAGE / "_shipped", _PACKAGE.parent):
        if (root / name).is_file():
            return root / name
    raise NotFound(f"{name} was not installed with the appliance", hint="Install it again.")
