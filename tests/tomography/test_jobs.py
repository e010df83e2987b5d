"""The workflow as a job: one batch over studies, results are files of their study."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import catalog as cat
from appliance.jobs import Argument, JobSpec
from appliance.tomography import TOMOGRAPHY_TOOLS
from appliance.tomography.phantom import make_phantom, write_phantom
from tests.jobs.kit import ENDED_STATES, Bench
from tests.support.waiting import wait_until

_VALUES = {"bin": 2, "thickness": 32, "engine": "embedded", "tracking": "patches"}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give a running scheduler with the tools of this room."""
    one = Bench(tmp_path / "data", **{"jobs.nice": 0})
    for tool in TOMOGRAPHY_TOOLS:
        one.tools.register_tool(tool)
    one.start()
    yield one
    one.close()


def job() -> JobSpec:
    """Ask for a tomogram of all that a study has, small and at once."""
    tool = next(one for one in TOMOGRAPHY_TOOLS if one.id == "tomography.tomogram")
    args = [
        Argument(one.id, one.kind, value=_VALUES[one.id], choices=one.choices)
        for one in tool.args
        if one.id in _VALUES
    ]
    return JobSpec(name="tomogram", tool=tool.id, args=tuple(args))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_BRT_11_a_batch_makes_tomograms_of_studies_and_a_bad_series_stops_no_other(
    bench: Bench,
) -> None:
    good = bench.study("S-1#V1", "TS_1.st", "TS_1.rawtlt", "TS_1.st.mdoc")
    bench.study("S-2#V1", "TS_2.st")  # three letters are no stack
    for path in good.iterdir():
        path.unlink()
    write_phantom(good, make_phantom(2, size=96, n_tilts=21), "TS_1")
    keys = bench.submit(job(), targets=("S-1#V1", "S-2#V1"))
    wait_until(
        lambda: set(bench.states(keys)) <= ENDED_STATES,
        "both jobs have ended",
        within_s=800,
        show=lambda: [bench.log(key) for key in keys],
    )
    assert bench.states(keys) == ["done", "failed"], [bench.log(key) for key in keys]
    log = bench.log(keys[0])
    assert "TS_1: step 5 of 5, keep" in log
    assert "1 of 1 tilt series became tomograms" in log
    assert "error: TS_2:" in bench.log(keys[1])
    with bench.catalog.read() as con:
        project = cat.get_project(con, "demo")
        made = {
            one.path.removeprefix("tomography/TS_1/"): one.path
            for one in cat.select(con, project.id, "tomography/*")
        }
    assert {"TS_1_rec.mrc", "TS_1.xf", "hedwig/tiltMov_TS_1.mp4", "report.json"} <= made.keys()
    parts = [name for name in made if name.startswith("hedwig/neuro-TS_1")]
    assert parts == ["hedwig/neuro-TS_1"]  # a pyramid is one file
    origins = bench.sql(
        "SELECT DISTINCT f.origin FROM files f JOIN paths p ON p.id = f.path_id"
        " WHERE p.path LIKE 'tomography/%'"
    )
    assert origins == [(f"attempt:{keys[0]}/1",)]
