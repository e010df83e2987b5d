"""What can be seen on screen pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Locator

__all__ = ["n_coloured", "n_shades", "share_of_bright_grey"]


def share_of_bright_grey(place: Locator) -> float:
    """Share of bright grey pixels in the upper left quarter of what is shown there."""
    pixels = _pixels(place)
    pixels = pixels[: len(pixels) // 2, : pixels.shape[1] // 2]
    grey = np.ptp(pixels, axis=2) < 6
    return float((grey & (pixels[..., 0] > 100)).mean())


def n_coloured(place: Locator) -> int:
    """Count pixels whose channels differ clearly."""
    return int((np.ptp(_pixels(place), axis=2) > 60).sum())


def n_shades(place: Locator) -> int:
    """Count the greys of the middle half of what is shown there."""
    pixels = _pixels(place)
    rows, columns = (slice(n // 4, n - n // 4) for n in pixels.shape[:2])
    middle = pixels[rows, columns]
    return len(np.unique(middle[np.ptp(middle, axis=2) < 6]))


def _pixels(place: Locator) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(place.screenshot())) as picture:
        return np.asarray(picture.convert("RGB"))
