"""Putting a file of existing data into its place: a link, a second name, a copy, or a text."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from appliance.catalog import NewFile
from appliance.core import DiskFull, StorageError
from appliance.exchange.disk import storing
from appliance.exchange.existing_plan import PlacedFile

__all__ = ["Wanted", "put_and_look"]

_MAX_DOC_BYTES = 4 << 20
_TAKEN = "the study holds another file of this name"


class Wanted(NamedTuple):
    """A file that is to be at its place.

    Attributes
    ----------
    target : str
        Its absolute path.
    known : (int, int) or None
        Size and time by which the catalog knows it from the same source; then what is there may
        be replaced.
    """

    file: PlacedFile
    target: str
    known: tuple[int, int] | None


def put_and_look(one: Wanted, mode: str) -> NewFile | str | None:
    """Make a file appear at its place, by link, second name, copy or text; a repeat does no harm.

    Returns
    -------
    NewFile, str or None
        Its row when it is new or has changed, None when the catalog knows it as it is, and a text
        when it could not be done.
    """
    try:
        with storing(one.target):
            problem = _put(one.file, one.target, mode, ours=one.known is not None)
    except DiskFull:
        raise
    except StorageError as error:
        return f"cannot be taken: {error.message.rpartition(': ')[2]}"
    if problem:
        return problem
    return None if _is_known(one) else _new_file(one.file)


def _put(file: PlacedFile, target: str, mode: str, *, ours: bool) -> str:
    if file.text is not None:
        return _put_text(file.text, target, ours=ours)
    if mode == "stay":
        return _put_link(file.source, target, ours=ours)
    return _put_bytes(file.source, target, mode, ours=ours)


def _part(target: str) -> str:
    """Give the name under which a file is written before it is whole."""
    folder, _, name = target.rpartition("/")
    return f"{folder}/{name[:80]}.part"


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108 - called for many


def _put_text(text: str, target: str, *, ours: bool) -> str:
    data = text.encode()
    if os.path.lexists(target):
        path = Path(target)
        if not path.is_symlink() and path.read_bytes() == data:
            return ""
        if not ours:
            return _TAKEN
    part = _part(target)
    _unlink(part)
    with open(part, "xb") as stream:  # noqa: PTH123 - called for many
        stream.write(data)
    os.replace(part, target)  # noqa: PTH105
    return ""


def _put_link(source: str, target: str, *, ours: bool) -> str:
    try:
        os.symlink(source, target)  # noqa: PTH211
    except FileExistsError:
        path = Path(target)
        if path.is_symlink() and str(path.readlink()) == source:
            return ""
        if not ours:
            return _TAKEN
        path.unlink()
        path.symlink_to(source)
    return ""


def _put_bytes(source: str, target: str, mode: str, *, ours: bool) -> str:
    if os.path.exists(target):  # noqa: PTH110
        if _alike(source, target):
            return ""
        if not ours:
            return _TAKEN
    part = _part(target)
    _unlink(part)
    if mode == "link":
        os.link(source, part, follow_symlinks=True)
    else:
        shutil.copyfile(source, part)
        shutil.copystat(source, part)
    os.replace(part, target)  # noqa: PTH105
    return ""


def _alike(source: str, target: str) -> bool:
    a, b = os.stat(source), os.stat(target)  # noqa: PTH116
    return (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns)


def _is_known(one: Wanted) -> bool:
    return one.known == (one.file.size_bytes, one.file.mtime_ns)


def _new_file(file: PlacedFile) -> NewFile:
    """Give the row of a file; the content of a JSON file goes along when it is valid."""
    from appliance.formats import kind_of

    kind = str(kind_of(file.path))
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
