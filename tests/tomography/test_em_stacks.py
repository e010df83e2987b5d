"""The flow of FIB and block face SEM stacks, on sections whose displacement is known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import mrcfile
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from appliance.core import Invalid, NotFound
from appliance.formats import MrcWriter
from appliance.tomography.em_inputs import find_stacks
from appliance.tomography.section_stack import section_frame, write_sections
from appliance.tomography.serial import align_sections, local_trend
from appliance.tomography.stack_flow import STEPS, main
from appliance.tomography.steps import read_steps
from appliance.tomography.tilt_files import read_xf
from tests.support.microscopy import sections, write_dm
from tests.tomography.test_manifest import server as server  # noqa: PLC0414 - a fixture

Run = Callable[..., int]


def write_tiffs(folder: Path, stack: np.ndarray) -> Path:  # type: ignore[type-arg]
    folder.mkdir(parents=True)
    for i, section in enumerate(stack):
        tifffile.imwrite(folder / f"slice_{i + 1}.tif", section)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the program over the folder ``in`` into ``out``."""

    def program(*words: str) -> int:
        return main([str(tmp_path / "in"), "--output", str(tmp_path / "out"), *words])

    return program


def report(tmp_path: Path, name: str = "cells") -> dict[str, object]:
    told: dict[str, object] = json.loads((tmp_path / "out" / name / "report.json").read_text())
    return told


def adjusted(tmp_path: Path, name: str = "cells") -> np.ndarray:  # type: ignore[type-arg]
    """The volume as pictures: the upper row first."""
    return stored(tmp_path / "out" / name / "adjusted.mrc")[:, ::-1]


def stored(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    """Bytes of an MRC file, which have a sign, as IMOD shows them."""
    values = mrcfile.read(path)
    assert values.dtype == np.int8
    return values.astype(int) + 128


@pytest.mark.parametrize("jitter", [1.0, 5.0])
def test_the_displacement_of_sections_is_recovered(jitter: float) -> None:
    made, moved = sections(15, jitter=jitter)
    found = align_sections(lambda i: made[i], len(made), drift="remove")
    wrong = found.shifts + moved
    assert np.abs(np.diff(wrong, axis=0)).max() < 0.3, "between neighbours"
    assert np.abs(wrong).max() < 0.6, "over all of them"
    assert found.flaws == {}
    assert found.n_images == 15


def test_a_drift_over_many_sections_can_be_kept_while_the_jitter_goes() -> None:
    made, moved = sections(30, jitter=2.0, drift=(0.8, -0.4))
    found = align_sections(lambda i: made[i], len(made), drift="keep")
    left = moved + found.shifts
    slope = np.polyfit(np.arange(30), left, 1)[0]
    assert slope == pytest.approx(np.polyfit(np.arange(30), moved, 1)[0], abs=0.1)
    rough = [np.abs(np.diff(one, 2, axis=0)).mean() for one in (moved, left)]
    assert rough[1] < 0.25 * rough[0], "it runs smoothly"
    gone = align_sections(lambda i: made[i], len(made), drift="remove")
    slope = np.polyfit(np.arange(30), moved + gone.shifts, 1)[0]
    assert slope == pytest.approx([0, 0], abs=0.03)


def test_a_jump_that_lasts_one_section_leaves_the_line_through_its_neighbours_alone() -> None:
    path = np.stack([0.5 * np.arange(20), np.zeros(20)], axis=1)
    path[10] += (30, -20)
    trend = local_trend(path)
    assert trend[:, 0] == pytest.approx(0.5 * np.arange(20), abs=0.01)
    assert trend[:, 1] == pytest.approx(np.zeros(20), abs=0.01)


def test_sections_are_shifted_by_what_is_asked_then_stretched_along_y(tmp_path: Path) -> None:
    image = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(90, 120)), 4) * 1000
    shifts = np.array([[0.0, 0.0], [6.0, -3.0]])
    frame = section_frame((90, 120), 60.0, 1)
    assert frame.shape == (180, 120)
    write_sections(
        tmp_path / "a.mrc", lambda _: image, shifts, frame, pixel_nm=5.0, section_nm=20.0
    )
    made = stored(tmp_path / "a.mrc").astype(float)
    wanted = (image - image.mean()) / image.std() * 40 + 150
    rows = (np.arange(180) + 0.5) / 2 - 0.5
    columns = np.arange(120.0)
    for z, (x, y) in enumerate(shifts):
        at = np.meshgrid(rows - y, columns - x, indexing="ij")
        truth = ndimage.map_coordinates(wanted, at, order=3)
        inner = (slice(20, -20), slice(10, -10))
        assert np.abs(made[z] - truth.clip(0, 255))[inner].max() < 2.5
    with mrcfile.open(tmp_path / "a.mrc") as volume:
        edges = volume.voxel_size
        assert (float(edges.x), float(edges.z)) == pytest.approx((50, 200))


