"""Sums of shifted rows: transposes of each other, rounds that converge, filters with known ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.tomography.erasing import Beads, bead_places, erase_discs, erased
from appliance.tomography.filters import fall_off, ramp, sirt_like
from appliance.tomography.hot_pixels import replace_hot_pixels
from appliance.tomography.iterating import sirt
from appliance.tomography.kernels import backproject, project
from appliance.tomography.layout import Layout, layout
from appliance.tomography.rules import ReconstructRules, angle_weights
from tests.tomography.blobs import LEVEL, Blob, blob_series

ANGLES = np.array([-63.0, -41, -20.5, 0, 3, 17, 44, 58, 71.0])


@pytest.mark.parametrize(("nx", "nz", "z_shift"), [(37, 12, 0.0), (600, 41, 3.3), (5, 1, -2.0)])
def test_projection_is_the_exact_transpose(nx: int, nz: int, z_shift: float) -> None:
    plan = layout(ANGLES, nx, nz, z_shift=z_shift)
    random = np.random.default_rng(0)
    rows = random.standard_normal((2, plan.n_samples)).astype(np.float32)
    slices = random.standard_normal((2, nz, nx)).astype(np.float32)
    back, forth = np.empty_like(slices), np.empty_like(rows)
    backproject(rows, plan, back)
    project(slices, plan, forth)
    left = np.vdot(back.astype(float), slices.astype(float))
    right = np.vdot(rows.astype(float), forth.astype(float))
    scale = np.linalg.norm(back) * np.linalg.norm(slices)
    assert abs(left - right) < 1e-6 * scale


def test_a_row_of_voxels_meets_the_samples_below_it() -> None:
    plan = layout(np.array([-50.0, 0, 35]), 40, 15, z_shift=1.0)
    for tilt, angle in enumerate((-50.0, 0.0, 35.0)):
        rows = np.zeros((1, plan.n_samples), np.float32)
        n = plan.width(tilt)
        rows[0, plan.starts[tilt] : plan.starts[tilt + 1]] = plan.first(tilt) + np.arange(n)
        out = np.empty((1, 15, 40), np.float32)
        backproject(rows, plan, out)
        x, z = np.arange(40) - 19.5, np.arange(15) - 7 + 1.0
        wanted = x + z[:, None] * np.tan(np.deg2rad(angle))
        np.testing.assert_allclose(out[0], wanted, atol=1 / 16 + 1e-3)


def problem() -> tuple[Layout, NDArray[np.float32], NDArray[np.float32]]:
    plan = layout(np.arange(-60.0, 61, 4), 48, 20)
    z, x = np.indices((20, 48), float)
    true = np.exp(-((x - 20) ** 2 + (z - 8) ** 2) / 12) - np.exp(
        -((x - 33) ** 2 + (z - 12) ** 2) / 8
    )
    rows = np.empty((1, plan.n_samples), np.float32)
    project(true[None].astype(np.float32), plan, rows)
    return plan, rows, true.astype(np.float32)


def test_rounds_of_SIRT_come_closer_each_time() -> None:
    plan, rows, true = problem()
    left = []
    for rounds in (1, 5, 40):
        out, seen = np.empty((1, 20, 48), np.float32), np.empty_like(rows)
        sirt(rows, plan, ReconstructRules(method="sirt", iterations=rounds), out)
        project(out, plan, seen)
        left.append(float(np.linalg.norm(seen - rows) / np.linalg.norm(rows)))
    assert left[0] > 2 * left[1] > 4 * left[2]
    assert np.corrcoef(out.ravel(), true.ravel())[0, 1] > 0.9


def test_positive_densities_stay_on_their_side() -> None:
    plan, rows, _ = problem()
    rules = ReconstructRules(method="sirt", iterations=10, logarithm=True, positive=True)
    out = np.empty((1, 20, 48), np.float32)
    sirt(rows, plan, rules, out)
    assert out.max() == 0
    assert out.min() < -0.1


def test_the_ramp_has_slope_one_and_keeps_nothing_of_the_mean() -> None:
    response = ramp(512)
    frequencies = np.arange(257) / 512
    np.testing.assert_allclose(response[4:], frequencies[4:], rtol=0.02)
    assert response[0] < 0.001


@pytest.mark.parametrize(("shape", "inside"), [("gaussian", 1.0), ("none", 1.0), ("hamming", 0.54)])
def test_windows_end_at_the_cutoff(shape: str, inside: float) -> None:
    frequencies = np.array([0.0, 0.2, 0.2 + 3 * 0.02, 0.5])
    got = fall_off(frequencies, shape, 0.4 if shape == "hamming" else 0.2, 0.02)
    assert got[0] == pytest.approx(1)
    assert got[1] == pytest.approx(inside)
    assert got[3] < 1e-6
    with pytest.raises(Invalid):
        fall_off(frequencies, "boxcar", 0.2, 0.02)


def test_the_SIRT_like_filter_tends_to_the_ramp() -> None:
    frequencies = np.linspace(0, 0.5, 9)
    few, many = (sirt_like(frequencies, n, 100, 2.0) for n in (2, 100_000))
    assert (np.diff(few) <= 0).all()
    assert few[-1] < 0.05
    np.testing.assert_allclose(many, 1, atol=1e-6)


def test_tilts_stand_for_the_angle_between_their_neighbours() -> None:
    weights = angle_weights(np.array([10.0, -10, 0, 2]))
    np.testing.assert_allclose(np.rad2deg(weights), [8, 10, 6, 5], rtol=1e-9)
    wide = angle_weights(np.array([-2.0, -1, 0, 1, 60]))
    assert np.rad2deg(wide.max()) == pytest.approx(3)
    assert (angle_weights(np.zeros(3)) > 0).all()


@pytest.mark.parametrize("angles", [[], [86.0], [np.nan]])
def test_tilts_without_a_layout_are_refused(angles: list[float]) -> None:
    with pytest.raises(Invalid):
        layout(np.array(angles), 10, 10)


def test_beads_are_painted_over_where_they_are_seen() -> None:
    bead = Blob(10, -6, 8, height=30, sigma=1.5)
    series, alignment = blob_series([bead], axis_deg=12, shift_px=3)
    beads = Beads(np.array([[bead.x, bead.y, bead.z]]), diameter_px=7.0)
    before = series.images.copy()
    for i, section in enumerate(series.images):
        matrix, shift = alignment.matrices[i], alignment.shifts[i]
        place = bead_places(beads.places, matrix, shift, float(series.angles_deg[i]))[0]
        x, y = np.rint(place + np.array([25, 22])).astype(int)
        assert section[y, x] > LEVEL + 80
        clean = erased(section, beads, matrix, shift, float(series.angles_deg[i]))
        assert np.abs(clean - LEVEL).max() < 12
    np.testing.assert_array_equal(series.images, before)


def test_erasing_keeps_slopes_and_noise_and_passes_over_what_is_outside() -> None:
    y, x = np.indices((60, 60), float)
    random = np.random.default_rng(2)
    image = (2 * x + y + random.normal(0, 3, x.shape)).astype(np.float32)
    spoiled = image.copy()
    spoiled[27:34, 27:34] = -500
    centres = np.array([[30.0, 30], [-90, 5], [0, 59], [np.nan, 2]])
    clean = erase_discs(spoiled, centres, 8.0)
    disc = np.hypot(x - 30, y - 30) < 4
    left = (clean - (2 * x + y))[disc]
    assert abs(left.mean()) < 2
    assert 1.5 < left.std() < 5
    far = np.hypot(x - 30, y - 30) > 8
    far &= np.hypot(x, y - 59) > 8
    np.testing.assert_array_equal(clean[far], image[far])


@pytest.mark.parametrize("places", [np.zeros((2, 2)), np.zeros(3)])
def test_beads_are_rows_of_three(places: NDArray[np.float64]) -> None:
    with pytest.raises(Invalid):
        Beads(places, 8.0)
    with pytest.raises(Invalid):
        replace(Beads(np.zeros((1, 3)), 8.0), diameter_px=0.0)


def test_hot_pixels_are_replaced_and_small_beads_stay() -> None:
    image = np.random.default_rng(4).normal(100, 1, (50, 60)).astype(np.float32)
    image[0, 0], image[49, 30], image[20, 20] = 400, -300, 900
    image[30:33, 40:43] = 40
    bead = image[30:33, 40:43].copy()
    assert replace_hot_pixels(image) == 3
    assert np.abs(image - 100).max(where=image != 40, initial=0) < 6
    np.testing.assert_array_equal(image[30:33, 40:43], bead)
    assert replace_hot_pixels(np.zeros((3, 3), np.float32)) == 0
