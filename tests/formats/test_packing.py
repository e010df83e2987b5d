"""Packed images: readable by any gzip, the same for the same bytes, compared by what they hold."""

from __future__ import annotations

import gzip
import random
import zlib
from pathlib import Path

import numpy as np
import pytest

from appliance.formats import is_packed_alike, pack_file, read_volume, write_nifti
from appliance.geometry import Volume


def made(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


NOISE = random.Random(1).randbytes(3 << 20)


@pytest.mark.parametrize("content", [b"", b"a", bytes(5 << 20), NOISE, NOISE * 2])
def test_a_packed_file_holds_what_it_held(tmp_path: Path, content: bytes) -> None:
    packed = pack_file(made(tmp_path / "s.nii", content))
    assert packed == tmp_path / "s.nii.gz"
    assert not (tmp_path / "s.nii").exists()
    assert gzip.decompress(packed.read_bytes()) == content
    again = pack_file(made(tmp_path / "t.nii", content))
    assert again.read_bytes() == packed.read_bytes()


def test_values_of_an_image_are_packed_about_as_small_as_by_zlib(tmp_path: Path) -> None:
    walk = np.cumsum(np.random.default_rng(0).integers(-9, 10, 1 << 20)).astype("<i2").tobytes()
    packed = pack_file(made(tmp_path / "s.nii", walk))
    assert packed.stat().st_size < 1.1 * len(zlib.compress(walk, 6))


def test_files_are_alike_however_they_were_packed(tmp_path: Path) -> None:
    ours = pack_file(made(tmp_path / "s.nii", NOISE))
    theirs = made(tmp_path / "old.nii.gz", gzip.compress(NOISE, 6))
    assert ours.read_bytes() != theirs.read_bytes()
    assert is_packed_alike(ours, theirs)
    assert not is_packed_alike(ours, made(tmp_path / "x.gz", gzip.compress(NOISE[:-1] + b"x")))
    assert not is_packed_alike(ours, made(tmp_path / "y.gz", gzip.compress(NOISE[:-1])))
    assert not is_packed_alike(ours, made(tmp_path / "z.gz", gzip.compress(NOISE)[:-9]))
    assert not is_packed_alike(ours, made(tmp_path / "w.gz", b"no gzip"))


def test_a_volume_is_written_packed_and_read_again(tmp_path: Path) -> None:
    data = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    write_nifti(tmp_path / "v.nii.gz", Volume(data, np.diag([1.0, 1.5, 2.0, 1.0])))
    assert np.array_equal(read_volume(tmp_path / "v.nii.gz").data, data)
