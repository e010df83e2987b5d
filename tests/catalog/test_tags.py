"""Tags on three levels: odd names, bulk changes, renaming and merging, and taking all back."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.catalog import (
    OperationQuery,
    add_file,
    clean_tag,
    count_tags,
    ensure_project,
    ensure_study,
    ensure_subject,
    list_operations,
    project_tags,
    retag,
    tag,
    tag_many,
    tags_of,
    undo_all,
)
from appliance.core import Conflict, Invalid, NotFound


def tags(catalog, level, x):
    with catalog.read() as con:
        return tags_of(con, level, [x])[x]


def counts(catalog, project_id=None):
    with catalog.read() as con:
        found = count_tags(con, project_id or catalog.project.id)
    return {one.name: (one.n_subjects, one.n_studies, one.n_files) for one in found}


@pytest.mark.parametrize("level", ["subject", "study", "file"])
def test_PROJ_19_every_level_carries_tags(filled, level):
    done = tag_many(filled, level, [1, 2], add=["seen"], actor="owner")
    assert done.n == 2
    assert "seen" in tags(filled, level, 1)
    tag_many(filled, level, [1], remove=["seen"], actor="owner")
    assert "seen" not in tags(filled, level, 1)
    assert "seen" in tags(filled, level, 2)


@pytest.mark.parametrize(
    "name",
    ["a b", "50%", "_x_", "a*b", "naïve", "日本", "it's", "<b>x", "x" * 100, "a:b", "!no"],
)
def test_odd_characters_are_kept_as_they_are(filled, name):
    tag_many(filled, "study", [1], add=[name], actor="owner")
    assert name in tags(filled, "study", 1)
    tag_many(filled, "study", [1], remove=[name], actor="owner")
    assert name not in tags(filled, "study", 1)


@pytest.mark.parametrize("name", ["", "  ", "a/b", "a,b", 'say "x"', "a\nb", "a\0b", "x" * 101])
def test_what_separates_tags_elsewhere_is_refused(filled, name):
    with pytest.raises(Invalid):
        tag_many(filled, "study", [1], add=[name], actor="owner")
    assert counts(filled) == {"control": (0, 2, 0), "mask": (0, 0, 1), "pilot": (1, 0, 0)}


def test_a_tag_is_one_word_whatever_its_case_and_normal_form(filled):
    tag_many(filled, "study", [1], add=["Ärger"], actor="owner")
    tag_many(filled, "study", [2], add=["ÄRGER", "ärger"], actor="owner")
    assert tags(filled, "study", 2) == ["Ärger"]
    assert counts(filled)["Ärger"] == (0, 2, 0)


def test_PROJ_20_special_file_tags_say_what_they_mean(filled):
    with filled.read() as con:
        found = {one.name: one.meaning for one in count_tags(con, filled.project.id)}
    assert "region" in found["mask"]
    assert found["pilot"] == ""


def test_undo_takes_back_what_was_changed_and_nothing_else(filled):
    before = counts(filled)
    done = tag_many(filled, "study", [1, 2, 3], add=["control", "new"], actor="ann")
    undo_all(filled, done.operation_id, "bob")
    assert counts(filled) == before
    with filled.read() as con:
        last, first = list_operations(con, OperationQuery()).items[:2]
    assert (first.verb, first.actor, first.undone_by, first.undoable) == (
        "tag",
        "ann",
        "bob",
        False,
    )
    assert (last.verb, last.actor) == ("undo", "bob")
    with pytest.raises(Conflict, match="undone already"):
        undo_all(filled, done.operation_id, "bob")


def test_a_later_change_of_the_same_tag_has_to_be_undone_first(filled):
    first = tag_many(filled, "study", [1, 2], add=["seen"], actor="a")
    second = tag_many(filled, "study", [2], remove=["seen"], actor="a")
    elsewhere = tag_many(filled, "study", [2], add=["other"], actor="a")
    with pytest.raises(Conflict, match=str(second.operation_id)):
        undo_all(filled, first.operation_id, "a")
    undo_all(filled, second.operation_id, "a")
    undo_all(filled, first.operation_id, "a")
    assert "seen" not in counts(filled)
    assert elsewhere.n == 1
    assert "other" in tags(filled, "study", 2)


def test_renaming_and_merging_change_one_project_only(filled):
    def other(tx):
        project = ensure_project(tx, "other")
        study = ensure_study(tx, ensure_subject(tx, project.id, "X"), "1")
        tag(tx, "study", [study], add=["control"])
        return project.id, study

    project_id, study = filled.write(other)
    done = retag(filled, filled.project.id, ["control", "pilot"], "group a", actor="owner")
    assert done.n == 3
    assert counts(filled) == {"group a": (1, 2, 0), "mask": (0, 0, 1)}
    assert tags(filled, "study", study) == ["control"]
    undo_all(filled, done.operation_id, "owner")
    assert counts(filled) == {"control": (0, 2, 0), "mask": (0, 0, 1), "pilot": (1, 0, 0)}
    assert counts(filled, project_id) == {"control": (0, 1, 0)}


def test_merging_into_a_tag_that_some_already_carry_comes_back_exactly(filled):
    tag_many(filled, "study", [1], add=["case"], actor="owner")
    before = counts(filled)
    done = retag(filled, filled.project.id, ["case"], "control", actor="owner")
    assert counts(filled)["control"] == (0, 2, 0)
    undo_all(filled, done.operation_id, "owner")
    assert counts(filled) == before


def test_a_tag_can_be_taken_off_everywhere_or_written_with_other_capitals(filled):
    retag(filled, filled.project.id, ["control"], "Control", actor="owner")
    assert counts(filled)["Control"] == (0, 2, 0)
    done = retag(filled, filled.project.id, ["CONTROL"], None, actor="owner")
    assert done.n == 2
    assert "Control" not in counts(filled)
    with pytest.raises(NotFound):
        retag(filled, filled.project.id, ["control"], None, actor="owner")


def test_rows_that_do_not_exist_or_of_two_projects_are_refused(filled):
    with pytest.raises(NotFound):
        tag_many(filled, "file", [10**9], add=["x"], actor="owner")

    def other(tx):
        project = ensure_project(tx, "other")
        return ensure_study(tx, ensure_subject(tx, project.id, "X"), "1")

    study = filled.write(other)
    with pytest.raises(Invalid, match="several projects"):
        tag_many(filled, "study", [1, study], add=["x"], actor="owner")


def test_what_is_put_on_and_taken_off_at_once_comes_off(filled):
    tag_many(filled, "study", [1, 2], add=["x", "CONTROL"], remove=["X", "control"], actor="owner")
    assert tags(filled, "study", 1) == []
    assert tags(filled, "study", 2) == []


def test_bulk_tags_are_written_in_many_short_transactions_and_undone_as_one(filled):
    def many(tx):
        return [
            add_file(tx, 1, f"bulk/{i}.nii", size_bytes=1, mtime_ns=1, kind="image")
            for i in range(5000)
        ]

    ids = filled.write(many)
    done = tag_many(filled, "file", ids, add=["bulk"], actor="owner")
    with filled.read() as con:
        parts = con.execute(
            "SELECT count(*) FROM operation_parts WHERE operation_id = ?", (done.operation_id,)
        ).fetchone()[0]
    assert parts == 5
    assert counts(filled)["bulk"] == (0, 0, 5000)
    undo_all(filled, done.operation_id, "owner")
    assert "bulk" not in counts(filled)


def test_counts_agree_with_the_older_table_of_tags(filled):
    with filled.read() as con:
        old = project_tags(con, filled.project.id)
    new = counts(filled)
    for at, level in enumerate(("subject", "study", "file")):
        assert {one.name: one.n for one in old[level]} == {
            k: v[at] for k, v in new.items() if v[at]
        }


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["study", "subject"]),
            st.sets(st.integers(1, 3), min_size=1),
            st.sets(st.sampled_from(["a", "B", "ä"])),
            st.sets(st.sampled_from(["c", "control"])),
        ),
        max_size=5,
    )
)
def test_undoing_in_reverse_order_brings_any_history_back(filled, changes):
    before = counts(filled)
    done = [
        tag_many(filled, level, sorted(ids), add=sorted(add), remove=sorted(remove), actor="h")
        for level, ids, add, remove in changes
    ]
    for one in reversed(done):
        undo_all(filled, one.operation_id, "h")
    assert counts(filled) == before


@given(st.text(max_size=120))
def test_a_cleaned_name_stays_as_it_is(name):
    try:
        clean = clean_tag(name)
    except Invalid:
        return
    assert clean_tag(clean) == clean
    assert clean == clean.strip()
