"""Slides of Spatialomics become OME-Zarr that others read, thumbnails and a manifest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models.v04 import Image as OmeImage
from PIL import Image
from pylibCZIrw import czi

from appliance.core import Conflict, FormatError, Invalid
from appliance.formats import SlideScene, open_slide
from appliance.tomography.ome_zarr import channels_attributes
from appliance.tomography.slide_contrast import ChannelCounter, shader_of
from appliance.tomography.slide_layout import find_slides
from appliance.tomography.slides import main, process_slide

HEIGHT, WIDTH = 700, 1101


def planes(n: int = 2) -> np.ndarray:
    """Channels (C, Y, X) of 16 bits with a dark border."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    data = np.stack([(rows * 3 + columns * (at + 1)) % 4000 + 100 for at in range(n)])
    data[:, :20] = 0
    return data.astype(np.uint16)


def write_czi(path: Path, n_scenes: int = 2) -> np.ndarray:
    """A CZI with scenes of two channels side by side."""
    data = planes()
    with czi.create_czi(str(path)) as out:
        for scene in range(n_scenes):
            for channel, plane in enumerate(data):
                out.write(
                    (plane + scene)[..., None],
                    plane={"C": channel},
                    scene=scene,
                    location=(scene * 5000, 0),
                )
        out.write_metadata(
            "slide", channel_names={0: "DAPI", 1: "CD3 PE"}, scale_x=0.325e-6, scale_y=0.325e-6
        )
    return data


