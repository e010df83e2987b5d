"""Alignment against the truth of a phantom, and what is said of series that are bad (BRT-06)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appliance.core import FormatError
from appliance.tomography.aligning import AlignRules, align
from appliance.tomography.bundle import Seen, refine_axis, solve, turn
from appliance.tomography.matching import polish
from appliance.tomography.phantom import gauge_free_error, make_phantom
from appliance.tomography.records import TiltSeries
from appliance.tomography.working import clean, working_images

SIZE, N, PLAIN = 256, 31, 21


@pytest.fixture(scope="module")
def gold():
    return make_phantom(3, size=SIZE, n_tilts=N, dark=(5,), symmetric=True)


@pytest.fixture(scope="module")
def aligned(gold):
    return align(gold.series)


@pytest.fixture(scope="module")
def plain():
    return make_phantom(4, size=200, n_tilts=PLAIN, beads=False)


def test_beads_are_followed_to_a_fraction_of_a_pixel(gold, aligned) -> None:
    error = gauge_free_error(aligned.alignment, gold.truth)
    assert aligned.method == "beads"
    assert error.total_px < 0.3
    assert abs(error.axis_deg) < 0.2
    assert len(aligned.beads) >= 5
    assert aligned.residual_px < 0.5
    heights = sorted(bead["z"] for bead in aligned.beads)
    assert heights[-1] - heights[0] == pytest.approx(2 * (0.06 * SIZE + 5), abs=3)


def test_a_dark_tilt_is_left_out_and_said(gold, aligned) -> None:
    assert aligned.alignment.used.tolist() == gold.truth.used.tolist()
    assert "dark" in aligned.flagged[5]
    assert "1 tilt is left out." in aligned.messages
    assert aligned.residuals_px[5] is None
    assert np.isfinite(aligned.alignment.shifts).all()


def test_a_report_is_json_and_tells_each_tilt_and_bead(aligned) -> None:
    told = json.loads(json.dumps(aligned.as_json()))
    assert len(told["residuals_px"]) == N
    assert {"x", "y", "z", "residual_px", "n_seen"} == set(told["beads"][0])
    assert told["bead_diameter_px"] == pytest.approx(10, abs=2.5)
    assert told["hot_pixels"][0] > 0


def test_without_beads_patches_are_followed_and_it_is_said(plain) -> None:
    told: list[float] = []
    found = align(plain.series, AlignRules(), lambda done, _: told.append(done))
    error = gauge_free_error(found.alignment, plain.truth)
    assert found.method == "patches"
    assert any("beads" in message for message in found.messages)
    assert error.total_px < 1.2
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_tilts_laid_upon_projections_of_the_others_come_nearer_to_the_truth(plain) -> None:
    random = np.random.default_rng(1)
    shaken = plain.truth.shifts + random.normal(0, 0.8, plain.truth.shifts.shape)
    working = working_images(plain.series, max_size=1024, exclude=frozenset())
    axis = float(np.degrees(np.arctan2(*plain.truth.matrices[0, 0, ::-1])))
    found = polish(working, axis, shaken, slab_px=(28, 0), turns=False)
    assert found is not None
    before = gauge_free_error(replace(plain.truth, shifts=shaken), plain.truth)
    after = gauge_free_error(replace(plain.truth, shifts=found.shifts), plain.truth)
    assert before.total_px > 1
    assert after.total_px < 0.5 * before.total_px
    assert found.axis_deg == axis
    turned = polish(working, axis, shaken, slab_px=(28, 0))
    assert turned is not None
    assert abs(turned.axis_deg - axis) < 1


def test_few_or_steep_tilts_are_not_laid_upon_projections(plain) -> None:
    for n, steep in ((6, 0.0), (PLAIN, 40.0)):
        few = replace(
            plain.series,
            images=plain.series.images[:n],
            angles_deg=plain.series.angles_deg[:n] + steep,
        )
        working = working_images(few, max_size=1024, exclude=frozenset())
        assert polish(working, 0.0, np.zeros((n, 2)), slab_px=(28, 0)) is None


def test_tilts_are_excluded_and_hopeless_ones_do_no_harm(plain) -> None:
    images = plain.series.images.astype(np.float32)
    images[4] = np.nan
    images[9, :40] = np.nan
    images[15] = np.random.default_rng(0).normal(size=images[15].shape)
    found = align(
        replace(plain.series, images=images),
        AlignRules(method="coarse", exclude=frozenset({0})),
    )
    assert np.flatnonzero(~found.alignment.used).tolist() == [0, 4, 15]
    assert found.flagged[0] == "left out: taken out"
    assert "no number" in found.flagged[4]
    assert (found.method, found.residual_px) == ("coarse", None)
    assert gauge_free_error(found.alignment, plain.truth).total_px < 2


def test_shifts_of_a_quarter_of_the_image_are_found() -> None:
    made = make_phantom(3, size=SIZE, n_tilts=N, shift_px=30)
    found = align(made.series, AlignRules(method="coarse"))
    assert np.ptp(made.truth.shifts, 0).max() > 60
    assert gauge_free_error(found.alignment, made.truth).total_px < 3


def broken(plain, what: str) -> TiltSeries:
    series = plain.series
    return {
        "one tilt": lambda: replace(series, images=series.images[:1], angles_deg=np.zeros(1)),
        "angles": lambda: replace(series, angles_deg=series.angles_deg[:-1]),
        "nan": lambda: replace(series, angles_deg=np.full(PLAIN, np.nan)),
        "equal": lambda: replace(series, angles_deg=np.full(PLAIN, 3.0)),
        "dark": lambda: replace(series, images=np.zeros_like(series.images)),
        "small": lambda: replace(series, images=series.images[:, :16, :16]),
        "two": lambda: replace(series, images=series.images[:2], angles_deg=np.array([0.0, 9])),
    }[what]()


@pytest.mark.parametrize(
    ("what", "match"),
    [
        ("one tilt", "one section"),
        ("angles", "21 sections, but 20 tilt angles"),
        ("nan", "tilt angles"),
        ("equal", "the same"),
        ("dark", "0 usable tilts"),
        ("small", "too small"),
        ("two", "only 2 tilts"),
    ],
)
def test_what_cannot_be_aligned_is_refused_with_a_hint(plain, what: str, match: str) -> None:
    with pytest.raises(FormatError, match=match):
        align(broken(plain, what))


def scene(outliers: int = 0) -> tuple[Seen, np.ndarray]:
    rng = np.random.default_rng(2)
    angles = np.linspace(-60, 60, 21)
    points, shifts = rng.uniform(-100, 100, (12, 3)), rng.normal(0, 9, (21, 2))
    t = np.radians(angles)
    x = np.outer(np.cos(t), points[:, 0]) + np.outer(np.sin(t), points[:, 2])
    upright = np.stack([x, np.tile(points[:, 1], (21, 1))], 2) - shifts[:, None]
    places = upright @ turn(7.0)
    weights = (rng.random((21, 12)) < 0.8).astype(float)
    bad = rng.permutation(np.argwhere(weights > 0))[:outliers]
    places[bad[:, 0], bad[:, 1]] += rng.normal(0, 30, (outliers, 2))
    return Seen(places, weights, angles), points


def test_the_solver_finds_points_shifts_and_axis_through_wrong_observations() -> None:
    seen, points = scene(outliers=20)
    found = refine_axis(seen, 6.2)
    assert found.axis_deg == pytest.approx(7.0, abs=0.02)
    assert found.residual_px < 0.1
    assert (~found.kept & seen.seen).sum() == 20
    low, high = np.percentile(points[:, 2], [5, 95])
    assert found.points[:, 2] == pytest.approx(points[:, 2] - (low + high) / 2, abs=0.5)
    assert solve(seen, 4.0).cost > 10 * found.cost


def test_hot_pixels_go_and_beads_stay() -> None:
    rng = np.random.default_rng(1)
    image = rng.normal(100, 5, (64, 64)).astype(np.float32)
    image[20:28, 20:28] = 10
    before = image.copy()
    image[5, 5], image[40, 41], image[50, 3] = 9000, -4000, np.nan
    cleaned, count, broken_part = clean(image)
    assert count == 3
    assert broken_part == pytest.approx(1 / 64**2)
    assert np.abs(cleaned - before).max() < 40
    assert np.array_equal(cleaned[20:28, 20:28], before[20:28, 20:28])


def test_large_images_are_binned_and_what_is_found_is_in_raw_pixels(gold) -> None:
    odd = replace(gold.series, images=gold.series.images[:, :-3, :-1], path=Path("odd.st"))
    working = working_images(odd, max_size=128, exclude=frozenset())
    assert (working.binning, working.images.shape[1:]) == (2, (126, 127))
    assert working.offset.tolist() == [-0.5, -0.5]
    found = align(odd, AlignRules(method="coarse", max_size=128))
    assert gauge_free_error(found.alignment, gold.truth).total_px < 3
