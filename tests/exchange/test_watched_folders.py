"""Watched folders of a user: what becomes of the files, whose they are, and all that is odd."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from appliance.catalog import ensure_project
from appliance.core import Invalid
from appliance.exchange import DropWatcher
from appliance.exchange.drop_look import FolderLook
from appliance.exchange.drop_places import below_place, compile_place, place_groups
from tests.exchange.kit import write_series
from tests.exchange.test_watch import receipts, settle, watcher_of
from tests.support.waiting import wait_until


def watched(make_kit, path: Path, **more):
    kit = make_kit(
        **{
            "watch.folders": [{"path": str(path), "project": "default", **more}],
            "watch.settle_s": 0.1,
        }
    )
    return kit, watcher_of(kit)


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def test_a_folder_is_kept_unless_the_settings_say_otherwise(make_kit, tmp_path):
    write_series(tmp_path / "mine/a")
    before = files_in(tmp_path / "mine")
    kit, watcher = watched(make_kit, tmp_path / "mine")
    settle(watcher, kit)
    settle(watcher, kit)
    assert [r.n_done for r in receipts(kit)] == [4]
    assert files_in(tmp_path / "mine") == before


def test_what_is_to_be_deleted_goes_only_when_it_is_imported(make_kit, tmp_path):
    write_series(tmp_path / "mine/visit")
    (tmp_path / "mine/visit/cut off.dcm").write_bytes(
        (tmp_path / "mine/visit/IM3_0000.dcm").read_bytes()[:900]
    )
    kit, watcher = watched(make_kit, tmp_path / "mine", mode="delete")
    wait_until(lambda: watcher.look_once() and receipts(kit), "an arrival", every_s=0.05)
    assert len(files_in(tmp_path / "mine")) == 5
    settle_by_running(watcher, kit)
    (receipt,) = receipts(kit)
    assert (receipt.state, receipt.n_done, receipt.n_quarantined) == ("partial", 4, 1)
    assert [path.name for path in files_in(tmp_path / "mine")] == ["cut off.dcm"]
    assert len(kit.originals()) == 4


def settle_by_running(watcher, kit):
    def through():
        kit.run()
        return not watcher.look_once()

    wait_until(through, "the watcher settled", every_s=0.05)


def test_a_file_whose_copy_differs_is_not_deleted(make_kit, tmp_path, monkeypatch):
    def no_link(*_args, **_more):
        raise OSError

    monkeypatch.setattr("os.link", no_link)
    write_series(tmp_path / "mine/visit", n=2)
    kit, watcher = watched(make_kit, tmp_path / "mine", mode="delete")
    wait_until(lambda: watcher.look_once() and receipts(kit), "an arrival", every_s=0.05)
    kit.run()
    damaged = kit.originals()[0]
    damaged.chmod(0o600)
    damaged.write_bytes(b"other" + damaged.read_bytes()[5:])
    settle_by_running(watcher, kit)
    assert len(files_in(tmp_path / "mine")) == 1
    assert kit.originals()[0].read_bytes()[:5] == b"other"


def test_a_read_only_source_that_should_be_moved_is_copied_once(make_kit, tmp_path, monkeypatch):
    paths = write_series(tmp_path / "mine/visit")
    kit, watcher = watched(make_kit, tmp_path / "mine", mode="move")

    def guarded(real):
        def call(self, *args, **more):
            if self.is_relative_to(tmp_path / "mine"):
                raise PermissionError(30, "Read-only file system")
            return real(self, *args, **more)

        return call

    for name in ("rename", "unlink"):
        monkeypatch.setattr(Path, name, guarded(getattr(Path, name)))
    for _ in range(3):
        settle(watcher, kit)
    assert [(r.state, r.n_done) for r in receipts(kit)] == [("done", 4)]
    assert files_in(tmp_path / "mine") == sorted(paths)


@pytest.mark.parametrize(
    ("pattern", "path", "groups"),
    [
        ("{subject}", "S1/a/b.dcm", {"patients_id": "S1"}),
        ("{subject}/{study}", "S1/V2/b.dcm", {"patients_id": "S1", "studies_id": "V2"}),
        ("{subject}/{study}", "S1/b.dcm", {}),
        ("{project}/*/{subject}", "p/x/S1/b.dcm", {"project": "p", "patients_id": "S1"}),
        ("sub-{subject}", "sub-07/b.dcm", {"patients_id": "07"}),
        (r"(?<study>\d+)_(?<subject>\w+)/", "12_A/b", {"studies_id": "12", "patients_id": "A"}),
    ],
)  # fmt: skip
def test_patterns_of_sub_folders(pattern, path, groups):
    assert place_groups(compile_place(pattern), path) == groups


@pytest.mark.parametrize("pattern", ["{person}", "*/x", "(?<subject>", "(?<other>x)"])
def test_a_pattern_that_cannot_work_is_refused(pattern):
    with pytest.raises(Invalid, match="watched folder"):
        compile_place(pattern)


def test_a_wrong_pattern_stops_only_its_folder(make_kit, tmp_path):
    (tmp_path / "mine").mkdir()
    kit, watcher = watched(make_kit, tmp_path / "mine", pattern="{person}")
    write_series(kit.folder.drop / "a")
    settle(watcher, kit)
    assert [r.n_done for r in receipts(kit)] == [4]
    assert "knows no {person}" in watcher.problems[str(tmp_path / "mine")]


def test_sub_folders_name_projects_subjects_and_studies(make_kit, tmp_path):
    root = tmp_path / "mine"
    write_series(root / "one/S-7/V1")
    write_series(root / "two/S-8/V1", study_uid="1.2.3")
    write_series(root / "three/S-9/V1", study_uid="1.2.4")
    kit, watcher = watched(make_kit, root, pattern="{project}/{subject}/{study}")
    for name in ("one", "two"):
        kit.catalog.write(lambda tx, name=name: ensure_project(tx, name))
    settle(watcher, kit)
    assert {(r.project, *r.studies) for r in receipts(kit)} == {
        ("one", "S-7#V1"),
        ("two", "S-8#V1"),
    }
    (why,) = watcher.problems.values()
    assert "project that does not exist" in why
    assert "three" not in why
    kit.catalog.write(lambda tx: ensure_project(tx, "three"))
    settle(watcher, kit)
    assert len(receipts(kit)) == 3
    assert not watcher.problems


def test_SPA_01_files_are_called_by_the_path_below_what_the_pattern_read(make_kit, tmp_path):
    root = tmp_path / "mine"
    place = root / "RML/Smith/CILIA/S_12/grid 3"
    (place / "raw").mkdir(parents=True)
    (place / "TS_1.csv").write_text("1\n")
    (place / "raw/TS_1.csv").write_text("2\n")
    kit, watcher = watched(make_kit, root, pattern="$lab/$pi/$project/$session/$sample")
    kit.catalog.write(lambda tx: ensure_project(tx, "CILIA"))
    settle(watcher, kit)
    study = kit.folder.projects / "CILIA/S_12/grid_3"
    kept = {"TS_1.csv": "1\n", "raw/TS_1.csv": "2\n"}
    assert contents(study) == kept

    # the same bytes again, under another time, are known; others of this name stand beside them
    os.utime(place / "TS_1.csv", (1, 1))
    other = root / "RML/Jones/CILIA/S_12/grid 3/TS_1.csv"
    other.parent.mkdir(parents=True)
    other.write_text("3\n")
    settle(watcher, kit)
    assert contents(study) == {**kept, "TS_1_2.csv": "3\n"}
    reasons = [item.reason for one in receipts(kit) for item in one.items]
    assert reasons.count("the study holds this file already") == 1


def contents(study: Path) -> dict[str, str]:
    return {str(path.relative_to(study)): path.read_text() for path in files_in(study)}


def test_a_pattern_that_names_the_project_alone_leaves_subject_and_study_to_the_folders(
    make_kit, tmp_path
):
    (tmp_path / "mine/one/S-0007/V1/tables").mkdir(parents=True)
    (tmp_path / "mine/one/S-0007/V1/tables/a.csv").write_text("1\n")
    kit, watcher = watched(make_kit, tmp_path / "mine", pattern="{project}")
    kit.catalog.write(lambda tx: ensure_project(tx, "one"))
    settle(watcher, kit)
    assert contents(kit.folder.projects / "one") == {"S-0007/V1/tables/a.csv": "1\n"}


@pytest.mark.parametrize(
    ("pattern", "path", "below"),
    [
        ("{subject}/{study}", "a/b/c/d.nii", "c/d.nii"),
        ("{subject}/{study}", "a/d.nii", "a/d.nii"),
        ("(?<subject>[^/]+)", "a/c/d.nii", "c/d.nii"),
        ("(?<subject>S-\\d+)", "S-1_early/d.nii", "S-1_early/d.nii"),
        ("(?<subject>[^/]+)/.*", "a/c/d.nii", "d.nii"),
    ],
)
def test_what_a_pattern_did_not_read_whole_is_kept(pattern, path, below):
    assert below_place(compile_place(pattern), path) == below


def test_CLI_21_extensions_of_a_watched_folder(make_kit, tmp_path):
    write_series(tmp_path / "mine/visit")
    (tmp_path / "mine/visit/notes.txt").write_text("x")
    (tmp_path / "mine/visit/values.csv").write_text("a,b\n1,2\n")
    kit, watcher = watched(make_kit, tmp_path / "mine", extra=["csv"])
    settle(watcher, kit)
    assert [n for n in kit.files() if n.endswith((".csv", ".txt"))] != []
    assert not [n for n in kit.files() if n.endswith(".txt")]


def test_links_that_lead_nowhere_in_circles_or_to_us_are_on_the_receipt(make_kit, tmp_path):
    root = tmp_path / "mine"
    write_series(root / "visit", n=2)
    (root / "visit/again").symlink_to(root)
    (root / "visit/self.dcm").symlink_to("self.dcm")
    (root / "visit/gone.dcm").symlink_to("nothing here")
    kit, watcher = watched(make_kit, root)
    (root / "visit/ours.nii").symlink_to(kit.folder.identity_path)
    os.mkfifo(root / "visit/pipe.dcm")
    for _ in range(2):
        settle(watcher, kit)
    (receipt,) = receipts(kit)
    assert (receipt.state, receipt.n_done, receipt.n_files) == ("partial", 2, 7)
    reasons = " ".join(item.reason for item in receipt.items)
    for part in (
        "link to a folder",
        "levels of symbolic links",
        "to nothing",
        "data folder",
        "pipe",
    ):
        assert part in reasons


def test_names_in_odd_encodings_come_in_and_can_be_looked_up(make_kit, tmp_path):
    root = tmp_path / "mine"
    paths = write_series(root / "visit", n=3)
    odd = [b"M\xfcller.dcm", b"\x8e\xa1 new\nline.dcm", "\u0416\u2622.dcm".encode()]
    for path, name in zip(paths, odd, strict=True):
        path.rename(root / "visit" / os.fsdecode(name))
    kit, watcher = watched(make_kit, root)
    settle(watcher, kit)
    (receipt,) = receipts(kit)
    assert (receipt.state, receipt.n_done) == ("done", 3)
    names = kit.importer.original_names(receipt.key, actor="o").values()
    assert {os.fsencode(name).rpartition(b"/")[2] for name in names} >= {b"M\xfcller.dcm"}


@pytest.mark.parametrize("when_s", [-3600, 4_000_000_000])
def test_a_clock_that_is_wrong_does_no_harm(make_kit, tmp_path, when_s):
    for path in write_series(tmp_path / "mine/visit", n=2):
        os.utime(path, (when_s, when_s))
    os.utime(tmp_path / "mine/visit", (when_s, when_s))
    kit, watcher = watched(make_kit, tmp_path / "mine")
    settle(watcher, kit)
    settle(watcher, kit)
    assert [r.n_done for r in receipts(kit)] == [2]


def test_one_series_in_ten_folders_becomes_one_image(make_kit, tmp_path):
    for k in range(10):
        write_series(tmp_path / f"mine/part{k}", n=2, first=2 * k)
    kit, watcher = watched(make_kit, tmp_path / "mine")
    settle(watcher, kit)
    assert [r.n_done for r in receipts(kit)] == [2] * 10
    ((_, image),) = kit.images().items()
    assert image.header["shape"][2] == 20
    assert len(kit.originals()) == 20


def test_a_file_that_grows_for_ever_holds_up_nothing_and_is_told(make_kit, tmp_path):
    root = tmp_path / "mine"
    write_series(root / "visit")
    growing = root / "visit/trace.log"
    kit, watcher = watched(make_kit, root)
    watcher.patience_s = 0.0

    def look():
        with growing.open("ab") as stream:
            stream.write(b"more and more")
        watcher.look_once()
        kit.run()
        return receipts(kit) and watcher.problems

    wait_until(look, "what does not grow was taken", every_s=0.06)
    (receipt,) = receipts(kit)
    assert (receipt.n_files, receipt.n_done) == (4, 4)
    (why,) = watcher.problems.values()
    assert "never stop changing" in why
    settle(watcher, kit)
    assert not watcher.problems
    assert [r.n_files for r in receipts(kit)] == [4, 1]


def test_a_late_file_in_a_settled_folder_is_taken(make_kit, tmp_path, monkeypatch):
    monkeypatch.setattr("appliance.exchange.drop_look._RACY_S", 0.0)
    write_series(tmp_path / "mine/visit", n=2)
    kit, watcher = watched(make_kit, tmp_path / "mine")
    settle(watcher, kit)
    write_series(tmp_path / "mine/visit", n=2, first=2)
    wait_until(lambda: not watcher.look_once(complete=False), "settled", every_s=0.05)
    assert [r.n_files for r in receipts(kit)] == [2, 2]


def test_a_file_written_anew_in_place_is_seen_by_event_and_by_a_complete_look(
    make_kit, tmp_path, monkeypatch
):
    monkeypatch.setattr("appliance.exchange.drop_look._RACY_S", 0.0)
    (path,) = write_series(tmp_path / "mine/visit", n=1)
    tree = FolderLook(tmp_path / "mine", tmp_path / "data")

    def found(**how):
        entries = list(tree.look(**how))
        files = [file for entry in entries for file in entry.files]
        for entry in entries:
            entry.settle()
        return files

    assert len(found()) == 1
    assert found(complete=False) == []
    with path.open("r+b") as stream:
        stream.write(b"other")
    os.utime(path, ns=(1, 1))
    assert found(complete=False) == []
    assert len(found(complete=True)) == 1
    assert found(complete=False) == []
    tree.touched(str(path))
    assert len(found(complete=False)) == 1


def test_settled_folders_are_not_read_again(make_kit, tmp_path, monkeypatch):
    monkeypatch.setattr("appliance.exchange.drop_look._RACY_S", 0.0)
    for k in range(20):
        (tmp_path / f"mine/a/{k}").mkdir(parents=True)
        (tmp_path / f"mine/a/{k}/x.txt").write_text("x")
    (tmp_path / "mine/loose.txt").write_text("x")
    (tmp_path / "mine/one.zip").write_bytes(b"PK")
    kit, watcher = watched(make_kit, tmp_path / "mine")
    settle(watcher, kit)
    settle(watcher, kit)
    read = []
    real = os.scandir
    monkeypatch.setattr("os.scandir", lambda path: read.append(str(path)) or real(path))
    watcher.look_once(complete=False)
    assert read == []
    shutil.rmtree(tmp_path / "mine/a/7")
    watcher.look_once(complete=False)
    assert [path for path in read if path.startswith(str(tmp_path))] == [str(tmp_path / "mine/a")]


def test_many_files_of_one_folder_are_one_arrival(make_kit, tmp_path):
    folder = tmp_path / "mine/many"
    folder.mkdir(parents=True)
    for k in range(400):
        (folder / f"{k}.csv").write_text(f"{k}\n")
    kit, watcher = watched(make_kit, tmp_path / "mine", pattern="{subject}")
    settle(watcher, kit)
    settle(watcher, kit)
    (receipt,) = receipts(kit)
    assert (receipt.state, receipt.n_files, receipt.n_done) == ("done", 400, 400)


def test_a_folder_of_the_settings_is_watched_by_the_thread(make_kit, tmp_path):
    (tmp_path / "mine").mkdir()
    kit = make_kit(
        **{
            "watch.folders": [{"path": str(tmp_path / "mine"), "project": "default"}],
            "watch.settle_s": 0.1,
            "watch.rescan_s": 3600.0,
        }
    )
    watcher = DropWatcher(kit.importer, kit.folder, kit.settings)
    watcher.start()
    try:
        write_series(tmp_path / "mine/deep/er/visit")
        wait_until(lambda: receipts(kit), "a receipt")
    finally:
        watcher.stop()
    kit.run()
    assert sum(r.n_done for r in receipts(kit)) == 4
