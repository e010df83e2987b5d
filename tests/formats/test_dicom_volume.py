"""DICOM objects that are opened as they are: slices by place, time, rescaling, packed values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from appliance.core import FormatError
from appliance.formats import read_dicom_volume, read_volume, write_nifti
from tests.support.samples import tiny_series


def series(tmp_path: Path) -> list[Path]:
    return tiny_series(tmp_path / "series", shape=(12, 10, 6))


def test_slices_are_put_together_by_their_place(tmp_path: Path) -> None:
    paths = series(tmp_path)
    volume = read_dicom_volume([paths[3], *reversed(paths)])
    assert volume.data.ndim == 3
    assert len(paths) == volume.data.shape[2]
    for path in paths:
        ds = pydicom.dcmread(path)
        lps = np.array([float(x) for x in ds.ImagePositionPatient])
        i, j, k = np.rint(volume.grid.to_voxel(lps * [-1, -1, 1])).astype(int)
        assert (i, j) == (0, 0)
        assert np.array_equal(volume.data[:, :, k], ds.pixel_array.T)
        step = np.array([float(x) for x in ds.ImageOrientationPatient[:3]]) * ds.PixelSpacing[1]
        assert np.allclose(volume.grid.to_world([1, 0, k]), (lps + step) * [-1, -1, 1], atol=1e-3)


def test_repetitions_become_the_fourth_axis(tmp_path: Path) -> None:
    paths = series(tmp_path)
    n = len(paths)
    for number, path in enumerate(list(paths)):
        ds = pydicom.dcmread(path)
        ds.SOPInstanceUID = f"{ds.SOPInstanceUID}.9"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.InstanceNumber = n + number + 1
        ds.PixelData = (ds.pixel_array + 1).tobytes()
        ds.save_as(path.with_name(f"again{number}.dcm"))
        paths.append(path.with_name(f"again{number}.dcm"))
    volume = read_dicom_volume(paths)
    assert volume.data.shape[2:] == (n, 2)
    assert np.array_equal(volume.frame(1), volume.frame(0) + 1)


def test_values_are_rescaled_and_objects_of_other_series_left_out(tmp_path: Path) -> None:
    paths = series(tmp_path)
    other = pydicom.dcmread(paths[0])
    other.SeriesInstanceUID = "2.25.1"
    other.save_as(tmp_path / "other.dcm")
    for path in paths:
        ds = pydicom.dcmread(path)
        ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
        ds.save_as(path)
    volume = read_dicom_volume([*paths, tmp_path / "other.dcm"])
    assert volume.data.shape[2] == len(paths)
    assert volume.data.dtype == np.int16
    ds = pydicom.dcmread(paths[0])
    assert int(volume.data.min()) == min(
        int(pydicom.dcmread(path).pixel_array.min()) - 1024 for path in paths
    )
    ds.RescaleSlope = 0.5
    ds.save_as(paths[0])
    assert read_dicom_volume(paths).data.dtype == np.float32


def test_packed_objects_are_decoded_elsewhere(tmp_path: Path) -> None:
    paths = series(tmp_path)
    plain = read_dicom_volume(paths)
    for path in paths:
        ds = pydicom.dcmread(path)
        ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        ds.save_as(path)
    packed = read_dicom_volume(paths)
    assert np.array_equal(packed.data, plain.data)
    assert np.allclose(packed.affine, plain.affine)


def test_objects_without_a_place_are_stacked_in_their_order(tmp_path: Path) -> None:
    paths = series(tmp_path)
    for path in paths:
        ds = pydicom.dcmread(path)
        del ds.ImagePositionPatient
        ds.save_as(path)
    volume = read_dicom_volume(list(reversed(paths)))
    first = min((pydicom.dcmread(path) for path in paths), key=lambda ds: ds.InstanceNumber)
    assert np.array_equal(volume.data[:, :, 0], first.pixel_array.T)
    assert volume.header["unplaced"] is True


@pytest.mark.parametrize("kind", ["text", "no image", "cut"])
def test_what_holds_no_image_says_so(tmp_path: Path, kind: str) -> None:
    path = series(tmp_path)[0]
    ds = pydicom.dcmread(path)
    if kind == "text":
        path.write_text("no object at all")
    elif kind == "no image":
        del ds.Rows
        ds.save_as(path)
    else:
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FormatError):
        read_dicom_volume([path])


def changed(tmp_path: Path, **values: object) -> Path:
    """One object with other elements; None takes one away."""
    path = series(tmp_path)[0]
    ds = pydicom.dcmread(path)
    for name, value in values.items():
        if value is None:
            delattr(ds, name)
        else:
            setattr(ds, name, value)
    ds.save_as(path)
    return path


def test_a_spacing_that_nobody_knows_is_no_millimetre(tmp_path: Path) -> None:
    path = changed(tmp_path, PixelSpacing=None)
    volume = read_dicom_volume([path])
    assert volume.header["length_unit"] == "pixel"
    write_nifti(tmp_path / "shown.nii", volume)
    assert read_volume(tmp_path / "shown.nii").header["length_unit"] == "pixel"


def test_a_spacing_at_the_detector_says_so(tmp_path: Path) -> None:
    path = changed(tmp_path, PixelSpacing=None, ImagerPixelSpacing=[0.2, 0.3])
    volume = read_dicom_volume([path])
    assert volume.header["length_unit"] == "detector"
    assert np.allclose(np.linalg.norm(volume.affine[:3, :2], axis=0), [0.3, 0.2])
    known = read_dicom_volume([series(tmp_path)[0]])
    assert "length_unit" not in known.header


def test_objects_whose_lowest_value_is_the_brightest_say_so(tmp_path: Path) -> None:
    path = changed(tmp_path, PhotometricInterpretation="MONOCHROME1")
    volume = read_dicom_volume([path])
    assert volume.header["inverted"] is True
    write_nifti(tmp_path / "shown.nii", volume)
    shown = read_volume(tmp_path / "shown.nii")
    assert shown.header["inverted"] is True
    # The values stay as they are: only the colours are turned round.
    assert np.array_equal(shown.data, volume.data)
