"""Renaming on disk and in the catalog as one: codes, folders, identities, and cuts in between."""

from __future__ import annotations

import json

import pytest

from appliance import catalog
from appliance.catalog import OperationQuery, find_operation, list_operations
from appliance.core import Conflict, Invalid, NotFound
from appliance.privacy import Identity, IdentityStore, ProjectPolicy
from appliance.upkeep import Mover

JANE = Identity(patient_id="4711", issuer="", name="Doe^Jane", birth_date="19700101", sex="F")


@pytest.fixture
def place(tmp_path):
    """A catalog with one subject of two studies on disk, and who that is."""
    from appliance.core import DataFolder

    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    opened = catalog.Catalog.open(folder.catalog_path)
    identities = IdentityStore.open(folder.identity_path)

    def fill(tx):
        project = catalog.ensure_project(tx, "default")
        subject = catalog.ensure_subject(tx, project.id, "S-0001")
        other = catalog.ensure_subject(tx, project.id, "S-0002")
        studies = [catalog.ensure_study(tx, subject, sid) for sid in ("2024", "2025")]
        files = [
            catalog.add_file(tx, study, "t1/s001.nii", size_bytes=1, mtime_ns=1, kind="image")
            for study in studies
        ]
        return project, subject, other, studies, files

    project, subject, other, studies, files = opened.write(fill)
    for sid in ("2024", "2025"):
        study = folder.projects / "default" / "S-0001" / sid
        (study / "t1").mkdir(parents=True)
        (study / "t1" / "s001.nii").write_bytes(b"x")
        info = {"subject": {"id": "S-0001"}, "study": {"sid": sid}}
        (study / "nodeinfo.json").write_text(json.dumps(info))
    code = identities.resolve(project.key, JANE, ProjectPolicy()).code
    assert code == "S-0001"

    class Place:
        pass

    place = Place()
    place.__dict__.update(
        folder=folder,
        catalog=opened,
        identities=identities,
        mover=Mover(opened, folder, identities),
        project=project,
        subject=subject,
        other=other,
        studies=studies,
        files=files,
        root=folder.projects / "default",
    )
    yield place
    identities.close()
    opened.close()


def path_of(place, file_id):
    with place.catalog.read() as con:
        return catalog.file_path(place.folder, catalog.get_file(con, file_id))


def test_a_subject_gets_another_code_everywhere_and_back(place):
    done = place.mover.rename_subject(place.subject, "P-7", "owner")
    assert path_of(place, place.files[0]) == place.root / "P-7/2024/t1/s001.nii"
    assert path_of(place, place.files[0]).read_bytes() == b"x"
    assert not (place.root / "S-0001").exists()
    assert json.loads((place.root / "P-7/2024/nodeinfo.json").read_text())["subject"]["id"] == "P-7"
    assert place.identities.reveal(place.project.key, "P-7") == JANE
    assert place.identities.resolve(place.project.key, JANE, ProjectPolicy()).code == "P-7"
    with place.catalog.read() as con:
        operation = find_operation(con, done)
    assert (operation.verb, operation.target["from"], operation.target["to"]) == (
        "rename",
        "S-0001",
        "P-7",
    )
    place.mover.undo(operation, "owner")
    assert path_of(place, place.files[1]).read_bytes() == b"x"
    assert place.identities.resolve(place.project.key, JANE, ProjectPolicy()).code == "S-0001"
    with place.catalog.read() as con:
        assert [o.verb for o in list_operations(con, OperationQuery()).items] == ["undo", "rename"]
        with pytest.raises(Conflict, match="undone already"):
            place.mover.undo(find_operation(con, done), "owner")


def test_the_old_code_is_not_given_to_the_next_patient(place):
    place.mover.rename_subject(place.subject, "P-7", "owner")
    new = Identity(patient_id="99", issuer="", name="X^Y", birth_date="", sex="")
    taken = {"S-0002"}.__contains__
    code = place.identities.resolve(place.project.key, new, ProjectPolicy(), taken=taken).code
    assert code not in ("S-0001", "S-0002", "P-7")


