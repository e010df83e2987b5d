"""DICOM segmentations: voxels, places and references against pydicom and highdicom themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from appliance.core import FormatError, Invalid
from appliance.formats import Label, read_segmentation, write_dicom_series, write_segmentation
from appliance.formats.dicom_planes import without_person
from appliance.geometry import ALL_ORIENTATIONS, Volume, axis_map
from tests.support.samples import OBLIQUE

SHAPE = (11, 9, 7)
LABELS = [Label(1, "tumor", "#ff8800"), Label(2, "edema", "#00ff00")]
PERSON = {"PatientName": "Doe^Jane", "PatientID": "4711", "PatientBirthDate": "19700101"}
TAGS = {"Modality": "MR", "StudyInstanceUID": "2.25.7", "SeriesNumber": 1, **PERSON}


def series(folder: Path) -> list[Path]:
    data = np.random.default_rng(0).integers(0, 3000, SHAPE).astype(np.int16)
    return write_dicom_series(folder, Volume(data, OBLIQUE), TAGS)


def drawn(seed: int = 1) -> Volume:
    data = np.random.default_rng(seed).integers(0, 3, SHAPE).astype(np.uint8)
    data[:, :, 2] = 0
    return Volume(data, OBLIQUE)


def written(path: Path, objects: Sequence[Path], volume: Volume) -> Path:
    with path.open("wb") as stream:
        write_segmentation(stream, objects, volume, LABELS, {"PatientID": "S-1"})
    return path


@pytest.mark.parametrize("code", ALL_ORIENTATIONS[::7])
def test_ROI_03_a_label_map_goes_and_comes_exactly_however_its_axes_run(
    tmp_path: Path, code: str
) -> None:
    volume = drawn()
    turned = volume.reoriented(code)
    path = written(tmp_path / "seg.dcm", series(tmp_path / "dicom"), turned)
    found = read_segmentation(path, turned.grid)
    assert np.array_equal(found.volume.data, turned.data)
    assert np.array_equal(found.volume.affine, turned.affine)
    assert (found.labels, found.n_overlaps, found.is_exact) == (LABELS, 0, True)


def test_other_readers_find_the_same_voxels_at_the_same_places(tmp_path: Path) -> None:
    volume, objects = drawn(), series(tmp_path / "dicom")
    path = written(tmp_path / "seg.dcm", objects, volume)
    ds = pydicom.dcmread(path)
    seen = np.zeros(SHAPE, np.uint8)
    for group, pixels in zip(ds.PerFrameFunctionalGroupsSequence, ds.pixel_array, strict=True):
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        place = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        k = np.linalg.inv(OBLIQUE) @ [*(place * [-1, -1, 1]), 1]
        assert np.allclose(k[:2], 0, atol=1e-3)
        seen[:, :, round(k[2])] += number * pixels.T.astype(np.uint8)
    assert np.array_equal(seen, volume.data)
    other = highdicom.seg.segread(path)
    uids = [pydicom.dcmread(one).SOPInstanceUID for one in objects]
    got = other.get_pixels_by_source_instance(uids, combine_segments=True)
    assert np.array_equal(got, volume.data.transpose(2, 1, 0))
    assert [other.get_segment_description(n).segment_label for n in (1, 2)] == ["tumor", "edema"]


def test_a_segmentation_refers_to_its_objects_and_names_no_person(tmp_path: Path) -> None:
    objects = series(tmp_path / "dicom")
    path = written(tmp_path / "seg.dcm", objects, drawn())
    ds = pydicom.dcmread(path)
    assert ds.StudyInstanceUID == "2.25.7"
    referred = {
        item.ReferencedSOPInstanceUID
        for item in ds.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert referred == {str(pydicom.dcmread(one).SOPInstanceUID) for one in objects}
    assert ds.PatientID == "S-1"
    raw = path.read_bytes()
    assert not any(value.encode() in raw for value in PERSON.values())


def test_without_an_image_the_grid_is_that_of_the_planes(tmp_path: Path) -> None:
    volume = drawn()
    path = written(tmp_path / "seg.dcm", series(tmp_path / "dicom"), volume)
    found = read_segmentation(path)
    turn = axis_map(found.volume.grid.codes, volume.grid.codes)
    again = turn.apply(found.volume.data)
    affine = found.volume.affine @ turn.affine(found.volume.data.shape)
    assert np.allclose(affine, OBLIQUE, atol=1e-3)
    assert np.array_equal(again, volume.data)


def test_a_roi_off_the_planes_is_refused(tmp_path: Path) -> None:
    objects = series(tmp_path / "dicom")
    moved = OBLIQUE.copy()
    moved[:3, 3] += OBLIQUE[:3, 2] / 2
    with pytest.raises(Invalid, match="planes"):
        written(tmp_path / "seg.dcm", objects, Volume(drawn().data, moved))


def test_what_is_no_segmentation_or_damaged_is_refused(tmp_path: Path) -> None:
    objects = series(tmp_path / "dicom")
    (tmp_path / "text.dcm").write_bytes(b"text")
    path = written(tmp_path / "seg.dcm", objects, drawn())
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(path.read_bytes()[:-20])
    ds = pydicom.dcmread(path)
    del ds.SegmentSequence
    ds.save_as(tmp_path / "empty.dcm")
    for wrong in (objects[0], tmp_path / "text.dcm", cut, tmp_path / "empty.dcm"):
        with pytest.raises(FormatError):
            read_segmentation(wrong)


@pytest.mark.parametrize("kind", ["LABELMAP", "FRACTIONAL"])
def test_other_kinds_of_segmentations_are_read_to_the_voxel(tmp_path: Path, kind: str) -> None:
    objects = series(tmp_path / "dicom")
    labels = drawn().data if kind == "LABELMAP" else (drawn().data == 1)
    pixels = labels.transpose(2, 1, 0)
    made = highdicom.seg.Segmentation(
        source_images=[without_person(pydicom.dcmread(one)) for one in objects],
        pixel_array=pixels.astype(np.float32) if kind == "FRACTIONAL" else pixels,
        segmentation_type=kind,
        segment_descriptions=[
            highdicom.seg.SegmentDescription(
                segment_number=n,
                segment_label=label.name,
                segmented_property_category=codes.SCT.Tissue,
                segmented_property_type=codes.SCT.Tissue,
                algorithm_type="MANUAL",
            )
            for n, label in enumerate(LABELS[: 2 if kind == "LABELMAP" else 1], 1)
        ],
        series_instance_uid="2.25.11",
        series_number=1,
        sop_instance_uid="2.25.12",
        instance_number=1,
        manufacturer="x",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number="1",
    )
    made.save_as(tmp_path / "seg.dcm")
    found = read_segmentation(tmp_path / "seg.dcm", drawn().grid)
    assert np.array_equal(found.volume.data, labels)
    assert found.is_exact
