"""Replays of attempts that ran in bubblewrap, under Slurm, of a Boutiques tool, of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from appliance.jobs import Argument, JobSpec
from appliance.jobs.boutiques import tool_of
from appliance.jobs.replaying import ReplayReport
from tests.jobs.kit import Bench, MakeBench, bash, file, out
from tests.jobs.places import slurm_place
from tests.jobs.test_isolation import boxed  # noqa: F401 - a fixture
from tests.jobs.test_provenance import file_id
from tests.support.slurm import Slurm

UPPER = 'tr a-z A-Z < "$f1" > "$o1"'
TOOL = {
    "name": "shouter",
    "description": "Writes in capitals.",
    "schema-version": "0.5",
    "tool-version": "2.1",
    "command-line": "tr a-z A-Z < [IN] > [OUT]",
    "inputs": [
        {"id": "in", "name": "in", "type": "File", "value-key": "[IN]"},
        {"id": "word", "name": "word", "type": "String", "value-key": "[OUT]"},
    ],
    "output-files": [{"id": "made", "name": "made", "path-template": "[OUT]"}],
}
DIFFERENT = """
import numpy as np, nibabel as nib, time
data = np.zeros((4, 4, 4), np.float32)
data[1, 2, 3] = time.time_ns() % 10**9
nib.save(nib.Nifti1Image(data, np.eye(4)), $o1)
"""


def replayed(bench: Bench, path: str) -> ReplayReport:
    provenance = bench.scheduler.provenance
    key = provenance.replay(file_id(bench, path), "anna")
    assert bench.wait([key]) == ["done"], bench.log(key)
    return provenance.replay_report(key)


def unchanged(study: Path) -> dict[str, Any]:
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in study.rglob("*.txt")}


def equal(bench: Bench, study: Path, path: str) -> None:
    """A replay makes the same, and touches nothing that is registered."""
    before = unchanged(study)
    report = replayed(bench, path)
    assert (report.result, {one.result for one in report.outputs}) == ("equal", {"equal"})
    assert unchanged(study) == before


def test_a_replay_of_an_attempt_in_bubblewrap_runs_in_bubblewrap(boxed: Bench) -> None:  # noqa: F811
    study = boxed.study("S-1#V1", "notes.txt")
    keys = boxed.submit(bash(UPPER, file("notes.txt"), out("b.txt")))
    assert boxed.wait(keys) == ["done"]
    made = boxed.scheduler.provenance.lineage(file_id(boxed, "b.txt")).made
    assert made is not None
    assert made.command[0] == "bash"  # what put it into its sandbox is not recorded
    equal(boxed, study, "b.txt")


def test_a_replay_of_an_attempt_under_slurm_runs_here(make_bench: MakeBench, slurm: Slurm) -> None:
    bench = make_bench(**slurm_place(slurm).settings)
    study = bench.study("S-1#V1", "notes.txt")
    keys = bench.submit(bash(UPPER, file("notes.txt"), out("b.txt")), queue="far")
    assert bench.wait(keys) == ["done"]
    made = bench.scheduler.provenance.lineage(file_id(bench, "b.txt")).made
    assert made is not None
    assert made.adapter != "local"
    equal(bench, study, "b.txt")


def test_a_replay_of_a_boutiques_tool_renders_its_line_for_the_scratch_folder(
    bench: Bench,
) -> None:
    study = bench.study("S-1#V1", "notes.txt")
    tool = tool_of(TOOL)
    bench.tools.register_tool(tool)
    word = Argument(id="word", kind="STRING", value="loud.txt")
    spec = JobSpec(name="shout", tool=tool.id, args=(file("notes.txt", id="in"), word))
    keys = bench.submit(spec)
    assert bench.wait(keys) == ["done"], bench.log(keys[0])
    assert (study / "derived/shouter/loud.txt").read_text() == "ABC"
    equal(bench, study, "derived/shouter/loud.txt")


def test_a_replay_tells_how_much_the_voxels_of_an_image_differ(bench: Bench) -> None:
    bench.study("S-1#V1", "notes.txt")
    spec = JobSpec(name="image", language="python", code=DIFFERENT, args=(out("a.nii"),))
    keys = bench.submit(spec)
    assert bench.wait(keys) == ["done"], bench.log(keys[0])
    report = replayed(bench, "a.nii")
    [one] = report.outputs
    assert (report.result, one.difference["n_voxels"]) == ("differs", 1)
    assert one.difference["max_abs_difference"] > 0
    assert one.difference["first_byte"] >= 352
