"""Stacks of sections: dialects of the header, files that lie, writing in parts (BRT-01)."""

from __future__ import annotations

import struct
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from mrcfile.dtypes import get_ext_header_dtype

from appliance.core import Conflict, DiskFull, FormatError, Invalid, NotFound
from appliance.formats import MrcWriter, read_mrc_stack, read_volume

RNG = np.random.default_rng(7)


def stack(dtype: str, shape: tuple[int, int, int] = (5, 7, 6)) -> np.ndarray:
    low = 0 if dtype[0] == "u" else -100
    return RNG.integers(low, 120, shape).astype(dtype)


def written(path: Path, data: np.ndarray, **more: object) -> Path:
    with MrcWriter(path, data.shape, data.dtype, 3.5, **more) as out:
        out.write(0, data)
    return path


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "f2", "f4"])
def test_what_is_written_section_by_section_is_read_back(tmp_path: Path, dtype: str) -> None:
    data = stack(dtype)
    with MrcWriter(tmp_path / "a.mrc", data.shape, dtype, 3.5, titles=["made here"]) as out:
        out.write(3, data[3:])
        out.write(0, data[0])
        out.write(1, data[1:3])
    back, facts = read_mrc_stack(tmp_path / "a.mrc")
    assert back.dtype == np.dtype(dtype)
    assert np.array_equal(back, data)
    assert facts.pixel_angstrom == pytest.approx(3.5)
    assert facts.titles == ("made here",)
    assert (facts.minimum, facts.maximum) == (data.min(), data.max())
    assert facts.mean == pytest.approx(data.mean(dtype=float), abs=1e-4)
    with mrcfile.open(tmp_path / "a.mrc") as stream:
        assert float(stream.header.rms) == pytest.approx(data.std(dtype=float), abs=1e-3)
    assert dtype in ("u1", "f2") or mrcfile.validate(
        tmp_path / "a.mrc"
    )  # these it takes for others


