"""How SQLite goes about the queries that must stay fast: the traps of its planner."""

from __future__ import annotations

import pytest

from appliance.catalog import (
    FileQuery,
    StudyQuery,
    SubjectQuery,
    get_study,
    list_files,
    list_projects,
    list_studies,
    list_subjects,
    select,
    study_files,
)
from appliance.catalog.page_rows import file_page, study_page, subject_page
from appliance.catalog.posting_reads import path_ids, path_ranks, read_files_of, templates_after


def plans(con, run):
    """Every statement that a call runs, with the steps SQLite takes for it."""
    statements = []
    con.set_trace_callback(statements.append)
    run()
    con.set_trace_callback(None)
    chosen = [sql for sql in statements if sql.startswith(("SELECT", "WITH"))]
    assert chosen
    return {sql: [r["detail"] for r in con.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in chosen}


def steps(con, run):
    return [step for plan in plans(con, run).values() for step in plan]


def scanned(con, run):
    """Tables that are read from end to end; the few templates among the names are no table."""
    found = {step for step in steps(con, run) if step.startswith("SCAN")}
    return {step.split()[1] for step in found if "paths_templated" not in step}


@pytest.mark.parametrize(
    "run",
    [
        lambda con: study_page(con, [1, 2, 3]),
        lambda con: subject_page(con, [1, 2, 3]),
        lambda con: file_page(con, [1, 2, 3]),
        lambda con: get_study(con, 1),
        lambda con: study_files(con, 1),
        lambda con: read_files_of(con, [1, 2, 3]),
        lambda con: list_files(con, 1, FileQuery(study_id=1, files="t1*")),
        lambda con: list_studies(con, 1, StudyQuery(subject_id=1)),
    ],
)
def test_what_is_asked_of_a_few_rows_reads_no_table_from_end_to_end(filled, run):
    with filled.read() as con:
        assert scanned(con, lambda: run(con)) == set()


def test_a_literal_head_of_a_pattern_narrows_the_search_to_a_range_of_the_index(filled):
    with filled.read() as con:
        found = steps(con, lambda: path_ids(con, "META/*.json", anchored=False))
    assert found == [
        "SEARCH paths USING COVERING INDEX paths_by_fold (path_fold>? AND path_fold<?)"
    ]


def test_a_pattern_without_a_head_reads_the_index_of_names_and_no_table(filled):
    with filled.read() as con:
        found = steps(con, lambda: path_ids(con, "*mask*", anchored=False))
    assert found == ["SCAN paths USING COVERING INDEX paths_by_fold"]


def test_only_new_names_are_looked_at_again(filled):
    with filled.read() as con:
        found = steps(con, lambda: path_ids(con, "*mask*", anchored=False, after=2))
    assert found == ["SEARCH paths USING INTEGER PRIMARY KEY (rowid>?)"]


def test_templates_are_found_without_reading_other_names(filled):
    with filled.read() as con:
        found = steps(con, lambda: templates_after(con, 0))
    assert found == ["SCAN paths USING INDEX paths_templated"]


def test_the_order_of_names_comes_out_of_an_index(filled):
    with filled.read() as con:
        found = steps(con, lambda: path_ranks(con))
    assert not any("TEMP B-TREE" in step for step in found)


@pytest.mark.parametrize(
    "query",
    [
        {"files": "t1*"},
        {"files": "t1* dwi*/s0*.nii & META"},
        {"files": "t1* & STAG:control"},
        {"files": "!t1*"},
        {"tags": "control"},
        {"files": "FTAG:mask"},
    ],
)
def test_PROJ_11_without_postings_files_are_found_by_their_name_or_tag(filled, query):
    """Never by reading all files, and never by asking each study anew (30 times slower)."""
    with filled.read() as con:
        found = plans(con, lambda: list_studies(con, filled.project.id, StudyQuery(**query)))
    for plan in found.values():
        assert not any(step.startswith(("SCAN f", "SCAN x")) for step in plan), plan
        assert not any("CORRELATED" in step for step in plan), plan


def test_subjects_are_chosen_by_their_studies_without_reading_files(filled):
    with filled.read() as con:
        query = SubjectQuery(files="t1* & STAG:control", name="S")
        assert "f" not in scanned(con, lambda: list_subjects(con, filled.project.id, query))


def order_of(con, run):
    """Tables of the statement that joins files to paths, in the order they are visited."""
    for sql, plan in plans(con, run).items():
        if "JOIN paths" in sql or "FROM paths p" in sql:
            visited = [step.split()[1] for step in plan if step.startswith(("SCAN", "SEARCH"))]
            return [name for name in visited if name in ("s", "f", "p")]
    raise AssertionError("no such statement")


def test_SEL_files_of_few_studies_are_found_from_the_studies(filled):
    """From the names each of them would be tried with each study: 118 s instead of 0.2 s."""
    with filled.read() as con:
        visited = order_of(con, lambda: select(con, filled.project.id, "S-0001 t1*/*"))
        given = order_of(con, lambda: select(con, filled.project.id, "t1*/*", studies=[1, 2]))
    assert visited.index("s") < visited.index("f") < visited.index("p")
    assert given.index("s") < given.index("f") < given.index("p")


def test_SEL_files_of_all_studies_are_found_from_the_names(filled):
    with filled.read() as con:
        visited = order_of(con, lambda: select(con, filled.project.id, "t1*/*"))
    assert visited[:2] == ["p", "f"]


def test_with_postings_no_list_reads_a_large_table(filled):
    assert filled.start_postings().wait_loaded(30)
    project = filled.project.id

    def run(con):
        for files in ("t1*", "*mask*", "!META & STAG:control", "FTAG:mask"):
            list_studies(con, project, StudyQuery(files=files, tags="control", name="S"))
            list_subjects(con, project, SubjectQuery(files=files))
            list_files(con, project, FileQuery(files=files))
        list_projects(con)

    with filled.read() as con:
        assert scanned(con, lambda: run(con)) <= {"projects", "paths", "(subquery-1)"}
