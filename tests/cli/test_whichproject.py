"""Which project a call is about: flag, environment, or a file .dpx on the way up."""

from __future__ import annotations

import os

import pytest

from appliance.cli.whichproject import find_project
from appliance.core import Invalid


@pytest.fixture(autouse=True)
def _nobody_names_a_project(monkeypatch, tmp_path):
    for name in ("NORA_PROJECT", "DPXproject"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    (tmp_path / "work" / "deep").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work" / "deep")


@pytest.mark.parametrize(
    "text",
    ["mri", "mri\n", "# ours\nmri\n", "project = mri", "DPXproject: 'mri'", '{"project": "mri"}'],
)
def test_CLI_x02_a_dpx_file_on_the_way_up_names_the_project(tmp_path, text):
    (tmp_path / "work" / ".dpx").write_text(text, encoding="utf-8")
    assert find_project() == "mri"


def test_CLI_x02_the_nearest_one_counts_and_the_home_folder_comes_last(tmp_path):
    (tmp_path / "home" / ".dpx").write_text("home", encoding="utf-8")
    assert find_project() == "home"
    (tmp_path / "work" / ".dpx").write_text("above", encoding="utf-8")
    assert find_project() == "above"
    (tmp_path / "work" / "deep" / ".dpx").write_text("here", encoding="utf-8")
    assert find_project() == "here"


def test_CLI_02_the_flag_comes_before_the_environment_and_that_before_the_file(
    monkeypatch, tmp_path
):
    (tmp_path / "work" / ".dpx").write_text("file", encoding="utf-8")
    monkeypatch.setenv("DPXproject", "old")
    assert find_project() == "old"
    monkeypatch.setenv("NORA_PROJECT", "new")
    assert find_project() == "new"
    assert find_project("flag") == "flag"


def test_a_file_of_somebody_else_is_passed_over(monkeypatch, tmp_path):
    path = tmp_path / "work" / ".dpx"
    path.write_text("theirs", encoding="utf-8")
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(Invalid, match="which project"):
        find_project()


@pytest.mark.parametrize("text", ["", "# only a remark", "{", '{"name": "x"}', "project ="])
def test_a_file_that_names_none_is_an_error_with_its_path(tmp_path, text):
    path = tmp_path / "work" / ".dpx"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Invalid, match=r"\.dpx"):
        find_project()


def test_a_folder_called_dpx_is_no_file(tmp_path):
    (tmp_path / "work" / ".dpx").mkdir()
    with pytest.raises(Invalid, match="which project") as told:
        find_project()
    assert "NORA_PROJECT" in told.value.hint
