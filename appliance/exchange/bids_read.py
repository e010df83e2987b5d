"""Reading a BIDS dataset: which study a file belongs to, inherited metadata, participants."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from appliance.exchange.bids_names import extension_of
from appliance.exchange.layouts import NO_STUDY, Place, TreeFolder

__all__ = ["BidsLayout", "read_small", "read_table", "subject_facts"]

_ELSEWHERE = "is no file of a subject; it stays where it is"
_DATASET = "describes the dataset; it was read"
_SIDECAR_OF = frozenset(
    (".json", ".nii", ".nii.gz", ".tsv", ".tsv.gz", ".edf", ".vhdr", ".set", ".bdf", ".mefd")
)
_DECODER = msgspec.json.Decoder()
_MAX_TABLE_BYTES = 16 << 20
_NOTHING = frozenset({"", "n/a", "N/A", "NaN"})
_SEX = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}


class _Name(NamedTuple):
    """The stem of a file name in the parts that inheritance asks for."""

    suffix: str
    entities: frozenset[str]


class BidsLayout:
    """Tells the place of every file of a dataset, and what its tables and sidecars say.

    Its folders are entered one after the other, each after those that it lies in.

    Parameters
    ----------
    root : Path
        The dataset's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._chain: list[tuple[str, dict[str, list[_Sidecar]]]] = []
        self._docs: dict[str, Mapping[str, Any]] = {}
        self._names: dict[str, _Name] = {}
        self._made: dict[str, tuple[str, str] | None] = {}
        self.subjects = self._table("participants.tsv", "participant_id")

    def base(self, folder: str) -> Place | str:
        """Give the study of the files of a folder and the folder's path there, or why not."""
        parts = folder.split("/") if folder else []
        prefix: list[str] = []
        if parts[:1] == ["derivatives"] and len(parts) > 1:
            prefix, parts = parts[:2], parts[2:]
        if not parts or not parts[0].startswith("sub-"):
            return _ELSEWHERE if prefix or parts else _DATASET
        pid, rest = parts[0], parts[1:]
        if not rest:
            return _DATASET
        has_session = rest[0].startswith("ses-")
        sid, rest = (rest[0], rest[1:]) if has_session else (NO_STUDY, rest)
        return Place(pid, sid, "".join(f"{part}/" for part in [*prefix, *rest]))

    def place(self, path: str) -> Place | str:
        """Give the study of a file and its path there, or why it has none."""
        folder, _, name = path.rpartition("/")
        base = self.base(folder)
        if isinstance(base, str):
            return base
        return Place(base.subject, base.study, base.path + name)

    def enter(self, folder: TreeFolder) -> None:
        """Take in the sidecars of a folder; those of folders it does not lie in are forgotten."""
        path = folder.path
        while self._chain and not _is_in(path, self._chain[-1][0]):
            for some in self._chain.pop()[1].values():
                for one in some:
                    self._docs.pop(one.path, None)
        self._names.clear()
        self._made.clear()
        here: dict[str, list[_Sidecar]] = {}
        for file in folder.files:
            if file.name.endswith(".json"):
                stem = file.name[:-5]
                name = self._names[stem] = _name(stem)
                full = f"{path}/{file.name}" if path else file.name
                found = _Sidecar(len(name.entities), full, name.entities)
                here.setdefault(name.suffix, []).append(found)
        for some in here.values():
            some.sort(key=lambda one: one[:2])
        self._chain.append((path, here))

    def sidecar(self, name: str) -> tuple[str, str] | None:
        """Give the complete sidecar of a file of the folder when some of it is inherited.

        Returns
        -------
        (str, str) or None
            Its name and text.
        """
        extension = extension_of(name)
        if extension not in _SIDECAR_OF:
            return None
        stem = name[: len(name) - len(extension)]
        if stem not in self._made:
            self._made[stem] = self._complete(stem)
        return self._made[stem]

    def _complete(self, stem: str) -> tuple[str, str] | None:
        suffix, entities = self._names.get(stem) or _name(stem)
        found = [
            one.path
            for _, sidecars in self._chain
            for one in sidecars.get(suffix, ())
            if one.entities <= entities
        ]
        folder = self._chain[-1][0]
        own = f"{folder}/{stem}.json" if folder else f"{stem}.json"
        if not found or found == [own]:
            return None
        merged: dict[str, Any] = {}
        for path in found:
            merged.update(self._doc(path, keep=path != own))
        return f"{stem}.json", msgspec.json.encode(merged).decode()

    def _doc(self, path: str, *, keep: bool) -> Mapping[str, Any]:
        """Read a sidecar; those that many images share are kept."""
        found = self._docs.get(path)
        if found is not None:
            return found
        try:
            doc = _DECODER.decode(read_small(f"{self._root}/{path}"))
        except (OSError, msgspec.DecodeError):
            doc = {}
        read: Mapping[str, Any] = doc if isinstance(doc, dict) else {}
        if keep:
            self._docs[path] = read
        return read

    def sessions(self, pid: str) -> dict[str, dict[str, str]]:
        """Give what ``sub-X_sessions.tsv`` says, by session."""
        return self._table(f"{pid}/{pid}_sessions.tsv", "session_id")

    def _table(self, path: str, key: str) -> dict[str, dict[str, str]]:
        full = self._root / path
        if not full.is_file() or full.stat().st_size > _MAX_TABLE_BYTES:
            return {}
        rows = read_table(full.read_text("utf-8-sig", errors="replace"))
        return {row.pop(key): row for row in rows if row.get(key)}


class _Sidecar(NamedTuple):
    n_entities: int
    path: str
    entities: frozenset[str]


def _name(stem: str) -> _Name:
    *pairs, suffix = stem.split("_")
    return _Name(suffix, frozenset([pair for pair in pairs if "-" in pair]))


def _is_in(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def read_small(path: str) -> bytes:
    """Read a small file whole.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(handle).st_size
        data = os.read(handle, size + 1)
        while len(data) < size and (more := os.read(handle, size)):
            data += more
        return data
    finally:
        os.close(handle)


def read_table(text: str) -> list[dict[str, str]]:
    """Read a table of tab-separated values; cells that say nothing are left out."""
    rows = csv.DictReader(io.StringIO(text), delimiter="\t")
    return [
        {str(k): v.strip() for k, v in row.items() if k and isinstance(v, str) and _says(v)}
        for row in rows
    ]


def _says(cell: str) -> bool:
    return cell.strip() not in _NOTHING


def subject_facts(row: Mapping[str, str]) -> tuple[str | None, float | None, dict[str, Any]]:
    """Take sex and age out of a participant's row; the rest are values of custom fields."""
    rest = {key: _value(cell) for key, cell in row.items() if key not in ("sex", "age")}
    return _SEX.get(row.get("sex", "").casefold()), _number(row.get("age", "")), rest


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _value(cell: str) -> Any:
    number = _number(cell)
    if number is None or (
        cell.strip().startswith("0") and cell.strip().isdecimal() and cell != "0"
    ):
        return cell
    return int(number) if number.is_integer() and cell.lstrip("+-").isdecimal() else number
