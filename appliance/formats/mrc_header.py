"""The header of an MRC stack, checked against the file it stands in.

Knows the dialects that microscopes and IMOD write: either byte order, headers from before the word
MAP, bytes with and without sign. The values of a stack are not touched here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core import FormatError, NotFound
from appliance.formats.guard import reading

__all__ = [
    "HEADER_BYTES",
    "IMOD_SIGNED",
    "IMOD_STAMP",
    "MrcHeader",
    "bytes_are_signed",
    "read_mrc_header",
]

HEADER_BYTES = 1024
IMOD_STAMP = 1146047817  # "IMOD" in the spare words: the flags after it mean something
IMOD_SIGNED = 1
_STAMP_AT = 40  # in bytes of `extra2`
_TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_MRC2014 = 20140
_OTHERS = {
    3: "complex integers",
    4: "complex numbers",
    16: "colours",
    17: "colours",
    101: "four bits a pixel",
}


@dataclass(frozen=True, slots=True)
class MrcHeader:
    """What the first kilobyte says, as it was believed.

    Attributes
    ----------
    raw : record of mrcfile's HEADER_DTYPE
        In the byte order of the file.
    shape : (int, int, int)
        Sections, rows, columns.
    dtype : numpy.dtype
        Of the stored values, in the byte order of the file.
    data_at : int
        Offset of the first value in bytes.
    order : {"<", ">"}
    """

    raw: Any
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    data_at: int
    order: str


def read_mrc_header(path: Path, *, growing: bool = False) -> MrcHeader:
    """Read and check the header of a stack.

    Parameters
    ----------
    path : Path
    growing : bool
        Whether the file may still be written: sections that are not there yet are left out.

    Raises
    ------
    NotFound
        If there is no such file.
    FormatError
        If it is no MRC file, of a mode without an image, or shorter than it promises.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path.name}")
    with reading(path, "MRC"), path.open("rb") as stream:
        head = stream.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES:
        raise FormatError(
            f"{path.name} is no MRC file: it is shorter than a header",
            hint="It is empty or cut off: copy it again.",
        )
    raw, order = _in_order(path, head)
    shape = (int(raw["nz"]), int(raw["ny"]), int(raw["nx"]))
    dtype = _dtype(path, raw, order)
    data_at = HEADER_BYTES + max(0, int(raw["nsymbt"]))
    sections = _sections_there(path, shape, dtype, data_at, growing=growing)
    return MrcHeader(raw, (sections, *shape[1:]), dtype, data_at, order)


def _in_order(path: Path, head: bytes) -> tuple[Any, str]:
    """Find the byte order in which the header makes sense."""
    from mrcfile.dtypes import HEADER_DTYPE

    dtypes = {"<": HEADER_DTYPE.newbyteorder("<"), ">": HEADER_DTYPE.newbyteorder(">")}
    for order, dtype in dtypes.items():
        raw = np.frombuffer(head, dtype)[0]
        sizes = [int(raw[name]) for name in ("nx", "ny", "nz")]
        if 0 <= int(raw["mode"]) < 128 and all(0 < size < 1 << 20 for size in sizes):
            return raw, order
    if b"MAP" not in head[208:212]:
        raise FormatError(f"{path.name} is not an MRC file", hint="Its header makes no sense.")
    raise FormatError(
        f"{path.name} holds no image: its header names no size or an unknown mode",
        hint="Its header is damaged: copy it again.",
    )


def _dtype(path: Path, raw: Any, order: str) -> np.dtype[Any]:
    mode = int(raw["mode"])
    if mode not in _TYPES:
        what = _OTHERS.get(mode, "something unknown")
        raise FormatError(
            f"{path.name} is of mode {mode}: it holds {what}",
            hint="Modes 0, 1, 2, 6 and 12 are read; newstack -mode 2 makes one of them.",
        )
    if mode == 0 and not bytes_are_signed(raw, order):
        return np.dtype("u1")
    return np.dtype(order + _TYPES[mode])


def bytes_are_signed(raw: Any, order: str) -> bool:
    """Whether values of mode 0 have a sign: IMOD's flag, else the header's year, else its range."""
    words = np.frombuffer(raw["extra2"].tobytes(), order + "i4")
    if words[_STAMP_AT // 4] == IMOD_STAMP:
        return bool(words[_STAMP_AT // 4 + 1] & IMOD_SIGNED)
    if int(raw["nversion"]) >= _MRC2014:
        return True
    return not float(raw["dmax"]) > 127


def _sections_there(
    path: Path,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    data_at: int,
    *,
    growing: bool,
) -> int:
    section = shape[1] * shape[2] * dtype.itemsize
    held = path.stat().st_size - data_at
    if held >= shape[0] * section:
        return shape[0]
    there = max(0, held) // section
    if growing and there:
        return there
    raise FormatError(
        f"{path.name} is cut off: its header promises {shape[0]} sections and {there} are there",
        hint="Copy it again, or wait until the microscope has written it.",
    )
