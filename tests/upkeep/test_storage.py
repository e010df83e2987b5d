"""The disk use is measured once a day and kept, by project and by folder (features A11, INST)."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.catalog import (
    Catalog,
    add_file,
    ensure_project,
    ensure_study,
    ensure_subject,
    trash_files,
)
from appliance.core import DataFolder, now_ms
from appliance.upkeep import catalog_extensions, measure, storage_view


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    found = DataFolder(tmp_path / "data")
    found.prepare()
    return found


@pytest.fixture
def catalog(folder: DataFolder):
    opened = Catalog.open(folder.catalog_path, migrations=catalog_extensions())
    yield opened
    opened.close()


def add(catalog: Catalog, project: str, path: str, size: int, origin: str | None = None) -> int:
    def write(tx) -> int:
        found = ensure_project(tx, project)
        study = ensure_study(tx, ensure_subject(tx, found.id, "S-1"), "1")
        return add_file(tx, study, path, size_bytes=size, mtime_ns=1, kind="image", origin=origin)

    return catalog.write(write)


def look(catalog: Catalog, folder: DataFolder, today: str = "", **ages):
    days = {"trash_days": 30, "jobs_days": 90, **ages}
    measure(catalog, folder, today=today, **days)
    with catalog.read() as con:
        return storage_view(con, folder)


def test_nothing_is_told_before_the_first_measurement(catalog, folder):
    with catalog.read() as con:
        view = storage_view(con, folder)
    assert (view.measured_at, view.parts, view.projects, view.growth) == (None, [], [], [])
    assert view.disk_bytes > view.free_bytes > 0


def test_every_project_has_what_arrived_and_what_was_derived(catalog, folder):
    add(catalog, "a", "t1/s001.nii", 100, "receipt:x")
    add(catalog, "a", "mask.nii", 30, "attempt:y")
    add(catalog, "b", "t1/s001.nii", 500, "receipt:x")
    view = look(catalog, folder)
    assert [(p.name, p.arrived_bytes, p.derived_bytes, p.n_files) for p in view.projects] == [
        ("b", 500, 0, 1),
        ("a", 100, 30, 2),
    ]
    assert view.measured_at is not None


def test_folders_beside_the_projects_are_walked_and_links_are_not_followed(
    catalog, folder, tmp_path
):
    (folder.cache / "display").mkdir(parents=True, exist_ok=True)
    (folder.cache / "display" / "x").write_bytes(b"12345")
    (tmp_path / "large").write_bytes(b"1" * 10_000)
    (folder.cache / "display" / "link").symlink_to(tmp_path / "large")
    before = {part.part: part for part in look(catalog, folder).parts}
    assert before["cache"].n == 2
    assert 5 < before["cache"].size_bytes < 10_000
    assert (before["quarantine"].n, before["quarantine"].size_bytes) == (0, 0)


def test_old_trash_may_be_freed_and_young_may_not(catalog, folder):
    old, young = (add(catalog, "a", f"{n}.nii", 100) for n in "ab")
    catalog.write(lambda tx: trash_files(tx, [old, young], "me"))
    catalog.write(
        lambda tx: tx.con.execute(
            "UPDATE files SET trashed_at = ? WHERE id = ?", (now_ms() - 40 * 86_400_000, old)
        )
    )
    (due,) = [part for part in look(catalog, folder).parts if part.part == "trash_due"]
    assert (due.n, due.size_bytes) == (1, 100)


def test_growth_has_a_day_each_and_measuring_again_replaces_the_day(catalog, folder):
    base = look(catalog, folder, "2026-11-01").growth[0].size_bytes
    add(catalog, "a", "t1/s001.nii", 1_000_000, "receipt:x")
    look(catalog, folder, "2026-11-02")
    view = look(catalog, folder, "2026-11-02")
    assert [day.day for day in view.growth] == ["2026-11-01", "2026-11-02"]
    assert view.growth[1].size_bytes - base >= 1_000_000
    assert len([part for part in view.parts if part.part == "cache"]) == 1
