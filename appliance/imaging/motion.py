"""How a head moved during a series: a cheap rigid estimate of each frame against the first.

It is for figures that are wanted at once, not for correcting images: `register` does that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["frame_displacement", "head_motion"]

_POINTS = 8000
_ITERATIONS = 8
_SMALL = 1e-4  # mm, and radians times 50 mm
_RADIUS_MM = 50.0
_Floats = NDArray[np.float64]


def head_motion(
    frames: NDArray[Any], spacing_mm: tuple[float, float, float], mask: NDArray[np.bool_]
) -> _Floats:
    """Estimate the rigid motion of every frame against the first.

    Parameters
    ----------
    frames : ndarray (I, J, K, T)
    spacing_mm : (float, float, float)
    mask : ndarray (I, J, K)
        What moves.

    Returns
    -------
    ndarray (T, 6)
        Translations in mm along the axes of the array and rotations about them in radians, about
        the mask's centre.

    Notes
    -----
    Gauss-Newton on the squared difference with the gradients of the first frame (inverse
    compositional; Baker & Matthews, IJCV 2004), at no more than 8000 voxels of the mask, each frame
    beginning where the one before ended. O(frames), one frame in memory at a time.
    """
    spacing = np.asarray(spacing_mm, np.float64)
    first = _smoothed(frames[..., 0])
    points, centre = _points(mask, spacing)
    values = _sample(first, points / spacing)
    steepest = _steepest(first, points, centre, spacing)
    solve: _Floats = np.asarray(np.linalg.pinv(steepest), np.float64)
    pose = np.eye(4)
    poses = [pose]
    for t in range(1, frames.shape[-1]):
        pose = _align(
            _smoothed(frames[..., t]), points - centre, centre, spacing, values, solve, pose
        )
        poses.append(pose)
    return np.array([_parameters(one) for one in poses])


def frame_displacement(motion: _Floats) -> _Floats:
    """Give the framewise displacement (T - 1) in mm of motion as `head_motion` tells it.

    Notes
    -----
    Source: Power et al., NeuroImage 2012: the sum of absolute changes, rotations as arcs on a
    sphere of 50 mm.
    """
    steps = np.abs(np.diff(motion, axis=0))
    steps[:, 3:] *= _RADIUS_MM
    return np.asarray(steps.sum(axis=1))


def _smoothed(frame: NDArray[Any]) -> _Floats:
    """Take the mean with both neighbours along each axis, (1 2 1) / 4."""
    found = np.nan_to_num(np.asarray(frame, np.float64), posinf=0, neginf=0)
    for axis in range(3):
        if found.shape[axis] < 3:
            continue
        ends = [(1, 1) if n == axis else (0, 0) for n in range(3)]
        wide = np.pad(found, ends, mode="edge")
        parts = [np.take(wide, range(k, k + found.shape[axis]), axis) for k in range(3)]
        found = (parts[0] + 2 * parts[1] + parts[2]) / 4
    return found


def _points(mask: NDArray[np.bool_], spacing: _Floats) -> tuple[_Floats, _Floats]:
    inner = np.zeros_like(mask)
    core = tuple(slice(1, -1) if n > 2 else slice(None) for n in mask.shape)
    inner[core] = mask[core]
    index = np.argwhere(inner if inner.any() else mask)
    step = max(1, len(index) // _POINTS)
    points = index[::step] * spacing
    return points, points.mean(axis=0)


def _steepest(first: _Floats, points: _Floats, centre: _Floats, spacing: _Floats) -> _Floats:
    """Give how a value changes with each of the six parameters, (N, 6)."""
    index = np.rint(points / spacing).astype(int)
    gradient = np.zeros((len(points), 3))
    for axis in range(3):
        if first.shape[axis] > 1:
            slope = np.gradient(first, spacing[axis], axis=axis)
            gradient[:, axis] = slope[tuple(index.T)]
    return np.hstack([gradient, np.cross(points - centre, gradient)])


def _align(  # noqa: PLR0917 - the inner loop
    frame: _Floats,
    arms: _Floats,
    centre: _Floats,
    spacing: _Floats,
    values: _Floats,
    solve: _Floats,
    pose: _Floats,
) -> _Floats:
    for _ in range(_ITERATIONS):
        there = arms @ pose[:3, :3].T + pose[:3, 3] + centre
        step = solve @ (_sample(frame, there / spacing) - values)
        pose = pose @ np.linalg.inv(_matrix(step))
        if max(np.abs(step[:3]).max(), np.abs(step[3:]).max() * _RADIUS_MM) < _SMALL:
            break
    return pose


def _matrix(step: _Floats) -> _Floats:
    """Make a rigid matrix of small parameters (Rodrigues)."""
    found = np.eye(4)
    found[:3, 3] = step[:3]
    angle = float(np.linalg.norm(step[3:]))
    if angle > 0:
        x, y, z = step[3:] / angle
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        found[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return found


def _parameters(pose: _Floats) -> list[float]:
    turn = pose[:3, :3]
    about = [
        np.arctan2(turn[2, 1], turn[2, 2]),
        np.arcsin(np.clip(-turn[2, 0], -1, 1)),
        np.arctan2(turn[1, 0], turn[0, 0]),
    ]
    return [*(float(one) for one in pose[:3, 3]), *(float(one) for one in about)]


def _sample(data: _Floats, index: _Floats) -> _Floats:
    """Interpolate trilinearly at voxel positions (N, 3); the border goes on outside."""
    size = np.array(data.shape)
    at = np.clip(index, 0, size - 1)
    low = np.minimum(at.astype(np.int64), np.maximum(size - 2, 0))
    part = at - low
    step = np.where(size > 1, 1, 0)
    found = np.zeros(len(index))
    for corner in range(8):
        bits = np.array([corner >> 2 & 1, corner >> 1 & 1, corner & 1])
        weight = np.prod(np.where(bits, part, 1 - part), axis=1)
        i, j, k = (low + bits * step).T
        found += weight * data[i, j, k]
    return found
