"""DICOM segmentations and structure sets that arrive become masks beside their images."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from appliance.exchange import DicomListener
from appliance.formats import Label, read_labels, read_volume, write_segmentation, write_structures
from appliance.geometry import Volume
from tests.exchange.kit import write_series
from tests.support.needs import needs
from tests.support.waiting import wait_until

PLACE = np.diag([-1.0, -1.0, 2.0, 1.0])
PERSON = {"PatientID": "P1", "PatientName": "DOE^JANE", "PatientBirthDate": "19700102"}
LABELS = [Label(1, "tumor", "#ff8800"), Label(2, "edema of DOE JANE", "#00ff00")]
STUDY = "S-0001#2024-05-02"


def drawn(seed: int = 1) -> Volume:
    data = np.random.default_rng(seed).integers(0, 3, (16, 16, 4)).astype(np.uint8)
    return Volume(data, PLACE)


def document(path: Path, objects: list[Path], form: str = "seg", **more) -> Path:
    """Write a document of ROIs, as a program that knows the person would."""
    writer = write_segmentation if form == "seg" else write_structures
    tags = {**PERSON, "StudyDate": "20240502", "SeriesDescription": "rois", **more}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        writer(stream, objects, drawn(), LABELS, tags)
    return path


def masks(kit):
    return {name: row for name, row in kit.files().items() if "mask" in row.tags}


def values(kit, row, volume: Volume | None = None) -> np.ndarray:
    """Give the values of a mask in the order of the drawn volume's axes."""
    found = read_volume(kit.folder.projects / "default" / row.pid / row.sid / row.path)
    place = np.linalg.inv(found.affine) @ PLACE
    ijk = np.indices((16, 16, 4)).reshape(3, -1)
    index = np.round(place[:3, :3] @ ijk + place[:3, 3:]).astype(int)
    return found.data[tuple(index)].reshape(16, 16, 4)


def reasons(receipt) -> set[str]:
    return {item.reason for item in receipt.items if item.reason}


@pytest.mark.parametrize("form", ["seg", "rtstruct"])
def test_ROI_x05_a_document_in_the_same_drop_becomes_rois(kit, tmp_path, form) -> None:
    objects = write_series(tmp_path / "in" / "t1")
    document(tmp_path / "in" / "a" / "rois.dcm", objects, form)
    receipt = kit.take_in(tmp_path / "in")
    assert (receipt.state, receipt.n_done) == ("done", 5)
    ((name, row),) = masks(kit).items()
    assert name == f"{STUDY}/rois_{900 if form == 'seg' else 901}/s001.nii.gz"
    assert row.tags == ["mask"]
    assert row.series.modality == form.upper()
    assert np.array_equal(values(kit, row), drawn().data)
    assert row.header["affine"] == kit.images()[f"{STUDY}/t1_mprage_3/s001.nii"].header["affine"]
    home = kit.folder.projects / "default/S-0001/2024-05-02"
    assert read_labels(home / row.path) == [LABELS[0], Label(2, "edema of", "#00ff00")]
    told = json.loads((home / row.path).with_name("s001.json").read_text())
    assert (told["Modality"], told["Sources"]) == (form.upper(), ["t1_mprage_3/s001.nii"])
    assert "DOE" not in json.dumps(told)


@pytest.mark.parametrize("form", ["seg", "rtstruct"])
def test_a_document_that_comes_first_waits_for_its_series(make_kit, tmp_path, form) -> None:
    kit = make_kit()
    objects = write_series(tmp_path / "images")
    first = kit.take_in(document(tmp_path / "rois.dcm", objects, form))
    assert first.state == "done"
    assert reasons(first) == {"the series it was drawn on is not here"}
    assert masks(kit) == {}
    kit.run()
    write_series(tmp_path / "other", number=4)
    kit.take_in(tmp_path / "other")
    assert masks(kit) == {}
    kit.close()
    kit = make_kit()
    kit.take_in(tmp_path / "images")
    (row,) = masks(kit).values()
    assert np.array_equal(values(kit, row), drawn().data)
    again = kit.importer.receipt(first.key)
    assert (again.state, {item.state for item in again.items}) == ("done", {"converted"})
    assert reasons(again) == set()


