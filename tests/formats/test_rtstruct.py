"""RT structure sets: voxels by the exact rule, contours along the edges, and what others say."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from appliance.core import FormatError, Invalid
from appliance.formats import (
    Label,
    frame_pixels,
    read_structures,
    roi_form,
    roi_references,
    scan_frames,
    write_dicom_series,
    write_structures,
)
from appliance.formats.rtstruct_planes import fill_contours, inside_polygons, trace_mask
from appliance.geometry import ALL_ORIENTATIONS, Grid, Volume
from tests.support.needs import needs
from tests.support.samples import OBLIQUE

SHAPE = (11, 9, 7)
LABELS = [Label(1, "tumor", "#ff8800"), Label(2, "edema", "#00ff00")]
PERSON = {"PatientName": "Doe^Jane", "PatientID": "4711", "PatientBirthDate": "19700101"}
TAGS = {"Modality": "MR", "StudyInstanceUID": "2.25.7", "SeriesNumber": 1, **PERSON}
PLAIN = Grid((12, 12, 9), np.eye(4))


def series(folder: Path, affine: np.ndarray = OBLIQUE) -> list[Path]:
    data = np.random.default_rng(0).integers(0, 3000, SHAPE).astype(np.int16)
    return write_dicom_series(folder, Volume(data, affine), TAGS)


def drawn(seed: int = 1) -> Volume:
    data = np.random.default_rng(seed).integers(0, 3, SHAPE).astype(np.uint8)
    data[:, :, 2] = 0
    return Volume(data, OBLIQUE)


def written(path: Path, objects: Sequence[Path], volume: Volume) -> Path:
    with path.open("wb") as stream:
        write_structures(stream, objects, volume, LABELS, {"PatientID": "S-1"})
    return path


def square(low: float, high: float, z: float) -> np.ndarray:
    return np.array([[low, low, z], [high, low, z], [high, high, z], [low, high, z]])


def box(low: int, high: int, *slices: int) -> np.ndarray:
    mask = np.zeros(PLAIN.shape, bool)
    mask[low : high + 1, low : high + 1, slices] = True
    return mask


@pytest.mark.parametrize("code", ALL_ORIENTATIONS[::5])
def test_ROI_03_a_label_map_goes_and_comes_exactly_however_its_axes_run(
    tmp_path: Path, code: str
) -> None:
    turned = drawn().reoriented(code)
    path = written(tmp_path / "rs.dcm", series(tmp_path / "dicom"), turned)
    found = read_structures(path, turned.grid)
    volume, n_overlaps = found.label_map()
    assert np.array_equal(volume.data, turned.data)
    assert (found.labels, n_overlaps, found.is_exact, found.notes) == (LABELS, 0, True, [])


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_tracing_and_filling_are_each_others_opposite(mask: np.ndarray) -> None:
    outlines = trace_mask(mask)
    points = np.argwhere(np.ones_like(mask)).astype(float)
    if not outlines:
        assert not mask.any()
        return
    assert np.array_equal(inside_polygons(points, outlines).reshape(mask.shape), mask)
    signed = [
        np.dot(p[:, 1], np.roll(p[:, 0], -1)) - np.dot(p[:, 0], np.roll(p[:, 1], -1))
        for p in outlines
    ]
    assert all(area > 0 for area in signed)
    assert sum(signed) / 2 == mask.sum()


def test_a_hole_is_joined_by_a_keyhole_and_touching_voxels_are_apart() -> None:
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    (outline,) = trace_mask(ring)
    assert len(outline) == 4 + 2 + 4  # corners, twice the mouth of the channel, corners of the hole
    corner = np.eye(2, dtype=bool)
    assert [len(one) for one in trace_mask(corner)] == [4, 4]


def test_a_contour_within_another_is_a_hole_and_a_third_an_island() -> None:
    rings = [square(0.5, 10.5, 4), square(2.5, 8.5, 4), square(4.5, 6.5, 4)]
    expected = box(1, 10, 4) & ~box(3, 8, 4) | box(5, 6, 4)
    assert np.array_equal(fill_contours(PLAIN, rings).mask, expected)


def test_a_keyhole_and_voxels_on_the_line_belong_to_the_region() -> None:
    x = [0.5, 10.5, 10.5, 0.5, 0.5, 3, 3, 8, 8, 3, 0.5]
    y = [0.5, 0.5, 10.5, 10.5, 5, 5, 8, 8, 3, 3, 3]
    outline = np.array(
        [*zip([*x[:5], 3, 3, 8, 8, 3, 3, 0.5], [*y[:5], 5, 8, 8, 3, 3, 5, 5], strict=True)]
    )
    contour = np.column_stack([outline, np.full(len(outline), 4.0)])
    hole = box(4, 7, 4)  # its line runs through the middles of voxels, which are in
    assert np.array_equal(fill_contours(PLAIN, [contour]).mask, box(1, 10, 4) & ~hole)
    through_middles = fill_contours(PLAIN, [square(3, 6, 4)]).mask
    assert np.array_equal(through_middles, box(3, 6, 4))


def test_a_contour_between_slices_takes_the_nearest_and_its_thickness_counts() -> None:
    assert np.array_equal(fill_contours(PLAIN, [square(2.5, 5.5, 4.3)]).mask, box(3, 5, 4))
    filled = fill_contours(PLAIN, [square(2.5, 5.5, 4.3)])
    assert not filled.is_exact
    thick = fill_contours(PLAIN, [square(2.5, 5.5, 4.0)], slab=3.0).mask
    assert np.array_equal(thick, box(3, 5, 3, 4, 5))
    stack = [square(2.5, 5.5, z) for z in (3.0, 3.2, 3.4, 3.6, 3.8, 4.0, 4.2)]
    assert np.array_equal(fill_contours(PLAIN, stack).mask, box(3, 5, 3, 4))


def test_contours_across_the_grid_are_filled_in_their_own_planes() -> None:
    sagittal = square(2.5, 5.5, 4.0)[:, [2, 0, 1]]
    expected = np.zeros(PLAIN.shape, bool)
    expected[4, 3:6, 3:6] = True
    assert np.array_equal(fill_contours(PLAIN, [sagittal]).mask, expected)
    turn = np.array([[1, 0, 0], [0, np.cos(0.4), -np.sin(0.4)], [0, np.sin(0.4), np.cos(0.4)]])
    middle = np.array([5.5, 5.5, 4.0])
    tilted = (square(-3, 3, 0.0) @ turn.T) + middle
    found = fill_contours(PLAIN, [tilted, tilted + turn[:, 2]])
    place = (np.indices(PLAIN.shape).reshape(3, -1).T - middle) @ turn
    inside = (np.abs(place[:, :2]) <= 3).all(axis=1) & (place[:, 2] >= -0.5) & (place[:, 2] < 1.5)
    assert np.array_equal(found.mask.ravel(), inside)
    assert not found.is_exact


def test_contours_askew_to_the_others_are_left_out_and_counted() -> None:
    askew = square(2.5, 5.5, 4.0)
    askew[:2, 2] = 6
    found = fill_contours(PLAIN, [square(2.5, 5.5, z) for z in (1, 2)] + [askew])
    assert found.n_askew == 1
    assert np.array_equal(found.mask, box(3, 5, 1, 2))


def structure_set(
    path: Path, contours: dict[str, list[np.ndarray]], kind: str = "CLOSED_PLANAR"
) -> Path:
    """Write a structure set as other programs do; contours in RAS."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.3", "2.25.99"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = "2.25.7", "2.25.98", "RTSTRUCT"
    ds.StructureSetROISequence, ds.ROIContourSequence = [], []
    for number, (name, found) in enumerate(contours.items()):
        roi, item = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        item.ReferencedROINumber, item.ContourSequence = number, []
        for points in found:
            one = Dataset()
            one.ContourGeometricType, one.NumberOfContourPoints = kind, len(points)
            one.ContourData = [f"{x:.2f}" for x in (points * [-1, -1, 1]).ravel()]
            item.ContourSequence.append(one)
        ds.StructureSetROISequence.append(roi)
        ds.ROIContourSequence.append(item)
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    ds.save_as(path, enforce_file_format=True)
    return path


