"""The engine that is always here: aligns and reconstructs by the appliance's own means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol, cast

import msgspec
import numpy as np

from appliance.core import FormatError, JobError, NotFound
from appliance.tomography.directives import is_on, layer_directives, parse_directives
from appliance.tomography.engines import (
    Progress,
    SeriesOutputs,
    SeriesRequest,
    missing_outputs,
)
from appliance.tomography.erasing import Beads
from appliance.tomography.positioning import find_position
from appliance.tomography.reconstructing import reconstruct
from appliance.tomography.records import TiltAlignment, TiltSeries
from appliance.tomography.rules import ReconstructRules
from appliance.tomography.tilt_files import read_series, read_tlt, read_xf, write_tlt, write_xf
from appliance.tomography.trimming import trim, write_aligned
from appliance.tomography.wishes import Wishes, read_wishes

__all__ = ["Aligned", "Aligner", "EmbeddedEngine", "earlier_alignment"]

_Listed = list[dict[str, float]]
_OF_ALIGNMENT = (
    *("method", "axis_deg", "residual_px", "residuals_px", "beads", "rejected", "flagged"),
    *("messages", "hot_pixels", "bead_diameter_px", "tracking", "polishing", "refined"),
)
_ALIGNING, _STACKING, _RECONSTRUCTING = 0.45, 0.10, 0.35


@dataclass(frozen=True, slots=True)
class Aligned:
    """An alignment and what is told of it, as JSON values."""

    alignment: TiltAlignment
    report: dict[str, object] = field(default_factory=dict)


class Aligner(Protocol):
    """Finds how the tilts of a series lie."""

    def __call__(self, series: TiltSeries, wishes: Wishes, progress: Progress) -> Aligned:
        """Align a series as a directive file asks."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddedEngine:
    """Aligns by gold beads or patches and reconstructs by weighted back projection or SIRT.

    Attributes
    ----------
    aligner : callable
        What aligns.
    """

    aligner: Aligner
    name: str = "embedded"

    def problem(self) -> str:
        """Say nothing: it can always run."""
        return ""

    def run(self, request: SeriesRequest, folder: Path, progress: Progress) -> SeriesOutputs:
        """Align, stack, reconstruct and turn; see `Engine.run`."""
        if request.second is not None:
            raise JobError(
                "two tilt axes are combined only by IMOD",
                hint="Install IMOD, or process the series of each axis by itself.",
            )
        adoc = parse_directives(request.adoc, f"{request.basename}.adoc")
        directives = layer_directives(adoc, request.templates)
        if is_on(directives.copyarg("dual")):
            raise JobError(
                "the directive file asks for two tilt axes, but there is one stack",
                hint="Name the stacks of both axes, and use IMOD.",
            )
        wishes = read_wishes(directives)
        series = _as_told(read_series(request.stack), wishes)
        log = _Log(folder / "embedded.log", progress)
        for what in wishes.unheeded:
            log.say(f"left out, because only IMOD does it: {what}")
        return _Run(request, folder, wishes, series, log).make(self.aligner)


def earlier_alignment(folder: Path, basename: str, n_tilts: int) -> TiltAlignment:
    """Read the alignment of an earlier result.

    Raises
    ------
    NotFound
        If there is none.
    FormatError
        If it is of another series.
    """
    xf, tlt = folder / f"{basename}.xf", folder / f"{basename}.tlt"
    if not (xf.is_file() and tlt.is_file()):
        raise NotFound(
            f"there is no earlier alignment of {basename}", hint="Run all steps of it first."
        )
    matrices, shifts = read_xf(xf)
    angles = read_tlt(tlt)
    if not len(matrices) == len(angles) == n_tilts:
        raise FormatError(f"the earlier alignment of {basename} is of another number of tilts")
    return TiltAlignment(matrices, shifts, angles, np.ones(n_tilts, bool))


def earlier_report(folder: Path) -> dict[str, object]:
    """Give what was reported of an earlier alignment; only its method when nothing was kept."""
    try:
        told = msgspec.json.decode((folder / "report.json").read_bytes(), type=dict[str, object])
    except (OSError, msgspec.DecodeError):
        told = {}
    return {"method": "earlier", **{key: told[key] for key in _OF_ALIGNMENT if key in told}}


