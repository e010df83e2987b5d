"""A tilt series with the files beside it: angles, transforms, notes (BRT-01)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from appliance.core import FormatError, Invalid, NotFound
from appliance.formats import MrcWriter
from appliance.tomography.records import TiltAlignment
from appliance.tomography.tilt_files import (
    read_mdoc,
    read_series,
    read_tlt,
    read_xf,
    write_tlt,
    write_xf,
)

MDOC = """PixelSpacing = 5.4
ImageFile = TS_01.mrc

[T = SerialEM: Digitized on a microscope      30-Nov-15  15:14:20    ]

[T =     Tilt axis angle = 85.3, binning = 4  spot = 8  camera = 2]

[ZValue = 1]
TiltAngle = 3.0
ExposureDose = 2.5

[ZValue = 0]
TiltAngle = -0.001
ExposureDose = 1.5
StagePosition = 20.7936 155.287
"""


def series(folder: Path, n: int = 3, *, volume: bool = False, name: str = "TS_01.mrc") -> Path:
    data = np.arange(n * 12, dtype=np.int16).reshape(n, 3, 4)
    with MrcWriter(folder / name, data.shape, "i2", 1, volume=volume) as out:
        out.write(0, data)
    return folder / name


def test_notes_tell_angles_doses_axis_and_pixel_in_the_order_of_the_sections(
    tmp_path: Path,
) -> None:
    (tmp_path / "TS_01.mrc.mdoc").write_text(MDOC)
    got = read_series(series(tmp_path, 2))
    assert got.angles_deg.tolist() == [-0.001, 3.0]
    assert got.exposure is not None
    assert got.exposure.tolist() == [1.5, 2.5]
    assert (got.axis_deg, got.pixel_nm) == (85.3, pytest.approx(0.54))
    assert got.facts["angles_from"] == "its .mdoc"
    assert read_mdoc(tmp_path / "TS_01.mrc.mdoc").entries["ImageFile"] == "TS_01.mrc"


def test_angles_are_looked_for_in_the_order_of_the_manual(tmp_path: Path) -> None:
    path = series(tmp_path, 2)
    (tmp_path / "TS_01.mdoc").write_text(MDOC)
    (tmp_path / "TS_01.tlt").write_text(" -10.00\n\n  10.00\n")
    assert read_series(path).angles_deg.tolist() == [-10, 10]
    (tmp_path / "TS_01.rawtlt").write_text("-20\r\n20\r\n")
    assert read_series(path).angles_deg.tolist() == [-20, 20]
    assert read_series(path, angles=[1, 2]).angles_deg.tolist() == [1, 2]
    assert read_series(path, angles=tmp_path / "TS_01.tlt").facts["angles_from"] == "TS_01.tlt"


def test_the_extended_header_is_the_last_to_be_asked(tmp_path: Path) -> None:
    path = series(tmp_path, 2)
    content = bytearray(path.read_bytes())
    content[92:96], content[128:132] = struct.pack("<i", 4), struct.pack("<2h", 2, 1)
    path.write_bytes(content[:1024] + struct.pack("<2h", -6000, 150) + content[1024:])
    got = read_series(path)
    assert got.angles_deg.tolist() == [-60, 1.5]
    assert got.images[1, 2, 3] == 23


def test_wrong_and_missing_angles_are_told_with_what_to_do(tmp_path: Path) -> None:
    path = series(tmp_path)
    with pytest.raises(FormatError, match="no tilt angles") as told:
        read_series(path)
    assert "TS_01.rawtlt" in told.value.hint
    (tmp_path / "TS_01.rawtlt").write_text("1\n2\n")
    with pytest.raises(FormatError, match=r"TS_01.rawtlt names 2 tilt angles, .* holds 3"):
        read_series(path)
    (tmp_path / "TS_01.rawtlt").write_text("1\ntwo\n3\n")
    with pytest.raises(FormatError, match="line 2"):
        read_series(path)
    (tmp_path / "TS_01.rawtlt").write_text("1\n2\n335\n")
    with pytest.raises(FormatError, match="line 3"):
        read_series(path)
    with pytest.raises(NotFound):
        read_series(path, angles=tmp_path / "none.tlt")


@pytest.mark.parametrize(("name", "volume"), [("a.mrc", True), ("a_rec.mrc", False)])
def test_a_volume_is_no_tilt_series(tmp_path: Path, name: str, volume: bool) -> None:
    with pytest.raises(FormatError, match="is a volume"):
        read_series(series(tmp_path, volume=volume, name=name))


def test_of_a_series_that_grows_what_is_there_counts(tmp_path: Path) -> None:
    path = series(tmp_path, 4)
    path.write_bytes(path.read_bytes()[:-30])
    (tmp_path / "TS_01.rawtlt").write_text("1\n2\n")
    assert read_series(path, growing=True).images.shape == (2, 3, 4)
    (tmp_path / "TS_01.rawtlt").write_text("1\n2\n3\n4\n5\n")
    assert read_series(path, growing=True).angles_deg.tolist() == [1, 2]


def alignment(n: int = 3) -> TiltAlignment:
    rng = np.random.default_rng(3)
    return TiltAlignment(
        rng.normal(size=(n, 2, 2)).round(7),
        rng.normal(size=(n, 2)).round(3) * 40,
        np.array([-60.01, 0.0, 60.0]),
        np.ones(n, bool),
    )


def test_transforms_and_angles_come_back_as_written(tmp_path: Path) -> None:
    made = alignment()
    write_xf(tmp_path / "a.xf", made)
    write_tlt(tmp_path / "a.tlt", made.angles_deg)
    matrices, shifts = read_xf(tmp_path / "a.xf")
    assert np.allclose(matrices, made.matrices, atol=1e-7)
    assert np.allclose(shifts, made.shifts, atol=1e-3)
    assert read_tlt(tmp_path / "a.tlt") == pytest.approx(made.angles_deg)
    assert all(len(line) == 72 for line in (tmp_path / "a.xf").read_text().splitlines())


def test_transforms_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xf").write_text("1 0 0 1 0\n")
    with pytest.raises(FormatError, match="six numbers"):
        read_xf(tmp_path / "a.xf")
    broken = alignment()
    broken.shifts[1, 1] = np.nan
    with pytest.raises(Invalid):
        write_xf(tmp_path / "b.xf", broken)
    (tmp_path / "a.mdoc").write_text("nothing\nto = see\n")
    with pytest.raises(FormatError, match="no sections"):
        read_mdoc(tmp_path / "a.mdoc")
