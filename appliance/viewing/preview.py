"""Previews: one small picture of each image, its middle axial slice on black."""

from __future__ import annotations

from pathlib import Path

from appliance.catalog import FileRow
from appliance.core import DataFolder, NotFound, atomic_write
from appliance.viewing.display import cached

__all__ = ["preview_image"]

SIZE_PX = 256


def preview_image(folder: DataFolder, row: FileRow, path: Path) -> Path:
    """Give the preview of an image as a PNG file of the cache.

    Parameters
    ----------
    folder : DataFolder
    row : FileRow
        The file in the catalog.
    path : Path
        Where it lies.

    Returns
    -------
    Path
        Grey picture, 256 x 256 pixels, radiological convention.

    Raises
    ------
    NotFound
        If the file is no image, or gone.
    FormatError
        If it cannot be read.
    """
    if row.kind not in ("image", "mask", "labels"):
        raise NotFound(f"{row.name} has no preview")
    if not path.is_file():
        raise NotFound(f"{row.name} is no longer on the disk", hint="Run 'nora rescan'.")
    return cached(folder, row, ".png", lambda entry: _draw(path, entry))


def _draw(path: Path, entry: Path) -> None:
    from PIL import Image

    from appliance.formats import read_frame
    from appliance.imaging import slice_preview

    pixels = slice_preview(read_frame(path), size=SIZE_PX)
    with atomic_write(entry, durable=False) as stream:
        Image.fromarray(pixels).save(stream, format="PNG")
