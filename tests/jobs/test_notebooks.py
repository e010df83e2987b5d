"""Notebooks as jobs: whose folder they open, what they ask for, and the cells of a debugged job."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from appliance.core import Invalid, JobError, NotFound
from appliance.jobs import Argument, JobSpec, NotebookRequest, Notebooks
from tests.jobs.kit import Bench, MakeBench, bash, file, out


@pytest.fixture
def idle(make_bench: MakeBench) -> Bench:
    bench = make_bench(start=False)
    bench.study("S-1#V1", "t1/s001.nii", "t1/s002.nii")
    return bench


@pytest.fixture
def notebooks(idle: Bench) -> Notebooks:
    return Notebooks(idle.catalog, idle.folder, idle.settings, idle.scheduler.capacity)


def told(bench: Bench, key: str, what: str) -> str:
    """Argument of a notebook's program."""
    spec = bench.scheduler.job_detail(key).spec
    return str(next(arg["value"] for arg in spec["job"]["args"] if arg["id"] == what))


def home_of(bench: Bench, key: str) -> Path:
    """Folder that a notebook opens."""
    return Path(told(bench, key, "home"))


def test_JUP_01_02_a_notebook_is_a_job_with_what_was_asked_for(
    idle: Bench, notebooks: Notebooks
) -> None:
    asked = NotebookRequest("demo", cpus=2, memory_mb=512, gpus=1, hours=0.5, queue="DPXimport")
    row = idle.row(notebooks.start(asked, "anna"))
    assert (row.cpus, row.memory_mb, row.gpus, row.queue) == (2, 512, 1, "DPXimport")
    assert (row.state, row.name) == ("queued", "JupyterLab")
    usual = idle.row(notebooks.start(NotebookRequest("demo"), "anna"))
    assert (usual.cpus, usual.queue) == (min(idle.settings.notebooks.cpus, 4), "DPXproc")
    assert [one.key for one in notebooks.list_notebooks("anna")] == [usual.key, row.key]
    assert notebooks.list_notebooks("bert") == []
    with pytest.raises(JobError, match="GPU"):
        notebooks.start(NotebookRequest("demo", gpus=9), "anna")
    with pytest.raises(Invalid, match="queue"):
        notebooks.start(NotebookRequest("demo", queue="nowhere"), "anna")


def test_JUP_03_the_root_folder_is_that_of_the_user_and_lasts(
    idle: Bench, notebooks: Notebooks
) -> None:
    home = home_of(idle, notebooks.start(NotebookRequest("demo"), "anna"))
    (home / "mine.ipynb").write_text("{}")
    again = notebooks.start(NotebookRequest("demo"), "anna")
    assert home_of(idle, again) == home
    assert (home / "mine.ipynb").exists()
    assert home.stat().st_mode & 0o077 == 0
    other = home_of(idle, notebooks.start(NotebookRequest("demo"), "bert"))
    assert other != home
    assert not home.is_relative_to(idle.folder.jobs)


def cells(notebook: Path) -> list[str]:
    found: dict[str, Any] = json.loads(notebook.read_text())
    return [cell["source"] for cell in found["cells"]]


def debugged(bench: Bench, notebooks: Notebooks, job: JobSpec) -> tuple[str, Path]:
    (key,) = bench.submit(job)
    notebook = notebooks.debug(key, "anna")
    (made,) = (bench.folder.notebooks / "anna" / "debug").glob(f"*{key[-6:]}.ipynb")
    return notebook, made


def test_JUP_04_JUP_x01_a_job_becomes_arguments_script_and_outputs(
    idle: Bench, notebooks: Notebooks
) -> None:
    code = "import nibabel as nib\nimage = nib.load($f1[0])\nopen('$o1', 'w').write('x')"
    args = (file("t1/*"), out("r/x.txt TAG(t)"), Argument(id="n1", kind="NUMERIC", value=3))
    job = JobSpec(name="odd / name", language="python", code=code + "\n$n1", args=args)
    notebook, path = debugged(idle, notebooks, job)
    head, arguments, script, outputs = cells(path)
    assert "odd / name" in head
    space: dict[str, Any] = {}
    exec(arguments, space)  # noqa: S102
    assert [Path(one).name for one in space["f1"]] == ["s001.nii", "s002.nii"]
    assert (space["n1"], Path(space["o1"]).name) == (3.0, "x.txt")
    assert Path(space["o1"]).parent.is_dir()
    assert "nib.load(f1[0])" in script
    assert space["o1"] in script
    assert "'t'" in outputs
    for text in (arguments, script, outputs):
        ast.parse(text)
    assert notebooks.notebook(notebook).name == "Debug odd / name"
    assert told(idle, notebook, "open") == f"lab/tree/debug/{path.name}"


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (bash("cat $f1", file("t1/s001*")), ["%%bash", "f1=(", "cat $f1"]),
        (
            JobSpec(
                name="m",
                language="matlab",
                code="disp(input1)",
                args=(file("t1/*", id="input1"),),
            ),
            ["%%writefile nora_job.m", "input1 = {'", "disp(input1)"],
        ),
        (JobSpec(name="sums", tool="files.checksums"), ["%%bash", "checksums"]),
    ],
    ids=["bash", "matlab", "tool"],
)
def test_JUP_04_other_languages_are_run_from_a_cell(
    idle: Bench, notebooks: Notebooks, job: JobSpec, words: list[str]
) -> None:
    _, path = debugged(idle, notebooks, job)
    script = cells(path)[2]
    assert all(word in script for word in words), script


def test_JUP_05_what_somebody_changed_is_kept_and_a_notebook_is_ended_as_a_job(
    idle: Bench, notebooks: Notebooks
) -> None:
    (key,) = idle.submit(bash("true"))
    notebook = notebooks.debug(key, "anna")
    (path,) = (idle.folder.notebooks / "anna" / "debug").glob("*.ipynb")
    path.write_text('{"mine": 1}')
    notebooks.debug(key, "anna")
    assert path.read_text() == '{"mine": 1}'
    idle.scheduler.cancel(notebook, "anna")
    assert idle.row(notebook).state == "cancelled"
    assert notebook not in [one.key for one in notebooks.list_notebooks("anna")]
    with pytest.raises(Invalid, match="notebook itself"):
        notebooks.debug(notebook, "anna")
    with pytest.raises(NotFound):
        notebooks.debug("nothing", "anna")
