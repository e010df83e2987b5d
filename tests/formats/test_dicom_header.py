"""The header of a DICOM object as it may be shown: technical lines, nothing of the person."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from appliance.core import NotFound
from appliance.formats import read_dicom_header
from tests.support.samples import tiny_series


def test_a_header_tells_what_is_technical_and_nothing_of_the_person(tmp_path: Path) -> None:
    paths = tiny_series(tmp_path / "series", shape=(12, 10, 6))
    ds = pydicom.dcmread(paths[2])
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "Doe^Jane", "secret-7", "19700102"
    ds.ReferringPhysicianName, ds.InstitutionName = "Who^Dr", "Clinic of Nowhere"
    ds.StudyDate, ds.ImageComments = "20240102", "Jane asked for it"
    ds.Manufacturer, ds.ScanOptions = "ACME", ["A", "B"]
    item = pydicom.Dataset()
    item.ReferencedSOPInstanceUID, item.PatientName = "1.2.3", "Doe^Jane"
    ds.ReferencedImageSequence = [item]
    ds.private_block(0x0011, "Nobody", create=True).add_new(1, "LO", "Jane Doe")
    ds.save_as(paths[2])
    header = read_dicom_header(paths, ds.SOPInstanceUID)
    told = {element.name: element.value for element in header.elements}
    assert told["SOPInstanceUID"] == header.sop_uid == ds.SOPInstanceUID
    assert (told["Rows"], told["Manufacturer"], told["ScanOptions"]) == (
        str(ds.Rows),
        "ACME",
        "A\\B",
    )
    nested = next(one for one in header.elements if one.name == "ReferencedSOPInstanceUID")
    assert (nested.value, nested.depth) == ("1.2.3", 1)
    everything = " ".join(f"{one.name} {one.value}" for one in header.elements).lower()
    for secret in ("jane", "doe", "secret", "1970", "who^dr", "nowhere", "20240102", "patient"):
        assert secret not in everything.replace("patientposition", "").replace(
            "imagepositionpatient", ""
        ).replace("imageorientationpatient", "")
    assert header.n_hidden >= 8


def test_an_object_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    paths = tiny_series(tmp_path / "series", shape=(12, 10, 6))
    with pytest.raises(NotFound):
        read_dicom_header(paths, "1.2.3.4")
    with pytest.raises(NotFound):
        read_dicom_header([], "1.2.3.4")
