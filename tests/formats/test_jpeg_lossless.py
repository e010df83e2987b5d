"""Lossless JPEG (transfer syntaxes .57 and .70) against DCMTK's encoder and decoder."""

from __future__ import annotations

import io
import subprocess
import threading
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from pydicom.uid import ExplicitVRLittleEndian

from appliance.core import FormatError
from appliance.formats import CannotBlacken, blackened_dicom, jpeg_lossless, unpack_dicom
from appliance.formats.dicom_frames import frame_pixels, scan_frames
from appliance.formats.dicom_open import pixel_array
from appliance.formats.jpeg_lossless import read_lossless_jpeg
from tests.exchange.kit import write_series
from tests.support.needs import needs

NOISE = np.random.default_rng(7)


def source(folder: Path, pixels: np.ndarray, stored: int, *, signed: bool = False) -> Path:
    """Write pixels, not packed."""
    [path] = write_series(folder, n=1)
    ds = pydicom.dcmread(path)
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.BitsAllocated = 8 if stored <= 8 else 16
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = stored, stored - 1, int(signed)
    if pixels.ndim == 3:
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    kind = {(8, False): "u1", (8, True): "i1", (16, False): "<u2", (16, True): "<i2"}
    raw = pixels.astype(kind[ds.BitsAllocated, signed]).tobytes()
    ds.PixelData = raw + b"\0" * (len(raw) % 2)
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path)
    return path


def packed(path: Path, *how: str) -> Path:
    """Pack an object as DCMTK does."""
    target = path.with_suffix(".jpg.dcm")
    subprocess.run([needs("dcmcjpeg"), *how, str(path), str(target)], check=True, timeout=60)
    return target


