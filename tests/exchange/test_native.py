"""Our own conversion against dcm2niix: equal where it is done, refused where it must not be."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from appliance.catalog import change_policy
from appliance.exchange.converter import differences, is_shadowed
from appliance.exchange.dcm2niix import ConverterRefused, run_dcm2niix
from appliance.exchange.native import convert_natively
from appliance.formats import NotPlain
from appliance.upkeep.checks.converters import ConvertersCheck
from tests.support.stacks import Stack, diffusion_tags, write_stack

_TURN = np.array([0.06, 0.9976, 0.0323, 0.0199, 0.0311, -0.9993])
_TURN[:3] /= np.linalg.norm(_TURN[:3])
_TURN[3:] -= (_TURN[3:] @ _TURN[:3]) * _TURN[:3]
_TURN[3:] /= np.linalg.norm(_TURN[3:])
_BACK = -1.1 * np.cross(_TURN[:3], _TURN[3:])
_CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
_TILTED = (0.9962, 0.0872, 0.0, -0.0868, 0.9915, 0.0974)
_4D = {"shape": (16, 14, 7, 5)}
_CT = {"modality": "CT", "slope": (1.0, -1024.0)}

PLAIN = {
    "axial 3D": {},
    "sagittal 3D, oblique": {"orientation": _TURN, "slice_mm": 1.1},
    "sagittal 3D, from right to left": {"orientation": _TURN, "slice_mm": 1.1, "step": _BACK},
    "coronal 3D": {"orientation": _CORONAL},
    "axial 2D, oblique": {"orientation": _TILTED, "tags": {"MRAcquisitionType": "2D"}},
    "axial, downwards": {"step": (0, 0, -2.5)},
    "phase": {"tags": {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "stored": "<i2"},
    "scaled": {"slope": (2.5, -7.0)},
    "BOLD": _4D,
    "BOLD, downwards": {**_4D, "step": (0, 0, -2.5)},
    "BOLD, oblique": {**_4D, "orientation": _TILTED},
    "DWI": {**_4D, "per_volume": diffusion_tags(5)},
    "DWI, several b": {
        **_4D,
        "per_volume": [*diffusion_tags(3), *diffusion_tags(3, 2500.0)[1:]],
        "orientation": _TILTED,
    },
    "CT": {**_CT, "stored": "<i2"},
    "CT, unsigned, large values": {**_CT, "ceiling": 60_000},
    "CT, upwards and downwards": {**_CT, "step": (0, 0, -1.25), "slice_mm": 1.25},
    "PET": {"modality": "PT", "slope": (3.25, 0.0), "shape": (20, 18, 12, 1)},
    "Siemens, not a mosaic": {"tags": {"Manufacturer": "SIEMENS"}},
    "implicit": {"tags": {"SeriesDescription": "implicit"}},
}


@pytest.mark.parametrize("name", PLAIN)
def test_IMP_x03_a_plain_stack_is_what_dcm2niix_makes_of_it(tmp_path, name) -> None:
    paths = write_stack(tmp_path / "in", Stack(**PLAIN[name]))
    if name == "implicit":
        _rewritten(paths, "1.2.840.10008.1.2")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    made = convert_natively(paths, ours)
    expected = run_dcm2niix(tmp_path / "in", theirs)
    assert differences(made, expected) == ""
    assert [path.suffix for path in made[0].sidecars] == [p.suffix for p in expected[0].sidecars]


def test_a_volume_that_is_missing_leaves_the_others_in_order(tmp_path) -> None:
    stack = Stack(**_4D)
    paths = write_stack(tmp_path / "in", stack)
    for path in paths[14:21]:
        path.unlink()
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    made = convert_natively(paths[:14] + paths[21:], ours)
    assert differences(made, run_dcm2niix(tmp_path / "in", theirs)) == ""
    stored = np.fromfile(made[0].image, "<u2", offset=352).reshape(4, 7, 14, 16)
    assert np.array_equal(stored[:, :, ::-1], stack.volumes()[[0, 1, 3, 4]])


@pytest.mark.parametrize("maker", ["SIEMENS", "Philips"])
@pytest.mark.parametrize("volumes", [1, 5])
def test_times_of_slices_are_never_made_up(tmp_path, maker, volumes) -> None:
    from pydicom import dcmread

    tags = {"Manufacturer": maker, "MRAcquisitionType": "2D", "ScanningSequence": "EP"}
    shape = 16, 14, 7, volumes
    paths = write_stack(tmp_path / "in", Stack(shape=shape, tags=tags))
    for n, path in enumerate(paths):
        ds = dcmread(path)
        ds.AcquisitionTime = f"1000{2 * (n // 7) + (2 * n) % 7 * 0.25:09.6f}"
        ds.save_as(path)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    made = run_dcm2niix(tmp_path / "in", theirs)
    if maker == "SIEMENS":
        with pytest.raises(NotPlain, match="times"):
            convert_natively(paths, ours)
    else:
        assert differences(convert_natively(paths, ours), made) == ""


def _varied(**more):
    """Have the second half of the objects say something else."""

    def change(paths: list[Path]) -> None:
        from pydicom import dcmread

        for path in paths[len(paths) // 2 :]:
            ds = dcmread(path)
            for tag, value in more.items():
                setattr(ds, tag, value)
            ds.save_as(path)

    return change


def _rewritten(paths: list[Path], syntax: str) -> None:
    from pydicom import dcmread
    from pydicom.uid import UID

    for path in paths:
        ds = dcmread(path)
        if UID(syntax).is_compressed:
            ds.compress(syntax, generate_instance_uid=False)
        else:
            ds.file_meta.TransferSyntaxUID = UID(syntax)
        ds.save_as(path, implicit_vr=UID(syntax).is_implicit_VR, little_endian=True)


def _without(index: int):
    def change(paths: list[Path]) -> None:
        paths.pop(index).unlink()

    return change


def _moved(index: int, by_mm: float):
    def change(paths: list[Path]) -> None:
        from pydicom import dcmread

        ds = dcmread(paths[index])
        ds.ImagePositionPatient[2] += by_mm
        ds.save_as(paths[index])

    return change


OTHERS = {
    "gantry tilt": ({**_CT, "step": (0, 0.6, 2.4), "tags": {"GantryDetectorTilt": "14"}}, None),
    "sheared": ({**_CT, "step": (0, 0.6, 2.4)}, None),
    "two echoes": ({}, _varied(EchoTime=4.6, EchoNumbers=2)),
    "magnitude and phase": ({}, _varied(ImageType=["ORIGINAL", "PRIMARY", "P", "ND"])),
    "scaling varies": ({"slope": (1.0, 0.0)}, _varied(RescaleSlope=2.0)),
    "orientation varies": ({}, _varied(ImageOrientationPatient=[0, 1, 0, 0, 0, -1])),
    "a slice is missing": ({}, _without(2)),
    "a slice of one volume is missing": (_4D, _without(9)),
    "uneven": ({}, _moved(3, 0.4)),
    "jitter": ({}, _moved(3, 0.01)),
    "RLE": ({}, lambda paths: _rewritten(paths, "1.2.840.10008.1.2.5")),
    "JPEG 2000": (
        {"shape": (40, 36, 6, 1)},
        lambda paths: _rewritten(paths, "1.2.840.10008.1.2.4.90"),
    ),
    "JPEG-LS": ({}, lambda paths: _rewritten(paths, "1.2.840.10008.1.2.4.80")),
    "two numbers alike": ({}, _varied(InstanceNumber=3)),
    "localizer": ({"tags": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}}, None),
    "few slices": ({"shape": (12, 10, 3, 1)}, None),
    "GE": ({"tags": {"Manufacturer": "GE MEDICAL SYSTEMS"}}, None),
    "8 bits used": ({"modality": "CT", "shape": (16, 14, 7, 2)}, None),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_beyond_doubt_is_left_to_dcm2niix(tmp_path, name) -> None:
    more, change = OTHERS[name]
    paths = write_stack(tmp_path / "in", Stack(**more))
    if change is not None:
        change(paths)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    with pytest.raises(NotPlain):
        convert_natively(paths, ours)
    if name == "a slice of one volume is missing":  # it has no image of that either, and says so
        with pytest.raises(ConverterRefused, match="slice"):
            run_dcm2niix(tmp_path / "in", theirs)
    else:
        assert run_dcm2niix(tmp_path / "in", theirs)


def test_a_compressed_series_has_the_voxels_it_had_before(tmp_path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    write_stack(plain, Stack(shape=(40, 36, 6, 1), orientation=_TILTED))
    images = []
    for syntax in ("", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80"):
        folder, out = packed / f"in{len(images)}", packed / f"out{len(images)}"
        paths = write_stack(folder, Stack(shape=(40, 36, 6, 1), orientation=_TILTED))
        if syntax:
            _rewritten(paths, syntax)
        out.mkdir()
        images.append(run_dcm2niix(folder, out)[0].image.read_bytes())
    assert len(set(images)) == 1


def test_large_values_in_one_late_slice_do_not_change_the_type_of_the_others(tmp_path) -> None:
    stack = Stack(shape=(20, 18, 12, 1))
    values = stack.volumes()
    values[0, 8, 3, 3] = 40_000
    stack.data = values
    paths = write_stack(tmp_path / "in", stack)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    assert differences(convert_natively(paths, ours), run_dcm2niix(tmp_path / "in", theirs)) == ""


def _policy(kit, converter: str) -> None:
    kit.catalog.write(
        lambda tx: change_policy(tx, "default", {"converter": converter}, actor="test")
    )


@pytest.mark.parametrize("converter", ["native", "auto", "verify", "dcm2niix"])
def test_PROJ_04_the_project_says_which_converter(make_kit, tmp_path, converter) -> None:
    kit = make_kit(**{"imports.shadow_share": 1.0})
    _policy(kit, converter)
    write_stack(tmp_path / "in", Stack(**_4D, per_volume=diffusion_tags(5)))
    receipt = kit.take_in(tmp_path / "in")
    assert receipt.state == "done", receipt.reason
    names = sorted(Path(name).name for name in kit.files())
    assert names == ["s001.bval", "s001.bvec", "s001.json", "s001.nii"]
    with kit.catalog.read() as con:
        rows = con.execute("SELECT differs FROM conversions_compared").fetchall()
    assert [row["differs"] for row in rows] == ([""] if converter in {"auto", "verify"} else [])
    assert ConvertersCheck().run(kit).level == "ok"


def test_converters_that_differ_are_told_on_the_receipt_and_the_health_page(
    make_kit, tmp_path, monkeypatch
) -> None:
    from appliance.exchange import converter

    kit = make_kit()
    _policy(kit, "verify")

    def spoilt(paths, target, *, timeout_s):
        made = convert_natively(paths, target, timeout_s=timeout_s)
        with made[0].image.open("r+b") as stream:
            stream.seek(400)
            stream.write(b"\xff\x01")
        doc = msgspec.json.decode(made[0].sidecars[0].read_bytes())
        made[0].sidecars[0].write_bytes(msgspec.json.encode({**doc, "EchoTime": 1}))
        return made

    monkeypatch.setattr(converter, "convert_natively", spoilt)
    stack = Stack()
    write_stack(tmp_path / "in", stack)
    receipt = kit.take_in(tmp_path / "in")
    assert receipt.state == "done"
    assert {item.reason for item in receipt.items} == {
        "our conversion differs from dcm2niix in voxels, EchoTime; dcm2niix's is kept"
    }
    found = ConvertersCheck().run(kit)
    assert (found.level, "1 of 1 series" in found.text) == ("warning", True)
    image = next(iter(kit.images().values()))
    path = kit.folder.projects / "default" / image.pid / image.sid / image.path
    stored = np.fromfile(path, "<u2", offset=352).reshape(6, 18, 20)
    assert np.array_equal(np.sort(stored.ravel()), np.sort(stack.volumes().ravel()))


def test_which_series_are_compared_depends_on_their_key_only() -> None:
    keys = [f"key{n}" for n in range(2000)]
    chosen = [key for key in keys if is_shadowed(key, 0.1)]
    assert 100 < len(chosen) < 300
    assert chosen == [key for key in keys if is_shadowed(key, 0.1)]
    assert not any(is_shadowed(key, 0.0) for key in keys)
