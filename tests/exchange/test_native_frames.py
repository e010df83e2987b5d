"""Our own conversion of enhanced objects and Siemens mosaics: equal to dcm2niix's, or refused."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from appliance.exchange.converter import differences
from appliance.exchange.dcm2niix import run_dcm2niix
from appliance.exchange.native import convert_natively
from appliance.formats import NotPlain, read_mosaics, read_stack
from tests.exchange.test_native import _4D, _BACK, _CORONAL, _CT, _TILTED, _TURN
from tests.support.stacks import Stack, diffusion_tags, write_enhanced, write_mosaics

_MANY_B = [*diffusion_tags(3), *diffusion_tags(3, 2500.0)[1:]]

FRAMES = {
    "axial": {},
    "sagittal, oblique, from right to left": {"orientation": _TURN, "slice_mm": 1.1, "step": _BACK},
    "coronal": {"orientation": _CORONAL},
    "downwards": {"step": (0, 0, -2.5)},
    "phase": {"tags": {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "stored": "<i2"},
    "scaled": {"slope": (2.5, -7.0)},
    "BOLD, oblique": {**_4D, "orientation": _TILTED},
    "DWI, several b": {**_4D, "per_volume": _MANY_B, "orientation": _TILTED},
    "CT, large values": {**_CT, "ceiling": 60_000},
    "PET": {"modality": "PT", "shape": (20, 18, 12, 1)},
    "Siemens, one volume": {"tags": {"Manufacturer": "SIEMENS", "MRAcquisitionType": "3D"}},
}


def _both(paths: list[Path], tmp_path: Path) -> str:
    """Convert natively and with dcm2niix, and say where they differ."""
    folders = tmp_path / "all", tmp_path / "ours", tmp_path / "theirs"
    for folder in folders:
        folder.mkdir()
    for path in paths:
        shutil.copy(path, folders[0])
    made = convert_natively(paths, folders[1])
    expected = run_dcm2niix(folders[0], folders[2])
    assert [path.suffix for path in made[0].sidecars] == [p.suffix for p in expected[0].sidecars]
    return differences(made, expected)


@pytest.mark.parametrize("name", FRAMES)
def test_IMP_x03_an_enhanced_object_is_what_dcm2niix_makes_of_it(tmp_path, name) -> None:
    path = write_enhanced(tmp_path / "in", Stack(**FRAMES[name]))
    assert _both([path], tmp_path) == ""


def _changed(path: Path, change) -> Path:
    from pydicom import dcmread

    ds = dcmread(path)
    change(ds, ds.PerFrameFunctionalGroupsSequence)
    ds.save_as(path)
    return path


def _by_place(ds, frames) -> None:
    """Have all volumes of a place follow each other."""
    order = np.arange(35).reshape(5, 7).T.ravel()
    ds.PerFrameFunctionalGroupsSequence = [frames[int(index)] for index in order]
    values = np.frombuffer(ds.PixelData, "<u2").reshape(35, -1)
    ds.PixelData = values[order].tobytes()


def _undefined(ds, frames) -> None:
    """Write sequences and items without their lengths, as Philips does."""
    ds["PerFrameFunctionalGroupsSequence"].is_undefined_length = True
    for frame in frames:
        frame.is_undefined_length_sequence_item = True
        for element in frame:
            element.is_undefined_length = True


def _implicit(ds, _frames) -> None:
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"


@pytest.mark.parametrize("change", [_by_place, _undefined, _implicit])
def test_enhanced_objects_may_be_stored_in_any_order_and_way(tmp_path, change) -> None:
    stack = Stack(**_4D, per_volume=diffusion_tags(5))
    path = _changed(write_enhanced(tmp_path / "in", stack), change)
    assert _both([path], tmp_path) == ""


def _real(name: str, folder: Path) -> Path:
    import nibabel

    packed = Path(nibabel.__file__).parent / "nicom" / "tests" / "data" / f"{name}.dcm.gz"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.dcm"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


def test_a_whole_real_series_of_philips_is_what_dcm2niix_makes_of_it(tmp_path) -> None:
    assert _both([_real("philips_mprage", tmp_path / "real")], tmp_path) == ""


def test_real_mosaics_that_differ_in_gradients_are_left_to_dcm2niix(tmp_path) -> None:
    paths = [_real(f"siemens_dwi_{b}", tmp_path / "real") for b in (0, 1000)]
    with pytest.raises(NotPlain, match="differ"):
        convert_natively(paths, tmp_path)


def _scaled(_ds, frames) -> None:
    from pydicom.dataset import Dataset

    for index, frame in enumerate(frames):
        scaling = Dataset()
        scaling.RescaleSlope, scaling.RescaleIntercept = 1 + index, 0
        scaling.RescaleType = "US"
        frame.PixelValueTransformationSequence = [scaling]


def _turned(_ds, frames) -> None:
    from pydicom.dataset import Dataset

    for index, frame in enumerate(frames):
        turn = Dataset()
        turn.ImageOrientationPatient = [1, 0, 0, 0, 1, 0] if index < 3 else [0, 1, 0, 0, 0, -1]
        frame.PlaneOrientationSequence = [turn]


def _two_echoes(_ds, frames) -> None:
    from pydicom.dataset import Dataset

    for index, frame in enumerate(frames):
        echo = Dataset()
        echo.EffectiveEchoTime = 2.5 + index % 2
        frame.MREchoSequence = [echo]


def _one_missing(ds, frames) -> None:
    ds.PerFrameFunctionalGroupsSequence = [*frames[:2], *frames[3:]]
    ds.NumberOfFrames -= 1
    ds.PixelData = ds.PixelData[: ds.NumberOfFrames * 2 * ds.Rows * ds.Columns]


def _moved(_ds, frames) -> None:
    frames[3].PlanePositionSequence[0].ImagePositionPatient[2] += 0.4


def _packed(ds, _frames) -> None:
    ds.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)


def _cut(ds, _frames) -> None:
    ds.PixelData = ds.PixelData[:-200]


def _made_by(maker: str):
    return lambda ds, _frames: setattr(ds, "Manufacturer", maker)


OTHERS = {
    "scaling varies": ({}, _scaled),
    "two orientations": ({}, _turned),
    "two echoes": ({}, _two_echoes),
    "a frame of 1 is missing": ({}, _one_missing),
    "a frame of 5 is missing": (_4D, _one_missing),
    "uneven": ({}, _moved),
    "RLE": ({}, _packed),
    "values are missing": ({}, _cut),
    "few slices": ({"shape": (12, 10, 5, 1)}, lambda *_: None),
    "GE": ({}, _made_by("GE MEDICAL SYSTEMS")),
    "Siemens, several volumes": (_4D, _made_by("SIEMENS")),
    "sheared": ({**_CT, "step": (0, 0.6, 2.4)}, lambda *_: None),
}


@pytest.mark.parametrize("name", OTHERS)
def test_an_enhanced_object_that_is_not_beyond_doubt_is_left_to_dcm2niix(tmp_path, name) -> None:
    more, change = OTHERS[name]
    path = _changed(write_enhanced(tmp_path / "in", Stack(**more)), change)
    with pytest.raises(NotPlain):
        convert_natively([path], tmp_path)


def test_damaged_enhanced_objects_are_refused_and_nothing_else_happens(tmp_path) -> None:
    path = write_enhanced(tmp_path / "in", Stack(shape=(4, 4, 6, 2), per_volume=diffusion_tags(2)))
    whole = path.read_bytes()
    noise = np.random.default_rng(3)
    for _ in range(300):
        data = bytearray(whole[: int(noise.integers(200, len(whole) + 1))])
        for at in noise.integers(132, len(data), 4):
            data[at] = noise.choice([0, 0xFF, 0xFE, 0xE0, int(noise.integers(256))])
        path.write_bytes(data)
        try:
            stack = read_stack([path])
        except NotPlain:
            continue
        assert stack.shape[2] * stack.shape[3] == 12


def test_IMP_x03_mosaics_are_what_dcm2niix_makes_of_them(tmp_path) -> None:
    paths = write_mosaics(tmp_path / "in", 12)
    assert _both(paths, tmp_path) == ""


def test_a_mosaic_that_is_missing_leaves_the_others_in_order(tmp_path) -> None:
    paths = write_mosaics(tmp_path / "in", 10)
    assert _both([*paths[:4], *reversed(paths[5:])], tmp_path) == ""


def _from_the_fourth(**more):
    def change(ds, index) -> None:
        if index >= 4:
            for name, value in more.items():
                setattr(ds, name, value)

    return change


def _late_gradient(ds, index) -> None:
    """Tell a gradient only where Siemens tells it, in its own header."""
    if index < 7:
        return
    block = ds[0x00291010].value
    at = block.find(b"B_value\0") + 84
    length = (4).to_bytes(4, "little")
    head = length + length + block[at + 8 : at + 12] + length
    ds[0x00291010].value = block[:at] + head + b"1000" + block[at + 16 :]


MOSAICS = {
    "moved": _from_the_fourth(ImagePositionPatient=["1", "2", "3"]),
    "another TR": _from_the_fourth(RepetitionTime=5000),
    "a late gradient": _late_gradient,
    "two numbers alike": _from_the_fourth(InstanceNumber=4),
    "phase": _from_the_fourth(ImageType=["ORIGINAL", "PRIMARY", "P", "ND", "MOSAIC"]),
}


@pytest.mark.parametrize("name", MOSAICS)
def test_mosaics_that_are_not_beyond_doubt_are_left_to_dcm2niix(tmp_path, name) -> None:
    paths = write_mosaics(tmp_path / "in", 9, MOSAICS[name])
    with pytest.raises(NotPlain):
        read_mosaics(paths)


@pytest.mark.parametrize(("count", "weighted"), [(4, False), (8, True)])
def test_few_or_weighted_mosaics_are_left_to_dcm2niix(tmp_path, count, weighted) -> None:
    paths = write_mosaics(tmp_path / "in", count, weighted=weighted)
    (tmp_path / "ours").mkdir()
    with pytest.raises(NotPlain, match=r"few|gradients"):
        convert_natively(paths, tmp_path / "ours")
