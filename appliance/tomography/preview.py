"""A quick look at a tilt series, also at one that is still recorded, as a program.

``python -m appliance.tomography.preview --stack FILE --output FOLDER`` aligns neighbours only, bins
until a tilt has some 256 pixels a side, and writes ``NAME_preview.mrc`` and ``report.json``.
With ``--gather STACK`` it only brings the files of single tilts together into one stack.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from appliance.core import ApplianceError, FormatError, atomic_write
from appliance.formats import read_mrc_stack
from appliance.tomography.growing import Growing, gather_frames
from appliance.tomography.records import TiltSeries
from appliance.tomography.tilt_files import read_series

__all__ = ["FEWEST", "REPORT", "main", "make_preview", "preview_command", "told_so_far"]

FEWEST = 3
"""Tilts of which a preview is made at the least."""
REPORT = "report.json"
_SIDE = 256
_FLATNESS = 4  # times as wide as thick


def make_preview(series: TiltSeries, folder: Path, name: str) -> dict[str, Any]:
    """Reconstruct a series roughly.

    Parameters
    ----------
    series : TiltSeries
        Its files are only read.
    folder : Path
        Receives ``NAME_preview.mrc`` (thickness, y, x).
    name : str

    Returns
    -------
    dict
        The report, as JSON values.

    Raises
    ------
    FormatError
        If it cannot be aligned (yet).
    """
    from appliance.tomography.aligning import AlignRules, align
    from appliance.tomography.reconstructing import reconstruct
    from appliance.tomography.rules import ReconstructRules
    from appliance.tomography.trimming import trim

    ny, nx = series.images.shape[1:]
    binning = max(1, round(max(ny, nx) / _SIDE))
    found = align(series, AlignRules(method="coarse", max_size=2 * _SIDE))
    rules = ReconstructRules(thickness_px=max(1, nx // _FLATNESS), binning=binning, workers=1)
    full = folder / f"{name}_full.mrc"
    reconstruct(series, found.alignment, full, rules)
    trim(full, folder / f"{name}_preview.mrc")
    full.unlink()
    alignment = found.alignment
    return {
        **told_so_far([float(one) for one in series.angles_deg]),
        **found.as_json(),
        "shifts_px": np.round(alignment.shifts, 2).tolist(),
        "left_out": np.flatnonzero(~alignment.used).tolist(),
        "size": [int(nx), int(ny)],
        "pixel_nm": series.pixel_nm,
        "binning": binning,
    }


def told_so_far(angles_deg: Sequence[float]) -> dict[str, Any]:
    """Report of a series of which nothing but its tilts is known."""
    return {
        "engine": "preview",
        "method": "",
        "n_tilts": len(angles_deg),
        "angles_deg": np.round(np.asarray(angles_deg, float), 2).tolist(),
        "left_out": [],
    }


def preview_command(one: Growing, folder: Path, *, gather: Path | None = None) -> list[str]:
    """Give the words of a call of this program for a growing series."""
    words = ["-m", "appliance.tomography.preview", "--name", one.name, "--output", str(folder)]
    if one.stack is not None:
        return [*words, "--stack", str(one.stack), "--tilts", str(one.n_tilts)]
    angles = ",".join(f"{angle:.2f}" for angle in one.angles_deg)
    words += [f"--angles={angles}", "--frames", *map(str, one.frames)]
    return [*words, "--gather", str(gather)] if gather else words


def main(words: Sequence[str] | None = None) -> int:
    """Run the program; give 0, or 2 when the series cannot be shown (yet)."""
    options = _parser().parse_args(words)
    try:
        _run(options)
    except ApplianceError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    angles = [float(one) for one in options.angles.split(",") if one]
    if options.gather:
        gather_frames(options.frames, angles, options.gather)
        return
    options.output.mkdir(parents=True, exist_ok=True)
    report = make_preview(_series(options, angles), options.output, options.name)
    with atomic_write(options.output / REPORT) as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def _series(options: argparse.Namespace, angles: list[float]) -> TiltSeries:
    """Open a stack as far as it is there, or make a small one out of single tilts."""
    if options.stack is None:
        first, _ = read_mrc_stack(options.frames[0])
        binning = max(1, min(first.shape[1:]) // (2 * _SIDE))
        stack = options.output / f"{options.name}.gathered.mrc"
        return read_series(gather_frames(options.frames, angles, stack, binning=binning))
    series = read_series(options.stack, growing=True)
    if len(series.images) < FEWEST:
        raise FormatError(f"{series.path.name} has only {len(series.images)} tilts so far")
    return series


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--name", required=True)
    add("--output", type=Path, required=True)
    add("--stack", type=Path)
    add("--tilts", type=int, default=0, help="how many were there; for the log alone")
    add("--angles", default="")
    add("--frames", type=Path, nargs="+", default=[])
    add("--gather", type=Path)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
