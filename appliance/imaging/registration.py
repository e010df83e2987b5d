"""Brings one image onto another: rigid, affine and deformable registration by SimpleITK.

What is found is a map of the fixed image's world to the moving one's, in RAS+ mm: it says where to
read (pull). A deformable result is a deformation field: for every voxel of the fixed grid the place
in the moving world, absolute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid, ModelError
from appliance.geometry import Volume
from appliance.imaging.itk import itk, ras_matrix, to_itk

__all__ = ["Metric", "Motion", "Registration", "register"]

Motion = Literal["rigid", "affine", "deformable"]
Metric = Literal["mutual_information", "correlation", "squares"]
_SHRINK = (4, 2, 1)
_SMOOTH_MM = (4.0, 2.0, 0.0)
_MIN_VOXELS = 16
_DEMONS_STEPS = 40
_DEMONS_SMOOTH = 1.5


@dataclass(frozen=True)
class Registration:
    """What a registration found.

    Attributes
    ----------
    matrix : ndarray
        (4, 4), fixed world -> moving world, RAS+ mm; of a deformable one its affine part.
    field : Volume or None
        (I, J, K, 3) on the fixed grid: places in the moving world, RAS+ mm.
    metric : float
        Of the linear part; lower is better.
    """

    matrix: NDArray[np.float64]
    field: Volume | None
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
) -> Registration:
    """Find where the points of one image lie in another.

    Parameters
    ----------
    moving, fixed : Volume
        Of several frames the first is used.
    motion : {"rigid", "affine", "deformable"}
        A deformable registration starts with the affine one, and then compares values directly:
        both images are to be of the same kind.
    mask : Volume, optional
        Where to compare, on any grid in the fixed world.
    metric : {"mutual_information", "correlation", "squares"}
        Mutual information for images of different kinds, the others for the same kind.
    seed : int
        Of the random samples; the same seed gives the same result.

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
        if motion != "deformable":
            return Registration(matrix, None, value)
        return Registration(matrix, _field(_bend(target, source, found), fixed), value)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(
            f"no registration was found: {reason}",
            hint="Do the images overlap and show the same part of the body?",
        ) from error


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


def _bend(target: Any, source: Any, affine: Any) -> Any:
    """Add what is left after an affine transform: fast symmetric demons, coarse to fine."""
    sitk = itk()
    moved = sitk.Resample(source, target, affine, sitk.sitkLinear, 0.0)
    field = None
    for shrink in _SHRINK:
        factors = [min(shrink, max(1, size // _MIN_VOXELS)) for size in target.GetSize()]
        still, other = (_coarse(image, factors) for image in (target, moved))
        other = sitk.HistogramMatching(other, still, 128, 7, True)
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfIterations(_DEMONS_STEPS)
        demons.SetStandardDeviations(_DEMONS_SMOOTH)
        started = () if field is None else (sitk.Resample(field, still),)
        field = demons.Execute(still, other, *started)
    field = sitk.Cast(sitk.Resample(field, target), sitk.sitkVectorFloat64)
    whole = sitk.CompositeTransform(3)
    whole.AddTransform(affine)
    whole.AddTransform(sitk.DisplacementFieldTransform(field))
    return whole


def _coarse(image: Any, factors: list[int]) -> Any:
    sitk = itk()
    widths = zip(factors, image.GetSpacing(), strict=True)
    variances = [(factor / 2 * step) ** 2 if factor > 1 else 1e-6 for factor, step in widths]
    return sitk.Shrink(sitk.DiscreteGaussian(image, variances), factors)


def _field(transform: Any, fixed: Volume) -> Volume:
    """Sample a transform on the fixed grid, as absolute places in RAS+ mm."""
    sitk = itk()
    frame = Volume(np.zeros(fixed.grid.shape, np.uint8), fixed.affine)
    like = to_itk(frame)
    shifts = sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        like.GetSize(),
        like.GetOrigin(),
        like.GetSpacing(),
        like.GetDirection(),
    )
    lps = sitk.GetArrayFromImage(shifts).transpose(2, 1, 0, 3)
    moved = np.stack(np.meshgrid(*(np.arange(n) for n in fixed.grid.shape), indexing="ij"), -1)
    places = fixed.grid.to_world(moved) + lps * (-1.0, -1.0, 1.0)
    header = {"description": "deformation field, absolute RAS mm"}
    return Volume(places.astype(np.float32), fixed.affine, header)
