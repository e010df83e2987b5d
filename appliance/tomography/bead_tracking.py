"""Follows gold beads through the tilts of a coarsely aligned series.

From the flattest tilt outwards on both sides at once, so that a bead's depth is never fitted to
one side only; what may be off across the axis (depth, shift) has more room than along it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from appliance.tomography.bead_finding import bead_map, peaks_of
from appliance.tomography.bundle import Bundle, Seen, refine_axis, turn
from appliance.tomography.coarse import Coarse
from appliance.tomography.tilt_refining import Refined, refine_tilts
from appliance.tomography.working import Working

__all__ = ["BeadTracks", "track_beads"]

Floats = NDArray[np.float64]
_LEAST = 6.0  # deviations of a bead in the map
_LEAST_FAINT = 4.0
_ACROSS, _ALONG = 3.0, 2.5  # pixels
_VOTE = 14.0  # pixels by which a tilt may be off the coarse alignment
_FEWEST = 4  # beads that carry a tilt
_SEEDED = (0.15, 0.3, 0.5, 0.7, 0.85)  # tilts, by their place in the order of angles
_MET = 0.55  # of the tilts in which a further bead must be met
_SETTLED = 4.0  # the round of matching in which further beads are looked for
_LAST = 2.0  # of its tolerances, in pixels
_SEEN_IN = 0.4  # of the tilts: beads seen in fewer are let go


@dataclass(frozen=True, slots=True)
class BeadTracks:
    """Beads as they were followed.

    Attributes
    ----------
    seen : Seen
        In working pixels.
    bundle : Bundle
        With what was refined of the tilts.
    diameter_px : float
    refined : Refined
        What was refined, and how well beads confirm it.
    """

    seen: Seen
    bundle: Bundle
    diameter_px: float
    refined: Refined


def track_beads(
    working: Working, coarse: Coarse, diameter: float, *, light: bool, depth_px: float
) -> BeadTracks | None:
    """Follow beads and solve for the tilts.

    Parameters
    ----------
    working : Working
    coarse : Coarse
    diameter : float
        Of a bead in working pixels.
    light : bool
        Whether beads are bright.
    depth_px : float
        Half of what the specimen may be thick, in working pixels.

    Returns
    -------
    BeadTracks or None
        None where there are not enough beads.
    """
    centre = (np.array(working.images.shape[:0:-1]) - 1) / 2
    found: dict[int, Floats] = {}
    for i in working.good:
        peaks = peaks_of(
            bead_map(working.images[i], diameter, light=light), diameter, least=_LEAST_FAINT
        )
        peaks[:, :2] -= centre
        found[int(i)] = peaks
    order = [int(i) for i in working.good]
    flat = min(order, key=lambda i: abs(working.angles_deg[i]))
    tracker = _Tracker(working.angles_deg, coarse, found, depth_px)
    if not tracker.begin(flat):
        return None
    for i in sorted(order, key=lambda i: abs(working.angles_deg[i] - working.angles_deg[flat]))[1:]:
        tracker.add(i)
    return _solved(found, tracker.seen(), coarse.axis_deg, diameter, depth_px)


def _solved(
    found: dict[int, Floats], seen: Seen, axis_deg: float, diameter: float, depth: float
) -> BeadTracks | None:
    """Solve, match again as the solution expects, take more beads in, and solve again."""
    bundle: Bundle | None = None
    for tolerance in (6.0, _SETTLED, 2.5, _LAST):
        seen = _often_seen(seen, len(found))
        if seen.places.shape[1] < _FEWEST:
            return None
        bundle = refine_axis(seen, axis_deg)
        axis_deg, points = bundle.axis_deg, bundle.points
        if tolerance == _SETTLED:
            points = _recruited(found, bundle, seen.angles_deg, depth)
        seen = _matched(found, bundle, points, tolerance, seen.angles_deg)
    return _refined(found, seen, axis_deg, diameter)


def _refined(
    found: dict[int, Floats], seen: Seen, axis_deg: float, diameter: float
) -> BeadTracks | None:
    """Refine the tilts; where that moves what is expected, match once more."""
    for again in (True, False):
        seen = _often_seen(seen, len(found))
        if seen.places.shape[1] < _FEWEST:
            return None
        refined = refine_tilts(seen, refine_axis(seen, axis_deg))
        bundle = refined.bundle
        if not refined.freedoms:
            break
        if again:
            seen = _matched(found, bundle, bundle.points, _LAST, seen.angles_deg)
    return BeadTracks(seen, bundle, diameter, refined)


class _Tracker:
    """What is known while the tilts are walked through."""

    def __init__(
        self, angles_deg: Floats, coarse: Coarse, found: dict[int, Floats], depth: float
    ) -> None:
        self.angles, self.coarse, self.found, self.depth = angles_deg, coarse, found, depth
        self.turn = turn(coarse.axis_deg)
        t = np.radians(angles_deg)
        self.motion = np.stack([np.cos(t), np.sin(t)], 1)
        self.shifts = coarse.shifts.copy()
        self.done: list[int] = []

    def begin(self, flat: int) -> bool:
        """Take the beads of the flattest tilt."""
        seeds = self.found[flat][self.found[flat][:, 2] > _LEAST]
        if len(seeds) < _FEWEST:
            return False
        upright = seeds[:, :2] @ self.turn.T + self.shifts[flat]
        n, m = len(self.angles), len(seeds)
        self.points = np.column_stack(
            [upright[:, 0] / self.motion[flat, 0], upright[:, 1], np.zeros(m)]
        )
        self.places = np.zeros((n, m, 2))
        self.weights = np.zeros((n, m))
        self.places[flat], self.weights[flat] = seeds[:, :2], 1
        self.done = [flat]
        return True

    def add(self, i: int) -> None:
        """Match the beads with what was found in one more tilt."""
        near = min(self.done, key=lambda k: abs(self.angles[k] - self.angles[i]))
        self.shifts[i] += self.shifts[near] - self.coarse.shifts[near]
        at = self.found[i][:, :2] @ self.turn.T
        expected = _expected(self.points, self.angles[i])
        away = self.depth * abs(self.motion[i, 1] - self.motion[near, 1])
        room = np.array([_ACROSS + away, _ALONG])
        self.shifts[i] += _vote(at + self.shifts[i], expected, room)
        for _ in range(2):
            pairs = _pairs(at + self.shifts[i], expected, room)
            if len(pairs) < _FEWEST:
                return
            off = expected[pairs[:, 1]] - at[pairs[:, 0]] - self.shifts[i]
            self.shifts[i] += np.median(off, 0)
        self.places[i, pairs[:, 1]] = self.found[i][pairs[:, 0], :2]
        self.weights[i, pairs[:, 1]] = 1
        self.done.append(i)
        self._update()

    def _update(self) -> None:
        """Fit each bead to where it was seen, believing that its depth is not great."""
        upright = self.places @ self.turn.T + self.shifts[:, None]
        moment = np.einsum("tj,tk,tl->jkl", self.weights, self.motion, self.motion)
        moment += np.diag([1e-6, (2.0 / max(self.depth, 1)) ** 2])
        right = np.einsum("tj,tk,tj->jk", self.weights, self.motion, upright[..., 0])
        self.points[:, [0, 2]] = np.linalg.solve(moment, right[..., None])[..., 0]
        total = np.maximum(self.weights.sum(0), 1)
        self.points[:, 1] = (self.weights * upright[..., 1]).sum(0) / total

    def seen(self) -> Seen:
        return Seen(self.places, self.weights, self.angles)


def _vote(at: Floats, expected: Floats, room: Floats) -> Floats:
    """The shift on which most beads agree; the smallest of equals."""
    pairs = cKDTree(at).query_ball_point(expected, _VOTE)
    moves = np.array([expected[j] - at[k] for j, near in enumerate(pairs) for k in near])
    if not len(moves):
        return np.zeros(2)
    scaled = moves / room
    votes = np.array([len(near) for near in cKDTree(scaled).query_ball_point(scaled, 0.7)], float)
    best = int(np.argmax(votes - 0.02 * np.hypot(*moves.T)))
    return np.asarray(np.median(moves[np.hypot(*(scaled - scaled[best]).T) < 0.7], 0))


def _pairs(at: Floats, expected: Floats, room: Floats) -> NDArray[np.int64]:
    """Pairs (found, expected) that are each other's nearest within an ellipse."""
    if not len(at):
        return np.zeros((0, 2), np.int64)
    there, back = cKDTree(at / room), cKDTree(expected / room)
    distance, nearest = there.query(expected / room, distance_upper_bound=1.0)
    _, mine = back.query(at / room)
    return np.array(
        [(k, j) for j, k in enumerate(nearest) if np.isfinite(distance[j]) and mine[k] == j],
        np.int64,
    ).reshape(-1, 2)


