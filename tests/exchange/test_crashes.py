"""Killed at any commit or rename, every arrival is fully in after the next start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from appliance.exchange.existing_plan import ExistingOptions
from tests.exchange.crash_child import PART_BYTES, make_source, pieces, zip_of_series
from tests.exchange.trees import bids_dataset
from tests.support.loops import run_alone

DROP = (
    "collect.named",
    "collect.announced",
    "collect.taken",
    "collect.recorded",
    "unpack.announced",
    "unpack.written",
    "unpack.done",
    "sort.scanned",
    "sort.decided",
    "sort.moving:2",
    "sort.moved",
    "quarantine.moved",
    "store.reserved",
    "store.moved",
    "store.done",
    "convert.ran",
    "convert.placed",
    "convert.entered",
)
EARLY = ("early.decided", "early.decided:2", "early.moved")
UPLOAD = ("upload.written", "upload.renamed", "upload.journaled")
PARTS = ("parts.written:2", "parts.renamed", "parts.journaled")
EXISTING = ("existing.placed:1", "existing.placed:3", "existing.entered:1", "existing.entered:2")
DICOM = ("dicom.written:2", "dicom.renamed:2")


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    """Folders in which an arrival was killed at each point."""
    base = tmp_path_factory.mktemp("crashes")
    points = [*DROP, *EARLY, *UPLOAD, *PARTS, *DICOM, *EXISTING]
    command = [sys.executable, "-m", "tests.exchange.crash_child", str(base), *points]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    ends = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    return base, ends, done.stderr


@pytest.fixture
def restarted(crashed, make_kit):
    def restart(point):
        base, ends, errors = crashed
        assert ends.get(point) == "died", errors
        kit = make_kit(base / point / "data")
        kit.importer.start()
        kit.importer.stop()
        kit.run()
        with kit.catalog.read() as con:
            keys = [row[0] for row in con.execute("SELECT key FROM receipts")]
        return kit, base / point, [kit.importer.receipt(key) for key in keys]

    return restart


@pytest.mark.parametrize("point", [*DROP, *EARLY])
def test_a_drop_killed_anywhere_is_in_after_the_next_start(restarted, point, tmp_path):
    kit, base, receipts = restarted(point)
    if point == "collect.named":  # nothing is promised yet: the watcher finds the files again
        assert receipts == []
        assert len([p for p in (base / "drop").rglob("*") if p.is_file()]) == 6
        return
    (receipt,) = receipts
    assert (receipt.state, receipt.n_files) == ("partial", 8)
    assert (receipt.n_done, receipt.n_quarantined, receipt.n_pending) == (7, 1, 0)
    assert sorted(kit.images()) == [
        "S-0001#2024-05-02/t1_mprage_3/s001.nii",
        "S-0001#2024-05-02/t1_mprage_4/s001.nii",
        "S-0042#V1/t1.nii",
    ]
    places = (kit.folder.originals, kit.folder.projects, kit.folder.quarantine)
    kept = {p.read_bytes() for place in places for p in place.rglob("*") if p.is_file()}
    assert set(make_source(tmp_path / "again")) <= kept
    assert not [p for p in kit.folder.incoming.rglob("*") if p.is_file() and p.suffix == ".dcm"]
    assert (kit.folder.projects / "default/S-0001/2024-05-02/nodeinfo.json").is_file()
    with kit.catalog.read() as con:
        subjects = [row[0] for row in con.execute("SELECT pid FROM subjects ORDER BY pid")]
        left = con.execute("SELECT count(*) FROM receipt_items WHERE from_place IS NOT NULL")
        assert left.fetchone()[0] == 0
    assert subjects == ["S-0001", "S-0042"]


@pytest.mark.parametrize("point", UPLOAD)
def test_an_upload_killed_anywhere_is_in_or_was_never_acknowledged(restarted, point):
    kit, base, (receipt,) = restarted(point)
    assert not (base / "acknowledged").exists()
    if point == "upload.written":
        assert receipt.state == "failed"
        assert "cut off" in receipt.reason
        assert not list(kit.folder.incoming.rglob("*.part"))
    else:
        assert (receipt.state, receipt.n_files, receipt.n_done) == ("done", 3, 3)


@pytest.mark.parametrize("point", PARTS)
def test_an_upload_in_parts_killed_anywhere_goes_on_where_it_was(restarted, point, tmp_path):
    kit, base, (receipt,) = restarted(point)
    data = zip_of_series(tmp_path / "again")
    key = (base / "key").read_text()
    state = kit.importer.uploads.state(key)
    assert (state.key, state.size_bytes) == (receipt.key, len(data))
    if point.startswith("parts.written"):
        assert (receipt.state, state.offset_bytes) == ("receiving", PART_BYTES)
        rest = pieces(data[PART_BYTES:])
        run_alone(kit.importer.uploads.receive(key, PART_BYTES, rest))
        kit.run()
    done = kit.importer.receipt(key)
    assert (done.state, done.n_files, done.n_done) == ("done", 3, 3)


@pytest.mark.parametrize("point", DICOM)
def test_objects_that_were_acknowledged_are_in(restarted, point):
    _, base, (receipt,) = restarted(point)
    acknowledged = len((base / "acknowledged").read_text())
    assert acknowledged == 1
    assert receipt.state == "done"
    assert receipt.n_done >= acknowledged


@pytest.mark.parametrize("point", EXISTING)
def test_a_reading_of_existing_data_goes_on_where_it_was_killed(restarted, point):
    kit, base, (begun,) = restarted(point)
    kit.importer.existing.open()
    kit.run()
    receipt = kit.importer.receipt(begun.key)
    assert (receipt.kind, receipt.state, receipt.items) == ("existing", "done", [])
    files = kit.files()
    assert receipt.n_files == len(files) == 21
    home = kit.folder.projects / "default"
    for name in files:
        psid, _, path = name.partition("/")
        assert (home / psid.replace("#", "/") / path).stat().st_size > 0
    assert {p for p in home.rglob("*") if p.name.endswith(".part")} == set()
    assert len(list((base / "ds").rglob("*.nii.gz"))) == 13


def test_a_sidecar_that_was_cut_off_is_written_again(kit, tmp_path):
    root = bids_dataset(tmp_path / "ds")
    name = "func/sub-01_ses-a_task-rest_bold.json"
    cut = kit.folder.projects / "default" / "sub-01" / "ses-a" / name
    foreign = cut.with_name("sub-01_ses-b_task-rest_bold.json").parents[2] / "ses-b" / "func"
    cut.parent.mkdir(parents=True)
    cut.write_text('{"TaskName"', encoding="utf-8")
    foreign.mkdir(parents=True)
    other = foreign / "sub-01_ses-b_task-rest_bold.json"
    other.write_text('{"mine": 1}', encoding="utf-8")
    options = ExistingOptions(layout="bids")
    key = kit.importer.existing.begin("default", root, options, actor="owner").key
    kit.run()
    assert '"RepetitionTime":1.5' in cut.read_text("utf-8")
    assert other.read_text("utf-8") == '{"mine": 1}'
    [item] = kit.importer.receipt(key).items
    assert item.reason == "the study holds another file of this name"
