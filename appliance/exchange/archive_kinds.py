"""Kinds of archives: what is in a zip or a tar, and its members one after the other.

Everything is judged by what the archive announces, before a byte is written; nothing that a
member's name says becomes a path.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import msgspec

from appliance.core import ImportSettings, Refused

__all__ = ["DAMAGED", "Archive", "Member", "archive_of"]

DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
FREE_BYTES = 16 << 20  # an empty slice shrinks a thousandfold; only big ones can be bombs
_ENCRYPTED = 0x1
_HEADER_BYTES = 64 << 20
_TAR = (".tar", ".tgz", ".tar.gz", ".txz", ".tar.xz", ".tbz2", ".tar.bz2")


class Member(msgspec.Struct, frozen=True):
    """One file of an archive, by its place in the archive's own order."""

    index: int
    name: str
    size_bytes: int


class Archive(Protocol):
    """One archive on the disk."""

    word: str

    def members(self) -> list[Member]:
        """Judge everything that is announced, and give the files.

        Raises
        ------
        Refused
            With the reason: damaged, unsafe names, links, encryption, or beyond a limit.
        """

    def read(self, wanted: Container[int]) -> Iterator[tuple[int, BinaryIO | None]]:
        """Give the wanted members in order, by index, to be read; None for a damaged one."""


def archive_of(path: Path, limits: ImportSettings) -> Archive:
    """Give the archive of a file, by its name.

    Raises
    ------
    Refused
        If archives of its kind are not unpacked.
    """
    name = path.name.lower()
    if name.endswith(".zip"):
        return _Zip(path, limits)
    if name.endswith(_TAR):
        return _Tar(path, limits)
    raise Refused("archives of this kind are not unpacked", hint="Send a zip or a tar.")