@dataclass(frozen=True, slots=True)
class _Run:
    """One series on its way."""

    request: SeriesRequest
    folder: Path
    wishes: Wishes
    series: TiltSeries
    log: _Log

    def make(self, aligner: Aligner) -> SeriesOutputs:
        base, folder, rules = self.request.basename, self.folder, self.wishes.rules
        found = self._aligned(aligner)
        alignment = self._without_skipped(found.alignment)
        write_xf(folder / f"{base}.xf", alignment)
        write_tlt(folder / f"{base}.tlt", alignment.angles_deg)
        told = self.log.part(_ALIGNING, _STACKING)
        ali = folder / f"{base}_ali.mrc"
        write_aligned(self.series, alignment, ali, binning=rules.binning, progress=told)
        told = self.log.part(_ALIGNING + _STACKING, _RECONSTRUCTING)
        rules, position = self._positioned(alignment)
        full = folder / f"{base}_full_rec.mrc"
        reconstruct(self.series, alignment, full, rules, told, beads=self._beads(found.report))
        rec = trim(full, folder / f"{base}_rec.mrc", self.log.part(0.9, 0.1))
        outputs = SeriesOutputs(
            ali=ali,
            rec=rec,
            full_rec=full,
            xf=folder / f"{base}.xf",
            tlt=folder / f"{base}.tlt",
            report={**self._report(found, alignment), **position},
            log=self.log.path,
        )
        missing = missing_outputs(outputs)
        if missing:
            raise JobError(f"the engine did not write {', '.join(missing)}")
        return outputs

    def _aligned(self, aligner: Aligner) -> Aligned:
        earlier = self.request.earlier
        if earlier is None:
            return aligner(self.series, self.wishes, self.log.part(0.0, _ALIGNING))
        self.log.say("the alignment of the last result is taken as it is")
        found = earlier_alignment(earlier, self.request.basename, len(self.series.images))
        return Aligned(found, {**earlier_report(earlier), "alignment": "earlier"})

    def _positioned(self, alignment: TiltAlignment) -> tuple[ReconstructRules, dict[str, object]]:
        """Lay the specimen flat and into the middle, where the directives ask for it."""
        rules = replace(self.wishes.rules, workers=self.request.cpus)
        if not self.wishes.positions:
            return rules, {}
        found = find_position(self.series, alignment, logarithm=rules.logarithm)
        if not found.is_certain:
            self.log.say("the specimen does not stand out: it is not moved into the middle")
            return rules, {"position": {"is_certain": False}}
        told = asdict(replace(found, profile=()))
        shift, offset = found.z_shift_px, found.tilt_offset_deg
        return replace(rules, z_shift_px=shift, tilt_offset_deg=offset), {"position": told}

    def _beads(self, report: dict[str, object]) -> Beads | None:
        """Give the beads that are to be painted over."""
        listed, diameter = report.get("beads"), report.get("bead_diameter_px")
        if not (self.wishes.erases_gold and listed and isinstance(diameter, float)):
            return None
        places = np.array([[one["x"], one["y"], one["z"]] for one in cast(_Listed, listed)])
        return Beads(places, diameter)

    def _without_skipped(self, alignment: TiltAlignment) -> TiltAlignment:
        used = np.array(alignment.used, bool)
        skipped = [number for number in self.wishes.skipped if number < len(used)]
        used[skipped] = False
        return replace(alignment, used=used)

    def _report(self, found: Aligned, alignment: TiltAlignment) -> dict[str, object]:
        return {
            "engine": "embedded",
            **found.report,
            "shifts_px": np.round(alignment.shifts, 2).tolist(),
            "angles_deg": np.round(alignment.angles_deg, 2).tolist(),
            "left_out": np.flatnonzero(~alignment.used).tolist(),
            "unheeded": list(self.wishes.unheeded),
        }


class _Log:
    """Writes what is done into a file and tells the progress."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self.path, self._progress, self._last = path, progress, ""
        path.write_text("", encoding="utf-8")

    def say(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    def part(self, first: float, length: float) -> Callable[[float, str], None]:
        """Give a progress that is part of the whole; each tenth is told, and each new word."""
        return lambda done, words: self._tell(first + length * min(done, 1.0), words)

    def _tell(self, done: float, words: str) -> None:
        key = f"{words} {int(10 * done)}"
        if key != self._last:
            self._last = key
            self._progress(done, words)
            self.say(f"{100 * done:5.1f} % {words}")


def _as_told(series: TiltSeries, wishes: Wishes) -> TiltSeries:
    """Let the directive file go before the headers."""
    pixel = wishes.pixel_nm or series.pixel_nm
    axis = series.axis_deg if wishes.axis_deg is None else wishes.axis_deg
    return replace(series, pixel_nm=pixel, axis_deg=axis)
