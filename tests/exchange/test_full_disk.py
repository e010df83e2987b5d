"""A full disk: arrivals wait, say so, and go on by themselves when there is room."""

from __future__ import annotations

import os
import subprocess

import pytest

from appliance.core import DiskFull
from tests.exchange.kit import Kit, write_series


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"tmpfs cannot be mounted here: {made.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def small(small_disk):
    kit = Kit(small_disk / "data", **{"data.min_free_bytes": 1 << 20})
    yield kit
    kit.close()


def fill(disk, leave_bytes: int):
    facts = os.statvfs(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(max(facts.f_bavail * facts.f_frsize - leave_bytes, 1)))
    return ballast


def test_nothing_new_is_begun_below_the_watermark(small, small_disk, tmp_path):
    write_series(tmp_path / "in")
    ballast = fill(small_disk, 500_000)
    with pytest.raises(DiskFull, match="needed"):
        small.importer.import_path("default", tmp_path / "in")
    with pytest.raises(DiskFull):
        small.importer.begin_upload("default", "a.zip")
    ballast.unlink()
    assert small.take_in(tmp_path / "in").state == "done"


@pytest.mark.parametrize("step", ["exchange.collect", "exchange.sort", "exchange.convert"])
def test_an_arrival_that_meets_a_full_disk_waits_and_goes_on(small, small_disk, tmp_path, step):
    paths = write_series(tmp_path / "in", size=64)
    key = small.importer.import_path("default", tmp_path / "in").key
    while small.queue.waiting[0][0] != step:
        name, row_id = small.queue.waiting.pop(0)
        small.queue.steps[name](row_id)
    ballast = fill(small_disk, 600_000)
    small.run()
    waiting = small.importer.receipt(key)
    assert waiting.state in ("receiving", "pending", "working")
    assert "needed" in waiting.reason
    assert all(path.exists() for path in paths)
    ballast.unlink()
    small.run()
    done = small.importer.receipt(key)
    assert (done.state, done.n_done, done.reason) == ("done", 4, "")


def test_an_upload_that_fills_the_disk_fails_cleanly(small, small_disk):
    upload = small.importer.begin_upload("default", "a.zip")
    fill(small_disk, 300_000)
    with pytest.raises(DiskFull):
        upload.write(bytes(64 << 20))
    upload.abort("the disk is full")
    receipt = small.importer.receipt(upload.key)
    assert (receipt.state, receipt.reason) == ("failed", "the disk is full")
    assert not list(small.folder.incoming.rglob("*.part"))


@pytest.mark.parametrize(
    ("storage", "state"),
    [("incoming", "receiving"), ("originals", "pending"), ("projects", "working")],
)
def test_an_unmounted_disk_is_waited_for(kit, tmp_path, storage, state):
    write_series(tmp_path / "in")
    marker = kit.folder.root / storage / ".nora-storage"
    content = marker.read_bytes()
    marker.unlink()
    receipt = kit.take_in(tmp_path / "in")
    assert receipt.state == state
    assert "marker" in receipt.reason
    marker.write_bytes(content)
    kit.run()
    healed = kit.importer.receipt(receipt.key)
    assert (healed.state, healed.n_done, healed.reason) == ("done", 4, "")
