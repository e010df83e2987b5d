"""Single pixels that X-rays or the camera made far too bright or dark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.tomography.compiled import compiled

__all__ = ["replace_hot_pixels"]

_HOT = 6.0  # deviations of the noise
_CLUSTER = 2  # neighbours that may be as hot; more of them are a bead
_MANY = 0.05  # of the pixels: so many are no single hot ones
_SAMPLED = 128  # pixels along each side from which level and noise are taken


def replace_hot_pixels(image: NDArray[np.float32]) -> int:
    """Replace hot pixels by the median of the 5 by 5 about them, in place.

    Hot is what lies six deviations from the level of the image and from that median; where more
    of them lie together, they are a bead and stay.

    Parameters
    ----------
    image : array (ny, nx) of float32
        Of numbers only.

    Returns
    -------
    int
        How many were replaced.
    """
    step = tuple(max(1, length // _SAMPLED) for length in image.shape)
    sample = image[:: step[0], :: step[1]]
    middle = np.median(sample)
    limit = np.float32(_HOT * 1.4826 * np.median(np.abs(sample - middle)))
    if not limit > 0 or min(image.shape) < 5:
        return 0
    far = _far(image, np.float32(middle), limit)
    if not 0 < far <= _MANY * image.size:
        return 0
    return int(_replace(image.copy(), np.float32(middle), limit, image))


@compiled
def _far(image: NDArray[np.float32], middle: np.float32, limit: np.float32) -> int:
    count = 0
    for y in range(image.shape[0]):
        row = image[y]
        for x in range(row.size):
            count += abs(row[x] - middle) > limit
    return count


@compiled
def _replace(
    image: NDArray[np.float32],
    middle: np.float32,
    limit: np.float32,
    out: NDArray[np.float32],
) -> int:
    ny, nx = image.shape
    about = np.empty(25, np.float32)
    count = 0
    for y in range(ny):
        for x in range(nx):
            if abs(image[y, x] - middle) > limit:
                # At an edge the square is moved inwards.
                y0, x0 = min(max(y - 2, 0), ny - 5), min(max(x - 2, 0), nx - 5)
                for i in range(25):
                    _insert(about, i, image[y0 + i // 5, x0 + i % 5])
                local = about[12]
                off = abs(image[y, x] - local)
                alike = 0
                for i in range(25):
                    alike += abs(about[i] - image[y, x]) < off / 2
                if off > limit and alike - 1 <= _CLUSTER:
                    out[y, x] = local
                    count += 1
    return count


@compiled
def _insert(ordered: NDArray[np.float32], count: int, value: np.float32) -> None:
    """Put one more value among those in order."""
    i = count
    while i > 0 and ordered[i - 1] > value:
        ordered[i] = ordered[i - 1]
        i -= 1
    ordered[i] = value
