"""Putting a file of existing data into its place: a link, a second name, a copy, or a text."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from appliance.catalog import NewFile
from appliance.core import DiskFull, StorageError
from appliance.exchange.disk import storing
from appliance.exchange.existing_plan import PlacedFile

__all__ = ["is_same", "new_file", "put_file"]

_MAX_DOC_BYTES = 4 << 20
_TAKEN = "the study holds another file of this name"


def put_file(file: PlacedFile, target: Path, mode: str, *, ours: bool) -> str:
    """Make the file appear at its place; a repeat finds it done.

    Parameters
    ----------
    ours : bool
        Whether what is there now came from the same source and may be replaced.

    Returns
    -------
    str
        Empty, or why it could not be done.
    """
    try:
        with storing(target.name):
            if file.text is not None:
                return _put_text(file.text, target, ours=ours)
            if mode == "stay":
                return _put_link(file.source, target, ours=ours)
            return _put_bytes(file.source, target, mode, ours=ours)
    except DiskFull:
        raise
    except StorageError as error:
        return f"cannot be taken: {error.message.partition(': ')[2]}"


def _put_text(text: str, target: Path, *, ours: bool) -> str:
    data = text.encode()
    if target.is_symlink() or target.exists():
        if not target.is_symlink() and target.read_bytes() == data:
            return ""
        if not ours:
            return _TAKEN
    part = target.with_name(f"{target.name[:80]}.part")
    part.unlink(missing_ok=True)
    part.write_bytes(data)
    part.replace(target)
    return ""


def _put_link(source: str, target: Path, *, ours: bool) -> str:
    try:
        os.symlink(source, target)  # noqa: PTH211 - called for many
    except FileExistsError:
        if target.is_symlink() and os.readlink(target) == source:  # noqa: PTH115
            return ""
        if not ours:
            return _TAKEN
        target.unlink()
        target.symlink_to(source)
    return ""


def _put_bytes(source: str, target: Path, mode: str, *, ours: bool) -> str:
    if target.exists():
        if _alike(source, target):
            return ""
        if not ours:
            return _TAKEN
    part = target.with_name(f"{target.name[:80]}.part")
    part.unlink(missing_ok=True)
    if mode == "link":
        os.link(source, part, follow_symlinks=True)
    else:
        shutil.copyfile(source, part)
        shutil.copystat(source, part)
    part.replace(target)
    return ""


def _alike(source: str, target: Path) -> bool:
    a, b = os.stat(source), target.stat()  # noqa: PTH116 - called for many
    return (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns)


def is_same(file: PlacedFile, known: tuple[int, int] | None) -> bool:
    """Tell whether the catalog's size and time of a file are those of its source."""
    if known is None:
        return False
    size_bytes, mtime_ns = known
    return size_bytes == file.size_bytes and mtime_ns == file.mtime_ns


def new_file(file: PlacedFile) -> NewFile:
    """Give the row of a file; the content of a JSON file goes along when it is valid."""
    from appliance.formats import kind_of

    kind = str(kind_of(Path(file.path)))
    doc = _document(file) if kind == "json" else None
    return NewFile(file.path, file.size_bytes, file.mtime_ns, kind, doc)


def _document(file: PlacedFile) -> str | None:
    if file.text is not None:
        return file.text
    if file.size_bytes > _MAX_DOC_BYTES:
        return None
    try:
        data = Path(file.source).read_bytes()
        msgspec.json.decode(data)
        return data.decode("utf-8")
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return _mended(Path(file.source))


def _mended(path: Path) -> str | None:
    """Give a document that only Python's reader takes, such as one with NaN."""
    from appliance.formats import file_facts

    try:
        doc = file_facts(path)["doc"]
    except OSError:
        return None
    return None if doc is None else msgspec.json.encode(doc).decode()
