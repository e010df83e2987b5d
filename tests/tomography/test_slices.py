"""Slices made anew from the results of a series, and the processes that make them."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from appliance.core import Conflict, FormatError, Invalid, NotFound
from appliance.formats import read_mrc_stack
from appliance.tomography.slice_pool import SlicePool
from appliance.tomography.slice_series import SlicedSeries, facts_of, sliced_series
from tests.support.tomograms import make_result
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_result(tmp_path_factory.mktemp("all"))


@pytest.fixture(scope="module")
def thinned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without two of its tilts."""
    return make_result(tmp_path_factory.mktemp("some"), skip=(3, 9))


@pytest.fixture(scope="module")
def series(result: Path) -> Iterator[SlicedSeries]:
    with sliced_series(result, workers=1) as opened:
        yield opened


@pytest.fixture
def pool() -> Iterator[SlicePool]:
    one = SlicePool(most=1, busy_s=0)
    yield one
    one.close()


def volume(folder: Path) -> np.ndarray:
    return np.asarray(read_mrc_stack(folder / "TS_1_rec.mrc")[0], float)


def alike(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def shown(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture, float)


def test_BRT_06_facts_are_those_of_the_files(result: Path, thinned: Path) -> None:
    facts = facts_of(result)
    assert (facts.n_tilts, facts.nx, facts.ny, facts.nz) == (13, 48, 48, 20)
    assert (facts.binning, facts.method, facts.left_out) == (1, "wbp", ())
    assert facts.voxel_nm == pytest.approx(2.0, rel=0.2)
    assert facts_of(thinned).left_out == (3, 9)


@pytest.mark.parametrize("place", [5, 10, 14])
def test_BRT_06_a_slice_is_that_of_the_tomogram(
    place: int, series: SlicedSeries, result: Path
) -> None:
    rec = volume(result)
    level, across = series.slice("z", place), series.slice("y", 2 * place)
    # The aligned stack was interpolated once already: the same slice, a little smoother.
    assert alike(level, rec[place]) > 0.93
    assert alike(across, rec[:, 2 * place]) > 0.93
    assert alike(level[::-1], rec[place]) < 0.5
    assert alike(across[::-1], rec[:, 2 * place]) < 0.5


def test_BRT_06_without_tilts_it_is_that_of_a_tomogram_made_without_them(
    series: SlicedSeries, result: Path, thinned: Path
) -> None:
    without = series.slice("z", 10, (3, 9))
    as_it_was = series.slice("z", 10)
    change = volume(thinned)[10] - volume(result)[10]
    assert alike(without - as_it_was, change) > 0.7
    assert alike(without, volume(thinned)[10]) > alike(as_it_was, volume(thinned)[10])


@pytest.mark.parametrize(
    ("axis", "index", "without"),
    [("z", 20, ()), ("y", 48, ()), ("z", -1, ()), ("z", 1, (13,)), ("z", 1, tuple(range(12)))],
)
def test_what_is_not_there_is_refused(
    axis: str, index: int, without: tuple[int, ...], series: SlicedSeries
) -> None:
    with pytest.raises(Invalid):
        series.slice(axis, index, without)  # type: ignore[arg-type]


def test_BRT_06_a_tilt_without_numbers_counts_for_nothing(result: Path, tmp_path: Path) -> None:
    import mrcfile

    folder = shutil.copytree(result, tmp_path / "TS_1")
    with mrcfile.open(folder / "TS_1_ali.mrc") as stack:
        images = np.array(stack.data, np.float32)
    images[4] = np.nan
    with (
        pytest.warns(RuntimeWarning, match="NaN"),
        mrcfile.new(folder / "TS_1_ali.mrc", images, overwrite=True) as stack,
    ):
        stack.voxel_size = 20.0
    with sliced_series(folder, workers=1) as broken:
        made, other = broken.slice("z", 10), broken.slice("z", 10, (4,))
    assert np.isfinite(made).all()
    assert np.array_equal(made, other)


def test_BRT_06_a_process_makes_the_slices_with_the_contrast_of_the_tomogram(
    pool: SlicePool, series: SlicedSeries, result: Path
) -> None:
    whole, some = (pool.picture(result, "z", 10, tilts) for tilts in ((), (2, 3, 4)))
    assert alike(shown(whole.png)[::-1], series.slice("z", 10)) > 0.98  # but for its cut off ends
    assert alike(shown(some.png)[::-1], series.slice("z", 10, (2, 3, 4))) > 0.98
    middle = float(np.median(shown(whole.png)))
    assert abs(float(np.median(shown(some.png))) - middle) < 30
    assert pool.n_open == 1


def test_a_refused_slice_leaves_the_process_as_it_is(pool: SlicePool, result: Path) -> None:
    pool.picture(result, "z", 3)
    child = pool.processes()[0]
    with pytest.raises(Invalid, match="go from 0 to 19"):
        pool.picture(result, "z", 99)
    assert pool.picture(result, "z", 4).png
    assert pool.processes() == [child]


def test_only_so_many_are_open_and_who_looks_is_not_pushed_out(result: Path, thinned: Path) -> None:
    pool = SlicePool(most=1, busy_s=600)
    try:
        pool.picture(result, "z", 3)
        with pytest.raises(Conflict, match="being looked at"):
            pool.picture(thinned, "z", 3)
        assert pool.n_open == 1
    finally:
        pool.close()
    with pytest.raises(Conflict, match="ending"):
        pool.picture(result, "z", 3)


def test_one_that_nobody_looks_at_makes_room_and_its_process_ends(
    pool: SlicePool, result: Path, thinned: Path
) -> None:
    pool.picture(result, "z", 3)
    first = pool.processes()[0]
    pool.picture(thinned, "z", 3)
    assert pool.n_open == 1
    assert first not in pool.processes()
    wait_until(lambda: not _lives(first), "its process has ended")


def test_what_nobody_looks_at_is_given_back(result: Path) -> None:
    pool = SlicePool(idle_s=0.3)
    try:
        pool.picture(result, "z", 3)
        child = pool.processes()[0]
        wait_until(lambda: pool.n_open == 0 and not _lives(child), "it is given back")
        assert pool.picture(result, "z", 3).png
    finally:
        pool.close()


def test_a_process_that_dies_is_told_and_the_next_one_goes_on(
    pool: SlicePool, result: Path
) -> None:
    pool.picture(result, "z", 3)
    os.kill(pool.processes()[0], 9)
    with pytest.raises(FormatError, match="its process ended"):
        pool.picture(result, "z", 3)
    assert pool.picture(result, "z", 3).png


def test_a_series_that_was_made_anew_is_opened_anew(
    pool: SlicePool, thinned: Path, result: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(result, tmp_path / "TS_1")
    before = pool.picture(folder, "z", 10)
    shutil.rmtree(folder)
    shutil.copytree(thinned, folder)
    os.utime(folder / "TS_1_ali.mrc")
    assert pool.picture(folder, "z", 10, (3, 9)).png != before.png


def test_results_that_are_incomplete_are_told(
    pool: SlicePool, result: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(result, tmp_path / "TS_1")
    (folder / "TS_1.tlt").write_text("1\n2\n")
    with pytest.raises(FormatError, match="13 tilts"):
        pool.picture(folder, "z", 1)
    (folder / "TS_1_ali.mrc").unlink()
    with pytest.raises(NotFound, match="TS_1_ali"):
        pool.picture(folder, "z", 1)
    assert pool.n_open == 0


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
