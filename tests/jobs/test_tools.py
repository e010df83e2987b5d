"""Tools that people bring: found in their folder, run as jobs, listed with what they lack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.core import Conflict, Invalid, NotFound
from appliance.jobs import Argument, JobSpec, Tool, ToolBox, ToolFolder, missing_of
from appliance.jobs.boutiques import driver_script, read_descriptor, recipe_of
from tests.jobs.kit import Bench, MakeBench


def program(folder: Path, name: str, text: str) -> Path:
    """Put a stub program on the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def descriptor(**more: Any) -> dict[str, Any]:
    """A tool ``strip`` that makes ``<name>.txt`` of a file, or fails with a code."""
    return {
        "name": "Strip it",
        "description": "Copies a file.",
        "tool-version": "2.1",
        "schema-version": "0.5",
        "command-line": "strip_it [IN] [OUT] [CODE] [MANY]",
        "environment-variables": [{"name": "STYLE", "value": "quiet"}],
        "inputs": [
            {"id": "infile", "name": "Image", "type": "File", "value-key": "[IN]"},
            {"id": "outfile", "name": "Result", "type": "String", "value-key": "[OUT]"},
            {
                "id": "code",
                "name": "Code",
                "type": "Number",
                "value-key": "[CODE]",
                "integer": True,
                "default-value": 0,
                "command-line-flag": "-c",
                "optional": True,
                "maximum": 9,
            },
            {
                "id": "many",
                "name": "Many",
                "type": "Flag",
                "value-key": "[MANY]",
                "optional": True,
                "command-line-flag": "--many",
            },
        ],
        "output-files": [
            {"id": "text", "name": "Text", "path-template": "[OUT].txt"},
            {"id": "parts", "name": "Parts", "path-template": "part_*.txt", "list": True}
            | {"optional": True},
        ],
        "error-codes": [{"code": 3, "description": "the image has no brain"}],
        "suggested-resources": {"cpu-cores": 2, "ram": 0.5},
        "custom": {
            "nora": {
                "menu": "Processing/Test",
                "arguments": {
                    "infile": {"value": "t1/s001.nii"},
                    "outfile": {"kind": "OUT", "value": "derived/strip/brain TAG(stripped)"},
                },
                "tags": {"text": ["mask"]},
                "install": "Install the Strip suite.",
            }
        },
        **more,
    }


STRIP = 'cp "$1" "$2.txt"; printf $STYLE > part_1.txt; exit $4'


def text_of(found: dict[str, Any]) -> bytes:
    return json.dumps(found).encode()


