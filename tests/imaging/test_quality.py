"""Quick quality figures against data of which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.geometry import Volume
from appliance.imaging.motion import frame_displacement, head_motion
from appliance.imaging.quality import ghost_ratio, image_quality, phantom_figures

SIZE = (32, 36, 20)
SPACING = (3.0, 3.0, 3.5)


def head(shift=(0.0, 0.0, 0.0), turn=0.0) -> np.ndarray:
    """A smooth head of uneven brightness, moved by mm and turned by radians about the last axis."""
    centre = (np.array(SIZE) - 1) / 2 * SPACING
    at = np.stack(np.meshgrid(*map(np.arange, SIZE), indexing="ij"), -1) * np.array(SPACING)
    back = at - centre - np.array(shift)
    c, s = np.cos(turn), np.sin(turn)
    x, y, z = (
        c * back[..., 0] + s * back[..., 1],
        -s * back[..., 0] + c * back[..., 1],
        back[..., 2],
    )
    radius = np.sqrt((x / 36) ** 2 + (y / 42) ** 2 + (z / 28) ** 2)
    bright = 100 + 30 * np.sin(x / 9) + 25 * np.cos(y / 11) + 20 * np.sin(z / 8 + 1)
    return bright / (1 + np.exp((radius - 1) * 12))


def volume(data: np.ndarray) -> Volume:
    return Volume(data.astype(np.float32), np.diag([*SPACING, 1.0]))


def test_motion_is_found_that_was_made():
    made = [((0, 0, 0), 0), ((1.0, 0, 0), 0), ((1.0, -0.5, 0.3), 0), ((0, 0, 0.6), 0.02)]
    frames = np.stack([head(*one) for one in made], -1)
    found = head_motion(frames, SPACING, head() > 50)
    truth = np.array([[*shift, 0, 0, turn] for shift, turn in made])
    assert np.abs(found[:, :3] - truth[:, :3]).max() < 0.1
    assert np.abs(found[:, 3:] - truth[:, 3:]).max() < 0.003


def test_displacement_is_that_of_power():
    motion = np.array([[0, 0, 0, 0, 0, 0], [0.5, -0.25, 0, 0, 0, 0.01], [0.5, -0.25, 0, 0, 0, 0]])
    assert frame_displacement(motion) == pytest.approx([0.5 + 0.25 + 0.5, 0.5])


def test_a_head_that_holds_still_moves_less_than_one_that_jumps():
    noise = np.random.default_rng(1).normal(0, 1, (*SIZE, 12))
    still = np.stack([head()] * 12, -1) + noise
    jumping = still.copy()
    jumping[..., 6:] = np.stack([head((2.0, 0, 0))] * 6, -1) + noise[..., 6:]
    a, b = (image_quality(volume(one)) for one in (still, jumping))
    assert a["fd_max_mm"] < 0.2
    assert b["fd_max_mm"] == pytest.approx(2, abs=0.2)
    assert (a["fd_share"], b["fd_share"]) == (0, pytest.approx(1 / 11, abs=1e-3))


def test_signal_over_noise_in_time_is_that_which_was_put_in():
    rng = np.random.default_rng(2)
    block = np.zeros(SIZE)
    block[8:24, 8:28, 4:16] = 200
    frames = block[..., None] + rng.normal(0, 4, (*SIZE, 200))
    assert image_quality(volume(frames))["tsnr"] == pytest.approx(50, rel=0.03)


def test_signal_over_the_air_is_dietrichs():
    rng = np.random.default_rng(3)
    block = np.zeros((48, 48, 24))
    block[16:32, 16:32, 8:16] = 100
    real, imaginary = rng.normal(0, 5, (2, *block.shape))
    magnitude = np.hypot(block + real, imaginary)
    found = image_quality(Volume(magnitude.astype(np.float32), np.eye(4)))
    assert found["snr_air"] == pytest.approx(100 / 5, rel=0.03)


def test_snr_of_the_foreground_is_median_over_spread():
    rng = np.random.default_rng(4)
    block = np.zeros((40, 40, 20))
    block[10:30, 10:30, 5:15] = 100 + rng.normal(0, 10, (20, 20, 10))
    found = image_quality(Volume(block.astype(np.float32), np.eye(4)))
    assert found["snr"] == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2])
def test_a_ghost_is_measured_as_strong_as_it_is(share):
    image = np.zeros((40, 64, 8))
    image[10:30, 24:40] = 1000
    image += share * np.roll(image, 32, axis=1)
    found = ghost_ratio(image, image > 500, 1)
    assert found["gsr"] == pytest.approx(share, abs=0.001)


def test_a_phantoms_figures_are_those_of_its_noise():
    rng = np.random.default_rng(5)
    n, level, noise = 202, 1000.0, 10.0
    frames = np.full((32, 32, 3, n), level) + rng.normal(0, noise, (32, 32, 3, n))
    found = phantom_figures(frames)
    assert found["mean_signal"] == pytest.approx(level, rel=0.001)
    assert found["sfnr"] == pytest.approx(100, rel=0.03)
    assert found["phantom_snr"] == pytest.approx(100, rel=0.1)
    assert found["fluctuation_pct"] == pytest.approx(100 * noise / 21 / level, rel=0.15)
    assert found["rdc"] == pytest.approx(21, rel=0.2)
    assert found["drift_pct"] < 0.05


def test_drift_and_correlated_fluctuation_of_a_phantom_are_found():
    rng = np.random.default_rng(6)
    n = 100
    drift = 1000 * (1 + 0.02 * np.linspace(0, 1, n))
    common = rng.normal(0, 5, n)
    frames = np.broadcast_to(drift + common, (32, 32, 3, n)) + rng.normal(0, 1, (32, 32, 3, n))
    found = phantom_figures(frames)
    assert found["drift_pct"] == pytest.approx(2, rel=0.2)
    assert found["fluctuation_pct"] == pytest.approx(0.5, rel=0.2)
    assert found["rdc"] < 1.5  # the whole square fluctuates together


def test_what_cannot_be_told_is_left_out():
    assert image_quality(Volume(np.zeros((8, 8, 8), np.float32), np.eye(4))) == {}
    few = np.stack([head()] * 3, -1)
    assert not {"tsnr", "fd_mean_mm"} & set(image_quality(volume(few)))
    directions = np.stack([head()] * 20, -1)
    assert "fd_mean_mm" not in image_quality(volume(directions), in_time=False)
    assert phantom_figures(np.ones((4, 4, 1, 2))) == {}
