"""Aligns a tilt series: coarsely, then by gold beads, or by patches where there are none.

What is found always says how it was found and how well; what cannot be aligned is refused with
what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.tomography.alignment_report import (
    AlignmentReport,
    bead_list,
    per_tilt,
    polishing_facts,
    refining_facts,
    rejected_list,
    rounded,
)
from appliance.tomography.bead_finding import bead_diameter
from appliance.tomography.bead_tracking import track_beads
from appliance.tomography.bundle import Bundle, Seen, turn
from appliance.tomography.coarse import Coarse, coarse_alignment
from appliance.tomography.patch_tracking import track_patches
from appliance.tomography.polishing import Polishing, polish_bundle
from appliance.tomography.records import TiltAlignment, TiltSeries
from appliance.tomography.tilt_refining import Refined
from appliance.tomography.working import Working, working_images

__all__ = ["AlignRules", "AlignmentReport", "align"]

Floats = NDArray[np.float64]
Progress = Callable[[float, str], None]
Method = Literal["auto", "beads", "patches", "coarse"]
_FEWEST_TILTS = 3
_SMALLEST = 32
_FEWEST_SEEN = 3  # points that a tilt needs for a shift of its own
_FEWEST_BEADS = 5
_THINNEST, _THICKEST = 3.0, 40.0  # working pixels
_WORST_PX = 2.5  # residual above which beads are not believed
_MOVED_DEG = 2.0  # an axis so far off calls for another coarse alignment
_DEPTH = 0.16  # of the width: how far from the middle a bead is expected to lie
_PATCH_DEPTH = 0.03  # the same for what a patch shows on average
_STRAYING_PX = 0.45  # residual above which gold and specimen do not move as one body
_STRAYED = "Beads do not move as one."
_LAID = "Tilts were laid upon projections of the specimen: the usual one moved by {} pixels."
_DROPPED = "Tilts were not laid upon projections of the specimen: {}."


@dataclass(frozen=True, slots=True)
class AlignRules:
    """How a series is to be aligned.

    Attributes
    ----------
    method : {"auto", "beads", "patches", "coarse"}
        ``auto`` and ``beads`` take patches where there are too few beads, and say so.
    bead_nm : float
        Diameter of the beads; 0 finds it from the images.
    bright_beads : bool
        Whether beads are brighter than their surroundings.
    axis_deg : float or None
        Where the tilt axis is expected; None takes the series' own, and searches where that is 0.
    exclude : frozenset of int
        Numbers of sections that are left out.
    max_size : int
        Longest edge of the images that are worked on; larger ones are binned.
    follows_gold : bool
        Whether tilts lie as the beads have them even where gold and specimen do not move as one
        body, so that beads can be painted over.
    """

    method: Method = "auto"
    bead_nm: float = 0.0
    bright_beads: bool = False
    axis_deg: float | None = None
    exclude: frozenset[int] = frozenset()
    max_size: int = 1024
    follows_gold: bool = False


@dataclass(frozen=True, slots=True)
class _Followed:
    """What beads or patches have told."""

    method: str
    seen: Seen
    bundle: Bundle
    size_px: float
    polishing: Polishing | None = None
    refined: Refined | None = None

    @property
    def is_polished(self) -> bool:
        """Whether the tilts lie as projections have them."""
        return self.polishing is not None and not self.polishing.dropped


def align(
    series: TiltSeries, rules: AlignRules | None = None, progress: Progress | None = None
) -> AlignmentReport:
    """Align a tilt series.

    Parameters
    ----------
    series : TiltSeries
    rules : AlignRules, optional
    progress : callable, optional
        Told the part that is done, 0 to 1, and a word on it.

    Returns
    -------
    AlignmentReport

    Raises
    ------
    FormatError
        If this is no series that can be aligned: one tilt, all of them dark, no or equal angles.
    """
    rules = rules or AlignRules()
    tell = progress or (lambda *_: None)
    _check(series)
    tell(0.0, "reading the tilts")
    working = working_images(series, max_size=rules.max_size, exclude=rules.exclude)
    _check_tilts(series, working)
    tell(0.15, "aligning neighbouring tilts")
    expected = rules.axis_deg if rules.axis_deg is not None else (series.axis_deg or None)
    coarse = coarse_alignment(working, expected)
    messages: list[str] = []
    followed, coarse = _follow(series, working, coarse, rules, (tell, messages))
    tell(1.0, "aligned")
    return _report(series, working, coarse, followed, messages)


def _check(series: TiltSeries) -> None:
    name, shape = series.path.name, series.images.shape
    if len(shape) != 3 or shape[0] < 2:
        raise FormatError(
            f"{name} holds one section", hint="A tilt series has a section for each tilt."
        )
    if len(series.angles_deg) != shape[0] or not np.isfinite(series.angles_deg).all():
        raise FormatError(
            f"{name} holds {shape[0]} sections, but {len(series.angles_deg)} tilt angles",
            hint="Each section needs its angle.",
        )
    if np.ptp(series.angles_deg) < 1:
        raise FormatError(f"all tilt angles of {name} are the same", hint="Correct its .rawtlt.")
    if min(shape[1:]) < _SMALLEST:
        raise FormatError(f"the images of {name} are too small: {shape[2]} by {shape[1]} pixels")


def _check_tilts(series: TiltSeries, working: Working) -> None:
    if len(working.good) >= _FEWEST_TILTS:
        return
    reasons = sorted(set(working.flaws.values()))
    raise FormatError(
        f"{series.path.name} has {len(working.good)} usable tilts: of the others {reasons[0]}"
        if reasons
        else f"{series.path.name} has only {len(working.good)} tilts",
        hint=f"At least {_FEWEST_TILTS} tilts with an image are needed.",
    )


def _follow(
    series: TiltSeries,
    working: Working,
    coarse: Coarse,
    rules: AlignRules,
    told: tuple[Progress, list[str]],
) -> tuple[_Followed | None, Coarse]:
    """Follow beads, else patches; tell what was not found."""
    tell, messages = told
    if rules.method == "coarse":
        return None, coarse
    beads = rules.method in ("auto", "beads")
    if beads:
        tell(0.35, "following beads")
        found = _beads(series, working, coarse, rules)
        strays = found and found.bundle.residual_px > _STRAYING_PX
        if found and strays and not rules.follows_gold:
            tell(0.5, "laying tilts upon projections")
            found = _polished(working, coarse, found, messages)
        if found:
            return found, coarse
    tell(0.5, "following patches")
    patches = _patches(working, coarse)
    if patches is None:
        messages.append("Neither beads nor patches were found again: the alignment is coarse.")
        return None, coarse
    if abs(patches.bundle.axis_deg - coarse.axis_deg) > _MOVED_DEG:
        coarse = coarse_alignment(working, patches.bundle.axis_deg)
        again = _beads(series, working, coarse, rules) if beads else None
        if again:
            return again, coarse
        patches = _patches(working, coarse) or patches
    if beads:
        messages.append("Too few beads were found: patches of the images were followed instead.")
    tell(0.8, "laying tilts upon projections")
    return _polished(working, coarse, patches, messages), coarse


def _beads(
    series: TiltSeries, working: Working, coarse: Coarse, rules: AlignRules
) -> _Followed | None:
    order = working.good[np.argsort(np.abs(working.angles_deg[working.good]))][:3]
    depth = _DEPTH * working.images.shape[2]
    for diameter in _diameters(series, working, rules, [working.images[i] for i in order]):
        tracks = track_beads(working, coarse, diameter, light=rules.bright_beads, depth_px=depth)
        if tracks and _believable(tracks.bundle, working):
            return _Followed("beads", tracks.seen, tracks.bundle, diameter, refined=tracks.refined)
    return None


def _diameters(
    series: TiltSeries, working: Working, rules: AlignRules, images: list[NDArray[np.float32]]
) -> Iterator[float]:
    """What was told, unless the header's pixel makes it impossible; then what the images show."""
    pixel_nm = series.pixel_nm * working.binning
    told = rules.bead_nm / pixel_nm if pixel_nm else 0.0
    if _THINNEST <= told <= _THICKEST:
        yield told
    shown, _ = bead_diameter(images, light=rules.bright_beads)
    if not 0.7 < shown / max(told, 0.1) < 1.4:
        yield shown


