"""Brings one image onto another: rigid and affine by SimpleITK, then, if asked for, a deformation.

What is found is a map of the fixed image's world to the moving one's, in RAS+ mm: it says where to
read (pull). A deformable result is a deformation field: for every voxel of the fixed grid the place
in the moving world, absolute; and the inverse of it, on the moving grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid, ModelError
from appliance.geometry import Volume
from appliance.imaging.deforming import Deformation, deform
from appliance.imaging.itk import itk, ras_matrix, to_itk

__all__ = ["Metric", "Motion", "Registration", "register"]

Motion = Literal["rigid", "affine", "deformable"]
Metric = Literal["mutual_information", "correlation", "squares"]
_SHRINK = (4, 2, 1)
_SMOOTH_MM = (4.0, 2.0, 0.0)
_MIN_VOXELS = 16


@dataclass(frozen=True)
class Registration:
    """What a registration found.

    Attributes
    ----------
    matrix : ndarray
        (4, 4), fixed world -> moving world, RAS+ mm; of a deformable one its affine part.
    deformation : Deformation or None
        What a deformable registration found beyond, as fields that hold its affine part, too.
    metric : float
        Of the linear part; lower is better.
    """

    matrix: NDArray[np.float64]
    deformation: Deformation | None
    metric: float


@dataclass(frozen=True)
class _Compare:
    """How two images are compared: where, by what, at which samples."""

    inside: Any
    metric: Metric
    seed: int


def register(
    moving: Volume,
    fixed: Volume,
    motion: Motion = "rigid",
    *,
    mask: Volume | None = None,
    metric: Metric = "mutual_information",
    seed: int = 1,
    voxel_mm: float = 2.0,
) -> Registration:
    """Find where the points of one image lie in another.

    Parameters
    ----------
    moving, fixed : Volume
        Of several frames the first is used.
    motion : {"rigid", "affine", "deformable"}
        A deformable registration starts with the affine one, and goes on by local correlation.
    mask : Volume, optional
        Where to compare, on any grid in the fixed world.
    metric : {"mutual_information", "correlation", "squares"}
        Mutual information for images of different kinds, the others for the same kind.
    seed : int
        Of the random samples; the same seed gives the same result.
    voxel_mm : float
        Size of the voxels on which a deformation is looked for.

    Returns
    -------
    Registration

    Raises
    ------
    Invalid
        If an image is flat, or has less than two voxels along an axis.
    ModelError
        If nothing is found, such as when the images do not overlap.
    """
    sitk = itk()
    target, source = _image(fixed, "fixed"), _image(moving, "moving")
    inside = None if mask is None else sitk.Cast(to_itk(mask), sitk.sitkUInt8) > 0
    compare = _Compare(inside, metric, seed)
    try:
        start = sitk.CenteredTransformInitializer(
            target,
            source,
            sitk.Euler3DTransform(),
            sitk.CenteredTransformInitializerFilter.MOMENTS,
        )
        rigid, value = _linear(target, source, start, compare)
        found = rigid
        if motion != "rigid":
            found, value = _linear(target, source, _affine(rigid), compare)
        matrix = ras_matrix(found)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(
            f"no registration was found: {reason}",
            hint="Do the images overlap and show the same part of the body?",
        ) from error
    bent = deform(moving, fixed, matrix, voxel_mm=voxel_mm) if motion == "deformable" else None
    return Registration(matrix, bent, value)


def _image(volume: Volume, role: str) -> Any:
    sitk = itk()
    data = np.nan_to_num(volume.frame().astype(np.float32))
    if min(data.shape) < 2 or float(np.ptp(data)) == 0:
        raise Invalid(f"the {role} image is flat: nothing can be compared")
    return sitk.Cast(to_itk(Volume(data, volume.affine)), sitk.sitkFloat32)


def _method(target: Any, compare: _Compare) -> Any:
    """Set up the metric, the resolutions and the samples."""
    inside, metric = compare.inside, compare.metric
    sitk = itk()
    method = sitk.ImageRegistrationMethod()
    if metric == "mutual_information":
        method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
    elif metric == "correlation":
        method.SetMetricAsCorrelation()
    else:
        method.SetMetricAsMeanSquares()
    if inside is not None:
        method.SetMetricFixedMask(inside)
    method.SetInterpolator(sitk.sitkLinear)
    smallest = min(target.GetSize())
    kept = [i for i in range(3) if smallest // _SHRINK[i] >= _MIN_VOXELS] or [2]
    method.SetShrinkFactorsPerLevel([_SHRINK[i] for i in kept])
    method.SetSmoothingSigmasPerLevel([_SMOOTH_MM[i] for i in kept])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetMetricSamplingStrategy(method.REGULAR if inside is None else method.RANDOM)
    voxels = int(np.prod(target.GetSize()))
    method.SetMetricSamplingPercentage(min(1.0, max(0.02, 100_000 / voxels)), compare.seed)
    return method


def _linear(target: Any, source: Any, start: Any, compare: _Compare) -> tuple[Any, float]:
    sitk = itk()
    method = _method(target, compare)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-4, numberOfIterations=300, gradientMagnitudeTolerance=1e-8
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=False)
    found = method.Execute(target, source)
    inner = found.GetBackTransform() if hasattr(found, "GetBackTransform") else found
    return sitk.Transform(inner).Downcast(), float(method.GetMetricValue())


def _affine(rigid: Any) -> Any:
    affine = itk().AffineTransform(3)
    affine.SetCenter(rigid.GetCenter())
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    return affine
