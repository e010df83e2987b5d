"""Stacks of sections in MRC files, read in place and written section by section.

For tilt series and tomograms that are larger than memory. `appliance.formats.mrc` reads an MRC
file as a volume of the world; here it stays what it is: sections, rows, columns.
"""

from __future__ import annotations

import errno
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from appliance.core import Conflict, DiskFull, Invalid, StorageError, atomic_write
from appliance.formats.mrc_extended import SectionFacts, read_extended
from appliance.formats.mrc_header import (
    HEADER_BYTES,
    IMOD_SIGNED,
    IMOD_STAMP,
    MrcHeader,
    read_mrc_header,
)

__all__ = ["MrcFacts", "MrcWriter", "read_mrc_stack"]

_MODES = {"i1": 0, "u1": 0, "i2": 1, "f4": 2, "u2": 6, "f2": 12}
_FULL = (errno.ENOSPC, errno.EDQUOT)
_LABELS, _LABEL_BYTES = 10, 80
_VERSION = 20141
_STACK_OF_VOLUMES = 401  # space groups from here on are no single volume


@dataclass(frozen=True, slots=True)
class MrcFacts:
    """What the headers of a stack say.

    Attributes
    ----------
    mode : int
        0 bytes, 1 int16, 2 float32, 6 uint16, 12 float16.
    pixel_angstrom : float
        Edge length of a pixel; 0 where the header does not tell.
    titles : tuple of str
        The labels of the header.
    minimum, maximum, mean : float
        As the header claims.
    sections_promised : int
        Number of sections that the header names; more than are read of a growing file.
    is_volume : bool
        Whether the header calls the sections slices of one volume.
    tilt_angles : array (n,) of degrees or None
        From the extended header.
    exposure : array (n,) or None
        Electrons per square Ångström, from the extended header.
    axis_deg : float or None
        Tilt axis as the microscope counts it, from the extended header.
    """

    mode: int
    pixel_angstrom: float
    titles: tuple[str, ...]
    minimum: float
    maximum: float
    mean: float
    sections_promised: int
    is_volume: bool
    tilt_angles: NDArray[np.float64] | None = None
    exposure: NDArray[np.float64] | None = None
    axis_deg: float | None = None


def read_mrc_stack(path: Path, *, growing: bool = False) -> tuple[NDArray[Any], MrcFacts]:
    """Open a stack without reading its values.

    Parameters
    ----------
    path : Path
    growing : bool
        Whether the file may still be written; the whole sections that are there are given.

    Returns
    -------
    array (nz, ny, nx)
        Mapped from the file and read-only, in its own type and byte order.
    MrcFacts

    Raises
    ------
    NotFound
        If there is no such file.
    FormatError
        If it is no MRC file, of a mode without an image, or shorter than it promises.
    """
    header = read_mrc_header(path, growing=growing)
    mapped: NDArray[Any] = np.memmap(
        path, dtype=header.dtype, mode="r", offset=header.data_at, shape=header.shape
    )
    return mapped, _facts(header, _extended(path, header))


def _extended(path: Path, header: MrcHeader) -> SectionFacts:
    if header.data_at == HEADER_BYTES:
        return SectionFacts()
    with path.open("rb") as stream:
        stream.seek(HEADER_BYTES)
        block = stream.read(header.data_at - HEADER_BYTES)
    return read_extended(header.raw, block, header.shape[0], header.order)


def _facts(header: MrcHeader, sections: SectionFacts) -> MrcFacts:
    raw = header.raw
    labels = [bytes(label) for label in raw["label"][: max(0, int(raw["nlabl"]))]]
    titles = (label.split(b"\0")[0].decode("ascii", "replace").rstrip() for label in labels)
    return MrcFacts(
        mode=int(raw["mode"]),
        pixel_angstrom=sections.pixel_angstrom or _pixel(raw),
        titles=tuple(title for title in titles if title),
        minimum=float(raw["dmin"]),
        maximum=float(raw["dmax"]),
        mean=float(raw["dmean"]),
        sections_promised=int(raw["nz"]),
        is_volume=0 < int(raw["ispg"]) < _STACK_OF_VOLUMES,
        tilt_angles=sections.angles_deg,
        exposure=sections.exposure,
        axis_deg=sections.axis_deg,
    )


def _pixel(raw: Any) -> float:
    """Edge of the cell over its samples; 0 where that says nothing."""
    edge, samples = float(raw["cella"]["x"]), int(raw["mx"])
    return edge / samples if np.isfinite(edge) and edge > 0 and samples > 0 else 0.0