def _believable(bundle: Bundle, working: Working) -> bool:
    carried = (bundle.kept.sum(0) >= 0.4 * len(working.good)).sum() >= _FEWEST_BEADS
    reached = (bundle.kept.sum(1)[working.good] >= _FEWEST_SEEN).mean() > 0.7
    return bool(carried and reached and bundle.residual_px < _WORST_PX)


def _patches(working: Working, coarse: Coarse) -> _Followed | None:
    tracks = track_patches(working, coarse, depth_px=_PATCH_DEPTH * working.images.shape[2])
    return _Followed("patches", tracks.seen, tracks.bundle, tracks.patch_px) if tracks else None


def _polished(
    working: Working, coarse: Coarse, followed: _Followed, messages: list[str]
) -> _Followed:
    """Beads or patches tell the axis and where to begin; the tomogram tells the rest."""
    by_patches = followed.method == "patches"
    start = _filled(followed.bundle, coarse, working, {})
    bundle, told = polish_bundle(
        working, followed.seen, followed.bundle, start, by_patches=by_patches
    )
    if not by_patches:
        messages.append(_STRAYED)
    moved = f"{told.moved_px * working.binning:.2f}"
    messages.append(_DROPPED.format(told.dropped) if told.dropped else _LAID.format(moved))
    return replace(followed, bundle=bundle, polishing=told)


