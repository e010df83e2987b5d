"""Follows patches of the images where there are no beads, for the same solver.

A patch of one tilt is looked for in the few tilts beside it only, since the view changes; each
such piece of a track is a point of its own, so that no error is carried on from piece to piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.tomography.bundle import Bundle, Seen, refine_axis, solve, turn
from appliance.tomography.coarse import Coarse, correlate
from appliance.tomography.working import Working

__all__ = ["PatchTracks", "track_patches"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
_SIZE = 560  # longest edge of the images in which patches are looked for
_PATCH = 0.26  # of the shorter edge
_GRID = 5  # patches along each edge
_BESIDE = 3  # tilts on either side
_EVERY = 2  # tilts between two pieces
_WEAK, _CLEAR = 4.5, 9.0  # deviations: what counts nothing, and what counts fully
_REACH = (0.35, 0.15)  # of a patch, in the first and in the second round
_WIDE_DEG = 14.0
_OUTSIDE = 0.08  # of a patch may lie beyond the edge of the image


@dataclass(frozen=True, slots=True)
class PatchTracks:
    """Patches as they were found, in working pixels.

    Attributes
    ----------
    seen : Seen
        Each piece of a track is a point.
    bundle : Bundle
    patch_px : int
    """

    seen: Seen
    bundle: Bundle
    patch_px: int


def track_patches(working: Working, coarse: Coarse, *, depth_px: float) -> PatchTracks | None:
    """Follow patches and solve for the tilts.

    Parameters
    ----------
    working : Working
    coarse : Coarse
    depth_px : float
        How far from the middle of the slab what a patch shows may lie, in working pixels.

    Returns
    -------
    PatchTracks or None
        None where too little was found again.
    """
    finder = _Finder(working, depth_px)
    axis, shifts = coarse.axis_deg, coarse.shifts
    tracks = None
    for reach in _REACH:
        seen = finder.seen(axis, shifts, reach)
        if seen is None:
            return tracks
        bundle = refine_axis(seen, _scanned(seen, axis) if tracks is None else axis)
        axis, shifts = bundle.axis_deg, bundle.shifts
        tracks = PatchTracks(seen, bundle, finder.patch * finder.step)
    return tracks


def _scanned(seen: Seen, axis_deg: float) -> float:
    """The axis that fits best of a wide range about an expected one."""
    angles = axis_deg + np.arange(-_WIDE_DEG, _WIDE_DEG + 0.1, 2.0)
    costs = [solve(seen, float(angle), rounds=4).cost for angle in angles]
    return float(angles[np.argmin(costs)])


@dataclass(frozen=True, slots=True)
class _View:
    """An image and from where in the raw one (row, column) each of its places comes."""

    image: Image
    matrix: Floats
    offset: Floats


class _Finder:
    """Looks for patches as an alignment expects them."""

    def __init__(self, working: Working, depth_px: float) -> None:
        self.angles, self.order, self.depth = working.angles_deg, working.good, depth_px
        self.step = max(1, round(max(working.images.shape[1:]) / _SIZE))
        n, ny, nx = (working.images.shape[0], *(s // self.step for s in working.images.shape[1:]))
        cut = working.images[:, : ny * self.step, : nx * self.step]
        self.images = cut.reshape(n, ny, self.step, nx, self.step).mean((2, 4))
        self.patch = int(_PATCH * min(ny, nx)) // 2 * 2
        self.fade = np.outer(*(np.hanning(self.patch + 2)[1:-1] ** 0.5,) * 2).astype(np.float32)

    def seen(self, axis_deg: float, shifts: Floats, reach: float) -> Seen | None:
        """Find all pieces of tracks; None if there are hardly any."""
        pieces = []
        for rank in range(0, len(self.order), _EVERY):
            pieces += self._pieces(rank, turn(axis_deg), shifts / self.step, reach)
        if len(pieces) < _GRID:
            return None
        places = np.stack([place for place, _ in pieces], 1) * self.step
        weights = np.stack([weight for _, weight in pieces], 1)
        return Seen(places, weights, self.angles, self.depth)

    def _pieces(
        self, rank: int, upright: Floats, shifts: Floats, reach: float
    ) -> list[tuple[Floats, Floats]]:
        """Places (n_tilts, 2) and weights (n_tilts,) of each patch about one tilt."""
        m = int(self.order[rank])
        beside = self.order[max(0, rank - _BESIDE) : rank + _BESIDE + 1]
        cosine = np.cos(np.radians(self.angles))
        ratios = {int(i): cosine[i] / cosine[m] for i in beside}
        views = {i: self._view(i, upright, shifts[i], ratio) for i, ratio in ratios.items()}
        found = []
        for corner in self._corners():
            place, weight = np.zeros((len(self.angles), 2)), np.zeros(len(self.angles))
            middle = corner[::-1] + (self.patch - 1) / 2 - (np.array(self._shape[::-1]) - 1) / 2
            if not self._inside(views[m], corner):
                continue
            own = self._cut(views[m].image, corner)
            for i, ratio in ratios.items():
                moved, peak = (np.zeros(2), _CLEAR)
                if i != m:
                    if not self._inside(views[i], corner):
                        continue
                    moved, peak = correlate(
                        own, self._cut(views[i].image, corner), reach * self.patch
                    )
                at = (middle - moved) * (ratio, 1.0)
                place[i] = upright.T @ (at - shifts[i])
                weight[i] = np.clip((peak - _WEAK) / (_CLEAR - _WEAK), 0, 1)
            if (weight > 0).sum() > 2:
                found.append((place, weight))
        return found

    @property
    def _shape(self) -> tuple[int, int]:
        return self.images.shape[1], self.images.shape[2]

    def _corners(self) -> list[NDArray[np.int64]]:
        rows, columns = (np.linspace(0, n - self.patch, _GRID).astype(int) for n in self._shape)
        return [np.array([j, i]) for j in rows for i in columns]

    def _view(self, i: int, upright: Floats, shift: Floats, ratio: float) -> _View:
        """One tilt as another one would see it."""
        centre = (np.array(self._shape) - 1) / 2
        matrix = (upright.T @ np.diag([ratio, 1.0]))[::-1, ::-1]
        offset = centre - matrix @ centre - (upright.T @ shift)[::-1]
        image = ndimage.affine_transform(self.images[i], matrix, offset, order=1)
        return _View(image, matrix, offset)

    def _cut(self, image: Image, corner: NDArray[np.int64]) -> Image:
        j, i = corner
        part = image[j : j + self.patch, i : i + self.patch]
        return np.asarray((part - part.mean()) * self.fade, np.float32)

    def _inside(self, view: _View, corner: NDArray[np.int64]) -> bool:
        """Whether a patch was recorded, but for a little at its corners."""
        margin = _OUTSIDE * self.patch
        ends = corner + (self.patch - 1) * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        raw = ends @ view.matrix.T + view.offset
        return bool((raw > -margin).all() and (raw < np.array(self._shape) - 1 + margin).all())
