"""What an import makes of a series, against dcm2niix's own run and against where voxels lie.

The objects show a ramp in the patient's space, so each voxel tells where it is from: after
any turning, cutting, unpacking or resampling it has the value of the place the image gives it.
"""

from __future__ import annotations

import gzip
import json
import math
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import dcm2niix
import nibabel as nib
import numpy as np
import pytest

from appliance.catalog import change_policy
from appliance.exchange import converter as converters
from tests.exchange.kit import Kit
from tests.support.needs import needs
from tests.support.stacks import Stack, diffusion_tags, write_stack

ANGLE = math.radians(15)
OBLIQUE = np.linalg.qr([[0.9962, -0.0868], [0.0872, 0.9915], [0.0, 0.0974]])[0].T.ravel() * -1
SLOPE = np.array([8.0, 11.0, 13.0])  # of the ramp per mm: a quarter of a voxel away is told
LATER = 250.0  # it rises by so much from volume to volume
TOLD = {"PatientName": "ROE^JO", "PatientID": "R-17"}
WITHHELD = {"SeriesInstanceUID", "StudyInstanceUID", "StudyID", "ImageComments"}
WITHHELD |= {"InstitutionAddress"}
"""Fields that an import takes out of a sidecar."""
FOUR = {"shape": (20, 18, 8, 4), "orientation": OBLIQUE, "slice_mm": 3.0}
MANY_B = [*diffusion_tags(2), *diffusion_tags(3, 2500.0)[1:]]
TILTED = {
    "modality": "CT",
    "stored": "<i2",
    "slope": (1.0, -1024.0),
    "shape": (24, 28, 10, 1),
    "orientation": (1, 0, 0, 0, math.cos(ANGLE), math.sin(ANGLE)),
    "step": (0, 0, 2.5),
    "tags": {"GantryDetectorTilt": "15"},
}


def ramp(places: np.ndarray) -> np.ndarray:
    """Value at places (..., 3) in RAS+ mm."""
    return 1500 + places @ SLOPE


def stack_of(**more) -> Stack:
    """Make a stack that shows the ramp."""
    stack = Stack(**{**more, "tags": {**TOLD, **more.get("tags", {})}})
    columns, rows, slices, volumes = stack.shape
    turn = np.asarray(stack.orientation, float)
    i, j = np.meshgrid(np.arange(columns), np.arange(rows))
    inside = i[..., None] * turn[:3] * stack.spacing[1] + j[..., None] * turn[3:] * stack.spacing[0]
    planes = [ramp((inside + stack.position(k)) * (-1, -1, 1)) for k in range(slices)]
    slope, intercept = stack.slope or (1, 0)
    rising = np.stack([np.stack(planes) + LATER * t for t in range(volumes)])
    stack.data = np.rint((rising - intercept) / slope)
    return stack


def _changed(paths: Sequence[Path], change: Callable) -> None:
    from pydicom import dcmread

    for index, path in enumerate(paths):
        ds = dcmread(path)
        change(ds, index)
        ds.save_as(path)


def write(folder: Path, change: Callable | None = None, **more) -> list[Path]:
    """Write a stack; of each object something may be changed."""
    paths = write_stack(folder, stack_of(**more))
    if change is not None:
        _changed(paths, change)
    return paths


def _second_echo(ds, index: int) -> None:
    late = index >= 8
    ds.EchoTime, ds.EchoNumbers = (4.6, 2) if late else (2.3, 1)


def _phase(ds, index: int) -> None:
    """Make the second half phase images, which start anew in the volume."""
    if index < 8:
        return
    ds.ImageType = ["ORIGINAL", "PRIMARY", "P", "ND"]
    ds.RescaleSlope, ds.RescaleIntercept = 2, -4096
    values = np.frombuffer(ds.PixelData, "<u2")
    ds.PixelData = np.rint((values + 4096.0) / 2).astype("<u2").tobytes()


def _packed(syntax: str) -> Callable:
    return lambda ds, _index: ds.compress(syntax, generate_instance_uid=False)


def _apart(places: Sequence[float]) -> Callable:
    """Have slices lie at uneven distances, with the values they have there."""

    def change(ds, index: int) -> None:
        by = places[index] - (ds.ImagePositionPatient[2] - 14.125)
        ds.ImagePositionPatient[2] += by
        values = np.frombuffer(ds.PixelData, "<i2") + round(by * SLOPE[2])
        ds.PixelData = values.astype("<i2").tobytes()

    return change


