"""Pictures of single images of an electron microscope: at most 1024 and 300 pixels, as bytes.

The grey levels of Hedwig's small 2D flow: an MRC image gets mean 140 and deviation 50; of a
DigitalMicrograph image and of a TIFF of more than 8 bits the whole range is shown; pictures of
bytes and of colours are only made smaller. Nothing is ever made larger.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, atomic_write
from appliance.formats import EmImage
from appliance.tomography.section_stack import level

__all__ = ["LARGE", "SMALL", "shown", "write_pictures"]

LARGE, SMALL = 1024, 300
_QUALITY = {SMALL: 70, LARGE: 80}
_MEAN_SD = (140.0, 50.0)
_OUTLIERS = 5e-4


def shown(image: EmImage, *, exact: bool = False) -> tuple[NDArray[np.uint8], str]:
    """Give a picture of at most 1024 pixels a side, and in words how its values were shown.

    Parameters
    ----------
    image : EmImage
    exact : bool
        Whether the whole range of values is shown, as ``newstack -float 1`` does; else 0.05 % at
        each end are left out, so that a hot pixel does not take the contrast.

    Returns
    -------
    array (ny, nx) or (ny, nx, 3) of uint8
    str

    Raises
    ------
    FormatError
        If it holds no real number.
    """
    if image.is_rgb or (image.values.dtype == np.uint8 and image.form in ("tiff", "picture")):
        return np.asarray(_resized(image.values, LARGE)), "as they are"
    if image.values.dtype.kind not in "iuf":
        raise FormatError("this image cannot be shown", hint="It holds no real numbers.")
    values = np.array(image.values, np.float32)
    numbers = values[np.isfinite(values)]
    if not numbers.size:
        raise FormatError("this image holds no number", hint="All its values are NaN or infinite.")
    mean = float(numbers.mean(dtype=np.float64))
    values[~np.isfinite(values)] = mean
    small = np.asarray(_resized(values, LARGE))
    if image.form == "mrc":
        spread = float(numbers.std(dtype=np.float64))
        return level(small, (mean, spread), _MEAN_SD), "mean 140, deviation 50"
    left_out = 0.0 if exact else _OUTLIERS
    low, high = np.quantile(small, [left_out, 1 - left_out])
    if not high > low:
        return np.full(small.shape, 128, np.uint8), "all of one value"
    grey = (small - np.float32(low)) * np.float32(255 / (high - low))
    return np.rint(grey).clip(0, 255).astype(np.uint8), f"{low:.6g} to {high:.6g}"


def write_pictures(picture: NDArray[np.uint8], folder: Path, name: str) -> tuple[Path, Path]:
    """Write the thumbnail and the key image of a picture.

    Returns
    -------
    tuple of Path
        ``NAME_SM.jpeg`` within 300 x 300, quality 70; ``NAME_LG.jpeg`` within 1024 x 1024,
        quality 80.
    """
    paths = []
    for most, ending in ((SMALL, "SM"), (LARGE, "LG")):
        path = folder / f"{name}_{ending}.jpeg"
        with atomic_write(path) as stream:
            _resized(picture, most).save(stream, "JPEG", quality=_QUALITY[most])
        paths.append(path)
    return paths[0], paths[1]


def _resized(values: NDArray[Any], most: int) -> Any:
    """Give a picture of Pillow whose longer side has at most so many pixels (Lanczos 3)."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(values))
    scale = most / max(picture.size)
    if scale >= 1:
        return picture
    width, height = (max(1, round(edge * scale)) for edge in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)
