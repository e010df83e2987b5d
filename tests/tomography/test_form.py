"""The form of a directive file: layers, help, what is wrong, own templates that reach a job."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.core import FormatError, Invalid, NotFound
from appliance.jobs import JobSpec, ToolBox
from appliance.jobs.plan import plan_job
from appliance.tomography import TOMOGRAPHY_TOOLS, OwnTemplates, complete_tomogram, make_form
from appliance.tomography.directive_help import help_of
from appliance.tomography.directives import layer_directives, parse_directives
from appliance.tomography.form import job_text
from appliance.tomography.presets import SHIPPED, list_templates

_LIST = """Directives of a made-up IMOD,,,,,
Directive,Description,Type,Batch,Tmplt
setupset.copyarg.gold,Size,float,Y,Y
comparam.tilt.tilt.THICKNESS,Thickness,int,Y,Y
runtime.AlignedStack.any.binByFactor,Binning,int,Y,Y
"""
_GOLD, _THICK = "setupset.copyarg.gold", "comparam.tilt.tilt.THICKNESS"
_BIN = "runtime.AlignedStack.any.binByFactor"
_KEYS = st.sampled_from([_GOLD, _THICK, _BIN, "setupset.copyarg.pixel", "runtime.NAD.any.runNAD"])
_VALUES = st.from_regex(r"[0-9a-z .]{0,6}", fullmatch=True).map(str.strip)
_LAYER = st.dictionaries(_KEYS, _VALUES, max_size=5)


@pytest.fixture
def own(tmp_path: Path) -> OwnTemplates:
    return OwnTemplates(tmp_path / "templates")


@pytest.fixture
def imod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with a list of three directives."""
    folder = tmp_path / "IMOD"
    for name, text in (("bin/batchruntomo", "#!/bin/sh\n"), ("com/directives.csv", _LIST)):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("IMOD_DIR", str(folder))
    return folder


def layers(own: OwnTemplates) -> str:
    """Save a template of each kind; give a file that names them."""
    own.save("scope", f"{_GOLD}=5\n{_BIN}=8\n{_THICK}=100\n")
    own.save("system", f"{_BIN}=6\n")
    own.save("mine", f"{_THICK}=300\n")
    kinds = {"scope": "scope", "system": "system", "user": "mine"}
    return "".join(f"setupset.{kind}Template={name}\n" for kind, name in kinds.items())


@pytest.mark.parametrize("name", list_templates())
def test_ADOC_15_every_directive_of_a_preset_has_our_help_or_is_shown_as_it_is(name: str) -> None:
    form = make_form((SHIPPED / f"{name}.adoc").read_text(), name, {})
    helped = [row for row in form.rows if row.facts.help]
    assert len(helped) > 0.7 * len(form.rows)
    assert not [row for row in form.rows if row.problem]
    for row in helped:
        assert row.facts.label
        assert row.facts.kind


def test_ADOC_13_each_value_is_told_with_the_layer_it_comes_from(own: OwnTemplates) -> None:
    form = make_form(layers(own), "x.adoc", {}, own.folder)
    told = {row.key: (row.layer, row.value) for row in form.rows}
    assert told[_GOLD] == ("scope", "5")
    assert told[_BIN] == ("system", "6")
    assert told[_THICK] == ("user", "300")
    assert told["comparam.track.beadtrack.LightBeads"] == ("program", "0")
    changed = make_form(layers(own), "x.adoc", {_GOLD: "15"}, own.folder)
    row = next(row for row in changed.rows if row.key == _GOLD)
    assert (row.layer, row.value, row.below, row.changed) == ("batch", "15", "5", True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_LAYER, _LAYER, _LAYER, _LAYER)