def test_binning_keeps_the_field_of_view_and_the_place(tmp_path: Path) -> None:
    y, x = np.mgrid[:96, :128]
    spot = np.exp(-((y - 40.5) ** 2 + (x - 80.5) ** 2) / 50)
    frame = section_frame((96, 128), 0.0, 2)
    assert frame.shape == (48, 64)
    shifts = np.array([[4.0, 0.0], [0.0, 0.0]])
    write_sections(tmp_path / "a.mrc", lambda _: spot, shifts, frame, pixel_nm=1, section_nm=1)
    first, second = stored(tmp_path / "a.mrc")
    assert ndimage.center_of_mass(second > 250) == pytest.approx((20, 40), abs=0.1)
    assert ndimage.center_of_mass(first > 250) == pytest.approx((20, 42), abs=0.1)


@pytest.mark.parametrize(("tilt", "binning"), [(85.0, 1), (float("nan"), 1), (0, 0), (0, 40)])
def test_angles_and_binnings_that_make_no_sense_are_refused(tilt: float, binning: int) -> None:
    with pytest.raises(Invalid):
        section_frame((96, 128), tilt, binning)


def test_REC_06_TILT_05_NG_02_a_folder_of_tiffs_becomes_volume_movie_key_image_and_pyramid(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, moved = sections(12)
    write_tiffs(tmp_path / "in" / "cells", made)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.tif")}
    assert run("--pixel", "5", "--section", "10", "--drift", "remove") == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.tif")} == before
    folder = tmp_path / "out" / "cells"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*")} >= {
        *("adjusted.mrc", "align.xf", "align.xg", "stretch.xf", "report.json", "steps.json"),
        *("hedwig/keyimg_cells.jpg", "hedwig/keyimg_cells_s.jpg", "hedwig/keyMov_cells.mp4"),
        *("hedwig/neuro-cells/info", "hedwig/mrc2ngpc-output.json"),
    }
    told = report(tmp_path)
    assert (told["n_sections"], told["size"], told["type"]) == (12, [256, 192], "uint16")
    assert np.abs(np.array(told["shifts_px"]) * (1, -1) + moved).max() < 0.6
    volume = adjusted(tmp_path)
    assert volume.mean((1, 2)) == pytest.approx(np.full(12, 150), abs=1.5)
    assert volume.std((1, 2)) == pytest.approx(np.full(12, 40), abs=3)
    inner = (slice(20, -20), slice(20, -20))
    likeness = [
        np.corrcoef(a[inner].ravel(), b[inner].ravel())[0, 1]
        for stack in (made, volume)
        for a, b in pairwise(stack)
    ]
    assert np.mean(likeness[:11]) < 0.8
    assert min(likeness[11:]) > 0.97, "neighbours lie upon each other"
    with Image.open(folder / "hedwig" / "keyimg_cells.jpg") as picture:
        grey = np.asarray(picture).astype(float)
    assert grey.shape == (192, 256)
    assert np.corrcoef(grey.ravel(), volume[6].ravel())[0, 1] > 0.98, "the middle, upright"
    with Image.open(folder / "hedwig" / "keyimg_cells_s.jpg") as picture:
        assert picture.size == (300, 225)
    with av.open(str(folder / "hedwig" / "keyMov_cells.mp4")) as movie:
        stream = movie.streams.video[0]
        assert (stream.frames, stream.average_rate, stream.width) == (12, 8, 1024)
    info = json.loads((folder / "hedwig" / "neuro-cells" / "info").read_text())
    assert info["scales"][0]["resolution"] == [5, 5, 10]
    assert info["scales"][0]["size"] == [256, 192, 12]
    said = capsys.readouterr().out
    assert all(f"step {number} of 4, {step}" in said for number, step in enumerate(STEPS, 1))
    assert "1 of 1 stacks were processed" in said


def test_transforms_are_in_the_form_of_imod_and_the_steps_are_recorded(
    run: Run, tmp_path: Path
) -> None:
    made, _ = sections(8)
    write_tiffs(tmp_path / "in" / "cells", made)
    assert run("--tilt", "52") == 0
    folder = tmp_path / "out" / "cells"
    matrices, shifts = read_xf(folder / "align.xg")
    assert np.array_equal(matrices, np.broadcast_to(np.eye(2), (8, 2, 2)))
    assert shifts == pytest.approx(np.array(report(tmp_path)["shifts_px"]), abs=0.001)
    stretch = 1 / np.cos(np.radians(52))
    words = (folder / "stretch.xf").read_text().split()
    assert [float(word) for word in words] == pytest.approx([1, 0, 0, stretch, 0, 0], abs=1e-6)
    assert adjusted(tmp_path).shape == (8, round(192 * stretch), 256)
    records = read_steps(folder / "steps.json")
    assert [(one.step, one.state) for one in records] == [(step, "done") for step in STEPS]
    assert records[0].facts["stacks"] == [{"name": "cells", "files": 8}]
    assert records[2].facts["mean_sd"] == [150, 40]
    assert report(tmp_path)["messages"] == [
        "the pixel size is unknown: lengths are those of pixels of 1 nm"
    ]


