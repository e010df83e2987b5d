"""The flow of single EM images as a program: thumbnail and key image of each, OME-Zarr by choice.

``python -m appliance.tomography.image_flow FILE_OR_FOLDER... --output FOLDER``
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from appliance.formats import EmImage, SlideScene, read_em_image
from appliance.tomography.course import Course, Outcome
from appliance.tomography.em_inputs import EmInput, find_images
from appliance.tomography.em_pictures import shown, write_pictures
from appliance.tomography.flow_program import add_common, run_flow, run_program
from appliance.tomography.manifest import Asset, AssetType
from appliance.tomography.telling import Told

__all__ = ["STEPS", "ImageOrders", "command_parser", "main", "process_image"]

STEPS = ("check", "pictures", "pyramid")
_FLOW = "em-image"


@dataclass(frozen=True, slots=True)
class ImageOrders:
    """What holds for all images of a run.

    Attributes
    ----------
    output, work : Path
        Below these each image has a folder of its name.
    zarr : bool
        Whether an OME-Zarr is written that opens in Neuroglancer.
    exact : bool
        Whether the whole range of values is shown, as the reference commands do.
    """

    output: Path
    work: Path
    zarr: bool = False
    exact: bool = False


def process_image(one: EmInput, orders: ImageOrders) -> Outcome:
    """Make ``NAME_SM.jpeg`` and ``NAME_LG.jpeg`` of an image, and ``NAME.zarr`` by choice.

    Returns
    -------
    Outcome
        Also of a failure; an earlier result is as it was then.
    """
    steps = STEPS if orders.zarr else STEPS[:-1]
    course = Course(
        _FLOW,
        one.name,
        one.source,
        steps,
        orders.output / one.name,
        orders.work / one.name,
        Told(one.name),
    )
    return course.run(partial(_make, course, one, orders))


def look_at_image(one: EmInput) -> dict[str, Any]:
    """Check that a file is a single image, and say what it is."""
    return _facts(one.paths[0], read_em_image(one.paths[0]))


def _make(course: Course, one: EmInput, orders: ImageOrders) -> tuple[list[Asset], dict[str, Any]]:
    image = course.step("check", partial(_check, one.paths[0]))
    report = _facts(one.paths[0], image)

    def pictures(facts: dict[str, Any]) -> list[Asset]:
        picture, how = shown(image, exact=orders.exact)
        small, large = write_pictures(picture, course.out, one.name)
        facts |= {"values": how, "size": [picture.shape[1], picture.shape[0]]}
        report["shown"] = how
        return [Asset(AssetType.THUMBNAIL, small.name), Asset(AssetType.KEY_IMAGE, large.name)]

    assets = course.step("pictures", pictures)
    if orders.zarr:
        folder = course.out / f"{one.name}.zarr"
        assets += course.step("pyramid", lambda facts: _zarr(image, one.name, folder, facts))
    return assets, report


def _check(path: Path, facts: dict[str, Any]) -> EmImage:
    image = read_em_image(path)
    facts |= {"image": path.name, **_facts(path, image)}
    return image


def _facts(path: Path, image: EmImage) -> dict[str, Any]:
    ny, nx = image.values.shape[:2]
    return {
        "type": str(image.values.dtype.newbyteorder("=")),
        "size": [nx, ny],
        "colours": image.is_rgb,
        "pixel_nm": image.pixel_nm or None,
        "bytes": path.stat().st_size,
    }


def _zarr(image: EmImage, name: str, folder: Path, facts: dict[str, Any]) -> list[Asset]:
    """Write an OME-Zarr of all pixels, as that of a slide."""
    from appliance.tomography.ome_zarr import channels_attributes, new_group, write_scene
    from appliance.tomography.slide_contrast import shader_of

    values = np.moveaxis(image.values, -1, 0) if image.is_rgb else image.values[None]
    names = ("red", "green", "blue") if image.is_rgb else ("image",)
    shape = (values.shape[0], values.shape[1], values.shape[2])
    native = values.dtype.newbyteorder("=")
    scene = SlideScene(
        name,
        "scene",
        names,
        shape,
        native,
        image.is_rgb,
        image.pixel_nm / 1000,
        lambda y0, y1: values[:, y0:y1].astype(native, copy=False),
    )
    group = new_group(folder).create_group("0")
    windows = [counter.window() for counter in write_scene(group, scene)]
    ranges = [(w.low, w.high, w.floor, w.limit) for w in windows]
    if image.is_rgb:
        ranges = [(0.0, 255.0, 0.0, 255.0)] * len(windows)
    group.attrs["omero"] = channels_attributes(scene, ranges)
    facts["scales"] = len(list(group.arrays()))
    return [
        Asset(AssetType.ZARR, f"{folder.name}/0", shader_of(names, windows, is_rgb=image.is_rgb))
    ]


def command_parser() -> argparse.ArgumentParser:
    """Give the parser of the command line."""
    parser = argparse.ArgumentParser(prog="image_flow", description=__doc__, allow_abbrev=False)
    add_common(parser, "images, or folders of them")
    parser.add_argument("--pyramid", choices=("none", "zarr"), default="none")
    parser.add_argument("--exact", action="store_true", help="show the whole range of values")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the program; give 0, 1 when no image became anything, or 2 when nothing could begin."""
    options = command_parser().parse_args(words)
    return run_program(partial(_run, options))


def _run(options: argparse.Namespace) -> int:
    inputs = find_images(options.inputs, options.output)
    zarr = options.pyramid == "zarr"
    return run_flow(
        options,
        inputs,
        look_at_image,
        lambda one, work: process_image(
            one, ImageOrders(options.output, work, zarr, options.exact)
        ),
        "images",
    )


if __name__ == "__main__":
    raise SystemExit(main())
