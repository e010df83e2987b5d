"""The made specimen: its projections are where the truth says, and the score knows its gauge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appliance.core import Invalid
from appliance.tomography.phantom import gauge_free_error, make_phantom, write_phantom
from appliance.tomography.tilt_files import read_series


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(5, size=160, n_tilts=9)


def test_gold_is_seen_where_the_truth_says() -> None:
    made = make_phantom(5, size=160, n_tilts=5, noise=False, axis_deg=12)
    gold = made.places[made.radii == made.bead_radius_px]
    for i, image in enumerate(made.series.images):
        t = np.radians(made.truth.angles_deg[i])
        seen = np.stack([gold[:, 0] * np.cos(t) + gold[:, 2] * np.sin(t), gold[:, 1]], 1)
        raw = (seen - made.truth.shifts[i]) @ made.truth.matrices[i] + (160 - 1) / 2
        inside = np.rint(raw[((raw > 8) & (raw < 152)).all(1)]).astype(int)
        assert len(inside) > 1
        assert (image[inside[:, 1], inside[:, 0]] < 0.6 * np.median(image)).all()


def test_the_volume_lies_as_the_projections_do(phantom) -> None:
    gold = phantom.places[phantom.radii == phantom.bead_radius_px]
    near = gold[(np.abs(gold) < 70).all(1)]
    volume = phantom.volume(60)
    x, y, z = np.rint(near + (np.array([160, 160, 60]) - 1) / 2).astype(int).T
    assert (volume[z, y, x] > 0.1).all()
    assert phantom.volume(30, binning=2).shape == (30, 80, 80)


def test_equal_seeds_make_equal_series_and_others_do_not() -> None:
    one, two, three = (make_phantom(s, size=64, n_tilts=3).series.images for s in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, three)


def test_dark_and_unordered_tilts_and_hot_pixels_can_be_had() -> None:
    made = make_phantom(1, size=64, n_tilts=5, dark=(4,), symmetric=True, dose=20)
    assert made.truth.angles_deg.tolist() == [0, -30, 30, -60, 60]
    assert made.truth.used.tolist() == [True, True, True, True, False]
    assert abs(np.median(made.series.images[4])) < 10
    assert made.series.images.max() == 4000


def test_the_score_leaves_out_where_the_origin_lies(phantom) -> None:
    truth, t = phantom.truth, np.radians(phantom.truth.angles_deg)
    moved = np.stack([3 * np.cos(t) - 7 * np.sin(t), np.full(len(t), 5.0)], 1)
    same = gauge_free_error(replace(truth, shifts=truth.shifts + moved), truth)
    assert same.total_px == pytest.approx(0, abs=1e-9)
    noise = np.random.default_rng(1).normal(0, 0.5, truth.shifts.shape)
    off = gauge_free_error(replace(truth, shifts=truth.shifts + noise), truth)
    assert 0.1 < off.across_px < 0.8
    assert off.total_px == pytest.approx(np.hypot(off.across_px, off.along_px))
    few = replace(truth, used=np.arange(9) < 3)
    with pytest.raises(Invalid):
        gauge_free_error(few, truth)


def test_the_score_tells_the_error_of_the_axis(phantom) -> None:
    truth = phantom.truth
    turn = np.radians(0.5)
    more = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    assert gauge_free_error(
        replace(truth, matrices=more @ truth.matrices), truth
    ).axis_deg == pytest.approx(0.5)


def test_a_written_phantom_is_read_as_a_series(tmp_path: Path, phantom) -> None:
    got = read_series(write_phantom(tmp_path, phantom, "sample"))
    assert np.array_equal(got.images, phantom.series.images)
    assert got.angles_deg == pytest.approx(phantom.series.angles_deg)
    assert (got.pixel_nm, got.axis_deg) == (1.0, phantom.series.axis_deg)
    assert got.exposure is not None
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["sample.rawtlt", "sample.st", "sample.st.mdoc"]
