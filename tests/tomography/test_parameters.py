"""Templates, what fills them, and checks by an installation's list of directives."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.core import FormatError, Invalid, NotFound
from appliance.tomography.directive_list import check_directives, read_list
from appliance.tomography.directives import parse_directives
from appliance.tomography.parameters import PARAMETERS, derived_values, read_parameters
from appliance.tomography.presets import (
    SHIPPED,
    fill_template,
    find_template,
    list_templates,
    make_directives,
)

_LIST = """# a remark,,,,,,,,
Directives for everything,,,,,,,,
Directive,Definition,Type,Batch,Tmplt,Etomo,Notes,Label,Choices
,,,,,,,,
Arguments,,,,,,,,
setupset.copyarg.name,"Root name, of a set",String,Y,,,,Name,
setupset.copyarg.gold,Size,Float,Y,Y,SD,,Gold,
comparam.tilt.tilt.THICKNESS,Thickness,Int,Y,Y,SO,,,
comparam.tilt.tilt.RADIAL,Filter,2 Float,Y,Y,SO,,,
runtime.Fiducials.any.seedingMethod,Seeding,Int,Y,Y,SD,,,0: manual; 1: auto
runtime.Postprocess.any.doTrimvol,Trim,Bool,Y,Y,NE,,,
setupset.old,Gone,Bool,,,,,,
"""

SEED_KEYS = {
    "ADOC_03": ("setupset.copyarg.name", {"basename": "TS_01"}, "TS_01"),
    "ADOC_04": ("setupset.copyarg.gold", {"beadSize": "15"}, "15"),
    "ADOC_05": ("setupset.copyarg.pixel", {"pixelSize": "0.5"}, "0.5"),
    "ADOC_06": ("comparam.prenewst.newstack.BinByFactor", {"bin": "2"}, "2"),
    "ADOC_07": ("comparam.track.beadtrack.LightBeads", {"lightBeads": "1"}, "1"),
    "ADOC_08": ("comparam.tilt.tilt.THICKNESS", {"thickness": "300"}, "300"),
    "ADOC_09": ("runtime.AlignedStack.any.binByFactor", {"bin": "2"}, "2"),
    "ADOC_10": ("setupset.copyarg.montage", {"montage": "1"}, "1"),
    "ADOC_11": ("setupset.datasetDirectory", {"datasetDirectory": "/w/x"}, "/w/x"),
}
_DEFAULTS = {"ADOC_04": "10", "ADOC_06": "4", "ADOC_07": "0", "ADOC_08": "256", "ADOC_10": "0"}


@pytest.mark.parametrize("feature", sorted(SEED_KEYS))
def test_ADOC_02_the_smallest_template_is_filled(feature: str) -> None:
    key, values, wanted = SEED_KEYS[feature]
    path = find_template("dirTemplate")
    assert parse_directives(make_directives(path, values)).values[key] == wanted
    empty = parse_directives(make_directives(path, {})).values[key]
    assert empty == _DEFAULTS.get(feature, "4" if feature == "ADOC_09" else "")


def test_places_are_filled_kept_blank_or_left_out_with_their_line() -> None:
    text = "setupset.a={{ one (~5) }}\nsetupset.b={{two}}\nsetupset.c={{ three? }}\n# {{ four }}\n"
    assert fill_template(text, {}) == "setupset.a=5\nsetupset.b=\n# \n"
    assert fill_template(text, {"one": "1", "two": "2", "three": "3", "four": "4"}) == (
        "setupset.a=1\nsetupset.b=2\nsetupset.c=3\n# 4\n"
    )
    with pytest.raises(Invalid):
        fill_template(text, {"one": "1\nsetupset.x=2"})


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.adoc")))
def test_ADOC_12_every_preset_is_a_directive_file_and_keeps_the_untrimmed_volume(name: str) -> None:
    found = parse_directives(make_directives(find_template(name), {"basename": "x"}))
    assert not found.repeated
    assert found.values["runtime.Postprocess.any.doTrimvol"] == "1"
    tidied = found.get("runtime.Cleanup.any.doCleanup")
    assert (tidied, found.get("runtime.Cleanup.any.keepUntrimmed")) in [("", ""), ("1", "1")]


def test_frozen_specimens_have_their_own_width_of_the_edge_filter() -> None:
    key = "comparam.track.beadtrack.KernelSigmaForSobel"
    text = make_directives(find_template("cryo"), {"basename": "x"})
    assert float(parse_directives(text).values[key]) >= 1.5


def test_the_users_own_templates_come_first_and_stand_in_a_presets_place(tmp_path: Path) -> None:
    (tmp_path / "ours.adoc").write_text("setupset.copyarg.name={{ basename }}\n")
    (tmp_path / "cryo.adoc").write_text("setupset.copyarg.gold=8\n")
    assert list_templates(tmp_path) == ["cryo", "ours", "dirTemplate", "plastic"]
    assert find_template("cryo", tmp_path).parent == tmp_path
    assert make_directives(find_template("ours", tmp_path), {"basename": "b"}) == (
        "setupset.copyarg.name=b\n"
    )
    with pytest.raises(NotFound):
        find_template("other", tmp_path)
    (tmp_path / "bad.adoc").write_text("nonsense\n")
    with pytest.raises(FormatError, match=r"bad\.adoc, line 1"):
        make_directives(tmp_path / "bad.adoc", {})


def test_ADOC_16_parameters_go_to_the_directive_file_or_elsewhere() -> None:
    found = read_parameters(
        {
            "gold": "15",
            "THICKNESS": "30",
            "input_dir": "/in",
            "TwoSurfaces": "true",
            "x_no_api": "1",
            "comparam.tilt.tilt.LOG": "",
        }
    )
    assert found.values == {"beadSize": "15", "thickness": "30", "TwoSurfaces": "1"}
    assert found.workflow == {"input_dir": "/in", "x_no_api": "1"}
    assert found.directives == {"comparam.tilt.tilt.LOG": ""}


@pytest.mark.parametrize(
    "word",
    ["gold", "=1", "unknown=1", "bin=x", "bin=-2", "gold=nan", "montage=2", "skip=1-x", "engine=a"],
)
def test_a_wrong_parameter_is_refused_with_what_it_should_be(word: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_parameters([word])
    assert caught.value.hint


def test_surfaces_and_positioning_follow_from_other_parameters() -> None:
    got = derived_values({"TwoSurfaces": "0", "thickness": "31"})
    assert (got["SurfacesToAnalyze"], got["rpa_thickness"]) == ("1", "46")
    assert derived_values({"TwoSurfaces": "1"}) == {"TwoSurfaces": "1", "SurfacesToAnalyze": "2"}


def test_every_parameter_of_a_directive_is_a_place_of_a_preset_and_has_help() -> None:
    texts = "".join(path.read_text() for path in SHIPPED.glob("*.adoc"))
    for one in PARAMETERS:
        assert one.help.endswith(".")
        if one.goes == "directive":
            assert f"{one.directive}={{{{ {one.name}" in texts


def test_ADOC_15_a_file_is_checked_by_the_list_of_an_installation(tmp_path: Path) -> None:
    path = tmp_path / "directives.csv"
    path.write_text(_LIST)
    known = read_list(path)
    assert known.facts["setupset.copyarg.name"].definition == "Root name, of a set"
    text = (
        "setupset.copyarg.name=x\ncomparam.tilta.tilt.THICKNESS=30\n"
        "runtime.Fiducials.b.seedingMethod=2\ncomparam.tilt.tilt.RADIAL=0.3, 0.05\n"
        "comparam.tilt.tilt.THICKNESS=\n"
    )
    assert check_directives(parse_directives(text), known) == []
    wrong = (
        "setupset.old=1\ncomparam.tilt.tilt.THICKNES=3\nsetupset.copyarg.gold=ten\n"
        "runtime.Postprocess.any.doTrimvol=2\ncomparam.tilt.tilt.RADIAL=0.3\n"
    )
    problems = check_directives(parse_directives(wrong), known)
    assert [one.line for one in problems] == [1, 2, 3, 4, 5]
    assert "did you mean comparam.tilt.tilt.THICKNESS" in problems[1].text
    in_template = check_directives(parse_directives("setupset.copyarg.name=x\n"), known, "template")
    assert [one.key for one in in_template] == ["setupset.copyarg.name"]


def test_a_list_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "directives.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FormatError):
        read_list(tmp_path / "directives.csv")
    with pytest.raises(FormatError):
        read_list(tmp_path / "none.csv")
