"""Studies of ParaVision, through the doors: images under a code, everything kept, nothing told."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.support.bruker import MADE_STUDY_UID, write_study


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{folder.name}/{path.relative_to(folder)}")
    return target


def test_IMP_08_a_study_of_paravision_says_whose_it_is(kit, tmp_path):
    study = write_study(tmp_path / "20240502_Mickey")
    receipt = kit.upload(zipped(study, tmp_path / "study.zip"), native=True)
    assert (receipt.state, receipt.n_quarantined) == ("done", 0)
    [psid] = receipt.studies
    assert psid == "S-0001#2024-05-02"
    [(name, row)] = kit.images().items()
    assert name == f"{psid}/T2_TurboRARE_50001/s001.nii"
    assert row.header["shape"][:3] == [5, 6, 4]
    assert row.header["n_volumes"] == 2
    assert row.series.number == 50001
    assert f"{psid}/T2_TurboRARE_50001/s001.json" in kit.files()
    kept = {path.name for path in kit.folder.originals.rglob("*") if path.is_file()}
    assert {"2dseq", "visu_pars", "reco", "acqp", "method", "fid", "subject"} <= kept


def test_nobody_is_named_where_images_and_paths_lie(kit, tmp_path):
    study = write_study(tmp_path / "20240502_Mickey")
    kit.take_in(study)
    files = [path for path in kit.folder.root.rglob("*") if "identity" not in path.name]
    assert not [path for path in files if "Mickey" in str(path.relative_to(kit.folder.root))]
    for path in kit.folder.projects.rglob("*"):
        assert path.is_dir() or b"Mickey" not in path.read_bytes()


def test_the_same_study_again_makes_no_second_image(kit, tmp_path):
    study = write_study(tmp_path / "study")
    kit.take_in(study)
    again = kit.take_in(study)
    assert again.state == "done"
    assert again.n_duplicate == 2
    assert len(kit.images()) == 1


def test_IMP_06_a_chosen_study_takes_it(kit, tmp_path):
    study = write_study(tmp_path / "study")
    receipt = kit.upload(zipped(study, tmp_path / "s.zip"), subject="S-0042", study="visit1")
    assert receipt.studies == ["S-0042#visit1"]


def test_a_damaged_reconstruction_is_told_and_harms_no_other(kit, tmp_path):
    study = write_study(tmp_path / "study")
    write_study(tmp_path / "other")
    (tmp_path / "other/5").rename(study / "6")
    pixels = study / "6/pdata/1/2dseq"
    pixels.write_bytes(pixels.read_bytes()[:-2])
    receipt = kit.take_in(study)
    assert (receipt.state, receipt.n_quarantined) == ("partial", 2)
    assert "2dseq is not as long" in receipt.reason
    assert len(kit.images()) == 1


def test_pixels_without_their_parameters_are_told(kit, tmp_path):
    study = write_study(tmp_path / "study")
    (study / "5/pdata/1/visu_pars").unlink()
    receipt = kit.upload(zipped(study, tmp_path / "s.zip"))
    bad = [item for item in receipt.items if "visu_pars" in item.reason]
    assert [item.state for item in bad] == ["quarantined"]
    assert "whole study" in bad[0].hint


def test_two_animals_with_one_id_wait_for_a_person_and_nothing_is_lost(kit, tmp_path):
    kit.take_in(write_study(tmp_path / "study"))
    other = write_study(tmp_path / "other")
    visu = other / "5/pdata/1/visu_pars"
    text = visu.read_text("latin-1").replace("Mickey^Mouse", "Minnie^Mouse")
    visu.write_text(
        text.replace("=MALE", "=FEMALE").replace(MADE_STUDY_UID, "2.16.756.5"), "latin-1"
    )
    receipt = kit.take_in(other)
    assert receipt.state == "waiting"
    assert (receipt.n_quarantined, len(kit.images())) == (0, 1)
    kit.importer.resolve(receipt.key, "new", actor="owner")
    kit.run()
    assert kit.importer.receipt(receipt.key).state == "done"
    assert len(kit.images()) == 2
