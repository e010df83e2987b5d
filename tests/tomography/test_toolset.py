"""The predefined jobs: their commands are words that the workflow understands."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from appliance.jobs import Tool, ToolBox
from appliance.jobs.tools import render_command
from appliance.jobs.values import plain_values
from appliance.tomography import TOMOGRAPHY_TOOLS
from appliance.tomography.image_flow import main as image_program
from appliance.tomography.parameters import read_parameters
from appliance.tomography.sample import main as sample_program
from appliance.tomography.slides import main as slides_program
from appliance.tomography.stack_flow import main as stack_program
from appliance.tomography.tilt_files import read_series, read_xf
from appliance.tomography.workflow import command_parser
from tests.support.microscopy import sections, write_dm


def words(tool: Tool, **given: list[str]) -> list[str]:
    """Fill the command of a tool with its defaults and two files."""
    files = {"series": ["a/TS_1.st", "a/TS 2.mrc"], "output": ["/out"], "adoc": []}
    plain = {
        one.id: [] if one.value == "" else plain_values(one)
        for one in tool.args
        if one.id not in files
    }
    return render_command(tool.command, tool.args, {**plain, **files, **given})


_WORKFLOW = [one for one in TOMOGRAPHY_TOOLS if "appliance.tomography.workflow" in one.command]


@pytest.mark.parametrize("tool", _WORKFLOW, ids=lambda tool: tool.id)
def test_a_tool_writes_what_the_program_reads(tool: Tool) -> None:
    line = words(tool)
    assert line[1:3] == ["-m", "appliance.tomography.workflow"]
    options = command_parser().parse_args(line[3:])
    assert options.series == [Path("a/TS_1.st"), Path("a/TS 2.mrc")]
    assert options.output in (Path("/out"), Path("tomography"))
    read_parameters(options.param)


def test_values_of_the_form_become_parameters_and_a_directive_file_is_passed() -> None:
    tool = next(one for one in TOMOGRAPHY_TOOLS if one.id == "tomography.tomogram")
    line = words(tool, skip=["1,3-4"], tracking=["patches"], adoc=["a/own.adoc"])
    options = command_parser().parse_args(line[3:])
    assert read_parameters(options.param).values == {
        "thickness": "256",
        "bin": "4",
        "trackingMethod": "1",
        "beadSize": "10",
        "skip": "1,3-4",
    }
    assert options.adoc == Path("a/own.adoc")


def test_a_sample_is_a_tilt_series_with_its_truth_and_is_not_written_over(tmp_path: Path) -> None:
    tool = next(one for one in TOMOGRAPHY_TOOLS if one.id == "tomography.sample")
    line = words(tool, output=[str(tmp_path / "raw")], size=["64"], tilts=["5"])
    assert sample_program(line[3:]) == 0
    series = read_series(tmp_path / "raw" / "sample.st")
    assert series.images.shape == (5, 64, 64)
    matrices, _ = read_xf(tmp_path / "raw" / "sample_truth.xf")
    assert len(matrices) == 5
    assert sample_program(line[3:]) == 2


def test_SPA_04_slides_of_a_study_go_to_the_program_that_reads_them(tmp_path: Path) -> None:
    tool = next(one for one in TOMOGRAPHY_TOOLS if one.id == "tomography.slides")
    picture = tmp_path / "HQ_Images" / "a b.png"
    picture.parent.mkdir()
    Image.new("L", (20, 10), 99).save(picture)
    line = words(tool, slides=[str(picture)], output=[str(tmp_path / "out")])
    assert line[1:3] == ["-m", "appliance.tomography.slides"]
    assert slides_program(line[3:]) == 0
    assert (tmp_path / "out" / "HQ_Images" / "a b" / "a b.zarr" / ".zattrs").exists()


@pytest.mark.parametrize("ending", ["", "_check"])
def test_REC_06_sections_of_a_study_go_to_the_program_that_aligns_them(
    tmp_path: Path, ending: str
) -> None:
    made, _ = sections(3, shape=(32, 48))
    paths = [tmp_path / "cells" / f"s {i}.tif" for i in range(3)]
    paths[0].parent.mkdir()
    for path, section in zip(paths, made, strict=True):
        Image.fromarray(section).save(path)
    tool = next(one for one in TOMOGRAPHY_TOOLS if one.id == f"tomography.stack{ending}")
    line = words(tool, sections=[str(path) for path in paths], output=[str(tmp_path / "out")])
    assert line[1:3] == ["-m", "appliance.tomography.stack_flow"]
    assert stack_program(line[3:]) == 0
    assert (tmp_path / "out" / "cells" / "adjusted.mrc").exists() is (ending == "")


@pytest.mark.parametrize("ending", ["", "_check"])
def test_TILT_05_images_of_a_study_go_to_the_program_that_shows_them(
    tmp_path: Path, ending: str
) -> None:
    write_dm(tmp_path / "a b.dm3", sections(1, shape=(32, 48))[0][0])
    tool = next(one for one in TOMOGRAPHY_TOOLS if one.id == f"tomography.images{ending}")
    line = words(tool, images=[str(tmp_path / "a b.dm3")], output=[str(tmp_path / "out")])
    assert line[1:3] == ["-m", "appliance.tomography.image_flow"]
    assert image_program(line[3:]) == 0
    assert (tmp_path / "out" / "a b" / "a b_LG.jpeg").exists() is (ending == "")


def test_the_tools_stand_in_a_menu_of_their_own() -> None:
    box = ToolBox(TOMOGRAPHY_TOOLS)
    assert {tool.menu.partition("/")[0] for tool in box.tools()} == {"Tomography"}
