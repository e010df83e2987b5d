"""Images of DigitalMicrograph (Gatan): DM3 and DM4, their pixels mapped from the file."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.formats.dm_tags import DmArray, DmGroup, read_tags
from appliance.formats.guard import reading

__all__ = ["DM_SUFFIXES", "DmImage", "read_dm"]

DM_SUFFIXES = (".dm3", ".dm4")
_REAL = {
    1: "i2",
    2: "f4",
    6: "u1",
    7: "i4",
    9: "i1",
    10: "u2",
    11: "u4",
    12: "f8",
    14: "u1",
    39: "i8",
    40: "u8",
}
_COLOURS = (8, 23)  # four bytes a pixel: blue, green, red and one that says nothing
_COMPLEX = (3, 5, 13, 27, 28)
_NANOMETRES = {
    "pm": 1e-3,
    "å": 0.1,
    "a": 0.1,
    "nm": 1.0,
    "µm": 1e3,
    "μm": 1e3,
    "um": 1e3,
    "mm": 1e6,
    "m": 1e9,
}


@dataclass(frozen=True, slots=True, eq=False)
class DmImage:
    """The image of a file.

    Attributes
    ----------
    values : array (n, ny, nx), or (n, ny, nx, 3) of uint8 for colours
        The first row is the upper one. Real values are mapped from the file.
    pixel_nm : float
        Edge length of a pixel; 0 where the file does not tell, or tells no length.
    """

    values: NDArray[Any]
    pixel_nm: float

    @property
    def is_rgb(self) -> bool:
        """Whether it has colours."""
        return self.values.ndim == 4


def read_dm(path: Path) -> DmImage:
    """Open the image of a DM3 or DM4 file; the small picture that stands for it is left out.

    Raises
    ------
    NotFound
        If there is no such file.
    FormatError
        If it is damaged, holds no image, or one of a kind that is not read, such as complex values.
    """
    with reading(path, "DM3 or DM4"), path.open("rb") as stream:
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            image = _picked(path, read_tags(data))
            unit = _text(data, _first_axis(image).get("Units"))
        part = image.group("ImageData")
        shape = _shape(path, part.group("Dimensions"))
        values = _values(path, part, shape)
        return DmImage(values, _pixel_nm(_first_axis(image).get("Scale"), unit))


def _picked(path: Path, root: DmGroup) -> DmGroup:
    """Choose the first image that is no thumbnail."""
    images = [one for one in root.group("ImageList").values if isinstance(one, DmGroup)]
    small = {
        one.get("ImageIndex") for one in root.group("Thumbnails").values if isinstance(one, DmGroup)
    }
    real = [one for at, one in enumerate(images) if at not in small]
    if not real:
        raise FormatError(f"{path.name} holds no image")
    return real[0]


def _first_axis(image: DmGroup) -> DmGroup:
    axes = image.group("ImageData").group("Calibrations").group("Dimension").values
    return axes[0] if axes and isinstance(axes[0], DmGroup) else DmGroup(())


def _shape(path: Path, dimensions: DmGroup) -> tuple[int, int, int]:
    """Give (n, ny, nx)."""
    sizes = [int(one) for one in dimensions.values]
    if len(sizes) not in (2, 3) or min(sizes) < 1:
        told = " x ".join(map(str, sizes)) or "nothing"
        raise FormatError(
            f"{path.name} holds {told}: that is neither an image nor a stack of them",
            hint="Spectra and maps of spectra are not read; export the image you want to keep.",
        )
    nx, ny, *rest = sizes
    return (rest[0] if rest else 1), ny, nx


def _values(path: Path, part: DmGroup, shape: tuple[int, int, int]) -> NDArray[Any]:
    kind, where = part.get("DataType"), part.get("Data")
    if kind in _COMPLEX:
        raise FormatError(
            f"{path.name} holds complex values, such as of a Fourier transform",
            hint="Export the image that it was made of, or its magnitude.",
        )
    if not isinstance(where, DmArray) or kind not in (*_REAL, *_COLOURS):
        raise FormatError(f"{path.name} holds pixels of a kind that is not read: {kind}")
    order = where.dtype.byteorder if where.dtype.byteorder != "|" else "<"
    dtype = np.dtype("u1" if kind in _COLOURS else order + _REAL[int(kind)])
    whole = (*shape, 4) if kind in _COLOURS else shape
    if int(np.prod(whole, dtype=object)) * dtype.itemsize > where.n * where.dtype.itemsize:
        raise FormatError(f"{path.name} has fewer pixels than it promises")
    mapped: NDArray[Any] = np.memmap(path, dtype, "r", where.offset, whole)
    if kind not in _COLOURS:
        return mapped
    # Four bytes make one number, of which the lowest is blue.
    colours = mapped[..., 2::-1] if order in "<=" else mapped[..., 1:]
    return np.ascontiguousarray(colours)


def _text(data: Any, value: Any) -> str:
    """Give a text, which is an array of 16 bit characters."""
    if not isinstance(value, DmArray) or value.dtype.itemsize != 2 or value.n > 64:
        return ""
    raw = data[value.offset : value.offset + 2 * value.n]
    code = "utf-16-be" if value.dtype.byteorder == ">" else "utf-16-le"
    return str(raw.decode(code, "replace")).rstrip("\0").strip()


def _pixel_nm(scale: Any, unit: str) -> float:
    """Give the length that a scale and its unit mean; 0 for what is none, such as 1/nm."""
    factor = _NANOMETRES.get(unit.casefold(), 0.0)
    edge = float(scale) * factor if isinstance(scale, (int, float)) else 0.0
    return edge if 0 < edge < float("inf") else 0.0
