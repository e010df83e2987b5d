"""What the workflow made of one series, opened so that single slices of it can be made anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, Invalid, NotFound
from appliance.formats import read_mrc_stack
from appliance.tomography.directives import Directives, Layered, read_directives
from appliance.tomography.erasing import Beads
from appliance.tomography.records import TiltAlignment, TiltSeries
from appliance.tomography.rules import ReconstructRules
from appliance.tomography.tilt_files import read_tlt
from appliance.tomography.wishes import Wishes, read_wishes

if TYPE_CHECKING:
    from appliance.tomography.live import LiveSlices

__all__ = ["SliceAxis", "SliceFacts", "SlicedSeries", "facts_of", "sliced_series"]

F32 = NDArray[np.float32]
SliceAxis = Literal["z", "y"]
_SIDE = 512  # a preview has about so many voxels a side: a slice takes about a second at most


@dataclass(frozen=True, slots=True)
class SliceFacts:
    """What can be shown of a series.

    Attributes
    ----------
    n_tilts : int
    nx, ny, nz : int
        Voxels of the preview; nz is its thickness.
    binning : int
        Pixels of the aligned stack per voxel and side.
    voxel_nm : float
        0 where it is not known.
    method : str
        How the tomogram was made; for ``sirt`` the filter of SIRT stands in.
    left_out : tuple of int
        Tilts that the tomogram on disk was made without, from 0.
    """

    n_tilts: int
    nx: int
    ny: int
    nz: int
    binning: int
    voxel_nm: float
    method: str = "wbp"
    left_out: tuple[int, ...] = ()

    def length(self, axis: SliceAxis) -> int:
        """Give how many slices there are."""
        return self.nz if axis == "z" else self.ny


@dataclass(frozen=True, slots=True)
class SlicedSeries:
    """Slices of one series; `slices` has its tilts prepared."""

    facts: SliceFacts
    slices: LiveSlices

    def slice(self, axis: SliceAxis, index: int, without: tuple[int, ...] = ()) -> F32:
        """Reconstruct one slice as ``_rec.mrc`` holds it.

        Parameters
        ----------
        axis : {"z", "y"}
            A section of constant height, or a cut across the tilt axis.
        index : int
        without : tuple of int
            Tilts that are left out, from 0.

        Returns
        -------
        array (ny, nx) or (nz, nx) of float32
            The first row is the lowest, as in the file.

        Raises
        ------
        Invalid
            If there is no such slice or tilt, or less than two tilts remain.
        """
        facts, used = self.facts, np.ones(self.facts.n_tilts, bool)
        if any(not 0 <= tilt < used.size for tilt in without):
            raise Invalid(f"the tilts are numbered from 0 to {used.size - 1}")
        if not 0 <= index < facts.length(axis):
            raise Invalid(f"slices of {axis} go from 0 to {facts.length(axis) - 1}")
        used[list(without)] = False
        if axis == "y":
            return self.slices.slice(y=index, used=used)[::-1]
        # The sections of _rec.mrc are counted from the other side; see `trim`.
        return self.slices.slice(z=facts.nz - 1 - index, used=used)


def facts_of(folder: Path) -> SliceFacts:
    """Tell what slices there are; only headers are read.

    Parameters
    ----------
    folder : Path
        Where the workflow left the results of a series.

    Raises
    ------
    NotFound
        If the aligned stack, its angles or the tomogram are not here.
    FormatError
        If they do not belong together.
    """
    return _opened(folder)[0]


@contextmanager
def sliced_series(
    folder: Path, *, workers: int = 0, memory_mb: int = 512
) -> Iterator[SlicedSeries]:
    """Prepare the aligned tilts of a series; what they take is given back after the block.

    Parameters
    ----------
    folder : Path
        Where the workflow left the results of a series, of either engine.
    workers : int
        Threads; 0 takes what the process may use.
    memory_mb : int
        Memory for the prepared tilts; beyond it they lie in a scratch file.

    Raises
    ------
    NotFound, FormatError
    """
    from appliance.tomography.live import LiveSlices

    facts, series, wishes, report = _opened(folder)
    rules = _rules(facts, wishes, report, workers, memory_mb)
    n, seen = facts.n_tilts, _usable(series, logarithm=rules.logarithm)
    still = TiltAlignment(np.tile(np.eye(2), (n, 1, 1)), np.zeros((n, 2)), series.angles_deg, seen)
    beads = _beads(report, wishes) if wishes.erases_gold else None
    with LiveSlices(series, still, rules, beads=beads) as slices:
        yield SlicedSeries(facts, slices)


def _opened(folder: Path) -> tuple[SliceFacts, TiltSeries, Wishes, dict[str, Any]]:
    base = folder.name
    ali, rec, tlt = (_there(folder / f"{base}{end}") for end in ("_ali.mrc", "_rec.mrc", ".tlt"))
    images, head = read_mrc_stack(ali)
    angles = read_tlt(tlt)
    if images.ndim != 3 or len(angles) != len(images):
        raise FormatError(f"{ali.name} has {len(images)} tilts, and there are {len(angles)} angles")
    adoc = folder / f"{base}.adoc"
    wishes = read_wishes(Layered((read_directives(adoc) if adoc.is_file() else Directives(),)))
    report = _report(folder / "report.json")
    pixel_nm = head.pixel_angstrom / 10
    n, ny, nx = images.shape
    binning = max(1, round(max(nx, ny) / _SIDE))
    facts = SliceFacts(
        n_tilts=n,
        nx=nx // binning,
        ny=ny // binning,
        nz=max(1, round(len(read_mrc_stack(rec)[0]) / binning)),
        binning=binning,
        voxel_nm=pixel_nm * binning,
        method=wishes.rules.method,
        left_out=tuple(one for one in report.get("left_out", []) if isinstance(one, int)),
    )
    return facts, TiltSeries(ali, images, angles, pixel_nm), wishes, report


def _rules(
    facts: SliceFacts, wishes: Wishes, report: dict[str, Any], workers: int, memory_mb: int
) -> ReconstructRules:
    """Give the rules of the tomogram in pixels of its aligned stack."""
    asked, told = wishes.rules, report.get("position")
    position = told if isinstance(told, dict) else {}
    return ReconstructRules(
        thickness_px=facts.nz * facts.binning,
        binning=facts.binning,
        method=asked.method,
        iterations=asked.iterations,
        cutoff=asked.cutoff,
        falloff=asked.falloff,
        logarithm=asked.logarithm,
        z_shift_px=float(position.get("z_shift_px", 0.0)) / asked.binning,
        tilt_offset_deg=float(position.get("tilt_offset_deg", 0.0)),
        workers=workers,
        memory_mb=memory_mb,
    )


def _usable(series: TiltSeries, *, logarithm: bool) -> NDArray[np.bool_]:
    """Tell which tilts hold something; the others count for nothing, switched on or off."""
    seen = np.ones(len(series.images), bool)
    for i, image in enumerate(series.images):
        some = np.asarray(image[::4, ::4], np.float32)
        some = some[np.isfinite(some)]
        seen[i] = some.size > 0 and (not logarithm or float(some.mean()) > 0)
    return seen


def _beads(report: dict[str, Any], wishes: Wishes) -> Beads | None:
    """Give the beads that were painted over, in pixels of the aligned stack."""
    listed, diameter = report.get("beads"), report.get("bead_diameter_px")
    if not (listed and isinstance(diameter, float)):
        return None
    places = np.array([[one["x"], one["y"], one["z"]] for one in listed])
    return Beads(places / wishes.rules.binning, diameter / wishes.rules.binning)


def _report(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}


def _there(path: Path) -> Path:
    if not path.is_file():
        raise NotFound(
            f"there is no {path.name} any more", hint="Run the series again, then look here again."
        )
    return path