def test_studies_and_files_are_renamed_and_moved(place):
    first, second = place.studies
    place.mover.rename_study(first, "baseline", "owner")
    place.mover.move_study(second, place.other, "owner")
    place.mover.rename_file(place.files[0], "anat/t1 (old).nii", "owner")
    assert path_of(place, place.files[0]) == place.root / "S-0001/baseline/anat/t1 (old).nii"
    assert path_of(place, place.files[1]) == place.root / "S-0002/2025/t1/s001.nii"
    assert path_of(place, place.files[0]).read_bytes() == b"x"
    assert path_of(place, place.files[1]).read_bytes() == b"x"
    with place.catalog.read() as con:
        operations = list_operations(con, OperationQuery()).items
    for operation in operations:
        place.mover.undo(operation, "owner")
    assert path_of(place, place.files[0]) == place.root / "S-0001/2024/t1/s001.nii"
    assert path_of(place, place.files[1]) == place.root / "S-0001/2025/t1/s001.nii"


def test_a_later_name_is_taken_back_first(place):
    first = place.mover.rename_study(place.studies[0], "a", "owner")
    place.mover.rename_study(place.studies[0], "b", "owner")
    with place.catalog.read() as con:
        operation = find_operation(con, first)
    with pytest.raises(Conflict, match="later"):
        place.mover.undo(operation, "owner")


@pytest.mark.parametrize("name", ["", "..", "a/b", ".x", "x y", "ä", "x" * 65, "S-0001"])
def test_codes_that_are_no_folder_names_are_refused(place, name):
    with pytest.raises(Invalid):
        place.mover.rename_subject(place.subject, name, "owner")
    assert (place.root / "S-0001/2024/t1/s001.nii").is_file()


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a//b", "t1/.nora.json", "a\nb"])
def test_paths_that_lead_elsewhere_are_refused(place, name):
    with pytest.raises(Invalid):
        place.mover.rename_file(place.files[0], name, "owner")


def test_what_is_taken_in_the_catalog_the_trash_or_on_disk_is_refused(place):
    with pytest.raises(Conflict, match="already"):
        place.mover.rename_subject(place.subject, "s-0002", "owner")
    catalog.trash_many(place.catalog, studies=[place.studies[1]], actor="owner")
    with pytest.raises(Conflict, match="trash"):
        place.mover.rename_study(place.studies[0], "2025", "owner")
    (place.root / "S-0001/kept").mkdir()
    with pytest.raises(Conflict, match="on disk"):
        place.mover.rename_study(place.studies[0], "kept", "owner")
    with pytest.raises(NotFound):
        place.mover.rename_study(place.studies[1], "x", "owner")
    with place.catalog.read() as con:
        assert [o.verb for o in list_operations(con, OperationQuery()).items] == ["trash"]


def test_a_cut_before_the_rename_leaves_all_as_it_was(place):
    with place.catalog.read() as con:
        move = catalog.plan_rename_subject(con, place.subject, "P-7")
    place.catalog.write(lambda tx: catalog.begin_move(tx, move, "owner"))
    place.identities.recode(place.project.key, "S-0001", "P-7")
    with pytest.raises(Conflict, match="under way"):
        place.mover.rename_study(place.studies[0], "x", "owner")
    assert place.mover.finish_pending() == 1
    assert path_of(place, place.files[0]).read_bytes() == b"x"
    assert place.identities.reveal(place.project.key, "S-0001") == JANE
    with place.catalog.read() as con:
        assert list_operations(con, OperationQuery()).items == []


def test_a_cut_after_the_rename_is_finished(place):
    with place.catalog.read() as con:
        move = catalog.plan_rename_subject(con, place.subject, "P-7")
    place.catalog.write(lambda tx: catalog.begin_move(tx, move, "owner"))
    (place.root / "S-0001").rename(place.root / "P-7")
    assert place.mover.finish_pending() == 1
    assert path_of(place, place.files[0]) == place.root / "P-7/2024/t1/s001.nii"
    assert place.identities.reveal(place.project.key, "P-7") == JANE
    assert place.mover.finish_pending() == 0


def test_a_disk_that_refuses_leaves_all_as_it_was(place, monkeypatch):
    def refuse(*_args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(Exception, match="Permission denied"):
        place.mover.rename_subject(place.subject, "P-7", "owner")
    monkeypatch.undo()
    assert path_of(place, place.files[0]).read_bytes() == b"x"
    assert place.identities.reveal(place.project.key, "S-0001") == JANE
    with place.catalog.read() as con:
        assert list_operations(con, OperationQuery()).items == []
