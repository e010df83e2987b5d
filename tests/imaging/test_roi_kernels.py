"""The ROI kernels give what the vectors say, which the browser's kernels are held to as well."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.core import Invalid
from appliance.geometry import Grid, Volume
from appliance.imaging import (
    Outline,
    Pen,
    brush,
    crop_to_mask,
    fill_between,
    fill_mask_holes,
    fill_outline,
    grow_region,
    label_parts,
    largest_parts,
    mirror_mask,
    morph,
    smooth_mask,
    without_salt,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "roi"
FILES = sorted(path.stem for path in VECTORS.glob("*.json"))
Case = dict[str, Any]


def decoded(runs: list[int], shape: list[int]) -> np.ndarray:
    flat = np.zeros(int(np.prod(shape)), bool)
    for start, length in zip(runs[::2], runs[1::2], strict=True):
        flat[start : start + length] = True
    return flat.reshape(shape, order="F")


def grid_of(case: Case) -> Grid:
    return Grid(tuple(case["shape"]), np.array(case["params"]["affine"]))


def pen_of(facts: dict[str, Any]) -> Pen:
    return Pen(
        facts["shape"],
        tuple(facts["centre"]),
        tuple(facts["normal"]),
        facts["radiusMm"],
        facts["halfMm"],
        facts["direction"],
        tuple(facts["from"]) if "from" in facts else None,
    )


def outline_of(facts: dict[str, Any]) -> Outline:
    axes = (tuple(facts[name]) for name in ("origin", "right", "up", "normal"))
    return Outline(*axes, np.array(facts["points"]), facts["halfMm"])


def grown(mask: np.ndarray, case: Case) -> np.ndarray:
    values = np.array(case["values"]).reshape(case["shape"], order="F")
    params = case["params"]
    return grow_region(values, tuple(params["seed"]), tuple(params["window"]), params["tolerance"])


def mirrored(mask: np.ndarray, case: Case) -> np.ndarray:
    params = case["params"]
    return mirror_mask(mask, grid_of(case), tuple(params["point"]), tuple(params["normal"]))


RUN: dict[str, Callable[[np.ndarray, Case], Any]] = {
    **{
        op: (lambda mask, case: morph(mask, case["op"], case["params"]["steps"]))
        for op in ("erode", "dilate", "open", "close")
    },
    "sizes": lambda mask, case: label_parts(mask)[1].tolist(),
    "part": lambda mask, case: label_parts(mask)[0] == case["params"]["part"],
    "salt": lambda mask, case: without_salt(mask, case["params"]["threshold"]),
    "largest": lambda mask, case: largest_parts(mask, case["params"]["count"]),
    "fill": lambda mask, case: fill_mask_holes(mask),
    "grow": grown,
    "brush": lambda mask, case: brush(grid_of(case), pen_of(case["params"]["pen"])),
    "outline": lambda mask, case: fill_outline(
        grid_of(case), outline_of(case["params"]["outline"])
    ),
    "smooth": lambda mask, case: smooth_mask(mask, tuple(case["params"]["radius"])),
    "mirror": mirrored,
    "between": lambda mask, case: fill_between(
        mask, case["params"]["axis"], tuple(case["params"]["voxelMm"])
    ),
}


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("name", FILES)
def test_ROI_kernels_give_what_the_vectors_say(name: str, layout: str) -> None:
    for case in json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8")):
        mask = np.array(decoded(case["mask"], case["shape"]), order=layout)  # type: ignore[call-overload]
        told = case["expected"]
        found = RUN[case["op"]](mask, case)
        if case["op"] == "sizes":
            assert found == told, case["name"]
        else:
            wanted = decoded(told, case["shape"])
            assert np.array_equal(found, wanted), (case["op"], case["name"], found.sum())
            assert found.dtype == bool


def test_bug_1_closing_is_not_opening() -> None:
    cube = np.zeros((11, 11, 11), bool)
    cube[1:10, 1:10, 1:10] = True
    cube[5, 5, 5] = False
    assert morph(cube, "close").sum() == 729
    assert morph(cube, "open").sum() < 729


def test_bug_2_dilation_does_not_wrap_round_the_row() -> None:
    mask = np.zeros((4, 4, 4), bool)
    mask[3, 1, 1] = True
    grown_mask = morph(mask, "dilate")
    assert grown_mask.sum() == 6
    assert not grown_mask[0].any()


def test_bug_16_holes_are_filled_though_the_first_voxel_is_on() -> None:
    mask = np.ones((5, 5, 5), bool)
    mask[2, 2, 2] = False
    assert fill_mask_holes(mask).all()


def test_a_mask_is_cut_to_what_it_holds_and_stays_in_place() -> None:
    data = np.zeros((20, 20, 20), np.uint8)
    data[8:12, 9:11, 1:3] = 1
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    cut = crop_to_mask(Volume(data, affine), margin=2)
    assert cut.data.shape == (8, 6, 5)
    assert cut.data.sum() == data.sum()
    assert np.allclose(cut.affine @ [2, 2, 1, 1], affine @ [8, 9, 1, 1])
    with pytest.raises(Invalid):
        crop_to_mask(Volume(np.zeros((3, 3, 3)), affine))


def test_growing_refuses_an_empty_window_and_a_seed_outside() -> None:
    values = np.zeros((4, 4, 4))
    with pytest.raises(Invalid):
        grow_region(values, (0, 0, 0), (1.0, 1.0), 0.1)
    with pytest.raises(Invalid):
        grow_region(values, (4, 0, 0), (0.0, 1.0), 0.1)


def test_growing_never_reaches_what_is_no_number() -> None:
    values = np.zeros((5, 5, 5), np.float32)
    values[2] = np.nan
    assert grow_region(values, (0, 0, 0), (0.0, 1.0), 1.0).sum() == 50
    assert not grow_region(values, (2, 0, 0), (0.0, 1.0), 1.0).any()


def test_unknown_operations_are_refused() -> None:
    with pytest.raises(Invalid):
        morph(np.zeros((2, 2, 2)), "swell")  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        morph(np.zeros((2, 2, 2)), "erode", -1)
    with pytest.raises(Invalid):
        smooth_mask(np.zeros((2, 2, 2)), (40, 40, 40))
