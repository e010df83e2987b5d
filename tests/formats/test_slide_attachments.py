"""Photographs of label and glass are read out of a CZI; damaged ones do not spoil the slide."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pylibCZIrw import czi

from appliance.core import FormatError, NotFound
from appliance.formats import open_slide
from appliance.formats.slide_attachments import czi_photographs
from appliance.tomography import glass_jpeg
from tests.support.czi import attach


def write(path: Path, pixels: np.ndarray) -> Path:
    with czi.create_czi(str(path)) as out:
        out.write(pixels, plane={"C": 0})
        out.write_metadata("slide", scale_x=1e-6, scale_y=1e-6)
    return path


def jpeg(pixels: np.ndarray) -> bytes:
    body = io.BytesIO()
    Image.fromarray(pixels).save(body, "JPEG", quality=95)
    return body.getvalue()


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    """A slide whose label is bright on the left and whose preview is a small CZI of blue."""
    path = write(tmp_path / "glass.czi", np.full((90, 120, 1), 700, np.uint16))
    label = np.zeros((40, 80, 3), np.uint8)
    label[:, :40] = 250
    blue = np.zeros((30, 50, 3), np.uint8)
    blue[..., 0] = 200  # blue comes first
    small = write(tmp_path / "small.czi", blue).read_bytes()
    parts = [("Thumbnail", "JPG", jpeg(label)), ("SlidePreview", "CZI", small)]
    attach(path, [*parts, ("Label", "JPG", jpeg(label)), ("TimeStamps", "CZTIMS", b"1234")])
    return path


def test_SPA_04_the_photographs_of_a_czi_are_no_scenes_of_it(slide: Path) -> None:
    with open_slide(slide) as opened:
        kinds = [(one.kind, one.shape) for one in opened.scenes]
        macro = opened.scenes[2].read(0, 30)
    assert kinds == [("scene", (1, 90, 120)), ("label", (3, 40, 80)), ("macro", (3, 30, 50))]
    assert macro[:, 10, 10].tolist() == [0, 0, 200]


def test_SPA_04_the_label_is_read_upright_in_a_process_of_its_own(slide: Path) -> None:
    with Image.open(io.BytesIO(glass_jpeg(slide, "label"))) as picture:
        shown = np.asarray(picture.convert("L"))
    assert shown.shape == (80, 40)
    assert shown[:30].mean() > 200
    assert shown[50:].mean() < 50
    plain = write(slide.with_name("plain.czi"), np.zeros((9, 9, 1), np.uint16))
    with pytest.raises(NotFound, match="no photograph"):
        glass_jpeg(plain, "label")


@pytest.mark.parametrize("count", [-1, 1 << 30, 5])
def test_a_damaged_directory_of_attachments_is_refused(slide: Path, count: int) -> None:
    raw = bytearray(slide.read_bytes())
    at = raw.rindex(b"ZISRAWATTDIR")
    raw[at + 32 : at + 36] = struct.pack("<i", count)
    slide.write_bytes(raw)
    with pytest.raises(FormatError):
        czi_photographs(slide)


def test_a_damaged_photograph_does_not_spoil_the_slide(tmp_path: Path) -> None:
    path = write(tmp_path / "a.czi", np.ones((20, 30, 1), np.uint16))
    attach(path, [("Label", "JPG", b"\xff\xd8 no picture")])
    with open_slide(path) as opened:
        assert [one.kind for one in opened.scenes] == ["scene"]


def test_an_attachment_that_lies_about_its_size_is_refused(slide: Path) -> None:
    raw = bytearray(slide.read_bytes())
    at = raw.index(b"ZISRAWATTACH")
    for n, length in enumerate((-1, 1 << 30)):
        raw[at + 32 : at + 36] = struct.pack("<i", length)
        whole = raw.replace(b"Thumbnail\0\0\0\0", b"Label\0\0\0\0\0\0\0\0")
        damaged = slide.with_name(f"{n}.czi")
        damaged.write_bytes(whole)
        with pytest.raises(FormatError, match="bytes"):
            czi_photographs(damaged)
