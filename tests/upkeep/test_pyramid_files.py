"""A pyramid is a folder and one file: nothing that happens to a file leaves its chunks behind."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.catalog import (
    Catalog,
    add_file,
    ensure_project,
    ensure_study,
    ensure_subject,
    find_operation,
    get_file,
    get_project,
    project_usage,
    study_dir,
    study_files,
    tag,
    trash_many,
    undo_all,
)
from appliance.core import Conflict, DataFolder, Invalid, sha256_file
from appliance.exchange.exports import Entry, _put, _zip, entry_parts
from appliance.exchange.release_look import look_over
from appliance.privacy import IdentityStore, KnownWords
from appliance.upkeep import (
    Eraser,
    Mover,
    SidecarWriter,
    backup,
    catalog_extensions,
    purge,
    rescan,
    restore,
)
from appliance.upkeep.hashing import hash_some
from tests.support.pyramids import contents, write_precomputed, write_slide

NEURO, SLIDE = "tomo/neuro-a", "slides/glass 1.zarr"
WRITE = {NEURO: write_precomputed, SLIDE: write_slide}


class Place:
    """A data folder with a study that holds both kinds, and a file beside each."""

    def __init__(self, root: Path) -> None:
        self.folder = DataFolder(root)
        self.folder.prepare()
        self.identities = IdentityStore.open(self.folder.identity_path)
        self.catalog = Catalog.open(self.folder.catalog_path, migrations=catalog_extensions())
        self.study = study_dir(self.folder, "p", "S-1", "1")
        self.catalog.write(lambda tx: ensure_project(tx, "p"))
        for name, write in WRITE.items():
            write(self.study / name)
            (self.study / name).with_name("beside.txt").write_text("stays")
        self.report = rescan(self.catalog, self.folder)
        self.mover = Mover(self.catalog, self.folder, self.identities)

    def rows(self) -> dict[str, Any]:
        with self.catalog.read() as con:
            found = con.execute("SELECT id FROM studies WHERE trashed_at IS NULL").fetchall()
            return {file.path: file for one in found for file in study_files(con, one[0])}

    def scan(self) -> tuple[int, int, int, list[str]]:
        """What a rescan adds, finds changed, finds the same and misses."""
        told = rescan(self.catalog, self.folder)
        return told.n_added, told.n_changed, told.n_same, told.missing

    def close(self) -> None:
        self.catalog.close()
        self.identities.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path / "data")
    yield found
    found.close()


both = pytest.mark.parametrize("name", [NEURO, SLIDE])


def test_NG_02_SPA_04_a_rescan_finds_one_file_each_as_large_as_its_chunks(place: Place) -> None:
    assert place.report.n_added == 4
    rows = place.rows()
    assert rows.keys() == {NEURO, SLIDE, "tomo/beside.txt", "slides/beside.txt"}
    for name in WRITE:
        inside = contents(place.study / name)
        assert len(inside) > 8
        assert (rows[name].kind, rows[name].size_bytes) == (
            "pyramid",
            sum(map(len, inside.values())),
        )
    assert place.scan() == (0, 0, 4, [])
    chunk = max((place.study / NEURO).rglob("*-*_*"), key=lambda path: path.stat().st_size)
    chunk.write_bytes(chunk.read_bytes() + b"x")
    assert place.scan() == (0, 1, 3, []), "a chunk that changed changes the file"


@both
def test_NG_02_a_pyramid_is_renamed_with_all_its_chunks_and_back(place: Place, name: str) -> None:
    inside, row = contents(place.study / name), place.rows()[name]
    target = f"other/{'neuro-b' if name == NEURO else 'b.zarr'}"
    done = place.mover.rename_file(row.id, target, "owner")
    assert not (place.study / name).exists()
    assert contents(place.study / target) == inside
    moved = place.rows()[target]
    assert (moved.id, moved.size_bytes, moved.kind) == (row.id, row.size_bytes, "pyramid")
    assert (place.study / name).with_name("beside.txt").read_text() == "stays"
    assert place.scan() == (0, 0, 4, [])
    with place.catalog.read() as con:
        operation = find_operation(con, done)
    place.mover.undo(operation, "owner")
    assert contents(place.study / name) == inside
    assert place.scan() == (0, 0, 4, [])


def test_NG_02_what_lies_in_a_pyramid_and_what_does_not_stay_apart(place: Place) -> None:
    rows = place.rows()
    with pytest.raises(Invalid, match="inside a pyramid"):
        place.mover.rename_file(rows["tomo/beside.txt"].id, f"{NEURO}/note.txt", "owner")
    with pytest.raises(Invalid, match="inside a pyramid"):
        place.mover.rename_file(rows[NEURO].id, f"{NEURO}/1/neuro-b", "owner")
    with pytest.raises(Conflict):
        place.mover.rename_file(rows[NEURO].id, "slides", "owner")
    bare = place.study / "tomo" / "neuro-bare"
    bare.mkdir()
    (bare / "info").write_text("{}")
    rescan(place.catalog, place.folder)
    with pytest.raises(Invalid, match="a pyramid cannot be called"):
        place.mover.rename_file(place.rows()["tomo/neuro-bare"].id, "tomo/plain", "owner")
    place.mover.rename_file(rows[NEURO].id, "tomo/any name", "owner")  # its info says what it is
    assert place.scan() == (0, 0, 5, [])


@both
@pytest.mark.parametrize("moved", [True, False])
def test_NG_02_a_rename_that_was_cut_short_is_finished_or_forgotten(
    place: Place, name: str, moved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power fails after the journal is written, before or after the folder is renamed."""
    inside, row = contents(place.study / name), place.rows()[name]
    target = f"{name}.new.zarr" if name == SLIDE else f"{name}-new"

    class PowerCut(BaseException):
        pass

    def cut(old: Path, new: Path) -> None:
        if moved:
            old.rename(new)
        raise PowerCut

    monkeypatch.setattr("appliance.upkeep.moving._rename", cut)
    monkeypatch.setattr(Mover, "_forget", lambda *_: None)
    with pytest.raises(PowerCut):
        place.mover.rename_file(row.id, target, "owner")
    monkeypatch.undo()
    assert place.mover.finish_pending() == 1
    here = target if moved else name
    assert contents(place.study / here) == inside
    assert {NEURO, SLIDE, target} & place.rows().keys() == {*WRITE} - {name} | {here}
    assert place.scan() == (0, 0, 4, [])


