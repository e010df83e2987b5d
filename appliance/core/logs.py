"""One log set-up: the standard library, to the terminal and to a rotating file."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

__all__ = ["configure_logging"]

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_MAX_BYTES, _KEPT = 10 << 20, 5
_NOISY = (
    "pynetdicom",
    "pydicom",
    "huey",
    "watchdog",
    "httpx",
    "httpcore",
    "numba",
    "uvicorn.access",
)


def configure_logging(level: str = "INFO", *, file: Path | None = None) -> None:
    """Send log records to standard error and, if given, to a file that rotates at 10 MiB.

    Parameters
    ----------
    level : str
        Lowest level that is kept, such as ``"INFO"``.
    file : Path, optional
        Log file; its folder exists.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if file is not None:
        handlers.append(RotatingFileHandler(file, maxBytes=_MAX_BYTES, backupCount=_KEPT))
    logging.basicConfig(level=level, format=_FORMAT, handlers=handlers, force=True)
    for name in _NOISY:  # peers' libraries log names of files and patients below this level
        logging.getLogger(name).setLevel(logging.WARNING)
