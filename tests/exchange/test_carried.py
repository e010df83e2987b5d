"""Objects that are no stack of slices get a form of their own, or stay with a reason."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from appliance.formats import read_volume
from tests.support.stacks import Stack, write_stack

_ANGLE = math.radians(15)
_TILTED = {
    "modality": "CT",
    "stored": "<i2",
    "slope": (1.0, -1024.0),
    "shape": (24, 24, 8, 1),
    "orientation": (1, 0, 0, 0, math.cos(_ANGLE), math.sin(_ANGLE)),
    "step": (0, 0, 2.5),
    "tags": {"GantryDetectorTilt": "15"},
}


def sample(name: str, target: Path) -> Path:
    from pydicom.data import get_testdata_file

    target.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(get_testdata_file(name, read=False), target / "object.dcm"))


def placed(kit, suffix: str) -> Path:
    found = [row for row in kit.files().values() if row.path.endswith(suffix)]
    assert len(found) == 1, [row.path for row in kit.files().values()]
    row = found[0]
    return kit.folder.projects / "default" / row.pid / row.sid / row.path


def made_object(path: Path, sop_class: str, modality: str, **tags) -> Path:
    """Write an object without pixels."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, "1.2.826.0.1.3680043.10.1000.77.1"
    ds.StudyInstanceUID = "1.2.826.0.1.3680043.10.1000.1"
    ds.SeriesInstanceUID = "1.2.826.0.1.3680043.10.1000.77"
    ds.PatientID, ds.PatientName, ds.PatientBirthDate = "P1", "DOE^JANE", "19700102"
    ds.StudyDate, ds.StudyTime, ds.Modality, ds.SeriesNumber = "20240502", "101112", modality, 9
    for name, value in tags.items():
        setattr(ds, name, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("name", ["test-SR.dcm", "reportsi.dcm"])
def test_a_report_becomes_json_and_text_without_names(kit, tmp_path, name) -> None:
    from pydicom import dcmread

    source = sample(name, tmp_path / "in")
    receipt = kit.take_in(source)
    assert (receipt.state, [item.state for item in receipt.items]) == ("done", ["converted"])
    doc = json.loads(placed(kit, ".json").read_bytes())
    text = placed(kit, ".txt").read_text(encoding="utf-8")
    assert doc["Modality"] == "SR"
    assert doc["Content"]["items"]
    assert len(text.splitlines()) > 3
    persons = [str(e.value) for e in dcmread(source).iterall() if e.VR == "PN" and e.value]
    words = {word for name in persons for word in name.replace("=", "^").split("^")}
    words = {word for word in words if len(word) > 3 and " " not in word}
    assert not [word for word in words if word in text or word in json.dumps(doc)]


def test_an_encapsulated_pdf_becomes_the_pdf(kit, tmp_path) -> None:
    pdf = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
    made_object(
        tmp_path / "in/pdf.dcm",
        "1.2.840.10008.5.1.4.1.1.104.1",
        "DOC",
        MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocument=pdf + b"\0" * (len(pdf) % 2),
        EncapsulatedDocumentLength=len(pdf),
    )
    assert kit.take_in(tmp_path / "in").state == "done"
    assert placed(kit, ".pdf").read_bytes() == pdf
    assert next(iter(kit.files().values())).kind == "document"


def test_what_says_pdf_and_is_none_stays_with_the_reason(kit, tmp_path) -> None:
    made_object(
        tmp_path / "in/pdf.dcm",
        "1.2.840.10008.5.1.4.1.1.104.1",
        "DOC",
        MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocument=b"<script>alert(1)</script>\0",
    )
    receipt = kit.take_in(tmp_path / "in")
    assert (receipt.state, [item.state for item in receipt.items]) == ("done", ["stored"])
    assert "unknown kind" in receipt.items[0].reason
    assert not kit.files()


def test_curves_of_an_ecg_become_tables(kit, tmp_path) -> None:
    from pydicom import dcmread

    source = sample("waveform_ecg.dcm", tmp_path / "in")
    assert kit.take_in(source).state == "done"
    doc = json.loads(placed(kit, ".json").read_bytes())
    first = doc["Curves"][0]
    assert (first["SamplingFrequency"], len(first["Channels"]), first["Samples"]) == (
        1000,
        12,
        10000,
    )
    with placed(kit, "_1.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["time_s", *first["Channels"]]
    values = np.array(rows[1:], float)
    assert np.allclose(values[:, 1:], dcmread(source).waveform_array(0))
    assert values[1, 0] == 0.001


@pytest.mark.parametrize(
    ("modality", "sop_class", "words"),
    [
        ("REG", "1.2.840.10008.5.1.4.1.1.66.1", "a registration"),
        ("PR", "1.2.840.10008.5.1.4.1.1.11.1", "a presentation state"),
        ("RTPLAN", "1.2.840.10008.5.1.4.1.1.481.5", "a treatment plan"),
    ],
)
def test_what_cannot_be_shown_stays_as_dicom_and_says_what_it_is(
    kit, tmp_path, modality, sop_class, words
) -> None:
    source = made_object(tmp_path / "in/o.dcm", sop_class, modality)
    receipt = kit.take_in(tmp_path / "in")
    assert (receipt.state, [item.state for item in receipt.items]) == ("done", ["stored"])
    assert receipt.items[0].reason == f"it holds {words}; kept with the originals"
    assert [path.read_bytes() for path in kit.originals()] == [source.read_bytes()]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("examples_rgb_color.dcm", [320, 240]),
        ("examples_ybr_color.dcm", [320, 240]),
        ("SC_rgb_jpeg_dcmtk.dcm", [100, 100]),
        ("SC_rgb_small_odd_big_endian.dcm", [3, 3]),
    ],
)
def test_ultrasound_and_screenshots_become_images(kit, tmp_path, name, shape) -> None:
    receipt = kit.take_in(sample(name, tmp_path / "in"))
    assert receipt.state == "done", receipt.items[0].reason
    images = kit.images()
    assert [row.header["shape"][:2] for row in images.values()] == [shape]


