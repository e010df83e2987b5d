"""The list of subjects that were erased: what a restored backup has to forget again.

It lies beside the databases, is no part of any backup, and names nobody: a subject is known by the
random key of its row.
"""

from __future__ import annotations

import threading
from typing import Literal

import msgspec

from appliance.core import DataFolder, UpkeepError, atomic_write

__all__ = ["Erased", "Ledger"]

_NAME = "erased.json"
_LOCK = threading.Lock()


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """One erasure.

    Attributes
    ----------
    key : str
        Its own key.
    subject : str
        Key of the subject's row.
    state : {"begun", "done"}
        One that was begun is gone on with at the next start.
    """

    key: str
    project: str
    subject: str
    actor: str
    at: int
    state: Literal["begun", "done"] = "begun"


class Ledger:
    """Reads and writes the list, each time as a whole.

    Parameters
    ----------
    folder : DataFolder
        Where it lies.
    """

    def __init__(self, folder: DataFolder) -> None:
        self._path = folder.root / _NAME

    def all(self) -> list[Erased]:
        """Give all erasures, the oldest first.

        Raises
        ------
        UpkeepError
            If the list is damaged; then no backup can be restored safely.
        """
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[Erased])
        except FileNotFoundError:
            return []
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise UpkeepError(
                f"{self._path} is damaged",
                hint="It tells which subjects were erased. Bring it back from a copy of the disk.",
            ) from error

    def put(self, one: Erased) -> None:
        """Add an erasure, or change the one of the same key; durable when this returns."""
        with _LOCK:
            others = [other for other in self.all() if other.key != one.key]
            with atomic_write(self._path, mode=0o600) as stream:
                text = msgspec.json.encode(sorted([*others, one], key=lambda each: each.at))
                stream.write(msgspec.json.format(text))
