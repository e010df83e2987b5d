"""The folder of descriptors that people have brought: each file is a tool, or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import msgspec

from appliance.core import ApplianceError, Conflict, NotFound, atomic_write
from appliance.jobs.boutiques import MAX_BYTES, read_descriptor, tool_of
from appliance.jobs.structs import Tool

__all__ = ["BroughtTool", "ToolFolder"]

_KEPT = "kept"


class BroughtTool(msgspec.Struct, frozen=True):
    """One file of the folder; `problem` says why it is no tool."""

    file: str
    sha256: str
    id: str = ""
    name: str = ""
    version: str = ""
    problem: str = ""


@dataclass(frozen=True)
class _Read:
    row: BroughtTool
    tool: Tool | None


class ToolFolder:
    """Descriptors as ``*.json`` in one folder.

    Every text that was ever brought through us also stays in ``kept``, under its SHA-256.

    Parameters
    ----------
    path : Path
        The folder; made when something is brought.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._seen: dict[str, tuple[tuple[int, int], _Read]] = {}

    def tools(self) -> dict[str, Tool]:
        """Give the tools by their ids; files that are new or changed are read."""
        return {one.tool.id: one.tool for one in self._look() if one.tool is not None}

    def files(self) -> list[BroughtTool]:
        """List the files, with what is wrong with them."""
        return [one.row for one in self._look()]

    def text(self, tool_id: str) -> bytes:
        """Give a descriptor as it was brought.

        Raises
        ------
        NotFound
            If no file holds a tool of that id.
        """
        return (self.path / self._file_of(tool_id)).read_bytes()

    def add(self, text: bytes, *, reserved: Collection[str] = ()) -> Tool:
        """Keep a descriptor.

        Parameters
        ----------
        text : bytes
            The descriptor.
        reserved : collection of str
            Ids that it cannot have.

        Raises
        ------
        Invalid
            If it is wrong; the fact ``place`` says where.
        Conflict
            If its id is reserved.
        """
        tool = tool_of(read_descriptor(text))
        if tool.id in reserved:
            raise Conflict(
                f"the appliance has a tool {tool.id!r} itself",
                hint="Give it another name, or another id under custom.nora.",
            )
        known = next((row.file for row in self.files() if row.id == tool.id), f"{tool.id}.json")
        digest = hashlib.sha256(text).hexdigest()
        (self.path / _KEPT).mkdir(parents=True, exist_ok=True)
        for target in (self.path / _KEPT / f"{digest}.json", self.path / known):
            with atomic_write(target) as stream:
                stream.write(text)
        return self.tools()[tool.id]

    def remove(self, tool_id: str) -> None:
        """Take a tool off the menu; jobs that use it keep what they need of it.

        Raises
        ------
        NotFound
            If no file holds a tool of that id.
        """
        (self.path / self._file_of(tool_id)).unlink(missing_ok=True)

    def _file_of(self, tool_id: str) -> str:
        for row in self.files():
            if row.id == tool_id and not row.problem:
                return row.file
        raise NotFound(f"no descriptor of a tool {tool_id!r} was brought")

    def _look(self) -> list[_Read]:
        with self._lock:
            found: dict[str, tuple[tuple[int, int], _Read]] = {}
            for path in sorted(self.path.glob("*.json")):
                try:
                    stat = path.stat()
                except OSError:
                    continue
                mark = (stat.st_mtime_ns, stat.st_size)
                old = self._seen.get(path.name)
                found[path.name] = old if old and old[0] == mark else (mark, _read(path))
            self._seen = found
            return _without_doubles([one for _, one in found.values()])


def _read(path: Path) -> _Read:
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
        digest = hashlib.sha256(text).hexdigest()
        tool = tool_of(read_descriptor(text), source=f"tools/{path.name}")
    except ApplianceError as error:
        return _Read(BroughtTool(path.name, digest, problem=error.message), None)
    except OSError as error:
        return _Read(BroughtTool(path.name, "", problem=f"cannot be read: {error.strerror}"), None)
    return _Read(BroughtTool(path.name, digest, tool.id, tool.name, tool.version), tool)


def _without_doubles(found: list[_Read]) -> list[_Read]:
    """Of several files with the same id only the first is a tool."""
    first: dict[str, str] = {}
    rows = []
    for one in found:
        owner = first.setdefault(one.row.id, one.row.file) if one.row.id else one.row.file
        if owner != one.row.file:
            row = msgspec.structs.replace(one.row, problem=f"{owner} has the same id")
            rows.append(_Read(row, None))
        else:
            rows.append(one)
    return rows
