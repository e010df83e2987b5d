"""From a voxel to the stored DICOM value: oblique, flipped, rescaled, in time, multi-frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from appliance.core import Invalid
from appliance.exchange.dcm2niix import run_dcm2niix
from appliance.formats import read_volume, write_dicom_series, write_nifti
from appliance.geometry import Volume
from appliance.viewing import voxel_source
from tests.support.samples import OBLIQUE

TAGS = {"Modality": "MR", "StudyInstanceUID": "2.25.7", "SeriesDescription": "x", "SeriesNumber": 1}
VOXELS = [(0, 0, 0), (3, 4, 2), (7, 1, 5), (10, 8, 6)]


def values(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3000, (11, 9, 7)).astype(np.int16)


def convert(source: Path, target: Path) -> Path:
    target.mkdir()
    (found,) = run_dcm2niix(source, target)
    return found.image


def series(
    folder: Path, affine: np.ndarray = OBLIQUE, data: np.ndarray | None = None
) -> list[Path]:
    volume = Volume(values() if data is None else data, affine)
    return write_dicom_series(folder, volume, TAGS)


def check(image: Path, objects: list[Path], ijk: tuple[int, int, int], t: int = 0) -> None:
    """What is told is looked up with pydicom alone, at the place in space that nibabel tells."""
    found = voxel_source(image, objects, ijk, t)
    assert (found.exact, found.equal, found.why) == (True, True, "")
    path = next(p for p in objects if pydicom.dcmread(p).SOPInstanceUID == found.sop_uid)
    ds = pydicom.dcmread(path)
    pixels = ds.pixel_array if ds.pixel_array.ndim == 2 else ds.pixel_array[found.frame]
    assert pixels[found.row, found.column] == found.raw
    assert found.instance_number == ds.InstanceNumber
    volume = read_volume(image)
    assert found.value == pytest.approx(float(volume.frame(t)[ijk]))
    assert found.rescaled == pytest.approx(found.value, rel=1e-6)
    if "ImagePositionPatient" in ds:
        turn = np.array(ds.ImageOrientationPatient, float)
        place = np.array(ds.ImagePositionPatient, float)
        place = place + found.column * ds.PixelSpacing[1] * turn[:3]
        place = place + found.row * ds.PixelSpacing[0] * turn[3:]
        world = volume.grid.to_world(np.array(ijk))
        assert np.allclose(place * [-1, -1, 1], world, atol=1e-3)


AFFINES = {
    "axial": np.diag([-2.0, -2.0, 3.0, 1.0]),
    "upward": np.diag([2.0, 2.0, 3.0, 1.0]),
    "backward": np.diag([-2.0, -2.0, -3.0, 1.0]),
    "oblique": OBLIQUE,
}


@pytest.mark.parametrize("name", AFFINES)
def test_a_voxel_leads_to_its_object_row_and_column(tmp_path: Path, name: str) -> None:
    affine = AFFINES[name].copy()
    affine[:3, 3] += [10, -20, 30]
    objects = series(tmp_path / "dicom", affine)
    image = convert(tmp_path / "dicom", tmp_path / "nifti")
    for ijk in VOXELS:
        shape = read_volume(image).data.shape
        check(image, objects, tuple(min(a, n - 1) for a, n in zip(ijk, shape, strict=True)))


def test_compressed_objects_are_decoded_by_a_process_of_their_own(tmp_path: Path) -> None:
    objects = series(tmp_path / "dicom")
    image = convert(tmp_path / "dicom", tmp_path / "nifti")
    for path in objects:
        ds = pydicom.dcmread(path)
        ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        ds.save_as(path)
    check(image, objects, (3, 4, 2))


def test_slopes_that_differ_from_slice_to_slice_are_applied(tmp_path: Path) -> None:
    objects = series(tmp_path / "dicom")
    for n, path in enumerate(objects):
        ds = pydicom.dcmread(path)
        ds.RescaleSlope, ds.RescaleIntercept = f"{0.5 + n / 4}", "-3"
        ds.save_as(path)
    image = convert(tmp_path / "dicom", tmp_path / "nifti")
    check(image, objects, (3, 4, 2))
    check(image, objects, (5, 5, 6))


def test_of_several_time_points_the_right_one_is_found(tmp_path: Path) -> None:
    objects = []
    for t in range(3):
        data = values(t)
        made = write_dicom_series(tmp_path / f"t{t}", Volume(data, OBLIQUE), TAGS)
        for path in made:
            ds = pydicom.dcmread(path)
            ds.SOPInstanceUID = f"{ds.SOPInstanceUID}{t}"
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
            ds.InstanceNumber += t * len(made)
            ds.AcquisitionNumber, ds.TemporalPositionIdentifier = t + 1, t + 1
            target = tmp_path / "dicom" / f"{t}_{path.name}"
            target.parent.mkdir(exist_ok=True)
            ds.save_as(target)
            objects.append(target)
    volumes = [read_volume(convert(tmp_path / f"t{t}", tmp_path / f"n{t}")) for t in range(3)]
    stacked = np.stack([volume.data for volume in volumes], axis=-1)
    write_nifti(tmp_path / "four.nii", volumes[0].like(stacked))
    for t in range(3):
        check(tmp_path / "four.nii", objects, (3, 4, 2), t)


def test_a_multi_frame_object_tells_its_frame(tmp_path: Path) -> None:
    single = [pydicom.dcmread(path) for path in series(tmp_path / "dicom")]
    whole = single[0].copy()
    whole.NumberOfFrames = len(single)
    whole.PixelData = b"".join(one.PixelData for one in single)
    whole.PerFrameFunctionalGroupsSequence = []
    for one in single:
        group, position, turn, measures = Dataset(), Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = one.ImagePositionPatient
        turn.ImageOrientationPatient = one.ImageOrientationPatient
        measures.PixelSpacing = one.PixelSpacing
        group.PlanePositionSequence = [position]
        group.PlaneOrientationSequence = [turn]
        group.PixelMeasuresSequence = [measures]
        whole.PerFrameFunctionalGroupsSequence.append(group)
    del whole.ImagePositionPatient
    whole.save_as(tmp_path / "multi.dcm")
    image = convert(tmp_path / "dicom", tmp_path / "nifti")
    for ijk in VOXELS[:3]:
        check(image, [tmp_path / "multi.dcm"], ijk)
    assert voxel_source(image, [tmp_path / "multi.dcm"], (3, 4, 2)).frame in range(len(single))


def test_a_mosaic_tells_the_tile(tmp_path: Path) -> None:
    data = values()
    side = 3
    mosaic = np.zeros((side * 9, side * 11), np.int16)
    for k in range(7):
        top, left = k // side * 9, k % side * 11
        mosaic[top : top + 9, left : left + 11] = data[:, :, k].T
    flat = Volume(mosaic.T[:, :, None].copy(), np.diag([-1.0, -1.0, 1.0, 1.0]))
    (path,) = write_dicom_series(tmp_path / "dicom", flat, TAGS)
    ds = pydicom.dcmread(path)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    ds.add_new((0x0019, 0x0010), "LO", "SIEMENS MR HEADER")
    ds.add_new((0x0019, 0x100A), "US", 7)
    ds.save_as(path)
    write_nifti(tmp_path / "image.nii", Volume(data[:, ::-1].copy(), OBLIQUE))
    found = voxel_source(tmp_path / "image.nii", [path], (3, 4, 5))
    assert (found.exact, found.equal) == (True, True)
    assert mosaic[found.row, found.column] == found.raw == data[3, 8 - 4, 5]


def test_an_image_that_was_changed_or_moved_says_why_it_is_not_exact(tmp_path: Path) -> None:
    objects = series(tmp_path / "dicom")
    image = convert(tmp_path / "dicom", tmp_path / "nifti")
    volume = read_volume(image)
    write_nifti(tmp_path / "changed.nii", volume.like(volume.data + 1))
    found = voxel_source(tmp_path / "changed.nii", objects, (3, 4, 2))
    assert (found.exact, found.equal) == (False, False)
    assert "changed" in found.why
    shifted = volume.affine.copy()
    shifted[:3, 3] += volume.affine[:3, 2] / 2
    write_nifti(tmp_path / "moved.nii", Volume(volume.data, shifted))
    found = voxel_source(tmp_path / "moved.nii", objects, (3, 4, 2))
    assert (found.exact, found.sop_uid) == (False, "")
    assert "resampled" in found.why
    assert "not kept" in voxel_source(image, [], (0, 0, 0)).why
    with pytest.raises(Invalid):
        voxel_source(image, objects, (99, 0, 0))
    flat = series(tmp_path / "flat", data=np.full((11, 9, 7), 5, np.int16))
    twice = [*flat, *series(tmp_path / "again", data=np.full((11, 9, 7), 5, np.int16))]
    image = convert(tmp_path / "flat", tmp_path / "flat_nifti")
    assert "2 frames" in voxel_source(image, twice, (0, 0, 0)).why
