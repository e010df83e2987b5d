"""The results of one small tilt series, as the workflow leaves them, without movies and pyramid."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from appliance.tomography.embedded import Aligned, EmbeddedEngine
from appliance.tomography.engines import SeriesRequest
from appliance.tomography.phantom import make_phantom, write_phantom

__all__ = ["make_result"]

_ADOC = """setupset.copyarg.gold=10
setupset.copyarg.skip={skip}
comparam.tilt.tilt.THICKNESS=40
runtime.AlignedStack.any.binByFactor=2
"""


def make_result(folder: Path, name: str = "TS_1", skip: Sequence[int] = ()) -> Path:
    """Write a series of 13 tilts of 96 pixels and its tomogram of 48 x 48 x 20 voxels.

    Parameters
    ----------
    folder : Path
        The series lands in ``raw`` of it, its results in ``tomography/NAME``.
    name : str
    skip : sequence of int
        Tilts that are left out, from 0.

    Returns
    -------
    Path
        The folder of the results.
    """
    raw, made = folder / "raw", folder / "tomography" / name
    raw.mkdir(parents=True, exist_ok=True)
    made.mkdir(parents=True)
    phantom = make_phantom(7, size=96, n_tilts=13)
    stack = write_phantom(raw, phantom, name)
    adoc = _ADOC.format(skip=",".join(str(one + 1) for one in skip))
    engine = EmbeddedEngine(
        lambda *_: Aligned(phantom.truth, {"method": "beads", "residual_px": 0.1})
    )
    done = engine.run(SeriesRequest(name, stack, adoc, cpus=1), made, lambda *_: None)
    (made / f"{name}.adoc").write_text(adoc)
    report = {"n_tilts": 13, "size": [96, 96], "pixel_nm": 1.0, **done.report}
    (made / "report.json").write_text(json.dumps(report))
    stacks = {"stacks": [{"name": stack.name}]}
    steps = [{"step": "check", "state": "done", "began_at": "", "facts": stacks}]
    (made / "steps.json").write_text(json.dumps(steps))
    return made
