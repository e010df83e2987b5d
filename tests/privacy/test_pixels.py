"""Burned-in text (PS3.15 Clean Pixel Data): rules say what turns black, all else stays (B5)."""

from __future__ import annotations

import io
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from appliance.core import SettingsError
from appliance.formats import CannotBlacken, blackened_dicom, rewrite_dicom
from appliance.privacy import (
    DicomPolicy,
    PixelRule,
    ProjectPolicy,
    Pseudonymizer,
    Stand,
    Withheld,
    known_rules,
)
from tests.exchange.kit import write_series
from tests.support.needs import needs

STAND = Stand("S-0001-ABCD", -100)
BAND = "* | * | * | * | 0,0,9999,40"
TEXT = 201
US = "1.2.840.10008.5.1.4.1.1.6.1"
PLAIN = [
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "SC_rgb_small_odd.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "ExplVR_BigEnd.dcm",
    "image_dfl.dcm",
    "examples_palette.dcm",
    "examples_rgb_color.dcm",
]
PACKED = [
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "examples_jpeg2k.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
]


def read(source) -> pydicom.FileDataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(source, force=True)


def frames(ds: Dataset) -> np.ndarray:
    """Pixels as (frames, rows, columns, samples)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = ds.pixel_array
    return array.reshape((int(ds.get("NumberOfFrames") or 1), ds.Rows, ds.Columns, -1))


def echo(path: Path, *regions: tuple[int, int, int, int], frames: int = 1, **more) -> Path:
    """A picture of an ultrasound machine: bright text all over, and the regions it tells of."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = US, "1.2.826.77.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.826.77.2", "1.2.826.77.3"
    ds.PatientName, ds.PatientID, ds.Modality = "Qzxdoe^Qzxjane", "QZX4711", "US"
    ds.Manufacturer, ds.ManufacturerModelName = "Somebody", "Echo 1"
    ds.BurnedInAnnotation = "YES"
    ds.Rows, ds.Columns, ds.SamplesPerPixel = 60, 80, 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PhotometricInterpretation = "MONOCHROME2"
    if frames > 1:
        ds.NumberOfFrames = frames
    ds.PixelData = np.full((frames, 60, 80), TEXT, np.uint8).tobytes()
    ds.SequenceOfUltrasoundRegions = [region(*one) for one in regions]
    for name, value in more.items():
        setattr(ds, name, value)
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path, enforce_file_format=True)
    return path


def region(x: int, y: int, right: int, low: int, shape: int = 1) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType = shape, 1
    item.RegionLocationMinX0, item.RegionLocationMinY0 = x, y
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right, low
    return item


def cleaned(path: Path, *rules: str, **policy) -> tuple[pydicom.FileDataset, Pseudonymizer]:
    told = DicomPolicy(dicom_options=("pixels",), dicom_pixels=rules, **policy)
    engine = Pseudonymizer(told, b"k" * 32, STAND)
    return read(io.BytesIO(rewrite_dicom(path, engine))), engine


def codes(ds: Dataset) -> set[str]:
    return {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}


def half(ds: Dataset) -> np.ndarray:
    mask = np.zeros((ds.Rows, ds.Columns), bool)
    mask[: max(1, ds.Rows // 3)] = True
    return mask


@pytest.mark.parametrize("name", PLAIN)
def test_what_a_rule_names_turns_black_and_every_other_byte_of_plain_pixels_stays(name) -> None:
    path = Path(get_testdata_file(name))
    before = read(path)
    mask = half(before)
    after = read(io.BytesIO(blackened_dicom(path, mask)))
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert len(after.PixelData) == len(before.PixelData)
    was, now = frames(before), frames(after)
    assert np.array_equal(was[:, ~mask], now[:, ~mask])
    black = np.unique(now[:, mask].reshape(-1, now.shape[-1]), axis=0)
    assert len(black) == 1
    rest = [tag for tag in before.keys() if tag != 0x7FE00010]  # noqa: SIM118
    assert all(after[tag].value == before[tag].value for tag in rest if tag & 0xFFFF)


@pytest.mark.parametrize("name", PACKED)
def test_packed_pixels_are_unpacked_and_stay_what_a_viewer_showed(name) -> None:
    path = Path(get_testdata_file(name))
    before = read(path)
    mask = half(before)
    after = read(io.BytesIO(blackened_dicom(path, mask)))
    assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    was, now = frames(before), frames(after)
    assert was.dtype.itemsize == now.dtype.itemsize
    assert np.array_equal(was[:, ~mask], now[:, ~mask])
    assert len(np.unique(now[:, mask].reshape(-1, now.shape[-1]), axis=0)) == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("JPGExtended.dcm", "unpacked"),
        ("liver_1frame.dcm", "1 bits"),
        ("MR_truncated.dcm", "not all there"),
        ("badVR.dcm", "does not say"),
    ],
)
def test_pixels_that_cannot_be_blackened_are_refused_with_the_reason(name, why) -> None:
    path = Path(get_testdata_file(name))
    mask = half(read(path))
    with pytest.raises(CannotBlacken, match=why):
        blackened_dicom(path, mask)


