"""The table of metadata on the command line, over a real service."""

from __future__ import annotations

import json

import pytest

from tests.support.service import Service

DOCS = {
    "S-1": {"mask": {"volume": 1, "ok": True}, "list": [7, None]},
    "S-2": {"mask": {"volume": 2.5, "diameter": 3}, "note": "=1+1"},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    root = tmp_path_factory.mktemp("exportmeta")
    running = Service(root / "data").start()
    try:
        for subject, doc in DOCS.items():
            body = json.dumps(doc).encode()
            more = {"subject": subject, "study": "V1"}
            key = running.upload("radio_t1.json", body, **more)["key"]
            assert running.closed(key)["state"] == "done"
        yield running
    finally:
        running.stop()


def exported(service, *words):
    done = service.nora("-p", "default", "--exportmeta", *words)
    assert done.returncode == 0, done.stderr
    return [line.split(",") for line in done.stdout.splitlines()]


def test_CLI_24_every_leaf_is_a_column_and_every_study_a_row(service):
    assert exported(service, "*", "*radio*.json") == [
        ["subject", "study", "radio_t1.list.0", "radio_t1.list.1", "radio_t1.mask.diameter",
         "radio_t1.mask.ok", "radio_t1.mask.volume", "radio_t1.note"],
        ["S-1", "V1", "7", "", "", "true", "1", ""],
        ["S-2", "V1", "", "", "3", "", "2.5", "'=1+1"],
    ]  # fmt: skip


def test_CLI_26_a_star_stands_for_any_keys(service):
    rows = exported(service, "*", "*radio*.json", "--keys", "*.mask.volume,radio*.note")
    assert rows[0] == ["subject", "study", "radio_t1.mask.volume", "radio_t1.note"]
    rows = exported(service, "S-2", "*radio*.json", "--keys", "*.mask.volume")
    assert rows[1:] == [["S-2", "V1", "2.5"]]


def test_CLI_25_nodeinfo_gathers_what_is_known_of_subject_and_study(service):
    rows = exported(service, "*", "nodeinfo.json", "--keys", "nodeinfo.subject.id,*.study.sid")
    assert rows[1:] == [["S-1", "V1", "S-1", "V1"], ["S-2", "V1", "S-2", "V1"]]
    words = ["*", "*radio*.json", "--keys", "nodeinfo.subject.id,*.mask.volume"]
    assert exported(service, *words)[1:] == [["S-1", "V1", "S-1", "1"], ["S-2", "V1", "S-2", "2.5"]]


def test_VIEW_x11_shapes_separators_and_json(service):
    words = ["*", "*radio*.json", "--keys", "*.volume", "--shape", "long", "--german"]
    done = service.nora("-p", "default", "--exportmeta", *words)
    assert done.stdout.splitlines()[1:] == [
        "S-1;V1;radio_t1.json;radio_t1.mask.volume;1",
        "S-2;V1;radio_t1.json;radio_t1.mask.volume;2,5",
    ]
    done = service.nora("-p", "default", "--exportmeta", *words[:4], "--json")
    assert json.loads(done.stdout)[1] == {
        "subject": "S-2",
        "study": "V1",
        "radio_t1.mask.volume": 2.5,
    }
    assert service.nora("-p", "default", "--exportmeta", "*", "--shape", "round").returncode == 2


def test_nothing_found_is_told_and_fails(service):
    done = service.nora("-p", "default", "--exportmeta", "*", "nothing*.json")
    assert done.returncode == 1
    assert "no file of project default matches" in done.stderr


def test_CLI_03_sql_answers_as_json_or_csv_with_the_old_names(service):
    sql = "SELECT PIZ FROM patients ORDER BY PIZ"
    done = service.nora("-p", "default", "-q", sql)
    assert json.loads(done.stdout) == [{"PIZ": "S-1"}, {"PIZ": "S-2"}]
    assert service.nora("-q", sql, "--csv").stdout.splitlines() == ["PIZ", "S-1", "S-2"]
    assert service.nora("-q", "DELETE FROM files").returncode == 2
