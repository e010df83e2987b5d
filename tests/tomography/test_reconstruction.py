"""A tilt series becomes a tomogram: right place, right hand, right scale; bad input is refused."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.core import Conflict, DiskFull, FormatError, Invalid, StorageError
from appliance.formats import MrcWriter, read_mrc_stack
from appliance.tomography import TiltAlignment, TiltSeries
from appliance.tomography.reconstructing import (
    LiveSlices,
    ReconstructRules,
    reconstruct,
    reconstruct_slice,
    trim,
    write_aligned,
)
from tests.tomography.blobs import LEVEL, Blob, blob_series

BLOBS = (Blob(14, -9, 5), Blob(-11, 12, -7, sigma=2.5))
PLAIN = ReconstructRules(thickness_px=25, binning=1, dtype="float32", workers=2)
Method = Literal["wbp", "sirt-like", "sirt"]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "blobs_full_rec.mrc"


def made(series: TiltSeries, alignment: TiltAlignment, target: Path, rules: Any = PLAIN) -> Any:
    return read_mrc_stack(reconstruct(series, alignment, target, rules))[0]


def peak(volume: NDArray[Any], near: tuple[int, int, int]) -> list[int]:
    """Index of the highest voxel within four of a place."""
    low = [max(0, i - 4) for i in near]
    part = volume[tuple(slice(a, i + 5) for a, i in zip(low, near, strict=True))]
    found = np.unravel_index(int(part.argmax()), part.shape)
    return [int(a + i) for a, i in zip(low, found, strict=True)]


@pytest.mark.parametrize("method", ["wbp", "sirt-like", "sirt"])
def test_BRT_05_a_bead_appears_at_its_own_voxel(method: Method, target: Path) -> None:
    series, alignment = blob_series(BLOBS, axis_deg=7, shift_px=4)
    full = made(series, alignment, target, replace(PLAIN, method=method))
    assert full.shape == (45, 25, 51)
    for blob in BLOBS:
        place = (int(22 + blob.y), int(12 + blob.z), int(25 + blob.x))
        assert peak(full, place) == list(place)


def test_BRT_04_the_trimmed_tomogram_is_rotated_about_x(target: Path, tmp_path: Path) -> None:
    series, alignment = blob_series(BLOBS)
    full = made(series, alignment, target)
    rec, facts = read_mrc_stack(trim(target, tmp_path / "blobs_rec.mrc"))
    assert rec.shape == (25, 45, 51)
    np.testing.assert_array_equal(rec, full.transpose(1, 0, 2)[::-1])
    assert facts.pixel_angstrom == pytest.approx(5)
    for blob in BLOBS:
        place = (int(12 - blob.z), int(22 + blob.y), int(25 + blob.x))
        assert peak(rec, place) == list(place)


def test_a_tomogram_has_the_density_of_the_specimen(target: Path) -> None:
    blob = Blob(3, 0, -2, height=4.0, sigma=3.0)
    series, alignment = blob_series([blob], angles=np.arange(-84.0, 84.1, 1.5))
    rules = replace(PLAIN, thickness_px=41, window="none", cutoff=0.5)
    full = made(series, alignment, target, rules)
    # Of something round, a wedge of missing tilts takes its share of the density.
    share = (2 * 84 + 1.5) / 180
    assert full[22, 20 - 2, 25 + 3] == pytest.approx(blob.height * share, rel=0.01)
    assert abs(full[22, 18, 40]) < 0.1 * blob.height


def test_back_projection_agrees_with_a_plain_sum_over_rays(target: Path) -> None:
    series, alignment = blob_series(BLOBS)
    rows = series.images[:, 22 + 12].astype(float) - series.images.mean((1, 2))[:, None]
    wanted = plain_back_projection(rows, series.angles_deg, 25)
    full = made(series, alignment, target, replace(PLAIN, window="none", cutoff=0.5))
    error = np.abs(full[22 + 12] - wanted)[3:-3, 6:-6]
    assert error.max() < 0.03 * np.abs(wanted).max()


def plain_back_projection(rows: NDArray[Any], angles: NDArray[Any], nz: int) -> NDArray[np.float64]:
    """Kak and Slaney's formula with loops: ramp in space, linear interpolation."""
    nx = rows.shape[1]
    n = np.arange(-nx, nx + 1)
    odd = n % 2 == 1
    kernel = np.where(odd, -1 / (np.pi * np.where(n == 0, 1, n)) ** 2, 0)
    kernel[nx] = 0.25
    x = np.arange(nx) - (nx - 1) / 2
    z = np.arange(nz) - (nz - 1) / 2
    out = np.zeros((nz, nx))
    step = np.deg2rad(angles[1] - angles[0])
    for row, t in zip(rows, np.deg2rad(angles), strict=True):
        filtered = np.convolve(row, kernel)[nx : 2 * nx]
        seen = x * np.cos(t) + z[:, None] * np.sin(t)
        out += step * np.interp(seen, x, filtered, left=0, right=0)
    return out


