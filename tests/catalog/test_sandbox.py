"""SQL of a person over metadata: what it may ask, and everything that it must not do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

import pytest

from appliance.catalog import MetaStore, SqlStop, meta_sql
from appliance.core import Invalid, Refused


@pytest.fixture
def ask(filled, tmp_path):
    store = MetaStore(filled, tmp_path / "meta")

    def run(sql, **limits):
        return meta_sql(store, filled.project, sql, **limits)

    yield run
    store.close()


def test_tables_views_and_values(ask):
    found = ask("SELECT subject, num FROM meta WHERE key = 'radiomics.mask.volume' ORDER BY ALL")
    assert [column.name for column in found.columns] == ["subject", "num"]
    assert found.rows == [["S-0002", 3.0], ["S-0003", 3.0], ["S-0004", 3.0]]
    assert not found.truncated
    tagged = ask("SELECT count(*) FROM studies WHERE list_contains(tags, 'control')")
    assert tagged.rows == [[2]]
    wide = ask("PIVOT meta ON key USING first(value) GROUP BY subject, study")
    assert len(wide.rows) == 5
    assert ask("SELECT * FROM range(50)", max_rows=3).truncated


def test_values_that_json_does_not_know_become_text(ask):
    sql = "SELECT 1.5, 2::HUGEINT ** 70, 'nan'::DOUBLE, DATE '2024-01-02', [1, 2], '\\xAA'::BLOB"
    assert ask(sql).rows == [[1.5, 2.0**70, "nan", "2024-01-02", "[1, 2]", "aa"]]


ATTACKS = [
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_parquet('http://127.0.0.1:1/x')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "COPY (SELECT 1) TO '/tmp/out.csv'",
    "COPY _leaf FROM '/etc/passwd'",
    "EXPORT DATABASE '/tmp/out'",
    "IMPORT DATABASE '/tmp/out'",
    "ATTACH '/tmp/other.duckdb'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '/tmp/evil.so'",
    "SET memory_limit = '100GB'",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "SET VARIABLE a = 1",
    "PRAGMA enable_profiling",
    "CALL enable_logging()",
    "DELETE FROM _leaf",
    "UPDATE _study SET subject = 'x'",
    "INSERT INTO _key VALUES (1, 'x')",
    "DROP TABLE _leaf",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE SECRET (TYPE s3)",
    "CHECKPOINT",
    "VACUUM",
    "PREPARE p AS SELECT 1",
    "BEGIN",
]


@pytest.mark.slow
def test_what_is_not_reading_the_tables_is_refused(ask):
    def refused(sql):
        try:
            ask(sql)
        except (Refused, Invalid):
            return True
        return False

    with ThreadPoolExecutor(2) as threads:
        told = dict(zip(ATTACKS, threads.map(refused, ATTACKS), strict=True))
    assert [sql for sql, was_refused in told.items() if not was_refused] == []


def test_nothing_of_an_attack_came_through(ask):
    for sql in ("SELECT 1; SELECT 2", "SELECT 1; DROP TABLE _leaf", ""):
        with pytest.raises(Invalid, match="statements"):
            ask(sql)
    with pytest.raises(Invalid, match="SELEC"):
        ask("SELEC 1")
    assert ask("SELECT count(*) FROM meta WHERE key = 'radiomics.mask.volume'").rows == [[3]]
    assert ask("SELECT * FROM duckdb_secrets()").rows == []
    assert not Path("/tmp/out.csv").exists()


def test_what_runs_for_ever_is_stopped(ask):
    for sql in (
        "SELECT count(*) FROM range(100000000000) a WHERE range % 7 = 3",
        "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT count(*) FROM t",
    ):
        with pytest.raises(Refused, match="longer than 1 s"):
            ask(sql, seconds=1)


@pytest.mark.parametrize("when", ["before", "while it runs"])
def test_a_stopped_statement_ends_long_before_its_limit(ask, when):
    stop = SqlStop()
    if when == "before":
        stop.stop()
    else:
        stop.holds = lambda child: (SqlStop.holds(stop, child), Timer(0.2, stop.stop).start())
    sql = "SELECT count(*) FROM range(100000000000) a WHERE range % 7 = 3"
    with pytest.raises(Refused, match="was stopped"):
        ask(sql, seconds=600, stop=stop)


def test_what_needs_too_much_memory_is_stopped(ask):
    with pytest.raises(Refused, match="memory"):
        ask("SELECT list(i) FROM range(1000000000) t(i)", memory_mb=200, seconds=30)
    with pytest.raises(Refused, match=r"memory|longer"):
        ask("SELECT repeat('x', 3000000000)", memory_mb=200, seconds=3)
    cross = "SELECT * FROM meta a, meta b, meta c, meta d, meta e, meta f ORDER BY random()"
    with pytest.raises(Refused, match="memory"):
        ask(cross, memory_mb=200, seconds=60)


def test_another_project_is_not_in_the_file(filled, tmp_path):
    from appliance.catalog import create_project

    other = filled.write(lambda tx: create_project(tx, "other"))
    store = MetaStore(filled, tmp_path / "meta")
    try:
        assert meta_sql(store, filled.project, "FROM studies").rows
        assert meta_sql(store, other, "FROM studies").rows == []
        assert meta_sql(store, other, "SELECT * FROM _leaf").rows == []
    finally:
        store.close()
