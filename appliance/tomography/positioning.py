"""Where in height the specimen lies: its thickness, its middle and its slant, from the data.

Two coarse tomograms are made of every other tilt each. Their noise has nothing in common, their
structure has: where their product is high is specimen.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.tomography.kernels import backproject
from appliance.tomography.preparing import Prepared, prepared_rows, recipe_of
from appliance.tomography.records import TiltAlignment, TiltSeries
from appliance.tomography.rules import ReconstructRules

__all__ = ["Position", "find_position", "placed"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
_COARSE = 256  # pixels across the axis that are enough
_ROWS = 48  # slices that are looked at
_BLOCKS = 8  # parts of a slice whose heights are told apart
_STEEPEST = np.tan(np.deg2rad(15))
_ROUNDS = 8
_AGREED_DEG = 4.0  # so much the slants of two halves may differ
_EDGE = 0.4  # of the way from nothing to the specimen's usual structure: its surface
_LAYER = 0.55  # of the same way: what reaches so far is a layer of the specimen
_SPREADS = 1.5  # the specimen stands out if it is so many spreads above what is empty,
_LEAST = 0.1  # and has so much more in common in both tomograms
_MARGIN = 1.1  # the tomogram is so much thicker than the specimen


@dataclass(frozen=True, slots=True)
class Position:
    """Where the specimen lies.

    Attributes
    ----------
    is_certain : bool
        Whether something stood out; if not, the rest says what was looked at.
    thickness_px : int
        Height of a tomogram that holds the specimen, in unbinned pixels.
    z_shift_px : float
        Its middle above the tilt axis once it lies flat, in unbinned pixels.
    tilt_offset_deg : float
        To be added to all tilt angles so that the specimen lies flat across the axis.
    x_tilt_deg : float
        Its slant along the axis, which is told only.
    profile : tuple of float
        Structure by height, from 0 to 1, lowest first, over `searched_px`.
    searched_px : int
    """

    is_certain: bool
    thickness_px: int
    z_shift_px: float
    tilt_offset_deg: float
    x_tilt_deg: float
    profile: tuple[float, ...]
    searched_px: int


def placed(rules: ReconstructRules, position: Position) -> ReconstructRules:
    """Rules for a tomogram that holds the specimen and little else; unchanged if uncertain."""
    if not position.is_certain:
        return rules
    return replace(
        rules,
        thickness_px=position.thickness_px,
        z_shift_px=position.z_shift_px,
        tilt_offset_deg=position.tilt_offset_deg,
    )


def find_position(
    series: TiltSeries,
    alignment: TiltAlignment,
    *,
    search_px: int | None = None,
    logarithm: bool = False,
) -> Position:
    """Find where the specimen lies.

    Parameters
    ----------
    series : TiltSeries
    alignment : TiltAlignment
    search_px : int, optional
        Height that is searched, in unbinned pixels; half of the width of the tilts by default.
    logarithm : bool
        Whether densities are looked at instead of intensities.

    Raises
    ------
    FormatError, Invalid
        If series and alignment do not fit, or less than four tilts are used.
    """
    nx = series.images.shape[2]
    binning = max(1, nx // _COARSE)
    rules = ReconstructRules(
        thickness_px=search_px or max(8 * binning, nx // 2),
        binning=binning,
        cutoff=0.25,
        falloff=0.05,
        logarithm=logarithm,
        dtype="float32",
    )
    found = _structure(series, alignment, rules)
    return _judge(found, rules)


@dataclass(frozen=True, slots=True)
class _Structure:
    """Structure (rows, blocks, heights), and where the rows and blocks lie from the centre."""

    values: F64
    y: F64
    x: F64


def _structure(series: TiltSeries, alignment: TiltAlignment, rules: ReconstructRules) -> _Structure:
    ny = series.images.shape[1] // rules.binning
    picked = np.unique(np.linspace(0.05 * (ny - 1), 0.95 * (ny - 1), _ROWS).round().astype(int))
    halves = [_half(series, alignment, rules, k, picked) for k in (0, 1)]
    product = halves[0] * halves[1]  # (rows, nz, nx)
    margin = product.shape[2] // 10  # the sides see less of the tilts
    blocks = np.array_split(np.arange(margin, product.shape[2] - margin), _BLOCKS)
    blocks = [block for block in blocks if block.size]
    means = [product[:, :, block].mean(2, dtype=np.float64) for block in blocks]
    middle = (product.shape[2] - 1) / 2
    x = np.array([block.mean() - middle for block in blocks])
    return _Structure(np.stack(means, 1), picked - (ny - 1) / 2, x)


def _half(
    series: TiltSeries,
    alignment: TiltAlignment,
    rules: ReconstructRules,
    half: int,
    picked: NDArray[np.intp],
) -> F32:
    """Slices made of every other tilt in units of their spread, without outliers such as gold."""
    order = np.flatnonzero(alignment.used)
    order = order[np.argsort(np.asarray(alignment.angles_deg)[order], kind="stable")]
    used = np.zeros(len(alignment.used), bool)
    used[order[half::2]] = True
    part = replace(alignment, used=used)
    recipe = recipe_of(series, part, rules)
    with prepared_rows(series, part, recipe, Path(tempfile.gettempdir())) as prepared:
        slices = _slices(prepared, picked)
    spread = np.float32(np.median(np.abs(slices)) / 0.6745) or np.float32(1)
    cut: F32 = np.clip(slices / spread, -3, 3)
    return cut


def _slices(prepared: Prepared, picked: NDArray[np.intp]) -> F32:
    plan = prepared.recipe.plan
    out = np.empty((len(picked), plan.nz, plan.nx), np.float32)
    backproject(np.ascontiguousarray(prepared.rows[picked]), plan, out)
    return out


def _judge(found: _Structure, rules: ReconstructRules) -> Position:
    slope_x = _slant(found)
    flat = np.stack([_lowered(row, slope_x * found.x).mean(0) for row in found.values])
    slope_y = _slope(_runs(flat), _runs(found.y))
    profile = _smooth(_lowered(flat, slope_y * found.y).mean(0))
    low, high, is_certain = _range(profile)
    nz, binning = len(profile), rules.binning
    slant = np.arctan(slope_x)
    middle = ((low + high) / 2 - (nz - 1) / 2) * np.cos(slant) * binning
    thickness = (high - low + 1) * np.cos(slant) * binning * _MARGIN
    scaled = (profile - profile.min()) / (np.ptp(profile) or 1.0)
    return Position(
        is_certain=is_certain,
        thickness_px=int(np.ceil(thickness)) if is_certain else rules.thickness_px,
        z_shift_px=float(middle) if is_certain else 0.0,
        tilt_offset_deg=0.0 - float(np.rad2deg(slant)) if is_certain else 0.0,
        x_tilt_deg=float(np.rad2deg(np.arctan(slope_y))) if is_certain else 0.0,
        profile=tuple(float(value) for value in scaled.round(4)),
        searched_px=rules.thickness_px,
    )


def _runs(values: F64) -> F64:
    """Means of `_BLOCKS` runs of rows."""
    return np.stack([part.mean(0) for part in np.array_split(values, min(_BLOCKS, len(values)))])


def _slope(profiles: F64, places: F64) -> float:
    """Slope of the line through the middles of the structure at all places."""
    smooth = np.stack([_smooth(profile) for profile in profiles])
    z = np.arange(smooth.shape[1])
    ground = np.median(np.sort(smooth.ravel())[: smooth.size // 3])
    excess = np.maximum(smooth - ground, 0)
    line, reach = np.full(len(places), z.mean()), float(len(z))
    slope = 0.0
    for _ in range(_ROUNDS):  # what lies far from the line is noise, and pulls it flat
        near = excess * (np.abs(z - line[:, None]) <= reach)
        mass = near.sum(1)
        if not mass.any():
            return 0.0
        middles = (near * z).sum(1) / np.maximum(mass, 1e-12)
        design = np.stack([places, np.ones_like(places)], 1)
        root = np.sqrt(mass)
        slope, height = np.linalg.lstsq(design * root[:, None], middles * root, rcond=None)[0]
        slope = float(np.clip(slope, -_STEEPEST, _STEEPEST))
        line = height + slope * places
        spread = np.sqrt((near * (z - line[:, None]) ** 2).sum() / mass.sum())
        reach = max(2.2 * float(spread), 4.0)
    return slope


def _slant(found: _Structure) -> float:
    """Slope across the axis; 0 if either half of the rows tells another one."""
    halves = np.array_split(found.values, 2)
    slopes = [_slope(half.mean(0), found.x) for half in halves if len(half)]
    if np.ptp(np.rad2deg(np.arctan(slopes))) > _AGREED_DEG:
        return 0.0
    return _slope(found.values.mean(0), found.x)


def _lowered(profiles: F64, heights: F64) -> F64:
    """Each profile moved down by its height; beyond its ends its outermost value."""
    z = np.arange(profiles.shape[1])
    moved = [np.interp(z + h, z, p) for p, h in zip(profiles, heights, strict=True)]
    return np.stack(moved)


def _smooth(profile: F64) -> F64:
    width = max(1, len(profile) // 32)
    window = np.hanning(2 * width + 3)[1:-1]
    padded = np.pad(profile, width, mode="edge")
    smooth: F64 = np.convolve(padded, window / window.sum(), "valid")
    return smooth


def _range(profile: F64) -> tuple[int, int, bool]:
    """First and last height of the specimen, and whether it stands out."""
    empty = np.sort(profile)[: max(4, len(profile) // 3)]
    ground, spread = float(np.median(empty)), float(np.ptp(empty))
    usual = float(np.quantile(profile, 0.9))
    top = float(profile.max())
    level = ground + _EDGE * (min(top, 2 * usual) - ground)
    if top - ground <= max(_SPREADS * spread, _LEAST):
        return 0, len(profile) - 1, False
    # Gold on both surfaces leaves two layers with little in between: all that stands out counts.
    sure = max(ground + _LAYER * (min(top, 2 * usual) - ground), ground + _SPREADS * spread)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], profile > level, [False]])))
    layers = [(a, b) for a, b in edges.reshape(-1, 2) if profile[a:b].max() >= min(sure, top)]
    return int(layers[0][0]), int(layers[-1][1]) - 1, True
