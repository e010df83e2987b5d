"""The flow of single EM images: pictures at the sizes and grey levels of the reference workflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models.v04 import Image as OmeImage
from PIL import Image

from appliance.core import FormatError
from appliance.formats import EmImage, MrcWriter
from appliance.tomography.em_pictures import shown
from appliance.tomography.image_flow import STEPS, main
from appliance.tomography.steps import read_steps
from tests.support.microscopy import write_dm

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the program over the folder ``in`` into ``out``."""
    (tmp_path / "in").mkdir()

    def program(*words: str) -> int:
        return main([str(tmp_path / "in"), "--output", str(tmp_path / "out"), *words])

    return program


def bumps(shape: tuple[int, int] = (900, 1600), dtype: str = "uint16") -> np.ndarray:  # type: ignore[type-arg]
    """A smooth image, brighter towards the right and above."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(2000 + x + 500 * np.sin(y / 90) * np.cos(x / 70) - y, dtype)


def write_mrc(path: Path, values: np.ndarray) -> None:  # type: ignore[type-arg]
    with MrcWriter(path, (1, *values.shape), values.dtype, 10.0) as out:
        out.write(0, values[::-1])


def picture(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    with Image.open(path) as image:
        assert image.format == "JPEG"
        return np.asarray(image).astype(float)


def report(tmp_path: Path, name: str) -> dict[str, object]:
    told: dict[str, object] = json.loads((tmp_path / "out" / name / "report.json").read_text())
    return told


def test_TILT_05_every_type_becomes_a_thumbnail_and_a_key_image_of_the_same_view(
    run: Run, tmp_path: Path
) -> None:
    values = bumps()
    write_dm(tmp_path / "in" / "three.dm3", values)
    write_dm(tmp_path / "in" / "four.dm4", values.astype(np.float32), version=4)
    write_mrc(tmp_path / "in" / "mrc.mrc", values.astype(np.int16))
    tifffile.imwrite(tmp_path / "in" / "deep.tif", values)
    plain = ((values - values.min()) / np.ptp(values) * 255).astype(np.uint8)
    for name in ("byte.tif", "a.png", "b.jpg"):
        Image.fromarray(plain).save(tmp_path / "in" / name)
    before = {path: path.read_bytes() for path in (tmp_path / "in").iterdir()}
    assert run() == 0
    assert {path: path.read_bytes() for path in (tmp_path / "in").iterdir()} == before
    for name in ("three", "four", "mrc", "deep", "byte", "a", "b"):
        small = picture(tmp_path / "out" / name / f"{name}_SM.jpeg")
        large = picture(tmp_path / "out" / name / f"{name}_LG.jpeg")
        assert (small.shape, large.shape) == ((169, 300), (576, 1024))
        for made in (small, large):
            rows, columns = (
                np.linspace(0, n - 1, k).astype(int)
                for n, k in zip(values.shape, made.shape, strict=True)
            )
            likeness = np.corrcoef(made.ravel(), values[np.ix_(rows, columns)].ravel())[0, 1]
            assert likeness > 0.99, "neither turned nor mirrored"
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert told["status"] == "success"
    entry = next(one for one in told["files"] if one["title"] == "three")
    assert entry["primaryFilePath"] == "three.dm3"
    assets = entry["imageSet"][0]["assets"]
    assert [(one["type"], one["path"]) for one in assets] == [
        ("thumbnail", "three/three_SM.jpeg"),
        ("keyImage", "three/three_LG.jpeg"),
    ]
    assert report(tmp_path, "three")["pixel_nm"] == 0.5
    records = read_steps(tmp_path / "out" / "three" / "steps.json")
    assert [(one.step, one.state) for one in records] == [(s, "done") for s in STEPS[:-1]]
    assert not list((tmp_path / "out").glob("tomography-*"))


def test_an_mrc_image_gets_mean_140_and_deviation_50_and_others_the_whole_range() -> None:
    values = bumps().astype(np.float32)
    grey, how = shown(EmImage(values, "mrc", 1.0))
    assert grey.mean() == pytest.approx(140, abs=1)
    assert grey.std() == pytest.approx(50, abs=2)
    assert "140" in how
    for form in ("dm", "tiff"):
        grey, _ = shown(EmImage(values, form, 1.0), exact=True)
        assert (grey.min(), grey.max()) == (0, 255)
    bytes_, how = shown(EmImage(values.astype(np.uint8), "tiff", 0.0))
    assert how == "as they are"
    assert bytes_.shape == (576, 1024)


def test_one_hot_pixel_does_not_take_the_contrast_unless_the_reference_is_wanted() -> None:
    values = bumps((300, 400))
    values[7, 9] = 65535
    normal, _ = shown(EmImage(values, "tiff", 0.0))
    exact, _ = shown(EmImage(values, "tiff", 0.0), exact=True)
    assert normal.std() > 40
    assert exact.std() < 10


def test_small_images_are_never_made_larger(run: Run, tmp_path: Path) -> None:
    write_dm(tmp_path / "in" / "tiny.dm3", bumps((40, 30)))
    assert run() == 0
    for ending in ("SM", "LG"):
        made = picture(tmp_path / "out" / "tiny" / f"tiny_{ending}.jpeg")
        assert made.shape == (40, 30)


def test_colours_of_8_and_16_bits_stay_colours(run: Run, tmp_path: Path) -> None:
    for dtype, most in (("uint8", 255), ("uint16", 65535)):
        red = np.zeros((400, 500, 3), dtype)
        red[..., 0] = most
        tifffile.imwrite(tmp_path / "in" / f"{dtype}.tif", red, photometric="rgb")
    assert run() == 0
    for dtype in ("uint8", "uint16"):
        made = picture(tmp_path / "out" / dtype / f"{dtype}_LG.jpeg")
        assert made.shape == (400, 500, 3)
        assert made.mean((0, 1)) == pytest.approx([254, 0, 0], abs=2)
        assert report(tmp_path, dtype)["colours"] is True


def test_what_is_no_number_becomes_the_mean_and_an_image_without_numbers_is_refused() -> None:
    values = bumps((60, 80)).astype(np.float32)
    values[:30, :40] = np.nan
    values[50, 70] = np.inf
    grey, _ = shown(EmImage(values, "dm", 0.0))
    assert len(np.unique(grey[5:25, 5:35])) == 1
    with pytest.raises(FormatError, match="no number"):
        shown(EmImage(np.full((5, 5), np.nan, np.float32), "dm", 0.0))
    flat, how = shown(EmImage(np.full((5, 5), 7, np.int16), "dm", 0.0))
    assert (flat == 128).all()
    assert how == "all of one value"


def test_BRT_11_one_bad_image_does_not_stop_the_others_and_keeps_an_earlier_result(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dm(tmp_path / "in" / "good.dm3", bumps((40, 30)))
    bad = write_dm(tmp_path / "in" / "bad.dm3", bumps((40, 30)))
    assert run() == 0
    bad.write_bytes(bad.read_bytes()[:200])
    (tmp_path / "in" / "empty.tif").write_bytes(b"")
    assert run() == 0
    assert (tmp_path / "out" / "bad" / "bad_LG.jpeg").exists(), "the earlier result stays"
    failed = read_steps(tmp_path / "out" / "bad.failed" / "steps.json")
    assert [(one.step, one.state) for one in failed] == [("check", "failed")]
    assert failed[0].facts["flow"] == "em-image"
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {one["title"]: one["status"] for one in told["files"]} == {
        "bad": "error",
        "empty": "error",
        "good": "success",
    }
    said = capsys.readouterr()
    assert "1 of 3 images were processed" in said.out
    assert "error: bad: bad.dm3" in said.err
    (tmp_path / "in" / "good.dm3").unlink()
    assert run() == 1, "no image became anything"


def test_files_that_differ_in_their_ending_only_do_not_take_each_others_place(
    run: Run, tmp_path: Path
) -> None:
    write_dm(tmp_path / "in" / "a.dm3", bumps((40, 30)))
    Image.fromarray(bumps((40, 50), "uint8")).save(tmp_path / "in" / "a.tif")
    assert run() == 0
    assert picture(tmp_path / "out" / "a_dm3" / "a_dm3_SM.jpeg").shape == (40, 30)
    assert picture(tmp_path / "out" / "a_tif" / "a_tif_SM.jpeg").shape == (40, 50)


def test_a_dry_run_says_what_images_are_and_writes_nothing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dm(tmp_path / "in" / "a.dm3", bumps((40, 30)))
    (tmp_path / "in" / "b.dm4").write_bytes(b"\0\0\0\4")
    assert run("--dry-run") == 1
    said = capsys.readouterr()
    assert "a.dm3: type uint16, size [30, 40]" in said.out
    assert "dry run: 1 of 2 images can be processed" in said.out
    assert "b.dm4 is not a readable DM3 or DM4 file" in said.err
    assert not (tmp_path / "out").exists()


def test_nothing_to_do_is_an_error_of_the_user(run: Run, tmp_path: Path) -> None:
    assert run() == 2
    assert not (tmp_path / "out").exists()
    assert main([str(tmp_path / "none.dm3"), "--output", str(tmp_path / "out")]) == 2


def test_an_image_may_become_an_ome_zarr_with_its_pixels_and_its_scale(
    run: Run, tmp_path: Path
) -> None:
    values = bumps((600, 700))
    write_dm(tmp_path / "in" / "a.dm3", values)
    assert run("--pyramid", "zarr") == 0
    group = zarr.open_group(tmp_path / "out" / "a" / "a.zarr" / "0", mode="r")
    steps = OmeImage.from_zarr(group).attributes.multiscales[0].datasets[0]
    assert np.array_equal(group["0"][0, 0, 0], values)
    assert steps.coordinateTransformations[0].scale[3:] == pytest.approx([0.0005] * 2)
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    asset = told["files"][0]["imageSet"][0]["assets"][2]
    assert (asset["type"], asset["path"]) == ("neuroglancerZarr", "a/a.zarr/0")
    assert asset["metadata"]["shader"] == "Grayscale"
    assert asset["metadata"]["dimensions"] == "XY"
