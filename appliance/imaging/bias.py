"""Takes slow shading out of an image: N4 of SimpleITK."""

from __future__ import annotations

import numpy as np

from appliance.core import Invalid
from appliance.geometry import Volume
from appliance.imaging.itk import from_itk, itk, to_itk

__all__ = ["correct_bias"]


def correct_bias(
    volume: Volume,
    mask: Volume | None = None,
    *,
    shrink: int = 4,
    levels: int = 4,
    iterations: int = 50,
) -> tuple[Volume, Volume]:
    """Correct the shading of a coil.

    Parameters
    ----------
    volume : Volume
        Image; of several frames the first is corrected.
    mask : Volume, optional
        Where to look, on the same grid; everything above Otsu's threshold by default.
    shrink : int
        The shading is estimated on every n-th voxel.
    levels, iterations : int
        Resolutions of the field, and steps on each.

    Returns
    -------
    tuple of Volume
        The corrected image, float32, and the field that it was divided by.

    Raises
    ------
    Invalid
        If the mask has another grid, or is empty.
    """
    sitk = itk()
    image = sitk.Cast(to_itk(_positive(volume)), sitk.sitkFloat32)
    inside = sitk.OtsuThreshold(image, 0, 1, 200) if mask is None else _inside(mask, volume)
    factors = [max(1, min(shrink, size // 8)) for size in image.GetSize()]
    small, small_mask = sitk.Shrink(image, factors), sitk.Shrink(inside, factors)
    corrector = sitk.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations([iterations] * levels)
    corrector.Execute(small, small_mask)
    field = sitk.Exp(corrector.GetLogBiasFieldAsImage(image))
    shading = from_itk(sitk.Cast(field, sitk.sitkFloat32), volume)
    values = volume.frame().astype(np.float32) / np.maximum(shading.data, 1e-6)
    return Volume(values, volume.affine, volume.header), shading


def _positive(volume: Volume) -> Volume:
    """N4 takes logarithms: shift an image with negative values."""
    data = np.nan_to_num(volume.frame().astype(np.float32))
    return Volume(data - min(0.0, float(data.min())), volume.affine)


def _inside(mask: Volume, volume: Volume) -> object:
    if not mask.grid.matches(volume.grid):
        raise Invalid("the mask lies on another grid", hint="Resample it to the image first.")
    inside = Volume((mask.frame() > 0).astype(np.uint8), volume.affine)
    if not inside.data.any():
        raise Invalid("the mask is empty")
    return to_itk(inside)
