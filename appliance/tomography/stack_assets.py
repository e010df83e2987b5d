"""What is shown of an aligned stack of sections: key image, movie and pyramid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import ApplianceError
from appliance.tomography.assets import MIN_MAX, write_contrast
from appliance.tomography.key_images import write_key_images
from appliance.tomography.manifest import Asset, AssetType
from appliance.tomography.movies import write_movie
from appliance.tomography.pyramids import write_pyramid_of
from appliance.tomography.section_stack import grey_of
from appliance.tomography.slabs import forget
from appliance.tomography.stack_records import Voxel

__all__ = ["FPS", "make_stack_assets"]

FPS = 8
"""Sections a second in the movie."""


def make_stack_assets(
    name: str,
    volume_path: Path,
    folder: Path,
    voxel: Voxel,
    *,
    sharded: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> list[Asset]:
    """Make what is shown of a stack.

    Parameters
    ----------
    name : str
        Of the stack.
    volume_path : Path
        The aligned stack, bytes, beside `folder`.
    folder : Path
        Is made.
    voxel : Voxel
    sharded : bool
        Whether the pyramid has few large files in place of many small ones.
    say : callable
        Is told what could not be made.

    Returns
    -------
    list of Asset
        In the order of `AssetType`, paths relative to the folder of the volume.
    """
    from appliance.formats import read_mrc_stack

    folder.mkdir()
    stack, _ = read_mrc_stack(volume_path)
    middle = len(stack) // 2
    whole, small = write_key_images(grey_of(stack[middle]), folder, name)
    home = folder.name
    made = [
        Asset(AssetType.THUMBNAIL, f"{home}/{small.name}"),
        Asset(AssetType.KEY_IMAGE, f"{home}/{whole.name}"),
        _pyramid(name, volume_path, stack, folder, voxel, sharded=sharded),
        Asset(AssetType.AVERAGED, volume_path.name),
    ]
    movie = folder / f"keyMov_{name}.mp4"
    try:
        write_movie(_frames(stack), movie, FPS)
    except ApplianceError as error:
        say(f"no movie: {error.message}. {error.hint}".rstrip())
        return made
    return [*made, Asset(AssetType.REC_MOVIE, f"{home}/{movie.name}")]


def _frames(stack: NDArray[Any]) -> Iterator[NDArray[np.uint8]]:
    """Walk sections as pictures."""
    for section in stack:
        yield grey_of(section)
        forget(stack)


def _pyramid(
    name: str,
    volume_path: Path,
    stack: NDArray[Any],
    folder: Path,
    voxel: Voxel,
    *,
    sharded: bool,
) -> Asset:
    target = folder / f"neuro-{name}"
    contrast = write_contrast(stack, folder / MIN_MAX)
    facts = {
        "source": volume_path.name,
        "axes": "columns, rows and sections of the file, in its handedness",
        "pixel_size_known": voxel.is_known,
        "contrast": contrast,
    }
    write_pyramid_of(
        stack,
        target,
        voxel_nm=(voxel.pixel_nm, voxel.pixel_nm, voxel.section_nm),
        sharded=sharded,
        facts=facts,
    )
    return Asset(AssetType.PRECOMPUTED, f"{folder.name}/{target.name}", contrast)
