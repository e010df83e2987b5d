"""ROI statistics, against values worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.geometry import Transform, Volume
from appliance.imaging import roi_statistics


def line(values: list[float]) -> Volume:
    return Volume(np.array(values, np.float64).reshape(-1, 1, 1), np.diag([2.0, 3, 4, 1]))


def test_ROI_40_to_44_by_hand() -> None:
    image = line([9, 1, 2, 3, 4, 9])
    roi = line([0, 1, 1, 7, 1, 0])
    nora = roi_statistics(image, roi, nora=True)
    assert nora["median"] == 3, "sorted[floor(4 * 0.5)], the upper median"
    assert (nora["iqr1"], nora["iqr2"]) == (2, 4)
    found = roi_statistics(image, roi)
    assert found["n_voxels"] == found["n_used"] == 4
    assert (found["median"], found["iqr1"], found["iqr2"]) == (2.5, 1.75, 3.25)
    assert found["mean"] == 2.5
    assert found["std"] == pytest.approx(np.sqrt(1.25)), "population"
    assert (found["minimum"], found["maximum"]) == (1, 4)
    assert found["volume"] == pytest.approx(4 * 24 / 1000)
    assert found["area"] == pytest.approx(4 * 6 / 100)
    json.dumps(found)


def test_nan_and_zero_are_left_out_of_values_but_not_of_the_volume() -> None:
    image = line([0, 0, np.nan, 5])
    roi = line([1, 1, 1, 1])
    assert roi_statistics(image, roi)["mean"] == pytest.approx(5 / 3)
    found = roi_statistics(image, roi, exclude_zeros=True)
    assert (found["n_used"], found["mean"]) == (1, 5)
    assert found["volume"] == pytest.approx(4 * 24 / 1000)
    nora = roi_statistics(image, roi, exclude_zeros=True, nora=True)
    assert (nora["volume"], nora["area"]) == pytest.approx((24 / 1000, 6 / 100))


def test_an_empty_roi_has_no_values() -> None:
    found = roi_statistics(line([1, 2]), line([0, 0]))
    assert (found["volume"], found["mean"], found["median"]) == (0, None, None)


def test_a_roi_on_a_finer_turned_grid_reads_the_nearest_image_voxel() -> None:
    rng = np.random.default_rng(1)
    image = Volume(rng.integers(0, 99, (6, 7, 8)), np.diag([2.0, 2, 2, 1]))
    turned = Transform.rotation(2, 30, center_mm=(6, 6, 7)).matrix @ np.diag([0.7, 0.7, 0.7, 1])
    roi = Volume((rng.random((9, 9, 9)) > 0.5).astype(np.uint8), turned)
    values = []
    for ijk in np.argwhere(roi.data > 0):
        value = image.value_at(roi.grid.to_world(ijk))
        values += [] if value is None else [value]
    found = roi_statistics(image, roi)
    assert 0 < found["n_used"] == len(values) < found["n_voxels"]
    assert found["mean"] == pytest.approx(np.mean(values))
    assert found["volume"] == pytest.approx(int(roi.data.sum()) * 0.343 / 1000)


def test_a_shorter_time_axis_is_held_at_its_end() -> None:
    image = Volume(np.stack([np.full((2, 2, 2), t) for t in range(3)], axis=-1), np.eye(4))
    roi = Volume(np.ones((2, 2, 2), np.uint8), np.eye(4))
    assert [roi_statistics(image, roi, frame=t)["mean"] for t in (0, 2, 9)] == [0, 2, 2]


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=30))
def test_quantiles_as_nora_counts_are_values_of_the_image(values: list[int]) -> None:
    found = roi_statistics(line([*map(float, values)]), line([1.0] * len(values)), nora=True)
    ordered = sorted(values)
    assert found["median"] == ordered[len(values) // 2]
    assert found["iqr1"] == ordered[len(values) // 4]
    assert found["iqr2"] == ordered[3 * len(values) // 4]
