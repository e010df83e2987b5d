"""The trash: what goes in leaves every list, what comes back is as it was."""

from __future__ import annotations

import pytest

from appliance.catalog import (
    FileQuery,
    OperationQuery,
    StudyQuery,
    SubjectQuery,
    add_file,
    due_for_purge,
    ensure_study,
    files_of_study,
    find_operation,
    finish_undos,
    forget_trashed,
    list_files,
    list_operations,
    list_studies,
    list_subjects,
    mark_purged,
    set_project_state,
    study_files,
    tag_many,
    tags_of,
    trash_files,
    trash_many,
    trashed_rows,
    undo,
    undo_all,
)
from appliance.core import Conflict, Invalid, NotFound


def totals(catalog):
    project = catalog.project.id
    with catalog.read() as con:
        return (
            list_subjects(con, project, SubjectQuery()).total,
            list_studies(con, project, StudyQuery()).total,
            list_files(con, project, FileQuery()).total,
        )


def test_a_subject_takes_its_studies_and_files_along_and_brings_them_back(filled):
    before = totals(filled)
    done = trash_many(filled, subjects=[1], actor="owner")
    assert totals(filled) == (before[0] - 1, before[1] - 2, before[2] - 4)
    undo_all(filled, done.operation_id, "owner")
    assert totals(filled) == before


def test_undo_leaves_what_lay_in_the_trash_before(filled):
    before = totals(filled)
    first = filled.write(lambda tx: trash_files(tx, [1], "owner"))
    second = trash_many(filled, studies=[1], actor="owner")
    with pytest.raises(Conflict, match="in the trash itself"):
        undo_all(filled, first, "owner")
    undo_all(filled, second.operation_id, "owner")
    assert totals(filled) == (before[0], before[1], before[2] - 1)
    filled.write(lambda tx: undo(tx, first, "owner"))
    assert totals(filled) == before


def test_tags_come_back_with_what_carried_them(filled):
    tag_many(filled, "file", [1], add=["mine"], actor="owner")
    done = trash_many(filled, files=[1], actor="owner")
    undo_all(filled, done.operation_id, "owner")
    with filled.read() as con:
        assert tags_of(con, "file", [1])[1] == ["mask", "mine"]


def test_what_arrives_again_meanwhile_is_not_disturbed_by_undo(filled):
    done = trash_many(filled, studies=[1], actor="owner")
    with filled.read() as con:
        subject, sid = con.execute("SELECT subject_id, sid FROM studies WHERE id = 1").fetchone()

    def arrive(tx):
        study = ensure_study(tx, subject, sid)
        return add_file(tx, study, "t1_trio_4/s001.nii", size_bytes=7, mtime_ns=9, kind="image")

    file_id = filled.write(arrive)
    with filled.read() as con:
        assert [file.size_bytes for file in study_files(con, 1)] == [7]
    undo_all(filled, done.operation_id, "owner")
    with filled.read() as con:
        assert {file.id: file.size_bytes for file in study_files(con, 1)}[file_id] == 7


def test_what_a_job_still_writes_takes_its_study_out_of_the_trash(filled):
    before = totals(filled)
    done = trash_many(filled, subjects=[1], actor="owner")
    filled.write(lambda tx: add_file(tx, 1, "late/out.nii", size_bytes=1, mtime_ns=1, kind="image"))
    assert totals(filled) == (before[0], before[1] - 1, before[2] - 4 + 1)
    with filled.read() as con:
        studies, files = trashed_rows(con, done.operation_id)
    assert [study.sid for study in studies] == ["2024-02-01"]
    assert len(files) == 2
    undo_all(filled, done.operation_id, "owner")
    assert totals(filled) == (before[0], before[1], before[2] + 1)


