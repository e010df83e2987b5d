"""The display cache: served as it lies, unpacked or converted once, kept within its size."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from appliance.catalog import FileRow
from appliance.core import DataFolder, DiskFull, FormatError, NotFound
from appliance.formats import plain_nifti_bytes, read_volume, write_nifti
from appliance.geometry import Volume
from appliance.viewing import (
    display,
    display_surface,
    display_volume,
    preview_image,
    shrink_cache,
)
from tests.support.samples import tiny_series

MGZ = Path(nibabel.__file__).parent / "tests" / "data" / "test.mgz"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


def row_of(path: Path, kind: str = "image", key: str = "abcdefgh12345678") -> FileRow:
    facts = path.stat()
    return FileRow(
        id=1,
        key=key,
        project="default",
        project_id=1,
        study_id=1,
        pid="S-0001",
        sid="v1",
        psid="S-0001#v1",
        path=path.name,
        kind=kind,
        size_bytes=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
        sha256=None,
        origin=None,
        tags=[],
        series=None,
        header=None,
    )


def sample() -> Volume:
    data = np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8)
    return Volume(data, np.diag([2.0, 2, 3, 1]))


def shown(folder: DataFolder, path: Path) -> Path:
    return display_volume(folder, row_of(path), path)


def test_a_plain_nifti_is_served_as_it_lies(folder: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    write_nifti(path, sample())
    assert shown(folder, path) == path
    assert not (folder.cache / "display").exists()


def test_a_packed_nifti_is_unpacked_byte_for_byte(folder: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    write_nifti(path, sample())
    entry = shown(folder, path)
    assert entry.read_bytes() == gzip.decompress(path.read_bytes())
    assert entry.is_relative_to(folder.cache / "display")
    first = entry.stat().st_ino
    assert shown(folder, path).stat().st_ino == first, "the second time it is there"


@pytest.mark.parametrize("case", ["mgz", "big endian", "nifti2", "int64"])
def test_other_formats_become_plain_nifti(folder: DataFolder, tmp_path: Path, case: str) -> None:
    data = np.arange(24).reshape(2, 3, 4)
    path = tmp_path / "a.nii"
    if case == "mgz":
        path = tmp_path / "a.mgz"
        path.write_bytes(MGZ.read_bytes())
    elif case == "big endian":
        header = nibabel.Nifti1Header(endianness=">")
        nibabel.save(nibabel.Nifti1Image(data.astype(">i2"), np.eye(4), header), path)
    elif case == "nifti2":
        nibabel.save(nibabel.Nifti2Image(data.astype(np.int16), np.eye(4)), path)
    else:
        nibabel.save(nibabel.Nifti1Image(data, np.eye(4), dtype="int64"), path)
    entry = shown(folder, path)
    assert entry != path
    assert plain_nifti_bytes(entry.read_bytes()) == entry.stat().st_size
    old, new = read_volume(path), read_volume(entry)
    assert np.array_equal(old.data, new.data)
    assert np.allclose(old.affine, new.affine, atol=1e-5)


def test_a_changed_file_gets_a_new_entry_and_the_old_one_goes(
    folder: DataFolder, tmp_path: Path
) -> None:
    path = tmp_path / "a.nii.gz"
    write_nifti(path, sample())
    first = shown(folder, path)
    write_nifti(path, Volume(np.ones((3, 3, 3), np.uint8), np.eye(4)))
    second = shown(folder, path)
    assert second != first
    assert not first.exists()
    assert read_volume(second).data.shape == (3, 3, 3)


def test_many_requests_at_once_convert_once(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.nii.gz"
    write_nifti(path, sample())
    made, found = [], []
    convert = display._convert

    def counted(*args: Path) -> None:
        made.append(1)
        convert(*args)

    monkeypatch.setattr(display, "_convert", counted)
    threads = [threading.Thread(target=lambda: found.append(shown(folder, path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(found) == 8
    assert len(set(found)) == 1


def test_damaged_files_are_refused_and_leave_nothing(folder: DataFolder, tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.nii", tmp_path / "b.nii.gz"
    write_nifti(plain, sample())
    write_nifti(packed, sample())
    inner = plain.read_bytes()
    cases = {
        plain: inner[:-10],
        packed: packed.read_bytes()[:-20],
        tmp_path / "c.nii.gz": gzip.compress(inner[:-10]),
        tmp_path / "d.nii.gz": b"nothing of the kind",
        tmp_path / "e.nrrd": b"NRRD0004\n",
    }
    for path, content in cases.items():
        path.write_bytes(content)
        with pytest.raises(FormatError):
            shown(folder, path)
    left = [entry for entry in (folder.cache / "display").iterdir() if entry.suffix != ".lock"]
    assert left == []


def test_what_is_no_image_or_gone_is_not_found(folder: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    write_nifti(path, sample())
    row = row_of(path)
    with pytest.raises(NotFound):
        display_volume(folder, row_of(path, kind="table"), path)
    with pytest.raises(NotFound):
        preview_image(folder, row_of(path, kind="surface"), path)
    path.unlink()
    for give in (display_volume, preview_image):
        with pytest.raises(NotFound, match="no longer"):
            give(folder, row, path)


def test_a_full_disk_is_said(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.nii.gz"
    write_nifti(path, sample())
    monkeypatch.setattr(display, "_RESERVE_BYTES", 1 << 62)
    with pytest.raises(DiskFull):
        shown(folder, path)


def test_the_least_recently_used_entries_go_first(folder: DataFolder, tmp_path: Path) -> None:
    entries = []
    for index in range(4):
        path = tmp_path / f"{index}.nii.gz"
        write_nifti(path, sample())
        row = row_of(path, key=f"key{index}")
        entries.append(display_volume(folder, row, path))
        os.utime(entries[-1], (index + 1, index + 1))
    size = entries[0].stat().st_size
    part = folder.cache / "display" / ".key9-1.nii.x.part"
    part.write_bytes(bytes(10 * size))
    display_volume(folder, row_of(tmp_path / "0.nii.gz", key="key0"), tmp_path / "0.nii.gz")
    assert shrink_cache(folder, 2 * size) == 2 * size
    assert [entry.exists() for entry in entries] == [True, False, False, True]
    assert part.exists(), "another thread may be writing it"
    os.utime(part, (1, 1))
    shrink_cache(folder, 2 * size)
    assert not part.exists(), "left by a crash"


def test_a_preview_is_a_grey_square_with_the_right_side_on_the_left(
    folder: DataFolder, tmp_path: Path
) -> None:
    data = np.full((20, 20, 4), 20, np.uint8)
    data[10:] = 200  # the right half
    data[0, 0], data[0, 1] = 1, 255
    path = tmp_path / "a.nii.gz"
    write_nifti(path, Volume(np.stack([data, 255 - data], axis=-1), np.eye(4)))
    with Image.open(preview_image(folder, row_of(path), path)) as picture:
        pixels = np.asarray(picture)
        assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (256, 256))
    assert pixels[:, :100].mean() > pixels[:, 156:].mean() + 100


def test_a_dicom_object_is_shown_with_the_others_of_its_series(
    folder: DataFolder, tmp_path: Path
) -> None:
    paths = tiny_series(tmp_path / "series", shape=(12, 10, 6))
    (tmp_path / "series" / "notes.dcm").write_text("no object")
    entry = display_volume(folder, row_of(paths[2], "other"), paths[2])
    volume = read_volume(entry)
    assert volume.data.shape[2] == len(paths)
    notes = tmp_path / "series" / "notes.dcm"
    with pytest.raises(FormatError, match="no readable DICOM object"):
        display_volume(folder, row_of(notes, "other", key="bcdefgh123456789"), notes)


def test_parts_of_a_complex_image_are_kept_side_by_side(folder: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "field.nii"
    nibabel.save(nibabel.Nifti1Image(np.full((3, 4, 5), 2j, np.complex64), np.eye(4)), path)
    row = row_of(path)
    magnitude = display_volume(folder, row, path)
    phase = display_volume(folder, row, path, "phase")
    assert magnitude != phase
    assert np.allclose(read_volume(magnitude).data, 2)
    assert np.allclose(read_volume(phase).data, np.pi / 2)


def test_a_surface_is_kept_as_one_form_and_a_bad_one_refused(
    folder: DataFolder, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.obj", tmp_path / "bad.obj"
    corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"
    good.write_text(f"{corners}f 1 2 3\n")
    bad.write_text(f"{corners}f 1 2 9\n")
    entry = display_surface(folder, row_of(good, "surface"), good)
    assert entry.read_bytes()[:4] == bytes([0x4D, 0x5A, 3, 0])
    with pytest.raises(FormatError, match="vertex"):
        display_surface(folder, row_of(bad, "surface", key="bcdefgh123456789"), bad)
    with pytest.raises(NotFound):
        display_surface(folder, row_of(good, "image"), good)
