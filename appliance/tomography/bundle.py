"""Shifts of tilts and places of points from where the points were seen: robust least squares.

With the angles and the axis given, what is seen is linear in both, so that only the axis is
searched. Beads and patches go through the same solver.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

__all__ = [
    "FLOOR_PX",
    "REJECT",
    "Bundle",
    "Seen",
    "recentred",
    "refine_axis",
    "rescore",
    "solve",
    "turn",
]

Floats = NDArray[np.float64]
_ROUNDS = 12
FLOOR_PX = 0.1  # residuals below this are never outliers
REJECT = 4.0  # deviations


@dataclass(frozen=True, slots=True)
class Seen:
    """Where points were seen.

    Attributes
    ----------
    places : array (n_tilts, n_points, 2)
        In the raw image, (x, y) from its centre; anything where not seen.
    weights : array (n_tilts, n_points)
        Trust in each observation; 0 where not seen.
    angles_deg : array (n_tilts,)
    depth_px : float
        How far from the middle of the slab a point may be expected to lie; 0 for no such belief.
    """

    places: Floats
    weights: Floats
    angles_deg: Floats
    depth_px: float = 0.0

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which observations there are: (n_tilts, n_points)."""
        return self.weights > 0


@dataclass(frozen=True, slots=True)
class Bundle:
    """A solution.

    Attributes
    ----------
    axis_deg : float
    shifts : array (n_tilts, 2)
        Of the aligned images, (x, y).
    points : array (n_points, 3)
    residuals : array (n_tilts, n_points)
        Distance between seen and expected, in pixels; NaN where not seen.
    kept : array (n_tilts, n_points) of bool
        Observations that were not rejected.
    cost : float
        Robust mean of the squared residuals.
    angles_deg : array (n_tilts,)
        Of the tilts: as they were given, or refined.
    matrices : array (n_tilts, 2, 2)
        From the raw to the aligned image: the turn of the axis, or refined.
    """

    axis_deg: float
    shifts: Floats
    points: Floats
    residuals: Floats
    kept: NDArray[np.bool_]
    cost: float
    angles_deg: Floats
    matrices: Floats

    @property
    def residual_px(self) -> float:
        """Root mean square of what was kept."""
        kept = self.residuals[self.kept]
        return float(np.sqrt(np.mean(kept**2))) if kept.size else float("nan")


def turn(axis_deg: float) -> Floats:
    """The matrix (2, 2) that brings a tilt axis, counterclockwise from +y, upright."""
    c, s = np.cos(np.radians(axis_deg)), np.sin(np.radians(axis_deg))
    return np.array([[c, s], [-s, c]])


def solve(seen: Seen, axis_deg: float, *, rounds: int = _ROUNDS) -> Bundle:
    """Find shifts and points for one angle of the axis.

    Parameters
    ----------
    seen : Seen
    axis_deg : float
    rounds : int
        Of reweighting.

    Returns
    -------
    Bundle
        The origin lies so that the shifts are as small as they can be.
    """
    upright = seen.places @ turn(axis_deg).T
    tilts = np.radians(seen.angles_deg)
    across = np.stack([np.cos(tilts), np.sin(tilts)], 1)
    along = np.ones((len(tilts), 1))
    weights = seen.weights.copy()
    belief = np.array([0.0, 1 / seen.depth_px**2 if seen.depth_px else 0.0])
    for _ in range(rounds):
        x_shift, xz = _linear(upright[..., 0], weights, across, belief)
        y_shift, y = _linear(upright[..., 1], weights, along, np.zeros(1))
        off_x = upright[..., 0] + x_shift[:, None] - across @ xz.T
        off_y = upright[..., 1] + y_shift[:, None] - along @ y.T
        squares = off_x**2 + off_y**2
        scale = max(FLOOR_PX, 1.2 * float(np.sqrt(np.median(squares[seen.seen]))))
        weights = seen.weights / (1 + squares / (2 * scale) ** 2) ** 2
    residuals = np.where(seen.seen, np.sqrt(squares), np.nan)
    kept = seen.seen & (squares < (REJECT * scale) ** 2)
    cost = float(np.mean(np.minimum(squares[seen.seen], (REJECT * scale) ** 2)))
    points = np.stack([xz[:, 0], y[:, 0], xz[:, 1]], 1)
    matrices = np.tile(turn(axis_deg), (len(tilts), 1, 1))
    shifts = np.stack([x_shift, y_shift], 1)
    return recentred(
        Bundle(axis_deg, shifts, points, residuals, kept, cost, seen.angles_deg, matrices)
    )


