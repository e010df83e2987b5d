"""Lets tilts differ from their nominal angle, magnification and rotation where beads confirm it.

A freedom is granted only if it foretells beads that were left out of the solution better than
before: what only follows the noise of the beads that it was fitted to is not taken. Freedoms
change smoothly from tilt to tilt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from appliance.tomography.bundle import FLOOR_PX, REJECT, Bundle, Seen, recentred, turn

__all__ = ["Freedom", "Refined", "refine_tilts"]

Floats = NDArray[np.float64]
_GROUP = 5.0  # tilts from one node of a smooth course to the next
_FEWEST_POINTS, _FEWEST_TILTS = 8, 11
_FOLDS = 5
_BETTER = 0.95  # of the squared error of points left out: a freedom must bring it below
_ROUNDS, _TRIED_ROUNDS = 10, 5
_TINY = 1e-6


class Freedom(Enum):
    """What may differ from tilt to tilt."""

    ANGLE = "tilt angle"
    SCALE = "magnification"
    TURN = "rotation"


# By so much each may be expected to differ: radians, parts of one, radians.
_EXPECTED = {Freedom.ANGLE: 0.009, Freedom.SCALE: 0.004, Freedom.TURN: 0.007}


@dataclass(frozen=True, slots=True)
class Refined:
    """A solution with the freedoms that points left out of it confirm.

    Attributes
    ----------
    bundle : Bundle
    freedoms : tuple of Freedom
        In the order in which they were granted; none leaves the bundle as it was.
    foretold_px : (float, float)
        Robust root mean square distance at which points left out of the solution were seen from
        where it expected them, before and after.
    angles_deg, scales, turns_deg : arrays (n_tilts,)
        What is added to the nominal angle, by what the image is larger, by what it is turned.
    """

    bundle: Bundle
    freedoms: tuple[Freedom, ...]
    foretold_px: tuple[float, float]
    angles_deg: Floats
    scales: Floats
    turns_deg: Floats

    def as_json(self, binning: int) -> dict[str, object]:
        """What the report says of it, in unbinned pixels."""
        before, after = (round(one * binning, 3) for one in self.foretold_px)
        return {
            "freedoms": [one.value for one in self.freedoms],
            "left_out_before_px": before,
            "left_out_px": after,
            "angles_deg": self.angles_deg.round(3).tolist(),
            "magnifications": (1 + self.scales).round(5).tolist(),
            "rotations_deg": self.turns_deg.round(3).tolist(),
        }

    def as_sentence(self, binning: int) -> str:
        """What a person should know of it, in unbinned pixels."""
        most = {
            Freedom.ANGLE: f"{np.abs(self.angles_deg).max():.1f}°",
            Freedom.SCALE: f"{100 * np.abs(self.scales).max():.2f} %",
            Freedom.TURN: f"{np.abs(self.turns_deg).max():.1f}°",
        }
        parts = " and ".join(f"{one.value} (by up to {most[one]})" for one in self.freedoms)
        before, after = (f"{one * binning:.2f}" for one in self.foretold_px)
        return (
            f"Refined from tilt to tilt: {parts}. Beads left out of the solution lie {after} pixels"
            f" from where it expects them, {before} with nominal values."
        )


def refine_tilts(seen: Seen, bundle: Bundle) -> Refined:
    """Grant tilts what makes points that were left out agree better.

    Parameters
    ----------
    seen : Seen
        Of beads; patches move too little for it.
    bundle : Bundle
        The solution with nominal angles.

    Returns
    -------
    Refined

    Notes
    -----
    Grouped variables as in Mastronarde, Fiducial marker and hybrid alignment methods for single-
    and double-axis tomography (2007), with a course between nodes instead of steps, and
    cross-validation over the points, each fifth of which is left out in turn.
    """
    state = _begin(seen, bundle)
    cap = (REJECT * _scale(_off(state, seen), seen)) ** 2
    best = first = _foretold(state, seen, (), cap)
    granted: tuple[Freedom, ...] = ()
    while _is_enough(seen) and len(granted) < len(Freedom):
        tried = [(*granted, one) for one in Freedom if one not in granted]
        errors = [_foretold(state, seen, freedoms, cap) for freedoms in tried]
        if min(errors) > _BETTER * best:
            break
        best, granted = min(errors), tried[int(np.argmin(errors))]
    told = float(np.sqrt(first)), float(np.sqrt(best))
    if granted:
        state = _fitted(state, seen, granted, _ROUNDS)
        bundle = _bundle(state, seen, bundle)
    angle, scale, rotation = state.values
    return Refined(bundle, granted, told, np.degrees(angle), scale, np.degrees(rotation))


@dataclass(frozen=True, slots=True)
class _State:
    """Points (n_points, 3), shifts (n_tilts, 2) of upright images, nodes of each freedom.

    ``upright + shift = (1 + scale) rotation(axis + turn) (x cos t + z sin t, y)``; the axis, in
    radians beyond where it was, is always free.
    """

    upright: Floats
    points: Floats
    shifts: Floats
    nodes: Floats
    axis: float
    courses: Floats  # (3, n_tilts, n_nodes): from nodes to tilts

    @property
    def values(self) -> Floats:
        """Angle, scale and turn of each tilt: (3, n_tilts)."""
        found: Floats = (self.courses @ self.nodes[..., None])[..., 0]
        return found

    @property
    def matrices(self) -> Floats:
        """From the aligned to the upright image: (n_tilts, 2, 2)."""
        _, scale, rotation = self.values
        rotation = rotation + self.axis
        along = (1 + scale) * np.array([np.cos(rotation), np.sin(rotation)])
        return np.stack([np.stack([along[0], -along[1]], 1), np.stack([along[1], along[0]], 1)], 1)


def _begin(seen: Seen, bundle: Bundle) -> _State:
    courses = _courses(seen)
    upright = seen.places @ turn(bundle.axis_deg).T
    nodes = np.zeros((len(Freedom), courses.shape[2]))
    return _State(upright, bundle.points, bundle.shifts, nodes, 0.0, courses)


def _is_enough(seen: Seen) -> bool:
    n_tilts, n_points = (int((seen.seen.sum(axis) > 2).sum()) for axis in (1, 0))
    return n_points >= _FEWEST_POINTS and n_tilts >= _FEWEST_TILTS


def _courses(seen: Seen) -> Floats:
    """Straight lines from node to node, without what moves the whole specimen alike.

    Angles are nothing on average, which leaves the specimen as flat as it was; magnification and
    rotation are nothing at the flattest tilt.
    """
    order = np.argsort(seen.angles_deg, kind="stable")
    n = len(order)
    nodes = np.linspace(0, n - 1, max(3, round((n - 1) / _GROUP) + 1))
    course = np.empty((n, len(nodes)))
    for k, unit in enumerate(np.eye(len(nodes))):
        course[order, k] = np.interp(np.arange(n), nodes, unit)
    flat = course - course[np.argmin(np.abs(seen.angles_deg))]
    return np.stack([course - course.mean(0), flat, flat])


def _expected(state: _State, seen: Seen) -> tuple[Floats, Floats]:
    """Aligned places (n_tilts, n_points, 2) of the points and their change with the angle."""
    t = np.radians(seen.angles_deg) + state.values[0]
    c, s = np.cos(t)[:, None], np.sin(t)[:, None]
    x, y, z = state.points.T
    places = np.stack(np.broadcast_arrays(x * c + z * s, y), 2)
    return places, z * c - x * s


def _off(state: _State, seen: Seen) -> Floats:
    """Seen less expected, in the image as it was recorded: (n_tilts, n_points, 2)."""
    places, _ = _expected(state, seen)
    there = places @ state.matrices.transpose(0, 2, 1) - state.shifts[:, None]
    off: Floats = state.upright - there
    return off


def _scale(off: Floats, seen: Seen) -> float:
    squares = (off**2).sum(2)[seen.seen]
    return max(FLOOR_PX, 1.2 * float(np.sqrt(np.median(squares))))


def _weights(off: Floats, weights: Floats, scale: float) -> Floats:
    trust: Floats = weights / (1 + (off**2).sum(2) / (2 * scale) ** 2) ** 2
    return trust


def _fitted(state: _State, seen: Seen, freedoms: tuple[Freedom, ...], rounds: int) -> _State:
    """Gauss and Newton's steps with robust weights; the points are eliminated."""
    for _ in range(rounds):
        state = _step(state, seen, freedoms)
    return state


