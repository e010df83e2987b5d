"""Measures of ROIs against numpy and scipy, and NORA's bugs (nora-behaviour section 14)."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from appliance.core import Invalid
from appliance.geometry import Volume
from appliance.imaging import RoiRules, measure_roi
from appliance.imaging.roi_shape import surface_mm2

AFFINE = np.array([[2, 0.1, 0, 5], [-0.1, 3, 0.2, 0], [0, 0.1, 4, -9], [0, 0, 0, 1.0]])
VECTORS = Path(__file__).parents[1] / "vectors" / "roi_measures.json"
ALL = RoiRules(percentiles=(1, 5, 95, 99.5), bins=7, components=True, surface=True)


def pair(seed: int = 0, shape=(9, 8, 7)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(10, 50, shape), rng.random(shape) > 0.7


def test_ROI_39_to_44_are_what_numpy_and_scipy_say() -> None:
    data, mask = pair()
    (found,) = measure_roi(Volume(data, AFFINE), Volume(mask, AFFINE), ALL)
    values = data[mask]
    assert found["median"] == pytest.approx(np.median(values))
    assert found["iqr1"] == pytest.approx(np.percentile(values, 25))
    assert found["iqr2"] == pytest.approx(np.percentile(values, 75))
    assert found["mean"] == pytest.approx(scipy.ndimage.mean(data, mask))
    assert found["std"] == pytest.approx(scipy.ndimage.standard_deviation(data, mask))
    assert (found["minimum"], found["maximum"]) == (values.min(), values.max())
    assert list(found["percentiles"]) == ["1", "5", "95", "99.5"]
    assert found["percentiles"]["99.5"] == pytest.approx(np.percentile(values, 99.5))
    assert found["components"] == scipy.ndimage.label(mask)[1]
    assert found["volume_ml"] == pytest.approx(mask.sum() * np.linalg.det(AFFINE[:3, :3]) / 1000)
    counts, edges = np.histogram(values, 7)
    assert found["histogram"] == {"edges": edges.tolist(), "counts": counts.tolist()}
    assert found["resampled"] == ""
    json.dumps(found)


def test_bug_6_the_area_is_told_per_slice_and_the_largest_not_only_the_sum() -> None:
    mask = np.zeros((5, 5, 4), bool)
    mask[:2, :2, 1], mask[:3, :1, 2] = True, True
    grid = np.diag([2.0, 3.0, 4.0, 1.0])
    (found,) = measure_roi(Volume(np.ones(mask.shape), grid), Volume(mask, grid))
    assert found["areas_cm2"] == {"1": pytest.approx(0.24), "2": pytest.approx(0.18)}
    assert found["area_max_cm2"] == pytest.approx(0.24)
    assert (found["area_cm2"], found["n_slices"]) == (pytest.approx(0.42), 2)


def test_bug_6_leaving_zeros_out_changes_no_volume_unless_it_is_to_be_as_in_nora() -> None:
    data = np.array([0, 0, 4, 6.0]).reshape(4, 1, 1)
    grid = np.diag([1.0, 1.0, 10.0, 1.0])
    image, roi = Volume(data, grid), Volume(np.ones((4, 1, 1), np.uint8), grid)
    (ours,) = measure_roi(image, roi, RoiRules(exclude_zeros=True))
    shown = (ours["volume_ml"], ours["area_cm2"], ours["median"])
    assert shown == pytest.approx((0.04, 0.04, 5.0))
    (nora,) = measure_roi(image, roi, RoiRules(exclude_zeros=True, nora=True))
    shown = (nora["volume_ml"], nora["area_cm2"], nora["median"])
    assert shown == pytest.approx((0.02, 0.02, 6.0))


def test_bug_5_any_value_above_zero_is_inside_and_counts_once() -> None:
    data, mask = pair(3)
    random = np.where(mask, np.random.default_rng(0).integers(1, 251, mask.shape), 0)
    image = Volume(data, AFFINE)
    wild = measure_roi(image, Volume(random.astype(np.uint8), AFFINE), ALL)
    assert wild == measure_roi(image, Volume(mask, AFFINE), ALL)


def test_ROI_39_every_time_point_is_measured_and_the_shorter_is_held() -> None:
    rng = np.random.default_rng(5)
    image = Volume(rng.random((4, 4, 4, 3)), AFFINE)
    roi = Volume(rng.random((4, 4, 4, 5)) > 0.5, AFFINE)
    found = measure_roi(image, roi)
    assert [(one["frame"], one["roi_frame"]) for one in found] == [
        (0, 0),
        (1, 1),
        (2, 2),
        (2, 3),
        (2, 4),
    ]
    for one in found:
        values = image.data[..., one["frame"]][roi.data[..., one["roi_frame"]]]
        assert one["mean"] == pytest.approx(values.mean())
    assert measure_roi(image, roi, frames=[1])[0]["mean"] == found[1]["mean"]
    with pytest.raises(Invalid):
        measure_roi(image, roi, frames=[-1])


def test_another_grid_is_read_at_the_nearest_voxel_and_says_so() -> None:
    data, _ = pair(7)
    fine = AFFINE @ np.diag([0.5, 0.5, 0.5, 1.0])
    fine[:3, 3] -= AFFINE[:3, :3] @ [0.25, 0.25, 0.25]
    roi = np.random.default_rng(8).random((18, 16, 14)) > 0.4
    (found,) = measure_roi(Volume(data, AFFINE), Volume(roi, fine))
    values = data.repeat(2, 0).repeat(2, 1).repeat(2, 2)[roi]
    assert found["mean"] == pytest.approx(values.mean())
    assert "nearest" in found["resampled"]


@pytest.mark.parametrize("voxel_mm", [(1, 1, 1), (1, 1, 2.5), (0.6, 0.6, 2)])
def test_the_surface_of_a_ball_is_near_its_true_one(voxel_mm: tuple[float, ...]) -> None:
    radius = 20.0
    axes = [np.arange(-24, 24.01, size) for size in voxel_mm]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    ball = x**2 + y**2 + z**2 <= radius**2
    found = surface_mm2(ball, np.diag([*voxel_mm, 1.0]))
    assert found == pytest.approx(4 * np.pi * radius**2, rel=0.03)


def test_the_surface_does_not_depend_on_how_the_array_lies() -> None:
    mask = np.random.default_rng(2).random((6, 7, 8)) > 0.6
    turned = np.diag([1.0, 2.0, 3.0, 1.0])
    mirrored = np.diag([-1.0, 2.0, 3.0, 1.0])
    assert surface_mm2(mask, turned) == pytest.approx(surface_mm2(mask[::-1], mirrored))
    assert surface_mm2(mask, turned) == pytest.approx(
        surface_mm2(mask.transpose(2, 0, 1), np.diag([3.0, 1.0, 2.0, 1.0]))
    )
    assert surface_mm2(mask & False, turned) == 0


@given(
    arrays(np.float64, (4, 3, 2), elements=st.floats(-1e6, 1e6) | st.just(float("nan"))),
    arrays(np.bool_, (4, 3, 2)),
    st.booleans(),
)
@settings(deadline=None)
def test_measures_of_anything_keep_their_order(data, mask, nora) -> None:
    rules = RoiRules(percentiles=(0, 10, 90, 100), nora=nora)
    (found,) = measure_roi(Volume(data, AFFINE), Volume(mask, AFFINE), rules)
    assert found["n_used"] == int((mask & ~np.isnan(data)).sum())
    if found["n_used"]:
        p = found["percentiles"]
        ordered = [found["minimum"], p["10"], found["iqr1"], found["median"], found["iqr2"]]
        ordered += [p["90"], found["maximum"]]
        assert all(a <= b + 1e-9 * abs(b) for a, b in itertools.pairwise(ordered))
    else:
        assert found["mean"] is None


@pytest.mark.parametrize("wrong", [{"percentiles": (101,)}, {"bins": -1}])
def test_rules_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(Invalid):
        RoiRules(**wrong)


@pytest.mark.parametrize("case", json.loads(VECTORS.read_text("utf-8")), ids=lambda c: c["name"])
def test_ROI_39_to_44_measures_give_what_the_vectors_say(case: dict) -> None:
    image = np.array(case["image"], float).reshape(case["shape"], order="F")
    roi = case["roi"]
    flat = np.zeros(int(np.prod(roi["shape"])), bool)
    for start, length in zip(roi["mask"][::2], roi["mask"][1::2], strict=True):
        flat[start : start + length] = True
    mask = flat.reshape(roi["shape"], order="F")
    rules = RoiRules(
        exclude_zeros=case["zeros"], nora=case["nora"], percentiles=tuple(case["percents"])
    )
    (found,) = measure_roi(
        Volume(image, np.array(case["affine"])), Volume(mask, np.array(roi["affine"])), rules
    )
    for name, value in case["expected"].items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name  # type: ignore[literal-required]