def refine_axis(seen: Seen, axis_deg: float, *, reach_deg: float = 2.0) -> Bundle:
    """Find the axis near an angle at which the points fit best, with its solution."""

    def cost(angle: float) -> float:
        return solve(seen, angle, rounds=5).cost

    bounds = (axis_deg - reach_deg, axis_deg + reach_deg)
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 0.005})
    return solve(seen, float(found.x))


def rescore(seen: Seen, bundle: Bundle, axis_deg: float, shifts: Floats) -> Bundle:
    """Tell how well what was seen agrees with an axis and shifts that were found otherwise.

    Parameters
    ----------
    seen : Seen
    bundle : Bundle
        Solution by what was seen: what it rejected stays rejected.
    axis_deg : float
    shifts : array (n_tilts, 2)

    Returns
    -------
    Bundle
        With this axis and these shifts, the points that fit them best, and the residuals; what
        was refined of the tilts stays so.
    """
    matrices = bundle.matrices @ turn(axis_deg - bundle.axis_deg)
    upright = seen.places @ matrices.transpose(0, 2, 1) + shifts[:, None]
    tilts = np.radians(bundle.angles_deg)
    across = np.stack([np.cos(tilts), np.sin(tilts)], 1)
    weights = np.where(bundle.kept, seen.weights, 0.0)
    belief = 1 / seen.depth_px**2 if seen.depth_px else 0.0
    moment = np.einsum("tj,tk,tl->jkl", weights, across, across)
    moment += np.diag([1e-9, belief + 1e-9])
    right = np.einsum("tj,tk,tj->jk", weights, across, upright[..., 0])
    xz = np.linalg.solve(moment, right[..., None])[..., 0]
    y = (weights * upright[..., 1]).sum(0) / np.maximum(weights.sum(0), 1e-9)
    squares = (upright[..., 0] - across @ xz.T) ** 2 + (upright[..., 1] - y) ** 2
    return replace(
        bundle,
        axis_deg=axis_deg,
        shifts=shifts,
        points=np.stack([xz[:, 0], y, xz[:, 1]], 1),
        residuals=np.where(seen.seen, np.sqrt(squares), np.nan),
        cost=float(np.mean(squares[bundle.kept])) if bundle.kept.any() else float("nan"),
        matrices=matrices,
    )


def _linear(
    places: Floats, weights: Floats, motion: Floats, belief: Floats
) -> tuple[Floats, Floats]:
    """Shifts (n_tilts,) and points (n_points, k) with ``places + shifts = motion @ points``.

    The points are eliminated; the shifts solve one small system, of least norm since the origin
    of the points is free.
    """
    n, k = motion.shape
    squares = (motion[:, :, None] * motion[:, None]).reshape(n, k * k)
    moment = (weights.T @ squares).reshape(-1, k, k) + np.diag(belief + 1e-9)
    inverse = np.linalg.inv(moment)
    pulled = weights.T[:, :, None] * motion  # (points, tilts, k)
    gain = pulled @ inverse
    flat = [part.transpose(1, 0, 2).reshape(n, -1) for part in (gain, pulled)]
    system = np.diag(weights.sum(1)) - flat[0] @ flat[1].T
    mean = (weights * places).T @ motion
    right = -(weights * places).sum(1) + flat[0] @ mean.ravel()
    shifts = np.linalg.lstsq(system, right, rcond=1e-8)[0]
    both = mean + (weights * shifts[:, None]).T @ motion
    return shifts, (inverse @ both[..., None])[..., 0]


def recentred(bundle: Bundle) -> Bundle:
    """Move the origin into the middle of the points' depth and of the images."""
    tilts = np.radians(bundle.angles_deg)
    across = np.stack([np.cos(tilts), np.sin(tilts)], 1)
    low, high = np.percentile(bundle.points[:, 2], [5, 95])
    shifts, points = bundle.shifts.copy(), bundle.points.copy()
    points[:, 2] -= (low + high) / 2
    shifts[:, 0] -= across[:, 1] * (low + high) / 2
    x = float(across[:, 0] @ shifts[:, 0] / (across[:, 0] @ across[:, 0]))
    y = float(shifts[:, 1].mean())
    shifts -= np.stack([across[:, 0] * x, np.full(len(shifts), y)], 1)
    points[:, :2] -= (x, y)
    return replace(bundle, shifts=shifts, points=points)
