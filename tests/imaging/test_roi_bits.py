"""Masks as rows of bits: what crosses words, what lies beyond the end of a row, what is no mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from appliance.imaging import (
    fill_mask_holes,
    grow_region,
    label_parts,
    largest_parts,
    morph,
    without_salt,
)
from appliance.imaging.roi_bits import first_bit, last_word, number_of, pack, unpack

WINDOW = (-37.5, 61.25)
KINDS = ["bool", "u1", "i2", ">i2", "i8", "f2", "f4", ">f4", "f8"]


def noise(shape: tuple[int, ...], seed: int = 3, sigma: float = 1.0) -> Any:
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)


@pytest.mark.parametrize("room", [0, 3, 70])
@pytest.mark.parametrize("width", [1, 7, 8, 63, 64, 65, 72, 128, 131])
def test_masks_are_packed_and_come_back(width: int, room: int) -> None:
    data = (noise((3, 2, width), width) > 0).astype(np.uint8)
    words = pack(data, room)
    assert sum(number_of(word) for word in words.ravel()) == data.sum()
    assert np.array_equal(unpack(words, data.shape, room), data)


def test_bits_are_found_and_counted() -> None:
    for place in range(64):
        word = np.uint64(1 << place)
        assert (first_bit(word), number_of(word)) == (place, 1)
        assert first_bit(word | np.uint64(1 << 63)) == place
    assert [int(last_word(n)) for n in (1, 3, 64, 65)] == [1, 7, 2**64 - 1, 1]


@pytest.mark.parametrize("steps", [1, 3, 70])
@pytest.mark.parametrize("shape", [(5, 4, 131), (4, 67, 64), (66, 2, 5)])
def test_ROI_35_morphology_crosses_words_and_stops_at_the_border(
    shape: tuple[int, ...], steps: int
) -> None:
    mask = noise(shape) > 0.1
    once = {"iterations": steps}
    assert np.array_equal(morph(mask, "dilate", steps), ndimage.binary_dilation(mask, **once))
    eroded = ndimage.binary_erosion(mask, border_value=1, **once)
    assert np.array_equal(morph(mask, "erode", steps), eroded)
    opened = ndimage.binary_dilation(eroded, **once)
    assert np.array_equal(morph(mask, "open", steps), opened)
    wide = ndimage.binary_dilation(np.pad(mask, steps), **once)
    closed = ndimage.binary_erosion(wide, border_value=1, **once)[(slice(steps, -steps),) * 3]
    assert np.array_equal(morph(mask, "close", steps), closed)


def test_ROI_37_parts_are_those_of_scipy_across_words() -> None:
    mask = noise((9, 11, 200)) > 0.2
    theirs, n = ndimage.label(mask)
    labels, sizes = label_parts(mask)
    assert len(sizes) == n
    assert labels.dtype == np.int32
    assert len(np.unique(np.stack([labels[mask], theirs[mask]]), axis=1).T) == n
    counts = np.bincount(theirs.ravel())
    assert sorted(counts[1:].tolist(), reverse=True) == sizes.tolist()
    assert np.array_equal(without_salt(mask, 20), mask & (counts > 20)[theirs])
    assert np.array_equal(largest_parts(mask, 1), labels == 1)
    assert np.array_equal(fill_mask_holes(mask), ndimage.binary_fill_holes(mask))


@pytest.mark.parametrize("kind", KINDS)
def test_ROI_26_growing_compares_values_of_every_kind_as_its_rule_says(kind: str) -> None:
    raw = 60 * noise((5, 6, 90), 5) / 0.3
    values = (raw > 0) if kind == "bool" else np.clip(raw, 0 if "u" in kind else -99, 99)
    values = values.astype(kind)
    place = np.clip((values.astype(np.float64) - WINDOW[0]) / (WINDOW[1] - WINDOW[0]), 0, 1)
    for seed in ((0, 0, 0), (2, 3, 64), (4, 5, 89)):
        for tolerance in (0.0, 0.1, 0.37, 1.0):
            near = np.abs(place - place[seed]) * 4096 <= np.floor(tolerance * 4096)
            labels, _ = ndimage.label(near)
            grown = grow_region(values, seed, WINDOW, tolerance)
            assert np.array_equal(grown, labels == labels[seed]), (seed, tolerance)


def test_growing_follows_a_winding_way_in_both_directions() -> None:
    values = np.ones((3, 41, 150), np.int16)
    values[:, 1::2] = 0
    values[:, 1::4, 149] = 1
    values[:, 3::4, 0] = 1
    values[1] = 0
    assert grow_region(values, (0, 40, 75), (0.0, 1.0), 0.5).sum() == values[0].sum()
    values[1, 20, 77] = 1
    assert grow_region(values, (0, 0, 149), (0.0, 1.0), 0.5).sum() == values.sum()


def test_growing_reaches_what_is_without_end_like_all_beyond_the_window() -> None:
    values = np.array([[[np.inf, 2.0, 0.9, np.nan, 1.0]]])
    assert grow_region(values, (0, 0, 1), (0.0, 1.0), 0.2).tolist() == [[[1, 1, 1, 0, 0]]]
    assert grow_region(values, (0, 0, 0), (0.0, 1.0), 0.0).tolist() == [[[1, 1, 0, 0, 0]]]
    assert grow_region(-values, (0, 0, 0), (-1.0, 0.0), 0.0).tolist() == [[[1, 1, 0, 0, 0]]]


@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (3, 4, 0)])
def test_masks_of_no_voxels_stay_so(shape: tuple[int, ...]) -> None:
    mask = np.zeros(shape, bool)
    for found in (morph(mask, "close"), without_salt(mask), fill_mask_holes(mask)):
        assert found.shape == shape
    assert label_parts(mask)[1].tolist() == []