def picture(shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """A smooth slope with noise and both ends of the range."""
    slope = np.linspace(low, high, int(np.prod(shape))).reshape(shape)
    pixels = np.clip(slope + NOISE.normal(0, (high - low) / 50, shape), low, high).astype(int)
    pixels.flat[3], pixels.flat[9] = low, high
    return pixels


@pytest.mark.parametrize(
    "how",
    [("+e1",), *(("+el", "+sv", str(n)) for n in range(1, 8))],
    ids=["sv1", *map(str, range(1, 8))],
)
@pytest.mark.parametrize(
    ("stored", "signed"), [(8, False), (12, False), (16, False), (12, True), (16, True)]
)
def test_every_predictor_and_depth_gives_the_very_pixels(tmp_path, how, stored, signed):
    low, high = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
    pixels = picture((37, 53), low, high)
    path = packed(source(tmp_path, pixels, stored, signed=signed), *how)
    syntax = "1.2.840.10008.1.2.4.70" if how == ("+e1",) else "1.2.840.10008.1.2.4.57"
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(pixel_array(path, 0, raw=True), pixels)


def test_colours_and_machine_code_give_the_very_pixels(tmp_path, monkeypatch):
    pixels = picture((40, 30, 3), 0, 255)
    path = packed(source(tmp_path, pixels, 8), "+e1")
    assert np.array_equal(pixel_array(path, 0, raw=True), pixels)
    monkeypatch.setattr(jpeg_lossless, "_COMPILE_FROM", 0)
    assert np.array_equal(pixel_array(path, 0, raw=True), pixels)


def test_an_object_of_another_maker_is_read_as_dcmtk_reads_it(tmp_path):
    path = Path(get_testdata_file("SC_rgb_jpeg_gdcm.dcm"))
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.70"
    plain = tmp_path / "plain.dcm"
    subprocess.run([needs("dcmdjpeg"), str(path), str(plain)], check=True, timeout=60)
    assert np.array_equal(pixel_array(path, 0, raw=True), pydicom.dcmread(plain).pixel_array)


def test_the_viewer_and_other_archives_get_what_was_packed(tmp_path):
    pixels = picture((300, 260), 0, 4095)
    path = packed(source(tmp_path, pixels, 12), "+e1")
    [frame] = scan_frames([path])
    assert np.array_equal(frame_pixels(frame), pixels)
    unpack_dicom(path, tmp_path / "plain.dcm", ExplicitVRLittleEndian)
    assert np.array_equal(pydicom.dcmread(tmp_path / "plain.dcm").pixel_array, pixels)


def test_many_threads_may_begin_at_once(tmp_path):
    path = packed(source(tmp_path, picture((9, 8), 0, 255), 8), "+e1")
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(pixel_array(path, 0, raw=True)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 8


@pytest.fixture(scope="module")
def stream(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("jpeg")
    path = packed(source(folder, picture((16, 12), 0, 4095), 12), "+e1")
    [frame] = generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=1)
    return frame


def test_what_is_cut_off_or_packed_otherwise_is_refused(stream):
    from PIL import Image

    for end in (1, 10, 40, len(stream) // 2):
        with pytest.raises(FormatError):
            read_lossless_jpeg(stream[:end])
    lossy = io.BytesIO()
    Image.new("L", (8, 8)).save(lossy, "JPEG")
    with pytest.raises(FormatError, match="another process"):
        read_lossless_jpeg(lossy.getvalue())


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 400), value=st.integers(0, 255), cut=st.integers(0, 200))
def test_what_is_damaged_is_read_or_refused_and_nothing_else(stream, at, value, cut):
    damaged = bytearray(stream)
    damaged[at % len(damaged)] = value
    try:
        found = read_lossless_jpeg(bytes(damaged[: len(damaged) - cut]))
    except FormatError:
        return
    assert found.samples.dtype == np.uint16


def test_rows_that_restart_are_read(stream):
    """Restart markers between rows, as hardware encoders write them; packed by hand."""
    pixels = picture((6, 5), 0, 255)
    assert np.array_equal(read_lossless_jpeg(_with_restarts(pixels, 2)).samples[..., 0], pixels)


def test_an_interval_that_is_lost_is_no_picture_whose_rows_moved_up() -> None:
    whole = _with_restarts(picture((6, 5), 0, 255), 2)
    first, second = whole.index(b"\xff\xd0"), whole.index(b"\xff\xd1")
    with pytest.raises(FormatError, match="lack a restart marker"):
        read_lossless_jpeg(whole[:first] + whole[second:])


def test_a_scan_names_each_component_once_and_tables_have_an_end() -> None:
    whole = _with_restarts(picture((6, 5), 0, 255), 2)
    scan = b"\xff\xda\0\x08\1\1\0\1\0\0"
    twice = b"\xff\xda" + (6 + 2 * 200).to_bytes(2, "big") + b"\xc8" + b"\1\0" * 200 + b"\1\0\0"
    with pytest.raises(FormatError, match="damaged scan"):
        read_lossless_jpeg(whole.replace(scan, twice))
    tables = b"\xff\xc4" + (2 + 17 * 300).to_bytes(2, "big") + bytes(17 * 300)
    with pytest.raises(FormatError, match="too many tables"):
        read_lossless_jpeg(whole[:2] + tables + whole[2:])


@pytest.mark.parametrize("shape", [(5, 6), (10, 3), (3, 10)])
def test_a_picture_that_an_object_calls_of_another_size_is_refused(tmp_path, shape) -> None:
    """As many pixels in rows of another length would be blackened at the wrong place."""
    path = packed(source(tmp_path, picture((6, 5), 0, 255), 8), "+e1")
    ds = pydicom.dcmread(path)
    ds.Rows, ds.Columns = shape
    ds.save_as(path)
    with pytest.raises(RuntimeError, match="of another size than its object says"):
        pixel_array(path, 0, raw=True)
    with pytest.raises(CannotBlacken):
        blackened_dicom(path, np.ones(shape, bool))


def _with_restarts(pixels: np.ndarray, rows_at_once: int) -> bytes:
    """Pack with predictor 1, one code of 8 bits for each category, and restart markers."""
    rows, columns = pixels.shape
    counts = bytes([0, 0, 0, 0, 0, 0, 0, 17, *[0] * 8])
    table = b"\xff\xc4" + (19 + 17).to_bytes(2, "big") + b"\0" + counts + bytes(range(17))
    size = bytes([8]) + rows.to_bytes(2, "big") + columns.to_bytes(2, "big") + b"\1\1\x11\0"
    frame = b"\xff\xc3" + (2 + len(size)).to_bytes(2, "big") + size
    restart = b"\xff\xdd\0\4" + (rows_at_once * columns).to_bytes(2, "big")
    out = b"\xff\xd8" + table + frame + restart + b"\xff\xda\0\x08\1\1\0\1\0\0"
    for start in range(0, rows, rows_at_once):
        bits = "".join(_codes(pixels[start : start + rows_at_once]))
        bits += "1" * (-len(bits) % 8)
        data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
        mark = b"" if start == 0 else bytes([0xFF, 0xD0 + (start // rows_at_once - 1) % 8])
        out += mark + data
    return out + b"\xff\xd9"


def _codes(rows: np.ndarray):
    for (y, x), value in np.ndenumerate(rows):
        guess = 128 if x == y == 0 else rows[y, x - 1] if x else rows[y - 1, x]
        difference = int(value) - int(guess)
        category = abs(difference).bit_length()
        extra = difference if difference > 0 else difference + (1 << category) - 1
        yield f"{category:08b}" + (f"{extra:0{category}b}" if category else "")
