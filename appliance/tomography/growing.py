"""Tilt series that a microscope still writes: which there are in a folder, and how far they are.

Either one stack that grows, or a file for each tilt that the .mdoc of the series names. Files are
only read; what is half written counts as not there yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np

from appliance.core import ApplianceError
from appliance.formats import MrcWriter, read_mrc_stack
from appliance.tomography.inputs import is_made
from appliance.tomography.tilt_files import Mdoc, read_mdoc, read_series, write_tlt

__all__ = ["PARTS", "Growing", "frames_named_by", "gather_frames", "growing_series", "named_frames"]

PARTS = (".mrc", ".mrcs", ".st", ".mdoc", ".rawtlt", ".tlt", ".tif", ".tiff", ".eer")
"""Endings of the files of which series consist while they are recorded."""
_STACKS = (".mrc", ".st")
_FRAMES = (".mrc", ".mrcs", ".st")
_UNREAD = (".tif", ".tiff", ".eer")
_BESIDE = ("", "frames", "Frames")
_EXTRA = re.compile(r"(\.mrc|\.mrcs|\.st)?\.mdoc$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Growing:
    """A series as far as it is written.

    Attributes
    ----------
    name : str
        Its basename.
    files : tuple of Path
        All that belongs to it so far.
    stack : Path or None
        The stack that grows; None where each tilt is a file.
    frames : tuple of Path
        These files, as far as they are whole, in the order of their angles.
    angles_deg : tuple of float
        Of the tilts that are there with their angle: those of `frames`, or of the first sections.
    promised : int
        Tilts that the stack's header or the .mdoc names.
    unread_deg : tuple of float
        Angles of tilts whose files are there, but of a kind that is not read (TIFF, EER).
    """

    name: str
    files: tuple[Path, ...]
    stack: Path | None = None
    frames: tuple[Path, ...] = ()
    angles_deg: tuple[float, ...] = ()
    promised: int = 0
    unread_deg: tuple[float, ...] = ()

    @property
    def n_there(self) -> int:
        """How many tilts are there, whether they can be used or not."""
        return len(self.angles_deg) + len(self.unread_deg)

    @property
    def n_tilts(self) -> int:
        """How many tilts can be used so far."""
        return len(self.angles_deg)


def growing_series(paths: Iterable[Path]) -> list[Growing]:
    """Group files of one folder (and of ``frames`` in it) into series; each file is in one.

    Parameters
    ----------
    paths : iterable of Path
        Those with endings of `PARTS`.

    Returns
    -------
    list of Growing
        In the order of their names. A stack without angles is one of no tilts.
    """
    left = sorted(paths)
    found = []
    for notes in [path for path in left if path.suffix.lower() == ".mdoc"]:
        named = _of_notes(notes, left)
        if named is not None:
            found.append(named)
            left = [path for path in left if path not in named.files]
    for stack in [path for path in left if path.suffix.lower() in _STACKS]:
        beside = tuple(path for path in left if _belongs(path, stack))
        found.append(_of_stack(stack, beside))
        left = [path for path in left if path not in beside]
    found += [Growing(path.name, (path,)) for path in left]
    return sorted(found, key=lambda one: one.name)


def named_frames(notes: Mdoc) -> list[str]:
    """Give the names of the files of its tilts that an .mdoc knows, in its order."""
    paths = (section.get("SubFramePath", "") for section in notes.sections)
    return [PureWindowsPath(path).name for path in paths if path]


def frames_named_by(stack: Path) -> bool:
    """Tell whether an .mdoc beside a file names it as one tilt of a series."""
    homes = (stack.parent, stack.parent.parent) if stack.parent.name in _BESIDE else (stack.parent,)
    notes = (path for home in homes for path in home.glob("*.mdoc"))
    return any(stack.name in named_frames(read) for path in notes if (read := _read(path)))


def gather_frames(
    frames: Sequence[Path], angles_deg: Sequence[float], target: Path, *, binning: int = 1
) -> Path:
    """Write the files of single tilts as one stack, with BASENAME.rawtlt beside it.

    Parameters
    ----------
    frames : sequence of Path
        MRC files of one size; several sections of a file, the fractions of its exposure, are
        added as they are.
    angles_deg : sequence of float
        Of each.
    target : Path
        A new stack; its sections are in the order of `frames`.
    binning : int
        Pixels that become one, along each side.

    Raises
    ------
    FormatError
        If a file cannot be read, or is of another size.
    """
    first, facts = read_mrc_stack(frames[0])
    ny, nx = (length // binning for length in first.shape[1:])
    shape, pixel = (len(frames), ny, nx), facts.pixel_angstrom * binning
    with MrcWriter(target, shape, np.float32, pixel, titles=facts.titles, volume=False) as writer:
        for number, path in enumerate(frames):
            stack, _ = read_mrc_stack(path)
            image = stack.sum(axis=0, dtype=np.float32)[: ny * binning, : nx * binning]
            blocks = image.reshape(ny, binning, nx, binning)
            writer.write(number, blocks.mean((1, 3), dtype=np.float32))
    write_tlt(target.with_suffix(".rawtlt"), np.asarray(angles_deg, float))
    return target


def _of_notes(notes: Path, there: Iterable[Path]) -> Growing | None:
    """Give the series of an .mdoc that names a file for each tilt; None for that of a stack."""
    name = _EXTRA.sub("", notes.name)
    if any(path.stem == name and path.suffix.lower() in _STACKS for path in there):
        return None
    read = _read(notes)
    names = named_frames(read) if read else []
    if read is None or not names:
        return None
    by_name = {path.name: path for path in there}
    files = [by_name[one] for one in names if one in by_name]
    tilts, unread = [], []
    for section, one in zip(read.sections, names, strict=False):
        path, angle = by_name.get(one), _angle(section.get("TiltAngle", ""))
        if path is None or angle is None:
            continue
        if path.suffix.lower() in _UNREAD:
            unread.append(angle)
        elif _is_whole(path):
            tilts.append((angle, path))
    tilts.sort()
    return Growing(
        name,
        (notes, *files),
        frames=tuple(path for _, path in tilts),
        angles_deg=tuple(angle for angle, _ in tilts),
        promised=len(names),
        unread_deg=tuple(sorted(unread)),
    )


def _of_stack(stack: Path, files: tuple[Path, ...]) -> Growing:
    try:
        _, facts = read_mrc_stack(stack, growing=True)
        series = None if is_made(stack) else read_series(stack, growing=True)
    except (ApplianceError, OSError):  # its header or its first angles are still to come
        return Growing(stack.stem, files, stack)
    angles = () if series is None else tuple(float(angle) for angle in series.angles_deg)
    return Growing(stack.stem, files, stack, angles_deg=angles, promised=facts.sections_promised)


def _belongs(path: Path, stack: Path) -> bool:
    if path == stack:
        return True
    if path.suffix.lower() == ".mdoc":
        return _EXTRA.sub("", path.name) == stack.stem
    return path.stem == stack.stem and path.suffix.lower() in (".rawtlt", ".tlt")


def _is_whole(path: Path) -> bool:
    if path.suffix.lower() not in _FRAMES:
        return False
    try:
        read_mrc_stack(path)
    except (ApplianceError, OSError):
        return False
    return True


def _read(path: Path) -> Mdoc | None:
    try:
        return read_mdoc(path)
    except (ApplianceError, OSError):
        return None


def _angle(text: str) -> float | None:
    try:
        return float(text.split(maxsplit=1)[0])
    except (ValueError, IndexError):
        return None
