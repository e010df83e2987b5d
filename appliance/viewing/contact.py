"""Slices for the contact sheet: the same cut of many images, each as a small picture."""

from __future__ import annotations

import io
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias

from appliance.catalog import FileRow
from appliance.core import DataFolder
from appliance.viewing.display import display_volume

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from appliance.geometry import Volume

__all__ = ["ContactSheet", "Plane"]

Plane: TypeAlias = Literal["axial", "coronal", "sagittal"]
_ENDS = {"sagittal": ("L", "R"), "coronal": ("P", "A"), "axial": ("I", "S")}
_REMEMBERED = 20_000
_Window: TypeAlias = tuple[float, float]


class ContactSheet:
    """Draws slices; remembers the grey levels of each image, so that all its slices share them.

    Parameters
    ----------
    folder : DataFolder
        Its cache holds unpacked images.
    """

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()
        self._lock = Lock()

    def slice_png(
        self, row: FileRow, path: Path, *, plane: Plane, position: float, size: int
    ) -> bytes:
        """Draw one slice of an image.

        Parameters
        ----------
        row : FileRow
            The file in the catalog.
        path : Path
            Where it lies.
        plane : {"axial", "coronal", "sagittal"}
            Cutting plane of the upright image.
        position : float
            0 at the left, back or lowest slice, 1 at the other end.
        size : int
            Edge of the square picture in pixels.

        Returns
        -------
        bytes
            PNG, grey, radiological convention.

        Raises
        ------
        NotFound
            If the file is no image, or gone.
        FormatError
            If it cannot be read.
        """
        from appliance.imaging import slice_preview

        shown = display_volume(self._folder, row, path)
        window = self._window(row, shown)
        slab = _slab(shown, plane, position)
        return _png(slice_preview(slab, plane=plane, size=size, window=window))

    def _window(self, row: FileRow, shown: Path) -> _Window:
        from appliance.formats import read_frame
        from appliance.imaging import auto_window

        key = (row.key, row.version)
        with self._lock:
            known = self._windows.get(key)
            if known is not None:
                self._windows.move_to_end(key)
                return known
        window = auto_window(read_frame(shown).data)
        with self._lock:
            self._windows[key] = window
            if len(self._windows) > _REMEMBERED:
                self._windows.popitem(last=False)
        return window


def _slab(path: Path, plane: Plane, position: float) -> Volume:
    """Read the slice at a place between both ends, whatever way the array is turned."""
    from appliance.formats import read_header, read_slab

    header = read_header(path)
    low, high = _ENDS[plane]
    axis = next(i for i, code in enumerate(header["codes"]) if code in (low, high))
    last = header["shape"][axis] - 1
    index = round(min(max(position, 0.0), 1.0) * last)
    return read_slab(path, axis, last - index if header["codes"][axis] == low else index)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()