def test_bytes_without_sign_are_the_same_in_the_viewer(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mrc", np.full((2, 3, 4), 200, np.uint8))
    assert read_volume(path).data.max() == 200


@pytest.mark.parametrize(
    ("version", "high", "kind"), [(20140, 250, "i"), (0, 250, "u"), (0, 9, "i")]
)
def test_bytes_have_a_sign_by_year_or_range_where_imod_says_nothing(
    tmp_path: Path, version: int, high: float, kind: str
) -> None:
    path = written(tmp_path / "a.mrc", stack("i1"))
    patch(path, {76: struct.pack("<f", 0), 80: struct.pack("<f", high)})
    patch(path, {108: struct.pack("<i", version), 152: bytes(8)})
    assert read_mrc_stack(path)[0].dtype.kind == kind


def patch(path: Path, at: dict[int, bytes]) -> None:
    content = bytearray(path.read_bytes())
    for offset, value in at.items():
        content[offset : offset + len(value)] = value
    path.write_bytes(content)


def big_endian(data: np.ndarray) -> bytes:
    words = np.zeros(256, ">i4")
    words[0:3], words[3] = data.shape[::-1], 2
    return words.tobytes() + data.astype(">f4").tobytes()


def test_files_of_the_other_byte_order_and_of_before_the_word_map_are_read(tmp_path: Path) -> None:
    data = stack("f4")
    (tmp_path / "old.st").write_bytes(big_endian(data))
    back, facts = read_mrc_stack(tmp_path / "old.st")
    assert np.array_equal(back, data)
    assert facts.pixel_angstrom == 0


def with_extended(path: Path, data: np.ndarray, block: bytes, kind: bytes, counts: bytes) -> Path:
    written(path, data)
    patch(path, {92: struct.pack("<i", len(block)), 104: kind, 128: counts})
    content = path.read_bytes()
    path.write_bytes(content[:1024] + block + content[1024:])
    return path


def test_the_extended_header_of_serialem_tells_tilts_and_doses(tmp_path: Path) -> None:
    flags = 1 | 2 | 4 | 8 | 16 | 32  # all of them, so that each one's place is known
    rows = [struct.pack("<h3h2hhhf", 100 * t, 1, 2, 3, 4, 5, 6, 7, 2.5) for t in range(-2, 3)]
    path = with_extended(
        tmp_path / "a.st", stack("i2"), b"".join(rows), b"SERI", struct.pack("<2h", 20, flags)
    )
    back, facts = read_mrc_stack(path)
    assert back.shape == (5, 7, 6)
    assert facts.tilt_angles == pytest.approx([-2, -1, 0, 1, 2])
    assert facts.exposure == pytest.approx([2.5] * 5)


def test_feis_records_of_old_tell_tilts_axis_and_pixel(tmp_path: Path) -> None:
    rows = np.zeros((1024, 32), "<f4")
    rows[:5, 0], rows[:5, 10], rows[:5, 11] = range(5), 84.5, 2e-10
    path = with_extended(
        tmp_path / "a.mrc", stack("u2"), rows.tobytes(), b"\0\0\0\0", struct.pack("<2h", 0, 32)
    )
    facts = read_mrc_stack(path)[1]
    assert facts.tilt_angles == pytest.approx(range(5))
    assert facts.axis_deg == pytest.approx(84.5)
    assert facts.pixel_angstrom == pytest.approx(2)


@pytest.mark.parametrize("kind", [b"FEI1", b"FEI2"])
def test_feis_long_records_tell_what_their_flags_allow(tmp_path: Path, kind: bytes) -> None:
    rows = np.zeros(5, get_ext_header_dtype(kind, "<"))
    rows["Metadata size"] = rows.itemsize
    rows["Bitmask 1"] = 1 << 6 | 1 << 7 | 1 << 14
    rows["Alpha tilt"], rows["Dose"] = range(5), 4e20
    rows["Tilt axis angle"], rows["Pixel size X"] = 77, 1.5e-10
    path = with_extended(tmp_path / "a.mrc", stack("u2"), rows.tobytes(), kind, bytes(4))
    facts = read_mrc_stack(path)[1]
    assert facts.tilt_angles == pytest.approx(range(5))
    assert facts.exposure == pytest.approx([4.0] * 5)
    assert facts.axis_deg is None
    assert facts.pixel_angstrom == pytest.approx(1.5)


def test_an_extended_header_that_is_too_short_tells_nothing(tmp_path: Path) -> None:
    path = with_extended(
        tmp_path / "a.st", stack("i2"), bytes(4), b"SERI", struct.pack("<2h", 2, 1)
    )
    assert read_mrc_stack(path)[1].tilt_angles is None


def test_a_header_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mrc", stack("f4"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(FormatError, match="promises 5 sections and 4 are there"):
        read_mrc_stack(path)
    back, facts = read_mrc_stack(path, growing=True)
    assert back.shape == (4, 7, 6)
    assert facts.sections_promised == 5
    path.write_bytes(whole[:1030])
    with pytest.raises(FormatError, match="0 are there"):
        read_mrc_stack(path, growing=True)


@pytest.mark.parametrize(
    ("at", "match"),
    [
        ({12: struct.pack("<i", 101)}, "mode 101"),
        ({12: struct.pack("<i", 4)}, "complex"),
        ({0: struct.pack("<i", 0)}, "no image"),
        ({12: struct.pack("<i", 77777)}, "no image"),
        ({0: b"garbage and more", 208: b"    "}, "not an MRC file"),
    ],
)
def test_what_is_no_stack_is_refused(tmp_path: Path, at: dict[int, bytes], match: str) -> None:
    path = written(tmp_path / "a.mrc", stack("f4"))
    patch(path, at)
    with pytest.raises(FormatError, match=match):
        read_mrc_stack(path)


def test_missing_and_short_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_mrc_stack(tmp_path / "none.mrc")
    (tmp_path / "a.mrc").write_bytes(b"short")
    with pytest.raises(FormatError, match="shorter than a header"):
        read_mrc_stack(tmp_path / "a.mrc")


def test_nothing_is_written_over_and_nothing_half_remains(tmp_path: Path) -> None:
    data = stack("i2")
    path = written(tmp_path / "a.mrc", data)
    with pytest.raises(Conflict):
        written(path, data)
    with pytest.raises(Invalid, match="lacks 4 sections, first 1"):
        written_partly(tmp_path / "b.mrc", data)
    with pytest.raises(Conflict):
        written_beside_another(tmp_path / "c.mrc", data)
    assert (tmp_path / "c.mrc").read_bytes() == b"another"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mrc", "c.mrc"]


def written_partly(path: Path, data: np.ndarray) -> None:
    with MrcWriter(path, data.shape, data.dtype, 1) as out:
        out.write(0, data[:1])


def written_beside_another(path: Path, data: np.ndarray) -> None:
    with MrcWriter(path, data.shape, data.dtype, 1) as out:
        out.write(0, data)
        path.write_bytes(b"another")


def test_sections_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="int64"):
        MrcWriter(tmp_path / "a.mrc", (1, 2, 3), "i8", 1)
    with pytest.raises(Invalid, match="cannot be written"):
        MrcWriter(tmp_path / "a.mrc", (0, 2, 3), "i2", 1)
    for z0, block, match in (
        (0, np.zeros((2, 2), "i2"), "fit"),
        (0, np.zeros((2, 3), "f4"), "float32"),
        (1, np.zeros((2, 2, 3), "i2"), "no section 2"),
    ):
        with pytest.raises(Invalid, match=match), writer(tmp_path) as out:
            out.write(z0, block)
    with writer(tmp_path) as out:
        out.write(0, np.zeros((2, 2, 3), "i2"))
        with pytest.raises(Invalid, match="twice"):
            out.write(0, np.zeros((2, 3), "i2"))


def writer(folder: Path) -> MrcWriter:
    return MrcWriter(folder / "a.mrc", (2, 2, 3), "i2", 1)


def test_values_that_are_no_numbers_leave_the_range_unknown(tmp_path: Path) -> None:
    data = stack("f4")
    data[1, 2, 3] = np.nan
    facts = read_mrc_stack(written(tmp_path / "a.mrc", data))[1]
    assert facts.maximum < facts.minimum


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path: Path) -> None:
    shape = (1 << 19, 1 << 15, 1 << 15)
    with pytest.raises(DiskFull), MrcWriter(tmp_path / "a.mrc", shape, "f4", 1):
        pass
    assert not list(tmp_path.iterdir())
