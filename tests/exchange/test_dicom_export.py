"""DICOM goes out as nobody's: names, dates, identifiers, file names and the report (PS3.15)."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from appliance.catalog import change_policy, ensure_project, get_project
from appliance.core import Conflict, Invalid
from tests.exchange.kit import Kit, write_series

USEFUL = ["modified_dates", "descriptors", "patient"]
TRACES = (b"4711", b"DOE", b"JANE", b"19700102", b"20240502", b"1.2.826.0.1")


def policy(kit: Kit, project: str = "default", **changes) -> None:
    kit.catalog.write(lambda tx: change_policy(tx, project, changes, actor="owner"))


def two_visits(kit: Kit, folder: Path) -> None:
    """One person twice, with a report on a screen; and somebody else."""
    jane = {"patient_id": "QX4711", "name": "DOE^JANE", "birth": "19700102"}
    first, second = "1.2.826.0.1.3680043.10.999.1", "1.2.826.0.1.3680043.10.999.2"
    write_series(folder / "a", n=3, study_uid=first, description="t1 doe", **jane)
    write_series(folder / "a", n=2, study_uid=first, number=9, BurnedInAnnotation="YES", **jane)
    write_series(folder / "b", n=2, study_uid=second, date="20240602", **jane)
    other = "1.2.826.0.1.3680043.10.999.3"
    write_series(folder / "c", n=1, study_uid=other, patient_id="OTHER-7", name="ROE^RICHARD")
    kit.take_in(folder)


@pytest.fixture
def filled(kit: Kit, tmp_path: Path) -> Kit:
    two_visits(kit, tmp_path / "came")
    return kit


def sent(kit: Kit, project: str = "default", studies=()) -> dict[str, bytes]:
    export = kit.importer.dicom.begin(project, studies, actor="owner")
    data = b"".join(kit.importer.dicom.zipped(export.key))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def objects(files: dict[str, bytes]) -> dict[str, pydicom.Dataset]:
    found = {n: d for n, d in files.items() if n.endswith(".dcm")}
    return {name: pydicom.dcmread(io.BytesIO(data)) for name, data in found.items()}


def test_nothing_that_leaves_tells_who_it_shows(filled):
    policy(filled, dicom_options=USEFUL)
    files = sent(filled)
    for name, data in files.items():
        for trace in TRACES:
            assert trace not in data, (name, trace)
            assert trace not in name.encode()
    assert len(objects(files)) == 6


def test_dates_of_a_subject_keep_their_distance(filled):
    policy(filled, dicom_options=USEFUL)
    days = {
        (name.split("/")[0], found.StudyInstanceUID): date.fromisoformat(found.StudyDate)
        for name, found in objects(sent(filled)).items()
    }
    mine = sorted(day for (subject, _), day in days.items() if subject.startswith("S-0001-"))
    assert (mine[1] - mine[0]).days == 31
    assert date(2024, 5, 2) not in mine


def test_series_and_studies_stay_together_and_a_second_export_is_the_same(filled):
    policy(filled, dicom_options=USEFUL)
    first = sent(filled)
    found = objects(first)
    assert len({one.SOPInstanceUID for one in found.values()}) == len(found)
    for name, one in found.items():
        alike = {o.SeriesInstanceUID for n, o in found.items() if n[:-10] == name[:-10]}
        assert alike == {one.SeriesInstanceUID}
        assert one.PatientID == name.split("/")[0]
    again = sent(filled)
    assert {n: d for n, d in again.items() if n.endswith(".dcm")} == {
        n: d for n, d in first.items() if n.endswith(".dcm")
    }


def test_another_project_has_other_identifiers_for_the_same_person(filled, tmp_path):
    filled.catalog.write(lambda tx: ensure_project(tx, "second"))
    key = filled.importer.import_path("second", tmp_path / "came" / "b").key
    filled.run()
    assert filled.importer.receipt(key).state == "done"
    there = next(iter(objects(sent(filled, "second")).values()))
    here = objects(sent(filled)).values()
    assert there.PatientID not in {one.PatientID for one in here}
    assert there.SOPInstanceUID not in {one.SOPInstanceUID for one in here}
    assert there.StudyInstanceUID not in {one.StudyInstanceUID for one in here}


def test_report_counts_what_was_done_and_names_what_was_held_back(filled):
    files = sent(filled)
    report = json.loads(files["report.json"])
    assert report["n_objects"] == 6
    assert report["n_withheld"] == 2
    (held,) = report["withheld"]
    assert held["n"] == 2
    assert "annotations" in held["reason"]
    assert (held["study"], held["series"]) == ("study-1", "series-002")
    told = {(one["name"], one["action"]): one["n"] for one in report["changes"]}
    assert told["PatientID", "replaced by a pseudonym"] == 6
    assert told["SeriesDescription", "removed"] == 6
    assert report["options"] == []
    with filled.catalog.read() as con:
        latest = filled.importer.dicom.latest(get_project(con, "default").id)[0]
    assert latest.report["n_withheld"] == 2
    assert filled.importer.bids.latest(1) == []


def test_a_plan_tries_the_first_object_of_each_series(filled):
    plan = filled.importer.dicom.plan("default")
    assert plan.sample
    assert (plan.n_subjects, plan.n_studies, plan.n_series, plan.n_objects) == (2, 3, 4, 8)
    assert plan.n_withheld == 1
    assert {one.name for one in plan.changes} >= {"PatientName", "StudyInstanceUID"}


def test_into_a_folder_and_only_what_was_asked_for(filled, tmp_path):
    with filled.catalog.read() as con:
        study = con.execute("SELECT id FROM studies ORDER BY id DESC LIMIT 1").fetchone()[0]
    target = tmp_path / "out"
    export = filled.importer.dicom.begin("default", [study], target=str(target), actor="owner")
    filled.run()
    done = filled.importer.dicom.get(export.key)
    assert (done.state, done.reason) == ("done", "")
    assert len(list(target.rglob("*.dcm"))) == done.report["n_objects"] == export.n_files
    with pytest.raises(Conflict):
        filled.importer.dicom.begin("default", [], target=str(target), actor="owner")


def test_an_export_that_was_cut_off_is_made_whole(filled, tmp_path):
    target = tmp_path / "out"
    filled.importer.dicom.begin("default", [], target=str(target), actor="owner")
    filled.importer.dicom.close()  # the end of the process
    filled.run()
    filled.importer.dicom.open()
    filled.run()
    assert len(list(target.rglob("*.dcm"))) == 6
    assert (target / "report.json").is_file()


def test_originals_stay_as_they_came(filled):
    before = {path: path.read_bytes() for path in filled.originals()}
    sent(filled)
    assert {path: path.read_bytes() for path in filled.originals()} == before


def test_where_subjects_are_called_by_their_number_it_does_not_leave(kit, tmp_path):
    policy(kit, identified=True)
    write_series(tmp_path / "a", n=1, patient_id="QX4711")
    kit.take_in(tmp_path / "a")
    assert any("QX4711" in name for name in kit.files())
    for name, data in sent(kit).items():
        assert "4711" not in name
        assert b"4711" not in data


def test_studies_without_objects_have_nothing_to_send(kit):
    with pytest.raises(Invalid, match="nothing"):
        kit.importer.dicom.begin("default", [], actor="owner")


def test_what_may_show_a_name_is_held_back_on_the_way_in_where_a_project_wants_it(kit, tmp_path):
    policy(kit, dicom_arrivals="hold")
    write_series(tmp_path / "a", n=2)
    held = write_series(tmp_path / "a", n=1, number=9, ConversionType="WSD")
    receipt = kit.take_in(tmp_path / "a")
    assert (receipt.state, receipt.n_quarantined) == ("partial", 1)
    (item,) = [item for item in receipt.items if item.state == "quarantined"]
    assert "held back" in item.reason
    assert "dicom_burned_in" in item.hint
    kept = [path for path in kit.folder.quarantine.rglob("*") if path.suffix != ".json"]
    assert held[0].read_bytes() in [path.read_bytes() for path in kept if path.is_file()]
    policy(kit, dicom_arrivals="keep")
    kit.importer.retry(receipt.key)
    kit.run()
    assert kit.importer.receipt(receipt.key).n_quarantined == 0
    assert len(kit.images()) == 2


def ultrasound(kit: Kit, folder: Path) -> Path:
    """Two bright pictures of 128 x 128 with text all over, and a region of 96 x 88."""
    item = pydicom.Dataset()
    item.RegionSpatialFormat, item.RegionDataType = 1, 1
    item.RegionLocationMinX0, item.RegionLocationMinY0 = 16, 32
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = 111, 119
    told = {"Modality": "US", "SOPClassUID": ECHO, "SequenceOfUltrasoundRegions": [item]}
    paths = write_series(folder, n=2, patient_id="QX4711", Rows=128, Columns=128, **told)
    for n, path in enumerate(paths):
        ds = pydicom.dcmread(path)
        ds.PixelData = np.full((128, 128), 200 + n, np.uint16).tobytes()
        ds.BurnedInAnnotation = "YES"
        ds.save_as(path)
    return paths[0]


ECHO = "1.2.840.10008.5.1.4.1.1.6.1"


def test_pictures_with_burned_in_text_leave_with_black_places_and_the_report_says_so(kit, tmp_path):
    path = ultrasound(kit, tmp_path / "a")
    kit.take_in(tmp_path / "a")
    policy(kit, dicom_options=["pixels"])
    assert kit.importer.dicom.plan("default").n_withheld == 0
    files = sent(kit)
    for found in objects(files).values():
        pixels = found.pixel_array
        assert pixels[32:120, 16:112].min() >= 200
        assert np.count_nonzero(pixels) == 88 * 96
    (told,) = json.loads(files["report.json"])["blackened"]
    assert told["rules"] == ["US | * | * | * | regions"]
    assert (told["n"], told["percent"]) == (2, round(100 * (1 - 88 * 96 / 128**2), 1))
    kept = [one.read_bytes() for one in kit.folder.originals.rglob("*") if one.is_file()]
    assert path.read_bytes() in kept


def test_what_comes_with_burned_in_text_becomes_images_with_black_places(kit, tmp_path):
    policy(kit, dicom_arrivals="clean")
    path = ultrasound(kit, tmp_path / "a")
    held = write_series(tmp_path / "a", n=1, number=9, ConversionType="WSD")
    receipt = kit.take_in(tmp_path / "a")
    assert (receipt.state, receipt.n_quarantined) == ("partial", 1)
    (name,) = kit.images()
    image = kit.folder.projects / "default" / name.replace("#", "/")
    values = np.asarray(nibabel.load(image).dataobj)
    assert np.count_nonzero(values) == 2 * 88 * 96
    kept = [one.read_bytes() for one in kit.folder.originals.rglob("*") if one.is_file()]
    assert path.read_bytes() in kept
    assert held[0].read_bytes() not in kept


def test_a_series_whose_places_cannot_be_blackened_is_set_aside(kit, tmp_path):
    policy(kit, dicom_arrivals="clean", dicom_pixels=["* | * | * | * | 0,0,5,5"])
    (path,) = write_series(tmp_path / "a", n=1)
    ds = pydicom.dcmread(path)
    ds.PhotometricInterpretation = "HSV"
    ds.save_as(path)
    receipt = kit.take_in(tmp_path / "a")
    assert receipt.n_quarantined == 1
    (item,) = receipt.items
    assert "places in its pixels stay" in item.reason
    assert not kit.images()