def _often_seen(seen: Seen, n_tilts: int) -> Seen:
    """Only points that were seen in enough tilts."""
    enough = seen.seen.sum(0) >= max(3, _SEEN_IN * n_tilts)
    return Seen(seen.places[:, enough], seen.weights[:, enough], seen.angles_deg, seen.depth_px)


def _matched(
    found: dict[int, Floats], bundle: Bundle, points: Floats, tolerance: float, angles_deg: Floats
) -> Seen:
    """Match points with all that was found, as a solution expects them."""
    places, weights = (
        np.zeros((len(angles_deg), len(points), 2)),
        np.zeros((len(angles_deg), len(points))),
    )
    for i, peaks in found.items():
        at = peaks[:, :2] @ bundle.matrices[i].T + bundle.shifts[i]
        pairs = _pairs(at, _expected(points, bundle.angles_deg[i]), np.full(2, tolerance))
        places[i, pairs[:, 1]], weights[i, pairs[:, 1]] = peaks[pairs[:, 0], :2], 1
    return Seen(places, weights, angles_deg)


def _expected(points: Floats, angle_deg: float) -> Floats:
    """Where points (n, 3) are seen in the aligned image of a tilt: (n, 2)."""
    t = np.radians(angle_deg)
    return np.stack([points[:, 0] * np.cos(t) + points[:, 2] * np.sin(t), points[:, 1]], 1)