def _step(state: _State, seen: Seen, freedoms: tuple[Freedom, ...]) -> _State:
    off = _off(state, seen)
    scale = _scale(off, seen)
    weights = _weights(off, seen.weights, scale)
    of_tilts, of_points = _slopes(state, seen)
    n, m = weights.shape
    pulled = of_tilts * weights[..., None, None]
    own = np.einsum("ijak,ijal->ikl", pulled, of_tilts)
    shared = np.einsum("ijak,ijal->ikjl", pulled, of_points).reshape(5 * n, 3 * m)
    moment = np.einsum("ij,ijak,ijal->jkl", weights, of_points, of_points) + _TINY * np.eye(3)
    right = np.einsum("ijak,ija->ik", pulled, off).ravel()
    right_points = np.einsum("ij,ijak,ija->jk", weights, of_points, off)
    inverse = np.linalg.inv(moment)
    gain = np.einsum("pjl,jlk->pjk", shared.reshape(5 * n, m, 3), inverse).reshape(5 * n, 3 * m)
    system = -gain @ shared.T
    at = np.arange(5 * n).reshape(n, 5)
    system[at[:, :, None], at[:, None, :]] += own
    right = right - gain @ right_points.ravel()
    mapping, prior = _unknowns(state, freedoms, scale)
    now = np.concatenate([np.zeros(2 * n + 1), *[state.nodes[_row(one)] for one in freedoms]])
    whole = mapping.T @ system @ mapping + np.diag(prior)
    found = np.linalg.solve(whole, mapping.T @ right - prior * now)
    left = right_points - ((mapping @ found) @ shared).reshape(m, 3)
    nodes = state.nodes.copy()
    for number, one in enumerate(freedoms):
        nodes[_row(one)] += found[2 * n + 1 :].reshape(len(freedoms), -1)[number]
    return replace(
        state,
        points=state.points + np.einsum("jkl,jl->jk", inverse, left),
        shifts=state.shifts + found[: 2 * n].reshape(n, 2),
        nodes=nodes,
        axis=state.axis + float(found[2 * n]),
    )