def _check_name(word: str, name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    drive = len(parts[0]) == 2 and parts[0][1] == ":"
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or drive:
        raise Refused(
            f"the {word} holds a name that leads out of its folder",
            hint=f"Make the {word} with relative names only.",
        )


def _no_link(word: str) -> Refused:
    return Refused(f"the {word} holds a link or a device", hint="Pack the files themselves.")


def _damaged(word: str) -> Refused:
    return Refused(f"the {word} is damaged", hint="Make it anew and send it again.")


class _Limits:
    """Counts members and bytes, and refuses what goes beyond the limits."""

    def __init__(self, word: str, limits: ImportSettings, packed: int) -> None:
        self._word, self._limits, self._packed = word, limits, packed
        self._n = self._total = 0

    def ratio(self, size: int, packed: int) -> None:
        """Refuse what unpacks to far more than it is."""
        if size > FREE_BYTES and size > self._limits.max_ratio * max(packed, 1):
            raise Refused(
                f"the {self._word} unpacks to more than {self._limits.max_ratio:g} times its size",
                hint="This looks like a zip bomb. See imports.max_ratio.",
            )

    def count(self, n: int) -> None:
        """Refuse too many members."""
        if n > self._limits.max_files:
            raise Refused(
                f"the {self._word} holds more than {self._limits.max_files} files",
                hint="Send it in parts, or raise imports.max_files.",
            )

    def add(self, size: int) -> None:
        """Count one more member."""
        self._n, self._total = self._n + 1, self._total + size
        self.count(self._n)
        if self._total > self._limits.max_total_bytes:
            raise Refused(
                f"the {self._word} unpacks to {self._total / 1e9:.1f} GB or more, more than"
                f" {self._limits.max_total_bytes / 1e9:.1f} GB",
                hint="Send it in parts, or raise imports.max_total_bytes.",
            )
        self.ratio(self._total, self._packed)


class _Zip:
    word = "zip"

    def __init__(self, path: Path, limits: ImportSettings) -> None:
        self._path, self._limits = path, limits

    def members(self) -> list[Member]:
        try:
            with zipfile.ZipFile(self._path) as archive:
                found = archive.infolist()
        except (*DAMAGED, OSError) as error:
            raise _damaged(self.word) from error
        packed = sum(member.compress_size for member in found)
        limits = _Limits(self.word, self._limits, packed)
        limits.count(len(found))
        for member in found:
            self._check(member)
            limits.ratio(member.file_size, member.compress_size)
            limits.add(member.file_size)
        return [
            Member(k, member.filename, member.file_size)
            for k, member in enumerate(found)
            if not member.is_dir()
        ]

    def _check(self, member: zipfile.ZipInfo) -> None:
        _check_name(self.word, member.orig_filename)
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _no_link(self.word)
        if member.flag_bits & _ENCRYPTED:
            raise Refused("the zip is encrypted", hint="Send it without a password.")

    def read(self, wanted: Container[int]) -> Iterator[tuple[int, BinaryIO | None]]:
        with zipfile.ZipFile(self._path) as archive:
            for k, member in enumerate(archive.infolist()):
                if k not in wanted:
                    continue
                try:
                    stream = archive.open(member)
                except DAMAGED:
                    yield k, None
                    continue
                with stream:
                    yield k, cast("BinaryIO", stream)


class _Tar:
    word = "tar"

    def __init__(self, path: Path, limits: ImportSettings) -> None:
        self._path, self._limits = path, limits

    def members(self) -> list[Member]:
        limits = _Limits(self.word, self._limits, self._path.stat().st_size)
        found = []
        try:
            with self._open() as archive:
                for k, member in enumerate(archive):
                    _check_name(self.word, member.name)
                    if not (member.isreg() or member.isdir()):
                        raise _no_link(self.word)
                    limits.add(member.size)  # before what is skipped is unpacked
                    archive.members = []  # type: ignore[attr-defined] # it keeps all of them
                    if member.isreg():
                        found.append(Member(k, member.name, member.size))
        except (*DAMAGED, OSError) as error:
            raise _damaged(self.word) from error
        return found

    def read(self, wanted: Container[int]) -> Iterator[tuple[int, BinaryIO | None]]:
        with self._open() as archive:
            for k, member in enumerate(archive):
                archive.members = []  # type: ignore[attr-defined]
                if k in wanted:
                    yield k, cast("BinaryIO | None", archive.extractfile(member))

    @contextmanager
    def _open(self) -> Iterator[tarfile.TarFile]:
        with (
            _unpacked(self._path) as stream,
            tarfile.open(fileobj=cast("BinaryIO", _Forward(stream)), mode="r:") as archive,
        ):
            yield archive


class _Forward:
    """What a file unpacks to, read forward only; no piece of it is larger than a header may be."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._at = stream, 0
        self._last = self._again = b""

    def read(self, n: int) -> bytes:
        if n > _HEADER_BYTES or n < 0:
            raise tarfile.ReadError("a header is too large")
        again, self._again = self._again[:n], self._again[n:]
        found = again + self._stream.read(n - len(again))
        self._at += len(found)
        self._last = found[-1:] or self._last
        return found

    def tell(self) -> int:
        return self._at

    def seek(self, at: int, whence: int = 0) -> int:
        """Go forward, or one byte back, as a reader of tars does to see whether there is more."""
        if whence == 0 and at == self._at - 1 and not self._again:
            self._again, self._at = self._last, at
        while self._at < at:
            if not self.read(min(at - self._at, 1 << 20)):
                break
        if self._at > at:
            raise tarfile.ReadError("a tar is read forward")
        return self._at


def _unpacked(path: Path) -> BinaryIO:
    name = path.name.lower()
    if name.endswith(("gz", "tgz")):
        return cast("BinaryIO", gzip.open(path))
    if name.endswith(("xz", "txz")):
        return cast("BinaryIO", lzma.open(path))
    if name.endswith("bz2"):
        return cast("BinaryIO", bz2.open(path))
    return path.open("rb")
