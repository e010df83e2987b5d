"""DICOM objects in colour opened as they are: RGB, YBR, palettes, packed and plain, many frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest

from appliance.core import FormatError
from appliance.formats import is_dicom_name, read_dicom_volume, read_volume, write_nifti
from tests.support.samples import tiny_series

ROWS, COLUMNS = 10, 12


def colours(seed: int = 0) -> Any:
    """Rows x columns x 3 bytes: smooth, so that colour spaces lose little."""
    rows, columns = np.indices((ROWS, COLUMNS))
    return np.stack([rows * 20 + seed, columns * 18, 200 - rows * 9], axis=-1).astype(np.uint8)


def in_colour(path: Path, picture: Any, photometric: str = "RGB", **facts: Any) -> Path:
    """Turn an object of a series into one in colour."""
    ds = pydicom.dcmread(path)
    ds.SamplesPerPixel, ds.PlanarConfiguration = 3, 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.Rows, ds.Columns = picture.shape[-3:-1]
    ds.PhotometricInterpretation = photometric
    ds.PixelData = picture.tobytes()
    ds["PixelData"].VR = "OB"
    for name, value in facts.items():
        setattr(ds, name, value)
    ds.save_as(path)
    return path


def series(tmp_path: Path) -> list[Path]:
    return tiny_series(tmp_path / "series", shape=(COLUMNS, ROWS, 4))


def test_GEN_02_slices_in_colour_keep_colours_and_places(tmp_path: Path) -> None:
    paths = series(tmp_path)
    grey = read_dicom_volume(paths)
    for number, path in enumerate(paths):
        in_colour(path, colours(number))
    volume = read_dicom_volume(paths)
    assert volume.data.shape == (COLUMNS, ROWS, len(paths), 3)
    assert np.allclose(volume.affine, grey.affine)
    ds = pydicom.dcmread(paths[0])
    lps = np.array([float(x) for x in ds.ImagePositionPatient])
    k = int(np.rint(volume.grid.to_voxel(lps * [-1, -1, 1]))[2])
    assert np.array_equal(volume.data[:, :, k].transpose(1, 0, 2), colours())


def test_a_plane_of_each_colour_reads_like_mixed_ones(tmp_path: Path) -> None:
    path = series(tmp_path)[0]
    in_colour(path, colours())
    ds = pydicom.dcmread(path)
    ds.PlanarConfiguration = 1
    ds.PixelData = colours().transpose(2, 0, 1).tobytes()
    ds.save_as(path)
    found = read_dicom_volume([path]).data[:, :, 0].transpose(1, 0, 2)
    assert np.array_equal(found, colours())


def test_luminance_and_chrominance_become_colours(tmp_path: Path) -> None:
    from pydicom.pixels.processing import convert_color_space

    stored = convert_color_space(colours(), "RGB", "YBR_FULL")
    path = in_colour(series(tmp_path)[0], stored, "YBR_FULL")
    found = read_dicom_volume([path]).data[:, :, 0].transpose(1, 0, 2).astype(int)
    assert np.abs(found - colours()).max() <= 2


@pytest.mark.parametrize(("bits", "scale"), [(8, 1), (16, 257), (16, 1)])
def test_numbers_of_a_palette_become_its_colours(tmp_path: Path, bits: int, scale: int) -> None:
    path = series(tmp_path)[0]
    table = np.array([[0, 0, 0], [255, 0, 0], [0, 250, 10], [3, 4, 240]])
    numbers = (np.indices((ROWS, COLUMNS)).sum(0) % 4).astype(np.uint8)
    ds = pydicom.dcmread(path)
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PhotometricInterpretation = "PALETTE COLOR"
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.PixelData = numbers.tobytes()
    names = ("Red", "Green", "Blue")
    for at, (name, column) in enumerate(zip(names, (table * scale).T, strict=True)):
        ds.add_new(0x00281101 + at, "US", [4, 0, bits])
        words = column.astype("<u2" if bits == 16 else "u1").tobytes()
        setattr(ds, f"{name}PaletteColorLookupTableData", words)
    ds.save_as(path)
    found = read_dicom_volume([path]).data[:, :, 0].transpose(1, 0, 2)
    assert np.array_equal(found, table[numbers])


def test_packed_colours_are_those_of_the_plain_object(tmp_path: Path) -> None:
    path = in_colour(series(tmp_path)[0], colours())
    ds = pydicom.dcmread(path)
    ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    ds.save_as(path)
    found = read_dicom_volume([path]).data[:, :, 0].transpose(1, 0, 2)
    assert np.array_equal(found, colours())


def test_a_film_without_places_is_stacked_frame_by_frame(tmp_path: Path) -> None:
    film = np.stack([colours(10 * n) for n in range(5)])
    path = in_colour(series(tmp_path)[0], film, NumberOfFrames=5)
    ds = pydicom.dcmread(path)
    del ds.ImagePositionPatient
    del ds.ImageOrientationPatient
    ds.save_as(path)
    volume = read_dicom_volume([path])
    assert np.array_equal(volume.data.transpose(2, 1, 0, 3), film)


def test_repetitions_in_colour_are_all_there(tmp_path: Path) -> None:
    paths = [in_colour(path, colours(n)) for n, path in enumerate(series(tmp_path))]
    place = pydicom.dcmread(paths[0]).ImagePositionPatient
    for path in paths:
        ds = pydicom.dcmread(path)
        ds.ImagePositionPatient = place
        ds.save_as(path)
    assert read_dicom_volume(paths).data.shape == (COLUMNS, ROWS, len(paths), 3)


def test_colours_are_written_as_the_viewer_reads_them(tmp_path: Path) -> None:
    volume = read_dicom_volume([in_colour(series(tmp_path)[0], colours())])
    write_nifti(tmp_path / "shown.nii", volume)
    image: Any = nib.load(tmp_path / "shown.nii")
    assert image.header["datatype"] == 128
    assert image.shape == (COLUMNS, ROWS, 1)
    again = read_volume(tmp_path / "shown.nii")
    assert np.array_equal(again.data, volume.data)
    write_nifti(tmp_path / "again.nii", again)
    assert (tmp_path / "again.nii").read_bytes() == (tmp_path / "shown.nii").read_bytes()


def test_planes_across_the_one_that_is_asked_for_are_left_out(tmp_path: Path) -> None:
    paths = series(tmp_path)
    turned = pydicom.dcmread(paths[-1])
    turned.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    turned.save_as(paths[-1])
    assert read_dicom_volume(paths).data.shape[2] == len(paths) - 1
    alone = read_dicom_volume([paths[-1], *paths])
    assert alone.data.shape[2] == 1
    assert np.allclose(alone.affine[:3, 0] / np.linalg.norm(alone.affine[:3, 0]), [0, -1, 0])


@pytest.mark.parametrize(
    ("modality", "says"),
    [("SR", "a report"), ("RTSTRUCT", "contours"), ("PR", "presentation"), ("MR", "no image")],
)
def test_an_object_without_an_image_says_what_it_is(
    tmp_path: Path, modality: str, says: str
) -> None:
    path = series(tmp_path)[0]
    ds = pydicom.dcmread(path)
    del ds.Rows
    ds.Modality = modality
    ds.save_as(path)
    with pytest.raises(FormatError, match=says) as caught:
        read_dicom_volume([path])
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("a/slice.DCM", True),
        ("x.ima", True),
        ("IM000123", True),
        ("MR.1.3.12.2.1107.5", True),
        ("1.2.840.113619.2", True),
        ("0007", True),
        ("README", False),
        ("notes.txt", False),
        ("dcm", False),
        ("t1.nii", False),
        ("version-2", False),
    ],
)
def test_objects_are_known_by_the_names_that_scanners_give(name: str, is_one: bool) -> None:
    assert is_dicom_name(name) is is_one