def test_NG_02_studies_and_subjects_take_their_pyramids_along(place: Place) -> None:
    inside = {name: contents(place.study / name) for name in WRITE}
    with place.catalog.read() as con:
        subject, study = con.execute("SELECT subject_id, id FROM studies").fetchone()
    place.mover.rename_study(study, "2", "owner")
    place.mover.rename_subject(subject, "S-9", "owner")
    project = place.catalog.write(lambda tx: ensure_project(tx, "p"))
    other = place.catalog.write(lambda tx: ensure_subject(tx, project.id, "S-8"))
    place.mover.move_study(study, other, "owner")
    now = study_dir(place.folder, "p", "S-8", "2")
    assert {name: contents(now / name) for name in WRITE} == inside
    assert place.scan() == (0, 0, 4, [])


@both
def test_NG_02_a_pyramid_in_the_trash_comes_back_or_leaves_whole(place: Place, name: str) -> None:
    inside, row = contents(place.study / name), place.rows()[name]
    done = trash_many(place.catalog, files=[row.id], actor="owner")
    assert place.scan() == (0, 0, 3, []), "its chunks are not found anew"
    assert len(place.rows()) == 3
    undo_all(place.catalog, done.operation_id, "owner")
    assert contents(place.study / name) == inside
    assert place.scan() == (0, 0, 4, [])
    done = trash_many(place.catalog, files=[row.id], actor="owner")
    swept = purge(place.catalog, place.folder, done.operation_id)
    assert (swept.n_files, swept.size_bytes) == (len(inside), row.size_bytes)
    assert not (place.study / name).exists()
    assert (place.study / name).with_name("beside.txt").read_text() == "stays"
    assert place.scan() == (0, 0, 3, [])


def test_NG_02_the_trash_outlives_a_catalog_that_is_lost(place: Place) -> None:
    row = place.rows()[NEURO]
    place.catalog.write(lambda tx: tag(tx, "file", [place.rows()[SLIDE].id], add=["good"]))
    trash_many(place.catalog, files=[row.id], actor="owner")
    SidecarWriter(place.catalog, place.folder).catch_up()
    place.catalog.close()
    for path in place.folder.root.glob("catalog.sqlite*"):
        path.unlink()
    place.catalog = Catalog.open(place.folder.catalog_path, migrations=catalog_extensions())
    told = rescan(place.catalog, place.folder)
    assert (told.n_added, told.n_trashed) == (4, 1)
    assert place.rows().keys() == {SLIDE, "tomo/beside.txt", "slides/beside.txt"}
    assert place.rows()[SLIDE].tags == ["good"]