@pytest.fixture
def stubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in front of PATH."""
    folder = tmp_path / "stubs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


@pytest.fixture
def bench(make_bench: MakeBench, stubs: Path) -> Bench:
    found = make_bench()
    found.tools.folder = ToolFolder(found.folder.root / "tools")
    found.study("S-1#V1", "t1/s001.nii")
    return found


def args(**values: Any) -> tuple[Argument, ...]:
    kinds = {"infile": "FILE", "outfile": "OUT", "code": "NUMERIC", "many": "LOGICAL"}
    return tuple(Argument(name, kinds[name], value=value) for name, value in values.items())


def test_BATCH_06_a_brought_descriptor_runs_and_its_files_are_registered(
    bench: Bench, stubs: Path
) -> None:
    program(stubs, "strip_it", STRIP)
    tool = bench.tools.bring(text_of(descriptor()))
    assert (tool.id, tool.menu) == ("boutiques.strip_it", "Processing/Test/Strip it")
    assert (tool.resources.cpus, tool.resources.memory_mb) == (2, 512)
    assert missing_of(tool) == ""
    [key] = bench.submit(JobSpec("strip", tool=tool.id))
    assert bench.wait([key]) == ["done"], bench.row(key).why
    with bench.catalog.read() as con:
        found = {
            row["path"]: (row["tags"] or "").split(",")
            for row in con.execute(
                "SELECT p.path, group_concat(t.name) tags FROM files f JOIN paths p"
                " ON p.id = f.path_id LEFT JOIN file_tags x ON x.x_id = f.id"
                " LEFT JOIN tags t ON t.id = x.tag_id WHERE p.path LIKE 'derived/%' GROUP BY f.id"
            )
        }
    assert set(found) == {"derived/strip/brain.txt", "derived/strip_it/part_1.txt"}
    assert set(found["derived/strip/brain.txt"]) == {"mask", "stripped"}


def test_an_exit_code_is_told_with_its_meaning(bench: Bench, stubs: Path) -> None:
    program(stubs, "strip_it", STRIP)
    tool = bench.tools.bring(text_of(descriptor()))
    [key] = bench.submit(JobSpec("strip", tool=tool.id, args=args(code=3)))
    assert bench.wait([key]) == ["failed"]
    log = bench.scheduler.read_log(key).text
    assert "error: the image has no brain" in log
    assert "code 3" in bench.row(key).why


def test_a_required_file_that_is_not_made_fails_the_job(bench: Bench, stubs: Path) -> None:
    program(stubs, "strip_it", "exit 0")
    tool = bench.tools.bring(text_of(descriptor()))
    [key] = bench.submit(JobSpec("strip", tool=tool.id))
    assert bench.wait([key]) == ["failed"]
    assert "brain.txt" in bench.row(key).why


def test_values_that_do_not_fit_are_told_before_anything_starts(bench: Bench, stubs: Path) -> None:
    program(stubs, "strip_it", STRIP)
    tool = bench.tools.bring(text_of(descriptor()))
    [key] = bench.submit(JobSpec("strip", tool=tool.id, args=args(code=1.5)))
    row = bench.row(key)
    assert row.state == "unresolved"
    assert "code is a whole number" in row.why


def test_a_job_keeps_its_tool_after_it_was_removed(bench: Bench, stubs: Path) -> None:
    tool = bench.tools.bring(text_of(descriptor()))
    program(stubs, "strip_it", "exit 1")
    [key] = bench.submit(JobSpec("strip", tool=tool.id))
    assert bench.wait([key]) == ["failed"]
    bench.tools.folder.remove(tool.id)
    program(stubs, "strip_it", STRIP)
    bench.scheduler.retry(key, "owner")
    assert bench.wait([key]) == ["done"]
    with pytest.raises(NotFound):
        bench.tools.get(tool.id)


def test_files_put_into_the_folder_are_tools_or_are_refused(tmp_path: Path) -> None:
    folder = ToolFolder(tmp_path / "tools")
    box = ToolBox(
        [Tool(id="boutiques.mine", menu="A/Mine", name="Mine", command=("true",))], folder
    )
    assert (box.tools()[0].id, box.brought()) == ("boutiques.mine", [])
    folder.path.mkdir()
    (folder.path / "a.json").write_bytes(text_of(descriptor()))
    (folder.path / "b.json").write_bytes(text_of(descriptor()))
    (folder.path / "c.json").write_bytes(b"{")
    (folder.path / "d.json").write_bytes(text_of(descriptor(name="Mine")))
    assert [tool.id for tool in box.tools()] == ["boutiques.mine", "boutiques.strip_it"]
    problems = {row.file: row.problem for row in box.brought()}
    assert problems["a.json"] == ""
    assert "a.json has the same id" in problems["b.json"]
    assert "line 1, column 2" in problems["c.json"]
    assert "itself" in problems["d.json"]
    (folder.path / "c.json").write_bytes(text_of(descriptor(name="Other one")))
    assert "boutiques.other_one" in {tool.id for tool in box.tools()}


def test_what_is_brought_is_kept_as_it_was(tmp_path: Path) -> None:
    folder = ToolFolder(tmp_path)
    box = ToolBox([], folder)
    first = json.dumps(descriptor(), indent=3).encode()
    tool = box.bring(first)
    assert folder.text(tool.id) == first
    second = text_of(descriptor(**{"tool-version": "3"}))
    assert box.bring(second).version == "3"
    assert [row.version for row in folder.files()] == ["3"]
    assert {path.read_bytes() for path in (tmp_path / "kept").iterdir()} == {first, second}
    with pytest.raises(Invalid, match=r"inputs\[0\]\.type"):
        box.bring(first.replace(b'"File"', b'"Folder"'))


def test_a_tool_of_the_appliance_is_not_replaced(tmp_path: Path) -> None:
    tool = Tool(id="imaging.smooth", menu="P/Smooth", name="Smooth", command=("true",))
    box = ToolBox([tool], ToolFolder(tmp_path))
    same = descriptor()
    same["custom"]["nora"]["id"] = "imaging.smooth"
    with pytest.raises(Conflict):
        box.bring(text_of(same))
    assert not list(tmp_path.rglob("*.json"))


def test_what_is_missing_is_said_with_what_to_install(stubs: Path, tmp_path: Path) -> None:
    box = ToolBox([], ToolFolder(tmp_path / "tools"))
    tool = box.bring(text_of(descriptor()))
    assert missing_of(tool) == "strip_it is not installed. Install the Strip suite."
    program(stubs, "strip_it", "true")
    assert missing_of(tool) == ""
    there, absent = ("python:json",), ("python:no_such_module",)
    assert missing_of(Tool(id="x", menu="x", name="x", command=("x",), needs=there)) == ""
    lacking = Tool(id="x", menu="x", name="x", command=("x",), needs=absent)
    assert missing_of(lacking) == "no_such_module is not installed"


@pytest.mark.parametrize("runtime", ["apptainer", "podman", "docker"])
def test_a_container_is_used_only_when_its_program_is_there(
    runtime: str, bench: Bench, stubs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = {"type": "docker", "image": "lab/strip:1"}
    tool = bench.tools.bring(text_of(descriptor(**{"container-image": image})))
    for name in ("apptainer", "singularity", "podman", "docker"):
        if name != runtime and (stubs / name).exists():
            (stubs / name).unlink()
    calls = stubs / "calls.txt"
    program(stubs, runtime, f'printf "%s\\n" "$@" > {calls}; for last; do :; done; sh "$last"')
    assert missing_of(tool) == ""
    [key] = bench.submit(JobSpec("strip", tool=tool.id))
    bench.wait([key])
    words = calls.read_text().splitlines()
    study = bench.folder.projects / "demo" / "S-1" / "V1"
    assert any(word.endswith("lab/strip:1") for word in words)
    assert f"{study}/t1:{study}/t1:ro" in words
    assert f"{study}/derived/strip_it:{study}/derived/strip_it:rw" in words
    assert words[-1].endswith("command.sh")
    calls.unlink()
    program(stubs, "strip_it", STRIP)
    [key] = bench.submit(JobSpec("strip", tool=tool.id))
    assert bench.wait([key]) == ["done"]
    assert not calls.exists()


def test_scripts_quote_everything_that_comes_from_outside(tmp_path: Path) -> None:
    recipe = recipe_of(read_descriptor(text_of(descriptor())))
    values = {
        "infile": ["/data/$(touch bad)/it's.nii"],
        "outfile": ["/data/; rm x"],
        "code": ["0"],
        "many": ["true"],
        "folder": ["/data/a b"],
    }
    files = driver_script(recipe, values, tmp_path)
    assert files["command.sh"] == (
        "strip_it '/data/$(touch bad)/it'\"'\"'s.nii' '/data/; rm x' -c 0 --many\n"
    )
    assert "cd '/data/a b' || exit 1" in files["script.sh"]
    assert "export STYLE=quiet" in files["script.sh"]
