"""Rows of tilts along lines are what a filter of the aligned image would give (BRT-06)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.tomography import TiltAlignment, TiltSeries, preparing
from appliance.tomography.filters import fall_off
from appliance.tomography.lines import lines_of
from appliance.tomography.preparing import recipe_of, tilt_rows
from appliance.tomography.resampling import binned_tilt
from appliance.tomography.rules import ReconstructRules

NY, NX = 160, 192
ANGLES = np.array([-60.0, -20.0, 0.0, 35.0, 60.0])
SHIFTS = np.array([[3.2, -1.4], [0.3, 0.6], [-2.7, 2.2], [0.0, 0.0], [1.5, 1.5]])


def turned(deg: float, scale: float = 1.0) -> TiltAlignment:
    a = np.deg2rad(deg)
    matrix = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    used = np.ones(len(ANGLES), bool)
    return TiltAlignment(np.repeat(matrix[None], len(ANGLES), 0), SHIFTS, ANGLES, used)


def waves(seed: int) -> tuple[np.ndarray, np.ndarray, TiltSeries]:
    """Frequencies (n, 2), phases, and a series of images that are sums of such waves."""
    random = np.random.default_rng(seed)
    frequencies, phases = random.uniform(-0.1, 0.1, (20, 2)), random.uniform(0, 6.28, 20)
    y, x = np.mgrid[:NY, :NX] - np.array([NY - 1, NX - 1])[:, None, None] / 2
    pairs = zip(frequencies, phases, strict=True)
    image = sum(np.cos(2 * np.pi * (f[0] * x + f[1] * y) + p) for f, p in pairs)
    images = np.repeat(np.asarray(image, np.float32)[None], len(ANGLES), 0)
    return frequencies, phases, TiltSeries(Path("waves"), images, ANGLES, 1.0)


@pytest.mark.parametrize("deg", [0, 4.3, -12, 30, 94, -85, 184])
def test_rows_are_filtered_as_frequencies_tell(deg: float) -> None:
    frequencies, phases, series = waves(0)
    alignment, rules = turned(deg, 1.01), ReconstructRules(thickness_px=40, binning=1)
    recipe = recipe_of(series, alignment, rules)
    for k in (0, 2, 4):
        rows, plan = tilt_rows(series, alignment, recipe, k), recipe.plan
        x = (plan.first(k) + np.arange(plan.width(k))) * plan.cosines[k] - SHIFTS[k, 0]
        y = np.arange(NY) - (NY - 1) / 2 - SHIFTS[k, 1]
        expected = np.zeros(rows.shape)
        inverse = np.linalg.inv(alignment.matrices[k])
        for f, p in zip(frequencies, phases, strict=True):
            fx, fy = f @ inverse
            window = fall_off(np.array([abs(fx)]), rules.window, rules.cutoff, rules.falloff)
            response = abs(fx) * recipe.weights[k] * window[0]
            expected += response * np.cos(2 * np.pi * (fx * x + fy * y[:, None]) + p)
        inner = (slice(60, 100), abs(x) < 25)
        off = (rows - expected)[inner]
        assert (off - off.mean()).std() < 0.02 * expected[inner].std()


@pytest.mark.parametrize("method", ["wbp", "sirt"])
@pytest.mark.parametrize("deg", [0, 5, 95, 185, -95])
def test_ends_of_tilts_fade_as_where_rows_are_oblique(
    deg: float, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, series = waves(1)
    alignment = turned(deg)
    rules = ReconstructRules(thickness_px=40, binning=1, method=method)
    recipe = recipe_of(series, alignment, rules)
    rows = [tilt_rows(series, alignment, recipe, k) for k in range(len(ANGLES))]
    monkeypatch.setattr(preparing, "lines_of", lambda *_: None)
    for k, mine in enumerate(rows):
        other = tilt_rows(series, alignment, recipe, k)
        assert np.abs(mine - other).mean() < 0.03 * np.abs(other).mean()


def test_lines_are_left_where_rows_are_oblique() -> None:
    tilt = binned_tilt(np.ones((NY, NX), np.float32), 1)
    straight = [lines_of(tilt, turned(deg).matrices[0], SHIFTS[0]) for deg in (10, 100, 350)]
    assert all(one is not None for one in straight)
    assert lines_of(tilt, turned(45).matrices[0], SHIFTS[0]) is None
    across = straight[1]
    assert across is not None
    assert across.tilt.image.shape == (NX, NY)
