"""Previews, windows, resampling, smoothing and the brain mask."""

from __future__ import annotations

from pathlib import Path

import nilearn
import numpy as np
import pytest
from scipy import ndimage

from appliance.core import Invalid
from appliance.formats import read_volume
from appliance.geometry import ALL_ORIENTATIONS, Grid, Transform, Volume
from appliance.imaging import auto_window, brain_mask, resample, slice_preview, smooth

DATA = Path(nilearn.__file__).parent / "datasets" / "data"
MNI_T1 = DATA / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


def marked(codes: str = "RAS") -> Volume:
    """Bright right front top octant, in a 20 x 30 x 40 mm box."""
    data = np.full((20, 30, 40), 10.0)
    data[10:, 15:, 20:] = 100
    return Volume(data, np.eye(4)).reoriented(codes)


def quadrants(picture: np.ndarray) -> list[bool]:
    """Which of top left, top right, bottom left, bottom right is bright."""
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    inner = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    half, middle = inner.shape[0] // 2, inner.shape[1] // 2
    parts = (inner[:half, :middle], inner[:half, middle:], inner[half:, :middle])
    return [bool(part.mean() > 128) for part in (*parts, inner[half:, middle:])]


@pytest.mark.parametrize("codes", ALL_ORIENTATIONS)
def test_previews_are_radiological_for_every_axis_order(codes: str) -> None:
    window = (0.0, 100.0)
    for plane in ("axial", "coronal", "sagittal"):
        picture = slice_preview(marked(codes), plane=plane, position=0.9, size=64, window=window)
        assert picture.shape == (64, 64)
        assert picture.dtype == np.uint8
        assert quadrants(picture) == [True, False, False, False], plane


def test_previews_keep_proportions() -> None:
    flat = Volume(np.full((10, 10, 10), 5.0), np.diag([1, 2, 3, 1]))
    picture = slice_preview(flat, size=100, window=(0, 1))
    assert picture.any(axis=0).sum() == 50
    assert picture.any(axis=1).sum() == 100
    upright = slice_preview(flat, plane="sagittal", size=90, window=(0, 1))
    assert (upright.any(axis=0).sum(), upright.any(axis=1).sum()) == (60, 90)


def test_previews_of_odd_images_do_not_fail() -> None:
    for data in (
        np.zeros((1, 1, 1)),
        np.full((3, 3, 3), np.nan),
        np.ones((300, 2, 2, 2), bool),
        np.full((2, 2, 2), -7),
    ):
        assert slice_preview(Volume(data, np.eye(4)), size=16).shape == (16, 16)


def test_VIEW_31_automatic_window() -> None:
    low, high = auto_window(np.arange(1, 10_001, dtype=float))
    start, end = 0.03 * 1e4 + 0.02 * 9400, 0.97 * 1e4 + 0.10 * 9400
    assert low == pytest.approx(start + 0.05 * (end - start), rel=0.01)
    assert high == pytest.approx(end - 0.10 * (end - start), rel=0.01)


def test_automatic_window_leaves_out_zeros_and_knows_ct() -> None:
    head = np.concatenate([np.zeros(10_000), np.arange(100, 200)])
    assert 95 < auto_window(head)[0] < 115
    assert auto_window(np.array([-1000.0, -1000, 40, 50, 900])) == (-24, 176)
    for data in (np.zeros(5), np.array([]), np.full(4, 3), np.full(4, -3), np.array([np.inf])):
        low, high = auto_window(data)
        assert low < high


@pytest.mark.parametrize("order", [0, 1])
def test_resampling_to_its_own_grid_changes_nothing(order: int) -> None:
    data = np.random.default_rng(0).integers(0, 9, (5, 6, 7, 2)).astype(np.int16)
    affine = Transform.rotation(0, 33).matrix @ np.diag([1.1, 0.7, 2, 1])
    volume = Volume(data, affine)
    again = resample(volume, volume.grid, order=order)
    assert np.allclose(again.data, data, atol=1e-4)
    assert again.data.dtype == (np.int16 if order == 0 else np.float32)


