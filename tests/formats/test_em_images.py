"""Images of electron microscopes: DM3, DM4, MRC, TIFF and pictures, and what is none of them."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from appliance.core import FormatError, Invalid, NotFound
from appliance.formats import MrcWriter, open_em_sections, open_slide, read_em_image
from appliance.formats.em_tiff import _by_pillow, read_tiff_page
from tests.support.microscopy import DM_TYPES, write_dm


def ramp(dtype: str = "uint16", shape: tuple[int, ...] = (5, 7)) -> np.ndarray:  # type: ignore[type-arg]
    return (np.arange(np.prod(shape)).reshape(shape) % 120).astype(dtype)


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", list(DM_TYPES))
def test_a_dm_image_is_read_of_any_type_version_and_byte_order(
    tmp_path: Path, version: int, order: str, dtype: str
) -> None:
    values = ramp(dtype)
    image = read_em_image(write_dm(tmp_path / "a.dm3", values, version=version, order=order))
    assert np.array_equal(image.values, values)
    assert image.values.dtype.newbyteorder("=") == values.dtype
    assert (image.form, image.is_rgb, image.pixel_nm) == ("dm", False, 0.5)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_dm_image_in_colours_keeps_them_and_needs_no_thumbnail(
    tmp_path: Path, order: str
) -> None:
    colours = np.random.default_rng(1).integers(0, 255, (4, 6, 3)).astype(np.uint8)
    path = write_dm(tmp_path / "a.dm4", colours, version=4, order=order, data_type=23)
    assert np.array_equal(read_em_image(path).values, colours)
    alone = write_dm(tmp_path / "b.dm3", ramp(), thumbnail=False)
    assert np.array_equal(read_em_image(alone).values, ramp())


@pytest.mark.parametrize(
    ("unit", "nm"), [("nm", 0.5), ("µm", 500.0), ("Å", 0.05), ("1/nm", 0.0), ("", 0.0)]
)
def test_the_pixel_of_a_dm_image_is_told_in_nanometres(
    tmp_path: Path, unit: str, nm: float
) -> None:
    image = read_em_image(write_dm(tmp_path / "a.dm3", ramp(), unit=unit))
    assert image.pixel_nm == pytest.approx(nm)


def test_a_dm_stack_has_sections_and_is_no_single_image(tmp_path: Path) -> None:
    path = write_dm(tmp_path / "a.dm4", ramp("int16", (3, 5, 7)), version=4)
    stack = open_em_sections([path])
    assert stack.shape == (3, 5, 7)
    assert np.array_equal(stack.read(2), ramp("int16", (3, 5, 7))[2])
    with pytest.raises(FormatError, match="holds 3 images"):
        read_em_image(path)


@pytest.mark.parametrize(
    ("values", "data_type", "words"),
    [
        (ramp("float32"), 3, "complex values"),
        (ramp("uint16", (9,)), None, "neither an image nor a stack"),
        (ramp(), 99, "of a kind that is not read: 99"),
        (ramp("uint8"), 12, "fewer pixels than it promises"),
    ],
)
def test_what_a_dm_file_holds_beside_images_is_refused_in_words(
    tmp_path: Path,
    values: np.ndarray,  # type: ignore[type-arg]
    data_type: int | None,
    words: str,
) -> None:
    path = write_dm(tmp_path / "a.dm3", values, data_type=data_type)
    with pytest.raises(FormatError, match=words):
        read_em_image(path)


def test_a_damaged_dm_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole = write_dm(tmp_path / "whole.dm3", ramp()).read_bytes()
    path = tmp_path / "a.dm3"
    for end in (*range(0, len(whole) - 200, 23), 3):
        path.write_bytes(whole[:end])
        with pytest.raises(FormatError):
            read_em_image(path)
    rng = np.random.default_rng(1)
    for _ in range(200):
        spoilt = bytearray(whole)
        spoilt[int(rng.integers(4, len(whole)))] ^= int(rng.integers(1, 255))
        path.write_bytes(spoilt)
        with suppress(FormatError):  # no other error
            assert read_em_image(path).values.size
    with pytest.raises(NotFound):
        read_em_image(tmp_path / "none.dm3")


def test_a_dm_file_of_very_many_tags_is_refused_before_they_fill_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dm(tmp_path / "a.dm3", ramp())
    monkeypatch.setattr("appliance.formats.dm_tags._MOST_ENTRIES", 20)
    with pytest.raises(FormatError) as caught:
        read_em_image(path)
    assert "more entries" in str(caught.value.__cause__)
    words = b"%%%%" + struct.pack(">i", 1 << 17) + struct.pack(">i", 5) * (1 << 17)
    entry = struct.pack(">BH", 21, 0) + words + bytes(64)
    path.write_bytes(struct.pack(">iii", 3, 0, 1) + b"\1\0" + struct.pack(">i", 1) + entry)
    with pytest.raises(FormatError) as caught:
        read_em_image(path)
    assert "a type longer" in str(caught.value.__cause__)


def test_the_first_row_of_an_mrc_image_is_the_lower_one(tmp_path: Path) -> None:
    with MrcWriter(tmp_path / "a.mrc", (1, 5, 7), np.uint16, 12.0) as out:
        out.write(0, ramp()[::-1])
    image = read_em_image(tmp_path / "a.mrc")
    assert np.array_equal(image.values, ramp())
    assert (image.form, image.pixel_nm) == ("mrc", 1.2)
    with MrcWriter(tmp_path / "b.mrc", (2, 5, 7), np.uint16, 12.0) as out:
        out.write(0, np.stack([ramp()] * 2))
    with pytest.raises(FormatError, match="holds 2 images") as caught:
        read_em_image(tmp_path / "b.mrc")
    assert "jobs of their own" in caught.value.hint


def test_sections_may_lie_farther_apart_than_pixels(tmp_path: Path) -> None:
    import mrcfile

    with MrcWriter(tmp_path / "a.mrc", (2, 5, 7), np.uint8, 50.0, section_angstrom=200.0) as out:
        out.write(0, ramp("uint8", (2, 5, 7)))
    with mrcfile.open(tmp_path / "a.mrc") as volume:
        size = volume.voxel_size
        assert (float(size.x), float(size.y), float(size.z)) == pytest.approx((50, 50, 200))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("packed", [None, "zlib"])
def test_a_tiff_keeps_its_values(tmp_path: Path, dtype: str, packed: str | None) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(dtype), compression=packed)
    image = read_em_image(tmp_path / "a.tif")
    assert np.array_equal(image.values, ramp(dtype))
    assert (str(image.values.dtype), image.form) == (dtype, "tiff")


@pytest.mark.parametrize("mode", ["uint8", "uint16", "float32"])
def test_a_tiff_packed_by_lzw_is_read_without_further_packages(tmp_path: Path, mode: str) -> None:
    Image.fromarray(ramp(mode)).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(read_em_image(tmp_path / "a.tif").values, ramp(mode))


def test_a_tiff_in_colours_is_read_as_bytes_however_it_is_laid_out(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 65535, (6, 8, 3)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    planes = np.moveaxis(colours, -1, 0)
    tifffile.imwrite(tmp_path / "b.tif", planes, photometric="rgb", planarconfig="separate")
    for name in ("a.tif", "b.tif"):
        image = read_em_image(tmp_path / name)
        assert image.is_rgb
        assert np.array_equal(image.values, colours >> 8)
    palette = Image.fromarray(ramp("uint8")).convert("P")
    palette.save(tmp_path / "c.tif")
    wanted = np.asarray(palette.convert("RGB"))
    assert np.array_equal(read_em_image(tmp_path / "c.tif").values, wanted)


def test_where_white_is_zero_it_is_turned_round(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp("uint8"), photometric="miniswhite")
    assert np.array_equal(read_em_image(tmp_path / "a.tif").values, 255 - ramp("uint8"))


def test_the_pixel_of_a_tiff_is_told_by_microscopes_and_imagej_only(tmp_path: Path) -> None:
    fei = "[User]\r\nUser=a\r\n[Scan]\r\nPixelWidth=4.2e-009\r\n"
    tifffile.imwrite(tmp_path / "fei.tif", ramp(), extratags=[(34682, "s", 0, fei, True)])
    assert read_em_image(tmp_path / "fei.tif").pixel_nm == pytest.approx(4.2)
    told = {"resolution": (200.0, 200.0), "metadata": {"unit": "um"}}
    tifffile.imwrite(tmp_path / "ij.tif", ramp(), imagej=True, **told)
    assert read_em_image(tmp_path / "ij.tif").pixel_nm == pytest.approx(5.0)
    tifffile.imwrite(tmp_path / "plain.tif", ramp(), resolution=(72.0, 72.0), resolutionunit=2)
    assert read_em_image(tmp_path / "plain.tif").pixel_nm == 0.0


def test_a_tiff_of_several_pages_and_files_of_one_page_are_stacks(tmp_path: Path) -> None:
    values = ramp("uint16", (4, 5, 7))
    tifffile.imwrite(tmp_path / "all.tif", values, photometric="minisblack")
    tifffile.imwrite(tmp_path / "ij.tif", values, imagej=True)
    single = [tmp_path / f"s{i}.tif" for i in range(4)]
    for path, section in zip(single, values, strict=True):
        tifffile.imwrite(path, section)
    for paths in ([tmp_path / "all.tif"], [tmp_path / "ij.tif"], single):
        stack = open_em_sections(paths)
        assert (stack.shape, stack.dtype) == ((4, 5, 7), np.uint16)
        assert np.array_equal(np.stack([stack.read(i) for i in range(4)]), values)
    with pytest.raises(FormatError, match="4 images beside files of one section"):
        open_em_sections([single[0], tmp_path / "all.tif"])
    tifffile.imwrite(tmp_path / "other.tif", ramp("uint16", (5, 8)))
    with pytest.raises(FormatError, match="8 x 5 pixels, the first section has 7 x 5"):
        open_em_sections([*single, tmp_path / "other.tif"])


def test_what_is_no_image_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.ser").write_bytes(b"\1")
    with pytest.raises(FormatError, match="of a type that is not read") as caught:
        read_em_image(tmp_path / "a.ser")
    assert ".dm3" in caught.value.hint
    for name in ("empty.tif", "empty.dm3", "empty.mrc", "empty.png"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(FormatError, match=name):
            read_em_image(tmp_path / name)
    with pytest.raises(Invalid):
        open_em_sections([])
    with pytest.raises(Invalid, match="several files"):
        open_em_sections([tmp_path / "empty.mrc", tmp_path / "empty.tif"])


def _circle(path: Path) -> Path:
    """Let the last page of a TIFF file say that the second one comes next."""
    tifffile.imwrite(path, ramp("uint8", (3, 5, 7)), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as tif:
        offsets = [page.offset for page in tif.pages]
        at = offsets[2] + 2 + 12 * len(tif.pages[2].tags)
    data = bytearray(path.read_bytes())
    data[at : at + 4] = struct.pack("<I", offsets[1])
    path.write_bytes(data)
    return path


def test_a_tiff_whose_pages_run_in_a_circle_is_refused(tmp_path: Path) -> None:
    path = _circle(tmp_path / "a.ome.tif")
    with pytest.raises(FormatError, match="pages without end"):
        open_em_sections([path])
    with pytest.raises(FormatError, match="pages without end"):
        read_tiff_page(path)
    with pytest.raises(FormatError, match="pages without end"), open_slide(path):
        pass


def test_images_of_imagej_behind_one_page_are_mapped_and_counted_by_their_bytes(
    tmp_path: Path,
) -> None:
    path, stack = tmp_path / "a.tif", ramp("uint16", (3, 5, 7))
    told = "ImageJ=1.53\nimages={}\nslices={}\n"
    tifffile.imwrite(path, stack[0], description=told.format(3, 3), metadata=None, byteorder=">")
    with tifffile.TiffFile(path) as tif:
        [at], [n] = tif.pages[0].dataoffsets, tif.pages[0].databytecounts
    data = path.read_bytes()
    assert at + n == len(data)  # the pixels are the last of it
    path.write_bytes(data + stack[1:].astype(">u2").tobytes())
    found = open_em_sections([path])
    assert found.shape == stack.shape
    assert np.array_equal(found.read(2), stack[2])
    tifffile.imwrite(path, stack[0], description=told.format(10**9, 10**9), metadata=None)
    assert open_em_sections([path]).shape == (1, 5, 7)


def test_a_tiff_of_numbers_that_no_picture_has_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp("complex64"))
    with pytest.raises(FormatError, match="of a kind that is not read"):
        read_em_image(tmp_path / "a.tif")


def test_a_tiff_that_tells_two_sizes_of_a_page_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(ramp("uint8")).save(path, compression="tiff_lzw")
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        page.imagewidth = 9
        with pytest.raises(FormatError, match="two sizes"):
            _by_pillow(path, 0, page)
