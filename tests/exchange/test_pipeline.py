"""From a folder of DICOM to catalogued images: the way that all doors share."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np

from tests.exchange.kit import write_series


def test_IMP_02_a_folder_becomes_catalogued_images(kit, tmp_path):
    paths = write_series(tmp_path / "in", n=5)
    before = {path: path.read_bytes() for path in paths}
    receipt = kit.take_in(tmp_path / "in")
    assert (receipt.state, receipt.n_files, receipt.n_done) == ("done", 5, 5)
    assert receipt.studies == ["S-0001#2024-05-02"]
    assert list(kit.files()) == [
        "S-0001#2024-05-02/t1_mprage_3/s001.json",
        "S-0001#2024-05-02/t1_mprage_3/s001.nii",
    ]
    row = kit.images()["S-0001#2024-05-02/t1_mprage_3/s001.nii"]
    assert row.header["shape"] == [16, 16, 5]
    assert row.header["voxel_mm"] == [1.0, 1.0, 2.0]
    assert (row.series.number, row.series.modality) == (3, "MR")
    assert {path: path.read_bytes() for path in paths} == before
    assert sorted(p.read_bytes() for p in kit.originals()) == sorted(before.values())
    assert kit.previews == [row.id]


def test_voxels_are_those_of_the_objects(kit, tmp_path):
    write_series(tmp_path / "in", n=3)
    kit.take_in(tmp_path / "in")
    image = nib.load(kit.folder.projects / "default/S-0001/2024-05-02/t1_mprage_3/s001.nii")
    data = np.asanyarray(image.dataobj)
    expected = (np.arange(256) % 500).reshape(16, 16)
    assert np.array_equal(np.sort(data[:, :, 0].ravel()), np.sort(expected.ravel()))


def test_IMP_x02_nodeinfo_tells_series_and_no_identity(kit, tmp_path):
    write_series(tmp_path / "in")
    kit.take_in(tmp_path / "in")
    study = kit.folder.projects / "default/S-0001/2024-05-02"
    doc = json.loads((study / "nodeinfo.json").read_text())
    assert doc["subject"] == {"id": "S-0001", "sex": "F"}
    assert doc["study"]["date"] == "2024-05-02"
    assert doc["study"]["age_years"] == 54
    assert [s["folder"] for s in doc["series"]] == ["t1_mprage_3"]


def test_no_identity_outside_the_identity_store(kit, tmp_path):
    write_series(tmp_path / "Doe_Jane", ImageComments="Mrs DOE came late", PatientComments="P1")
    kit.take_in(tmp_path / "Doe_Jane")
    open_places = [kit.folder.projects, kit.folder.quarantine, kit.folder.incoming]
    texts = [p.read_bytes() for r in open_places for p in r.rglob("*") if p.is_file()]
    texts += [str(p).encode() for r in open_places for p in r.rglob("*")]
    with kit.catalog.read() as con:
        texts += ["\n".join(con.iterdump()).encode()]
    needles = (b"Doe_Jane", b"DOE", b"19700102", b"1970-01-02")
    assert not [n for n in needles for text in texts if n in text]
    assert kit.identities.reveal(_project_key(kit), "S-0001").name == "DOE^JANE"


def _project_key(kit) -> str:
    with kit.catalog.read() as con:
        return con.execute("SELECT key FROM projects").fetchone()[0]