def _row(freedom: Freedom) -> int:
    return list(Freedom).index(freedom)


def _slopes(state: _State, seen: Seen) -> tuple[Floats, Floats]:
    """How places change with shift, angle, scale, turn of their tilt, and with their point."""
    places, by_angle = _expected(state, seen)
    matrices = state.matrices
    n, m = by_angle.shape
    there = places @ matrices.transpose(0, 2, 1)
    of_tilts = np.zeros((n, m, 2, 5))
    of_tilts[..., 0, 0] = of_tilts[..., 1, 1] = -1
    of_tilts[..., 2] = matrices[:, None, :, 0] * by_angle[..., None]
    of_tilts[..., 3] = there / (1 + state.values[1])[:, None, None]
    of_tilts[..., 4] = np.stack([-there[..., 1], there[..., 0]], 2)
    return of_tilts, np.broadcast_to(_of_points(state, seen)[:, None], (n, m, 2, 3))


def _of_points(state: _State, seen: Seen) -> Floats:
    """How the place of a point in each upright image changes with its x, y, z: (n_tilts, 2, 3)."""
    t = np.radians(seen.angles_deg) + state.values[0]
    across, along = state.matrices[..., 0], state.matrices[..., 1]
    return np.stack([across * np.cos(t)[:, None], along, across * np.sin(t)[:, None]], 2)