def test_tilts_that_are_left_out_do_not_count(target: Path, tmp_path: Path) -> None:
    series, alignment = blob_series(BLOBS)
    out = np.isin(np.arange(41), [5, 17])
    spoiled = series.images.copy()
    spoiled[5], spoiled[17] = np.nan, 1e6
    broken = alignment.matrices.copy()
    broken[5] = np.nan
    full = made(
        replace(series, images=spoiled),
        replace(alignment, used=~out, matrices=broken),
        target,
    )
    rest = TiltAlignment(
        *(part[~out] for part in (alignment.matrices, alignment.shifts, alignment.angles_deg)),
        used=np.ones(39, bool),
    )
    less = replace(series, images=series.images[~out], angles_deg=series.angles_deg[~out])
    np.testing.assert_array_equal(full, made(less, rest, tmp_path / "less.mrc"))


def test_pixels_that_are_no_numbers_are_passed_over(target: Path) -> None:
    series, alignment = blob_series(BLOBS)
    images = series.images.copy()
    images[3, 2:5, 7], images[8, 0, 0] = np.nan, np.inf
    full = made(replace(series, images=images), alignment, target)
    assert np.isfinite(full).all()
    assert peak(full, (13, 17, 39)) == [13, 17, 39]


def test_hot_pixels_leave_no_streaks(target: Path, tmp_path: Path) -> None:
    series, alignment = blob_series(BLOBS)
    random = np.random.default_rng(0)
    noisy = series.images + random.normal(0, 0.3, series.images.shape).astype(np.float32)
    hot = noisy.copy()
    for i, image in enumerate(hot):
        image[(i * 7) % 45, (i * 13) % 51] = 3000
    full = made(replace(series, images=hot), alignment, target)
    clean = made(replace(series, images=noisy), alignment, tmp_path / "clean.mrc")
    assert np.abs(full - clean).max() < 0.1


def test_a_tilt_without_any_number_is_refused(target: Path) -> None:
    series, alignment = blob_series(BLOBS)
    images = series.images.copy()
    images[3] = np.nan
    with pytest.raises(FormatError, match="section 3"):
        reconstruct(replace(series, images=images), alignment, target, PLAIN)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"used": np.arange(41) == 4}, "1 tilt is used"),
        ({"angles_deg": np.full(41, 90.0)}, "steeper"),
        ({"angles_deg": np.full(41, np.nan)}, "not known"),
        ({"shifts": np.full((41, 2), np.nan)}, "section 0"),
        ({"matrices": np.zeros((41, 2, 2))}, "section 0"),
        ({"shifts": np.zeros((40, 2))}, "not one of"),
    ],
)
def test_alignments_that_say_nothing_are_refused(
    change: dict[str, Any], message: str, target: Path
) -> None:
    series, alignment = blob_series(BLOBS)
    with pytest.raises(Invalid, match=message):
        reconstruct(series, replace(alignment, **change), target, PLAIN)
    assert list(target.parent.iterdir()) == []


def test_a_single_image_is_no_series(target: Path) -> None:
    series, alignment = blob_series(BLOBS)
    with pytest.raises(FormatError, match="not a stack"):
        reconstruct(replace(series, images=series.images[0]), alignment, target, PLAIN)


