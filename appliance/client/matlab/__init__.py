"""Where NORA's functions for MATLAB and Octave lie; they speak through the command ``nora``."""

from __future__ import annotations

from pathlib import Path

__all__ = ["matlab_folder"]


def matlab_folder() -> Path:
    """Give the folder to add to the path of MATLAB or Octave."""
    return Path(__file__).resolve().parent