def write_ome(path: Path) -> np.ndarray:
    """An OME-TIFF of two named channels in tiles."""
    data = planes()
    told = {
        "axes": "CYX",
        "Name": "section 7",
        "Channel": {"Name": ["DAPI", "CD8"]},
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
    }
    tifffile.imwrite(path, data, ome=True, metadata=told, tile=(256, 256), compression="zlib")
    return data


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A session as a lab keeps it, with a folder that is none of ours."""
    folder = tmp_path / "lab" / "pi" / "project" / "session"
    for name in ("HQ_Images", "Pre_ROI_Selection", "Heatmaps", "Notes"):
        (folder / name).mkdir(parents=True)
    write_czi(folder / "HQ_Images" / "slide_10.czi", 1)
    write_ome(folder / "HQ_Images" / "slide_2.ome.tif")
    pixels = np.full((60, 900, 4), (200, 10, 10, 255), np.uint8)
    pixels[:, :450, 3] = 0
    Image.fromarray(pixels).save(folder / "Pre_ROI_Selection" / "slide_1_Pre_ROI_a.png")
    Image.fromarray(pixels).save(folder / "Notes" / "lunch.png")
    (folder / "HQ_Images" / "notes.txt").write_text("not a slide")
    return folder


def test_SPA_01_SPA_02_SPA_08_only_known_groups_are_read_in_natural_order(session: Path) -> None:
    found = find_slides(session)
    assert [(one.group, one.path.name, one.is_multichannel) for one in found] == [
        ("Pre_ROI_Selection", "slide_1_Pre_ROI_a.png", False),
        ("HQ_Images", "slide_2.ome.tif", True),
        ("HQ_Images", "slide_10.czi", True),
    ]
    assert found[1].stem == "slide_2"
    (alone,) = find_slides(found[2].path)
    assert alone == found[2], "a file that is named keeps the group it lies in"
    with pytest.raises(Invalid, match="no slides"):
        find_slides(session / "Notes")


def test_SPA_03_to_SPA_07_each_slide_gets_a_folder_of_its_own_and_nothing_is_linked(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (session / "Heatmaps" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n of nothing")
    output = tmp_path / "assets"
    before = {path: path.read_bytes() for path in session.rglob("*") if path.is_file()}
    assert main([str(session), "--output", str(output)]) == 0
    assert {path: path.read_bytes() for path in before} == before
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["status"] == "success"
    told = {one["primaryFilePath"]: one for one in manifest["files"]}
    assert list(told) == [
        "Pre_ROI_Selection/slide_1_Pre_ROI_a.png",
        "HQ_Images/slide_2.ome.tif",
        "HQ_Images/slide_10.czi",
        "Heatmaps/broken.png",
    ]
    broken = told["Heatmaps/broken.png"]
    assert (broken["status"], broken["imageSet"]) == ("error", [])
    assert "broken.png" in broken["message"]
    assert not (output / "Heatmaps" / "broken").exists()
    for one in told.values():
        for image in one["imageSet"]:
            for asset in image["assets"]:
                assert (output / asset["path"]).exists()
                assert Path(asset["path"]).parts[1] == one["title"]
    assert told["HQ_Images/slide_2.ome.tif"]["fileMetadata"] == {
        "omeXml": "HQ_Images/slide_2/slide_2.zarr/OME/METADATA.ome.xml"
    }
    assert "3 of 4: HQ_Images/slide_10.czi" in capsys.readouterr().out
    assert main([str(session), "--output", str(tmp_path / "dry"), "--dry-run"]) == 0
    assert not (tmp_path / "dry").exists()


def test_SPA_04_a_czi_becomes_ome_zarr_with_the_same_pixels(tmp_path: Path) -> None:
    data = write_czi(tmp_path / "slide_1.czi")
    (one,) = find_slides(tmp_path / "slide_1.czi")
    images, index, _ = process_slide(one, tmp_path / "out")
    assert ([image.image_name for image in images], index) == (["Scene 1", "Scene 2"], 0)
    root = tmp_path / "out" / "slide_1" / "slide_1.zarr"
    for scene in range(2):
        group = zarr.open_group(root / str(scene), mode="r")
        model = OmeImage.from_zarr(group)
        axes = [axis.name for axis in model.attributes.multiscales[0].axes]
        assert axes == ["t", "c", "z", "y", "x"]
        assert group["0"].chunks == (1, 2, 1, 512, 512)
        assert np.array_equal(group["0"][0, :, 0], data + scene)
        assert group["2"].shape == (1, 2, 1, 175, 276)
    steps = zarr.open_group(root / "0", mode="r").attrs["multiscales"][0]["datasets"]
    assert steps[0]["coordinateTransformations"][0]["scale"][3:] == pytest.approx([0.325] * 2)
    shader = images[0].assets[2].metadata or {}
    channels = shader["shaderParameters"]["channelArray"]
    assert shader["shader"] == "MultiChannel"
    assert [(one["name"], one["color"]) for one in channels] == [
        ("dapi", "red"),
        ("cd3_pe", "green"),
    ]
    with Image.open(tmp_path / "out" / images[0].assets[0].path) as small:
        assert small.size == (300, 191)


def test_scales_are_means_rounded_half_to_even_with_edges_counted_twice(tmp_path: Path) -> None:
    data = write_ome(tmp_path / "a.ome.tif")
    (one,) = find_slides(tmp_path / "a.ome.tif")
    process_slide(one, tmp_path / "out")
    group = zarr.open_group(tmp_path / "out" / "a" / "a.zarr" / "0", mode="r")
    wanted = data.astype(np.float64)
    for number in range(3):
        if number:
            wanted = np.pad(wanted, ((0, 0), *((0, n % 2) for n in wanted.shape[1:])), mode="edge")
            shape = (2, wanted.shape[1] // 2, 2, wanted.shape[2] // 2, 2)
            wanted = np.rint(wanted.reshape(shape).mean(axis=(2, 4)))
        assert np.array_equal(group[str(number)][0, :, 0], wanted)
    omero = group.attrs["omero"]["channels"]
    assert [one["label"] for one in omero] == ["DAPI", "CD8"]


def test_a_channel_has_one_colour_for_every_viewer() -> None:
    scene = SlideScene(
        "a", "scene", tuple("abcdefg"), (7, 1, 1), np.dtype("u1"), False, 0, np.zeros
    )
    windows = [ChannelCounter(scene.dtype).window()] * 7
    told = channels_attributes(scene, [(0.0, 1.0, 0.0, 1.0)] * 7)["channels"]
    shown = shader_of(scene.channels, windows, is_rgb=False)["shaderParameters"]["channelArray"]
    assert [one["color"] for one in shown] == ["red", "green", "blue", "cyan", "yellow", "magenta"]
    hexes = ["FF0000", "00FF00", "0000FF", "00FFFF", "FFFF00", "FF00FF"]
    assert [one["color"] for one in told if one["active"]] == hexes


def test_the_contrast_of_a_channel_leaves_zeros_out(tmp_path: Path) -> None:
    data = planes(1)[0]
    counter = ChannelCounter(data.dtype)
    for piece in np.array_split(data, 5):
        counter.add(piece)
    window = counter.window()
    bright = data[data > 0]
    assert window.low == pytest.approx(np.quantile(bright, 0.01), abs=1)
    assert window.high == pytest.approx(np.quantile(bright, 0.99), abs=1)
    assert window.limit == pytest.approx(np.quantile(bright, 0.9999), abs=1)
    assert window.floor == 0
    floats = ChannelCounter(np.dtype(np.float32))
    for piece in np.array_split(data, 5):
        floats.add(piece.astype(np.float32) / 1000)
    close = floats.window()
    assert (close.low, close.high) == pytest.approx(
        (window.low / 1000, window.high / 1000), abs=0.02
    )
    assert ChannelCounter(np.dtype(np.uint8)).window().high > 0


def test_colour_tiffs_and_transparent_pictures_are_flat_pictures(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (90, 130, 3), np.uint8)
    tifffile.imwrite(tmp_path / "roi.tif", colours, photometric="rgb")
    with open_slide(tmp_path / "roi.tif") as slide:
        (scene,) = slide.scenes
        assert (scene.is_rgb, scene.channels) == (True, ("red", "green", "blue"))
        assert np.array_equal(scene.read(10, 20), np.moveaxis(colours[10:20], -1, 0))
    clear = np.zeros((8, 8, 4), np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    with open_slide(tmp_path / "clear.png") as slide:
        assert (slide.scenes[0].read(0, 8) == 255).all()


def test_SPA_04_the_photograph_of_a_label_is_written_on_wish_alone_and_lies_upright(
    tmp_path: Path,
) -> None:
    label = np.zeros((40, 80, 3), np.uint8)
    label[:, :40] = 250
    with tifffile.TiffWriter(tmp_path / "glass.ome.tif", ome=True) as out:
        out.write(planes(), metadata={"axes": "CYX", "Name": "tissue"})
        out.write(label, photometric="rgb", metadata={"Name": "label image"})
        out.write(label, photometric="rgb", metadata={"Name": "macro image"})
    (one,) = find_slides(tmp_path / "glass.ome.tif")
    images, index, _ = process_slide(one, tmp_path / "safe")
    assert ([image.image_name for image in images], index) == (["tissue"], 0)
    assert not list((tmp_path / "safe").rglob("*label*"))
    images, index, _ = process_slide(one, tmp_path / "out", labels=True)
    assert [image.image_name for image in images] == ["tissue", "label image"]
    assert index == 1
    with Image.open(tmp_path / "out" / images[1].assets[0].path) as small:
        assert small.size == (40, 80)
        shown = np.asarray(small.convert("L"))
    assert shown[:30].mean() > 200
    assert shown[50:].mean() < 50


@pytest.mark.parametrize("name", ["cut.ome.tif", "cut.czi", "cut.tif"])
def test_a_damaged_slide_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    whole = tmp_path / f"whole_{name}"
    if name.endswith("czi"):
        write_czi(whole, 1)
    else:
        tifffile.imwrite(whole, planes(1)[0])
    body = whole.read_bytes()
    (tmp_path / name).write_bytes(body[: len(body) // 3])
    (one,) = find_slides(tmp_path / name)
    with pytest.raises(FormatError):
        process_slide(one, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.zarr"))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    (one,) = find_slides(tmp_path / "a.png")
    process_slide(one, tmp_path / "out")
    with pytest.raises(Conflict, match="exists"):
        process_slide(one, tmp_path / "out")
