"""Polishes an alignment by what the tilts themselves make: each is laid upon its own projection.

A tomogram of the other tilts is projected at the angle of a tilt, and the tilt is moved to where it
agrees best. What a neighbour shows is compared with what all of them tell, so that no error is
carried on from tilt to tilt. Patches of tilt and projection give the angle of the axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from appliance.tomography.bundle import Seen, refine_axis, turn
from appliance.tomography.coarse import vertex
from appliance.tomography.kernels import backproject, project
from appliance.tomography.layout import STEEPEST_DEG, Layout, layout
from appliance.tomography.positioning import find_position
from appliance.tomography.preparing import Recipe, recipe_of, tilt_rows
from appliance.tomography.records import TiltAlignment, TiltSeries
from appliance.tomography.rules import ReconstructRules, n_workers
from appliance.tomography.working import Working

__all__ = ["Polished", "gauge_free", "polish", "slab_of", "suits"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
_SIZE = 280  # longest edge of the images that are laid upon each other
_GROUPS = 8  # a tilt is compared with a tomogram that lacks one in so many
_ROUNDS = 8
_MOMENTUM = 0.5  # of the last step is gone on with: what is off over many tilts moves slowly
_AXIS_AT = (2, 5)  # rounds before which the axis is looked for
_REACH = 0.03  # of the width: so far a tilt may be off
_LOW, _HIGH = 0.008, 0.12  # cycles per pixel that count
_CUTOFF = 0.24  # of the tomogram
_PATCH, _GRID = 0.3, 4  # of the shorter edge, and how many along each
_FADE = 0.12  # of an edge
_ROWS = 8  # slices at a time
_AXIS_REACH = 1.5  # degrees
_FEWEST = 8  # tilts
_SETTLED, _SMALL_PX = 0.5, 0.1  # of the first step, or so many pixels: the last one is shorter


@dataclass(frozen=True, slots=True)
class Polished:
    """An alignment that agrees with the tomogram it makes.

    Attributes
    ----------
    axis_deg : float
    shifts : array (n_tilts, 2)
        In working pixels.
    moved_px : float
        Root mean square of the last round's steps, in working pixels.
    rounds : int
        How often a tomogram was made and compared.
    is_settled : bool
        Whether the steps became small. Where they did not, this is not to be used.
    """

    axis_deg: float
    shifts: Floats
    moved_px: float
    rounds: int
    is_settled: bool


def polish(
    working: Working,
    axis_deg: float,
    shifts: Floats,
    *,
    slab_px: tuple[float, float],
    turns: bool = True,
    bends: Floats | None = None,
) -> Polished | None:
    """Lay each tilt upon the projection of a tomogram of others, again and again.

    Parameters
    ----------
    working : Working
    axis_deg : float
    shifts : array (n_tilts, 2)
        In working pixels, right to a few pixels.
    slab_px : (float, float)
        Thickness of the specimen and height of its middle, in working pixels. It must be known:
        in too thin a tomogram tilts do not find themselves again.
    turns : bool
        Whether the axis is looked for, too.
    bends : array (n_tilts, 2, 2), optional
        From a tilt whose axis is upright to the aligned one, where it is more than a shift.

    Returns
    -------
    Polished or None
        None where there are too few tilts for a tomogram without one in eight, and where one is
        too steep.
    """
    if not suits(working):
        return None
    matcher = _Matcher(working, slab_px, bends)
    step, moved = np.zeros_like(shifts), []
    shifts = shifts.copy()
    for number in range(_ROUNDS):
        pairs = matcher.pairs(axis_deg, shifts)
        if turns and number in _AXIS_AT:
            found = matcher.axis(pairs, axis_deg, shifts)
            shifts = shifts @ (turn(found) @ turn(axis_deg).T).T
            axis_deg = found
            continue
        off = matcher.off(pairs)
        step = off + _MOMENTUM * step
        shifts += step
        moved.append(float(np.sqrt(np.mean(off[working.good] ** 2) * 2)))
    is_settled = moved[-1] < max(_SETTLED * moved[0], _SMALL_PX)
    return Polished(axis_deg, shifts, moved[-1], _ROUNDS, is_settled)


def gauge_free(off: Floats, angles_deg: Floats) -> Floats:
    """What is left of movements when a common movement of the specimen is taken off.

    Parameters
    ----------
    off : array (n_tilts, 2)
        Across and along the axis, of aligned images.
    angles_deg : array (n_tilts,)

    Returns
    -------
    array (n_tilts, 2)
    """
    t = np.radians(angles_deg)
    plane = np.stack([np.cos(t), np.sin(t)], 1)
    x = off[:, 0] - plane @ np.linalg.lstsq(plane, off[:, 0], rcond=None)[0]
    return np.stack([x, off[:, 1] - off[:, 1].mean()], 1)


def slab_of(working: Working, alignment: TiltAlignment) -> tuple[float, float] | None:
    """Thickness of the specimen and height of its middle, in working pixels.

    Parameters
    ----------
    working : Working
    alignment : TiltAlignment
        Of the working images.

    Returns
    -------
    (float, float) or None
        None where the specimen does not stand out, or the tilts allow no tomogram.
    """
    if not suits(working):
        return None
    series = TiltSeries(Path("working"), working.images, working.angles_deg, 1.0)
    found = find_position(series, alignment)
    return (float(found.thickness_px), found.z_shift_px) if found.is_certain else None


def suits(working: Working) -> bool:
    """Whether there are tilts for a tomogram without one in eight, none of them too steep."""
    steepest = np.abs(working.angles_deg[working.good]).max(initial=0)
    return len(working.good) >= _FEWEST and float(steepest) <= STEEPEST_DEG


@dataclass(frozen=True, slots=True)
class _Pair:
    """A tilt and the projection at its angle, both stretched along x by the tilt's cosine."""

    tilt: int
    cosine: float
    seen: Image
    expected: Image


