"""Reading a BIDS dataset: which study a file belongs to, inherited metadata, participants."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from appliance.exchange.bids_names import BidsName, parse_name
from appliance.exchange.layouts import NO_STUDY, Place, TreeFile

__all__ = ["BidsLayout", "read_table", "subject_facts"]

_ELSEWHERE = "is no file of a subject; it stays where it is"
_DATASET = "describes the dataset; it was read"
_SIDECAR_OF = (
    ".json",
    ".nii",
    ".nii.gz",
    ".tsv",
    ".tsv.gz",
    ".edf",
    ".vhdr",
    ".set",
    ".bdf",
    ".mefd",
)
_MAX_TABLE_BYTES = 16 << 20
_NOTHING = frozenset({"", "n/a", "N/A", "NaN"})
_SEX = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}


class BidsLayout:
    """Tells the place of every file of a dataset, and what its tables and sidecars say.

    Parameters
    ----------
    root : Path
        The dataset's folder.
    files : iterable of TreeFile
        All its files.
    """

    def __init__(self, root: Path, files: Iterable[TreeFile]) -> None:
        self._root = root
        self._json: dict[str, dict[str, list[tuple[BidsName, str]]]] = {}
        self._docs: dict[str, Any] = {}
        for file in files:
            folder, _, name = file.path.rpartition("/")
            if name.endswith(".json"):
                parsed = parse_name(name)
                found = self._json.setdefault(folder, {}).setdefault(parsed.suffix, [])
                found.append((parsed, file.path))
        self.subjects = self._table("participants.tsv", "participant_id")

    def place(self, path: str) -> Place | str:
        """Give the study of a file and its path there, or why it has none."""
        parts = path.split("/")
        prefix: list[str] = []
        if parts[0] == "derivatives" and len(parts) > 2:
            prefix, parts = parts[:2], parts[2:]
        if not parts[0].startswith("sub-"):
            return _DATASET if len(parts) == 1 and not prefix else _ELSEWHERE
        pid, rest = parts[0], parts[1:]
        if len(rest) == 1:
            return _DATASET
        has_session = rest[0].startswith("ses-")
        sid, rest = (rest[0], rest[1:]) if has_session else (NO_STUDY, rest)
        return Place(pid, sid, "/".join([*prefix, *rest])) if rest else _ELSEWHERE

    def sidecar(self, path: str) -> tuple[str, str] | None:
        """Give the complete sidecar of a file when some of it is inherited: its path and text."""
        folder, _, name = path.rpartition("/")
        if not name.endswith(_SIDECAR_OF):
            return None
        parsed = parse_name(name)
        found = self._applicable(folder, parsed)
        stem = path[: len(path) - len(parsed.extension)]
        if not found or found == [f"{stem}.json"]:
            return None
        merged: dict[str, Any] = {}
        for one in found:
            merged.update(self._doc(one, keep=one.rpartition("/")[0] != folder))
        return f"{stem}.json", msgspec.json.encode(merged).decode()

    def _applicable(self, folder: str, name: BidsName) -> list[str]:
        """Sidecars that apply to a file, the outermost first."""
        folders = [""]
        for part in folder.split("/") if folder else []:
            folders.append(f"{folders[-1]}/{part}".lstrip("/"))
        found = []
        for one in folders:
            here = self._json.get(one, {}).get(name.suffix, ())
            fitting = [(len(j.entities), path) for j, path in here if j.within(name.entities)]
            found += [path for _, path in sorted(fitting)]
        return found

    def _doc(self, path: str, *, keep: bool) -> Mapping[str, Any]:
        """Read a sidecar; those that many images share are kept."""
        found: Mapping[str, Any] | None = self._docs.get(path)
        if found is not None:
            return found
        try:
            doc = msgspec.json.decode((self._root / path).read_bytes())
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
