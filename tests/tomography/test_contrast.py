"""Black and white of a volume are what mrc_visual_min_max finds, by an evaluation of our own."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from appliance.core import FormatError
from appliance.tomography.contrast import (
    shader_json,
    visual_json,
    visual_min_max,
    volume_histogram,
    weighted_quantile,
)


def reference(values, n_mad=5.0):
    """Evaluate the formula in plain Python; give (low, high, floor, limit), unclamped."""
    values = np.asarray(values).ravel()
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        found, counts = np.unique(values, return_counts=True)
        bins = list(zip(found.tolist(), counts.tolist(), strict=True))
    else:
        low, high = float(values.min()), float(values.max())
        step = (high - low) / 1024
        edges = np.arange(low, high + step, step)
        counts, _ = np.histogram(values.astype(np.float64), edges)
        middles = (edges[1:] + edges[:-1]) / 2
        bins = [(m, n) for m, n in zip(middles.tolist(), counts.tolist(), strict=True) if n]
    median = quantile(bins, 0.5)
    mad = quantile([(abs(value - median), n) for value, n in bins], 0.5)
    return (
        median - n_mad * mad,
        median + n_mad * mad,
        min(value for value, _ in bins),
        max(value for value, _ in bins),
    )


def quantile(bins, q):
    """Interpolate between the middles of the weights of sorted values."""
    bins = sorted(bins)
    total, before, points = sum(n for _, n in bins), 0, []
    for value, n in bins:
        points.append(((before + 0.5 * n) / total, value))
        before += n
    if q <= points[0][0]:
        return points[0][1]
    for (at, value), (after, following) in pairwise(points):
        if q <= after:
            return value + (following - value) * (q - at) / (after - at)
    return points[-1][1]


def noise(dtype, shape=(11, 17, 23), seed=3):
    """Skewed values with outliers."""
    rng = np.random.default_rng(seed)
    made = rng.gamma(3.0, 12.0, shape) - 20
    made[0, 0, :3] = [-90, 120, 126]
    return made.clip(0 if np.dtype(dtype).kind == "u" else -128, None).astype(dtype)


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">i2", "<u2", "<f4", ">f4", "<i4"])
def test_NG_06_min_max_is_the_formula_of_mrc_visual_min_max(dtype):
    values = noise(dtype) * (50 if dtype == "<i4" else 1)
    found = visual_min_max(volume_histogram(values))
    expected = reference(values)
    assert (found.low, found.high, found.floor, found.limit) == pytest.approx(expected, abs=1e-9)


def test_NG_06_the_file_holds_four_integers_as_texts_without_clamping():
    values = np.repeat(np.array([-3, 0, 0, 0, 1, 2, 9], np.int16), 4).reshape(7, 2, 2)
    low, high, floor, limit = reference(values)
    assert visual_json(visual_min_max(volume_histogram(values))) == {
        "neuroglancerPrecomputedMin": str(math.floor(low)),
        "neuroglancerPrecomputedMax": str(math.ceil(high)),
        "neuroglancerPrecomputedFloor": str(floor),
        "neuroglancerPrecomputedLimit": str(limit),
    }


def test_NG_06_the_newer_form_is_clamped_to_what_occurs():
    values = np.arange(1000, dtype=np.uint16).reshape(10, 10, 10)
    histogram = volume_histogram(values)
    assert visual_min_max(histogram).low < 0
    told = shader_json(visual_min_max(histogram, clamped=True))
    assert told["shader"] == "Grayscale"
    assert told["dimensions"] == "XYZ"
    assert told["shaderParameters"] == {"range": [0.0, 999.0], "window": [0.0, 999.0]}


def test_NG_04_the_numbers_follow_the_values_as_the_pyramid_stores_them():
    values = noise("<i2")
    stored = (values.astype(np.int32) + 32768).astype(np.uint16)
    shifted = visual_min_max(volume_histogram(values).shifted(32768))
    assert visual_json(shifted) == visual_json(visual_min_max(volume_histogram(stored)))


@pytest.mark.parametrize("dtype", ["<i2", "<f4"])
def test_a_volume_is_counted_piece_by_piece(monkeypatch, dtype):
    whole = volume_histogram(noise(dtype))
    monkeypatch.setattr("appliance.tomography.slabs._BLOCK_BYTES", 200)
    pieces = volume_histogram(noise(dtype))
    assert (pieces.counts == whole.counts).all()
    assert pieces.counts.sum() == 11 * 17 * 23


def test_wide_integers_of_a_small_range_have_a_bin_for_each_value():
    narrow = visual_min_max(volume_histogram(noise("<i4")))
    assert narrow == visual_min_max(volume_histogram(noise("<i4").astype(np.int16)))


def test_values_that_are_no_numbers_are_left_out_and_counted():
    values = noise("<f4")
    values[3, 3, :2] = [np.nan, np.inf]
    histogram = volume_histogram(values)
    assert histogram.n_left_out == 2
    kept = values[np.isfinite(values)]
    assert visual_min_max(histogram).high == pytest.approx(reference(kept)[1])
    with pytest.raises(FormatError, match="no number"):
        volume_histogram(np.full((2, 2, 2), np.nan, np.float32))
    with pytest.raises(FormatError, match="empty"):
        volume_histogram(np.zeros((0, 4, 4), np.int16))


@pytest.mark.parametrize("value", [0.0, 1e6, -7.5])
def test_a_constant_volume_has_a_contrast_too(value):
    found = visual_min_max(volume_histogram(np.full((4, 4, 4), value, np.float32)))
    assert found.low == pytest.approx(value, rel=1e-3, abs=1e-3)
    assert found.high == pytest.approx(value, rel=1e-3, abs=1e-3)


def test_quantiles_are_interpolated_and_ignore_what_has_no_weight():
    values = np.array([30.0, 10.0, 20.0, 99.0])
    weights = np.array([1, 1, 2, 0])
    assert weighted_quantile(values, weights, 0.5) == 20.0
    assert weighted_quantile(values, weights, 0.25) == pytest.approx(10 + 10 * (0.125 / 0.375))
    assert weighted_quantile(values, weights, 1.0) == 30.0