def test_contours_on_every_second_slice_stand_for_those_between(tmp_path: Path) -> None:
    every_second = [square(2.5, 5.5, z) for z in (2, 4, 6)]
    lonely = [square(2.5, 5.5, 1), square(2.5, 5.5, 7)]
    path = structure_set(tmp_path / "rs.dcm", {"a": every_second, "b": lonely})
    found = read_structures(path, PLAIN)
    a, b = (volume.data > 0 for _, volume in found.masks())
    assert np.array_equal(a, box(3, 5, 1, 2, 3, 4, 5, 6))
    assert np.array_equal(b, box(3, 5, 0, 1, 6, 7))
    assert found.notes == ["contours lie 2 slices apart; each stands for those around it"]
    far = structure_set(tmp_path / "far.dcm", {"b": lonely})
    (_, alone) = next(read_structures(far, PLAIN).masks())
    assert np.array_equal(alone.data > 0, box(3, 5, 1, 7))


def test_regions_that_overlap_stay_whole_and_odd_numbers_are_given_anew(tmp_path: Path) -> None:
    path = structure_set(
        tmp_path / "rs.dcm", {"body": [square(0.5, 9.5, 3)], "organ": [square(3.5, 5.5, 3)]}
    )
    found = read_structures(path, PLAIN)
    assert [(one.value, one.name) for one in found.labels] == [(1, "body"), (2, "organ")]
    assert found.label_map()[1] == 4
    masks = [volume.data > 0 for _, volume in found.masks()]
    assert np.array_equal(masks[0], box(1, 9, 3))
    assert np.array_equal(masks[1], box(4, 5, 3))


