"""A damaged catalog, and one of a newer version: refused with the way out, and nothing is lost."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance.catalog import (
    Catalog,
    add_file,
    create_project,
    ensure_project,
    ensure_study,
    ensure_subject,
    study_dir,
    tag,
)
from appliance.core import DataFolder, Settings
from appliance.upkeep import CheckContext, SidecarWriter, backup, catalog_extensions
from appliance.upkeep.checks.database import DatabaseCheck
from tests.support.service import Service
from tests.web_api.conftest import make_services, served


def fill(catalog: Catalog, folder: DataFolder) -> None:
    """A file on disk with a tag, and as many rows as make the database larger than its schema."""
    path = study_dir(folder, "p", "S-0001", "2024") / "a.nii"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"image")

    def write(tx) -> None:
        subject = ensure_subject(tx, ensure_project(tx, "p").id, "S-0001")
        study = ensure_study(tx, subject, "2024")
        file_id = add_file(tx, study, "a.nii", size_bytes=5, mtime_ns=1, kind="image")
        tag(tx, "file", [file_id], ["good"])
        other = create_project(tx, "other")
        for n in range(3000):
            ensure_subject(tx, other.id, f"subject with a long name to fill pages {n:06d}")

    catalog.write(write)
    SidecarWriter(catalog, folder).catch_up()


@pytest.fixture
def place(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    catalog = Catalog.open(folder.catalog_path, migrations=catalog_extensions())
    fill(catalog, folder)
    catalog.close()
    return folder


def overwrite(path: Path) -> None:
    """Spoil every fifth page of the later half, which holds rows, as a failing disk does."""
    with path.open("r+b") as stream:
        n = path.stat().st_size // 4096
        for page in range(n // 2, n, 5):
            stream.seek(page * 4096)
            stream.write(b"\xff" * 4096)


def test_a_damaged_catalog_is_restored_from_a_backup_or_built_again(place: DataFolder) -> None:
    service = Service(place.root)
    made = backup(place, place.backups, 3)
    overwrite(place.catalog_path)
    damaged = place.catalog_path.read_bytes()
    started = service.nora(*service.arguments())
    assert started.returncode in (1, 2)
    assert "damaged" in started.stderr
    assert "nora restore" in started.stderr
    assert "nora rescan --anew" in started.stderr
    assert place.catalog_path.read_bytes() == damaged, "nothing is touched"
    listed = service.nora("backup", "--list")
    assert (listed.returncode, made.name in listed.stdout) == (0, True), listed.stderr
    anew = service.nora("rescan", "--anew")
    assert anew.returncode == 0, anew.stderr
    assert "1 files entered" in anew.stdout
    [kept] = place.backups.glob("damaged-*")
    assert (kept / "catalog.sqlite").read_bytes() == damaged
    found = service.nora("-p", "p", "--select", "* ftag:good")
    assert found.stdout.strip().endswith("S-0001/2024/a.nii"), found.stderr
    restored = service.nora("restore", made.name)
    assert restored.returncode == 0, restored.stderr
    assert "3001 subjects" in restored.stdout


def test_a_file_that_is_no_database_is_refused_alike(place: DataFolder) -> None:
    place.catalog_path.write_bytes(b"not a database at all" * 1000)
    service = Service(place.root)
    for words in (service.arguments(), ["-p", "p", "--select", "*"]):
        done = service.nora(*words)
        assert done.returncode in (1, 2)
        assert "nora rescan --anew" in done.stderr


def test_damage_under_a_running_service_is_told_by_health_and_by_every_answer(
    tmp_path: Path,
) -> None:
    services = make_services(tmp_path / "data")
    fill(services.catalog, services.folder)
    services.catalog.close()
    overwrite(services.folder.catalog_path)
    for end in ("-wal", "-shm"):
        Path(f"{services.folder.catalog_path}{end}").unlink(missing_ok=True)
    object.__setattr__(services, "catalog", late_opened(services.folder.catalog_path))
    ctx = CheckContext(settings=Settings(), folder=services.folder, catalog=services.catalog)
    found = DatabaseCheck().run(ctx)
    assert (found.level, "nora restore" in found.hint) == ("error", True)
    with served(services) as site, site.local() as http:
        answer = http.get("/projects/other/subjects", params={"name": "*9*", "limit": 1000})
    assert (answer.status_code >= 500, "damaged" in answer.json()["detail"]) == (True, True)
    assert "rescan --anew" in answer.json()["hint"]
    services.catalog.close()


def late_opened(path: Path) -> Catalog:
    """A catalog whose damage came after it was opened."""
    catalog = Catalog(path)
    catalog._writer.start()
    return catalog


def test_a_writer_that_cannot_begin_answers_with_the_damage(place: DataFolder) -> None:
    place.catalog_path.write_bytes(b"not a database at all" * 1000)
    catalog = late_opened(place.catalog_path)
    for _ in range(2):
        with pytest.raises(sqlite3.DatabaseError, match="not a database"):
            catalog.write(lambda tx: tx.event("health.changed"))
    catalog.close()


def test_a_catalog_of_a_newer_version_is_refused_and_nothing_is_touched(place: DataFolder) -> None:
    with closing(sqlite3.connect(place.catalog_path)) as con:
        con.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('catalog', 'm999_future', 'x')"
        )
        con.commit()
    copy = shutil.copytree(place.root, place.root.with_name("copy"))
    service = Service(place.root)
    for words in (service.arguments(), ["-p", "p", "--add", "S-0001#2024/a.nii"]):
        done = service.nora(*words)
        assert done.returncode in (1, 2)
        assert "newer version" in done.stderr
        assert "m999_future" in done.stderr
        assert "Install that version" in done.stderr
    for path in copy.rglob("*"):
        if path.is_file() and path.name != "lock":
            same = (place.root / path.relative_to(copy)).read_bytes() == path.read_bytes()
            assert same, path.relative_to(copy)
    with closing(sqlite3.connect(place.catalog_path)) as con:
        assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
