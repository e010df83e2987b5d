"""Tilts are refined where beads that were left out confirm it, and nowhere else (BRT-06)."""

from __future__ import annotations

import json

import numpy as np
import pytest

from appliance.tomography.bundle import Seen, refine_axis, turn
from appliance.tomography.tilt_refining import Freedom, refine_tilts

N, AXIS = 41, 3.0
ANGLES = np.linspace(-60.0, 60.0, N)
BENT = 0.4 * np.cos(np.radians(3 * ANGLES))
GROWN = 0.004 * (np.abs(ANGLES) / 60) ** 2


def sightings(
    noise: float, angles: np.ndarray, scales: np.ndarray, *, n_beads: int = 20, seed: int = 0
) -> tuple[Seen, np.ndarray]:
    """Beads on both surfaces of a slab as tilts with errors show them, and their places."""
    random = np.random.default_rng(seed)
    beads = random.uniform(-1, 1, (n_beads, 3)) * (300, 300, 10)
    beads[:, 2] += np.where(random.random(n_beads) < 0.5, -90, 90)
    t = np.radians(angles)[:, None]
    x, y, z = beads.T
    seen = np.stack(np.broadcast_arrays(x * np.cos(t) + z * np.sin(t), y), 2)
    seen = seen * (1 + scales)[:, None, None] - random.normal(0, 4, (N, 1, 2))
    seen = seen @ turn(AXIS) + random.normal(0, noise, seen.shape)
    weights = (random.random(seen.shape[:2]) < 0.95).astype(float)
    return Seen(seen, weights, ANGLES), beads


def test_angles_are_refined_where_beads_left_out_confirm_it() -> None:
    seen, _ = sightings(0.2, ANGLES + BENT, np.zeros(N))
    rigid = refine_axis(seen, AXIS)
    found = refine_tilts(seen, rigid)
    assert found.freedoms == (Freedom.ANGLE,)
    assert found.angles_deg == pytest.approx(BENT - BENT.mean(), abs=0.12)
    assert found.bundle.residual_px < 0.8 * rigid.residual_px
    before, after = found.foretold_px
    assert after < 0.85 * before
    assert found.bundle.angles_deg == pytest.approx(ANGLES + found.angles_deg)
    assert found.bundle.axis_deg == pytest.approx(AXIS, abs=0.03)


def test_magnification_is_refined_together_with_angles() -> None:
    seen, beads = sightings(0.2, ANGLES + BENT, GROWN)
    found = refine_tilts(seen, refine_axis(seen, AXIS))
    assert set(found.freedoms) == {Freedom.ANGLE, Freedom.SCALE}
    flat = np.argmin(np.abs(ANGLES))
    assert found.scales[flat] == 0
    assert found.scales == pytest.approx(GROWN, abs=0.001)
    bundle = found.bundle
    at = seen.places @ bundle.matrices.transpose(0, 2, 1) + bundle.shifts[:, None]
    t = np.radians(bundle.angles_deg)[:, None]
    x, y, z = bundle.points.T
    expected = np.stack(np.broadcast_arrays(x * np.cos(t) + z * np.sin(t), y), 2)
    off = np.hypot(*np.moveaxis(at - expected, 2, 0))[seen.seen]
    assert np.sqrt(np.mean(off**2)) == pytest.approx(bundle.residual_px, rel=0.05)
    spans = np.ptp(bundle.points, 0), np.ptp(beads, 0)
    assert spans[0] == pytest.approx(spans[1], rel=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_refines_nothing(seed: int) -> None:
    seen, _ = sightings(0.5, ANGLES, np.zeros(N), seed=seed)
    rigid = refine_axis(seen, AXIS)
    found = refine_tilts(seen, rigid)
    assert found.freedoms == ()
    assert found.bundle is rigid
    assert found.foretold_px[0] == found.foretold_px[1]


def test_few_beads_refine_nothing() -> None:
    seen, _ = sightings(0.1, ANGLES + BENT, np.zeros(N), n_beads=7)
    assert refine_tilts(seen, refine_axis(seen, AXIS)).freedoms == ()


def test_what_was_refined_is_told_in_a_sentence() -> None:
    seen, _ = sightings(0.2, ANGLES + BENT, GROWN)
    found = refine_tilts(seen, refine_axis(seen, AXIS))
    before, after = (f"{2 * one:.2f}" for one in found.foretold_px)
    told = found.as_sentence(binning=2)
    assert f"lie {after} pixels from where it expects them, {before} with nominal" in told
    assert f"tilt angle (by up to {np.abs(found.angles_deg).max():.1f}°)" in told
    assert "magnification (by up to 0." in told
    assert "rotation" not in told


def test_what_was_refined_is_told_as_json_in_raw_pixels() -> None:
    seen, _ = sightings(0.2, ANGLES + BENT, np.zeros(N))
    found = refine_tilts(seen, refine_axis(seen, AXIS))
    told = json.loads(json.dumps(found.as_json(binning=2)))
    assert told["freedoms"] == ["tilt angle"]
    assert told["left_out_px"] == pytest.approx(2 * found.foretold_px[1], abs=0.001)
    assert len(told["angles_deg"]) == len(told["rotations_deg"]) == N
    assert set(told["magnifications"]) == {1.0}