def _unknowns(state: _State, freedoms: tuple[Freedom, ...], scale: float) -> tuple[Floats, Floats]:
    """From what is solved for to the five of each tilt, and how much it is expected to be 0."""
    _, n, k = state.courses.shape
    mapping = np.zeros((n, 5, 2 * n + 1 + len(freedoms) * k))
    mapping[:, 4, 2 * n] = 1
    mapping[np.arange(n), 0, 2 * np.arange(n)] = 1
    mapping[np.arange(n), 1, 2 * np.arange(n) + 1] = 1
    prior = np.full(mapping.shape[2], _TINY)
    for number, one in enumerate(freedoms):
        part = slice(2 * n + 1 + number * k, 2 * n + 1 + (number + 1) * k)
        mapping[:, 2 + _row(one), part] = state.courses[_row(one)]
        prior[part] = (scale / _EXPECTED[one]) ** 2
    return mapping.reshape(5 * n, -1), prior


def _foretold(state: _State, seen: Seen, freedoms: tuple[Freedom, ...], cap: float) -> float:
    """Mean squared distance of points that were left out, each at most `cap`."""
    numbers = np.arange(seen.places.shape[1])
    total, count = 0.0, 0
    for fold in range(min(_FOLDS, len(numbers))):
        out = numbers % _FOLDS == fold
        rest = _fitted(*_part(state, seen, ~out), freedoms, _TRIED_ROUNDS)
        own, own_seen = _part(replace(rest, points=state.points, upright=state.upright), seen, out)
        squares = (_off(_placed(own, own_seen), own_seen) ** 2).sum(2)[own_seen.seen]
        total += float(np.minimum(squares, cap).sum())
        count += squares.size
    return total / max(count, 1)


def _part(state: _State, seen: Seen, which: NDArray[np.bool_]) -> tuple[_State, Seen]:
    """Some of the points."""
    part = replace(state, points=state.points[which], upright=state.upright[:, which])
    return part, replace(seen, places=seen.places[:, which], weights=seen.weights[:, which])


def _placed(state: _State, seen: Seen) -> _State:
    """Points where they fit the tilts as they are best."""
    of_points = _of_points(state, seen)
    for _ in range(_TRIED_ROUNDS):
        off = _off(state, seen)
        weights = _weights(off, seen.weights, _scale(off, seen))
        moment = np.einsum("ij,iak,ial->jkl", weights, of_points, of_points) + _TINY * np.eye(3)
        right = np.einsum("ij,iak,ija->jk", weights, of_points, off)
        step = np.linalg.solve(moment, right[..., None])[..., 0]
        state = replace(state, points=state.points + step)
    return state


def _bundle(state: _State, seen: Seen, before: Bundle) -> Bundle:
    """The solution as others read it: from the recorded to the aligned image."""
    inverse = np.linalg.inv(state.matrices)
    squares = (_off(state, seen) ** 2).sum(2)
    axis_deg = before.axis_deg + float(np.degrees(state.axis))
    limit = (REJECT * _scale(_off(state, seen), seen)) ** 2
    return recentred(
        replace(
            before,
            axis_deg=axis_deg,
            shifts=np.einsum("iab,ib->ia", inverse, state.shifts),
            points=state.points,
            residuals=np.where(seen.seen, np.sqrt(squares), np.nan),
            kept=seen.seen & (squares < limit),
            cost=float(np.mean(np.minimum(squares[seen.seen], limit))),
            angles_deg=seen.angles_deg + np.degrees(state.values[0]),
            matrices=inverse @ turn(before.axis_deg),
        )
    )