def test_dark_is_the_highest_value_where_the_lowest_is_bright_and_the_lowest_of_signed(tmp_path):
    bright = echo(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1")
    mask = np.zeros((60, 80), bool)
    mask[:4] = True
    assert (frames(read(io.BytesIO(blackened_dicom(bright, mask))))[0, :4] == 255).all()
    (ct,) = write_series(tmp_path / "ct", n=1, PixelRepresentation=1)
    found = read(ct)
    mask = half(found)
    low = -(1 << (found.BitsStored - 1))
    assert (frames(read(io.BytesIO(blackened_dicom(ct, mask))))[0][mask] == low).all()


def test_ultrasound_keeps_its_regions_alone(tmp_path: Path) -> None:
    path = echo(tmp_path / "us.dcm", (10, 20, 69, 49), frames=3)
    found, engine = cleaned(path)
    pixels = frames(found)[..., 0]
    kept = np.zeros((60, 80), bool)
    kept[20:50, 10:70] = True
    assert (pixels[:, kept] == TEXT).all()
    assert (pixels[:, ~kept] == 0).all()
    assert found.BurnedInAnnotation == "NO"
    assert "113101" in codes(found)
    assert engine.blackening is not None
    assert engine.blackening.rules == ("US | * | * | * | regions",)
    assert engine.blackening.share == pytest.approx(1 - 30 * 60 / 4800)
    told = {(one.name, one.action) for one in engine.changes}
    assert ("PixelData", "blackened where a rule says so") in told


@pytest.mark.parametrize(
    "regions",
    [
        [],
        [region(0, 0, 79, 59)],
        [region(0, 1, 79, 58)],
        [region(40, 20, 10, 49)],
        [region(10, 20, 69, 49, shape=5)],
        [region(10, 20, 69, 49), Dataset()],
    ],
)
def test_regions_that_are_no_help_let_nothing_out(tmp_path: Path, regions) -> None:
    path = echo(tmp_path / "us.dcm", SequenceOfUltrasoundRegions=regions)
    with pytest.raises(Withheld, match="no rule tells what to blacken"):
        cleaned(path)


def test_without_the_option_and_for_overlays_and_documents_nothing_changes(tmp_path: Path) -> None:
    path = echo(tmp_path / "us.dcm", (10, 20, 69, 49))
    engine = Pseudonymizer(DicomPolicy(), b"k" * 32, STAND)
    with pytest.raises(Withheld, match="as it says itself"):
        rewrite_dicom(path, engine)
    overlay = echo(tmp_path / "overlay.dcm", (10, 20, 69, 49))
    ds = read(overlay)
    ds.add_new(0x60000102, "US", 8)
    ds.save_as(overlay)
    with pytest.raises(Withheld, match="overlay"):
        cleaned(overlay)


def test_a_rule_of_the_project_stands_in_for_ours(tmp_path: Path) -> None:
    path = echo(tmp_path / "us.dcm", (10, 20, 69, 49))
    band = frames(cleaned(path, "us | some* | echo* | 60x80 | 0,0,80,10; 0,55,20,99")[0])[0, ..., 0]
    assert (band[:10] == 0).all()
    assert (band[55:, :20] == 0).all()
    assert (band[10:55] == TEXT).all()
    keep = frames(cleaned(path, "US | * | * | * | keep 30,30,10,10")[0])[0, ..., 0]
    assert (keep != 0).sum() == 100
    looked, engine = cleaned(path, "US | * | * | * | none")
    assert (frames(looked) == TEXT).all()
    assert looked.BurnedInAnnotation == "NO"
    assert engine.blackening is not None
    assert engine.blackening.share == 0
    other = cleaned(path, "US | Else* | * | * | none")[1]
    assert other.blackening is not None
    assert other.blackening.rules == ("US | * | * | * | regions",)


def test_known_machines_have_their_bands_blackened_besides_their_regions(tmp_path: Path) -> None:
    more = {"Manufacturer": "SIEMENS", "ManufacturerModelName": "S2000", "Rows": 768}
    pixels = np.full((768, 1024), TEXT, np.uint8).tobytes()
    path = echo(tmp_path / "a.dcm", (0, 40, 1023, 700), Columns=1024, PixelData=pixels, **more)
    found, engine = cleaned(path)
    assert engine.blackening is not None
    assert len(engine.blackening.rules) == 2
    picture = frames(found)[0, ..., 0]
    assert (picture[:60] == 0).all()
    assert (picture[60:701] == TEXT).all()


def test_packed_ultrasound_leaves_unpacked_with_black_places(tmp_path: Path) -> None:
    path = echo(tmp_path / "us.dcm", (10, 20, 69, 49), frames=2)
    ds = read(path)
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.save_as(path)
    found, _ = cleaned(path)
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert (frames(found) != 0).sum() == 2 * 30 * 60


@pytest.mark.parametrize("how", ["+e1", "+el"])
def test_ultrasound_in_lossless_jpeg_leaves_unpacked_with_black_places(
    tmp_path: Path, how: str
) -> None:
    plain = echo(tmp_path / "us.dcm", (10, 20, 69, 49), frames=2)
    path = tmp_path / "packed.dcm"
    subprocess.run([needs("dcmcjpeg"), how, str(plain), str(path)], check=True, timeout=60)
    found, _ = cleaned(path)
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert (frames(found) != 0).sum() == 2 * 30 * 60
    shown = (slice(None), slice(20, 50), slice(10, 70))
    assert np.array_equal(frames(found)[shown], frames(read(plain))[shown])


def test_the_pictures_of_pydicom_leave_with_their_regions_alone() -> None:
    path = Path(get_testdata_file("examples_palette.dcm"))
    before, (after, engine) = read(path), cleaned(path)
    assert engine.blackening is not None
    mask = engine.blackening.mask()
    assert mask.any()
    assert np.array_equal(frames(before)[:, ~mask], frames(after)[:, ~mask])


@pytest.mark.parametrize(
    "rule",
    [
        "US | * | * | 0,0,1,1",
        "US | * | * | big | 0,0,1,1",
        "US | * | * | * | 0,0,0,1",
        "US | * | * | * | keep",
        "US | * | * | * | a,b,c,d",
        "| * | * | * | none",
    ],
)
def test_a_rule_that_says_nothing_is_refused(rule: str) -> None:
    with pytest.raises(SettingsError):
        ProjectPolicy.of({"dicom_pixels": [rule]})


def test_rules_read_as_they_are_written() -> None:
    texts = [rule.text for rule in known_rules()]
    assert texts == [PixelRule.of(text).text for text in texts]
    assert PixelRule.of("US|a|b|1x*|keep 1,2,3,4").text == "US | a | b | 1x* | keep 1,2,3,4"
    for rule in known_rules():
        for area in rule.areas:
            assert area.y + area.height <= (rule.rows or 10_000)


@pytest.mark.parametrize("packed", [False, True])
def test_frames_beyond_those_that_an_object_counts_do_not_leave(tmp_path, packed: bool) -> None:
    """Some machines leave a frame behind the last one; a viewer may show it, text and all."""
    path = echo(tmp_path / "a.dcm", frames=2)
    if packed:
        subprocess.run([needs("dcmcjpeg"), "+e1", str(path), str(path)], check=True, timeout=60)
    ds = read(path)
    ds.NumberOfFrames = 1
    ds.save_as(path)
    mask = np.ones((60, 80), bool)
    assert TEXT not in read(io.BytesIO(blackened_dicom(path, mask))).PixelData


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_jpeg_dcmtk.dcm",
        "JPEG-lossy.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "SC_rgb_jls_lossy_line.dcm",
    ],
)
def test_frames_of_another_size_than_told_are_not_blackened_at_the_wrong_place(
    tmp_path, name: str
) -> None:
    ds = read(Path(get_testdata_file(name)))
    ds.Rows, ds.Columns = 2 * ds.Rows, ds.Columns // 2
    ds.save_as(tmp_path / "a.dcm")
    with pytest.raises(CannotBlacken):
        blackened_dicom(tmp_path / "a.dcm", half(ds))