BY_US = {
    "oblique": {"orientation": OBLIQUE, "shape": (20, 18, 8, 1)},
    "oblique, slice by slice": {
        "orientation": OBLIQUE, "shape": (20, 18, 8, 1), "tags": {"MRAcquisitionType": "2D"},
    },
    "sagittal": {"orientation": (0, 1, 0, 0, 0, -1), "shape": (20, 18, 8, 1), "slice_mm": 1.1},
    "BOLD": FOUR,
    "several b": {**FOUR, "shape": (20, 18, 8, 4), "per_volume": MANY_B},
    "phase": {
        "orientation": OBLIQUE, "slope": (2.0, -4096.0),
        "tags": {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]},
    },
    "CT": {"modality": "CT", "stored": "<i2", "slope": (1.0, -1024.0), "shape": (24, 28, 10, 1)},
}  # fmt: skip
"""What we write ourselves where the project says so."""
BY_DCM2NIIX = {
    "two echoes": ({"shape": (20, 18, 8, 2), "orientation": OBLIQUE}, _second_echo),
    "magnitude and phase": ({"shape": (20, 18, 8, 2), "orientation": OBLIQUE}, _phase),
    "RLE": ({"orientation": OBLIQUE}, _packed("1.2.840.10008.1.2.5")),
    "JPEG 2000": (
        {"orientation": OBLIQUE, "shape": (40, 36, 6, 1)}, _packed("1.2.840.10008.1.2.4.90"),
    ),
    "JPEG-LS": ({"orientation": OBLIQUE}, _packed("1.2.840.10008.1.2.4.80")),
    "RLE, several b": ({**FOUR, "per_volume": MANY_B}, _packed("1.2.840.10008.1.2.5")),
    "gantry tilt": (TILTED, None),
    "uneven": (
        {**TILTED, "orientation": (1, 0, 0, 0, 1, 0), "tags": {}},
        _apart([0, 2.5, 5, 7.5, 10, 15, 20, 25, 30, 35]),
    ),
}  # fmt: skip


_IN_PART = {"gantry tilt", "uneven"}
"""What no affine can place before it is resampled."""


def dcm2niix_of(source: Path, target: Path) -> list[Path]:
    """Have dcm2niix convert a folder without our help; main image first."""
    target.mkdir()
    command = [str(dcm2niix.bin), "-z", "n", "-b", "y", "-ba", "y", "-f", "x"]
    subprocess.run([*command, "-o", str(target), str(source)], check=True, capture_output=True)
    return sorted(target.glob("*.nii"), key=lambda path: (len(path.name) > 5, path.name))


def take_in(kit: Kit, source: Path, converter: str) -> dict[Path, list[str]]:
    """Import a folder; give its images, and their tags."""
    policy = {"converter": converter}
    kit.catalog.write(lambda tx: change_policy(tx, "default", policy, actor="test"))
    receipt = kit.take_in(source)
    assert receipt.state == "done", receipt.items[0].reason
    root = kit.folder.projects / "default"
    rows = sorted(kit.images().values(), key=lambda row: row.path)
    return {root / row.pid / row.sid / row.path: row.tags for row in rows}


def assert_same(ours: Path, theirs: Path, *, moved: bool = False) -> None:
    """Compare voxels, grid (its place unless it was moved), scaling, sidecar and gradients."""
    one, other = nib.load(ours), nib.load(theirs)
    assert one.shape == other.shape
    assert one.get_data_dtype() == other.get_data_dtype()
    assert np.array_equal(np.asanyarray(one.dataobj), np.asanyarray(other.dataobj))
    part = np.s_[:3, : 3 if moved else 4]
    assert np.allclose(one.affine[part], other.affine[part], atol=1e-4)
    assert np.allclose(one.get_qform()[part], other.get_qform()[part], atol=1e-3)
    assert one.header.get_zooms()[3:] == other.header.get_zooms()[3:]
    assert (one.dataobj.slope, one.dataobj.inter) == (other.dataobj.slope, other.dataobj.inter)
    sidecar = theirs.with_suffix(".json")
    if not sidecar.exists():  # of a resampled image; what the main one has is true of it, too
        sidecar = theirs.with_name("x.json")
    mine, known = (json.loads(p.read_bytes()) for p in (ours.with_suffix(".json"), sidecar))
    assert known.keys() - mine.keys() <= WITHHELD
    assert mine.keys() - known.keys() <= {"Resampled", "OriginMovedMm"}
    assert {key: mine[key] for key in mine.keys() & known.keys()} == {
        key: known[key] for key in mine.keys() & known.keys()
    }
    for ending in (".bval", ".bvec"):
        files = [path.with_suffix(ending) for path in (ours, theirs)]
        assert files[0].exists() == files[1].exists()
        if files[0].exists():
            assert np.array_equal(np.loadtxt(files[0]), np.loadtxt(files[1]))


