"""Microscope slides and flat pictures, read in strips: CZI, SVS, OME-TIFF, TIFF, PNG and JPEG.

A slide holds scenes, each a picture of its own at full resolution, and often a photograph of its
label and of the whole glass. Time points and focus planes beyond the first are left out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, SettingsError
from appliance.formats.guard import check_room, reading
from appliance.formats.slide_attachments import Photograph, czi_photographs
from appliance.formats.slide_notes import OmeNotes, czi_notes, ome_notes
from appliance.formats.tiff_chain import check_pages

__all__ = ["FLAT", "MULTICHANNEL", "Slide", "SlideScene", "open_slide", "slide_suffix"]

_LOG = logging.getLogger(__name__)
MULTICHANNEL = (".czi", ".svs", ".ome.tif", ".ome.tiff")
"""Endings of slides with scenes and channels."""
FLAT = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
"""Endings of single pictures."""
_NOT_SCENES = {"label": "label", "macro": "macro", "thumbnail": "macro", "overview": "macro"}
_MAX_PICTURE_BYTES = 4 << 30
Strip = Callable[[int, int], NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class SlideScene:
    """One picture of a slide.

    Attributes
    ----------
    name : str
    kind : str
        ``scene``; ``label``, the photograph of the glass's label; ``macro``, one of all of it.
    channels : tuple of str
        Names; of a colour picture ``red``, ``green``, ``blue``.
    shape : tuple of int
        (C, Y, X).
    dtype : dtype
    is_rgb : bool
        Whether the channels are the colours of one picture.
    pixel_um : float
        Edge length of a pixel in micrometres; 0 when unknown.
    read : callable
        ``read(y0, y1)`` gives rows y0 to y1, (C, y1 - y0, X).
    """

    name: str
    kind: str
    channels: tuple[str, ...]
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    is_rgb: bool
    pixel_um: float
    read: Strip


@dataclass(frozen=True, slots=True, eq=False)
class Slide:
    """What a file holds; `ome_xml` is its OME description, empty when it has none."""

    scenes: tuple[SlideScene, ...]
    ome_xml: str = ""


def slide_suffix(path: Path) -> str:
    """Give the ending of a file, lower case, ``.ome.tif`` as one; empty for other files."""
    name = path.name.lower()
    return next((end for end in (*MULTICHANNEL, *FLAT) if name.endswith(end)), "")


@contextmanager
def open_slide(path: Path) -> Iterator[Slide]:
    """Open a slide or a picture; its scenes can be read within the block.

    Raises
    ------
    FormatError
        If it cannot be read, or holds no picture.
    SettingsError
        If the package that reads its format is not installed.
    """
    suffix = slide_suffix(path)
    with ExitStack() as stack:
        with reading(path, "slide"):
            slide = _OPENERS.get(suffix, _no_slide)(path, stack)
        if not slide.scenes:
            raise FormatError(f"{path.name} holds no picture")
        yield slide


def _no_slide(path: Path, _: ExitStack) -> Slide:
    raise FormatError(
        f"{path.name} is no slide", hint=f"It ends in none of {', '.join((*MULTICHANNEL, *FLAT))}."
    )


def _picture(path: Path, _: ExitStack) -> Slide:
    """Read PNG and JPEG; transparent parts become white."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the room below is the limit
    with Image.open(path) as image:
        width, height = image.size
        if width * height * 4 > _MAX_PICTURE_BYTES:
            raise FormatError(f"{path.name} is too large: {width} x {height} pixels")
        pixels = np.array(_opaque(image))
    return Slide((_array_scene(path.stem, pixels),))


def _opaque(image: Any) -> Any:
    from PIL import Image

    if image.mode in ("RGBA", "LA", "PA", "P"):
        coloured = image.convert("RGBA")
        paper = Image.new("RGBA", coloured.size, "white")
        return Image.alpha_composite(paper, coloured).convert("RGB")
    return image if image.mode in ("L", "RGB", "I;16", "F") else image.convert("RGB")


def _array_scene(name: str, pixels: NDArray[Any]) -> SlideScene:
    data = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)[:3]
    return _scene(name, data.shape, data.dtype, lambda y0, y1: data[:, y0:y1], is_rgb=len(data) > 1)


def _scene(
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    read: Strip,
    *,
    is_rgb: bool = False,
    channels: tuple[str, ...] = (),
    pixel_um: float = 0.0,
) -> SlideScene:
    n, height, width = shape
    told = ("red", "green", "blue") if is_rgb else channels
    names = tuple(told[at] if at < len(told) else f"Channel {at + 1}" for at in range(n))
    kind = _NOT_SCENES.get(name.lower().removesuffix(" image").strip(), "scene")
    native = np.dtype(dtype).newbyteorder("=")
    return SlideScene(name, kind, names, (n, height, width), native, is_rgb, pixel_um, read)


def _tiff(path: Path, stack: ExitStack) -> Slide:
    """Read TIFF, OME-TIFF and SVS tile by tile."""
    tifffile, zarr = _needed("tifffile", "slides"), _needed("zarr", "slides")
    tif = stack.enter_context(tifffile.TiffFile(path))
    check_pages(path, tif)
    xml = tif.ome_metadata or ""
    notes = ome_notes(xml) if xml else []
    scenes = [
        _tiff_scene(
            series,
            notes[at] if at < len(notes) else OmeNotes(name=_series_name(series.name, path, at)),
            path,
            zarr,
            stack,
        )
        for at, series in enumerate(tif.series)
        if series.axes.count("Y") and series.axes.count("X")
    ]
    return Slide(tuple(scenes), xml)


