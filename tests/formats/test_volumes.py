"""Volumes of every format: a reference table of real files, round trips, damaged files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import mrcfile
import nibabel
import nilearn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.core import FormatError, Invalid, NotFound, StorageError
from appliance.formats import (
    ComplexPart,
    complex_part,
    kind_of,
    plain_nifti_bytes,
    read_frame,
    read_header,
    read_slab,
    read_volume,
    write_nifti,
)
from appliance.geometry import ALL_ORIENTATIONS, Volume, axis_map

NIBABEL = Path(nibabel.__file__).parent / "tests" / "data"
NILEARN = Path(nilearn.__file__).parent / "datasets" / "data"
MNI_T1 = NILEARN / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"

# file, shape, stored type, codes, voxel of a value, the value, world position of voxel (0, 0, 0)
REFERENCE = [
    (NIBABEL / "anatomical.nii", (33, 41, 25), "int16", "LAS", (14, 20, 10), 60, (32, -40, -16)),
    (NIBABEL / "functional.nii", (17, 21, 3, 20), "int16", "LAS", None, None, (32, -40, 0)),
    (NIBABEL / "example4d.nii.gz", (128, 96, 24, 2), "int16", "LAS", None, None, None),
    (NIBABEL / "example_nifti2.nii.gz", (32, 20, 12, 2), "int16", "LAS", None, None, None),
    (NIBABEL / "standard.nii.gz", (4, 5, 7), "uint8", "RAS", None, None, (0, 0, 0)),
    (NIBABEL / "test.mgz", (3, 4, 5, 2), "float32", None, None, None, (-13, -11.5, -11.5)),
    (MNI_T1, (197, 233, 189), "uint8", "RAS", None, None, (-98, -134, -72)),
]


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: row[0].name)
def test_reference_table(row: tuple) -> None:
    path, shape, dtype, codes, voxel, value, origin = row
    volume, header = read_volume(path), read_header(path)
    assert volume.data.shape == shape
    assert (*header["shape"], *([header["n_volumes"]] if len(shape) > 3 else [])) == shape
    assert header["dtype"] == dtype
    assert codes in {None, volume.grid.codes}
    assert header["codes"] == volume.grid.codes
    assert np.allclose(header["affine"], volume.affine)
    assert np.allclose(volume.grid.to_voxel(volume.grid.to_world((1, 2, 0))), (1, 2, 0))
    reference = nibabel.load(path)
    assert np.allclose(volume.affine, reference.affine)
    assert np.allclose(volume.data, reference.get_fdata(), rtol=1e-5)
    assert voxel is None or volume.data[voxel] == pytest.approx(value, abs=1e4)
    assert origin is None or np.allclose(volume.grid.to_world((0, 0, 0)), origin, atol=1e-3)


def test_header_tells_forms_and_repetition_time() -> None:
    header = read_header(NIBABEL / "example4d.nii.gz")
    assert header["format"] == "nifti1"
    assert header["voxel_mm"] == pytest.approx([2, 2, 2.2], abs=1e-4)
    assert header["facts"]["sform_code"] == 1
    assert header["facts"]["repetition_s"] == pytest.approx(2000)
    assert header["facts"]["forms_differ_mm"] < 0.01


@pytest.mark.parametrize("codes", ALL_ORIENTATIONS)
def test_every_axis_order_survives_a_round_trip(tmp_path: Path, codes: str) -> None:
    data = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    affine = np.diag([1.5, 2, 2.5, 1]) @ axis_map("RAS", codes).affine((2, 3, 4))
    write_nifti(tmp_path / "a.nii", Volume(data, affine))
    back = read_volume(tmp_path / "a.nii")
    assert back.grid.codes == codes
    assert np.array_equal(back.data, data)
    assert np.allclose(back.affine, affine, atol=1e-5)
    assert back.header["forms_differ_mm"] < 1e-4


def test_codes_and_qform_are_copied_from_the_template(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((3, 4, 5), np.float32), None)
    turned = np.array([[0, -2, 0, 1], [2, 0, 0, 2], [0, 0, 2, 3], [0, 0, 0, 1.0]])
    image.set_qform(turned, 2)
    image.set_sform(np.diag([2.0, 2, 2, 1]), 4)
    nibabel.save(image, tmp_path / "template.nii")
    template = read_volume(tmp_path / "template.nii")
    assert template.header["forms_differ_mm"] > 5
    write_nifti(tmp_path / "mask.nii.gz", template.like(template.data > 0), template=template)
    mask = nibabel.load(tmp_path / "mask.nii.gz")
    assert mask.get_data_dtype() == np.uint8
    assert (int(mask.header["qform_code"]), int(mask.header["sform_code"])) == (2, 4)
    assert np.allclose(mask.get_qform(), turned, atol=1e-5)
    assert np.allclose(mask.get_sform(), template.affine)


def test_a_new_image_gets_scanner_codes(tmp_path: Path) -> None:
    write_nifti(tmp_path / "new.nii", Volume(np.zeros((2, 2, 2)), np.eye(4)))
    facts = read_header(tmp_path / "new.nii")["facts"]
    assert (facts["qform_code"], facts["sform_code"]) == (1, 1)


@pytest.mark.parametrize(
    ("given_type", "stored"),
    [
        (bool, "uint8"),
        (np.int64, "int32"),
        (np.uint64, "int32"),
        (np.float16, "float32"),
        (np.float64, "float64"),
        (np.uint16, "uint16"),
    ],
)
def test_number_types_are_ones_that_readers_know(
    tmp_path: Path, given_type: type, stored: str
) -> None:
    data = np.array([0, 1, 1, 0, 1, 1, 0, 0]).reshape(2, 2, 2).astype(given_type)
    write_nifti(tmp_path / "a.nii", Volume(data, np.eye(4)))
    assert read_header(tmp_path / "a.nii")["dtype"] == stored
    assert np.array_equal(read_volume(tmp_path / "a.nii").data, data)
    whole = (tmp_path / "a.nii").read_bytes()
    assert plain_nifti_bytes(whole) == len(whole)


def test_written_bytes_do_not_depend_on_the_clock(tmp_path: Path) -> None:
    volume = Volume(np.ones((3, 3, 3), np.uint8), np.eye(4))
    write_nifti(tmp_path / "a.nii.gz", volume)
    write_nifti(tmp_path / "b.nii.gz", volume)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nii.gz", "b.nii.gz"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.nii"
    write_nifti(target, Volume(np.ones((3, 3, 3), np.uint8), np.eye(4)))
    before = target.read_bytes()
    with pytest.raises(Exception, match="not supported"):
        write_nifti(target, Volume(np.empty((2, 2, 2), "U3"), np.eye(4)))
    assert target.read_bytes() == before
    with pytest.raises(Invalid):
        write_nifti(tmp_path / "a.nrrd", Volume(np.ones((3, 3, 3)), np.eye(4)))


def test_free_text_stays_out_of_the_header_facts(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    image.header["descrip"] = b"Jane Doe"
    nibabel.save(image, tmp_path / "a.nii")
    fields = "type: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\nPatient:=Jane Doe"
    path = write_nrrd(tmp_path / "a.nrrd", fields, bytes(8))
    assert "Doe" not in str(read_header(tmp_path / "a.nii"))
    assert "Doe" not in str(read_header(path))
    assert read_volume(tmp_path / "a.nii").header["description"] == "Jane Doe"


@pytest.mark.parametrize(
    "name", ["functional.nii", "example4d.nii.gz", "test.mgz", "anatomical.nii"]
)
def test_one_frame_is_the_frame_of_the_whole(name: str) -> None:
    whole = read_volume(NIBABEL / name)
    for index in (0, 1, 99):
        assert np.allclose(read_frame(NIBABEL / name, index).data, whole.frame(index), rtol=1e-5)


def test_what_the_viewer_cannot_take_is_not_plain(tmp_path: Path) -> None:
    data = np.zeros((2, 3, 4), ">i2")
    big = nibabel.Nifti1Image(data, np.eye(4), nibabel.Nifti1Header(endianness=">"))
    for name, image in (
        ("big.nii", big),
        ("two.nii", nibabel.Nifti2Image(data, np.eye(4))),
        ("complex.nii", nibabel.Nifti1Image(data.astype(np.complex64), np.eye(4))),
        ("pair.hdr", nibabel.Nifti1Pair(data, np.eye(4))),
    ):
        nibabel.save(image, tmp_path / name)
        assert plain_nifti_bytes((tmp_path / name).read_bytes()) is None
    assert plain_nifti_bytes(b"\x5c\x01\0\0") is None


def test_flat_and_many_dimensional_images(tmp_path: Path) -> None:
    for shape, expected in (
        ((4, 5), (4, 5, 1)),
        ((4, 5, 6, 1, 3), (4, 5, 6, 3)),
        ((4, 5, 1, 1), (4, 5, 1)),
        ((2, 2, 2, 3, 2), (2, 2, 2, 6)),
    ):
        nibabel.save(
            nibabel.Nifti1Image(np.zeros(shape, np.float32), np.eye(4)), tmp_path / "a.nii"
        )
        assert read_volume(tmp_path / "a.nii").data.shape == expected


def test_colour_images_get_a_last_axis(tmp_path: Path) -> None:
    rgb = np.zeros((2, 3, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb["G"] = 7
    nibabel.save(nibabel.Nifti1Image(rgb, np.eye(4)), tmp_path / "rgb.nii")
    volume = read_volume(tmp_path / "rgb.nii")
    assert volume.data.shape == (2, 3, 4, 3)
    assert volume.data[0, 0, 0].tolist() == [0, 7, 0]
    assert read_header(tmp_path / "rgb.nii")["dtype"] == "rgb"


def write_nrrd(path: Path, fields: str, body: bytes) -> Path:
    path.write_bytes(b"NRRD0005\n# a comment\n" + fields.encode() + b"\n\n" + body)
    return path


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
def test_nrrd_in_lps_is_turned_to_ras(tmp_path: Path, encoding: str) -> None:
    import bz2

    data = np.arange(24, dtype=">i2").reshape(2, 3, 4, order="F")
    raw = data.tobytes(order="F")
    text = " ".join(str(value) for value in data.ravel(order="F")).encode()
    bodies = {"raw": raw, "gzip": gzip.compress(raw), "bzip2": bz2.compress(raw), "ascii": text}
    path = write_nrrd(
        tmp_path / "a.nrrd",
        "type: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 3 4\n"
        "space directions: (0,2,0) (3,0,0) (0,0,4)\nkinds: domain domain domain\nendian: big\n"
        f"encoding: {encoding}\nspace origin: (10,20,30)\nmodality:=MR",
        bodies[encoding],
    )
    volume = read_volume(path)
    assert np.array_equal(volume.data, data)
    assert volume.data.dtype == np.int16
    assert np.allclose(volume.grid.to_world((1, 1, 1)), (-13, -22, 34))
    assert volume.grid.codes == "PLS"
    assert volume.header["modality"] == "MR"
    assert read_header(path)["voxel_mm"] == [2, 3, 4]


def test_nrrd_with_a_list_axis_in_front(tmp_path: Path) -> None:
    data = np.arange(24, dtype="<f4").reshape(2, 3, 4, 1, order="F")
    path = write_nrrd(
        tmp_path / "dwi.nrrd",
        "type: float\ndimension: 4\nspace: RAS\nsizes: 2 3 4 1\nencoding: raw\nendian: little\n"
        "space directions: none (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)",
        data.tobytes(order="F"),
    )
    volume = read_volume(path)
    assert volume.data.shape == (3, 4, 1, 2)
    assert volume.data[2, 1, 0, 1] == data[1, 2, 1, 0]


def test_detached_nrrd_stays_in_its_folder(tmp_path: Path) -> None:
    fields = "type: uchar\ndimension: 3\nsizes: 2 2 2\nspacings: 1 2 3\nencoding: raw\ndata file: "
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "a.raw").write_bytes(bytes(range(8)))
    (tmp_path / "secret.raw").write_bytes(bytes(8))
    good = write_nrrd(inner / "a.nhdr", fields + "a.raw", b"")
    assert read_volume(good).data[1, 1, 1] == 7
    assert read_volume(good).grid.voxel_mm == (1, 2, 3)
    bad = write_nrrd(inner / "b.nhdr", fields + "../secret.raw", b"")
    with pytest.raises(Invalid):
        read_volume(bad)
    spread = write_nrrd(inner / "c.nhdr", fields + "LIST", b"")
    with pytest.raises(FormatError, match="several"):
        read_volume(spread)


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "f2", "f4"])
def test_mrc_has_one_angstrom_per_millimetre(tmp_path: Path, dtype: str) -> None:
    data = np.arange(24).reshape(4, 3, 2).astype(dtype)
    with mrcfile.new(tmp_path / "a.mrc", data) as stream:
        stream.voxel_size = (5, 6, 7)
        stream.header.origin = (100, 0, 0)
    volume, header = read_volume(tmp_path / "a.mrc"), read_header(tmp_path / "a.mrc")
    assert volume.data.shape == (2, 3, 4)
    assert volume.data[1, 2, 3] == data[3, 2, 1]
    assert volume.grid.voxel_mm == pytest.approx((5, 6, 7))
    assert np.allclose(volume.grid.to_world((0, 0, 0)), (100, 0, 0))
    assert header["facts"]["length_unit"] == "angstrom"
    assert header["shape"] == [2, 3, 4]


def test_mrc_with_another_axis_order(tmp_path: Path) -> None:
    data = np.arange(24, dtype=np.float32).reshape(4, 3, 2)  # sections, rows, columns
    with mrcfile.new(tmp_path / "a.mrc", data) as stream:
        stream.header.mapc, stream.header.mapr, stream.header.maps = 3, 1, 2
    volume = read_volume(tmp_path / "a.mrc")
    assert volume.data.shape == (3, 4, 2)  # x is the row axis, y the section, z the column
    assert volume.data[2, 3, 1] == data[3, 2, 1]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("t1.nii", "image"),
        ("t1.NII.GZ", "image"),
        ("a.b.mgz", "image"),
        ("x.seg.nrrd", "labels"),
        ("lh.pial", "surface"),
        ("lh.pial.surf.gii", "surface"),
        ("all.trk", "streamlines"),
        ("table.csv", "table"),
        ("nodeinfo.json", "json"),
        ("dwi.bvec", "text"),
        ("report.pdf", "document"),
        ("README", "other"),
        ("what.tar.gz", "other"),
        (".nii", "other"),
    ],
)
def test_kind_of_a_name(name: str, kind: str) -> None:
    assert kind_of(name) == ("image" if name == ".nii" else kind)


def test_refusals_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_volume(tmp_path / "missing.nii")
    with pytest.raises(FormatError, match="not an image format"):
        read_volume(Path(__file__))
    (tmp_path / "folder.nii").mkdir()
    with pytest.raises((StorageError, FormatError)):
        read_volume(tmp_path / "folder.nii")


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("name", ["c.nii", "c.nii.gz"])
def test_complex_images_are_read_as_one_part(tmp_path: Path, name: str, dtype: type) -> None:
    rng = np.random.default_rng(4)
    values = (rng.normal(size=(3, 4, 5, 2)) + 1j * rng.normal(size=(3, 4, 5, 2))).astype(dtype)
    affine = np.diag([2.0, 2, 3, 1])
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / name)
    assert read_header(tmp_path / name)["dtype"] == np.dtype(dtype).name
    whole = read_volume(tmp_path / name)
    assert np.allclose(whole.data, np.abs(values))
    assert np.allclose(whole.affine, affine)
    parts: tuple[tuple[ComplexPart, Any], ...] = (
        ("magnitude", np.abs(values)),
        ("phase", np.angle(values)),
        ("real", values.real),
        ("imaginary", values.imag),
    )
    for part, expected in parts:
        assert np.allclose(read_volume(tmp_path / name, part).data, expected, atol=1e-6)
    assert np.allclose(read_frame(tmp_path / name, 1).data, np.abs(values[..., 1]))
    slab = read_slab(tmp_path / name, 2, 3)
    assert np.allclose(slab.data[:, :, 0], np.abs(values[:, :, 3, 0]))
    with pytest.raises(Invalid, match="no part"):
        complex_part("colour")
    assert complex_part("phase") == "phase"


def test_a_scaled_complex_image_keeps_its_scale(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.full((2, 2, 2), 3 + 4j, np.complex64), np.eye(4))
    nibabel.save(image, tmp_path / "c.nii")
    raw = bytearray((tmp_path / "c.nii").read_bytes())
    raw[112:120] = np.array([2, 0], "<f4").tobytes()
    (tmp_path / "c.nii").write_bytes(raw)
    assert np.allclose(read_volume(tmp_path / "c.nii").data, 10)


def whole_files(folder: Path) -> list[Path]:
    """One small good file of every volume format, in names that tell the format."""
    volume = Volume(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4))
    write_nifti(folder / "a.nii", volume)
    write_nifti(folder / "b.nii.gz", volume)
    (folder / "c.mgz").write_bytes((NIBABEL / "test.mgz").read_bytes())
    write_nrrd(
        folder / "d.nrrd",
        "type: short\ndimension: 3\nsizes: 3 4 5\nencoding: gzip\nendian: little",
        gzip.compress(volume.data.tobytes()),
    )
    with mrcfile.new(folder / "e.mrc", volume.data):
        pass
    return sorted(folder.iterdir())


@pytest.mark.parametrize("index", range(5))
def test_files_cut_anywhere_raise_a_format_error(tmp_path: Path, index: int) -> None:
    path = whole_files(tmp_path)[index]
    data = path.read_bytes()
    read_volume(path)
    for share in (0, 0.1, 0.5, 0.8, 0.97):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(FormatError):
            read_volume(path)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 4),
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=6),
)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_raise_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, index: int, changes: list[tuple[int, int]]
) -> None:
    path = whole_files(tmp_path_factory.mktemp("damaged"))[index]
    data = bytearray(path.read_bytes())
    for at, value in changes:
        data[at % len(data)] = value
    path.write_bytes(data)
    for reader in (read_header, read_volume):
        try:
            reader(path)
        except Invalid as error:
            assert error.message  # noqa: PT017 - most damage is refused, some is harmless
