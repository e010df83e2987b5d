"""Series of a drop that are whole are converted while its rest is still being taken (IMP-02)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from appliance.core import StorageError
from appliance.exchange import Condition, Route, convert, read_ahead
from appliance.exchange import collect as collecting
from appliance.exchange.collect import walk_files
from appliance.exchange.importer import COLLECT_STEP
from appliance.exchange.routing_apply import SORT_STEP
from appliance.exchange.rows import Options
from appliance.exchange.sort import CONVERT_STEP
from tests.exchange.kit import Kit, write_series
from tests.support.waiting import wait_until


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drop is taken three files at a time."""
    monkeypatch.setattr(collecting, "_CHUNK", 3)
    monkeypatch.setattr(read_ahead, "_MANY", 1)
    monkeypatch.setattr(read_ahead, "_RACY_NS", -1)


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each series was converted, by how many objects it had then."""
    counts: Counter[str] = Counter()
    do = convert.convert_objects

    def counted(source: Path, *args, **named):
        counts[f"{source.name}: {sum(1 for _ in source.iterdir())}"] += 1
        return do(source, *args, **named)

    monkeypatch.setattr(convert, "convert_objects", counted)
    return counts


def settle(kit: Kit, drop: Path) -> list:
    """Read the headers of a folder, as its watcher does while it settles."""
    files = list(walk_files(drop, lambda path, why: None))
    ahead = kit.importer.ctx.ahead
    ahead.expect(files)
    wait_until(lambda: not ahead.reads, "the headers are read")
    return files


def take(kit: Kit, drop: Path, files: list) -> tuple[str, list[list[str]]]:
    """Take a drop up to the step that sorts all of it; tell what was known after each part."""
    key = kit.importer.take("default", drop, files, Options(move=True, layout=True))
    told: list[list[str]] = []
    enqueue = kit.queue.enqueue

    def watched(name: str, row_id: int, priority: int = 0) -> None:
        told.append([name, str(row_id), str(_n(kit, "expected"))])
        enqueue(name, row_id, priority)

    kit.queue.enqueue = watched
    name, row_id = kit.queue.waiting.pop(0)
    assert name == COLLECT_STEP
    kit.queue.steps[name](row_id)
    kit.queue.enqueue = enqueue
    return key, told


def _n(kit: Kit, state: str) -> int:
    """How many files of the drop are in a state, such as still to be taken."""
    with kit.catalog.read() as con:
        sql = "SELECT count(*) FROM receipt_items WHERE state = ?"
        return int(con.execute(sql, (state,)).fetchone()[0])


def early(told: list[list[str]]) -> list[str]:
    """How many files were still to come when each conversion was asked for."""
    return [left for name, _, left in told if name == CONVERT_STEP]


@pytest.mark.usefixtures("small")
def test_IMP_02_a_whole_series_is_converted_while_the_rest_of_its_drop_is_taken(
    kit: Kit, tmp_path: Path, conversions: Counter[str]
) -> None:
    drop = tmp_path / "drop"
    for number in (3, 4, 5):
        write_series(drop / f"{number}", n=4, number=number, description=f"t{number}")
    files = settle(kit, drop)
    key, told = take(kit, drop, files)
    assert early(told) == ["6", "3"]  # the first after two parts, the second after three
    assert [name for name, *_ in told] == [CONVERT_STEP, CONVERT_STEP, SORT_STEP]
    kit.run()
    receipt = kit.importer.receipt(key)
    assert (receipt.state, receipt.n_files, receipt.n_done) == ("done", 12, 12)
    assert sorted(count for count in conversions.values()) == [1, 1, 1]
    assert {name.rpartition(" ")[2] for name in conversions} == {"4"}
    assert len(kit.images()) == 3
    assert not list(drop.rglob("*.dcm"))


@pytest.mark.usefixtures("small")
def test_IMP_02_interleaved_series_wait_for_the_last_of_theirs(
    kit: Kit, tmp_path: Path, conversions: Counter[str]
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    for number in (3, 4):
        for n, path in enumerate(write_series(tmp_path / f"{number}", n=5, number=number)):
            path.rename(drop / f"{n:02d}-{number}.dcm")
    key, told = take(kit, drop, settle(kit, drop))
    assert early(told) == ["1"]
    kit.run()
    assert kit.importer.receipt(key).n_done == 10
    assert sorted(conversions.values()) == [1, 1]


@pytest.mark.usefixtures("small")
def test_IMP_02_a_series_that_ends_in_the_last_part_waits_until_that_is_sorted(
    kit: Kit, tmp_path: Path
) -> None:
    """Else another thread would convert what of it was sorted early, with files missing."""
    drop = tmp_path / "drop"
    write_series(drop / "a", n=2)
    write_series(drop / "b", n=5, number=4)  # in all three parts
    key, told = take(kit, drop, settle(kit, drop))
    assert early(told) == ["4"]
    assert (_n(kit, "sorted"), _n(kit, "received")) == (6, 1)
    unsorted: list[int] = []
    enqueue = kit.queue.enqueue

    def watched(name: str, row_id: int, priority: int = 0) -> None:
        if name == CONVERT_STEP:
            unsorted.append(_n(kit, "received"))
        enqueue(name, row_id, priority)

    kit.queue.enqueue = watched
    kit.run()
    assert set(unsorted) == {0}
    assert kit.importer.receipt(key).n_done == 7


@pytest.mark.usefixtures("small")
def test_IMP_02_nothing_goes_on_alone_while_a_file_is_unknown(
    kit: Kit, tmp_path: Path, conversions: Counter[str]
) -> None:
    drop = tmp_path / "drop"
    write_series(drop / "a", n=3)
    write_series(drop / "b", n=3, number=4)
    settle(kit, drop)
    late = write_series(drop / "z", n=1, first=3)[0]  # belongs to the first
    late.with_name("note.txt").write_text("what is this?")
    files = list(walk_files(drop, lambda path, why: None))
    key, told = take(kit, drop, files)
    assert early(told) == []
    kit.run()
    receipt = kit.importer.receipt(key)
    assert (receipt.n_files, receipt.n_done, receipt.n_quarantined) == (8, 7, 1)
    assert sorted(conversions.values()) == [1, 1]


@pytest.mark.usefixtures("small")
def test_IMP_02_a_file_changed_since_makes_its_series_convert_again(
    kit: Kit, tmp_path: Path, conversions: Counter[str]
) -> None:
    drop = tmp_path / "drop"
    write_series(drop / "a", n=3)
    others = write_series(drop / "b", n=4, number=4)
    files = settle(kit, drop)
    write_series(tmp_path / "late", n=1, first=3)[0].replace(others[-1])  # now of the first
    files = list(walk_files(drop, lambda path, why: None))
    key, told = take(kit, drop, files)
    assert early(told) == ["4"]
    kit.run()
    receipt = kit.importer.receipt(key)
    assert (receipt.state, receipt.n_files, receipt.n_done) == ("done", 7, 7)
    assert max(row.header["shape"][2] for row in kit.images().values()) == 4
    assert len(kit.images()) == 2


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("doubt", ["route", "archive", "bruker"])
def test_IMP_02_what_belongs_together_is_sorted_together(
    kit: Kit, tmp_path: Path, doubt: str
) -> None:
    drop = tmp_path / "drop"
    write_series(drop / "a", n=3)
    write_series(drop / "b", n=3, number=4)
    if doubt == "route":
        rule = Route(name="mr", when=(Condition("modality", "is", "MR"),), tags=("seen",))
        kit.importer.routing.keep([rule], kit.importer.routing.table().rev, "admin")
    if doubt == "archive":
        (drop / "c.zip").write_bytes(b"PK")
    if doubt == "bruker":
        (drop / "2dseq").write_bytes(b"\0" * 8)
    key, told = take(kit, drop, settle(kit, drop))
    assert early(told) == []
    kit.run()
    assert kit.importer.receipt(key).n_done == 6


@pytest.mark.usefixtures("small")
def test_IMP_02_a_second_copy_within_a_drop_is_accounted_for(kit: Kit, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    first = write_series(drop / "a", n=3)
    write_series(drop / "c", n=4, number=4)
    (drop / "b").mkdir()
    (drop / "b/again.dcm").write_bytes(first[0].read_bytes())
    key, told = take(kit, drop, settle(kit, drop))
    assert early(told) == ["2"]  # not before its second copy was looked at
    kit.run()
    receipt = kit.importer.receipt(key)
    assert (receipt.state, receipt.n_done, receipt.n_duplicate) == ("done", 7, 1)
    assert not list(kit.folder.incoming.rglob("*.dcm"))


@pytest.mark.usefixtures("small")
def test_IMP_02_a_fault_on_the_way_is_left_to_the_step_that_sorts_all(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = tmp_path / "drop"
    write_series(drop / "a", n=3)
    write_series(drop / "b", n=3, number=4)

    def stumble(*_: object) -> None:
        raise RuntimeError("stumbled")

    with monkeypatch.context() as patch:
        patch.setattr("appliance.exchange.early.sort_taken", stumble)
        key, told = take(kit, drop, settle(kit, drop))
    assert early(told) == []
    kit.run()
    assert kit.importer.receipt(key).n_done == 6


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("decide", ["resolve", "retry"])
def test_IMP_02_a_decision_on_what_waits_does_not_leave_the_rest_of_a_drop_untaken(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decide: str
) -> None:
    kit.take_in(write_series(tmp_path / "known", n=3, study_uid="1.2.3")[0].parent)
    drop = tmp_path / "drop"
    write_series(drop / "a", n=3, name="ROE^MARY", birth="19550505")  # the same PatientID
    write_series(drop / "b", n=4, number=4, patient_id="P2", name="POE^ANN")
    sync, fails = collecting.sync_folders, iter([False, True])

    def fail_once(folders) -> None:
        if next(fails, False):
            raise StorageError("the disk is gone")
        sync(folders)

    monkeypatch.setattr(collecting, "sync_folders", fail_once)
    key, _ = take(kit, drop, settle(kit, drop))
    receipt = kit.importer.receipt(key)
    assert (receipt.state, receipt.reason) == ("receiving", "the disk is gone")
    assert [item.state for item in receipt.items] == ["waiting"] * 3 + ["received"] * 4
    if decide == "resolve":
        kit.importer.resolve(key, "new", actor="owner")
    else:
        kit.importer.retry(key)
    assert kit.importer.receipt(key).state == "receiving"
    kit.run()
    receipt = kit.importer.receipt(key)
    done, waiting = (7, 0) if decide == "resolve" else (4, 3)
    assert (receipt.n_files, receipt.n_done, receipt.n_pending) == (7, done, waiting)
    assert not list(drop.rglob("*.dcm"))