class MrcWriter:
    """Writes a stack section by section; the file appears under its name when it is whole.

    Parameters
    ----------
    path : Path
        Name of the file; it must not exist.
    shape : (int, int, int)
        Sections, rows, columns.
    dtype : dtype
        int8, uint8, int16, uint16, float16 or float32.
    pixel_angstrom : float
        Edge length of a pixel; 0 when unknown, which is written as 1.
    titles : sequence of str
        At most ten labels of 80 bytes; what is longer is cut.
    volume : bool
        Whether the sections are slices of one volume rather than single images.
    section_angstrom : float
        Distance of two sections; 0 for that of two pixels.

    Raises
    ------
    Conflict
        If there is a file of that name.
    Invalid
        If shape or type cannot be written, or at the end sections are missing.
    DiskFull
        If the disk has no room for all of it, now or midway.

    Notes
    -----
    On an exception inside the ``with`` block nothing remains. Each section is written once, in
    any order.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        dtype: DTypeLike,
        pixel_angstrom: float,
        *,
        titles: tuple[str, ...] | list[str] = (),
        volume: bool = True,
        section_angstrom: float = 0.0,
    ) -> None:
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype).newbyteorder("<")
        if self.dtype.str[1:] not in _MODES:
            raise Invalid(f"MRC files do not hold values of type {np.dtype(dtype)}")
        if len(shape) != 3 or min(shape) < 1:
            raise Invalid(f"a stack of {shape} sections, rows and columns cannot be written")
        self._pixel, self._titles, self._volume = pixel_angstrom, tuple(titles), volume
        self._section = section_angstrom
        self._written = np.zeros(shape[0], bool)
        self._tally = _Tally()
        self._end = ExitStack()

    def __enter__(self) -> Self:
        self._refuse_to_replace()
        needed = HEADER_BYTES + int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize
        if shutil.disk_usage(self.path.parent).free < needed:
            raise DiskFull(f"there is no room for {self.path.name}: it takes {needed:,} bytes")
        self._stream = self._end.enter_context(atomic_write(self.path))
        return self

    def write(self, z0: int, sections: NDArray[Any]) -> None:
        """Write sections from number `z0` on.

        Parameters
        ----------
        z0 : int
        sections : array (n, ny, nx) or (ny, nx)
            Of a type that loses nothing but precision in that of the file.
        """
        block = sections[None] if sections.ndim == 2 else sections
        self._check(z0, block)
        stored = np.ascontiguousarray(block, self.dtype)
        for section in stored:
            self._tally.add(section)
        section_bytes = self.shape[1] * self.shape[2] * self.dtype.itemsize
        try:
            self._stream.seek(HEADER_BYTES + z0 * section_bytes)
            self._stream.write(stored.data)
        except OSError as error:
            raise _refused(self.path, error) from error
        self._written[z0 : z0 + len(stored)] = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._end.__exit__(kind, error, trace)
            return
        with self._end:
            self._finish()

    def _check(self, z0: int, block: NDArray[Any]) -> None:
        if block.ndim != 3 or block.shape[1:] != self.shape[1:]:
            raise Invalid(f"sections of {block.shape[1:]} do not fit {self.shape[1:]}")
        if not np.can_cast(block.dtype, self.dtype, "same_kind"):
            raise Invalid(f"values of type {block.dtype} do not fit a file of {self.dtype}")
        if z0 < 0 or z0 + len(block) > self.shape[0]:
            raise Invalid(f"{self.path.name} has no section {z0 + len(block) - 1}")
        if self._written[z0 : z0 + len(block)].any():
            raise Invalid(f"sections of {self.path.name} are written twice")

    def _finish(self) -> None:
        missing = np.flatnonzero(~self._written)
        if missing.size:
            raise Invalid(f"{self.path.name} lacks {missing.size} sections, first {missing[0]}")
        self._refuse_to_replace()
        try:
            self._stream.seek(0)
            self._stream.write(self._header())
            self._stream.flush()
        except OSError as error:
            raise _refused(self.path, error) from error

    def _refuse_to_replace(self) -> None:
        if self.path.exists():
            raise Conflict(f"there is a file {self.path.name} already", hint="Remove it first.")

    def _header(self) -> bytes:
        from mrcfile.dtypes import HEADER_DTYPE

        raw = np.zeros((), HEADER_DTYPE.newbyteorder("<"))
        nz, ny, nx = self.shape
        for names, values in (
            (("nx", "ny", "nz"), (nx, ny, nz)),
            (("mx", "my", "mz"), (nx, ny, nz)),
            (("mapc", "mapr", "maps"), (1, 2, 3)),
            (("dmin", "dmax", "dmean", "rms"), self._tally.figures()),
        ):
            for name, value in zip(names, values, strict=True):
                raw[name] = value
        raw["mode"], raw["nversion"] = _MODES[self.dtype.str[1:]], _VERSION
        raw["ispg"] = int(self._volume)
        pixel = self._pixel if self._pixel > 0 else 1.0
        section = self._section if self._section > 0 else pixel
        raw["cella"], raw["cellb"] = (nx * pixel, ny * pixel, nz * section), (90, 90, 90)
        raw["map"], raw["machst"] = b"MAP ", (0x44, 0x44, 0, 0)
        raw["extra2"] = _stamped(signed=self.dtype.kind == "i")
        labels = [title.encode("ascii", "replace") for title in self._titles[:_LABELS]]
        raw["nlabl"] = len(labels)
        raw["label"][: len(labels)] = [label[:_LABEL_BYTES].ljust(80) for label in labels]
        return raw.tobytes()


class _Tally:
    """Range, mean and spread of what was written, section after section."""

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, section: NDArray[Any]) -> None:
        self.low = min(self.low, float(section.min()))
        self.high = max(self.high, float(section.max()))
        with np.errstate(invalid="ignore"):
            mean = float(section.mean(dtype=np.float64))
            spread = float(section.var(dtype=np.float64, mean=np.full((1, 1), mean)))
            total, away = self.count + section.size, mean - self.mean
            self.squares += (spread + away * away * self.count / total) * section.size
            self.mean += away * section.size / total
        self.count = total

    def figures(self) -> tuple[float, float, float, float]:
        """Minimum, maximum, mean, deviation; the standard's "not known" if not all are numbers."""
        told = (self.low, self.high, self.mean, (self.squares / self.count) ** 0.5)
        return told if np.isfinite(told).all() else (0.0, -1.0, -2.0, -1.0)


def _stamped(*, signed: bool) -> bytes:
    """Spare words with IMOD's stamp, so that bytes keep their sign."""
    words = np.zeros(21, "<i4")
    words[10:12] = IMOD_STAMP, IMOD_SIGNED if signed else 0
    return words.tobytes()


def _refused(path: Path, error: OSError) -> StorageError:
    if error.errno in _FULL:
        return DiskFull(f"the disk is full: {path.name} could not be written to its end")
    return StorageError(f"{path.name} cannot be written: {error.strerror}")
