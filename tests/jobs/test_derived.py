"""What jobs made of studies, and by which tools, for datasets that are handed on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from appliance.catalog import study_files
from appliance.jobs import derived_files, makers_of
from appliance.jobs.boutiques import CONTAINER_NOTE, driver_script, recipe_of
from appliance.jobs.records import put_record
from tests.jobs.kit import Bench, bash, file, out

STUB = '#!/bin/sh\nwhile [ "$1" != some/image:2 ]; do shift; done\nshift\nexec "$@"\n'
DESCRIPTOR = {
    "name": "teller",
    "description": "Tells something.",
    "schema-version": "0.5",
    "tool-version": "2.1",
    "command-line": "{program} told > [OUT]",
    "container-image": {"type": "docker", "image": "some/image:2"},
    "inputs": [{"id": "out", "name": "out", "type": "String", "value-key": "[OUT]"}],
    "output-files": [{"id": "made", "name": "made", "path-template": "[OUT]"}],
}


@pytest.mark.parametrize("program", ["echo", "no_such_program_here"])
def test_a_script_notes_that_its_tool_ran_in_a_container(tmp_path: Path, program: str) -> None:
    run, work, programs = (tmp_path / name for name in ("run", "work", "bin"))
    for folder in (run, work, programs):
        folder.mkdir()
    (programs / "podman").write_text(STUB)
    (programs / "podman").chmod(0o755)
    line = DESCRIPTOR["command-line"].format(program=program)
    recipe = recipe_of(DESCRIPTOR | {"command-line": line})
    values = {"out": [str(work / "told.txt")], recipe["folder"]: [str(work)]}
    for name, text in driver_script(recipe, values, run).items():
        (run / name).write_text(text)
    path = os.pathsep.join([str(programs), "/usr/bin", "/bin"])
    done = subprocess.run(["sh", run / "script.sh"], env={"PATH": path}, check=False)
    note = run / CONTAINER_NOTE
    if program == "echo":
        assert (done.returncode, note.exists()) == (0, False)
    else:
        assert note.read_text() == "podman\n"


def test_what_was_made_names_its_inputs_and_makers(bench: Bench) -> None:
    bench.study("S-1#V1", "notes.txt")
    keys = bench.submit(bash('cp "$f1" "$o1"', file("notes.txt"), out("b.txt"), name="copy"))
    keys += bench.submit(bash('cp "$f1" "$o1"', file("notes.txt"), out("c.txt"), name="copy"))
    assert bench.wait(keys) == ["done", "done"]
    with bench.catalog.read() as con:
        studies = [row[0] for row in con.execute("SELECT id FROM studies")]
        files = {one.path: one.id for study in studies for one in study_files(con, study)}
        made = derived_files(con, studies)
        makers = makers_of(con, [one.origin for one in made])
    source = [files["notes.txt"]]
    assert [(one.path, one.inputs) for one in made] == [("b.txt", source), ("c.txt", source)]
    assert {(one.name, one.version, one.container) for one in makers} == {("copy", "", None)}
    assert all(one.about.startswith("bash script, SHA-256") for one in makers)


def test_the_container_of_a_tool_is_named(bench: Bench) -> None:
    image = {"type": "docker", "image": "some/image:2", "runtime": "podman"}
    record = {
        "origin": "attempt:abc/1",
        "tool": ["teller", "2.1", "feed"],
        "container": image,
        "plan": "",
        "inputs": [],
        "outputs": [],
    }
    bench.catalog.write(lambda tx: put_record(tx, record))
    with bench.catalog.read() as con:
        [maker] = makers_of(con, ["attempt:abc/1", "attempt:gone/1"])
    assert (maker.name, maker.version, maker.container) == ("teller", "2.1", image)
