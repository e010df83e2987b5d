"""The verbs `batches` and `rules`: saved work is listed, copied, switched and forgotten."""

from __future__ import annotations

import io
import json
import sys

import pytest

from tests.cli.test_lines import PROJECT, nora

__all__ = ["nora"]

BATCH = {
    "jobs": [{"name": "count", "language": "bash", "code": "ls | wc -l"}],
    "level": "study",
}


@pytest.fixture
def kept(nora, tmp_path):
    """A saved batch that came from a file."""
    file = tmp_path / "batch.json"
    file.write_text(json.dumps(BATCH), encoding="utf-8")
    told = nora.run("batches", "count all", "-p", PROJECT, "--save", str(file))
    assert told == (0, "kept count all\n", "")
    yield "count all"
    nora.run("batches", "count all", "-p", PROJECT, "--delete")


def test_BATCH_10_a_saved_batch_goes_from_one_name_to_another(nora, kept, monkeypatch):
    code, out, _ = nora.run("batches", kept, "-p", PROJECT)
    assert code == 0
    assert json.loads(out)["jobs"][0]["code"] == "ls | wc -l"
    monkeypatch.setattr(sys, "stdin", io.StringIO(out))
    assert nora.run("batches", "copy", "-p", PROJECT, "--private", "--save", "-")[0] == 0
    code, out, _ = nora.run("batches", "-p", PROJECT, "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert (rows[kept]["for"], rows["copy"]["for"]) == ("project", "me")
    assert rows["copy"]["jobs"] == "count"
    code, out, _ = nora.run("batches", "copy", "-p", PROJECT, "--private", "--delete")
    assert code == 0
    assert nora.run("undo", out.split("'nora undo ")[1].split("'")[0])[0] == 0
    assert nora.run("batches", "copy", "-p", PROJECT)[0] == 0
    assert nora.run("batches", "copy", "-p", PROJECT, "--private", "--delete")[0] == 0


def test_CLI_15_a_rule_is_kept_tried_switched_and_forgotten(nora, kept, tmp_path):
    file = tmp_path / "rule.json"
    file.write_text(json.dumps({"batch": kept, "requires": "*.nii"}), encoding="utf-8")
    assert nora.run("rules", "counting", "-p", PROJECT, "--save", str(file)) == (
        0,
        "kept counting: on\n",
        "",
    )
    assert nora.run("rules", "counting", "-p", PROJECT, "--off")[1] == "kept counting: off\n"
    code, out, _ = nora.run("rules", "-p", PROJECT, "--json")
    (row,) = json.loads(out)
    assert (code, row["name"], row["state"], row["batch"]) == (0, "counting", "off", kept)
    assert json.loads(nora.run("rules", "counting", "-p", PROJECT)[1])["requires"] == "*.nii"
    code, out, _ = nora.run("rules", "counting", "-p", PROJECT, "--try", "--json")
    assert code == 0
    assert {one["action"] for one in json.loads(out)} <= {"run", "skip"}
    assert nora.run("rules", "counting", "-p", PROJECT, "--delete") == (0, "forgotten\n", "")
    assert json.loads(nora.run("rules", "-p", PROJECT, "--json")[1]) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["batches", "gone"], "has no saved batch 'gone'"),
        (["batches", "--delete"], "say which one"),
        (["batches", "x", "--save", "/nowhere.json"], "cannot read /nowhere.json"),
        (["rules", "gone", "--on"], "no rule 'gone'"),
    ],
)
def test_what_is_not_there_is_told(nora, words, says):
    code, out, err = nora.run(*words, "-p", PROJECT)
    assert (code > 0, out) == (True, "")
    assert says in err