def assert_ramp(path: Path, *, within: float = 1.6) -> None:
    """Look whether each voxel has the value of the place that the image gives it."""
    image = nib.load(path)
    values = np.asanyarray(image.dataobj)
    places = np.moveaxis(np.indices(image.shape[:3]), 0, -1) @ image.affine[:3, :3].T
    expected = ramp(places + image.affine[:3, 3])
    volumes = values.reshape(*image.shape[:3], -1)
    first = round(float((volumes[..., 0] - expected).mean() / LATER))
    for t in range(volumes.shape[3]):
        assert np.abs(volumes[..., t] - expected - LATER * (first + t)).max() < within


@pytest.mark.parametrize("converter", ["native", "dcm2niix"])
@pytest.mark.parametrize("name", BY_US)
def test_IMP_02_a_stack_keeps_voxels_places_and_gradients(
    make_kit, tmp_path, monkeypatch, name, converter
) -> None:
    asked = []
    whole = converters.run_dcm2niix
    monkeypatch.setattr(
        converters, "run_dcm2niix", lambda *args, **more: asked.append(1) or whole(*args, **more)
    )
    write(tmp_path / "in", **BY_US[name])
    [image] = take_in(make_kit(), tmp_path / "in", converter)
    [theirs] = dcm2niix_of(tmp_path / "in", tmp_path / "theirs")
    assert_same(image, theirs)
    assert_ramp(image)
    assert len(asked) == (converter == "dcm2niix")


@pytest.mark.parametrize("converter", ["native", "dcm2niix"])
@pytest.mark.parametrize("name", BY_DCM2NIIX)
def test_IMP_02_a_series_of_several_kinds_packed_or_sheared_keeps_its_voxels(
    make_kit, tmp_path, name, converter
) -> None:
    more, change = BY_DCM2NIIX[name]
    write(tmp_path / "in", change, **more)
    images = take_in(make_kit(), tmp_path / "in", converter)
    known = dcm2niix_of(tmp_path / "in", tmp_path / "theirs")
    assert len(images) == len(known)
    for (image, tags), theirs in zip(images.items(), known, strict=True):
        computed = any(word in theirs.name for word in ("Tilt", "Eq"))
        assert_same(image, theirs, moved="Tilt" in theirs.name)
        assert tags == (["resampled"] if computed else [])
        if name not in _IN_PART or "Eq" in theirs.name:
            assert_ramp(image)
        assert ("Resampled" in json.loads(image.with_suffix(".json").read_bytes())) == computed


def _cut_out(paths: Sequence[Path], gone: Sequence[int]) -> None:
    for index in gone:
        paths[index].unlink()


@pytest.mark.parametrize("converter", ["native", "dcm2niix"])
def test_IMP_02_volumes_that_are_missing_leave_the_others_as_they_were(
    make_kit, tmp_path, converter
) -> None:
    """With their gradients, which no other volume may get."""
    _cut_out(write(tmp_path / "in", **FOUR, per_volume=MANY_B), range(8, 16))
    [image] = take_in(make_kit(), tmp_path / "in", converter)
    [theirs] = dcm2niix_of(tmp_path / "in", tmp_path / "theirs")
    assert_same(image, theirs)
    values = np.asanyarray(nib.load(image).dataobj)
    rise = np.diff([values[..., t].mean() for t in range(3)])
    assert np.allclose(rise, [2 * LATER, LATER], atol=1)
    assert np.loadtxt(image.with_suffix(".bval")).tolist() == [0, 2500, 2500]