def test_sections_are_taken_in_natural_order_and_every_form_of_a_stack_is_the_same_one(
    run: Run, tmp_path: Path
) -> None:
    made, _ = sections(12, shape=(64, 96), jitter=1.0)
    write_tiffs(tmp_path / "in" / "many", made)
    (tmp_path / "in" / "one").mkdir()
    tifffile.imwrite(tmp_path / "in" / "one" / "pages.tif", made, photometric="minisblack")
    write_dm(tmp_path / "in" / "gatan.dm4", made, version=4, scale=3.0)
    with MrcWriter(tmp_path / "in" / "fei.mrc", made.shape, made.dtype, 30.0) as out:
        out.write(0, made[:, ::-1])
    assert run("--pyramid", "sharded") == 0
    names = ("many", "pages", "gatan", "fei")
    first = adjusted(tmp_path, "many")
    for name in names[1:]:
        assert np.array_equal(adjusted(tmp_path, name), first)
    assert [report(tmp_path, name)["pixel_nm"] for name in names] == [None, None, 3.0, 3.0]
    info = tmp_path / "out" / "many" / "hedwig" / "neuro-many" / "info"
    assert "sharding" in json.loads(info.read_text())["scales"][0]


def test_a_stack_is_not_processed_with_results_of_earlier_runs(run: Run, tmp_path: Path) -> None:
    made, _ = sections(4, shape=(64, 96), jitter=1.0)
    write_tiffs(tmp_path / "in" / "cells", made)
    shutil.copytree(tmp_path / "in" / "cells", tmp_path / "out" / "old")
    with MrcWriter(tmp_path / "in" / "adjusted.mrc", made.shape, made.dtype, 1.0) as out:
        out.write(0, made)
    found = find_stacks([tmp_path / "in", tmp_path / "out"], tmp_path / "out")
    assert [(one.name, len(one.paths)) for one in found] == [("cells", 4)]
    assert [path.name for path in found[0].paths] == [f"slice_{i}.tif" for i in (1, 2, 3, 4)]
    named = find_stacks(sorted((tmp_path / "in" / "cells").iterdir())[::-1], tmp_path / "x")
    assert named == found, "files that are named are the stack of their folder"
    with pytest.raises(NotFound, match="no stack"):
        find_stacks([tmp_path / "out"], tmp_path / "out")
    shutil.copytree(tmp_path / "in" / "cells", tmp_path / "more" / "cells")
    with pytest.raises(Invalid, match="two stacks are called cells"):
        find_stacks([tmp_path / "in", tmp_path / "more"], tmp_path / "x")


def one_section(stack: np.ndarray, folder: Path) -> None:  # type: ignore[type-arg]
    write_tiffs(folder, stack[:1])


def other_size(stack: np.ndarray, folder: Path) -> None:  # type: ignore[type-arg]
    write_tiffs(folder, stack)
    tifffile.imwrite(folder / "slice_3.tif", stack[0, :-1])


def a_broken_file(stack: np.ndarray, folder: Path) -> None:  # type: ignore[type-arg]
    write_tiffs(folder, stack)
    (folder / "slice_3.tif").write_bytes(b"II*\0nothing more")


def an_empty_file(stack: np.ndarray, folder: Path) -> None:  # type: ignore[type-arg]
    write_tiffs(folder, stack)
    (folder / "slice_1.tif").write_bytes(b"")


def all_empty(stack: np.ndarray, folder: Path) -> None:  # type: ignore[type-arg]
    write_tiffs(folder, np.zeros_like(stack))


def no_numbers(stack: np.ndarray, folder: Path) -> None:  # type: ignore[type-arg]
    write_tiffs(folder, np.full(stack.shape, np.nan, np.float32))


