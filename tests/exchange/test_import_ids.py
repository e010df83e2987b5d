"""Importing by what the data say: native ids, formats, studies that are made, policies."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import mrcfile
import nibabel as nib
import numpy as np
import pytest

from tests.exchange.kit import write_series

DATA = np.arange(60, dtype=np.int16).reshape(3, 4, 5)


def zip_of(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.dcm")):
            archive.write(file, str(file.relative_to(folder)))
    return path


def identified(kit) -> None:
    policy = json.dumps({"identified": True})
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE projects SET policy = ?", (policy,)))


@pytest.mark.parametrize("packed", [False, True])
def test_IMP_04_a_folder_and_a_zip_are_imported_by_path(kit, tmp_path, packed):
    write_series(tmp_path / "in/a")
    source = zip_of(tmp_path / "in", tmp_path / "in.zip") if packed else tmp_path / "in"
    receipt = kit.take_in(source)
    assert (receipt.state, receipt.kind, receipt.n_done) == ("done", "cli", 4)
    assert source.exists()


def test_IMP_08_IMP_09_an_upload_without_a_target_goes_by_the_ids_in_the_data(kit, tmp_path):
    identified(kit)
    write_series(tmp_path / "in/a", patient_id="PIZ-1", n=2)
    write_series(tmp_path / "in/b", patient_id="PIZ-2", name="ROE^R", study_uid="1.2.9", n=2)
    receipt = kit.upload(zip_of(tmp_path / "in", tmp_path / "a.zip"))
    assert (receipt.state, receipt.n_done) == ("done", 4)
    assert sorted(one.partition("#")[0] for one in receipt.studies) == ["PIZ-1", "PIZ-2"]
    single = write_series(tmp_path / "c", patient_id="PIZ-1", study_uid="1.2.8", n=1, size=32)
    again = kit.upload(single[0])
    assert [one.partition("#")[0] for one in again.studies] == ["PIZ-1"]
    with kit.catalog.read() as con:
        assert con.execute("SELECT count(*) FROM subjects").fetchone()[0] == 2
        assert con.execute("SELECT count(*) FROM studies").fetchone()[0] == 3


def test_IMP_08_native_ids_stay_codes_where_a_project_is_pseudonymous(kit, tmp_path):
    receipt = kit.upload(write_series(tmp_path / "in", patient_id="PIZ-1", n=1)[0])
    assert receipt.studies == ["S-0001#2024-05-02"]


def image(kind: str, folder: Path) -> Path:
    path = folder / f"scan.{kind}"
    if kind in ("nii", "nii.gz"):
        nib.Nifti1Image(DATA, np.eye(4)).to_filename(path)
    elif kind in ("mgh", "mgz"):
        nib.MGHImage(DATA, np.eye(4)).to_filename(path)
    elif kind == "nrrd":
        header = (
            "NRRD0004\ntype: short\ndimension: 3\nsizes: 3 4 5\nencoding: gzip\nendian: little\n"
        )
        path.write_bytes(header.encode() + b"\n" + gzip.compress(DATA.tobytes(order="F")))
    else:
        with mrcfile.new(path) as volume:
            volume.set_data(DATA)
    return path


@pytest.mark.parametrize("kind", ["nii", "nii.gz", "mgh", "mgz", "nrrd", "mrc"])
def test_IMP_05_IMP_09_images_of_all_formats_go_into_a_study_that_is_made(kit, tmp_path, kind):
    receipt = kit.upload(image(kind, tmp_path), subject="S-9", study="first")
    assert (receipt.state, receipt.studies) == ("done", ["S-9#first"])
    row = kit.files()[f"S-9#first/scan.{kind}"]
    assert (row.kind, sorted(row.header["shape"])) == ("image", [3, 4, 5])


def test_IMP_10_a_projects_policy_says_how_images_are_stored(kit, tmp_path):
    policy = json.dumps({"nifti": "nii.gz"})
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE projects SET policy = ?", (policy,)))
    write_series(tmp_path / "in")
    kit.take_in(tmp_path / "in")
    assert [name.rpartition("/")[2] for name in kit.images()] == ["s001.nii.gz"]
