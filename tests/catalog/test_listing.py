"""Filter bars, pages, selectors, tags, trash and user SQL on a small catalog."""

from __future__ import annotations

import pytest

from appliance.catalog import (
    FileQuery,
    StudyQuery,
    SubjectQuery,
    get_project,
    list_files,
    list_studies,
    list_subjects,
    parse_filter,
    project_tags,
    run_sql,
    select,
    study_files,
    tag,
    trash_files,
    undo,
)
from appliance.core import Conflict, Invalid, NotFound, Refused


def studies(catalog, **query):
    with catalog.read() as con:
        page = list_studies(con, catalog.project.id, StudyQuery(**query))
    return [row.psid for row in page.items]


@pytest.mark.parametrize(
    ("files", "pids"),
    [
        ("t1_trio*/s0*.nii", "1123 4"),
        ("t1 trio", "11234"),  # `_` is any one character, the blank is an or
        ("META/*.json", "234"),
        ("dwi META", "11234"),
        ("dwi & META", "234"),
        ("t1 & STAG:control", "13"),
        ("t1 & !STAG:control", "124"),
        ("STAG:contr", "13"),
        ("PTAG:pilot", "11"),
        ("FTAG:mask", "1"),
        ("SDESC:head", "2"),
        ("ÄRGER", "34"),
        ("nothing", ""),
        ("", "11234"),
        ("100%", ""),
    ],
)
def test_PROJ_11_to_17_the_file_search_bar(filled, files, pids):
    found = "".join(sorted(psid[5] for psid in studies(filled, files=files)))
    assert found == pids.replace(" ", "")


def test_PROJ_10_a_blank_in_the_name_bar_means_or(filled):
    assert studies(filled, name="S-0002 S-0004", sort="pid") == [
        "S-0002#2024-01-02",
        "S-0004#2024-01-04",
    ]


def test_date_ranges_and_all_bars_together(filled):
    assert studies(filled, date_from="2024-02-01") == ["S-0001#2024-02-01"]
    assert studies(filled, date_to="2024-01-01", tags="control") == ["S-0001#2024-01-01"]
    assert studies(filled, date_to="2024-01-01", tags="absent") == []


@pytest.mark.parametrize("in_memory", [True, False])
def test_PROJ_06_subjects_and_files_are_narrowed_by_the_dates_of_their_studies(filled, in_memory):
    def of(listing, query, give):
        with filled.read() as con:
            con.keeper = con.keeper if in_memory else None
            page = listing(con, filled.project.id, query)
        assert page.total == len(page.items)
        return [give(row) for row in page.items]

    def pid(row):
        return row.pid

    assert of(list_subjects, SubjectQuery(date_from="2024-01-03"), pid) == [
        "S-0001",  # by its later study
        "S-0003",
        "S-0004",
    ]
    assert of(list_subjects, SubjectQuery(date_from="2024-01-03", tags="control"), pid) == [
        "S-0003"  # both bars ask the same study
    ]
    assert of(list_subjects, SubjectQuery(date_to="2023-12-31"), pid) == []
    files = of(list_files, FileQuery(date_from="2024-01-03", date_to="2024-01-31"), pid)
    assert set(files) == {"S-0003", "S-0004"}
    assert of(list_files, FileQuery(date_from="2030-01-01"), pid) == []


@pytest.mark.parametrize(
    ("text", "position"), [("a &", 3), ("& a", 0), ('"abc', 0), ("a & STAG:", 9), ("!", 1)]
)
def test_a_wrong_filter_says_where(text, position):
    with pytest.raises(Invalid) as error:
        parse_filter(text)
    assert error.value.facts["position"] == position


@pytest.mark.parametrize("sort", ["-date", "pid", "-created", "age"])
def test_pages_by_cursor_give_every_row_once(filled, sort):
    seen, after = [], None
    while True:
        with filled.read() as con:
            page = list_studies(con, filled.project.id, StudyQuery(sort=sort, after=after, limit=2))
        assert page.total == 5
        seen += [row.id for row in page.items]
        after = page.next
        if after is None:
            break
    assert len(seen) == 5
    assert len(set(seen)) == 5


def test_a_damaged_cursor_and_an_unknown_sort_are_refused(filled):
    with filled.read() as con:
        with pytest.raises(Invalid, match="cursor"):
            list_studies(con, filled.project.id, StudyQuery(after="%%%"))
        with pytest.raises(Invalid, match="sort"):
            list_studies(con, filled.project.id, StudyQuery(sort="name; DROP TABLE x"))


