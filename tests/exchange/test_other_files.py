"""Files that are no DICOM: they go where a person said, or wait in quarantine for it."""

from __future__ import annotations

import io
import zipfile

import nibabel as nib
import numpy as np
import pytest

from appliance.core import Invalid, NotFound
from tests.exchange.kit import write_series


def nifti(path, shape=(4, 5, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(np.zeros(shape, np.int16), np.diag([1.0, 2, 3, 1])).to_filename(path)
    return path


def test_IMP_05_a_file_goes_into_the_chosen_study(kit, tmp_path):
    receipt = kit.upload(nifti(tmp_path / "my mask.nii"), subject="S-0007", study="visit1")
    assert (receipt.state, receipt.studies) == ("done", ["S-0007#visit1"])
    row = kit.images()["S-0007#visit1/my_mask.nii"]
    assert row.header["shape"] == [4, 5, 6]
    assert row.sha256
    assert row.origin.startswith("receipt:")
    assert kit.previews == [row.id]


def test_another_file_of_the_same_name_does_not_replace_it(kit, tmp_path):
    a, b = nifti(tmp_path / "a/x.nii"), nifti(tmp_path / "b/x.nii", (3, 3, 3))
    for path in (a, b):
        kit.upload(path, subject="S", study="V")
    again = kit.upload(a, subject="S", study="V")
    assert again.n_duplicate == 1
    assert {n: r.header["shape"] for n, r in kit.images().items()} == {
        "S#V/x.nii": [4, 5, 6],
        "S#V/x_2.nii": [3, 3, 3],
    }


def test_without_target_it_waits_in_quarantine_until_one_is_named(kit, tmp_path):
    receipt = kit.upload(nifti(tmp_path / "x.nii"))
    assert (receipt.state, receipt.n_quarantined) == ("failed", 1)
    assert "target" in receipt.reason
    kit.importer.resolve(receipt.key, "assign", pid="S-0003#V1", actor="owner")
    kit.run()
    assert kit.importer.receipt(receipt.key).state == "done"
    assert list(kit.images()) == ["S-0003#V1/x.nii"]


def test_a_damaged_image_is_set_aside(kit, tmp_path):
    (tmp_path / "x.nii").write_bytes(b"not an image")
    receipt = kit.upload(tmp_path / "x.nii", subject="S", study="V")
    assert (receipt.state, receipt.items[0].state) == ("failed", "quarantined")
    assert "damaged" in receipt.reason
    assert not kit.files()


def test_json_is_stored_with_its_content(kit, tmp_path):
    (tmp_path / "in/META").mkdir(parents=True)
    (tmp_path / "in/META/rating.json").write_text('{"motion": 2}')
    kit.take_in(tmp_path / "in", patients_id="S-1", studies_id="V")
    assert list(kit.files()) == ["S-1#V/META/rating.json"]
    with kit.catalog.read() as con:
        assert con.execute("SELECT doc ->> 'motion' FROM meta").fetchone()[0] == 2


def test_layout_of_folders_names_the_target_only_for_codes(kit, tmp_path):
    nifti(tmp_path / "in/S-0004/V1/T1/t1.nii")
    nifti(tmp_path / "in/Doe_Jane/V1/t1.nii")
    receipt = kit.take_in(tmp_path / "in")
    assert (receipt.n_done, receipt.n_quarantined) == (1, 1)
    assert list(kit.images()) == ["S-0004#V1/T1/t1.nii"]


def test_CLI_22_patients_and_studies_id_overrule_the_data(kit, tmp_path):
    write_series(tmp_path / "in")
    receipt = kit.take_in(tmp_path / "in", patients_id="PIZ 1", studies_id="base")
    assert receipt.studies == ["PIZ_1#base"]


def test_CLI_23_pattern_takes_subject_and_study_from_the_path(kit, tmp_path):
    nifti(tmp_path / "in/base-1/0815/t1.nii")
    write_series(tmp_path / "in/late-2/4711")
    pattern = r"(?<studies_id>[\w\-]+)\/(?<patients_id>\w+)$"
    receipt = kit.take_in(tmp_path / "in", pattern=pattern)
    assert receipt.studies == ["0815#base-1", "4711#late-2"]


@pytest.mark.parametrize("pattern", ["(?<patients_id>", "(?<x>a)", r"(?<patients_id>nowhere\d+)$"])
def test_a_pattern_that_cannot_work_is_refused_at_once(kit, tmp_path, pattern):
    write_series(tmp_path / "in")
    with pytest.raises(Invalid):
        kit.importer.import_path("default", tmp_path / "in", pattern=pattern)
    with kit.catalog.read() as con:
        assert con.execute("SELECT count(*) FROM receipts").fetchone()[0] == 0


def test_CLI_21_extra_files_go_along_with_the_only_study(kit, tmp_path):
    write_series(tmp_path / "in")
    nifti(tmp_path / "in/extra/mask.nii")
    (tmp_path / "in/readme.txt").write_text("hello")
    receipt = kit.take_in(tmp_path / "in", extrafiles_filter="nii,hdr,img")
    assert "S-0001#2024-05-02/extra/mask.nii" in kit.images()
    assert (receipt.n_done, receipt.n_quarantined) == (5, 1)


def test_wrong_project_and_path_are_clear(kit, tmp_path):
    with pytest.raises(NotFound, match="nowhere"):
        kit.importer.import_path("default", tmp_path / "nowhere")
    with pytest.raises(NotFound, match="other"):
        kit.importer.import_path("other", tmp_path)
    with pytest.raises(Invalid):
        kit.importer.import_path("default", kit.folder.originals)
    with pytest.raises(Invalid):
        kit.importer.begin_upload("default", "x.nii", study="V")


def test_targets_cannot_leave_the_project(kit, tmp_path):
    kit.upload(nifti(tmp_path / "x.nii"), name="../../x.nii", subject="../..", study="../etc")
    assert list(kit.images()) == ["unnamed#etc/x.nii"]
    inside = list(kit.folder.projects.rglob("*.nii"))
    assert len(inside) == 1


def test_original_names_are_told_on_record_only(kit, tmp_path):
    receipt = kit.upload(nifti(tmp_path / "Doe Jane.nii"), subject="S", study="V")
    assert receipt.items[0].name == "000001.nii"
    names = kit.importer.original_names(receipt.key, actor="owner")
    assert names == {receipt.items[0].id: "Doe Jane.nii"}
    with kit.catalog.read() as con:
        assert con.execute("SELECT verb FROM operations").fetchone()[0] == "reveal-names"


def test_a_zip_with_files_for_one_study_keeps_its_folders(kit, tmp_path):
    path = nifti(tmp_path / "t1.nii")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(path, "anat/t1.nii")
        archive.writestr("META/x.json", "{}")
        archive.writestr("__MACOSX/._t1.nii", "junk")
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    receipt = kit.upload(tmp_path / "a.zip", subject="S", study="V")
    assert (receipt.state, receipt.n_files) == ("done", 2)
    assert list(kit.files()) == ["S#V/META/x.json", "S#V/anat/t1.nii"]


def test_IMP_06_everything_goes_into_the_chosen_study_also_dicom(kit, tmp_path):
    [path] = write_series(tmp_path / "dicom", n=1)
    receipt = kit.upload(path, subject="S-0007", study="visit1")
    assert receipt.studies == ["S-0007#visit1"]


def test_IMP_08_with_native_pid_the_data_say_whose_they_are_and_the_rest_goes_to_the_target(
    kit, tmp_path
):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in write_series(tmp_path / "dicom", date="20240502"):
            archive.write(path, f"dicom/{path.name}")
        archive.write(nifti(tmp_path / "mask.nii"), "mask.nii")
    (tmp_path / "all.zip").write_bytes(buffer.getvalue())
    receipt = kit.upload(tmp_path / "all.zip", subject="S-0777", study="V", native=True)
    assert receipt.state == "done"
    own, other = sorted(receipt.studies)
    assert own.startswith("S-0001#2024-05-02")
    assert other == "S-0777#V"
    assert "S-0777#V/mask.nii" in kit.images()


def test_IMP_08_with_native_pid_what_says_nothing_waits_and_is_told_what_to_do(kit, tmp_path):
    receipt = kit.upload(nifti(tmp_path / "x.nii"), native=True)
    assert (receipt.state, receipt.items[0].state) == ("failed", "quarantined")
    assert "choose the study" in receipt.reason
    assert "upload it into that study" in receipt.hint
