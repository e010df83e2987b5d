"""Real pyramids and OME-Zarr of small size, as our own jobs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.formats import SlideScene
from appliance.tomography.ome_zarr import channels_attributes, new_group, write_scene
from appliance.tomography.pyramids import write_pyramid_of

__all__ = ["contents", "write_precomputed", "write_slide"]


def write_precomputed(folder: Path, edge: int = 70) -> Path:
    """A precomputed pyramid of two scales with more than one chunk."""
    volume = np.arange(edge**3, dtype=np.uint16).reshape(edge, edge, edge)
    folder.parent.mkdir(parents=True, exist_ok=True)
    write_pyramid_of(volume, folder, voxel_nm=(1.0, 1.0, 1.0))
    return folder


def write_slide(folder: Path, planes: NDArray[np.uint16] | None = None) -> Path:
    """An OME-Zarr of one scene with two channels and two scales, as slides become."""
    rows, columns = np.mgrid[:600, :700]
    made = np.stack([(rows + columns) % 900 + 100, (rows * columns) % 500]).astype(np.uint16)
    data = made if planes is None else planes
    scene = SlideScene(
        *("tissue", "scene", ("DAPI", "CD8"), data.shape, data.dtype, False, 0.5),
        lambda y0, y1: data[:, y0:y1],
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    root = new_group(folder)
    group = root.create_group("0")
    windows = [counter.window() for counter in write_scene(group, scene)]
    ranges = [(w.low, w.high, w.floor, w.limit) for w in windows]
    group.attrs["omero"] = channels_attributes(scene, ranges)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Everything that lies in a folder, by name."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }
