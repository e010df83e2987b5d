"""Turns whatever a reading library raises into the errors of this house."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.core import ApplianceError, FormatError, NotFound, StorageError

__all__ = ["check_room", "reading"]

_MAX_DEFLATE_RATIO = 1100  # deflate cannot do better than about 1032 : 1


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Read a file in this block.

    Parameters
    ----------
    path : Path
        The file; only its name is told.
    what : str
        Its format, for the message.

    Raises
    ------
    NotFound
        If there is no such file.
    StorageError
        If the file system refuses.
    FormatError
        For anything else that goes wrong.
    """
    try:
        yield
    except ApplianceError:
        raise
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path.name}") from error
    except MemoryError as error:
        raise FormatError(
            f"{path.name} needs more memory than there is",
            hint="Its header may be damaged, or the image is too large for this machine.",
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise StorageError(f"{path.name} cannot be read: {error.strerror}") from error
        raise FormatError(
            f"{path.name} is not a readable {what} file", hint=_hint(error)
        ) from error


def check_room(path: Path, needed: int, *, compressed: bool) -> None:
    """Refuse a file that cannot hold the bytes its header promises.

    Raises
    ------
    FormatError
        If it is too short, even at the best compression there is.
    """
    size = path.stat().st_size
    if needed > size * (_MAX_DEFLATE_RATIO if compressed else 1):
        raise FormatError(
            f"{path.name} is cut off: its header promises {needed} bytes, the file holds {size}",
            hint="Copy the file again from its source.",
        )


def _hint(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "The file ends too early. Copy it again from its source."
    return f"The file may be damaged or have the wrong name ({type(error).__name__})."
