"""Headers with long elements that nobody asks for, and what stands before the data set."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from appliance.formats import DicomRecord, ScanProblem, scan_dicom
from appliance.formats.dicom_fast import HeaderReader
from appliance.formats.dicom_fields import MEDIA_CLASS
from appliance.formats.dicom_meta import read_meta
from appliance.formats.dicom_slow import read_raw_header
from appliance.formats.dicom_walk import VR_FORMS, compiled_meta, compiled_walk, walk, walk_meta

_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")


def _with_blocks(path: Path, syntax: str, blocks: dict[int, int]) -> Path:
    """Give a real object private blocks of so many bytes in these groups."""
    ds = dcmread(get_testdata_file("MR_small.dcm"))
    for group, size in blocks.items():
        ds.private_block(group, "MADE 1.0", create=True).add_new(0x01, "OB", bytes(size))
    ds.file_meta.TransferSyntaxUID = syntax
    ds.save_as(path, implicit_vr=syntax == _SYNTAXES[0], little_endian=True)
    return path


@pytest.mark.parametrize("walker", [walk, compiled_walk()], ids=["interpreted", "compiled"])
@pytest.mark.parametrize("syntax", _SYNTAXES)
@pytest.mark.parametrize(
    "blocks", [{0x0009: 40_000}, {0x0019: 9_000, 0x0029: 200_000}, {0x0029: 70_000, 0x0051: 70_000}]
)
def test_IMP_x03_long_private_elements_are_gone_over(
    tmp_path, monkeypatch, walker, syntax, blocks
) -> None:
    path = _with_blocks(tmp_path / "long.dcm", syntax, blocks)
    slow = read_raw_header(path)
    monkeypatch.setattr("appliance.formats.dicom_fast.read_raw_header", None)
    size, fast = HeaderReader(walker).read(path)
    assert size == path.stat().st_size
    assert slow is not None
    assert fast is not None
    assert (fast.pixels, fast.missing) == (True, "")
    assert fast.raw == {tag: value for tag, value in slow.raw.items() if tag != MEDIA_CLASS}


@pytest.mark.parametrize("syntax", _SYNTAXES)
def test_tags_that_go_backwards_behind_a_long_element_are_left_to_pydicom(
    tmp_path, monkeypatch, syntax
) -> None:
    path = _with_blocks(tmp_path / "long.dcm", syntax, {0x0029: 60_000})
    whole = path.read_bytes()
    end = whole.index(b"\xe0\x7f\x10\x00")
    path.write_bytes(whole[:end] + b"\x09\x00" + whole[end + 2 :])
    asked: list[Path] = []
    monkeypatch.setattr("appliance.formats.dicom_fast.read_raw_header", asked.append)
    HeaderReader(walk).read(path)
    assert asked == [path]


def test_a_file_that_ends_in_or_behind_a_long_element_is_truncated(tmp_path) -> None:
    path = _with_blocks(tmp_path / "long.dcm", _SYNTAXES[1], {0x0029: 60_000})
    whole = path.read_bytes()
    end = whole.index(b"\xe0\x7f\x10\x00")
    for cut in (end - 30_000, end - 1, end + 3, end + 40):
        path.write_bytes(whole[:cut])
        (found,) = scan_dicom([path])
        assert isinstance(found, ScanProblem), cut
        assert found.reason in {"truncated", "unreadable", "incomplete", "no_pixels"}
    path.write_bytes(whole)
    assert isinstance(next(iter(scan_dicom([str(path)]))), DicomRecord)


def test_what_stands_before_the_data_set_is_read_alike_by_all_walkers() -> None:
    folder = Path(str(get_testdata_file("MR_small.dcm"))).parent
    heads = [path.read_bytes()[:2048] for path in sorted(folder.glob("*.dcm"))]
    heads += [head[:cut] for head in heads[:3] for cut in (0, 100, 131, 139, 150, 200, 300, 340)]
    for head in heads:
        start, at, length = walk_meta(head, VR_FORMS)
        assert compiled_meta()(head, VR_FORMS) == (start, at, length)
        known = read_meta(head)
        if known is not None:
            syntax = head[at : at + length].decode("ascii").strip("\0 ")
            assert (syntax, start) == known
