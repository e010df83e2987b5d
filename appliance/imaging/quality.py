"""Quick figures of how good an image is: signal, noise, motion, ghosts, and those of a phantom.

They are for a look while the subject is still in the scanner: raw data, a simple mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Volume
from appliance.imaging.motion import frame_displacement, head_motion
from appliance.imaging.thresholds import otsu

__all__ = ["ghost_ratio", "image_quality", "phantom_figures", "quality_mask"]

_DIETRICH = 1 / np.sqrt(2 / (4 - np.pi))
_LEAST_FRAMES = 8
_MOTION_MM = 0.5
_ROI = 21  # voxels, as FBIRN has it
_SKIPPED, _ENOUGH = 2, 30
_Mask = NDArray[np.bool_]
_Floats = NDArray[np.float64]


def image_quality(
    volume: Volume, *, in_time: bool = True, phase_axis: int | None = None, phantom: bool = False
) -> dict[str, float]:
    """Compute the figures that fit an image.

    Parameters
    ----------
    volume : Volume
        (I, J, K) or (I, J, K, T).
    in_time : bool
        Whether the frames follow each other in time and show the same, unlike those of diffusion.
    phase_axis : {0, 1, 2}, optional
        Axis of the array along which phase is encoded, for ghosts.
    phantom : bool
        Whether it shows a phantom.

    Returns
    -------
    dict
        Of ``snr``, ``snr_air``, ``tsnr``, ``gsr``, ``fd_mean_mm``, ``fd_max_mm``, ``fd_share``
        (of frames above 0.5 mm), and those of `phantom_figures`. What cannot be told is left out.

    Notes
    -----
    Sources, as MRIQC defines them (Esteban et al., PLoS One 2017): `snr` is the median over the
    standard deviation, times sqrt((n - 1) / n), in the foreground; `snr_air` is Dietrich's, JMRI
    2007: 0.655 times the median over the standard deviation of the air; `tsnr` the median over
    the foreground of mean over standard deviation in time (Krueger & Glover, MRM 2001), `gsr` see
    `ghost_ratio`, displacement see `frame_displacement`.
    """
    data = np.nan_to_num(np.asarray(volume.data), posinf=0, neginf=0)
    frames = data if data.ndim == 4 else data[..., None]
    timed = in_time and frames.shape[3] >= _LEAST_FRAMES
    mean = _mean(frames) if timed else frames[..., 0].astype(np.float64)
    try:
        mask = quality_mask(mean)
    except Invalid:
        return {}
    found = _spatial(mean, mask)
    if timed:
        found |= _temporal(frames, mean, mask, volume)
        if phase_axis is not None:
            found |= ghost_ratio(mean, mask, phase_axis)
        if phantom:
            found |= phantom_figures(frames)
    return {name: round(float(value), 4) for name, value in found.items() if np.isfinite(value)}


def quality_mask(mean: _Floats) -> _Mask:
    """Separate what gives signal from air, by Otsu's threshold.

    Raises
    ------
    Invalid
        If the image is flat.
    """
    return np.asarray(mean > otsu(mean))


def _mean(frames: NDArray[Any]) -> _Floats:
    return np.asarray(frames.mean(axis=3, dtype=np.float64))


def _spatial(mean: _Floats, mask: _Mask) -> dict[str, float]:
    inside = mean[mask]
    n, spread = len(inside), float(inside.std())
    found = {}
    if n > 1 and spread > 0:
        found["snr"] = float(np.median(inside)) / (spread * np.sqrt(n / (n - 1)))
    air = mean[_air(mean)] if min(mean.shape) > 1 else mean[:0]
    if len(air) > 100 and air.std() > 0:
        found["snr_air"] = _DIETRICH * float(np.median(inside)) / float(air.std())
    return found


def _air(mean: _Floats) -> _Mask:
    """Find voxels far from any signal; those that are exactly 0 were cleared, not measured."""
    near = quality_mask(mean)
    for axis in range(3):
        near = np.logical_or.reduce([np.roll(near, step, axis) for step in range(-3, 4)])
    return ~near & (mean > 0)


def _temporal(frames: NDArray[Any], mean: _Floats, mask: _Mask, volume: Volume) -> dict[str, float]:
    spread = np.zeros_like(mean)
    for t in range(frames.shape[3]):
        spread += (frames[..., t] - mean) ** 2
    spread = np.sqrt(spread / (frames.shape[3] - 1))
    moving = mask & (spread > 0)
    found = {}
    if moving.any():
        found["tsnr"] = float(np.median(mean[moving] / spread[moving]))
    a, b, c = volume.grid.voxel_mm
    moved = frame_displacement(head_motion(frames, (a, b, c), mask))
    found["fd_mean_mm"], found["fd_max_mm"] = float(moved.mean()), float(moved.max())
    found["fd_share"] = float((moved > _MOTION_MM).mean())
    return found


def ghost_ratio(mean: _Floats, mask: _Mask, axis: int) -> dict[str, float]:
    """Compute the ghost-to-signal ratio of an echo-planar image along its phase-encoding axis.

    Notes
    -----
    Source: Giannelli et al., J Appl Clin Med Phys 2010, as MRIQC computes it: the mask moved by
    half the field of view, without itself, is where ghosts lie; their mean less that of the rest
    of the background, over the median of the foreground.
    """
    ghost = np.roll(mask, mask.shape[axis] // 2, axis) & ~mask
    rest = ~ghost & ~mask
    if not ghost.any() or not rest.any():
        return {}
    median = float(np.median(mean[mask]))
    return {"gsr": float(mean[ghost].mean() - mean[rest].mean()) / median} if median else {}


def phantom_figures(frames: NDArray[Any]) -> dict[str, float]:
    """Compute the stability of a phantom in time.

    Returns
    -------
    dict
        ``sfnr`` (signal over fluctuation noise), ``phantom_snr`` (over static spatial noise),
        ``fluctuation_pct``, ``drift_pct``, ``rdc`` (radius of decorrelation, in voxels) and
        ``mean_signal``; empty when there are fewer than 8 frames.

    Notes
    -----
    Source: Friedman & Glover, JMRI 2006 (FBIRN): a square of 21 x 21 voxels in the middle of the
    middle slice, without the first two frames of 30 or more, detrended by a parabola; `rdc` is
    Weisskoff's ratio of the measured fluctuation at 1 and 21 voxels.
    """
    some = frames[..., _SKIPPED:] if frames.shape[3] >= _ENOUGH else frames
    square = _middle(some)
    n = square.shape[-1]
    if n < _LEAST_FRAMES or min(square.shape[:2]) < 3:
        return {}
    flat = square.reshape(-1, n)
    mean = flat.mean(axis=1)
    signal = float(mean.mean())
    noise = np.sqrt((_detrended(flat)[0] ** 2).sum(axis=1) / (n - 3))
    even = n - n % 2
    difference = flat[:, 0:even:2].sum(axis=1) - flat[:, 1:even:2].sum(axis=1)
    static = np.sqrt(difference.var(ddof=1) / even)
    left, fitted = _detrended(flat.mean(axis=0)[None])
    usable = noise > 0
    if signal <= 0 or not usable.any() or static <= 0:
        return {}
    return {
        "mean_signal": signal,
        "sfnr": float((mean[usable] / noise[usable]).mean()),
        "phantom_snr": signal / float(static),
        "fluctuation_pct": 100 * float(np.sqrt((left**2).sum() / (n - 3))) / signal,
        "drift_pct": 100 * float(np.ptp(fitted)) / signal,
        "rdc": _decorrelation(square),
    }


def _middle(frames: NDArray[Any]) -> _Floats:
    """Give the square in the middle of the middle slice, (n, n, T)."""
    slices = []
    for size in frames.shape[:2]:
        side = min(_ROI, size)
        start = (size - side) // 2
        slices.append(slice(start, start + side))
    return np.asarray(frames[slices[0], slices[1], frames.shape[2] // 2], np.float64)


def _detrended(courses: _Floats) -> tuple[_Floats, _Floats]:
    """Give what a parabola leaves of courses (N, T), and the parabola."""
    t = np.linspace(-1, 1, courses.shape[1])
    basis = np.stack([np.ones_like(t), t, t * t], axis=1)
    fitted = (basis @ np.linalg.lstsq(basis, courses.T, rcond=None)[0]).T
    return courses - fitted, fitted


def _decorrelation(square: _Floats) -> float:
    side = min(square.shape[:2])
    return _fluctuation(square, 1) / max(_fluctuation(square, side), 1e-12)


def _fluctuation(square: _Floats, side: int) -> float:
    """Give the coefficient of variation of the mean over a centred square of so many voxels."""
    start = [(size - side) // 2 for size in square.shape[:2]]
    part = square[start[0] : start[0] + side, start[1] : start[1] + side]
    course = part.reshape(-1, part.shape[-1]).mean(axis=0)
    left, _ = _detrended(course[None])
    return float(np.sqrt((left**2).sum() / (len(course) - 3)) / course.mean())
