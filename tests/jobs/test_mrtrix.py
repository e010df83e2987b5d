"""MRtrix 3 itself, where it is installed: descriptors run as jobs on data with known answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.formats import read_volume, write_nifti
from appliance.geometry import Volume
from appliance.jobs import Argument, JobSpec, missing_of, suite_tools
from tests.jobs.kit import Bench, MakeBench
from tests.support.needs import needs

NOISE = 30.0
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
FAST, SLOW = 1.7e-3, 0.3e-3
FA = (FAST - SLOW) / np.sqrt(FAST**2 + 2 * SLOW**2)


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    for program in ("dwidenoise", "mrdegibbs", "dwi2tensor", "tensor2metric"):
        needs(program)
    made = make_bench()
    for tool in suite_tools():
        made.tools.register_tool(tool)
    return made


def gradients() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    vectors = np.random.default_rng(3).normal(size=(32, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.vstack([np.zeros((2, 3)), vectors]), np.array([0.0, 0.0, *[1000.0] * 32])


def signal() -> NDArray[np.float64]:
    """Water, with fibers along x in its middle."""
    vectors, bvals = gradients()
    tensor = np.diag([FAST, SLOW, SLOW])
    data = np.empty((12, 12, 9, len(bvals)))
    data[...] = 1000 * np.exp(-bvals * 0.8e-3)
    data[:, 4:8] = 1000 * np.exp(-bvals * np.einsum("ni,ij,nj->n", vectors, tensor, vectors))
    return data


def diffusion_study(bench: Bench) -> Path:
    folder = bench.study("S-1#V1", "dwi/s001.nii", "dwi/s001.bval", "dwi/s001.bvec")
    noise = np.random.default_rng(4).normal(0, NOISE, signal().shape)
    write_nifti(folder / "dwi/s001.nii", Volume((signal() + noise).astype(np.float32), AFFINE))
    vectors, bvals = gradients()
    vectors = vectors * (-1, 1, 1)  # FSL's way for an affine that keeps the handedness
    (folder / "dwi/s001.bval").write_text(" ".join(f"{b:g}" for b in bvals))
    rows = (" ".join(f"{x:.9f}" for x in row) for row in vectors.T)
    (folder / "dwi/s001.bvec").write_text("\n".join(rows))
    return folder


def spec(tool: str, **values: Any) -> JobSpec:
    args = tuple(Argument(name, "FILE", value=value) for name, value in values.items())
    return JobSpec(tool.rpartition(".")[2], tool=tool, args=args)


def test_BATCH_06_MRtrix_takes_noise_out_and_fits_the_known_tensor(bench: Bench) -> None:
    folder = diffusion_study(bench)
    assert [missing_of(t) for t in suite_tools() if t.id == "mrtrix.dwidenoise"] == [""]
    clean = "derived/mrtrix/denoised.nii"
    keys = bench.submit(spec("mrtrix.dwidenoise"), spec("mrtrix.dwi2tensor", image=clean))
    assert bench.wait(keys) == ["done", "done"], [bench.log(key) for key in keys]
    left = read_volume(folder / clean).data - signal()
    assert left.std() < 0.5 * NOISE
    assert read_volume(folder / "derived/mrtrix/noise.nii").data.mean() == pytest.approx(
        NOISE, rel=0.2
    )
    fa = read_volume(folder / "derived/mrtrix/fa.nii").data
    assert np.median(fa[:, 5:7]) == pytest.approx(FA, abs=0.05)
    assert np.median(fa[:, :2]) < 0.1
    tensor = read_volume(folder / "derived/mrtrix/tensor.nii").data
    assert np.median(tensor[:, 5:7, :, 0]) == pytest.approx(FAST, rel=0.1)


def test_MRtrix_takes_ringing_out(bench: Bench) -> None:
    folder = bench.study("S-1#V1", "t1/s001.nii")
    sharp = np.zeros((256, 256))
    sharp[81:176, 81:176] = 1000
    kept = np.fft.fftshift(np.fft.fft2(sharp))[96:160, 96:160]
    rung = np.abs(np.fft.ifft2(np.fft.ifftshift(kept))) / 16
    image = np.repeat(rung[:, :, None], 3, axis=2).astype(np.float32)
    write_nifti(folder / "t1/s001.nii", Volume(image, AFFINE))
    (key,) = bench.submit(spec("mrtrix.mrdegibbs", image="t1/s001.nii"))
    assert bench.wait([key]) == ["done"], bench.log(key)
    found = read_volume(folder / "derived/mrtrix/unringed.nii").data
    flat = (slice(26, 38), slice(26, 38))
    assert found[flat].std() < 0.6 * image[flat].std()
    assert found[flat].mean() == pytest.approx(1000, rel=0.01)
