"""The verbs about projects: settings, module files, existing data, BIDS."""

from __future__ import annotations

import json
import zipfile

import pytest

from appliance.cli.projects import read_definition
from appliance.core import Invalid, NotFound
from tests.cli.shell import Shell, use_server
from tests.exchange.trees import bids_dataset, write_image

MODULE = """
title = "A trial"
[policy]
subject_code = "T{n:03d}"
[batches.look]
jobs = []
"""


@pytest.fixture
def nora(works, capsys, monkeypatch):
    use_server(monkeypatch, works)
    return Shell(capsys, works.services, "trial")


def test_CLI_16_a_module_file_is_what_a_project_starts_with(nora, tmp_path):
    path = tmp_path / "neuro.toml"
    path.write_text(MODULE, encoding="utf-8")
    assert nora.rows("-c", "trial", str(path), "--json")["module"] == "neuro"
    code, out, err = nora.run("project", "trial", "--json")
    assert code == 0, err
    assert json.loads(out)["settings"]["subject_code"] == "T{n:03d}"
    held = json.loads(nora.run("project", "trial", "--module")[1])
    assert (held["title"], list(held["batches"])) == ("A trial", ["look"])
    again = tmp_path / "again.json"
    again.write_text(json.dumps(held), encoding="utf-8")
    assert nora.run("-c", "trial2", str(again))[0] == 0


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("x.toml", "a =", Invalid),
        ("x.json", "{", Invalid),
        ("x.json", "[1]", Invalid),
        ("x.json", "\udcff", NotFound),
    ],
)
def test_a_module_file_that_cannot_be_read_is_told(tmp_path, name, text, error):
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(error):
        read_definition(path)
    with pytest.raises(NotFound):
        read_definition(tmp_path / "absent.json")


def test_settings_and_states_of_a_project_are_changed(nora):
    assert nora.run("-c", "settled")[0] == 0
    code, out, err = nora.run(
        "project", "settled", "--set", "title=Ours", "--set", "keep_dates=false"
    )
    assert code == 0, err
    assert "Ours" in out
    assert "changed" in out
    found = json.loads(nora.run("project", "settled", "--json")[1])
    assert (found["title"], found["settings"]["keep_dates"]) == ("Ours", False)
    assert nora.run("project", "settled", "--set", "keep_dates=")[0] == 0
    assert json.loads(nora.run("project", "settled", "--json")[1])["settings"]["keep_dates"] is True
    assert nora.run("project", "settled", "--set", "nonsense=1")[0] == 2
    assert nora.run("project", "settled", "--set", "title")[0] == 2
    assert "archived" in nora.run("project", "settled", "--state", "archived")[1]
    assert nora.run("project", "settled", "--state", "active")[0] == 0


def test_PROJ_25_existing_data_is_looked_at_and_then_read(nora, tmp_path):
    write_image(tmp_path / "old" / "anna" / "v1" / "t1.nii")
    words = ["existing", str(tmp_path / "old"), "-p", "old", "--subjects", "keep"]
    code, out, err = nora.run(*words, "--dry-run")
    assert code == 0, err
    assert "1 files, 1 subjects" in out
    assert "anna#v1/t1.nii" in out
    assert "old" not in nora.run("--projectlist")[1]
    code, out, err = nora.run(*words, "--json")
    assert code == 0, err
    assert json.loads(out)["n_done"] == 1
    assert nora.run("-p", "old", "-s", "anna#v1", "t1.nii")[0] == 0
    assert nora.run("existing", str(tmp_path / "nothing"), "-p", "old")[0] == 2


def test_E_08_a_bids_dataset_comes_in_and_goes_out(nora, tmp_path):
    root = bids_dataset(tmp_path / "in", subjects=("01",), sessions=("a",))
    code, _, err = nora.run(
        "existing", str(root), "-p", "set", "--layout", "bids", "--mode", "copy"
    )
    assert code == 0, err
    code, out, err = nora.run("bids", "-p", "set", "--plan", "--json")
    assert code == 0, err
    assert json.loads(out)["n_subjects"] == 1
    assert "->" in nora.run("bids", "-p", "set", "--plan")[1]
    code, out, err = nora.run("bids", "-p", "set", "--to", str(tmp_path / "out"))
    assert code == 0, err
    assert (tmp_path / "out" / "dataset_description.json").is_file()
    code, out, err = nora.run("bids", "-p", "set", "*", "--to", str(tmp_path / "out.zip"))
    assert code == 0, err
    with zipfile.ZipFile(tmp_path / "out.zip") as found:
        assert any(name.endswith("dataset_description.json") for name in found.namelist())
    assert nora.run("bids", "-p", "set", "--to", str(tmp_path / "out"))[0] == 2
    assert nora.run("bids", "-p", "set")[0] == 2