def test_a_film_becomes_the_film(kit, tmp_path) -> None:
    from pydicom import dcmread
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    film = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(400)
    path = sample("examples_ybr_color.dcm", tmp_path / "in")
    ds = dcmread(path)
    ds.PixelData = encapsulate([film])
    ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")
    ds.save_as(path)
    receipt = kit.take_in(path)
    assert receipt.state == "done", receipt.items[0].reason
    assert placed(kit, ".mp4").read_bytes() == film


def test_an_image_of_a_tilted_gantry_says_that_it_was_resampled(kit, tmp_path) -> None:
    write_stack(tmp_path / "in", Stack(**_TILTED))
    assert kit.take_in(tmp_path / "in").state == "done"
    tags = {Path(row.path).name: row.tags for row in kit.images().values()}
    assert tags == {"s001.nii": [], "s002.nii": ["resampled"]}
    doc = json.loads(placed(kit, "s002.json").read_bytes())
    assert doc["Resampled"] == "sheared back from the tilt of the gantry"
    assert "Resampled" not in json.loads(placed(kit, "s001.json").read_bytes())


def test_uneven_slices_brought_to_even_ones_say_so(kit, tmp_path) -> None:
    from pydicom import dcmread

    paths = write_stack(
        tmp_path / "in", Stack(**{**_TILTED, "orientation": (1, 0, 0, 0, 1, 0), "tags": {}})
    )
    for path, z in zip(paths, (0, 2.5, 5, 7.5, 12.5, 17.5, 22.5, 27.5), strict=True):
        ds = dcmread(path)
        ds.ImagePositionPatient = [-30, -20, z]
        ds.save_as(path)
    assert kit.take_in(tmp_path / "in").state == "done"
    resampled = [row for row in kit.images().values() if "resampled" in row.tags]
    assert len(resampled) == 1
    doc = json.loads(placed(kit, Path(resampled[0].path).stem + ".json").read_bytes())
    assert "even" in doc["Resampled"]


def test_a_localizer_of_three_planes_gives_an_image_for_each(kit, tmp_path) -> None:
    planes = [(1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 0, -1)]
    for n, turn in enumerate(planes):
        stack = Stack(
            shape=(16, 16, 3, 1),
            orientation=turn,
            tags={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        )
        for path in write_stack(tmp_path / f"in{n}", stack):
            _renumbered(path, n * 3)
    (tmp_path / "in").mkdir()
    for n in range(3):
        (tmp_path / f"in{n}").rename(tmp_path / "in" / str(n))
    receipt = kit.take_in(tmp_path / "in")
    assert receipt.state == "done", receipt.reason
    assert len(kit.images()) == 3


def _renumbered(path: Path, by: int) -> None:
    from pydicom import dcmread

    ds = dcmread(path)
    ds.InstanceNumber += by
    ds.SOPInstanceUID = f"{ds.SeriesInstanceUID}.{ds.InstanceNumber}"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(path)


def test_two_echoes_give_an_image_each(kit, tmp_path) -> None:
    from pydicom import dcmread

    stack = Stack(shape=(16, 16, 6, 2))
    for path in write_stack(tmp_path / "in", stack):
        ds = dcmread(path)
        late = ds.InstanceNumber > 6
        ds.EchoTime, ds.EchoNumbers = (4.6, 2) if late else (2.3, 1)
        ds.save_as(path)
    assert kit.take_in(tmp_path / "in").state == "done"
    rows = sorted(kit.images().values(), key=lambda row: row.path)
    echoes = []
    for row in rows:
        path = kit.folder.projects / "default" / row.pid / row.sid / row.path
        echoes.append(json.loads(path.with_suffix(".json").read_bytes())["EchoTime"])
        assert read_volume(path).data.shape == (16, 16, 6)
    assert sorted(echoes) == [0.0023, 0.0046]
