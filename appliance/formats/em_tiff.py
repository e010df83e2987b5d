"""Pages of TIFF files of electron microscopes: values as stored, and the size of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, SettingsError
from appliance.formats.guard import check_room, reading
from appliance.formats.tiff_chain import check_pages

__all__ = ["TiffFacts", "read_tiff_page", "tiff_facts"]

_MAX_BYTES = 4 << 30
_NANOMETRES = {"nm": 1.0, "um": 1e3, "µm": 1e3, "\\u00B5m": 1e3, "micron": 1e3, "mm": 1e6}
_WHITE_IS_ZERO, _PALETTE = 0, 3


@dataclass(frozen=True, slots=True)
class TiffFacts:
    """What a file says before its pixels are read.

    Attributes
    ----------
    n : int
        Pages of the size of the first one.
    shape : (int, int)
        Rows and columns.
    dtype : dtype
    is_rgb : bool
    pixel_nm : float
        0 where neither ImageJ, nor a microscope of Thermo Fisher or Zeiss, told it.
    """

    n: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    is_rgb: bool
    pixel_nm: float


def tiff_facts(path: Path) -> TiffFacts:
    """Look at a file.

    Raises
    ------
    NotFound, FormatError, SettingsError
    """
    tifffile = _tifffile()
    with reading(path, "TIFF"), tifffile.TiffFile(path) as tif:
        check_pages(path, tif)
        first = tif.pages[0]
        size = (int(first.imagelength), int(first.imagewidth))
        n_alike = sum((page.imagelength, page.imagewidth) == size for page in tif.pages)
        return TiffFacts(
            max(n_alike, _imagej_images(tif)),
            size,
            np.dtype(first.dtype or "u1"),
            int(first.samplesperpixel) >= 3 or int(first.photometric) == _PALETTE,
            _pixel_nm(tif),
        )


def read_tiff_page(path: Path, number: int = 0) -> NDArray[Any]:
    """Read one page.

    Returns
    -------
    array (ny, nx), or (ny, nx, 3) of uint8 for colours
        The first row is the upper one; where white is stored as 0 it is turned round.

    Raises
    ------
    NotFound, FormatError, SettingsError
    """
    tifffile = _tifffile()
    with reading(path, "TIFF"), tifffile.TiffFile(path) as tif:
        check_pages(path, tif)
        if number >= len(tif.pages):
            return np.asarray(_in_a_row(path, tif)[number])
        page = tif.pages[number] if number == 0 else tif.pages[number].aspage()
        if page.dtype is None:
            raise FormatError(f"{path.name} holds pixels of a kind that is not read")
        needed = int(np.prod(page.shape, dtype=object)) * page.dtype.itemsize
        if needed > _MAX_BYTES:
            raise FormatError(f"{path.name} is too large: {page.imagewidth} x {page.imagelength}")
        check_room(path, needed, compressed=int(page.compression) != 1)
        if int(page.photometric) == _PALETTE:
            return _by_pillow(path, number, page)
        try:
            values = np.asarray(page.asarray())
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            return _by_pillow(path, number, page)
        return _plain(path, values, page)


def _plain(path: Path, values: NDArray[Any], page: Any) -> NDArray[Any]:
    """Give grey values as they are, colours as bytes; no more than that is in a picture."""
    axes = str(page.axes)
    if values.dtype.kind not in "buif" or not values.size:
        raise FormatError(f"{path.name} holds pixels of a kind that is not read, or none")
    if axes == "SYX":
        values, axes = np.moveaxis(values, 0, -1), "YXS"
    if axes not in ("YX", "YXS"):
        raise FormatError(f"{path.name} is no picture: its axes are {axes}")
    if values.dtype.kind == "b":
        values = values.astype(np.uint8) * np.uint8(255)
    if int(page.photometric) == _WHITE_IS_ZERO and values.dtype.kind == "u":
        values = np.iinfo(values.dtype).max - values
    if axes == "YX":
        return values
    return values[..., 0] if values.shape[2] < 3 else _bytes(values[..., :3])


def _bytes(colours: NDArray[Any]) -> NDArray[np.uint8]:
    """Give colours of more bits as bytes: their upper 8 bits."""
    if colours.dtype.kind == "u" and colours.dtype.itemsize > 1:
        colours = colours >> (8 * (colours.dtype.itemsize - 1))
    elif colours.dtype.kind == "f":
        colours = np.rint(np.nan_to_num(colours).clip(0, 1) * 255)
    return colours.astype(np.uint8)


def _by_pillow(path: Path, number: int, page: Any) -> NDArray[Any]:
    """Read what is packed in a way that needs more than tifffile, such as LZW."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the room was looked at
    with Image.open(path) as image:
        image.seek(number)
        if image.size != (page.imagewidth, page.imagelength):  # the room was for another size
            raise FormatError(f"{path.name} tells two sizes of one page")
        grey = image.mode in ("1", "L", "F", "I") or image.mode.startswith("I;16")
        plain = image.convert("L") if image.mode == "1" else image if grey else image.convert("RGB")
        return np.array(plain)


