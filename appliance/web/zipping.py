"""Writes a ZIP archive as a stream of bytes whose length is known before the first is sent.

Files are stored as they are (images hardly shrink), so that the length follows from their sizes
alone. It knows neither the catalog nor HTTP.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.core import StorageError

__all__ = ["ZipEntry", "safe_zip_name", "zip_bytes", "zip_length"]

_CHUNK_BYTES = 1 << 20
_MAX_32, _MAX_16 = 0xFFFFFFFF, 0xFFFF
_FLAGS = 0x0808  # sizes and checksum follow the data; names are UTF-8
_UNIX_FILE = 0o100644 << 16
_LOCAL = struct.Struct("<4s5H3I2H")
_DESCRIPTOR = struct.Struct("<4s3I")
_DESCRIPTOR_64 = struct.Struct("<4sI2Q")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One file of an archive: its name inside, where it lies, and its size when looked at."""

    name: str
    path: Path | None
    size_bytes: int
    mtime_s: float
    text: bytes = b""

    @property
    def is_large(self) -> bool:
        """Whether its size needs 64 bits."""
        return self.size_bytes >= _MAX_32


@dataclass(frozen=True, slots=True)
class _Written:
    entry: ZipEntry
    offset: int
    crc: int


def safe_zip_name(*parts: str) -> str:
    """Join names to a path inside an archive that no program can follow out of its folder."""
    found = [step for part in parts for step in part.replace("\\", "_").split("/")]
    return "/".join("_" if step in (".", "..") else step for step in found if step)


def zip_length(entries: Sequence[ZipEntry]) -> int:
    """Give the exact length in bytes of the archive that `zip_bytes` will write."""
    offset = directory = 0
    for entry in entries:
        name = len(entry.name.encode())
        directory += _CENTRAL.size + name + len(_central_extra(entry, offset))
        descriptor = _DESCRIPTOR_64 if entry.is_large else _DESCRIPTOR
        offset += _LOCAL.size + name + len(_local_extra(entry)) + entry.size_bytes + descriptor.size
    return offset + directory + len(_end(len(entries), offset, directory))


def zip_bytes(entries: Sequence[ZipEntry]) -> Iterator[bytes]:
    """Write the archive, about 1 MiB at a time.

    Raises
    ------
    StorageError
        If a file can no longer be read, or has become shorter.
    """
    waiting = bytearray()
    for piece in _pieces(entries):
        waiting += piece
        if len(waiting) >= _CHUNK_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def _pieces(entries: Sequence[ZipEntry]) -> Iterator[bytes]:
    written: list[_Written] = []
    offset = 0
    for entry in entries:
        head = _local(entry)
        yield head
        crc = 0
        for chunk in _content(entry):
            crc = zlib.crc32(chunk, crc)
            yield chunk
        tail = _descriptor(entry, crc)
        yield tail
        written.append(_Written(entry, offset, crc))
        offset += len(head) + entry.size_bytes + len(tail)
    directory = 0
    for one in written:
        line = _central(one)
        directory += len(line)
        yield line
    yield _end(len(written), offset, directory)


def _content(entry: ZipEntry) -> Iterator[bytes]:
    """Read as many bytes as were promised; what was added meanwhile is left out."""
    if entry.path is None:
        yield entry.text
        return
    left = entry.size_bytes
    try:
        with entry.path.open("rb", buffering=0) as stream:
            while left and (chunk := stream.read(min(left, _CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk
    except OSError as error:
        raise StorageError(f"{entry.name} cannot be read: {error.strerror}") from error
    if left:
        raise StorageError(f"{entry.name} has become shorter while it was sent")


def _local(entry: ZipEntry) -> bytes:
    name, extra = entry.name.encode(), _local_extra(entry)
    size = _MAX_32 if entry.is_large else 0
    head = _LOCAL.pack(
        b"PK\3\4",
        _version(entry),
        _FLAGS,
        0,
        *_dos_time(entry),
        0,
        size,
        size,
        len(name),
        len(extra),
    )
    return head + name + extra


def _descriptor(entry: ZipEntry, crc: int) -> bytes:
    form = _DESCRIPTOR_64 if entry.is_large else _DESCRIPTOR
    return form.pack(b"PK\7\b", crc, entry.size_bytes, entry.size_bytes)


def _central(one: _Written) -> bytes:
    entry, extra = one.entry, _central_extra(one.entry, one.offset)
    name = entry.name.encode()
    size = min(entry.size_bytes, _MAX_32)
    version = 45 if extra else _version(entry)
    head = _CENTRAL.pack(
        b"PK\1\2",
        (3 << 8) | version,
        version,
        _FLAGS,
        0,
        *_dos_time(entry),
        one.crc,
        size,
        size,
        len(name),
        len(extra),
        0,
        0,
        0,
        _UNIX_FILE,
        min(one.offset, _MAX_32),
    )
    return head + name + extra


def _end(count: int, offset: int, directory: int) -> bytes:
    end = _END.pack(
        b"PK\5\6",
        0,
        0,
        min(count, _MAX_16),
        min(count, _MAX_16),
        min(directory, _MAX_32),
        min(offset, _MAX_32),
        0,
    )
    if count < _MAX_16 and offset < _MAX_32 and directory < _MAX_32:
        return end
    large = _END_64.pack(b"PK\6\6", 44, 45, 45, 0, 0, count, count, directory, offset)
    return large + _LOCATOR_64.pack(b"PK\6\7", 0, offset + directory, 1) + end


def _local_extra(entry: ZipEntry) -> bytes:
    return struct.pack("<2H2Q", 1, 16, 0, 0) if entry.is_large else b""


def _central_extra(entry: ZipEntry, offset: int) -> bytes:
    wide = [entry.size_bytes] * 2 if entry.is_large else []
    wide += [offset] if offset >= _MAX_32 else []
    return struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""


def _version(entry: ZipEntry) -> int:
    return 45 if entry.is_large else 20


def _dos_time(entry: ZipEntry) -> tuple[int, int]:
    year, month, day, hour, minute, second, *_ = time.localtime(entry.mtime_s)
    year = min(max(year, 1980), 2107)
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
