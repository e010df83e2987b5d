"""What the storage page tells of growth, day by day, is what lies on disk (features A11, INST)."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from appliance.catalog import set_project_state, trash_files
from appliance.core import MARKER
from appliance.exchange import Options
from appliance.exchange.collect import walk_files
from appliance.upkeep import catalog_extensions, measure, storage_view, sweep_trash
from tests.exchange.kit import Kit, write_series

_HOMES = (
    *("originals", "projects", "quarantine", "incoming", "trash"),
    *("cache", "jobs", "models", "backups", "tmp"),
)


@pytest.fixture
def kit(tmp_path: Path):
    opened = Kit(tmp_path / "data", migrations=catalog_extensions())
    yield opened
    opened.close()


def on_disk(kit: Kit) -> int:
    """Bytes of all files of the data folder, without databases, markers and notes on studies."""
    return sum(
        path.stat().st_size
        for home in _HOMES
        for path in getattr(kit.folder, home).rglob("*")
        if path.is_file() and path.name not in (MARKER, "nodeinfo.json")
    )


def measured(kit: Kit, day: int) -> list[int]:
    """Measure on a day; what the page shows of all days so far."""
    measure(kit.catalog, kit.folder, trash_days=30, jobs_days=90, today=f"2026-11-{day:02d}")
    with kit.catalog.read() as con:
        growth = storage_view(con, kit.folder).growth
    assert [one.day for one in growth] == [f"2026-11-{n:02d}" for n in range(1, day + 1)]
    return [one.size_bytes for one in growth]


def drop(kit: Kit, folder: Path) -> None:
    files = list(walk_files(folder, lambda path, why: None))
    kit.importer.take("default", folder, files, Options(move=True, layout=True))
    kit.run()


def test_growth_over_days_is_what_arrivals_and_the_trash_change_on_disk(
    kit: Kit, tmp_path: Path
) -> None:
    day = iter(range(1, 100))
    disk = [on_disk(kit)]
    told = measured(kit, next(day))

    source = tmp_path / "one"
    write_series(source / "a", n=4)
    (source / "odd.bin").write_bytes(b"odd" * 1000)  # set aside
    image = source / "S-0042/V1/t1.nii"
    image.parent.mkdir(parents=True)
    nib.Nifti1Image(np.zeros((8, 9, 10), np.int16), np.eye(4)).to_filename(image)
    drop(kit, source)
    disk.append(on_disk(kit))
    told = measured(kit, next(day))
    assert told[1] - told[0] > 4 * 16 * 16 * 2 + 8 * 9 * 10 * 2

    write_series(tmp_path / "two/a", n=6, first=2)  # two known, four new: the image grows
    drop(kit, tmp_path / "two")
    disk.append(on_disk(kit))
    told = measured(kit, next(day))
    assert told[2] > told[1]

    [scan] = [row.id for name, row in kit.images().items() if name.startswith("S-0001")]
    operation = kit.catalog.write(lambda tx: trash_files(tx, [scan], "owner"))
    disk.append(on_disk(kit))
    told = measured(kit, next(day))
    assert told[3] == told[2]  # it can come back, and takes what it took

    long_ago = "UPDATE operations SET at = at - 9000000000 WHERE id = ?"
    kit.catalog.write(lambda tx: tx.con.execute(long_ago, (operation,)))
    assert sweep_trash(kit.catalog, kit.folder, 30) == 1
    disk.append(on_disk(kit))
    told = measured(kit, next(day))
    assert told[4] == told[3]  # for another week it lies elsewhere

    os.utime(kit.folder.trash / str(operation), (0, 0))
    sweep_trash(kit.catalog, kit.folder, 30)
    disk.append(on_disk(kit))
    told = measured(kit, next(day))
    assert told[5] < told[4]

    kit.catalog.write(lambda tx: set_project_state(tx, "default", "trashed", actor="owner"))
    disk.append(on_disk(kit))
    told = measured(kit, next(day))
    assert told[6] == told[5]  # nothing of it has left the disk

    assert np.diff(told).tolist() == np.diff(disk).tolist()
