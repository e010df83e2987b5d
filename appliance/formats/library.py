"""The one door to nibabel, which is typed in part only; it is imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["nibabel"]


def nibabel(part: str = "") -> Any:
    """Give nibabel, or one of its parts such as ``"freesurfer"``."""
    return import_module(f"nibabel.{part}" if part else "nibabel")
