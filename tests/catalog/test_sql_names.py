"""SQL on the catalog: NORA's names of tables beside ours, and what stays hidden."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from appliance.catalog import create_project, run_sql, trash_files
from appliance.catalog.legacy import create_views
from appliance.core import Invalid, Refused
from appliance.jobs import SQL_VIEWS

PATIENTS = "PIZ Sex BirthDate FamilyName GivenName PTag lastchange"
STUDIES = (
    "StudyID StudyInstanceUID StudyDescription StudyDate StudyPath STag patients_id lastchange"
)
FILES = (
    "Filename FilePath SubFolder Tag DateModified permission filesize MULTIFILE studies_id"
    " patients_id lastchange"
)
GENERAL = {
    "users": "username passwd runjobsas isadmin fullname email forceanonymize institution street"
    " city status token styletheme",
    "rights": "username project role rights",
    "projects": "name module forceAnonymize hardCopy autoexec cmddesc jsondesc parent",
    "json": "json owner name project type rights tag",
    "notifications": "*",
    "error_js": "*",
    "metaidx": "*",
    "metacontent": "*",
    "readingresults": "*",
}


def select(columns, table):
    return f"SELECT {columns} FROM {table}"  # noqa: S608 - constants of this file


@pytest.mark.parametrize(
    ("table", "columns"),
    [("patients", PATIENTS), ("studies", STUDIES), ("files", FILES), *GENERAL.items()],
)
def test_DB_01_02_05_06_07_x01_x02_every_old_table_has_its_columns(filled, table, columns):
    found = run_sql(filled.path, select(columns.replace(" ", ", "), table))
    assert columns == "*" or found.columns == columns.split()


def test_DB_03_04_gridjobs_and_commands_are_jobs(tmp_path):
    from appliance.catalog import Catalog
    from appliance.jobs import jobs_migrations

    catalog = Catalog.open(tmp_path / "c.sqlite", migrations=[jobs_migrations])
    catalog.close()
    columns = (
        "jobid, jobname, studies_id, patients_id, state, function, start, owner, module, queue,"
        " jsondesc, error, lastupdate, runas, type"
    )
    assert run_sql(catalog.path, select(columns, "gridjobs"), views=SQL_VIEWS).rows == []
    commands = "SELECT jobid, type, user, project, testmode, jsondesc, runas FROM commands"
    assert run_sql(catalog.path, commands, views=SQL_VIEWS).rows == []


def test_PROJ_x03_a_line_written_for_nora_runs_with_tags_between_slashes(filled):
    sql = (
        "SELECT f.patients_id, Filename, SubFolder FROM files f"
        " JOIN studies s ON f.studies_id = s.studies_id AND f.patients_id = s.patients_id"
        " JOIN patients p ON p.PIZ = f.patients_id"
        " WHERE STag LIKE '%/control/%' AND PTag LIKE '%pilot%' AND Tag LIKE '%mask%'"
    )
    assert run_sql(filled.path, sql).rows == [["S-0001", "s001.nii", "t1_trio_4"]]
    path = "SELECT FilePath FROM files WHERE Filename = 's001.nii' AND StudyID = '2024-01-01'"
    joined = path.replace("files", "files JOIN studies USING (patients_id, studies_id)")
    assert run_sql(filled.path, joined).rows == [["stroke/S-0001/2024-01-01/t1_trio_4"]]


def test_our_own_columns_and_tables_stay_as_they_are(filled):
    n = run_sql(filled.path, "SELECT count(*) FROM files").rows[0][0]
    ours = (
        "SELECT f.id, s.sid FROM files f JOIN studies s ON s.id = f.study_id WHERE kind = 'image'"
    )
    assert len(run_sql(filled.path, ours).rows) == n
    filled.write(lambda tx: trash_files(tx, [1], "me"))
    assert run_sql(filled.path, "SELECT count(*) FROM files").rows == [[n - 1]]
    assert run_sql(filled.path, "SELECT count(*) FROM main.files").rows == [[n]]


def test_a_project_narrows_the_old_tables(filled):
    other = filled.write(lambda tx: create_project(tx, "other"))
    for table in ("patients", "studies", "files", "metaidx", "metacontent"):
        count = select("count(*)", table)
        everything = run_sql(filled.path, count).rows
        assert run_sql(filled.path, count, project_id=filled.project.id).rows == everything
        assert run_sql(filled.path, count, project_id=other.id).rows == [[0]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM main.users",
        "SELECT count(*) FROM main.users",
        "SELECT hash FROM tokens",
        "SELECT csrf FROM sessions",
        "SELECT hash FROM login_codes",
        "SELECT (SELECT login FROM main.users) FROM users",
        "WITH users AS (SELECT * FROM main.users) SELECT * FROM users",
        "SELECT * FROM (SELECT * FROM main.users) users",
        "CREATE TEMP VIEW v AS SELECT * FROM main.users",
        "DROP VIEW users",
        "SELECT * FROM pragma_database_list",
        "ATTACH 'x' AS y",
    ],
)
def test_tables_of_access_are_seen_through_the_views_only(filled, sql):
    with pytest.raises(Refused):
        run_sql(filled.path, sql)


def test_a_value_or_an_answer_without_end_is_stopped(filled):
    with pytest.raises(Invalid, match="too big"):
        run_sql(filled.path, "SELECT zeroblob(500000000)")
    wide = run_sql(
        filled.path,
        "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t WHERE i < 200)"
        " SELECT printf('%.*c', 1000000, 'x') FROM t",
    )
    assert wide.truncated
    assert len(wide.rows) < 200


def test_counting_files_looks_nothing_up(filled):
    with closing(sqlite3.connect(filled.path)) as con:
        create_views(con, None, {})
        plan = con.execute("EXPLAIN QUERY PLAN SELECT count(*) FROM files").fetchall()
    assert len(plan) == 1