def _tiff_scene(
    series: Any, notes: OmeNotes, path: Path, zarr: Any, stack: ExitStack
) -> SlideScene:
    level, axes, sizes = (
        series.levels[0],
        series.axes,
        dict(zip(series.axes, series.shape, strict=True)),
    )
    needed = int(np.prod(series.shape, dtype=object)) * series.dtype.itemsize
    compressed = int(series.keyframe.compression) != 1
    check_room(path, needed, compressed=compressed)
    store = stack.enter_context(level.aszarr())
    source = zarr.open_array(store, mode="r") if not _is_group(store) else zarr.open(store)["0"]
    samples, channel = sizes.get("S", 1), sizes.get("C", 1)
    rgb = samples in (3, 4) and series.dtype.itemsize == 1
    shape = (min(samples, 3) if samples > 1 else channel, sizes["Y"], sizes["X"])

    def read(y0: int, y1: int) -> NDArray[Any]:
        at = {"Y": slice(y0, y1), "X": slice(None), "S": slice(None), "C": slice(None)}
        strip = np.asarray(source[tuple(at.get(axis, 0) for axis in axes)])
        kept = [axis for axis in axes if axis in at]
        first = "S" if samples > 1 else "C"
        if first not in kept:
            return strip[None]
        extra = [axis for axis in kept if axis not in (first, "Y", "X")]
        for axis in extra:  # samples and channels at once: the first channel
            strip, kept = strip.take(0, kept.index(axis)), [one for one in kept if one != axis]
        return strip.transpose([kept.index(axis) for axis in (first, "Y", "X")])[: shape[0]]

    return _scene(
        notes.name or path.stem,
        shape,
        series.dtype,
        read,
        is_rgb=rgb,
        channels=notes.channels,
        pixel_um=notes.pixel_um or _svs_pixel_um(series),
    )


def _is_group(store: Any) -> bool:
    return bool(getattr(store, "is_multiscales", False))


def _series_name(told: str, path: Path, number: int) -> str:
    plain = (told or "").strip()
    known = plain.lower() in _NOT_SCENES
    stem = path.name[: len(path.name) - len(slide_suffix(path))]
    return plain if known else f"Scene {number + 1}" if number else stem


def _svs_pixel_um(series: Any) -> float:
    """Micrometres per pixel as Aperio writes them in the description: ``MPP = 0.25``."""
    found = re.search(r"\bMPP\s*=\s*([0-9.]+)", str(series.keyframe.description or ""))
    return float(found.group(1)) if found and found.group(1).strip(".") else 0.0


def _czi(path: Path, stack: ExitStack) -> Slide:
    """Read a CZI scene by scene; its photographs of label and glass are no scenes of it."""
    reader = _needed("pylibCZIrw.czi", "czi")
    document = stack.enter_context(reader.open_czi(str(path)))
    notes = czi_notes(document.raw_metadata)
    places = dict(document.scenes_bounding_rectangle) or {None: document.total_bounding_rectangle}
    scenes = [_czi_scene(path, document, at, box, notes) for at, box in places.items()]
    return Slide((*scenes, *_photograph_scenes(path)))


def _photograph_scenes(path: Path) -> list[SlideScene]:
    """Give the photographs that can be read: a damaged one does not spoil the slide."""
    try:
        return [_photograph_scene(one) for one in czi_photographs(path)]
    except FormatError as error:
        _LOG.warning("photographs of a slide were left out: %s", type(error).__name__)
        return []


def _photograph_scene(one: Photograph) -> SlideScene:
    pixels = np.moveaxis(one.pixels(), -1, 0)

    def read(y0: int, y1: int) -> NDArray[Any]:
        return pixels[:, y0:y1]

    return _scene(f"{one.kind} image", pixels.shape, pixels.dtype, read, is_rgb=True)


_CZI_TYPES = {"Gray8": "u1", "Gray16": "u2", "Gray32Float": "f4", "Bgr24": "u1", "Bgr48": "u2"}


def _czi_scene(
    path: Path, document: Any, number: int | None, box: Any, notes: OmeNotes
) -> SlideScene:
    kinds = document.pixel_types
    kind = str(kinds[min(kinds)])
    if kind not in _CZI_TYPES or min(box.w, box.h) < 1:
        raise FormatError(f"{path.name} holds pixels of a kind that is not read: {kind}")
    start, stop = document.total_bounding_box.get("C", (0, 1))
    rgb = kind.startswith("Bgr")
    dtype = np.dtype(_CZI_TYPES[kind])

    def read(y0: int, y1: int) -> NDArray[Any]:
        roi = (box.x, box.y + y0, box.w, y1 - y0)
        planes = [
            document.read(roi=roi, plane={"C": channel}, scene=number)
            for channel in range(start, start + 1 if rgb else stop)
        ]
        if rgb:
            return np.moveaxis(planes[0][..., ::-1], -1, 0)
        return np.stack([plane[..., 0] for plane in planes]).astype(dtype, copy=False)

    return _scene(
        path.stem if number is None else f"Scene {number + 1}",
        (3 if rgb else stop - start, box.h, box.w),
        dtype,
        read,
        is_rgb=rgb,
        channels=notes.channels,
        pixel_um=notes.pixel_um,
    )


def _needed(module: str, extra: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SettingsError(
            f"slides of this kind need the package {module.partition('.')[0]}",
            hint=f"Install nora-appliance[{extra}].",
        ) from error


_OPENERS: dict[str, Callable[[Path, ExitStack], Slide]] = {
    ".czi": _czi,
    **dict.fromkeys((".svs", ".ome.tif", ".ome.tiff", ".tif", ".tiff"), _tiff),
    **dict.fromkeys((".png", ".jpg", ".jpeg"), _picture),
}
