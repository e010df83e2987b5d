"""Series, duplicates, late objects, bad files: every file gets a fate and nothing is lost."""

from __future__ import annotations

import json
import shutil

import pytest

from appliance.core import Conflict
from tests.exchange.kit import write_series

T1 = "S-0001#2024-05-02/t1_mprage_3/s001.nii"


def states(receipt) -> list[str]:
    return [item.state for item in receipt.items]


def quarantined(kit) -> list[bytes]:
    found = [p for p in kit.folder.quarantine.rglob("*") if p.is_file()]
    return [p.read_bytes() for p in found if not p.name.endswith((".json", "storage"))]


def test_truncated_and_foreign_files_are_set_aside_with_reasons(kit, tmp_path):
    paths = write_series(tmp_path / "in", n=4)
    cut = paths[3].read_bytes()[:-100]
    paths[3].write_bytes(cut)
    (tmp_path / "in/notes.dcm").write_bytes(b"no DICOM at all" * 20)
    receipt = kit.take_in(tmp_path / "in")
    assert (receipt.state, receipt.n_done, receipt.n_quarantined) == ("partial", 3, 2)
    assert receipt.reason
    assert all(i.reason and i.hint for i in receipt.items if i.state == "quarantined")
    assert sorted(quarantined(kit)) == sorted([cut, b"no DICOM at all" * 20])
    reasons = list(kit.folder.quarantine.rglob("*.reason.json"))
    assert len(reasons) == 2
    assert json.loads(reasons[0].read_text())["reason"]
    assert kit.images()[T1].header["shape"] == [16, 16, 3]


def test_two_series_with_one_number_and_name_get_two_folders(kit, tmp_path):
    write_series(tmp_path / "in/a", series_uid="1.2.3.4.1")
    write_series(tmp_path / "in/b", series_uid="1.2.3.4.2")
    kit.take_in(tmp_path / "in")
    assert list(kit.images()) == [T1, "S-0001#2024-05-02/t1_mprage_3_2/s001.nii"]


def test_the_same_objects_again_are_duplicates(kit, tmp_path):
    write_series(tmp_path / "in")
    kit.take_in(tmp_path / "in")
    again = kit.take_in(tmp_path / "in")
    assert (again.state, again.n_duplicate, again.studies) == ("done", 4, ["S-0001#2024-05-02"])
    assert len(kit.images()) == 1
    assert len(kit.originals()) == 4
    assert not list(kit.folder.incoming.rglob("*.dcm"))


def test_one_object_twice_in_one_arrival_is_a_duplicate(kit, tmp_path):
    paths = write_series(tmp_path / "in")
    (tmp_path / "in/copy.dcm").write_bytes(paths[0].read_bytes())
    receipt = kit.take_in(tmp_path / "in")
    assert (receipt.n_done, receipt.n_duplicate) == (4, 1)


def test_other_pixels_under_a_known_uid_are_quarantined_and_both_kept(kit, tmp_path):
    write_series(tmp_path / "a")
    changed = write_series(tmp_path / "b", n=1, value=7)
    kit.take_in(tmp_path / "a")
    receipt = kit.take_in(tmp_path / "b")
    assert states(receipt) == ["quarantined"]
    assert "same SOPInstanceUID" in receipt.reason
    assert quarantined(kit) == [changed[0].read_bytes()]
    assert len(kit.originals()) == 4


def test_the_same_image_under_another_header_is_a_duplicate_that_is_kept(kit, tmp_path):
    write_series(tmp_path / "a")
    changed = write_series(tmp_path / "b", n=1, InstitutionName="elsewhere")
    kit.take_in(tmp_path / "a")
    assert states(kit.take_in(tmp_path / "b")) == ["duplicate"]
    assert quarantined(kit) == [changed[0].read_bytes()]


def test_late_objects_reopen_their_series(kit, tmp_path):
    write_series(tmp_path / "a", n=3)
    write_series(tmp_path / "b", n=2, first=3)
    kit.take_in(tmp_path / "a")
    before = kit.images()[T1]
    kit.take_in(tmp_path / "b")
    after = kit.images()[T1]
    assert (before.header["shape"][2], after.header["shape"][2]) == (3, 5)
    assert after.id == before.id
    assert after.version != before.version
    assert len(kit.images()) == 1


def test_objects_that_come_while_a_series_is_converted_are_not_forgotten(kit, tmp_path):
    write_series(tmp_path / "a", n=3)
    write_series(tmp_path / "b", n=2, first=3)
    kit.importer.import_path("default", tmp_path / "a")
    kit.importer.import_path("default", tmp_path / "b")
    convert = kit.queue.steps["exchange.convert"]
    while kit.queue.waiting[0][0] != "exchange.convert":
        name, row_id = kit.queue.waiting.pop(0)
        kit.queue.steps[name](row_id)
    convert(kit.queue.waiting[0][1])
    kit.run()
    assert kit.images()[T1].header["shape"] == [16, 16, 5]


