"""Volumes written as DICOM come back on the same grid, for every way the axes can lie."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from appliance.core import FormatError, Invalid
from appliance.formats import DicomRecord, dicom_series, dicom_uid, scan_dicom, write_dicom_series
from appliance.geometry import Volume

TAGS = {"Modality": "MR", "StudyInstanceUID": "1.2.3", "SeriesNumber": 4, "PatientID": "P"}
ALL_AXES = [
    (order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)
]


def made(order=(0, 1, 2), signs=(1, 1, 1)):
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, list(order)] * (np.array([1.5, 2.0, 3.0]) * signs)
    affine[:3, 3] = [-10.0, 20.0, 5.5]
    return Volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), affine)


@pytest.mark.parametrize(("order", "signs"), ALL_AXES)
def test_the_affine_of_the_objects_is_that_of_the_volume(order, signs):
    volume = made(order, signs)
    items = dicom_series(volume, TAGS)
    to_lps = np.diag([-1, -1, 1])
    columns = np.array(items[0].ImageOrientationPatient, float).reshape(2, 3)
    row_mm, column_mm = map(float, items[0].PixelSpacing)
    first, second = (np.array(one.ImagePositionPatient, float) for one in items[:2])
    got = np.column_stack([columns[0] * column_mm, columns[1] * row_mm, second - first])
    np.testing.assert_allclose(to_lps @ got, volume.affine[:3, :3], atol=1e-5)
    np.testing.assert_allclose(to_lps @ first, volume.affine[:3, 3], atol=1e-5)


def test_pixels_lie_as_rows_of_columns_and_files_can_be_scanned(tmp_path):
    volume = made()
    paths = write_dicom_series(tmp_path / "s", volume, TAGS)
    assert [path.name for path in paths] == [f"MR000{n}.dcm" for n in range(1, 5)]
    records = list(scan_dicom(paths))
    assert all(isinstance(record, DicomRecord) for record in records)
    assert {record.modality for record in records} == {"MR"}
    slices = dicom_series(volume, TAGS)
    third = np.frombuffer(slices[2].PixelData, "<i2").reshape(3, 2)
    np.testing.assert_array_equal(third.T, volume.data[:, :, 2])


def test_a_second_run_makes_the_same_objects():
    first, second = (dicom_series(made(), TAGS) for _ in range(2))
    assert [one.SOPInstanceUID for one in first] == [one.SOPInstanceUID for one in second]
    other = dicom_series(made(), TAGS | {"SeriesNumber": 5})
    assert other[0].SeriesInstanceUID != first[0].SeriesInstanceUID
    assert len(dicom_uid("x")) <= 64


def test_tags_win_over_what_is_worked_out():
    (item, *_) = dicom_series(made(), TAGS | {"SliceThickness": "9", "PatientName": "A^Ä"})
    assert float(item.SliceThickness) == 9.0
    assert item.PatientName == "A^Ä"


@pytest.mark.parametrize(
    ("data", "tags", "error"),
    [
        (np.zeros((2, 2, 2), np.float32), TAGS, FormatError),
        (np.zeros((2, 2, 2, 2), np.int16), TAGS, FormatError),
        (np.zeros((2, 2, 2), np.int16), TAGS | {"PatientNom": "x"}, Invalid),
        (np.zeros((2, 2, 2), np.int16), {"Modality": "MR"}, Invalid),
        (np.zeros((2, 2, 2), np.int16), TAGS | {"Modality": "XX"}, Invalid),
    ],
)
def test_what_cannot_be_written_is_refused(data, tags, error):
    with pytest.raises(error):
        dicom_series(Volume(data, np.eye(4)), tags)