def test_resampling_follows_a_plane_in_the_world() -> None:
    source = Grid((12, 12, 12), Transform.rotation(1, 20).matrix @ np.diag([1, 1.5, 2, 1]))
    ijk = np.stack(np.meshgrid(*map(np.arange, source.shape), indexing="ij"), axis=-1)
    values = source.to_world(ijk) @ (1, 2, 3) + 50
    target = Grid((4, 4, 4), Transform.translation(source.center_mm - 1.5).matrix)
    pulled = resample(Volume(values, source.affine), target)
    places = np.stack(np.meshgrid(*map(np.arange, target.shape), indexing="ij"), axis=-1)
    assert np.allclose(pulled.data, target.to_world(places) @ (1, 2, 3) + 50, atol=1e-3)
    far = resample(
        Volume(values, source.affine), Grid((2, 2, 2), Transform.translation((500,) * 3).matrix)
    )
    assert not far.data.any()
    with pytest.raises(Invalid):
        resample(pulled, target, order=3)


def test_labels_stay_labels() -> None:
    labels = Volume(np.array([0, 4, 9, 0], np.uint8).reshape(4, 1, 1), np.eye(4))
    fine = resample(labels, Grid((8, 1, 1), np.diag([0.5, 1, 1, 1])), order=0)
    assert set(np.unique(fine.data)) == {0, 4, 9}
    assert resample(Volume(labels.data > 0, np.eye(4)), labels.grid, order=0).data.dtype == bool


def test_smoothing_has_the_wanted_width_in_millimetres() -> None:
    data = np.zeros((41, 41, 21))
    data[20, 20, 10] = 1000
    smoothed = smooth(Volume(data, np.diag([1, 1, 2, 1])), 8.0).data
    peak = smoothed[20, 20, 10]
    assert smoothed[24, 20, 10] == pytest.approx(peak / 2, rel=0.02)
    assert smoothed[20, 20, 12] == pytest.approx(peak / 2, rel=0.02)
    assert smoothed.sum() == pytest.approx(1000, rel=0.01)


def test_smoothing_goes_neither_over_time_nor_backwards() -> None:
    data = np.zeros((5, 5, 5, 3))
    data[..., 1] = 7
    volume = Volume(data, np.eye(4))
    assert np.allclose(smooth(volume, 3).data, data)
    assert np.allclose(smooth(volume, 0).data, data)
    for width in (-1.0, np.nan):
        with pytest.raises(Invalid):
            smooth(volume, width)


def head_with_scalp(step: int = 2) -> tuple[Volume, np.ndarray]:
    """Real brain with made-up fluid, skull and scalp, a bridge between them, noise and shading."""
    template = read_volume(MNI_T1)
    t1 = np.pad(template.data[::step, ::step, ::step], 12).astype(np.float32)
    affine = template.affine @ np.diag([step, step, step, 1])
    affine[:3, 3] -= 12 * step
    brain = ndimage.binary_fill_holes(t1 > 0)
    away = ndimage.distance_transform_edt(~brain) * step
    for first, last, value in ((0, 2.5, 60), (2.5, 8, 20), (8, 14, 230)):
        t1[(away > first) & (away <= last)] = value
    middle = t1.shape[0] // 2
    t1[middle - 14 : middle - 10, -32:, 46:50] = 200
    t1 += np.random.default_rng(0).normal(0, 12, t1.shape)
    t1 *= np.linspace(0.8, 1.25, t1.shape[1])[None, :, None]
    return Volume(t1, affine), brain


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR"])
def test_brain_mask_leaves_out_skull_and_scalp(codes: str) -> None:
    head, brain = head_with_scalp()
    mask = brain_mask(head.reoriented(codes))
    assert mask.grid.codes == codes
    assert mask.data.dtype == np.uint8
    assert dice(mask.reoriented("RAS").data > 0, brain) > 0.96


def test_brain_mask_of_a_stripped_brain_is_its_outline() -> None:
    template = read_volume(MNI_T1)
    mask = brain_mask(template)
    assert mask.grid.matches(template.grid)
    assert dice(mask.data > 0, ndimage.binary_fill_holes(template.data > 0)) > 0.97
    assert set(np.unique(mask.data)) == {0, 1}


def test_no_brain_is_said() -> None:
    ball = np.linalg.norm(np.indices((60, 60, 60)) - 30, axis=0) < 12
    for data in (np.zeros((40, 40, 40)), ball * 100.0, np.full((40, 40, 40), np.nan)):
        with pytest.raises(Invalid, match="no brain"):
            brain_mask(Volume(data, np.eye(4)))