def test_NG_02_rows_of_earlier_versions_stand_for_the_folder(place: Place) -> None:
    """They named ``info`` or ``.zattrs``; ids, tags and the trash are kept."""

    def make_old(tx: Any) -> list[int]:
        tx.con.execute("DELETE FROM files")
        subject = ensure_subject(tx, ensure_project(tx, "p").id, "S-1")
        study = ensure_study(tx, subject, "1")
        heads = (f"{NEURO}/info", f"{SLIDE}/.zattrs")
        ids = [add_file(tx, study, head, size_bytes=9, mtime_ns=9, kind="other") for head in heads]
        tag(tx, "file", ids, add=["kept"])
        return ids

    neuro, slide = place.catalog.write(make_old)
    trash_many(place.catalog, files=[slide], actor="owner")
    assert place.scan() == (2, 1, 0, [])
    row = place.rows()[NEURO]
    assert (row.id, row.kind, row.tags) == (neuro, "pyramid", ["kept"])
    assert place.rows().keys() == {NEURO, "tomo/beside.txt", "slides/beside.txt"}
    with place.catalog.read() as con:
        assert get_file(con, neuro).size_bytes == sum(
            map(len, contents(place.study / NEURO).values())
        )


def test_NG_02_an_erased_subject_leaves_no_chunk(place: Place) -> None:
    eraser = Eraser(place.catalog, place.folder, place.identities)
    size = sum(path.stat().st_size for path in place.study.rglob("*") if path.is_file())
    plan = eraser.plan("p", "S-1")
    assert (plan.n_files, plan.size_bytes) == (4, size)
    eraser.erase("p", "S-1", typed="S-1", actor="owner")
    left = [p for p in (place.folder.projects / "p").rglob("*") if p.is_file()]
    assert [p.name for p in left if p.name != ".nora-project.json"] == []


def test_NG_02_the_hash_of_a_pyramid_is_what_sha256sum_says(place: Place) -> None:
    hash_some(place.catalog, place.folder, limit=100)
    command = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    for name in WRITE:
        told = subprocess.run(
            ["bash", "-c", command], cwd=place.study / name, capture_output=True, check=True
        )
        assert place.rows()[name].sha256 == told.stdout.split()[0].decode()
    before = sha256_file(place.study / NEURO)
    (place.study / NEURO / "more").write_bytes(b"")
    assert sha256_file(place.study / NEURO) != before


def test_NG_02_what_a_project_takes_counts_the_chunks(place: Place) -> None:
    with place.catalog.read() as con:
        usage = project_usage(con, get_project(con, "p").id)
    files = [p for p in place.study.rglob("*") if p.is_file() and not p.name.startswith(".nora")]
    assert usage.n_files == 4
    assert usage.arrived_bytes + usage.derived_bytes == sum(p.stat().st_size for p in files)


def test_NG_02_a_backup_brings_the_rows_of_pyramids_back(place: Place, tmp_path: Path) -> None:
    before = {name: (row.id, row.size_bytes) for name, row in place.rows().items()}
    saved = backup(place.folder, tmp_path / "saved")
    trash_many(place.catalog, files=[before[NEURO][0]], actor="owner")
    place.close()
    restore(Path(saved.path), place.folder)
    place.identities = IdentityStore.open(place.folder.identity_path)
    place.catalog = Catalog.open(place.folder.catalog_path, migrations=catalog_extensions())
    assert {name: (row.id, row.size_bytes) for name, row in place.rows().items()} == before
    assert place.scan() == (0, 0, 4, [])


@both
def test_NG_02_an_export_holds_every_chunk_and_says_what_describes_them(
    place: Place, name: str, tmp_path: Path
) -> None:
    source = place.study / name
    (source / "outside").symlink_to(place.folder.catalog_path)
    entry = Entry(f"extra/{name}", source=source)
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"".join(_zip([entry])))
    shutil.unpack_archive(archive, tmp_path / "zip")
    (source / "outside").unlink()
    assert contents(tmp_path / "zip" / "extra" / name) == contents(source)
    for part in entry_parts(entry):
        _put(tmp_path / "folder", part)
    assert contents(tmp_path / "folder" / "extra" / name) == contents(source)
    known = KnownWords([])
    assert [one.rule for one in look_over([entry], known).findings] == (
        [] if name == NEURO else ["burned-in"]
    )
    (source / "OME").mkdir(exist_ok=True)
    (source / "OME" / "METADATA.ome.xml").write_text("<a/>")
    (source / "odd.bin").write_bytes(b"\0" * 300)
    found = {one.rule: one for one in look_over([entry], known).findings}
    assert "opaque" in found