def test_ADOC_13_the_one_text_of_a_job_says_what_its_layers_said(
    own: OwnTemplates,
    scope: dict[str, str],
    system: dict[str, str],
    user: dict[str, str],
    batch: dict[str, str],
) -> None:
    for name, values in (("scope", scope), ("system", system), ("mine", user)):
        own.save(name, "".join(f"{key}={value}\n" for key, value in values.items()))
    text = "setupset.scopeTemplate=scope\nsetupset.systemTemplate=system\n"
    text += "setupset.userTemplate=mine\n"
    text += "".join(f"{key}={value}\n" for key, value in batch.items())
    whole = parse_directives(job_text(text, "x.adoc", own.folder)).values
    assert whole == {**scope, **system, **user, **batch}
    layered = layer_directives(parse_directives(text), [own.folder])
    alone = layer_directives(parse_directives(job_text(text, "x.adoc", own.folder)))
    assert alone.copyarg("gold") == layered.copyarg("gold")
    assert alone.command("tilt", "tilt", "THICKNESS") == layered.command(
        "tilt", "tilt", "THICKNESS"
    )


def test_ADOC_12_a_file_that_stands_alone_keeps_its_comments_and_places() -> None:
    text = "# mine\nsetupset.copyarg.gold={{ beadSize (10) }}\ncomparam.tilt.tilt.LOG=0\n"
    form = make_form(text, "x.adoc", {"comparam.tilt.tilt.LOG": ""})
    assert form.text == text.replace("LOG=0", "LOG=")
    assert job_text(text, "x.adoc") == text


def test_ADOC_15_the_installed_list_and_our_own_knowledge_mark_what_is_wrong(imod: Path) -> None:
    form = make_form(f"{_GOLD}=big\n{_THICK}=200\nruntime.NAD.any.runNAD=1\n", "x.adoc", {})
    told = {row.key: row.problem for row in form.rows if row.layer == "batch"}
    assert told[_THICK] == ""
    assert "number" in told[_GOLD]
    assert "not known to IMOD" in told["runtime.NAD.any.runNAD"]
    with pytest.raises(FormatError, match="line 2"):
        make_form(f"{_GOLD}=1\nnothing\n", "x.adoc", {})
    with pytest.raises(FormatError, match="no directive"):
        make_form("", "x.adoc", {"nothing": "1"})
    with pytest.raises(Invalid, match="more than one line"):
        make_form("", "x.adoc", {_GOLD: "1\nsetupset.copyarg.pixel=2"})


def test_own_templates_are_kept_listed_and_forgotten(own: OwnTemplates) -> None:
    assert own.names() == [(name, False) for name in list_templates()]
    own.save("cryo", f"{_GOLD}=5\n")
    assert own.names()[0] == ("cryo", True)
    assert own.text("cryo") == f"{_GOLD}=5\n"
    own.forget("cryo")
    assert "Cleanup" in own.text("cryo")
    with pytest.raises(NotFound):
        own.forget("cryo")


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "x\n", " x", ".", "ä"])
def test_a_name_that_is_none_for_a_file_is_refused(name: str, own: OwnTemplates) -> None:
    with pytest.raises(Invalid):
        own.save(name, f"{_GOLD}=5\n")
    assert not own.folder.exists()


def test_ADOC_14_an_own_template_is_written_into_the_job_when_it_is_submitted(
    own: OwnTemplates,
) -> None:
    tool = next(one for one in TOMOGRAPHY_TOOLS if one.id == "tomography.tomogram")
    box = ToolBox([tool])
    box.complete_with(tool.id, lambda args: complete_tomogram(own, args))

    def planned(**values: str) -> dict[str, object]:
        args = tuple(
            msgspec.structs.replace(one, value=values[one.id])
            for one in tool.args
            if one.id in values
        )
        plan = plan_job(JobSpec(name="x", tool=tool.id, args=args), box)
        return {one.id: one.value for one in plan.job.args}

    own.save("both", layers(own) + "setupset.copyarg.skip={{ skip? }}\n")
    told = str(planned(template="both")["directives"])
    assert f"{_THICK}=300" in told
    assert "{{ skip? }}" in told
    assert not re.search(r"(scope|system|user)Template", told)
    assert planned(template="cryo")["directives"] == ""
    assert planned(template="both", directives=f"{_GOLD}=1\n")["directives"] == f"{_GOLD}=1\n"


def test_help_of_one_axis_is_that_of_any() -> None:
    assert help_of("runtime.Fiducials.b.seedingMethod") == help_of(
        "runtime.Fiducials.any.seedingMethod"
    )
    assert help_of("runtime.Made.any.up") is None
