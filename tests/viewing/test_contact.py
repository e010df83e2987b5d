"""The contact sheet: one slice of an image of any orientation, read without the rest of it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from appliance.catalog import FileRow
from appliance.core import DataFolder, NotFound
from appliance.formats import read_slab, read_volume, write_nifti
from appliance.geometry import Volume
from appliance.viewing import ContactSheet
from tests.viewing.test_display import row_of

PLANES = ("axial", "coronal", "sagittal")


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


def ramp(codes: str = "RAS") -> Volume:
    """Values that grow along every axis, so that no two slices look alike."""
    i, j, k = np.indices((12, 14, 10))
    upright = Volume((i * 5 + j * 11 + k * 17 + 1).astype(np.int16), np.diag([2.0, 2, 2, 1]))
    turned = upright.reoriented(codes)
    return Volume(np.ascontiguousarray(turned.data), turned.affine)


def drawn(folder: DataFolder, path: Path, row: FileRow, **wanted: object) -> np.ndarray:
    png = ContactSheet(folder).slice_png(row, path, size=40, **wanted)  # type: ignore[arg-type]
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize("codes", ["LPS", "SRA", "PIL"])
def test_VIEW_x11_the_same_place_is_shown_whatever_way_the_array_is_turned(
    folder: DataFolder, tmp_path: Path, codes: str
) -> None:
    for name, turn in (("a.nii", "RAS"), ("b.nii", codes)):
        write_nifti(tmp_path / name, ramp(turn))
    one, other = tmp_path / "a.nii", tmp_path / "b.nii"
    for plane in PLANES:
        for position in (0.0, 0.3, 1.0):
            first = drawn(folder, one, row_of(one), plane=plane, position=position)
            second = drawn(folder, other, row_of(other), plane=plane, position=position)
            assert first.shape == (40, 40)
            assert np.array_equal(first, second), (plane, position)


def test_slices_at_different_places_differ(folder: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    write_nifti(path, ramp())
    low = drawn(folder, path, row_of(path), plane="axial", position=0.1)
    high = drawn(folder, path, row_of(path), plane="axial", position=0.9)
    assert high[20, 20] > low[20, 20]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slab_holds_the_scaled_values_at_their_place(tmp_path: Path, axis: int) -> None:
    path = tmp_path / "a.nii"
    write_nifti(path, Volume(np.float32(0.5) * ramp().data, ramp().affine))
    whole, slab = read_volume(path), read_slab(path, axis, 3)
    assert np.array_equal(slab.data, np.take(whole.data, [3], axis=axis))
    corner = np.zeros(3)
    corner[axis] = 3
    assert np.allclose(slab.grid.to_world(np.zeros(3)), whole.grid.to_world(corner))


def test_a_file_that_is_no_image_has_no_slices(folder: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x")
    with pytest.raises(NotFound):
        drawn(folder, path, row_of(path, kind="text"), plane="axial", position=0.5)