def too_small(stack: np.ndarray, folder: Path) -> None:  # type: ignore[type-arg]
    write_tiffs(folder, stack[:, :10, :10])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (one_section, "holds one section: that is no stack"),
        (other_size, "slice_3.tif has 96 x 63 pixels, the first section has 96 x 64"),
        (a_broken_file, "slice_3.tif is not a readable TIFF file"),
        (an_empty_file, "slice_1.tif is not a readable TIFF file"),
        (all_empty, "no section holds an image"),
        (no_numbers, "no section holds an image"),
        (too_small, "too small to align"),
    ],
)
def test_BRT_11_a_bad_stack_is_told_in_words_and_does_not_stop_the_others(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[np.ndarray, Path], None],  # type: ignore[type-arg]
    words: str,
) -> None:
    made, _ = sections(4, shape=(64, 96), jitter=1.0)
    spoil(made, tmp_path / "in" / "bad")
    assert run() == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out" / "bad").exists()
    (kept,) = (tmp_path / "out").glob("*.failed/steps.json")
    failed = read_steps(kept)
    assert (failed[-1].state, failed[-1].facts["flow"]) == ("failed", "em-stack")
    write_tiffs(tmp_path / "in" / "good", made)
    assert run() == 0
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [one["status"] for one in told["files"]] == ["error", "success"]
    assert words in told["files"][0]["message"]
    kinds = [one["type"] for one in told["files"][1]["imageSet"][0]["assets"]]
    assert kinds == [
        *("thumbnail", "keyImage", "neuroglancerPrecomputed", "averagedVolume", "recMovie")
    ]


def test_empty_sections_and_others_without_likeness_are_flagged_and_passed_over(
    run: Run, tmp_path: Path
) -> None:
    made, moved = sections(12)
    made = made.astype(np.float32)
    made[4], made[8] = 0, np.nan
    made[10] = np.random.default_rng(5).normal(8000, 1500, made[10].shape)
    made[2, 50:90, 60:100] = np.nan
    write_tiffs(tmp_path / "in" / "cells", made)
    assert run("--drift", "remove") == 0
    flagged = report(tmp_path)["flagged"]
    assert isinstance(flagged, dict)
    assert {key: flagged[key] for key in ("4", "8", "10")} == {
        "4": "it is empty",
        "8": "most of it is no number",
        "10": "it does not resemble the section before it",
    }
    wrong = np.array(report(tmp_path)["shifts_px"]) * (1, -1) + moved
    inner = [0, 1, 2, 3, 5, 6, 7, 9]
    assert np.ptp(wrong[inner], axis=0).max() < 1.0, "those beyond them are where they belong"
    volume = adjusted(tmp_path)
    assert (volume[4] == 150).all()
    assert (volume[8] == 150).all()


def test_sections_in_colours_and_of_8_bits_are_taken_by_their_brightness(
    run: Run, tmp_path: Path
) -> None:
    made, _ = sections(4, shape=(64, 96), jitter=1.0)
    grey = (made >> 8).astype(np.uint8)
    write_tiffs(tmp_path / "in" / "grey", grey)
    (tmp_path / "in" / "rgb").mkdir()
    for i, section in enumerate(grey):
        colours = np.repeat(section[..., None], 3, axis=2)
        tifffile.imwrite(tmp_path / "in" / "rgb" / f"slice_{i}.tif", colours, photometric="rgb")
    assert run() == 0
    difference = adjusted(tmp_path, "rgb") - adjusted(tmp_path, "grey")
    assert np.abs(difference).max() <= 1
    messages = report(tmp_path, "rgb")["messages"]
    assert isinstance(messages, list)
    assert "sections have colours: their brightness is taken" in messages


def test_a_dry_run_says_what_stacks_are_and_writes_nothing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, _ = sections(4, shape=(64, 96), jitter=1.0)
    write_tiffs(tmp_path / "in" / "cells", made)
    write_tiffs(tmp_path / "in" / "single", made[:1])
    assert run("--dry-run", "--pixel", "4") == 1
    said = capsys.readouterr()
    assert "cells: n_sections 4, size [96, 64], type uint16, pixel_nm 4.0" in said.out
    assert "dry run: 1 of 2 stacks can be processed" in said.out
    assert "that is no stack" in said.err
    assert not (tmp_path / "out").exists()
    assert run("--tilt", "88", "--dry-run") == 1
    assert run("--callback-url", "ftp://host") == 2


def test_a_run_tells_a_server_what_it_made(server, run: Run, tmp_path: Path) -> None:
    made, _ = sections(4, shape=(64, 96), jitter=1.0)
    write_tiffs(tmp_path / "in" / "cells", made)
    (tmp_path / "token").write_text("s3cret\n")
    server.answers = [200] * 3
    url = f"http://127.0.0.1:{server.server_port}/callback"
    assert run("--callback-url", url, "--token", str(tmp_path / "token")) == 0
    assert {token for token, _ in server.asked} == {"Bearer s3cret"}
    bodies = [body for _, body in server.asked]
    assert [body.get("status", "files") for body in bodies] == ["running", "files", "success"]
    assert bodies[1]["files"][0]["primaryFilePath"] == "cells"