def _imagej_images(tif: Any) -> int:
    """Count images of ImageJ; beyond 4 GiB it writes them without pages of their own.

    What it tells counts only where the file has the bytes.
    """
    told, page = tif.imagej_metadata or {}, tif.pages[0]
    n = int(told.get("images", 0)) if isinstance(told, dict) else 0
    needed = n * int(np.prod(page.shape, dtype=object)) * np.dtype(page.dtype or "u1").itemsize
    return n if page.is_contiguous and needed <= tif.filehandle.size else 0


def _in_a_row(path: Path, tif: Any) -> NDArray[Any]:
    """Map images of ImageJ that lie behind one page."""
    page, n = tif.pages[0], _imagej_images(tif)
    if n < 1:
        raise FormatError(f"{path.name} has fewer images than it promises")
    dtype = np.dtype(tif.byteorder + page.dtype.str[1:])
    images: NDArray[Any] = np.memmap(path, dtype, "r", page.dataoffsets[0], (n, *page.shape))
    return images


def _pixel_nm(tif: Any) -> float:
    metres = _fei_metres(tif.fei_metadata)
    edge = metres * 1e9 or _zeiss_nm(tif.sem_metadata) or _imagej_nm(tif)
    return edge if 0 < edge < float("inf") else 0.0


def _fei_metres(told: Any) -> float:
    """Read what FEI and Thermo Fisher write below ``[Scan]``, ``[EScan]`` or ``[IScan]``."""
    for part in ("Scan", "EScan", "IScan"):
        width = (told or {}).get(part, {}).get("PixelWidth")
        if isinstance(width, (int, float)):
            return float(width)
    return 0.0


def _zeiss_nm(told: Any) -> float:
    found = (told or {}).get("ap_image_pixel_size") or (told or {}).get("ap_pixel_size")
    if not found or len(found) < 3 or not isinstance(found[1], (int, float)):
        return 0.0
    return float(found[1]) * _NANOMETRES.get(str(found[2]), 0.0)


def _imagej_nm(tif: Any) -> float:
    """Take the resolution only where ImageJ names its unit: all others write that of a screen."""
    unit = str((tif.imagej_metadata or {}).get("unit", ""))
    per_unit = tif.pages[0].tags.get("XResolution")
    if unit not in _NANOMETRES or per_unit is None or not all(per_unit.value):
        return 0.0
    return float(per_unit.value[1] / per_unit.value[0] * _NANOMETRES[unit])


def _tifffile() -> Any:
    import importlib

    try:
        return importlib.import_module("tifffile")
    except ImportError as error:
        raise SettingsError(
            "TIFF files need the package tifffile", hint="Install nora-appliance[slides]."
        ) from error
