"""Everything that is shown of a tilt series and its tomogram, made in one go.

Names are those of the workflow that Hedwig's users know. What cannot be made, such as a mean of
five sections out of three, is said and left out; the rest is made.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import ApplianceError, FormatError, atomic_write
from appliance.tomography.averages import write_averages
from appliance.tomography.contrast import (
    shader_json,
    visual_json,
    visual_min_max,
    volume_histogram,
)
from appliance.tomography.grey import grey_scale, grey_sections
from appliance.tomography.key_images import write_key_images
from appliance.tomography.manifest import Asset, AssetType
from appliance.tomography.movies import write_movie
from appliance.tomography.pyramids import write_pyramid
from appliance.tomography.seed_commands import SeedCommands
from appliance.tomography.slabs import value_offset

__all__ = ["MIN_MAX", "make_assets", "write_contrast"]

MIN_MAX = "mrc2ngpc-output.json"
TILT_FPS, REC_FPS = 4, 8
_REC_LEVELS = (100.0, 255.0)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is made out of what, and how it is told."""

    basename: str
    folder: Path
    exact: bool
    say: Say
    commands: SeedCommands | None
    sharded: bool


def make_assets(
    basename: str,
    ali: Path | None,
    rec: Path | None,
    full_rec: Path | None,
    folder: Path,
    *,
    exact: bool = False,
    say: Say = lambda _: None,
    commands: SeedCommands | None = None,
    sharded: bool = False,
) -> list[Asset]:
    """Make movies, key image, averages and pyramid; earlier ones of these names are replaced.

    Parameters
    ----------
    basename : str
        Of the tilt series.
    ali : Path or None
        Aligned stack, for the tilt movie and the key image.
    rec : Path or None
        Trimmed reconstruction, for averages and their movie.
    full_rec : Path or None
        Reconstruction before it was trimmed, for the pyramid; without it `rec` is taken.
    folder : Path
        Where they are written; made if it is missing.
    exact : bool
        Whether movies are stretched and scaled as the reference commands do.
    say : callable
        Is told each step, and what could not be made.
    commands : SeedCommands, optional
        Makes all but the pyramid by the commands of the reference workflow.
    sharded : bool
        Whether the pyramid has few large files in place of many small ones.

    Returns
    -------
    list of Asset
        Of what was made, in the order of `AssetType`, paths relative to `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = _Wanted(basename, folder.absolute(), exact, say, commands, sharded)
    made: list[Asset] = []
    steps: list[tuple[str, Callable[[], list[Asset]]]] = []
    if ali is not None:
        steps.append(("key image and tilt movie", lambda: _of_tilts(wanted, ali)))
    if rec is not None:
        steps.append(("averages", lambda: _averages(wanted, rec)))
        steps.append(("movie of the reconstruction", lambda: _rec_movie(wanted)))
    volume = full_rec or rec
    if volume is not None:
        steps.append(("pyramid", lambda: _pyramid(wanted, volume)))
    for name, step in steps:
        say(name)
        try:
            made += step()
        except ApplianceError as error:
            say(f"{name} left out: {error}")
    return sorted(made, key=lambda asset: list(AssetType).index(asset.type))


def write_contrast(volume: NDArray[Any], path: Path) -> dict[str, Any]:
    """Write black and white of a volume, as its pyramid stores it, in both forms.

    Returns
    -------
    dict
        The newer form, clamped: shader, dimensions, range and window.
    """
    histogram = volume_histogram(volume).shifted(value_offset(volume.dtype))
    newer = shader_json(visual_min_max(histogram, clamped=True))
    told = {**visual_json(visual_min_max(histogram)), **newer}
    with atomic_write(path) as stream:
        stream.write(json.dumps(told, indent=1).encode() + b"\n")
    return newer


def _of_tilts(wanted: _Wanted, ali: Path) -> list[Asset]:
    from appliance.formats import read_mrc_stack

    if wanted.commands is not None:
        return wanted.commands.of_tilts(wanted.basename, ali.absolute(), wanted.folder)
    stack, _ = read_mrc_stack(ali)
    scale = grey_scale(stack, exact=wanted.exact)
    middle = len(stack) // 2
    whole, small = write_key_images(
        scale.grey(stack[middle], middle), wanted.folder, wanted.basename
    )
    made = [Asset(AssetType.THUMBNAIL, small.name), Asset(AssetType.KEY_IMAGE, whole.name)]
    movie = wanted.folder / f"tiltMov_{wanted.basename}.mp4"
    return made + _movie(wanted, grey_sections(stack, scale), movie, AssetType.TILT_MOVIE)


def _movie(wanted: _Wanted, frames: Any, target: Path, kind: AssetType) -> list[Asset]:
    """Write a movie, or say why there is none; pictures do not depend on it."""
    fps = TILT_FPS if kind is AssetType.TILT_MOVIE else REC_FPS
    try:
        write_movie(frames, target, fps, exact=wanted.exact)
    except ApplianceError as error:
        wanted.say(f"no movie: {error.message}. {error.hint}".rstrip())
        return []
    return [Asset(kind, target.name)]


def _average_path(wanted: _Wanted) -> Path:
    return wanted.folder / f"ave_{wanted.basename}.mrc"


def _averages(wanted: _Wanted, rec: Path) -> list[Asset]:
    average = _average_path(wanted)
    binned = wanted.folder / f"avebin8_{wanted.basename}.mrc"
    for path in (average, binned):
        path.unlink(missing_ok=True)
    if wanted.commands is not None:
        return wanted.commands.averages(wanted.basename, rec.absolute(), wanted.folder)
    write_averages(rec, average, binned)
    made = [Asset(AssetType.VOLUME, average.name)]
    return made + ([Asset(AssetType.AVERAGED, binned.name)] if binned.exists() else [])


def _rec_movie(wanted: _Wanted) -> list[Asset]:
    from appliance.formats import read_mrc_stack

    if wanted.commands is not None:
        return wanted.commands.rec_movie(wanted.basename, wanted.folder)
    if not _average_path(wanted).exists():
        raise FormatError("there is no average to show")
    stack, _ = read_mrc_stack(_average_path(wanted))
    scale = grey_scale(stack, levels=_REC_LEVELS, exact=wanted.exact)
    movie = wanted.folder / f"keyMov_{wanted.basename}.mp4"
    return _movie(wanted, grey_sections(stack, scale), movie, AssetType.REC_MOVIE)


def _pyramid(wanted: _Wanted, volume_path: Path) -> list[Asset]:
    from appliance.formats import read_mrc_stack

    folder = wanted.folder / f"neuro-{wanted.basename}"
    if folder.exists():
        shutil.rmtree(folder)
    wanted.say(f"pyramid out of {volume_path.name}")
    volume, _ = read_mrc_stack(volume_path)
    contrast = write_contrast(np.asarray(volume), wanted.folder / MIN_MAX)
    # Its own file tells the contrast, too, so that the folder can be moved alone.
    write_pyramid(volume_path, folder, sharded=wanted.sharded, facts={"contrast": contrast})
    return [Asset(AssetType.PRECOMPUTED, folder.name, contrast)]
