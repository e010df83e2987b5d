"""FSL, FreeSurfer, SPM, ANTs and MRtrix: valid descriptors, which run once a suite is there."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import boutiques.validator
import pytest

from appliance.jobs import JobSpec, ToolBox, missing_of, suite_tools
from appliance.jobs.boutiques import read_descriptor
from appliance.jobs.shipped import SUITES
from tests.jobs.kit import Bench, MakeBench
from tests.jobs.test_tools import program

FILES = sorted(SUITES.glob("*.json"))


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with the system's own programs and stubs, and nothing of a suite."""
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name in ("sh", "cp", "mkdir", "dirname", "bash", "touch"):
        (stubs / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(stubs))
    return stubs


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_descriptor_of_ours_is_a_valid_one(path: Path) -> None:
    descriptor = read_descriptor(path.read_bytes())
    assert descriptor["custom"]["nora"]["id"] == path.stem
    with contextlib.redirect_stdout(io.StringIO()):
        boutiques.validator.validate_descriptor(json.loads(path.read_bytes()))


def test_BATCH_01_the_suites_are_in_the_menu_with_what_to_install(alone: Path) -> None:
    tools = suite_tools()
    menus = {tool.menu.partition("/")[0] for tool in tools}
    assert menus == {"FSL", "FreeSurfer", "SPM", "ANTs", "MRtrix"}
    assert all("not installed. Install " in missing_of(tool) for tool in tools)
    for tool in tools:
        for need in tool.needs:
            program(alone, need.partition(":")[2], "true")
        assert missing_of(tool) == ""


def test_BET_runs_once_FSL_is_there(alone: Path, make_bench: MakeBench) -> None:
    bench = suite_bench(make_bench)
    program(alone, "bet", 'echo "$FSLOUTPUTTYPE $*"; cp "$1" "$2.nii.gz"; cp "$1" "$2_mask.nii.gz"')
    [key] = bench.submit(JobSpec("bet", tool="fsl.bet"))
    assert bench.wait([key]) == ["done"], bench.row(key).why
    study = bench.folder.projects / "demo" / "S-1" / "V1"
    assert bench.scheduler.read_log(key).text.startswith(
        f"NIFTI_GZ {study}/t1/s001.nii {study}/derived/fsl/brain -f 0.5 -g 0 -m"
    )
    with bench.catalog.read() as con:
        rows = con.execute(
            "SELECT p.path, group_concat(t.name) FROM files f JOIN paths p ON p.id = f.path_id"
            " LEFT JOIN file_tags x ON x.x_id = f.id LEFT JOIN tags t ON t.id = x.tag_id"
            " WHERE p.path LIKE 'derived/%' GROUP BY f.id ORDER BY 1"
        ).fetchall()
    assert [tuple(row) for row in rows] == [
        ("derived/fsl/brain.nii.gz", None),
        ("derived/fsl/brain_mask.nii.gz", "mask"),
    ]


def test_SPM_gets_its_script(alone: Path, make_bench: MakeBench) -> None:
    bench = suite_bench(make_bench)
    made = "touch c1image.nii c2image.nii c3image.nii mimage.nii"
    program(alone, "spm12", f'cp "$2" seen.m; {made}')
    [key] = bench.submit(JobSpec("segment", tool="spm.spm_segment"))
    assert bench.wait([key]) == ["done"], bench.row(key).why
    folder = bench.folder.projects / "demo" / "S-1" / "V1" / "derived" / "spm"
    assert "preproc.warp.samp = 3;" in (folder / "seen.m").read_text()


def test_a_job_of_a_suite_that_is_not_installed_says_so(alone: Path, make_bench: MakeBench) -> None:
    bench = suite_bench(make_bench)
    [key] = bench.submit(JobSpec("bet", tool="fsl.bet"))
    assert bench.wait([key]) == ["failed"]
    assert "not found" in bench.row(key).why


def suite_bench(make_bench: MakeBench) -> Bench:
    bench = make_bench()
    for tool in suite_tools():
        bench.tools.register_tool(tool)
    bench.study("S-1#V1", "t1/s001.nii")
    assert isinstance(bench.tools, ToolBox)
    return bench
