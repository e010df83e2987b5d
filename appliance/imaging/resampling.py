"""Images on other grids: resampling and smoothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Grid, Volume, invert

__all__ = ["resample", "smooth"]

_SIGMAS_PER_FWHM = 1 / np.sqrt(8 * np.log(2))


def resample(volume: Volume, grid: Grid, *, order: int = 1) -> Volume:
    """Resample a volume onto another grid.

    Parameters
    ----------
    volume : Volume
        Data (I, J, K) or (I, J, K, T).
    grid : Grid
        Target shape and affine.
    order : {0, 1}
        0 nearest (labels, keeps the number type), 1 trilinear (float32).

    Returns
    -------
    Volume
        On `grid`; 0 outside the source.

    Raises
    ------
    Invalid
        If `order` is neither 0 nor 1.
    """
    if order not in (0, 1):
        raise Invalid(f"the order of interpolation is 0 or 1, not {order}")
    kind = volume.data.dtype if order == 0 else np.dtype(np.float32)
    pull = invert(volume.affine) @ grid.affine
    frames = [_pull(volume.frame(t), pull, grid, order, kind) for t in range(volume.n_volumes)]
    data = frames[0] if volume.data.ndim == 3 else np.stack(frames, axis=-1)
    return Volume(data, grid.affine, volume.header)


def smooth(volume: Volume, fwhm_mm: float) -> Volume:
    """Smooth every frame with a Gaussian.

    Parameters
    ----------
    volume : Volume
        Data (I, J, K) or (I, J, K, T).
    fwhm_mm : float
        Full width at half maximum in millimetres, the same in all directions; 0 changes nothing.

    Returns
    -------
    Volume
        float32 on the same grid. Beyond the border the edge values go on.

    Raises
    ------
    Invalid
        If the width is negative or not finite.
    """
    from scipy.ndimage import gaussian_filter

    if not np.isfinite(fwhm_mm) or fwhm_mm < 0:
        raise Invalid(f"a width is a length in millimetres, not {fwhm_mm}")
    sigmas = [fwhm_mm * _SIGMAS_PER_FWHM / step for step in volume.grid.voxel_mm]
    sigmas += [0.0] * (volume.data.ndim - 3)
    data = gaussian_filter(volume.data.astype(np.float32), sigmas, mode="nearest")
    return volume.like(data)


def _pull(
    frame: NDArray[Any], matrix: NDArray[np.float64], grid: Grid, order: int, kind: np.dtype[Any]
) -> NDArray[Any]:
    """Read a frame at the places of a grid's voxels; truth values go as bytes."""
    from scipy.ndimage import affine_transform

    source = frame.astype(np.uint8) if frame.dtype == bool else frame
    if order == 1:
        source = source.astype(np.float32, copy=False)
    pulled: NDArray[Any] = affine_transform(
        source, matrix[:3, :3], matrix[:3, 3], grid.shape, order=order, mode="grid-constant"
    )
    return pulled.astype(kind, copy=False)
