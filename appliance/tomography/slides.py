"""The Spatialomics workflow as a program: slides in, OME-Zarr, thumbnails and a manifest out.

``python -m appliance.tomography.slides SESSION_OR_SLIDE... --output FOLDER``
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import ApplianceError, Conflict, atomic_write, new_key
from appliance.formats import Slide, SlideScene, open_slide
from appliance.tomography.manifest import Asset, AssetType, ImageSet, PrimaryFile, write_manifest
from appliance.tomography.ome_zarr import (
    channels_attributes,
    new_group,
    small_scale,
    write_scene,
)
from appliance.tomography.slide_contrast import COLORS, ChannelWindow, shader_of
from appliance.tomography.slide_glass import upright
from appliance.tomography.slide_layout import SlideInput, find_slides

__all__ = ["main", "process_slide", "run_slides"]

MANIFEST = "manifest.json"
_SMALL, _LARGE = 300, 1024


def run_slides(
    inputs: Sequence[SlideInput],
    output: Path,
    say: Callable[[str], None] = lambda _: None,
    *,
    labels: bool = False,
) -> list[PrimaryFile]:
    """Work through slides; one that fails does not stop the others.

    Parameters
    ----------
    inputs : sequence of SlideInput
    output : Path
        Gets ``GROUP/STEM/`` for each, and ``manifest.json``.
    say : callable
        Called with a line for each slide that begins or ends.
    labels : bool
        As for `process_slide`.
    """
    done: list[PrimaryFile] = []
    for number, one in enumerate(inputs, 1):
        told = str(Path(one.group) / one.path.name)
        say(f"{number} of {len(inputs)}: {told}")
        try:
            images, index, facts = process_slide(one, output, labels=labels)
        except ApplianceError as error:
            say(f"{told}: {error.message}")
            done.append(PrimaryFile(told, one.stem, [], "error", error.message))
        else:
            done.append(PrimaryFile(told, one.stem, images, "success", None, index, facts))
    output.mkdir(parents=True, exist_ok=True)
    write_manifest(output / MANIFEST, done)
    return done


def process_slide(
    one: SlideInput, output: Path, *, labels: bool = False
) -> tuple[list[ImageSet], int, dict[str, Any] | None]:
    """Make the assets of one slide in a folder of its own.

    Parameters
    ----------
    labels : bool
        Whether the photograph of the label is written, which may name a patient.

    Returns
    -------
    list of ImageSet
        One for each scene, and one for the photograph of the label if that is wished for.
    int
        Which of them has the thumbnail that stands for the slide.
    dict or None
        Where the OME description was kept.

    Raises
    ------
    Conflict
        If its folder exists.
    FormatError
        If it cannot be read; nothing is left behind.
    """
    folder = output / one.group / one.stem
    if folder.exists():
        raise Conflict(f"{one.group}/{one.stem} exists", hint="Choose another output folder.")
    part = folder.with_name(f".{one.stem[:64]}.{new_key()}.part")
    part.mkdir(parents=True)
    try:
        with open_slide(one.path) as slide:
            made = _Maker(one, part, folder.relative_to(output)).make(slide, labels=labels)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return made


class _Maker:
    """Writes what one slide becomes into a folder, and lists it by its later place."""

    def __init__(self, one: SlideInput, folder: Path, place: Path) -> None:
        self.one, self.folder, self.place = one, folder, place
        self.zarr = f"{one.stem}.zarr"

    def make(
        self, slide: Slide, *, labels: bool
    ) -> tuple[list[ImageSet], int, dict[str, Any] | None]:
        """Write scenes, the thumbnail of the label and the OME description."""
        scenes = [scene for scene in slide.scenes if scene.kind == "scene"]
        wanted = [scene for scene in slide.scenes if scene.kind == "label" and labels]
        root = new_group(self.folder / self.zarr)
        images = [self._scene(root, scene, at) for at, scene in enumerate(scenes)]
        images += [self._label(scene) for scene in wanted[:1]]
        index = len(scenes) if wanted else 0
        return images, index, self._description(slide.ome_xml)

    def _scene(self, root: Any, scene: SlideScene, number: int) -> ImageSet:
        group = root.create_group(str(number))
        counters = write_scene(group, scene)
        windows = [counter.window() for counter in counters]
        ranges = [(w.low, w.high, w.floor, w.limit) for w in windows]
        if scene.is_rgb and scene.dtype == np.uint8:  # colours are shown as they are
            ranges = [(0.0, 255.0, 0.0, 255.0)] * len(windows)
        group.attrs["omero"] = channels_attributes(scene, ranges)
        shader = shader_of(scene.channels, windows, is_rgb=scene.is_rgb)
        picture = _picture(scene, small_scale(group, _LARGE), windows)
        name = self.one.stem if number == 0 else f"{self.one.stem}_{number}"
        small = self._jpeg(picture, f"{name}_sm.jpeg", _SMALL)
        large = self._jpeg(picture, f"{name}_lg.jpeg", _LARGE)
        shown = Asset(AssetType.ZARR, str(self.place / self.zarr / str(number)), shader)
        assets = [Asset(AssetType.THUMBNAIL, small), Asset(AssetType.KEY_IMAGE, large), shown]
        facts = {"pixelSizeMicrometer": scene.pixel_um} if scene.pixel_um else None
        return ImageSet(scene.name, assets, facts)

    def _label(self, scene: SlideScene) -> ImageSet:
        """Photographs of labels lie on their side: they are turned by 90 degrees."""
        pixels = np.moveaxis(scene.read(0, scene.shape[1]), 0, -1)
        turned = upright(pixels)
        name = f"{self.one.stem}_label image_sm.jpeg"
        path = self._jpeg(turned if turned.shape[2] == 3 else turned[..., 0], name, _SMALL)
        return ImageSet("label image", [Asset(AssetType.THUMBNAIL, path)])

    def _jpeg(self, picture: NDArray[np.uint8], name: str, most: int) -> str:
        from PIL import Image

        image = Image.fromarray(np.ascontiguousarray(picture, np.uint8))
        image.thumbnail((most, most), Image.Resampling.LANCZOS)
        with atomic_write(self.folder / name) as stream:
            image.save(stream, "JPEG", quality=90)
        return str(self.place / name)

    def _description(self, xml: str) -> dict[str, Any] | None:
        if not xml:
            return None
        relative = Path(self.zarr) / "OME" / "METADATA.ome.xml"
        (self.folder / relative).parent.mkdir()
        with atomic_write(self.folder / relative) as stream:
            stream.write(xml.encode())
        return {"omeXml": str(self.place / relative)}


def _picture(
    scene: SlideScene, values: NDArray[Any], windows: Sequence[ChannelWindow]
) -> NDArray[np.uint8]:
    """Show (C, Y, X) in its windows: colours as they are, channels added up in theirs."""
    if scene.is_rgb and scene.dtype == np.uint8:
        colours: NDArray[np.uint8] = np.moveaxis(values, 0, -1)
        return colours
    shown = [
        np.clip((plane.astype(np.float32) - w.low) / (w.high - w.low), 0, 1)
        for plane, w in zip(values, windows, strict=True)
    ]
    if len(shown) == 1:
        grey: NDArray[np.uint8] = (np.nan_to_num(shown[0]) * 255).astype(np.uint8)
        return grey
    total = np.zeros((*values.shape[1:], 3), np.float32)
    for plane, color in zip(shown, COLORS.values(), strict=False):
        total += np.nan_to_num(plane)[..., None] * np.array(color, np.float32)
    mixed: NDArray[np.uint8] = (np.clip(total, 0, 1) * 255).astype(np.uint8)
    return mixed


def main(arguments: Sequence[str] | None = None) -> int:
    """Work through a session; 0 when any slide became something."""
    parser = argparse.ArgumentParser(prog="slides", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("inputs", type=Path, nargs="+", help="folders of sessions, or slides")
    parser.add_argument("--output", type=Path, required=True, help="gets what is made")
    parser.add_argument("--dry-run", action="store_true", help="list what would be done")
    parser.add_argument(
        "--labels", action="store_true", help="write photographs of labels, which may name patients"
    )
    asked = parser.parse_args(arguments)
    try:
        inputs = [one for path in asked.inputs for one in find_slides(path)]
        if asked.dry_run:
            for one in inputs:
                sys.stdout.write(f"{one.group or '.'}/{one.path.name}\n")
            return 0
        done = run_slides(inputs, asked.output, _say, labels=asked.labels)
    except ApplianceError as error:
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        return 2
    return 0 if any(one.status == "success" for one in done) else 1


def _say(line: str) -> None:
    """Write a line at once, for the log of the job."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
