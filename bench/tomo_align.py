"""Error of the alignment on phantoms with known truth, with beads and without; a real series.

    python bench/tomo_align.py [--small] [--json]

The baseline is the coarse alignment of the same series in the same run. Errors leave out what no
alignment can know (see `gauge_free_error`). The real series (41 tilts, EMPIAR-10499) comes from
the source package of warpylib 1.1.2, which is fetched only with NORA_BENCH_DOWNLOADS=1.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import time
from pathlib import Path

import numpy as np
from _common import CACHE, Bench, peer_python

from appliance.tomography.aligning import AlignRules, align
from appliance.tomography.phantom import gauge_free_error, make_phantom
from appliance.tomography.tilt_files import read_series, read_xf

PACKAGE = "warpylib-1.1.2"
STACK = "testdata/00254.stack.mrc"
REFERENCE = ("testdata/xf_import/00254.xf", "testdata/xf_import/00254.tlt")
REFERENCE_AXIS_DEG = -4.30


def main() -> int:
    """Measure the phantoms, and the real series where it is there."""
    bench = Bench.from_arguments(__doc__)
    for beads, goal in ((True, 0.15), (False, 0.5)):
        phantoms(bench, beads=beads, goal_px=goal)
    folder = real_series()
    if folder is None:
        bench.say("the real series is left out: NORA_BENCH_DOWNLOADS=1 fetches it")
    else:
        real(bench, folder)
    return 1 if bench.missed else 0


def phantoms(bench: Bench, *, beads: bool, goal_px: float) -> None:
    """Median error over the seeds, by the full alignment and by the coarse one."""
    errors, coarse, axes, seconds = [], [], [], []
    for seed in range(1, 3 if bench.small else 11):
        made = make_phantom(seed, size=256 if bench.small else 512, beads=beads)
        start = time.process_time()
        found = align(made.series, AlignRules(method="beads" if beads else "patches"))
        seconds.append(time.process_time() - start)
        rough = align(made.series, AlignRules(method="coarse"))
        error = gauge_free_error(found.alignment, made.truth)
        errors.append(error.total_px)
        axes.append(abs(error.axis_deg))
        coarse.append(gauge_free_error(rough.alignment, made.truth).total_px)
        bench.say(f"seed {seed}: {found.method}, {error}, coarse {coarse[-1]:.3f} px")
    what = "beads" if beads else "patches"
    bench.figure(f"{what}: median error", float(np.median(errors)), "px", at_most=goal_px)
    bench.figure(f"{what}: worst error", max(errors), "px")
    bench.figure(
        f"{what}: median error over the coarse alignment's",
        float(np.median(errors)),
        "px",
        baseline=float(np.median(coarse)),
    )
    bench.figure(f"{what}: median error of the axis", float(np.median(axes)), "deg")
    bench.figure(f"{what}: CPU time of a series", float(np.median(seconds)), "s")


def real(bench: Bench, folder: Path) -> None:
    """Residual and axis of a series that a microscope made."""
    series = read_series(folder / STACK, angles=folder / REFERENCE[1])
    matrices, _ = read_xf(folder / REFERENCE[0])
    bench.say(f"reference axis {np.degrees(np.arctan2(*matrices[0, 0, ::-1])):.2f} deg")
    start = time.process_time()
    found = align(series)
    bench.say(f"{found.method}, {len(found.beads)} beads, axis {found.axis_deg:.3f} deg")
    tracked = found.as_json().get("tracking", {}).get("residual_px", found.residual_px)
    bench.figure("real series: residual of the tracking", tracked or np.inf, "px", at_most=0.6)
    bench.figure(
        "real series: residual of the tilts as they lie", found.residual_px or np.inf, "px"
    )
    refined = found.as_json().get("refined", {})
    bench.say(f"refined: {', '.join(refined.get('freedoms', ())) or 'nothing'}")
    if refined:  # each fifth of the beads foretold by a fit without them
        before, after = refined["left_out_before_px"], refined["left_out_px"]
        name = "real series: beads left out of the fit, refined over nominal tilts"
        bench.figure(name, after, "px", baseline=before, at_most=1)
    off = abs(found.axis_deg - REFERENCE_AXIS_DEG)
    bench.figure("real series: axis off the reference", off, "deg", at_most=0.1)
    bench.figure("real series: CPU time", time.process_time() - start, "s")


def real_series() -> Path | None:
    """Folder of the real series; fetched only where that is asked for."""
    folder = CACHE / PACKAGE
    if not (folder / STACK).exists() and os.environ.get("NORA_BENCH_DOWNLOADS") == "1":
        python = peer_python("download", ["pip"])
        command = [python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "-d", CACHE, PACKAGE.replace("-", "==")], check=True)
        with tarfile.open(CACHE / f"{PACKAGE}.tar.gz") as archive:
            for name in (STACK, *REFERENCE):
                archive.extract(f"{PACKAGE}/{name}", CACHE, filter="data")
    return folder if (folder / STACK).exists() else None


if __name__ == "__main__":
    raise SystemExit(main())
