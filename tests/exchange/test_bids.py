"""E-08: BIDS export of studies: guesses, mapping, names, and what the official validator says."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from appliance.catalog import (
    add_file,
    change_policy,
    ensure_series,
    ensure_study,
    ensure_subject,
    get_project,
    study_dir,
    tag,
)
from appliance.core import Conflict, Invalid
from appliance.exchange.bids_guess import Guess, SeriesFacts, guess
from appliance.exchange.bids_names import BidsName, label_of, parse_name
from appliance.exchange.bids_plan import BidsMapping, BidsRule
from appliance.exchange.bids_write import repetition_time
from appliance.exchange.existing_plan import ExistingOptions
from appliance.formats import file_facts
from tests.exchange.kit import Kit
from tests.exchange.trees import bids_dataset, write_image, write_json
from tests.support.bids import errors_of


def put_series(kit: Kit, pid: str, sid: str, number: int, protocol: str, **more) -> None:
    """Put one converted series into the catalog, as the importer would."""
    folder = f"{protocol}_{number}"
    root = study_dir(kit.folder, "default", pid, sid)
    shape, side = more.get("shape", (6, 6, 6)), more.get("sidecar", {})
    image = write_image(root / folder / "s001.nii", shape)
    if len(shape) == 4:
        set_repetition_time(image, 2.0)
    write_json(root / folder / "s001.json", {"Modality": "MR", "Manufacturer": "Maker", **side})
    if more.get("bvals"):
        (root / folder / "s001.bval").write_text("0 1000 1000\n")
        (root / folder / "s001.bvec").write_text("0 1 0\n0 0 1\n0 0 0\n")

    def write(tx):
        project = get_project(tx.con, "default")
        subject = ensure_subject(tx, project.id, pid, sex=more.get("sex"))
        study = ensure_study(tx, subject, sid, date=sid[:10], age_years=more.get("age"))
        series = ensure_series(tx, study, folder, number=number, protocol=protocol, modality="MR")
        for path in sorted((root / folder).iterdir()):
            facts = file_facts(path)
            file = add_file(tx, study, f"{folder}/{path.name}", series_id=series, **facts)
            if more.get("tags") and path.suffix == ".nii":
                tag(tx, "file", [file], add=more["tags"])

    kit.catalog.write(write)


def set_repetition_time(path: Path, seconds: float) -> None:
    import nibabel

    image = nibabel.load(path)
    image.header["pixdim"][4] = seconds
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(nibabel.Nifti1Image(image.get_fdata(), image.affine, image.header), path)


def project_id(kit: Kit) -> int:
    with kit.catalog.read() as con:
        return get_project(con, "default").id


def plan(kit: Kit, mapping: BidsMapping | None = None, studies=()):
    return kit.importer.bids.plan(project_id(kit), studies, mapping)


def targets(found) -> list[str]:
    return sorted(file.path for file in found.files)


def rule(found, source: str):
    return next(row for row in found.rules if row.source == source)


def visit(kit: Kit, pid: str = "S-0001", sid: str = "2024-05-02", **more) -> None:
    put_series(kit, pid, sid, 1, "localizer", **more)
    put_series(kit, pid, sid, 2, "t1_mprage_sag", **more)
    put_series(kit, pid, sid, 3, "fmri_rest_bold", shape=(6, 6, 6, 4), **more)
    put_series(kit, pid, sid, 4, "ep2d_diff_64dir", shape=(6, 6, 6, 3), bvals=True, **more)
    put_series(kit, pid, sid, 5, "t2_flair", **more)


def export(kit: Kit, target: Path, studies=()):
    key = kit.importer.bids.begin("default", studies, target=str(target), actor="owner").key
    kit.run()
    return kit.importer.bids.get(key)


def tree(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def test_E_08_a_visit_gets_the_names_that_its_series_mean(kit):
    visit(kit)
    found = plan(kit)
    base = "sub-S0001"
    assert targets(found) == [
        f"{base}/anat/sub-S0001_FLAIR.nii",
        f"{base}/anat/sub-S0001_T1w.nii",
        f"{base}/dwi/sub-S0001_dwi.nii",
        f"{base}/func/sub-S0001_task-rest_bold.nii",
    ]
    assert found.problems == []
    left = rule(found, "localizer/s*.nii")
    assert (left.include, left.why) == (False, "a localiser")


def test_E_08_an_export_passes_the_official_validator(kit, tmp_path):
    for pid in ("S-0001", "S-0002"):
        for sid in ("2024-05-02", "2024-07-01"):
            visit(kit, pid, sid, sex="F", age=41.0)
    fields = [{"name": "group", "kind": "choice", "choices": ["a", "b"]}]
    kit.catalog.write(lambda tx: change_policy(tx, "default", {"fields": fields}, actor="owner"))
    done = export(kit, tmp_path / "out")
    assert (done.state, done.n_files, done.n_done) == ("done", 16, 16)
    assert errors_of(tmp_path / "out") == []
    (tmp_path / "out" / "sub-S0001" / "ses-01" / "anat" / "wrong.nii").write_bytes(b"x")
    assert errors_of(tmp_path / "out") != []


def test_a_dataset_that_came_as_bids_goes_out_as_it_was(kit, tmp_path):
    root = bids_dataset(tmp_path / "ds")
    for path in root.rglob("*_bold.nii.gz"):
        set_repetition_time(path, 1.5)
    kit.importer.existing.begin("default", root, ExistingOptions(layout="bids"), actor="owner")
    kit.run()
    out = tmp_path / "out"
    assert export(kit, out).state == "done"
    images = [p for p in tree(root) if p.endswith(".nii.gz") and not p.startswith("derivatives")]
    assert [p for p in tree(out) if p.endswith(".nii.gz")] == images
    for name in images:
        assert (out / name).read_bytes() == (root / name).read_bytes()
    side = json.loads((out / "sub-01/ses-a/func/sub-01_ses-a_task-rest_bold.json").read_text())
    assert (side["TaskName"], side["RepetitionTime"]) == ("rest", 1.5)
    assert errors_of(out) == []


def test_several_images_of_one_name_become_runs_and_visits_become_sessions(kit):
    for sid in ("2024-05-02", "2024-07-01"):
        put_series(kit, "S-0001", sid, 2, "t1_mprage")
        put_series(kit, "S-0001", sid, 9, "t1_mprage")
    names = targets(plan(kit))
    assert names[:2] == [
        "sub-S0001/ses-01/anat/sub-S0001_ses-01_run-1_T1w.nii",
        "sub-S0001/ses-01/anat/sub-S0001_ses-01_run-2_T1w.nii",
    ]
    with kit.catalog.read() as con:
        second = con.execute("SELECT id FROM studies WHERE sid = '2024-07-01'").fetchone()[0]
    assert all("ses-02" in name for name in targets(plan(kit, studies=[second])))
    named = targets(plan(kit, BidsMapping(sessions="name")))
    assert named[0].startswith("sub-S0001/ses-20240502/")


def test_two_series_that_mean_the_same_are_told_apart(kit):
    put_series(kit, "S-0001", "2024-05-02", 2, "t1_mprage")
    put_series(kit, "S-0001", "2024-05-02", 3, "t1_vibe")
    assert targets(plan(kit)) == [
        "sub-S0001/anat/sub-S0001_T1w.nii",
        "sub-S0001/anat/sub-S0001_acq-t1vibe_T1w.nii",
    ]


def test_a_saved_mapping_decides(kit):
    visit(kit)
    rules = [
        BidsRule(source="t2_flair/s*.nii", include=False),
        BidsRule(
            source="t1_mprage_sag/s*.nii", datatype="anat", suffix="T1w", entities={"acq": "sag"}
        ),
    ]
    kit.importer.bids.save_mapping(project_id(kit), BidsMapping(rules=rules))
    found = plan(kit)
    assert "sub-S0001/anat/sub-S0001_acq-sag_T1w.nii" in targets(found)
    assert not [name for name in targets(found) if "FLAIR" in name]
    assert rule(found, "t2_flair/s*.nii").saved


@pytest.mark.parametrize(
    "wrong",
    [
        {"datatype": "brain", "suffix": "T1w"},
        {"datatype": "anat", "suffix": "T1/../w"},
        {"datatype": "anat", "suffix": "T1w", "entities": {"acq": "a_b"}},
        {"datatype": "anat", "suffix": "T1w", "entities": {"sub": "x"}},
        {"datatype": "anat", "suffix": "T1w", "entities": {"colour": "x"}},
        {"datatype": "func", "suffix": "bold"},
    ],
)
def test_a_rule_that_gives_no_valid_name_is_refused(kit, wrong):
    with pytest.raises(Invalid, match=r"^t1: "):
        kit.importer.bids.save_mapping(
            project_id(kit), BidsMapping(rules=[BidsRule(source="t1", **wrong)])
        )


def test_masks_stay_out_and_no_sidecar_tells_a_date_or_a_person(kit, tmp_path):
    side = {
        "PatientName": "DOE^JANE",
        "AcquisitionDateTime": "2024-05-02T10:00:00",
        "DeviceSerialNumber": "1234",
        "EchoTime": 0.003,
    }
    put_series(kit, "S-0001", "2024-05-02", 2, "t1_mprage", sidecar=side)
    put_series(kit, "S-0001", "2024-05-02", 7, "t1_brain", tags=["mask"])
    out = tmp_path / "out"
    export(kit, out)
    assert tree(out) == [
        "README.md",
        "dataset_description.json",
        "participants.json",
        "participants.tsv",
        "sub-S0001/anat/sub-S0001_T1w.json",
        "sub-S0001/anat/sub-S0001_T1w.nii",
    ]
    text = (out / "sub-S0001/anat/sub-S0001_T1w.json").read_text()
    assert json.loads(text) == {"Modality": "MR", "Manufacturer": "Maker", "EchoTime": 0.003}


def test_an_export_can_be_taken_as_a_zip(kit, tmp_path):
    visit(kit)
    bids = kit.importer.bids
    made = bids.begin("default", [], actor="owner")
    assert made.state == "ready"
    data = b"".join(bids.zipped(made.key))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        image = archive.read("sub-S0001/anat/sub-S0001_T1w.nii")
    assert "dataset_description.json" in names
    source = study_dir(kit.folder, "default", "S-0001", "2024-05-02") / "t1_mprage_sag_2/s001.nii"
    assert image == source.read_bytes()


def test_a_folder_that_cannot_be_used_is_refused(kit, tmp_path):
    visit(kit)
    begin = kit.importer.bids.begin
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    with pytest.raises(Conflict):
        begin("default", [], target=str(tmp_path / "full"), actor="owner")
    with pytest.raises(Invalid):
        begin("default", [], target="relative", actor="owner")
    with pytest.raises(Invalid):
        begin("default", [], target=str(kit.folder.root / "out"), actor="owner")
    assert (tmp_path / "full" / "x").read_text() == "mine"


def test_an_export_of_nothing_and_labels_that_collide_are_refused(kit):
    with pytest.raises(Invalid, match="nothing would be exported"):
        kit.importer.bids.begin("default", [], actor="owner")
    put_series(kit, "S-1", "2024-05-02", 2, "t1_mprage")
    put_series(kit, "S1", "2024-05-02", 2, "t1_mprage")
    with pytest.raises(Invalid, match="would both be sub-S1"):
        plan(kit)


def test_an_export_that_was_cut_off_goes_on(kit, tmp_path):
    visit(kit)
    key = kit.importer.bids.begin("default", [], target=str(tmp_path / "out"), actor="owner").key
    kit.importer.bids.close()
    kit.queue.run()
    assert kit.importer.bids.get(key).state == "working"
    kit.importer.bids.open()
    kit.run()
    assert kit.importer.bids.get(key).state == "done"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"path": "t1_mprage_3/s1.nii"}, ("anat", "T1w", {})),
        ({"path": "t1_mprage_km_3/s1.nii"}, ("anat", "T1w", {"ce": "gadolinium"})),
        ({"path": "t2_space_3/s1.nii"}, ("anat", "T2w", {})),
        ({"path": "t2_star_3/s1.nii"}, ("anat", "T2starw", {})),
        ({"path": "a/s1.nii", "protocol": "AX FLAIR"}, ("anat", "FLAIR", {})),
        ({"path": "task_faces/s1.nii", "n_volumes": 9}, ("func", "bold", {"task": "faces"})),
        ({"path": "rs_fmri/s1.nii", "n_volumes": 9}, ("func", "bold", {"task": "rest"})),
        ({"path": "dti_AP/s1.nii", "has_bvals": True}, ("dwi", "dwi", {"dir": "AP"})),
        ({"path": "se_epi_field_PA/s1.nii"}, ("fmap", "epi", {"dir": "PA"})),
        (
            {"path": "gre_field_map/s1.nii", "sidecar": {"ImageType": ["ORIGINAL", "P"]}},
            ("fmap", "phasediff", {}),
        ),
        (
            {"path": "gre_field_map/s1.nii", "sidecar": {"EchoNumber": 2}},
            ("fmap", "magnitude2", {}),
        ),
    ],
)
def test_series_are_recognised(facts, expected):
    found = guess(SeriesFacts(**facts))
    assert found.include
    assert (found.datatype, found.suffix, found.entities) == expected


@pytest.mark.parametrize(
    "facts",
    [
        {"path": "localizer_1/s1.nii"},
        {"path": "x/s1.nii"},
        {"path": "ep2d_diff_ADC/s1.nii"},
        {"path": "t1/s1.nii", "tags": ["mask"]},
        {"path": "t1/s1.nii", "modality": "CT"},
        {"path": "dti/s1.nii"},
        {"path": "bold/s1.nii"},
        {"path": "derivatives/seg/anat/sub-01_T1w.nii"},
    ],
)
def test_what_is_not_recognised_is_left_out_with_a_reason(facts):
    found = guess(SeriesFacts(**facts))
    assert isinstance(found, Guess)
    assert not found.include
    assert found.why


def test_names_are_taken_apart_and_written_in_order():
    name = parse_name("sub-01_run-2_task-rest_bold.nii.gz")
    assert name == BidsName({"sub": "01", "run": "2", "task": "rest"}, "bold", ".nii.gz")
    assert name.text() == "sub-01_task-rest_run-2_bold.nii.gz"
    assert label_of("sub-S_01", prefix="sub-") == "S01"


def test_repetition_time_is_read_in_any_unit(tmp_path):
    import nibabel
    import numpy as np

    for unit, step in (("sec", 1.25), ("msec", 1250.0), ("usec", 1.25e6)):
        for name in ("a.nii", "a.nii.gz"):
            image = nibabel.Nifti1Image(np.zeros((2, 2, 2, 2), np.uint8), np.eye(4))
            image.header.set_xyzt_units("mm", unit)
            image.header["pixdim"][4] = step
            nibabel.save(image, tmp_path / name)
            assert repetition_time(tmp_path / name) == pytest.approx(1.25)
