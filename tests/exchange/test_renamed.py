"""What arrives for somebody who was renamed, moved or deleted meanwhile."""

from __future__ import annotations

from appliance.catalog import trash_many, undo_all
from appliance.upkeep import Mover
from tests.exchange.kit import write_series

SUBJECTS = "SELECT id, trashed_at FROM subjects"
STUDIES = "SELECT id, trashed_at FROM studies"


def mover(kit):
    return Mover(kit.catalog, kit.folder, kit.identities)


def ids(kit, table):
    with kit.catalog.read() as con:
        rows = con.execute({"subjects": SUBJECTS, "studies": STUDIES}[table]).fetchall()
    return [row["id"] for row in rows if row["trashed_at"] is None]


def test_later_series_go_to_the_new_code(kit, tmp_path):
    write_series(tmp_path / "one", number=3)
    kit.take_in(tmp_path / "one")
    (subject,) = ids(kit, "subjects")
    mover(kit).rename_subject(subject, "P-7", "owner")
    write_series(tmp_path / "two", number=4)
    receipt = kit.take_in(tmp_path / "two")
    assert receipt.studies == ["P-7#2024-05-02"]
    assert ids(kit, "subjects") == [subject]
    folders = sorted(p.name for p in (kit.folder.projects / "default/P-7/2024-05-02").iterdir())
    assert [name for name in folders if name.endswith(("_3", "_4"))] == [
        "t1_mprage_3",
        "t1_mprage_4",
    ]
    assert not (kit.folder.projects / "default/S-0001").exists()


def test_the_same_objects_are_still_known_as_duplicates(kit, tmp_path):
    paths = write_series(tmp_path / "one")
    kit.take_in(tmp_path / "one")
    (study,) = ids(kit, "studies")
    mover(kit).rename_study(study, "baseline", "owner")
    (subject,) = ids(kit, "subjects")
    mover(kit).rename_subject(subject, "P-7", "owner")
    receipt = kit.take_in(tmp_path / "one")
    assert receipt.n_duplicate == len(paths)
    assert ids(kit, "subjects") == [subject]


def test_what_arrives_for_a_deleted_study_brings_it_back(kit, tmp_path):
    write_series(tmp_path / "one", number=3)
    kit.take_in(tmp_path / "one")
    (study,) = ids(kit, "studies")
    done = trash_many(kit.catalog, studies=[study], actor="owner")
    write_series(tmp_path / "two", number=4)
    kit.take_in(tmp_path / "two")
    assert ids(kit, "studies") == [study]
    assert sorted(kit.files()) == [
        "S-0001#2024-05-02/t1_mprage_4/s001.json",
        "S-0001#2024-05-02/t1_mprage_4/s001.nii",
    ]
    undo_all(kit.catalog, done.operation_id, "owner")
    assert len(kit.files()) == 4


def test_later_series_of_a_renamed_study_go_to_it(kit, tmp_path):
    write_series(tmp_path / "one", number=3)
    kit.take_in(tmp_path / "one")
    (study,) = ids(kit, "studies")
    mover(kit).rename_study(study, "baseline", "owner")
    write_series(tmp_path / "two", number=4)
    assert kit.take_in(tmp_path / "two").studies == ["S-0001#baseline"]
    assert ids(kit, "studies") == [study]