def _recruited(
    found: dict[int, Floats], bundle: Bundle, angles_deg: Floats, depth: float
) -> Floats:
    """The points of a solution and more beads, which the flattest tilt did not show: (n, 3).

    What was found in a few tilts and belongs to no bead is tried at all depths; a bead is what
    then meets something in most tilts.
    """
    points = bundle.points
    upright = {i: p[:, :2] @ turn(bundle.axis_deg).T + bundle.shifts[i] for i, p in found.items()}
    trees = {i: cKDTree(at) for i, at in upright.items() if len(at)}
    order = sorted(trees, key=lambda i: angles_deg[i])
    for i in [order[int(part * (len(order) - 1))] for part in _SEEDED]:
        seeds = upright[i][found[i][:, 2] > _LEAST]
        far = cKDTree(_expected(points, angles_deg[i])).query(seeds)[0] > 2 * _ACROSS
        tried = _at_depths(seeds[far], angles_deg[i], depth)
        if tried.size:
            met = np.sum([_meets(trees[k], tried, angles_deg[k]) for k in order], 0)
            best = met.argmax(1)
            sure = met.max(1) >= _MET * len(order)
            points = np.vstack([points, tried[np.arange(len(tried)), best][sure]])
    return points


def _at_depths(seeds: Floats, angle_deg: float, depth: float) -> Floats:
    """Points (n, depths, 3) that are all seen at places (n, 2) of one tilt."""
    t = np.radians(angle_deg)
    z = np.arange(-depth, depth + 1, 1.5)
    x = (seeds[:, :1] - z * np.sin(t)) / np.cos(t)
    y, z = np.broadcast_arrays(seeds[:, 1:], z)
    return np.stack([x, y, z], 2)


def _meets(tree: cKDTree, tried: Floats, angle_deg: float) -> NDArray[np.bool_]:
    """Which points (n, depths, 3) meet something in a tilt."""
    expected = _expected(tried.reshape(-1, 3), angle_deg)
    distance, _ = tree.query(expected, distance_upper_bound=2.0)
    return np.asarray(np.isfinite(distance).reshape(tried.shape[:2]), bool)
