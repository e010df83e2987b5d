"""Tilts laid upon projections where beads stray, and what is said of it (BRT-06)."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from appliance.tomography import polishing
from appliance.tomography.aligning import AlignRules, align
from appliance.tomography.bundle import Seen, refine_axis, rescore, turn
from appliance.tomography.matching import Polished
from appliance.tomography.phantom import Phantom, gauge_free_error, make_phantom

SIZE, N, N_BEADS, RADIUS = 160, 21, 8, 5.0


def seen_at(points: np.ndarray, angle_deg: float) -> np.ndarray:
    """Where points (n, 3) are seen in an aligned image: (n, 2)."""
    t = np.radians(angle_deg)
    return np.stack([points[:, 0] * np.cos(t) + points[:, 2] * np.sin(t), points[:, 1]], 1)


def with_straying_gold() -> tuple[Phantom, np.ndarray]:
    """A phantom and the places (tilt, bead, 2) of gold that moves by a pixel in each tilt."""
    made = make_phantom(4, size=SIZE, n_tilts=N, beads=False)
    rng = np.random.default_rng(7)

    half = np.array([0.4, 0.4, 0.06]) * SIZE
    points = rng.uniform(-1, 1, (N_BEADS, 3)) * half
    points[:, 2] = np.sign(points[:, 2]) * (half[2] + RADIUS)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    images = made.series.images.astype(np.float32)
    places = np.zeros((N, N_BEADS, 2))
    for i, angle in enumerate(made.truth.angles_deg):
        at = seen_at(points, angle) + rng.normal(0, 1.0, (N_BEADS, 2))
        places[i] = (at - made.truth.shifts[i]) @ made.truth.matrices[i]
        for bead in places[i]:
            off = RADIUS**2 - (x - bead[0]) ** 2 - (y - bead[1]) ** 2
            images[i] *= np.exp(-0.24 * np.sqrt(np.maximum(off, 0)))
    return replace(made, series=replace(made.series, images=images)), places


@pytest.fixture(scope="module")
def strayed():
    return with_straying_gold()


@pytest.fixture(scope="module")
def laid(strayed):
    return align(strayed[0].series)


@pytest.fixture(scope="module")
def golden(strayed):
    return align(strayed[0].series, AlignRules(follows_gold=True))


def test_where_beads_stray_tilts_are_laid_upon_projections_and_come_nearer(
    strayed, laid, golden
) -> None:
    """BRT-06"""
    errors = [gauge_free_error(f.alignment, strayed[0].truth).total_px for f in (laid, golden)]
    assert (laid.method, golden.method) == ("beads", "beads")
    assert errors[0] < 0.7 * errors[1]
    assert laid.messages[0] == "Beads do not move as one."
    assert "laid upon projections of the specimen: the usual one moved by" in laid.messages[1]


def test_tilts_follow_gold_that_is_to_be_painted_over(strayed, laid, golden) -> None:
    """BRT-06: gold that strays is followed nevertheless."""
    assert golden.messages == ()
    assert not {"polishing", "tracking"} & golden.facts.keys()
    assert golden.residual_px == laid.facts["tracking"]["residual_px"]
    assert not np.allclose(golden.alignment.shifts, laid.alignment.shifts, atol=0.1)


def test_residuals_and_places_of_beads_are_those_of_the_tilts_as_they_lie(
    strayed, laid, golden
) -> None:
    """BRT-06: the places that are told, seen through the alignment, are off by what is told."""
    points = np.array([[bead[k] for k in "xyz"] for bead in laid.beads])
    lying = laid.alignment
    off = []
    for i in range(N):
        raw = (seen_at(points, lying.angles_deg[i]) - lying.shifts[i]) @ lying.matrices[i]
        off.append(np.hypot(*(raw[:, None] - strayed[1][i]).transpose(2, 0, 1)).min(1))
    near = np.concatenate(off)
    near = near[near < 4]  # others were not followed
    assert near.size > 0.7 * N * len(points)
    assert np.sqrt(np.mean(near**2)) == pytest.approx(laid.residual_px, rel=0.25)
    assert max(bead["residual_px"] for bead in laid.beads) < 2 * laid.residual_px
    assert laid.residual_px > golden.residual_px


def test_a_report_tells_the_tracking_and_what_polishing_did(laid) -> None:
    """BRT-06"""
    told = json.loads(json.dumps(laid.as_json()))
    assert told["tracking"]["residual_px"] != told["residual_px"]
    assert len(told["tracking"]["residuals_px"]) == len(told["residuals_px"]) == N
    did = told["polishing"]
    assert (did["is_kept"], did["dropped"], did["thickness_is_found"]) == (True, "", True)
    assert 5 < did["thickness_px"] < 60
    assert did["rounds"] > 1
    assert did["axis_turned_deg"] == 0
    assert len(did["moved_px"]) == N
    assert 0.1 < np.median(did["moved_px"]) < 5


@pytest.mark.parametrize(
    ("slab", "why"),
    [(None, "thickness is not known"), ((20.0, 0.0), "the steps did not become small")],
)
def test_polishing_that_is_dropped_leaves_the_beads_and_says_so(
    strayed, golden, monkeypatch, slab, why: str
) -> None:
    """BRT-06: no word of projections that the tilts do not lie on."""

    def restless(_working, axis_deg, shifts, **_):
        return Polished(axis_deg, shifts + 40 * np.eye(N)[:, :2], 40.0, 8, is_settled=False)

    monkeypatch.setattr(polishing, "slab_of", lambda *_: slab)
    monkeypatch.setattr(polishing, "polish", restless)
    found = align(strayed[0].series)
    assert found.alignment.shifts == pytest.approx(golden.alignment.shifts)
    assert found.residual_px == golden.residual_px
    assert found.messages[0] == "Beads do not move as one."
    assert found.messages[1].startswith("Tilts were not laid upon projections")
    assert why in found.messages[1]
    did = found.as_json()["polishing"]
    assert (did["is_kept"], did["moved_px"]) == (False, [None] * N)
    assert why in did["dropped"]


def test_shifts_found_otherwise_are_scored_by_the_same_points() -> None:
    """BRT-06"""
    rng = np.random.default_rng(2)
    angles = np.linspace(-60, 60, N)
    points, shifts = rng.uniform(-100, 100, (12, 3)), rng.normal(0, 9, (N, 2))
    upright = np.stack([seen_at(points, angle) for angle in angles]) - shifts[:, None]
    places = upright @ turn(7.0)
    places[3, 4] += 30
    seen = Seen(places, (rng.random((N, 12)) < 0.9) | (np.arange(12) == 4), angles)
    found = refine_axis(seen, 6.5)
    same = rescore(seen, found, found.axis_deg, found.shifts)
    assert same.points == pytest.approx(found.points, abs=0.05)
    assert same.residual_px == pytest.approx(found.residual_px, abs=0.05)
    assert np.isnan(same.residuals[~seen.seen]).all()
    assert same.residuals[3, 4] > 20
    assert not same.kept[3, 4]
    true = rescore(seen, found, 7.0, shifts)
    assert true.points == pytest.approx(points, abs=0.01)
    assert true.residual_px < 0.01
    moved = shifts.copy()
    moved[9] += (3, 0)
    assert rescore(seen, found, 7.0, moved).residuals[9, 0] == pytest.approx(3, abs=0.4)
