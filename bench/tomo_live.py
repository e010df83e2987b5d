"""How long a person waits for a slice after a tilt is switched, over reconstructing all of it.

The phantom of 61 tilts of 512 x 512 pixels and a tomogram of 512 x 512 x 128, as the pages show it:
the results of a run on disk, a process that makes slices, and a PNG. The baseline is the whole
reconstruction of the same volume from the same tilts (`reconstruct`), on the same cores.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from _common import Bench

from appliance.tomography.embedded import Aligned, EmbeddedEngine
from appliance.tomography.engines import SeriesRequest
from appliance.tomography.phantom import Phantom, make_phantom, write_phantom
from appliance.tomography.reconstructing import reconstruct
from appliance.tomography.rules import ReconstructRules
from appliance.tomography.slice_pool import SlicePool
from appliance.tomography.tilt_files import read_series

ADOC = "runtime.AlignedStack.any.binByFactor=1\ncomparam.tilt.tilt.THICKNESS={}\n"


def main() -> int:
    """Print the figures; give 1 when a goal was missed."""
    bench = Bench.from_arguments(__doc__)
    size, n_tilts, thickness = (128, 21, 32) if bench.small else (512, 61, 128)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bench.say("the phantom and its results")
        phantom = make_phantom(1, size=size, n_tilts=n_tilts)
        stack = write_phantom(folder, phantom, "TS")
        made = _results(folder, stack, phantom, thickness)
        series = read_series(stack)
        rules = ReconstructRules(thickness_px=thickness, binning=1)
        reconstruct(series, phantom.truth, folder / "first.mrc", rules)  # loops are compiled
        began = time.perf_counter()
        reconstruct(series, phantom.truth, folder / "whole.mrc", rules)
        whole = time.perf_counter() - began
        _switch(bench, made, thickness, whole)
    return 1 if bench.missed else 0


def _results(folder: Path, stack: Path, phantom: Phantom, thickness: int) -> Path:
    made = folder / "TS"
    made.mkdir()
    adoc = ADOC.format(thickness)
    engine = EmbeddedEngine(lambda *_: Aligned(phantom.truth))
    engine.run(SeriesRequest("TS", stack, adoc, cpus=2), made, lambda *_: None)
    (made / "TS.adoc").write_text(adoc, encoding="utf-8")
    return made


def _switch(bench: Bench, made: Path, thickness: int, whole: float) -> None:
    """Open the series, switch tilts, move."""
    pool = SlicePool()
    try:
        bench.figure("whole reconstruction", whole, "s")
        bench.figure("first slice of a series", _timed(pool, made, "z", thickness // 2, []), "s")
        times = [_timed(pool, made, "z", thickness // 2, [n]) for n in range(9)]
        bench.figure("slice after a switch, from above", median(times), "s", at_most=1)
        bench.figure("the same over the whole", median(times), "s", baseline=whole, at_most=0.1)
        times = [_timed(pool, made, "y", 5 * n + 20, [n]) for n in range(9)]
        bench.figure("slice after a switch, across the axis", median(times), "s", at_most=1)
    finally:
        pool.close()


def _timed(pool: SlicePool, made: Path, axis: str, index: int, without: list[int]) -> float:
    began = time.perf_counter()
    pool.picture(made, axis, index, without)
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