@pytest.mark.parametrize(
    "rules",
    [
        {"method": "art"},
        {"thickness_px": 0},
        {"relaxation": 2.0},
        {"positive": True},
        {"dtype": "int8"},
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        ReconstructRules(**rules)


@pytest.mark.parametrize("thickness", [1, 4])
def test_thin_tomograms_and_even_sizes(thickness: int, target: Path) -> None:
    series, alignment = blob_series([Blob(4.5, -3.5, 0)], ny=32, nx=40)
    full = made(series, alignment, target, replace(PLAIN, thickness_px=thickness))
    assert full.shape == (32, thickness, 40)
    assert peak(full, (12, thickness // 2, 24))[::2] == [12, 24]


def test_REC_07_binned_voxels_keep_their_place(target: Path) -> None:
    # Voxel (y, z, x) of a tomogram binned by 3 lies at three times its distance from the centre.
    blob = Blob(3 * 6, -3 * 4, 3 * 3, sigma=4.0)
    series, alignment = blob_series([blob], ny=77, nx=95, axis_deg=-4, shift_px=3)
    full = made(series, alignment, target, replace(PLAIN, thickness_px=51, binning=3))
    assert full.shape == (25, 17, 31)
    assert peak(full, (12 - 4, 8 + 3, 15 + 6)) == [12 - 4, 8 + 3, 15 + 6]


def test_whole_numbers_say_what_they_stand_for(target: Path, tmp_path: Path) -> None:
    series, alignment = blob_series(BLOBS)
    wanted = made(series, alignment, tmp_path / "float.mrc")
    path = reconstruct(series, alignment, target, replace(PLAIN, dtype="int16"))
    stored, facts = read_mrc_stack(path)
    assert stored.dtype.kind == "i"
    title = next(title for title in facts.titles if title.startswith("value = stored * "))
    step, offset = (float(part) for part in title[len("value = stored * ") :].split(" + "))
    np.testing.assert_allclose(stored * step + offset, wanted, atol=0.6 * step)


def test_rows_that_do_not_fit_into_memory_lie_in_a_file(target: Path, tmp_path: Path) -> None:
    series, alignment = blob_series(BLOBS, ny=161, nx=81)
    within = made(series, alignment, tmp_path / "within.mrc")
    beside = made(series, alignment, target, replace(PLAIN, memory_mb=1))
    np.testing.assert_array_equal(within, beside)
    assert {path.name for path in tmp_path.iterdir()} == {"within.mrc", target.name}


def test_a_disk_that_fills_midway_leaves_nothing(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series, alignment = blob_series(BLOBS)
    before = series.images.copy()
    write = MrcWriter.write

    def full_disk(self: MrcWriter, z0: int, sections: NDArray[Any]) -> None:
        if z0 >= 24:
            raise DiskFull("the disk is full") from OSError(errno.ENOSPC, "no space")
        write(self, z0, sections)

    monkeypatch.setattr(MrcWriter, "write", full_disk)
    with pytest.raises(StorageError):
        reconstruct(series, alignment, target, PLAIN)
    assert list(target.parent.iterdir()) == []
    np.testing.assert_array_equal(series.images, before)


def test_a_tomogram_that_is_there_is_not_replaced(target: Path) -> None:
    target.write_bytes(b"mine")
    series, alignment = blob_series(BLOBS)
    with pytest.raises(Conflict):
        reconstruct(series, alignment, target, PLAIN)
    assert target.read_bytes() == b"mine"


def test_progress_only_grows_and_ends_at_one(target: Path) -> None:
    series, alignment = blob_series(BLOBS)
    told: list[float] = []
    reconstruct(series, alignment, target, PLAIN, lambda part, words: told.append(part))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


def test_BRT_06_the_aligned_stack_keeps_type_and_order(tmp_path: Path) -> None:
    series, alignment = blob_series(BLOBS, axis_deg=9, shift_px=5)
    whole = np.rint(series.images * 10).astype(np.int16)
    path = write_aligned(replace(series, images=whole), alignment, tmp_path / "blobs_ali.mrc")
    stack, facts = read_mrc_stack(path)
    assert stack.shape == whole.shape
    assert stack.dtype.kind == "i"
    assert facts.pixel_angstrom == pytest.approx(5)
    straight, _ = blob_series(BLOBS)
    inner = (slice(None), slice(12, -12), slice(12, -12))
    np.testing.assert_allclose(stack[inner] / 10, straight.images[inner], atol=0.35)
    assert stack[0, 0, 0] == pytest.approx(10 * LEVEL, rel=0.05)


def test_REC_07_the_aligned_stack_may_be_binned(tmp_path: Path) -> None:
    series, alignment = blob_series(BLOBS)
    path = write_aligned(series, alignment, tmp_path / "blobs_ali.mrc", binning=2)
    stack, facts = read_mrc_stack(path)
    assert stack.shape == (41, 22, 25)
    assert facts.pixel_angstrom == pytest.approx(10)


@pytest.fixture(scope="module")
def live() -> Iterator[LiveSlices]:
    with LiveSlices(*blob_series(BLOBS, axis_deg=5), PLAIN) as slices:
        yield slices


@pytest.mark.parametrize("out", [(), (0, 7, 20)])
def test_one_slice_is_that_of_the_tomogram(
    out: tuple[int, ...], live: LiveSlices, target: Path
) -> None:
    series, alignment = blob_series(BLOBS, axis_deg=5)
    used = ~np.isin(np.arange(41), out)
    full = made(series, replace(alignment, used=used), target)
    close = {"rtol": 1e-4, "atol": 2e-5}
    np.testing.assert_allclose(live.slice(y=30, used=used), full[30], **close)
    np.testing.assert_allclose(live.slice(z=17, used=used), full[:, 17], **close)
    alone = reconstruct_slice(series, alignment, y=30, used=used, rules=PLAIN)
    np.testing.assert_allclose(alone, full[30], **close)
    level = reconstruct_slice(series, alignment, z=17, used=used, rules=PLAIN)
    np.testing.assert_allclose(level, full[:, 17], **close)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"y": 1, "z": 1},
        {"y": 45},
        {"z": -1},
        {"y": 0, "used": np.zeros(41, bool)},
        {"y": 0, "used": np.ones(40, bool)},
    ],
)
def test_slices_that_are_not_there_are_refused(asked: dict[str, Any], live: LiveSlices) -> None:
    with pytest.raises(Invalid):
        live.slice(**asked)
