"""The DICOM header scan: right on real files, and never raising on damaged ones."""

from __future__ import annotations

import gzip
import shutil
import tracemalloc
import zlib
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random

import mrcfile
import nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from appliance.formats import DicomRecord, ScanProblem, scan_dicom
from appliance.formats.dicom_fast import HeaderReader
from appliance.formats.dicom_fields import WANTED_TAGS
from appliance.formats.dicom_meta import read_meta
from appliance.formats.dicom_slow import read_raw_header
from appliance.formats.dicom_stroll import stroll
from appliance.formats.dicom_walk import VR_FORMS, compiled_walk, walk

PYDICOM = Path(pydicom.__file__).parent / "data"
NICOM = Path(nibabel.__file__).parent / "nicom" / "tests" / "data"
MORE = [
    Path(root)
    for package in ("data_store", "deid_data")  # of pydicom-data and deid-data, where they are
    if (found := find_spec(package)) is not None
    for root in found.submodule_search_locations or ()
]
ALL_FILES = sorted(
    path
    for root in (PYDICOM, NICOM, *MORE)
    for path in root.rglob("*")
    if path.is_file() and path.suffix not in {".py", ".pyc"}
)


def sample(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return Path(path)


def scan_one(path: Path) -> DicomRecord | ScanProblem:
    (answer,) = scan_dicom([path])
    return answer


def record_of(path: Path) -> DicomRecord:
    answer = scan_one(path)
    assert isinstance(answer, DicomRecord), answer
    return answer


def problem_of(path: Path) -> ScanProblem:
    answer = scan_one(path)
    assert isinstance(answer, ScanProblem), answer
    return answer


def test_a_ct_slice_tells_its_header() -> None:
    record = record_of(sample("CT_small.dcm"))
    dataset = pydicom.dcmread(sample("CT_small.dcm"))
    assert record.sop_uid == dataset.SOPInstanceUID
    assert record.series_uid == dataset.SeriesInstanceUID
    assert record.study_uid == dataset.StudyInstanceUID
    assert record.sop_class == dataset.SOPClassUID
    assert (record.patient_id, record.patient_name) == ("1CT1", "CompressedSamples^CT1")
    assert (record.modality, record.sex, record.age) == ("CT", "O", "000Y")
    assert record.study_description == "e+1"
    assert (record.series_number, record.instance_number) == (1, 1)
    assert (record.rows, record.cols, record.bits, record.frames) == (128, 128, 16, 1)
    assert record.image_type == ("ORIGINAL", "PRIMARY", "AXIAL")
    assert record.ipp == tuple(dataset.ImagePositionPatient)
    assert record.iop == tuple(dataset.ImageOrientationPatient)
    assert record.pixel_spacing_mm == tuple(dataset.PixelSpacing)
    assert record.transfer_syntax == "1.2.840.10008.1.2.1"
    assert record.has_pixels
    assert record.size_bytes == sample("CT_small.dcm").stat().st_size


@pytest.mark.parametrize(
    ("name", "person"),
    [
        ("chrFren.dcm", "Buc^Jérôme"),
        ("chrGerm.dcm", "Äneas^Rüdiger"),
        ("chrGreek.dcm", "Διονυσιος"),
        ("chrRuss.dcm", "Люкceмбypг"),
        ("chrH31.dcm", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("chrI2.dcm", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("chrX2.dcm", "Wang^XiaoDong=王^小东"),
    ],
)
def test_names_are_read_in_their_own_character_set(name: str, person: str) -> None:
    paths = [path for path in ALL_FILES if path.name == name]
    assert record_of(paths[0]).patient_name == person


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        ("MR_small_implicit.dcm", "1.2.840.10008.1.2"),
        ("MR_small_bigendian.dcm", "1.2.840.10008.1.2.2"),
        ("MR_small_RLE.dcm", "1.2.840.10008.1.2.5"),
        ("MR_small_jpeg_ls_lossless.dcm", "1.2.840.10008.1.2.4.80"),
        ("image_dfl.dcm", "1.2.840.10008.1.2.1.99"),
        ("JPEG2000.dcm", "1.2.840.10008.1.2.4.91"),
    ],
)
def test_every_transfer_syntax_is_read(name: str, syntax: str) -> None:
    record = record_of(sample(name))
    assert record.transfer_syntax == syntax
    assert record.has_pixels
    assert record.rows == pydicom.dcmread(sample(name), stop_before_pixels=True).Rows


def test_a_transfer_syntax_that_lies_is_seen_through() -> None:
    assert record_of(sample("SC_rgb_jpeg.dcm")).has_pixels


def test_a_report_has_no_pixels_but_is_a_record() -> None:
    record = record_of(sample("test-SR.dcm"))
    assert (record.modality, record.has_pixels, record.rows) == ("SR", False, None)


def test_the_reasons_of_refusal(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    assert problem_of(Path(__file__)).reason == "not_dicom"
    assert problem_of(empty).reason == "not_dicom"
    assert problem_of(folder).reason == "unreadable"
    assert problem_of(tmp_path / "missing").reason == "unreadable"
    assert problem_of(sample("DICOMDIR")).reason == "dicomdir"
    assert problem_of(sample("MR_truncated.dcm")).reason == "truncated"
    assert problem_of(sample("rtplan_truncated.dcm")).reason == "truncated"
    assert problem_of(NICOM / "csa_slice_norm.dcm").reason == "no_pixels"
    nameless = problem_of(sample("UN_sequence.dcm"))
    assert nameless.reason == "incomplete"
    assert nameless.message == (
        "nothing in it says which object, series and study it is"
        " (SOPInstanceUID, SeriesInstanceUID, StudyInstanceUID missing)"
    )


def test_one_missing_identifier_is_told_alone(tmp_path):
    ds = pydicom.dcmread(sample("CT_small.dcm"))
    del ds.SeriesInstanceUID
    ds.save_as(tmp_path / "a.dcm")
    told = problem_of(tmp_path / "a.dcm").message
    assert told == "nothing in it says which series it is (SeriesInstanceUID missing)"


@pytest.mark.parametrize("magic", [b"MAP ", bytes(4)])
@pytest.mark.parametrize("shape", [(8, 8), (8, 6), (8, 5), (2, 8)])
def test_an_MRC_file_a_few_voxels_wide_is_no_DICOM(
    tmp_path: Path, shape: tuple[int, int], magic: bytes
) -> None:
    path, (columns, rows) = tmp_path / "small.mrc", shape
    with mrcfile.new(path) as volume:
        volume.set_data(np.ones((4, rows, columns), np.int16))
    path.write_bytes(path.read_bytes()[:208] + magic + path.read_bytes()[212:])
    assert path.read_bytes()[:2] in {b"\x08\0", b"\x02\0"}
    assert problem_of(path).reason == "not_dicom"


def test_an_MRC_file_that_begins_like_the_length_of_group_8_is_known_by_its_magic(
    tmp_path: Path,
) -> None:
    path = tmp_path / "small.mrc"
    with mrcfile.new(path) as volume:
        volume.set_data(np.ones((4, 4, 8), np.int16))
    assert path.read_bytes()[:8] == b"\x08\0\0\0\x04\0\0\0"
    assert problem_of(path).reason == "not_dicom"


def test_a_random_start_of_group_8_is_no_DICOM(tmp_path: Path) -> None:
    for start in (b"\x08\0\x05\0ab\x04\0", b"\x08\0\x05\0\x07\0\0\0", b"\0\x08\0\x05\x08\0\0\0"):
        (tmp_path / "some.bin").write_bytes(start + bytes(600))
        assert problem_of(tmp_path / "some.bin").reason == "not_dicom"


@pytest.mark.parametrize(
    "name", ["ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "rtstruct.dcm"]
)
def test_files_without_a_preamble_are_known(name: str) -> None:
    assert sample(name).read_bytes()[128:132] != b"DICM"
    record = record_of(sample(name))
    assert record.sop_uid == pydicom.dcmread(sample(name), force=True).SOPInstanceUID


@pytest.mark.parametrize("explicit", [True, False])
def test_a_length_of_the_group_before_the_first_element_is_known(
    tmp_path: Path, *, explicit: bool
) -> None:
    name = "ExplVR_LitEndNoMeta.dcm" if explicit else "rtstruct.dcm"
    head = b"\x08\0\0\0" + (b"UL\x04\0" if explicit else b"\x04\0\0\0") + b"\x10\0\0\0"
    (tmp_path / "old.dcm").write_bytes(head + sample(name).read_bytes())
    assert record_of(tmp_path / "old.dcm").sop_uid == record_of(sample(name)).sop_uid


def test_a_problem_names_no_patient() -> None:
    text = problem_of(sample("MR_truncated.dcm")).message
    assert "CompressedSamples" not in text
    assert "4MR1" not in text


def test_age_is_read_in_its_unit() -> None:
    record = record_of(sample("CT_small.dcm"))
    ages = {"045Y": 45, "018M": 1.5, "": None, "abcY": None, "12": None}
    for text, years in ages.items():
        changed = DicomRecord(
            path=record.path,
            size_bytes=1,
            sop_uid="1",
            sop_class="1",
            study_uid="1",
            series_uid="1",
            age=text,
        )
        assert changed.age_years == years


@pytest.mark.parametrize("path", ALL_FILES, ids=lambda path: path.name)
def test_the_walker_agrees_with_pydicom(path: Path) -> None:
    size, fast = HeaderReader(walk).read(path)
    slow = read_raw_header(path)
    assert size == path.stat().st_size
    assert (fast is None) == (slow is None)
    if fast is None or slow is None or fast.missing:
        return
    assert fast.pixels == slow.pixels
    wanted = set(WANTED_TAGS) & fast.raw.keys() & slow.raw.keys()
    assert wanted >= set(WANTED_TAGS) & slow.raw.keys()
    assert all(fast.raw[tag].strip(b" \0") == slow.raw[tag].strip(b" \0") for tag in wanted)


def test_the_compiled_walker_gives_the_same_answers() -> None:
    wanted = np.array(WANTED_TAGS, np.int64)
    for name in ("CT_small.dcm", "MR_small_implicit.dcm", "JPEG2000.dcm", "rtplan_truncated.dcm"):
        data = sample(name).read_bytes()
        meta = read_meta(data)
        assert meta is not None
        answers = []
        for walker in (walk, compiled_walk()):
            found = np.zeros(2 * len(wanted), np.int64)
            explicit = meta[0] != "1.2.840.10008.1.2"
            answers.append((walker(data, meta[1], explicit, VR_FORMS, wanted, found), found))
        assert answers[0][0] == answers[1][0]
        assert np.array_equal(answers[0][1], answers[1][1])


@pytest.mark.parametrize(
    "name", ["CT_small", "MR_small_implicit", "rtplan", "JPEG2000", "nested_priv_SQ"]
)
def test_the_walker_of_the_interpreter_gives_the_same_answers(name: str) -> None:
    """Of whole, cut and damaged headers, also when read as the other kind of data set."""
    data = sample(f"{name}.dcm").read_bytes()[:20_000]
    meta = read_meta(data)
    assert meta is not None
    random = Random(3)
    for turn in range(400):
        head = bytearray(data[: random.randrange(meta[1], len(data))] if turn % 2 else data)
        for _ in range(turn % 5):
            at = random.randrange(meta[1] - 1, len(head))
            head[at] = random.choice([0, 0xFF, 0xFE, 0xE0, random.randrange(256)])
        answers = []
        for walker in (stroll, partial(walk, forms=VR_FORMS)):
            found = [0] * (2 * len(WANTED_TAGS))
            ended = walker(
                data=bytes(head), at=meta[1], explicit=turn % 3 > 0, wanted=WANTED_TAGS, found=found
            )
            answers.append((ended, found))
        assert answers[0] == answers[1]


def test_every_cut_of_a_file_is_noticed(tmp_path: Path) -> None:
    whole = sample("MR_small_implicit.dcm").read_bytes()
    record = record_of(sample("MR_small_implicit.dcm"))
    pixels = whole.index(b"\xe0\x7f\x10\x00") + 8
    assert pixels + 64 * 64 * 2 == len(whole), "the sample ends with its pixel data"
    target = tmp_path / "cut.dcm"
    for end in {*range(0, len(whole) - 1, 211), len(whole) - 1}:
        target.write_bytes(whole[:end])
        assert isinstance(scan_one(target), ScanProblem), end
    target.write_bytes(whole)
    assert record_of(target).sop_uid == record.sop_uid


def test_a_cut_compressed_object_is_noticed(tmp_path: Path) -> None:
    whole = sample("JPEG2000.dcm").read_bytes()
    target = tmp_path / "cut.dcm"
    target.write_bytes(whole[: len(whole) - 100])
    assert problem_of(target).reason == "truncated"


def test_pixel_data_smaller_than_the_matrix_are_truncated(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(sample("MR_small.dcm"))
    dataset.PixelData = dataset.PixelData[:1000]
    dataset.save_as(tmp_path / "short.dcm")
    assert problem_of(tmp_path / "short.dcm").reason == "truncated"


def test_a_header_behind_the_first_bytes_is_read(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(sample("MR_small.dcm"))
    dataset.add_new(0x00091001, "OB", bytes(300_000))
    dataset.save_as(tmp_path / "long.dcm")
    record = record_of(tmp_path / "long.dcm")
    assert record.series_uid == dataset.SeriesInstanceUID
    assert record.has_pixels


def test_real_siemens_mosaic(tmp_path: Path) -> None:
    target = tmp_path / "dwi.dcm"
    with gzip.open(NICOM / "siemens_dwi_1000.dcm.gz") as packed, target.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    record = record_of(target)
    assert "MOSAIC" in record.image_type
    assert record.protocol == "CBU_DTI_64D_1A"
    assert (record.rows, record.cols) == (896, 896)


def test_a_header_of_many_frames_is_walked(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("appliance.formats.dicom_fast.read_raw_header", None)
    target = tmp_path / "frames.dcm"
    with gzip.open(NICOM / "philips_mprage.dcm.gz") as packed, target.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    record = record_of(target)
    assert (record.frames, record.has_pixels) == (176, True)


def test_a_deflated_bomb_takes_no_memory(tmp_path: Path) -> None:
    plain = sample("image_dfl.dcm").read_bytes()
    meta = read_meta(plain)
    assert meta is not None
    whole = zlib.decompressobj(-zlib.MAX_WBITS).decompress(plain[meta[1] :])
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(whole) + packer.compress(bytes(200 << 20)) + packer.flush()
    target = tmp_path / "bomb.dcm"
    target.write_bytes(plain[: meta[1]] + packed)
    tracemalloc.start()
    try:
        assert record_of(target).has_pixels
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(ALL_FILES))
def test_damaged_files_never_raise(
    tmp_path_factory: pytest.TempPathFactory, random: Random, path: Path
) -> None:
    data = bytearray(path.read_bytes()[:200_000])
    for _ in range(random.randint(1, 20)):
        if data:
            data[random.randrange(min(len(data), 4000))] = random.randrange(256)
    target = tmp_path_factory.mktemp("damaged") / "damaged.dcm"
    target.write_bytes(data[: random.randint(0, len(data))] if random.random() < 0.3 else data)
    assert isinstance(scan_one(target), DicomRecord | ScanProblem)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=600))
def test_garbage_behind_the_magic_word_never_raises(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes
) -> None:
    target = tmp_path_factory.mktemp("garbage") / "garbage.dcm"
    target.write_bytes(bytes(128) + b"DICM" + tail)
    assert isinstance(scan_one(target), DicomRecord | ScanProblem)
