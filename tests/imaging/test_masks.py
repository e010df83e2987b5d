"""Masks: one 6-neighbour step at a time, and no wrapping round the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import Invalid
from appliance.geometry import Volume
from appliance.imaging import (
    close_mask,
    combine_masks,
    components,
    dilate,
    erode,
    fill_holes,
    keep_largest,
    open_mask,
    remove_salt,
)


def cube(low: int, high: int, size: int = 12) -> np.ndarray:
    mask = np.zeros((size, size, size), bool)
    mask[low:high, low:high, low:high] = True
    return mask


def test_ROI_35_one_step_uses_six_neighbours() -> None:
    point = cube(5, 6)
    assert dilate(point).sum() == 7
    assert erode(dilate(point)).sum() == 1
    assert np.array_equal(erode(cube(2, 9)), cube(3, 8))


def test_ROI_35_dilation_does_not_wrap_round_and_the_border_does_not_erode() -> None:
    corner = np.zeros((4, 4, 4), bool)
    corner[3, 0, 0] = True
    assert dilate(corner).sum() == 4
    assert not dilate(corner)[0].any()
    assert erode(np.ones((4, 4, 4), bool)).all()


def test_ROI_35_closing_is_not_opening() -> None:
    holed = cube(2, 9)
    holed[5, 5, 5] = False
    assert close_mask(holed)[5, 5, 5]
    assert not open_mask(holed)[5, 5, 5]
    hair = cube(2, 9)
    hair[5, 5, 9:12] = True
    assert not open_mask(hair)[5, 5, 10]
    assert close_mask(hair)[5, 5, 10]


@given(st.integers(0, 2**27 - 1))
def test_opening_shrinks_and_closing_grows(bits: int) -> None:
    flat = np.array([bits >> i & 1 for i in range(27)], bool).reshape(3, 3, 3)
    mask = np.pad(flat, 2)
    assert not (open_mask(mask) & ~mask).any()
    assert not (mask & ~close_mask(mask)).any()


def test_components_are_numbered_by_size() -> None:
    mask = cube(1, 3) | cube(5, 9)
    mask[11, 11, 11] = True
    labels, sizes = components(mask)
    assert sizes.tolist() == [64, 8, 1]
    assert (labels[6, 6, 6], labels[1, 1, 1], labels[11, 11, 11], labels[0, 0, 0]) == (1, 2, 3, 0)
    assert np.array_equal(keep_largest(mask), cube(5, 9))
    assert keep_largest(mask, 2).sum() == 72
    assert components(np.zeros((3, 3, 3)))[1].tolist() == []


def test_components_do_not_join_over_edges() -> None:
    mask = np.zeros((4, 4, 4), bool)
    mask[1, 1, 1] = mask[2, 2, 1] = True
    assert len(components(mask)[1]) == 2


def test_ROI_37_remove_salt_drops_components_up_to_threshold() -> None:
    mask = cube(1, 3) | cube(5, 9)
    assert np.array_equal(remove_salt(mask, 8), cube(5, 9))
    assert np.array_equal(remove_salt(mask, 7), mask)
    assert not remove_salt(mask, 64).any()
    assert not remove_salt(mask).any(), "the default is 100 voxels"


def test_holes_are_filled_also_when_a_corner_is_on() -> None:
    mask = cube(0, 6)
    mask[3, 3, 3] = False
    assert fill_holes(mask)[3, 3, 3]
    assert not fill_holes(mask)[8, 8, 8]


def test_ROI_36_sets_on_the_same_grid() -> None:
    one, other = (Volume(cube(*limits).astype(np.uint8), np.eye(4)) for limits in ((2, 6), (4, 8)))
    assert combine_masks(one, [other], "intersection").data.sum() == 8
    assert combine_masks(one, [other], "union").data.sum() == 120
    assert combine_masks(one, [other], "difference").data.sum() == 56
    assert combine_masks(one, [other], "union").data.dtype == np.uint8
    with pytest.raises(Invalid):
        combine_masks(one, [other], "xor")  # type: ignore[arg-type]


def test_ROI_36_a_partner_on_another_grid_is_resampled() -> None:
    one = Volume(cube(2, 10).astype(np.uint8), np.eye(4))
    half = np.diag([0.5, 0.5, 0.5, 1])
    half[:3, 3] = -0.25
    fine = Volume(np.kron(cube(4, 8), np.ones((2, 2, 2))).astype(np.uint8), half)
    assert np.array_equal(combine_masks(one, [fine], "intersection").data > 0, cube(4, 8))