def test_two_studies_on_one_day_get_two_folders(kit, tmp_path):
    write_series(tmp_path / "in/a", study_uid="1.2.3.1")
    write_series(tmp_path / "in/b", study_uid="1.2.3.2")
    receipt = kit.take_in(tmp_path / "in")
    assert receipt.studies == ["S-0001#2024-05-02", "S-0001#2024-05-02_2"]


def test_a_series_the_converter_refuses_is_quarantined_with_its_originals(kit, tmp_path):
    write_series(tmp_path / "in", n=2, SOPClassUID="1.2.840.10008.5.1.4.1.1.4", Rows=0, Columns=0)
    receipt = kit.take_in(tmp_path / "in")
    assert receipt.state == "failed"
    assert set(states(receipt)) == {"quarantined"}
    assert "dcm2niix" in receipt.reason
    assert len(kit.originals()) == 2
    assert "S-0001" not in {row.pid for row in kit.files().values()}


def test_retry_works_again_on_what_failed(kit, tmp_path):
    paths = write_series(tmp_path / "in", n=4)
    whole = paths[3].read_bytes()
    paths[3].write_bytes(whole[:-100])
    receipt = kit.take_in(tmp_path / "in")
    bad = next(i for i in receipt.items if i.state == "quarantined")
    (kit.folder.quarantine / receipt.key / bad.name).write_bytes(whole)
    kit.importer.retry(receipt.key)
    kit.run()
    healed = kit.importer.receipt(receipt.key)
    assert (healed.state, healed.n_done, healed.reason) == ("done", 4, "")
    assert kit.images()[T1].header["shape"] == [16, 16, 4]
    with pytest.raises(Conflict):
        kit.importer.retry(receipt.key)


def test_an_sr_is_converted_and_kept_with_the_originals(kit, tmp_path):
    from pydicom.data import get_testdata_file

    source = tmp_path / "report.dcm"
    shutil.copyfile(get_testdata_file("test-SR.dcm", read=False), source)
    receipt = kit.take_in(source)
    assert (receipt.state, states(receipt)) == ("done", ["converted"])
    assert [p.read_bytes() for p in kit.originals()] == [source.read_bytes()]


def test_a_dicomdir_is_no_failure(kit, tmp_path):
    from pydicom.data import get_testdata_file

    write_series(tmp_path / "in")
    shutil.copyfile(get_testdata_file("DICOMDIR", read=False), tmp_path / "in/DICOMDIR")
    receipt = kit.take_in(tmp_path / "in")
    assert (receipt.state, receipt.n_done) == ("done", 5)


def test_two_patients_become_two_subjects(kit, tmp_path):
    write_series(tmp_path / "in/a", patient_id="P1", study_uid="1.2.3.1")
    write_series(tmp_path / "in/b", patient_id="P2", study_uid="1.2.3.2", name="ROE^RICHARD")
    assert kit.take_in(tmp_path / "in").studies == ["S-0001#2024-05-02", "S-0002#2024-05-02"]


def test_PROJ_04_policy_of_the_project_names_and_stores(kit, tmp_path):
    policy = {"identified": True, "nifti": "nii.gz", "keep_dates": False}
    kit.catalog.write(
        lambda tx: tx.con.execute("UPDATE projects SET policy = ?", (json.dumps(policy),))
    )
    write_series(tmp_path / "in")
    kit.take_in(tmp_path / "in")
    assert list(kit.images()) == ["P1#visit/t1_mprage_3/s001.nii.gz"]
    with kit.catalog.read() as con:
        assert con.execute("SELECT date FROM studies").fetchone()[0] is None


def test_dwi_has_its_tables_beside_it(kit, tmp_path):
    import gzip

    import nibabel

    home = nibabel.__path__[0] + "/nicom/tests/data"
    (tmp_path / "in").mkdir()
    for name in ("siemens_dwi_0", "siemens_dwi_1000"):
        with gzip.open(f"{home}/{name}.dcm.gz") as stream:
            (tmp_path / f"in/{name}.dcm").write_bytes(stream.read())
    receipt = kit.take_in(tmp_path / "in")
    assert receipt.state == "done"
    names = sorted(row.path.rpartition("/")[2] for row in kit.files().values())
    assert names == ["s001.bval", "s001.bvec", "s001.json", "s001.nii"]
    assert next(iter(kit.images().values())).header["n_volumes"] == 2
