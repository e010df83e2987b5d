"""OME-Zarr of slides (OME-NGFF 0.4, zarr 2): all scales in one pass over strips of rows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.formats import SlideScene
from appliance.tomography.slide_contrast import COLORS, ChannelCounter

__all__ = ["TILE", "channels_attributes", "new_group", "small_scale", "write_scene"]

TILE = 512
"""Edge of a chunk; all channels of a place lie in one chunk."""
_COLORS = tuple("".join(f"{255 * share:02X}" for share in rgb) for rgb in COLORS.values())


def write_scene(group: Any, scene: SlideScene) -> list[ChannelCounter]:
    """Write one scene with all its scales into a group of zarr.

    Parameters
    ----------
    group : zarr.Group
        Of format 2, empty.
    scene : SlideScene

    Returns
    -------
    list of ChannelCounter
        How often which values occur, by channel.

    Notes
    -----
    Each scale is half as large, the mean of two by two pixels, edges counted twice, rounded half
    to even. Memory: one strip of 512 rows of each scale.
    """
    levels = _levels(group, scene)
    counters = [ChannelCounter(scene.dtype) for _ in range(scene.shape[0])]
    _, height, _ = scene.shape
    for y in range(0, height, TILE):
        strip = np.ascontiguousarray(scene.read(y, min(y + TILE, height)))
        for counter, plane in zip(counters, strip, strict=True):
            counter.add(plane)
        levels[0].take(strip)
    group.attrs.update(_attributes(scene, len(levels)))
    return counters


def small_scale(group: Any, least: int) -> NDArray[Any]:
    """Read the coarsest scale with at least so many pixels on its longer side, (C, Y, X)."""
    shapes = [array.shape for _, array in sorted(group.arrays(), key=lambda one: int(one[0]))]
    fine = [number for number, shape in enumerate(shapes) if max(shape[-2:]) >= least]
    values: NDArray[Any] = np.asarray(group[str(fine[-1] if fine else 0)][0, :, 0])
    return values


class _Level:
    """One scale while it is written; gathers 512 rows, then writes and passes them on."""

    def __init__(self, array: Any, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
        self.array, self.height = array, shape[1]
        self.next: _Level | None = None
        self.rows = np.empty((shape[0], min(TILE, shape[1]), shape[2]), dtype)
        self.y = self.filled = 0

    def take(self, strip: NDArray[Any]) -> None:
        self.rows[:, self.filled : self.filled + strip.shape[1]] = strip
        self.filled += strip.shape[1]
        if self.filled == self.rows.shape[1] or self.y + self.filled == self.height:
            self._write()

    def _write(self) -> None:
        done = self.rows[:, : self.filled]
        self.array[0, :, 0, self.y : self.y + self.filled, :] = done
        self.y, self.filled = self.y + self.filled, 0
        if self.next is not None:
            self.next.take(_halved(done))


def _levels(group: Any, scene: SlideScene) -> list[_Level]:
    from numcodecs import Blosc

    n, height, width = scene.shape
    levels: list[_Level] = []
    for number in range(_n_levels(height, width)):
        shape = (n, -(-height // 2**number), -(-width // 2**number))
        array = group.create_array(
            str(number),
            shape=(1, n, 1, *shape[1:]),
            chunks=(1, n, 1, min(TILE, shape[1]), min(TILE, shape[2])),
            dtype=scene.dtype,
            compressors=Blosc(cname="zstd", clevel=5, shuffle=Blosc.SHUFFLE),
            chunk_key_encoding={"name": "v2", "separator": "/"},
            fill_value=0,
        )
        levels.append(_Level(array, shape, scene.dtype))
        if number:
            levels[-2].next = levels[-1]
    return levels


def _n_levels(height: int, width: int) -> int:
    return 1 + max(0, math.ceil(math.log2(max(height, width) / TILE)))


def _halved(strip: NDArray[Any]) -> NDArray[Any]:
    """Mean of two by two pixels of (C, Y, X); an odd edge counts twice."""
    n, height, width = strip.shape
    if height % 2 or width % 2:
        strip = np.pad(strip, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    blocks = strip.reshape(n, strip.shape[1] // 2, 2, strip.shape[2] // 2, 2)
    if strip.dtype.kind == "f":
        mean: NDArray[Any] = blocks.mean(axis=(2, 4), dtype=np.float64).astype(strip.dtype)
        return mean
    # Even in unsigned 32 bits four values of 16 bits have room.
    total = blocks.sum(axis=(2, 4), dtype=np.int64)
    rounded: NDArray[Any] = np.rint(total / 4).astype(strip.dtype)
    return rounded


def _attributes(scene: SlideScene, n_levels: int) -> dict[str, Any]:
    return {
        "multiscales": [
            {
                "version": "0.4",
                "name": scene.name,
                "type": "mean",
                "axes": [
                    {"name": "t", "type": "time"},
                    {"name": "c", "type": "channel"},
                    {"name": "z", "type": "space"},
                    *({"name": axis, "type": "space", **_unit(scene)} for axis in "yx"),
                ],
                "datasets": [_dataset(scene, number) for number in range(n_levels)],
            }
        ]
    }


def _unit(scene: SlideScene) -> dict[str, str]:
    return {"unit": "micrometer"} if scene.pixel_um else {}


def _dataset(scene: SlideScene, number: int) -> dict[str, Any]:
    edge = (scene.pixel_um or 1.0) * 2**number
    # A pixel of a coarser scale lies in the middle of those it was made of.
    shift = (scene.pixel_um or 1.0) * (2**number - 1) / 2
    moves: list[dict[str, Any]] = [{"type": "scale", "scale": [1.0, 1.0, 1.0, edge, edge]}]
    if number:
        moves.append({"type": "translation", "translation": [0.0, 0.0, 0.0, shift, shift]})
    return {"path": str(number), "coordinateTransformations": moves}


def channels_attributes(
    scene: SlideScene, ranges: list[tuple[float, float, float, float]]
) -> dict[str, Any]:
    """Describe the channels for viewers: name, colour and window (``omero`` of OME-NGFF 0.4).

    Parameters
    ----------
    ranges : list of tuple
        By channel: lowest and highest value shown, lowest and highest of the slider.
    """
    return {
        "version": "0.4",
        "channels": [
            {
                "label": name,
                "color": _COLORS[at % len(_COLORS)] if len(ranges) > 1 else "FFFFFF",
                "active": at < len(_COLORS),
                "window": {"start": low, "end": high, "min": floor, "max": limit},
            }
            for at, (name, (low, high, floor, limit)) in enumerate(
                zip(scene.channels, ranges, strict=True)
            )
        ],
    }


def new_group(folder: Path) -> Any:
    """Make the outer group of a slide, one group a scene, as bioformats2raw lays it out."""
    import zarr

    root = zarr.open_group(folder, mode="w-", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    return root