def test_an_archived_project_is_not_changed(filled):
    done = trash_many(filled, studies=[1], actor="owner")
    filled.write(lambda tx: set_project_state(tx, "stroke", "archived", actor="owner"))
    for change in (
        lambda: tag_many(filled, "study", [2], add=["x"], actor="owner"),
        lambda: trash_many(filled, studies=[2], actor="owner"),
        lambda: undo_all(filled, done.operation_id, "owner"),
    ):
        with pytest.raises(Conflict, match="archive"):
            change()


def test_the_list_of_the_trash_names_what_lies_in_it(filled):
    done = trash_many(filled, files=[3], studies=[1], actor="ann")
    with filled.read() as con:
        (entry,) = list_operations(con, OperationQuery(in_trash=True)).items
        assert list_operations(con, OperationQuery(in_trash=True, project_ids=[99])).items == []
    assert (entry.id, entry.actor, entry.project) == (done.operation_id, "ann", "stroke")
    assert (entry.target["files"], entry.target["studies"]) == (1, 1)
    assert "S-0001#2024-01-01" in entry.target["names"]
    undo_all(filled, done.operation_id, "ann")
    with filled.read() as con:
        assert list_operations(con, OperationQuery(in_trash=True)).items == []


def test_what_is_made_final_cannot_come_back(filled):
    done = trash_many(filled, studies=[1], files=[3], actor="owner")
    with filled.read() as con:
        assert due_for_purge(con, 2**60) == [done.operation_id]
        assert due_for_purge(con, 0) == []
        studies, files = trashed_rows(con, done.operation_id)
        assert [(one.pid, one.sid) for one in studies] == [("S-0001", "2024-01-01")]
        assert [one.id for one in files] == [3]
        inside = files_of_study(con, 1)
    filled.write(lambda tx: mark_purged(tx, done.operation_id))
    with pytest.raises(Conflict, match="for good"):
        undo_all(filled, done.operation_id, "owner")
    filled.write(lambda tx: forget_trashed(tx, [*inside, 3]))
    with filled.read() as con:
        assert trashed_rows(con, done.operation_id)[1] == []
        assert con.execute("PRAGMA foreign_key_check").fetchall() == []
        assert find_operation(con, done.operation_id).purged_at is not None


def test_rows_that_live_are_never_forgotten(filled):
    before = totals(filled)
    filled.write(lambda tx: forget_trashed(tx, [1, 2, 3]))
    assert totals(filled)[2] == before[2]


def test_an_undo_that_was_cut_short_is_finished_at_the_start(filled):
    before = totals(filled)
    done = trash_many(filled, studies=[1], subjects=[2], actor="owner")
    filled.write(
        lambda tx: tx.con.execute(
            "UPDATE operations SET undone_at = 1, undone_by = 'x' WHERE id = ?",
            (done.operation_id,),
        )
    )
    assert finish_undos(filled) == 1
    assert totals(filled) == before
    assert finish_undos(filled) == 0


def test_nonsense_is_refused(filled):
    with pytest.raises(Invalid):
        trash_many(filled, actor="owner")
    with pytest.raises(NotFound):
        trash_many(filled, studies=[10**9], actor="owner")
    with pytest.raises(NotFound):
        undo_all(filled, 10**9, "owner")
    with pytest.raises(Conflict):
        filled.write(lambda tx: mark_purged(tx, 10**9))


def test_history_comes_in_pages_and_can_be_asked(filled):
    for n in range(5):
        tag_many(filled, "study", [1], add=[f"t{n}"], actor="ann" if n % 2 else "bob")
    with filled.read() as con:
        first = list_operations(con, OperationQuery(limit=2, verb="tag"))
        rest = list_operations(con, OperationQuery(limit=9, verb="tag", after=first.next))
        assert [len(first.items), len(rest.items), first.total] == [2, 3, 5]
        assert list_operations(con, OperationQuery(actor="ann")).total == 2
        assert list_operations(con, OperationQuery(verb="trash,undo")).total == 0
        with pytest.raises(Invalid):
            list_operations(con, OperationQuery(after="x"))