def test_points_are_no_region_and_what_lies_outside_holds_no_voxel(tmp_path: Path) -> None:
    path = structure_set(tmp_path / "p.dcm", {"iso": [square(1, 2, 3)]}, kind="POINT")
    assert "1 points or open lines" in read_structures(path, PLAIN).notes[0]
    path = structure_set(tmp_path / "out.dcm", {"far": [square(90, 99, 3)]})
    found = read_structures(path, PLAIN)
    assert "hold no voxel" in found.notes[0]
    assert found.regions[0].mask.size == 0


def test_a_structure_set_refers_to_its_objects_and_names_no_person(tmp_path: Path) -> None:
    objects = series(tmp_path / "dicom")
    path = written(tmp_path / "rs.dcm", objects, drawn())
    sources = [pydicom.dcmread(one) for one in objects]
    told = roi_references(path)
    assert told is not None
    assert told.series_uids == (str(sources[0].SeriesInstanceUID),)
    assert set(told.sop_uids) == {str(one.SOPInstanceUID) for one in sources}
    assert told.frame_uid == sources[0].FrameOfReferenceUID
    ds = pydicom.dcmread(path)
    places = {one.SOPInstanceUID: one for one in sources}
    for contour in ds.ROIContourSequence[0].ContourSequence:
        image = places[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
        turn = np.array(image.ImageOrientationPatient, float)
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        away = (points - np.array(image.ImagePositionPatient, float)) @ np.cross(turn[:3], turn[3:])
        assert np.allclose(away, 0, atol=1e-3)
    raw = path.read_bytes()
    assert ds.PatientID == "S-1"
    assert not any(value.encode() in raw for value in PERSON.values())


def multi_frame(objects: Sequence[Path], path: Path) -> Path:
    """Join the objects of a series into one with a frame for each."""
    sources = [pydicom.dcmread(one) for one in objects]
    ds = pydicom.dcmread(objects[0])
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    ds.NumberOfFrames = len(sources)
    ds.PixelData = b"".join(one.PixelData for one in sources)
    ds.PerFrameFunctionalGroupsSequence = []
    for one in sources:
        group, place = Dataset(), Dataset()
        place.ImagePositionPatient = one.ImagePositionPatient
        group.PlanePositionSequence = [place]
        ds.PerFrameFunctionalGroupsSequence.append(group)
    ds.save_as(path)
    return path


def test_frames_of_one_object_are_referred_to_by_number(tmp_path: Path) -> None:
    path = multi_frame(series(tmp_path / "dicom"), tmp_path / "enhanced.dcm")
    made = written(tmp_path / "rs.dcm", [path], drawn())
    assert np.array_equal(read_structures(made, drawn().grid).label_map()[0].data, drawn().data)
    contours = pydicom.dcmread(made).ROIContourSequence[0].ContourSequence
    numbers = {one.ContourImageSequence[0].ReferencedFrameNumber for one in contours}
    assert numbers == {1, 2, 4, 5, 6, 7}


def test_a_mask_on_a_part_of_the_image_is_found_pixel_by_pixel(tmp_path: Path) -> None:
    inner = np.eye(4)
    inner[:3, 3] = [2, 1, 1]
    part = Volume(drawn().data[2:9, 1:7, 1:6], OBLIQUE @ inner)
    path = written(tmp_path / "rs.dcm", series(tmp_path / "dicom"), part)
    found = read_structures(path, drawn().grid).label_map()[0].data
    expected = np.zeros(SHAPE, np.uint8)
    expected[2:9, 1:7, 1:6] = part.data
    assert np.array_equal(found, expected)


def test_the_standards_own_validator_finds_no_error(tmp_path: Path) -> None:
    path = written(tmp_path / "rs.dcm", series(tmp_path / "dicom"), drawn())
    done = subprocess.run([needs("dciodvfy"), "-new", str(path)], capture_output=True, check=False)
    errors = [line for line in done.stderr.decode().splitlines() if line.startswith("Error")]
    assert errors == []
    assert b"RTStructureSet" in done.stderr


def test_what_is_no_structure_set_damaged_or_elsewhere_is_refused(tmp_path: Path) -> None:
    objects = series(tmp_path / "dicom")
    path = written(tmp_path / "rs.dcm", objects, drawn())
    ds = pydicom.dcmread(path)
    ds.ROIContourSequence[0].ContourSequence[0].ContourData = ["1.0", "2.0", "3.0", "4.0"]
    ds.save_as(tmp_path / "damaged.dcm")
    for wrong in (objects[0], tmp_path / "damaged.dcm"):
        with pytest.raises(FormatError):
            read_structures(wrong, drawn().grid)
    moved = OBLIQUE.copy()
    moved[:3, 3] += OBLIQUE[:3, 2] / 2
    with pytest.raises(Invalid, match="planes"):
        written(tmp_path / "moved.dcm", objects, Volume(drawn().data, moved))
    other = pydicom.dcmread(objects[0])
    other.FrameOfReferenceUID = "2.25.1"
    other.save_as(objects[0])
    with pytest.raises(Invalid, match="frame of reference"):
        written(tmp_path / "frames.dcm", objects, drawn())


def test_a_structure_set_of_another_program_without_a_preamble_is_read() -> None:
    path = Path(get_testdata_file("rtstruct.dcm", download=False))  # comes with pydicom
    assert roi_form(path) == "rtstruct"
    ds = pydicom.dcmread(path, force=True)
    points = np.array(ds.ROIContourSequence[0].ContourSequence[0].ContourData, float)
    middle = points.reshape(-1, 3).mean(axis=0) * [-1, -1, 1]
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = np.round(middle) - 80
    found = read_structures(path, Grid((80, 80, 80), affine))
    assert [one.name for one in found.labels] == [one.ROIName for one in ds.StructureSetROISequence]
    assert sum(bool(region.mask.any()) for region in found.regions) > 0


def test_an_image_without_a_preamble_gives_its_frames(tmp_path: Path) -> None:
    path = series(tmp_path / "dicom")[0]
    ds = pydicom.dcmread(path)
    bare = tmp_path / "bare.dcm"
    raw = DicomBytesIO()
    raw.is_little_endian, raw.is_implicit_VR = True, True
    plain = pydicom.dcmread(path)
    del plain.file_meta
    write_dataset(raw, plain)
    bare.write_bytes(raw.getvalue())
    (frame,) = scan_frames([bare])
    assert np.array_equal(frame_pixels(frame), ds.pixel_array)