class _Matcher:
    """Projects tomograms and compares them with the tilts."""

    def __init__(
        self, working: Working, slab_px: tuple[float, float], bends: Floats | None
    ) -> None:
        self.good, self.angles = working.good, working.angles_deg
        self.bends = np.tile(np.eye(2), (len(self.angles), 1, 1)) if bends is None else bends
        self.binning = max(1, round(max(working.images.shape[1:]) / _SIZE))
        self.series = TiltSeries(Path("working"), working.images, working.angles_deg, 1.0)
        self.rules = ReconstructRules(
            thickness_px=max(1, round(slab_px[0])),
            z_shift_px=slab_px[1],
            binning=self.binning,
            cutoff=_CUTOFF,
            falloff=0.05,
            dtype="float32",
        )

    def pairs(self, axis_deg: float, shifts: Floats) -> list[_Pair]:
        """Tilts and projections as an alignment has them."""
        used = np.zeros(len(self.angles), bool)
        used[self.good] = True
        alignment = TiltAlignment(self.bends @ turn(axis_deg), shifts, self.angles, used)
        filtered = recipe_of(self.series, alignment, self.rules)
        plain = replace(filtered, rules=replace(self.rules, method="sirt"))
        seen = [tilt_rows(self.series, alignment, plain, k) for k in range(len(plain.tilts))]
        rows = [tilt_rows(self.series, alignment, filtered, k) for k in range(len(plain.tilts))]
        expected = _projections(filtered, rows)
        found = []
        for k, tilt in enumerate(filtered.tilts):
            under = slice(filtered.plan.margins[k], filtered.plan.margins[k] + filtered.plan.nx)
            cosine = float(filtered.plan.cosines[k])
            found.append(_Pair(int(tilt), cosine, seen[k][:, under], expected[k][:, under]))
        return found

    def off(self, pairs: list[_Pair]) -> Floats:
        """By how much (x, y) each tilt has to move, in working pixels."""
        reach = _REACH * pairs[0].seen.shape[1]
        off = np.zeros((len(self.angles), 2))
        for pair in pairs:
            off[pair.tilt] = _offset(pair.expected, pair.seen, pair.cosine, reach)
        # Where the origin of the specimen lies is nobody's business here.
        off[self.good] = gauge_free(off[self.good], self.angles[self.good])
        off *= self.binning
        return off

    def axis(self, pairs: list[_Pair], axis_deg: float, shifts: Floats) -> float:
        """The angle of the axis at which patches of all tilts fit best."""
        ny, nx = pairs[0].seen.shape
        size = int(_PATCH * min(ny, nx))
        corners = [
            (int(j), int(i))
            for j in np.linspace(0, ny - size, _GRID)
            for i in np.linspace(0, nx - size, _GRID)
        ]
        places = np.zeros((len(self.angles), len(corners), 2))
        weights = np.zeros(places.shape[:2])
        for pair in pairs:
            for number, (j, i) in enumerate(corners):
                window = slice(j, j + size), slice(i, i + size)
                off = _offset(pair.expected[window], pair.seen[window], pair.cosine, 0.1 * size)
                middle = np.array([i - (nx - size) / 2, j - (ny - size) / 2])
                at = (middle * (pair.cosine, 1.0) - off) * self.binning
                places[pair.tilt, number] = turn(axis_deg).T @ (at - shifts[pair.tilt])
                weights[pair.tilt, number] = 1
        seen = Seen(places, weights, self.angles, self.rules.thickness_px / 4)
        return refine_axis(seen, axis_deg, reach_deg=_AXIS_REACH).axis_deg