@pytest.mark.parametrize("converter", ["native", "dcm2niix"])
def test_IMP_02_a_slice_that_is_missing_leaves_out_its_volume_and_its_gradient(
    make_kit, tmp_path, converter
) -> None:
    _cut_out(write(tmp_path / "in", **FOUR, per_volume=MANY_B), [11])
    [image] = take_in(make_kit(), tmp_path / "in", converter)
    _cut_out(write(tmp_path / "whole", **FOUR, per_volume=MANY_B), range(8, 16))
    [theirs] = dcm2niix_of(tmp_path / "whole", tmp_path / "theirs")
    assert_same(image, theirs)


@pytest.mark.parametrize("converter", ["native", "dcm2niix"])
def test_IMP_02_real_mosaics_keep_gradients_and_times_of_slices(
    make_kit, tmp_path, converter
) -> None:
    source = Path(nib.__file__).parent / "nicom" / "tests" / "data"
    (tmp_path / "in").mkdir()
    for name in ("siemens_dwi_0", "siemens_dwi_1000"):
        packed = (source / f"{name}.dcm.gz").read_bytes()
        (tmp_path / "in" / f"{name}.dcm").write_bytes(gzip.decompress(packed))
    [image] = take_in(make_kit(), tmp_path / "in", converter)
    [theirs] = dcm2niix_of(tmp_path / "in", tmp_path / "theirs")
    assert_same(image, theirs)
    assert np.loadtxt(image.with_suffix(".bval")).tolist() == [0, 1000]
    assert "SliceTiming" in json.loads(image.with_suffix(".json").read_bytes())


@pytest.mark.parametrize("how", [("+e1",), ("+el",)])
def test_IMP_02_lossless_jpeg_of_dcmtk_keeps_its_voxels(make_kit, tmp_path, how) -> None:
    encode = needs("dcmcjpeg")
    for path in write(tmp_path / "plain", **BY_US["CT"]):
        (tmp_path / "in").mkdir(exist_ok=True)
        subprocess.run([encode, *how, path, tmp_path / "in" / path.name], check=True)
    [image] = take_in(make_kit(), tmp_path / "in", "native")
    [theirs] = dcm2niix_of(tmp_path / "in", tmp_path / "theirs")
    assert_same(image, theirs)
    assert_ramp(image)


@pytest.mark.parametrize("angle", [ANGLE, -ANGLE])
@pytest.mark.parametrize("step", [2.5, -2.5])
@pytest.mark.parametrize("converter", ["auto", "dcm2niix"])
def test_IMP_02_an_image_sheared_back_lies_where_its_slices_were(
    make_kit, tmp_path, angle, step, converter
) -> None:
    """dcm2niix puts three of four some millimetres beside."""
    turn = (1, 0, 0, 0, math.cos(angle), math.sin(angle))
    write(tmp_path / "in", **{**TILTED, "orientation": turn, "step": (0, 0, step)})
    images = list(take_in(make_kit(), tmp_path / "in", converter))
    theirs = dcm2niix_of(tmp_path / "in", tmp_path / "theirs")[1]
    image, known = nib.load(images[1]), nib.load(theirs)
    values = np.asanyarray(image.dataobj)
    assert np.array_equal(values, np.asanyarray(known.dataobj))
    places = np.moveaxis(np.indices(image.shape), 0, -1) @ image.affine[:3, :3].T
    apart = values - ramp(places + image.affine[:3, 3])
    assert np.abs(apart[:, 8:-8]).max() < 1.6  # not what was filled up
    assert np.allclose(image.get_qform(), image.affine, atol=1e-3)
    moved = image.affine[:3, 3] - known.affine[:3, 3]
    told = json.loads(images[1].with_suffix(".json").read_bytes()).get("OriginMovedMm", [0, 0, 0])
    assert np.allclose(moved, told, atol=0.01)


def test_a_sheared_image_whose_slices_are_empty_stays_where_dcm2niix_put_it(
    make_kit, tmp_path
) -> None:
    write(
        tmp_path / "in", lambda ds, _: setattr(ds, "PixelData", bytes(len(ds.PixelData))), **TILTED
    )
    images = list(take_in(make_kit(), tmp_path / "in", "auto"))
    theirs = dcm2niix_of(tmp_path / "in", tmp_path / "theirs")
    for image, known in zip(images, theirs, strict=True):
        assert_same(image, known)
