"""Putting a file of existing data into its place: a link, a second name, a copy, or a text."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from appliance.catalog import NewFile
from appliance.core import DiskFull
from appliance.exchange.bids_read import read_small
from appliance.exchange.disk import is_full
from appliance.exchange.existing_plan import PlacedFile
from appliance.formats import kind_of

__all__ = ["Wanted", "put_and_look"]

_MAX_DOC_BYTES = 4 << 20
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_DECODER = msgspec.json.Decoder()
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
    file_id : int
        Its row in the catalog, 0 for none from this source.
    """

    file: PlacedFile
    target: str
    known: tuple[int, int] | None
    file_id: int = 0


def put_and_look(wanted: Sequence[Wanted], mode: str) -> list[NewFile | str | None]:
    """Make files appear at their places, by link, second name, copy or text; a repeat does no harm.

    Returns
    -------
    list of (NewFile, str or None)
        The row of each that is new or has changed, None when the catalog knows it as it is, and a
        text when it could not be done.

    Raises
    ------
    DiskFull
        When the disk is.
    """
    return [_put_one(one, mode) for one in wanted]


def _put_one(one: Wanted, mode: str) -> NewFile | str | None:
    try:
        problem = _put(one.file, one.target, mode, ours=one.known is not None)
    except OSError as error:
        if is_full(error):
            raise DiskFull(f"the disk is full: {one.target}", hint="Free some space.") from error
        return f"cannot be taken: {error.strerror or type(error).__name__}"
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
    try:
        handle = os.open(target, _NEW_FILE, 0o666)
    except FileExistsError:
        return _change_text(data, target, ours=ours)
    try:
        n = os.write(handle, data)
    finally:
        os.close(handle)
    if n < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # what is there is found cut off
    return ""


def _change_text(data: bytes, target: str, *, ours: bool) -> str:
    """Put a text into the place of what is there, if that is ours or was cut off."""
    path = Path(target)
    found = None if path.is_symlink() else path.read_bytes()
    if found == data:
        return ""
    if not ours and (found is None or not data.startswith(found)):
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
        if _leads_to(target, source):
            return ""
        if not ours:
            return _TAKEN
        os.unlink(target)  # noqa: PTH108
        os.symlink(source, target)  # noqa: PTH211
    return ""


def _leads_to(target: str, source: str) -> bool:
    try:
        return os.readlink(target) == source  # noqa: PTH115 - called for many
    except OSError:
        return False


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
    kind = str(kind_of(file.path))
    doc = _document(file) if kind == "json" else None
    return NewFile(file.path, file.size_bytes, file.mtime_ns, kind, doc)


def _document(file: PlacedFile) -> str | None:
    if file.text is not None:
        return file.text
    if file.size_bytes > _MAX_DOC_BYTES:
        return None
    try:
        data = read_small(file.source)
        _DECODER.decode(data)
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