def _report(
    series: TiltSeries,
    working: Working,
    coarse: Coarse,
    followed: _Followed | None,
    messages: list[str],
) -> AlignmentReport:
    flagged = {i: f"left out: {why}" for i, why in working.flaws.items()}
    flagged |= {i: "hardly like its neighbours" for i in coarse.weak if i not in flagged}
    axis, shifts = coarse.axis_deg, coarse.shifts
    residuals: list[float | None] = [None] * len(shifts)
    if followed:
        axis = followed.bundle.axis_deg
        # A tilt in which too little was found again has been laid upon its projection, too.
        shifts = (
            followed.bundle.shifts
            if followed.is_polished
            else _filled(followed.bundle, coarse, working, flagged)
        )
        residuals = per_tilt(followed.bundle, working.binning, flagged)
    matrices = followed.bundle.matrices if followed else np.tile(turn(axis), (len(shifts), 1, 1))
    angles = followed.bundle.angles_deg if followed else series.angles_deg
    unbinned = shifts * working.binning - matrices @ working.offset
    used = np.array([i not in working.flaws for i in range(len(shifts))])
    unbinned[~used] = _between(series.angles_deg, unbinned, used)
    alignment = TiltAlignment(matrices.copy(), unbinned, angles.copy(), used)
    if working.flaws:
        n = len(working.flaws)
        messages.append(f"{n} tilt{' is' if n == 1 else 's are'} left out.")
    if followed and followed.refined and followed.refined.freedoms:
        messages.append(followed.refined.as_sentence(working.binning))
    told = AlignmentReport(
        alignment,
        followed.method if followed else "coarse",
        axis,
        rounded(followed.bundle.residual_px * working.binning) if followed else None,
        tuple(residuals),
        flagged=dict(sorted(flagged.items())),
        messages=tuple(messages),
        facts={"binning": working.binning, "hot_pixels": working.hot.tolist()}
        | refining_facts(followed.refined if followed else None, working.binning)
        | polishing_facts(followed.polishing if followed else None, working.binning),
    )
    if followed is None or followed.method != "beads":
        return told
    return replace(
        told,
        beads=bead_list(followed.bundle, working.binning),
        rejected=rejected_list(followed.seen, followed.bundle, working.binning),
        facts=told.facts | {"bead_diameter_px": round(followed.size_px * working.binning, 1)},
    )


def _filled(bundle: Bundle, coarse: Coarse, working: Working, flagged: dict[int, str]) -> Floats:
    """Shifts of the solution; where a tilt was hardly seen, as the coarse alignment has it."""
    enough = bundle.kept.sum(1) >= _FEWEST_SEEN
    shifts = bundle.shifts.copy()
    carried = np.flatnonzero(enough)
    for i in working.good:
        if not enough[i] and carried.size:
            near = carried[np.argmin(np.abs(working.angles_deg[carried] - working.angles_deg[i]))]
            shifts[i] = shifts[near] + coarse.shifts[i] - coarse.shifts[near]
            flagged[int(i)] = "too little was found again: aligned coarsely"
    return shifts


def _between(angles: Floats, shifts: Floats, used: NDArray[np.bool_]) -> Floats:
    """Shifts of tilts that are left out, from those about them."""
    order = np.flatnonzero(used)[np.argsort(angles[used], kind="stable")]
    parts = [np.interp(angles[~used], angles[order], shifts[order, k]) for k in (0, 1)]
    return np.stack(parts, 1)
