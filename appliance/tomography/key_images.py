"""The key image of a series and its thumbnail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.core import atomic_write

__all__ = ["THUMB", "write_key_images"]

THUMB = 300


def write_key_images(frame: NDArray[np.uint8], folder: Path, basename: str) -> tuple[Path, Path]:
    """Write one grey section (ny, nx) in full and as a thumbnail.

    Returns
    -------
    tuple of Path
        ``keyimg_BASENAME.jpg``, and ``keyimg_BASENAME_s.jpg``: within 300 x 300, sharpened,
        quality 70.
    """
    from PIL import Image, ImageFilter

    picture = Image.fromarray(frame)
    whole = folder / f"keyimg_{basename}.jpg"
    small = folder / f"keyimg_{basename}_s.jpg"
    scale = THUMB / max(picture.size)
    size = tuple(max(1, round(edge * scale)) for edge in picture.size)
    shrunk = picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    sharp = shrunk.filter(ImageFilter.UnsharpMask(radius=2, percent=100, threshold=0))
    for image, path, quality in ((picture, whole, 90), (sharp, small, 70)):
        with atomic_write(path) as stream:
            image.save(stream, "JPEG", quality=quality, optimize=True)
    return whole, small