def test_what_waits_for_a_series_that_fails_is_told_and_comes_with_a_good_one(
    kit, tmp_path, monkeypatch
) -> None:
    from appliance.exchange import converter
    from appliance.exchange.dcm2niix import ConverterRefused

    objects = write_series(tmp_path / "in")
    document(tmp_path / "in" / "rois.dcm", objects)
    real = converter.run_dcm2niix

    def refuse(*_args, **_more):
        raise ConverterRefused("no image")

    monkeypatch.setattr(converter, "run_dcm2niix", refuse)
    receipt = kit.take_in(tmp_path / "in")
    assert receipt.state == "partial"
    assert reasons(receipt) == {"no image", "the series it was drawn on is not here"}
    monkeypatch.setattr(converter, "run_dcm2niix", real)
    kit.importer.retry(receipt.key)
    kit.run()
    assert len(masks(kit)) == 1
    assert kit.importer.receipt(receipt.key).state == "done"


def overlapping(path: Path, objects: list[Path]) -> Path:
    document(path, objects, "rtstruct")
    ds = pydicom.dcmread(path)
    first, second = ds.ROIContourSequence
    second.ContourSequence = first.ContourSequence
    ds.save_as(path)
    return path


def test_regions_that_overlap_become_a_mask_each(kit, tmp_path) -> None:
    objects = write_series(tmp_path / "in")
    overlapping(tmp_path / "in" / "rois.dcm", objects)
    kit.take_in(tmp_path / "in")
    found = masks(kit)
    assert [Path(name).name for name in found] == [
        "s001_01_tumor.nii.gz",
        "s001_02_edema_of.nii.gz",
    ]
    for row in found.values():
        assert np.array_equal(values(kit, row), drawn().data == 1)


def test_a_structure_set_without_images_or_elsewhere_is_refused_with_the_reason(
    kit, tmp_path
) -> None:
    objects = write_series(tmp_path / "in")
    path = document(tmp_path / "in" / "away" / "rois.dcm", objects, "rtstruct")
    ds = pydicom.dcmread(path)
    ds.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "2.25.3"
    for roi in ds.StructureSetROISequence:
        roi.ReferencedFrameOfReferenceUID = "2.25.3"
    ds.save_as(path)
    bare = pydicom.dcmread(document(tmp_path / "in" / "bare" / "rois.dcm", objects, "rtstruct"))
    del bare.ReferencedFrameOfReferenceSequence
    for drawing in bare.ROIContourSequence:
        for contour in drawing.ContourSequence:
            del contour.ContourImageSequence
    bare.save_as(tmp_path / "in" / "bare" / "rois.dcm")
    receipt = kit.take_in(tmp_path / "in")
    assert receipt.state == "partial"
    assert reasons(receipt) == {
        "it lies in another frame of reference than the series it refers to",
        "the structure set does not tell which images it was drawn on",
    }
    assert masks(kit) == {}
    assert len(kit.originals()) == 6


def test_a_document_that_names_objects_only_finds_their_series(kit, tmp_path) -> None:
    objects = write_series(tmp_path / "in")
    path = document(tmp_path / "in" / "rois.dcm", objects, "rtstruct")
    ds = pydicom.dcmread(path)
    del ds.ReferencedFrameOfReferenceSequence
    ds.save_as(path)
    kit.take_in(tmp_path / "in")
    (row,) = masks(kit).values()
    assert np.array_equal(values(kit, row), drawn().data)


def test_a_segmentation_sent_by_storescu_becomes_rois(make_kit, tmp_path) -> None:
    kit = make_kit()
    listener = DicomListener(kit.importer, kit.settings)
    listener.start()
    try:
        objects = write_series(tmp_path / "in")
        sent = [*objects, document(tmp_path / "s.dcm", objects)]
        where = ["-aec", "NORA", "127.0.0.1", str(listener.port)]
        command = [needs("storescu"), "-R", *where, *map(str, sent)]
        subprocess.run(command, check=True, timeout=60, capture_output=True)

        def through() -> bool:
            kit.run()
            return bool(masks(kit))

        wait_until(through, "the segmentation became a mask")
    finally:
        listener.stop()
    (row,) = masks(kit).values()
    assert np.array_equal(values(kit, row), drawn().data)