def test_PROJ_06_subjects_count_their_studies_and_files(filled):
    with filled.read() as con:
        page = list_subjects(con, filled.project.id, SubjectQuery())
        some = list_subjects(con, filled.project.id, SubjectQuery(files="STAG:control"))
    first = page.items[0]
    assert (first.pid, first.n_studies, first.n_files, first.tags) == ("S-0001", 2, 4, ["pilot"])
    assert first.last_date == "2024-02-01"
    assert [row.pid for row in some.items] == ["S-0001", "S-0003"]


def test_files_view_and_kinds(filled):
    with filled.read() as con:
        page = list_files(con, filled.project.id, FileQuery(files="t1"))
        assert page.total == 5
        assert page.items[0].series.modality == "MR"
        assert list_files(con, filled.project.id, FileQuery(kind="mask")).total == 0


@pytest.mark.parametrize(
    ("selector", "n"),
    [
        ("t1_trio*/s0*.nii", 5),
        ("t1_trio_4/s001.ni", 0),  # anchored: no implicit wildcard at the end
        ("dwi_5/s001.nii", 5),  # a final .nii also matches .nii.gz
        ("s001.nii", 10),
        ("S-0001 *", 4),
        ("S-0001#LATEST t1*/*", 1),
        ("*#OLDEST t1*/*", 4),
        ("S-0001#OLDEST[1] t1*/*", 1),
        ("stag:control t1*/*", 2),
        ("notstag:control t1*/*", 3),
        ("* dwi*/* META/*", 8),
        ("* tag:mask", 1),
        ("* t1*/* & FTAG:mask", 1),
        ("S-0002#2024-01-02 *", 3),
    ],
)
def test_SEL_x01_to_x05_selectors(filled, selector, n):
    with filled.read() as con:
        found = select(con, filled.project.id, selector)
    assert len(found) == n
    assert all(f.psid == f"{f.pid}#{f.sid}" for f in found)


def test_a_selector_stays_within_the_given_studies(filled):
    with filled.read() as con:
        assert len(select(con, filled.project.id, "t1*/* dwi*/*", studies=[1])) == 2
        assert select(con, filled.project.id, "t1*/*", studies=[]) == []
        with pytest.raises(Invalid, match="empty"):
            select(con, filled.project.id, "  ")


def test_PROJ_19_tags_on_three_levels_are_counted(filled):
    with filled.read() as con:
        counts = project_tags(con, filled.project.id)
    assert {level: [(t.name, t.n) for t in tags] for level, tags in counts.items()} == {
        "subject": [("pilot", 1)],
        "study": [("control", 2)],
        "file": [("mask", 1)],
    }
    filled.write(lambda tx: tag(tx, "study", [1], remove=["control"]))
    with filled.read() as con:
        assert project_tags(con, filled.project.id)["study"][0].n == 1


@pytest.mark.parametrize("name", ["", "a/b", "a,b", "x" * 101])
def test_a_tag_name_that_would_break_lists_is_refused(filled, name):
    with pytest.raises(Invalid):
        filled.write(lambda tx: tag(tx, "study", [1], add=[name]))


def test_trash_hides_files_and_undo_brings_them_back_once(filled):
    operation = filled.write(lambda tx: trash_files(tx, [1, 2], "owner"))
    with filled.read() as con:
        assert study_files(con, 1) == []
    filled.write(lambda tx: undo(tx, operation, "owner"))
    with filled.read() as con:
        assert len(study_files(con, 1)) == 2
    with pytest.raises(Conflict):
        filled.write(lambda tx: undo(tx, operation, "owner"))
    with pytest.raises(NotFound):
        filled.write(lambda tx: undo(tx, 999, "owner"))


def test_an_unknown_project_names_those_that_exist(filled):
    with filled.read() as con, pytest.raises(NotFound) as error:
        get_project(con, "strok")
    assert "stroke" in error.value.hint


def test_CLI_03_user_sql_reads_research_tables(filled):
    result = run_sql(filled.path, "SELECT count(*) AS n FROM files")
    assert (result.columns, result.rows, result.truncated) == (["n"], [[15]], False)
    assert run_sql(filled.path, "SELECT id FROM files", max_rows=3).truncated


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM files",
        "SELECT hash FROM tokens",
        "SELECT * FROM (SELECT login FROM users)",
        "ATTACH 'x.sqlite' AS x",
        "PRAGMA database_list",
        "CREATE TEMP TABLE t (a)",
        "SELECT load_extension('x')",
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c",
    ],
)
def test_user_sql_cannot_write_read_secrets_or_run_away(filled, sql):
    with pytest.raises((Refused, Invalid)):
        run_sql(filled.path, sql, seconds=0.5)


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT 1; SELECT 2", "SELECT nothing FROM files", ""])
def test_sql_that_makes_no_sense_is_a_clear_error(filled, sql):
    if sql == "":
        assert run_sql(filled.path, sql).columns == []
        return
    with pytest.raises(Invalid, match="SQL"):
        run_sql(filled.path, sql)
