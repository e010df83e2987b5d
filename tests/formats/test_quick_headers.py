"""The quick reader of NIfTI headers says what the full one says, or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.formats import read_header
from appliance.formats.nifti_quick import quick_facts

ANGLES = st.floats(-3.14, 3.14)
SIZES = st.floats(0.1, 10)


def image(shape: tuple[int, ...], affine: Any, kind: type = np.int16) -> nibabel.Nifti1Image:
    made = nibabel.Nifti1Image(np.zeros(shape, kind), affine)
    made.header.set_xyzt_units("mm", "sec")
    return made


def turned(a: float, b: float, c: float, sizes: Any, shift: Any) -> Any:
    from nibabel.eulerangles import euler2mat

    affine = np.eye(4)
    affine[:3, :3] = euler2mat(a, b, c) @ np.diag(sizes)
    affine[:3, 3] = shift
    return affine


def same(path: Path) -> None:
    quick, full = quick_facts(path), json.loads(json.dumps(read_header(path)))
    assert quick is not None
    assert json.loads(json.dumps(quick)).keys() == full.keys()
    for name in ("format", "shape", "n_volumes", "dtype", "codes"):
        assert quick[name] == full[name]
    assert quick["facts"].keys() == full["facts"].keys()
    np.testing.assert_allclose(quick["affine"], full["affine"], rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(quick["voxel_mm"], full["voxel_mm"], rtol=1e-6, atol=2e-6)
    for name, value in full["facts"].items():
        np.testing.assert_allclose(quick["facts"][name], value, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    ("shape", "kind"),
    [((3, 4, 5), np.int16), ((3, 4, 5, 6), np.float32), ((2, 3, 4, 1, 3), np.uint8)],
)
def test_ordinary_files_are_read_the_same(tmp_path, name, shape, kind):
    made = image(shape, np.diag([-1.0, 2, 3, 1]), kind)
    if len(shape) > 3:
        made.header["pixdim"][4] = 1.5
    made.set_sform(made.affine, 1)
    nibabel.save(made, tmp_path / name)
    same(tmp_path / name)


@given(
    st.tuples(ANGLES, ANGLES, ANGLES),
    st.tuples(SIZES, SIZES, SIZES),
    st.booleans(),
    st.booleans(),
)
def test_oblique_files_are_read_the_same(tmp_path_factory, angles, sizes, flip, only_qform):
    path = tmp_path_factory.mktemp("quick") / "a.nii"
    affine = turned(*angles, sizes, (-10.0, 20.5, 3.0))
    if flip:
        affine[:3, 0] *= -1
    made = image((4, 5, 6), affine)
    made.set_qform(affine, 1)
    made.set_sform(None if only_qform else affine, 0 if only_qform else 2)
    nibabel.save(made, path)
    if quick_facts(path) is not None:  # else two axes of the array lie nearest to one of the world
        same(path)


def test_whatever_is_odd_is_left_to_the_full_reader(tmp_path):
    path = tmp_path / "a.nii"
    nibabel.save(image((3, 4, 5), np.diag([-1.0, 2, 3, 1])), path)
    good = path.read_bytes()
    assert quick_facts(path) is not None
    odd = {
        "not little-endian": (0, b"\x00\x00\x01\x5c"),
        "a pair": (344, b"ni1\0"),
        "an extension": (348, b"\x01"),
        "no axis": (40, b"\x00\x00"),
        "an axis of none": (42, b"\x00\x00"),
        "complex values": (70, b"\x20\x00"),
        "wrong bits": (72, b"\x07\x00"),
        "values in the header": (108, np.float32(300).tobytes()),
        "no form": (252, b"\0\0\0\0"),
        "an unknown form": (252, b"\x09\0"),
        "an axis that is not finite": (280, np.float32(np.nan).tobytes()),
        "negative voxels": (80, np.float32(-1).tobytes()),
        "unknown units": (123, b"\xff"),
    }
    for what, (at, content) in odd.items():
        path.write_bytes(good[:at] + content + good[at + len(content) :])
        assert quick_facts(path) is None, what
    path.write_bytes(good[:300])
    assert quick_facts(path) is None
    (tmp_path / "b.nii.gz").write_bytes(b"\x1f\x8bnonsense")
    assert quick_facts(tmp_path / "b.nii.gz") is None
    assert quick_facts(tmp_path / "b.mgz") is None
