"""The store: one writer, consistent readers, events after the commit, careful migrations."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest
from sqlite_utils import Migrations

from appliance.catalog import Catalog, ensure_project, list_projects
from appliance.core import StorageError


def test_a_write_that_fails_leaves_nothing_and_tells_nobody(catalog):
    heard = []
    catalog.events.listen(heard.append)

    def broken(tx):
        ensure_project(tx, "lost")
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        catalog.write(broken)
    with catalog.read() as con:
        assert list_projects(con) == []
    assert heard == []


def test_events_are_numbered_and_can_be_replayed(catalog):
    heard = []
    stop = catalog.events.listen(heard.append)
    catalog.write(lambda tx: ensure_project(tx, "one"))
    stop()
    catalog.write(lambda tx: ensure_project(tx, "two"))
    assert [e.data["project"] for e in heard] == ["one"]
    replay = catalog.events_since(heard[0].seq)
    assert [(e.topic, e.data["project"]) for e in replay] == [("projects.changed", "two")]
    assert catalog.last_seq() == replay[-1].seq


def test_files_of_one_study_are_told_of_together(catalog):
    heard = []
    catalog.events.listen(heard.append)

    def put(tx):
        ids = [1]
        for study, files in ((1, ids), (1, [2, 3]), (2, [4]), (1, [5])):
            tx.event("files.changed", project="p", study_id=study, file_ids=files)
        tx.event("studies.changed", project="p", study_ids=[1])
        tx.event("studies.changed", project="p", study_ids=[1])
        assert ids == [1]

    catalog.write(put)
    told = [(event.topic, event.data.get("file_ids")) for event in heard]
    assert told == [
        ("files.changed", [1, 2, 3]),
        ("files.changed", [4]),
        ("files.changed", [5]),
        ("studies.changed", None),
    ]
    assert [event.seq for event in catalog.events_since(0)] == [event.seq for event in heard]


def test_many_threads_write_through_one_writer(catalog):
    def work(n):
        for i in range(20):
            catalog.write(lambda tx, i=i: ensure_project(tx, f"p{n}-{i}"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with catalog.read() as con:
        assert len(list_projects(con)) == 80


def test_a_reader_cannot_write(catalog):
    with catalog.read() as con, pytest.raises(sqlite3.OperationalError, match="readonly"):
        con.execute("DELETE FROM projects")


def test_a_newer_schema_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "catalog.sqlite"
    Catalog.open(path).close()
    with closing(sqlite3.connect(path)) as con:
        con.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('catalog', 'm999_future', 'x')"
        )
        con.commit()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="m999_future"):
        Catalog.open(path)
    assert path.read_bytes() == before


def test_a_migration_of_a_filled_catalog_is_backed_up_first(tmp_path):
    path, backups = tmp_path / "catalog.sqlite", tmp_path / "backups"
    backups.mkdir()
    first = Catalog.open(path, backup_dir=backups)
    first.write(lambda tx: ensure_project(tx, "kept"))
    first.close()
    assert list(backups.iterdir()) == []
    extra = Migrations("extra")

    @extra()
    def m001_more(db):
        db.execute("CREATE TABLE more (id INTEGER PRIMARY KEY)")

    Catalog.open(path, migrations=[extra], backup_dir=backups).close()
    (copy,) = backups.iterdir()
    with closing(sqlite3.connect(copy)) as con:
        assert con.execute("SELECT name FROM projects").fetchall() == [("kept",)]
        assert not con.execute("SELECT 1 FROM sqlite_master WHERE name = 'more'").fetchall()


def test_a_damaged_file_is_a_clear_error(tmp_path):
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageError, match="cannot open the catalog"):
        Catalog.open(path)


def test_threads_that_have_ended_leave_no_connection(catalog):
    def look():
        with catalog.read() as con:
            con.execute("SELECT 1").fetchone()

    for _ in range(20):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    look()
    assert len(catalog._readers) <= 2
