"""The face leaves an image of a head; the brain does not (B5)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import nilearn
import numpy as np
import pytest
from scipy import ndimage

from appliance.core import Invalid
from appliance.formats import read_volume
from appliance.geometry import Volume
from appliance.imaging import remove_face

MNI_T1 = (
    Path(nilearn.__file__).parent
    / "datasets"
    / "data"
    / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
)
STEP, PAD = 2, 36
VALUES = {"mr": (60, 20, 230, 200), "ct": (10, 900, 40, 45)}  # fluid, skull, scalp, face


@cache
def head(kind: str = "mr") -> tuple[Volume, np.ndarray, np.ndarray]:
    """A real brain with fluid, skull and scalp around it, and a face with a nose in front."""
    template = read_volume(MNI_T1)
    brain_t1 = np.pad(template.data[::STEP, ::STEP, ::STEP], PAD).astype(np.float32)
    affine = template.affine @ np.diag([STEP, STEP, STEP, 1])
    affine[:3, 3] -= PAD * STEP
    brain = ndimage.binary_fill_holes(brain_t1 > 0)
    away = ndimage.distance_transform_edt(~brain) * STEP
    fluid, skull, scalp, flesh = VALUES[kind]
    air = 0 if kind == "mr" else -1000
    data = np.where(brain, brain_t1 if kind == "mr" else 30, air).astype(np.float32)
    grid = np.indices(data.shape).reshape(3, -1)
    x, y, z = (affine[:3, :3] @ grid + affine[:3, 3:]).reshape(3, *data.shape)
    features = ((x / 55) ** 2 + ((y - 58) / 38) ** 2 + ((z + 62) / 60) ** 2) < 1
    nose = ((x / 12) ** 2 + ((y - 92) / 18) ** 2 + ((z + 48) / 18) ** 2) < 1
    face = (features | nose) & (away > 14)
    data[face] = flesh
    for first, last, value in ((8, 14, scalp), (2.5, 8, skull), (0, 2.5, fluid)):
        data[(away > first) & (away <= last)] = value
    data += np.random.default_rng(0).normal(0, 5, data.shape)
    return Volume(np.round(data).astype(np.int16), affine), brain, face & (y > 70)


@pytest.mark.parametrize("kind", ["mr", "ct"])
@pytest.mark.parametrize("codes", ["RAS", "PIL"])
def test_the_face_is_gone_and_no_voxel_of_the_brain_is_touched(kind: str, codes: str) -> None:
    volume, brain, front = head(kind)
    found = remove_face(volume.reoriented(codes))
    after = found.image.reoriented("RAS").data
    assert found.image.data.dtype == np.int16
    assert np.array_equal(after[brain], volume.data[brain])
    emptied = after == (0 if kind == "mr" else volume.data.min())
    assert emptied[front].mean() > 0.95
    assert found.removed_ml > 50


def test_every_frame_loses_it() -> None:
    volume, brain, front = head()
    series = Volume(np.stack([volume.data, volume.data + 1], axis=-1), volume.affine)
    after = remove_face(series).image.data
    assert (after[front] == 0).mean() > 0.95
    assert np.array_equal(after[brain], series.data[brain])


def test_what_is_no_head_is_refused() -> None:
    noise = np.random.default_rng(1).normal(0, 1, (40, 40, 40)).astype(np.float32)
    with pytest.raises(Invalid):
        remove_face(Volume(noise, np.diag([2, 2, 2, 1])))
