"""NORA's functions for MATLAB, called in Octave, against a server behind which all works."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from appliance import catalog
from appliance.cli import main
from appliance.client import Client, matlab_folder
from appliance.jobs import BatchSpec, JobSpec
from tests.cli.shell import use_server
from tests.support.needs import needs
from tests.support.waiting import wait_until

PROJECT = "matlab"


@pytest.fixture
def octave(works, monkeypatch, tmp_path):
    """Run MATLAB code with the functions on its path; give what it printed."""
    program = needs("octave-cli")
    use_server(monkeypatch, works)
    fill(works.services)
    (tmp_path / "nora").write_text(f'#!/bin/sh\nexec {sys.executable} -m appliance.cli "$@"\n')
    (tmp_path / "nora").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def run(code, *, fails=False):
        code = f"addpath('{matlab_folder()}'); {code}"
        command = [program, "-q", "--no-init-file", "--no-history", "--eval", code]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) is fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


def fill(services):
    """Make a project with one study and two files, once for all tests."""
    if (services.folder.projects / PROJECT).exists():
        return

    def study(tx):
        project = catalog.ensure_project(tx, PROJECT)
        catalog.ensure_study(tx, catalog.ensure_subject(tx, project.id, "P-1"), "2024")

    services.catalog.write(study)
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        client.put(PROJECT, "P-1#2024", "META/radio.json", {"mask": {"volume": 12.5}})
        client.put(PROJECT, "P-1#2024", "it's here/two words.txt", "x", tags=["good"])


def test_ML_01_ML_02_a_project_is_chosen(octave):
    said = octave(
        f"DPX_startup(); DPX_Project('{PROJECT}'); DPX_startup(); disp(DPX_getCurrentProject());"
        " names = DPX_Project(); disp(any(strcmp(names, DPX_getCurrentProject())))"
    )
    assert f"the current one is {PROJECT}" in said
    assert said.split()[-2:] == [PROJECT, "1"]
    assert "there is no project 'nowhere'" in octave("DPX_Project('nowhere')", fails=True)


def test_ML_03_projects_and_users_are_made(octave, works):
    said = octave("DPX_SQL_createProject('made'); disp(DPX_SQL_createUser('mat', 'read,write'))")
    assert "/login#" in said
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        (made,) = [user for user in client.users() if user.login == "mat"]
        assert made.grants["made"].readonly is False
    assert "mat" in octave("DPX_SQL_createUser('mat')", fails=True)


def test_ML_04_files_are_found_and_outputs_have_a_place(octave, works):
    root = works.services.folder.projects / PROJECT / "P-1" / "2024"
    choose = f"DPX_Project('{PROJECT}'); "
    said = octave(
        choose + "[paths, files] = DPX_selectFiles('P-1#2024', '*two_words*'); disp(numel(paths));"
        " disp(paths{1}); disp(files{1}.tags{1}); disp(DPX_SQL_getFileInfo(paths{1}).psid);"
        " info = DPX_getFileinfo(paths{1}); disp([info.psid '|' info.subfolder '|' info.filename]);"
        " [~, files] = DPX_selectFiles('*.json'); disp(files{1}.content.mask.volume);"
        " disp(isempty(DPX_selectFiles('nothing*')));"
        " disp(DPX_getOutputLocation('P-1#2024', 'new/mask.nii'))"
    )
    assert said.splitlines() == [
        "1",
        str(root / "it's here" / "two words.txt"),
        "good",
        "P-1#2024",
        "P-1#2024|it's here|two words.txt",
        "12.500",
        "1",
        str(root / "new/mask.nii"),
    ]
    assert "does not lie in a project" in octave("DPX_getFileinfo('/etc/hosts')", fails=True)
    assert "not in the catalog" in octave(choose + "DPX_SQL_getFileInfo('/etc/hosts')", fails=True)


def test_ML_05_a_job_is_debugged_and_ended_jobs_are_cleared(octave, works, monkeypatch):
    services = works.services
    monkeypatch.setenv("NORA__DATA__PATH", str(services.folder.root))
    job = JobSpec(name="m", language="matlab", code="error('planted')")
    batch = BatchSpec(name="m", project=PROJECT, jobs=(job,))
    accepted = services.scheduler.submit_batch(batch, ["P-1#2024"], "owner")
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        (row,) = wait_until(lambda: client.all_jobs(batch=accepted.key, state="e"), "it failed")
        said = octave(f"disp(DPX_debug_job('{row.key}'))")
        assert said.strip() == str(services.folder.jobs / row.key / "1" / "nora_code.m")
        octave(f"DPX_Project('{PROJECT}'); DPX_SQL_clearGridCmds()")
        assert client.all_jobs(batch=accepted.key, state="dismissed")[0].key == row.key
    assert "no MATLAB job" in octave("DPX_debug_job('nothing')", fails=True)
    assert "The service runs jobs by itself" in octave("DPX_demon()")


def test_ML_01_the_command_tells_where_the_functions_are(capsys):
    assert main(["matlab"]) == 0
    assert capsys.readouterr().out.strip() == str(matlab_folder())