def _projections(recipe: Recipe, rows: list[Image]) -> list[Image]:
    """What a tomogram without it shows at the angle of each tilt: as `rows`, (ny, width)."""
    order = np.argsort(recipe.angles_deg, kind="stable")
    groups = [np.sort(order[k::_GROUPS]) for k in range(_GROUPS)]
    plan, rules = recipe.plan, recipe.rules
    shift = rules.z_shift_px / rules.binning
    plans = [layout(recipe.angles_deg[g], plan.nx, plan.nz, z_shift=shift) for g in groups]
    expected = [np.empty_like(part) for part in rows]

    def make(y: int) -> None:
        parts = []
        for group, own in zip(groups, plans, strict=True):
            mine = np.ascontiguousarray(np.hstack([rows[k][y : y + _ROWS] for k in group]))
            part = np.empty((len(mine), plan.nz, plan.nx), np.float32)
            backproject(mine, own, part)
            parts.append(part)
        whole = np.sum(parts, axis=0, dtype=np.float32)
        for group, own, part in zip(groups, plans, parts, strict=True):
            _cut(whole - part, own, [expected[k][y : y + _ROWS] for k in group])

    _in_threads(make, range(0, len(rows[0]), _ROWS), rules.workers)
    return expected


def _cut(slices: Image, plan: Layout, parts: list[Image]) -> None:
    """Project slices and share the rows out among the tilts of a layout."""
    made = np.empty((len(slices), plan.n_samples), np.float32)
    project(slices, plan, made)
    for k, part in enumerate(parts):
        part[:] = made[:, plan.starts[k] : plan.starts[k + 1]]


def _in_threads(work: Callable[[int], None], items: range, workers: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(n_workers(workers)) as pool:
        for _ in pool.map(work, items):
            pass


def _offset(one: Image, other: Image, cosine: float, reach: float) -> Floats:
    """Shift (x, y) that brings `other` onto `one`; x lies stretched in both, not in the answer."""
    fading = np.outer(*(_fade(n) for n in one.shape)).astype(np.float32)
    spectra = [fft.rfft2((part - part.mean()) * fading) for part in (one, other)]
    product = spectra[0] * np.conj(spectra[1])
    product /= np.sqrt(np.abs(product)) + np.float32(1e-9)
    fy, fx = fft.fftfreq(one.shape[0])[:, None], fft.rfftfreq(one.shape[1]) / cosine
    f2 = fx**2 + fy**2
    band = (1 - np.exp(-f2 / (2 * _LOW**2))) * np.exp(-f2 / (2 * _HIGH**2))
    cross = fft.irfft2(product * band, one.shape)
    wanted = (reach, reach / cosine)
    half = [min(max(1, int(r)), (n - 3) // 2) for r, n in zip(wanted, one.shape, strict=True)]
    near = np.roll(cross, [h + 1 for h in half], (0, 1))[: 2 * half[0] + 3, : 2 * half[1] + 3]
    top = int(near[1:-1, 1:-1].argmax())
    j, i = (int(at) + 1 for at in np.unravel_index(top, (2 * half[0] + 1, 2 * half[1] + 1)))
    x = i - half[1] - 1 + vertex(near[j, i - 1 : i + 2])
    y = j - half[0] - 1 + vertex(near[j - 1 : j + 2, i])
    return np.array([x * cosine, y], np.float64)


def _fade(n: int) -> Floats:
    at = (np.arange(n) + 0.5) / n
    edge: Floats = np.sin(np.pi / 2 * np.clip(np.minimum(at, 1 - at) / _FADE, 0, 1)) ** 2
    return edge
