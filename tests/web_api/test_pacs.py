"""Archives over the API and the command line, with a real Orthanc."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import pydicom
import pytest

from appliance.core import load_settings
from appliance.exchange import DicomListener
from tests.cli.shell import Shell, use_server
from tests.exchange.kit import write_series
from tests.support.orthanc import an_orthanc
from tests.support.service import free_port
from tests.support.waiting import wait_until
from tests.web_api.conftest import served, working_services

UID = "1.2.826.0.1.3680043.10.998"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    root = tmp_path_factory.mktemp("orthanc")
    with an_orthanc(root / "o") as running:
        for n, patient in enumerate(("Q1", "Q2"), 1):
            running.fill(
                write_series(
                    root / patient,
                    patient_id=patient,
                    name=f"NAME{n}^X",
                    study_uid=f"{UID}.{n}",
                    n=3,
                    size=8,
                )
            )
        yield running


@pytest.fixture(scope="module")
def linked(orthanc):
    """A server whose settings know two archives: one runs, one is gone."""
    root = Path(tempfile.mkdtemp(prefix="nora-pacs-"))
    gone = {"ae_title": "GONE", "host": "127.0.0.1", "port": free_port(), "timeout_s": 5.0}
    overrides = {"pacs.nodes": {"main": orthanc.node(), "gone": gone}, "dicom.port": 0}
    try:
        with working_services(root / "data", overrides) as services, served(services) as site:
            listener = DicomListener(services.importer, services.settings, services.pacs.awaited)
            listener.start()
            orthanc.knows("NORA", listener.port)
            services.pacs.start()
            yield site
            services.pacs.close()
            listener.stop()
    finally:
        shutil.rmtree(root)


@pytest.fixture
def shell(linked, capsys, monkeypatch):
    use_server(monkeypatch, linked)
    return Shell(capsys, linked.services, "default")


def test_PACS_12_nodes_are_listed_and_echo_tells_which_answer(shell):
    code, out, _ = shell.run("pacs", "nodes", "-p", "default", "--json")
    assert code == 0
    assert [row["name"] for row in json.loads(out)] == ["gone", "main"]
    code, out, err = shell.run("pacs", "echo", "-p", "default")
    assert code == 1
    assert "main (ARCHIVE at 127.0.0.1:" in out
    assert "does not answer" in err


def test_PACS_04_find_prints_series_studies_and_whom_the_archive_has_not(shell, tmp_path):
    code, out, err = shell.run("pacs", "find", "main", "-p", "default", "--patient", "Q*", "--csv")
    assert code == 0, err
    head, *rows = out.splitlines()
    assert head.startswith("patient_id,date,number,description")
    assert sorted(row.split(",")[0] for row in rows) == ["Q1", "Q2"]
    code, out, _ = shell.run(
        "pacs", "find", "main", "-p", "default", "--name", "NAME1*", "--studies", "--json"
    )
    [study] = json.loads(out)["studies"]
    assert (study["patient_id"], study["patient_name"]) == ("Q1", "NAME1^X")
    listed = tmp_path / "list.txt"
    listed.write_text("PatientID\nQ1\nQ7\n")
    words = ("pacs", "find", "main", "-p", "default", "--patients", str(listed), "--missing")
    assert shell.run(*words)[:2] == (0, "Q7\n")


def test_PACS_09_x02_pull_brings_what_was_found_and_tells_how_far_it_is(shell, linked):
    words = ("pacs", "pull", "main", "-p", "default", "--patient", "Q1")
    code, out, err = shell.run(*words, "--dry-run")
    assert (code, "1 would come, 0 here already" in out) == (0, True), err
    code, out, err = shell.run(*words)
    assert (code, out.splitlines()[-1]) == (0, "1 done"), err
    [row] = json.loads(shell.run("pacs", "pulls", "-p", "default", "--json")[1])
    assert (row["state"], row["n_received"], row["n_expected"]) == ("done", 3, 3)
    assert UID not in json.dumps(row)
    with linked.local() as http:
        receipt = wait_until(
            lambda: (
                (found := http.get(f"/receipts/{row['receipts'][0]}").json())["state"] == "done"
                and found
            ),
            "it is in the project",
        )
    assert receipt["studies"] == ["S-0001#2024-05-02"]
    code, out, _ = shell.run(*words)
    assert (code, "0 come, 1 here already" in out) == (0, True)
    code, out, _ = shell.run("pacs", "pulls", "-p", "default", "--batch", row["batch"], "--retry")
    assert (code, out) == (0, "0 changed\n")
    assert shell.run("pacs", "pulls", "-p", "default", "--retry")[0] == 2


def test_PACS_x02_pulled_objects_are_taken_away_as_they_came_by_those_who_may(shell, linked):
    words = ("-p", "default", "--patient", "Q1", "--again")
    assert shell.run("pacs", "pull", "main", *words)[0] == 0
    row = json.loads(shell.run("pacs", "pulls", "-p", "default", "--json")[1])[0]
    where, what = "/projects/default/pacs/pulls/raw", {"batch": row["batch"]}
    with linked.bearer("reader download") as http:
        assert http.get(where, params=what).status_code == 403
    with linked.bearer("reader download deanonym") as http:
        answer = http.get(where, params=what)
        assert http.get(where, params={"batch": "none"}).status_code == 404
        assert http.get(where).status_code == 404
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = archive.namelist()
        read = [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in names]
    assert len(names) == 3
    assert {one.PatientID for one in read} == {"Q1"}
    assert not any(secret in str(names) for secret in ("Q1", "NAME1", UID))
    with linked.services.catalog.read() as con:
        sql = "SELECT target FROM operations WHERE verb = 'pacs-raw'"
        assert [json.loads(one[0])["n"] for one in con.execute(sql)] == [3]


def test_a_pull_that_fails_is_told_and_cancelled(shell):
    words = ("-p", "default", "--patient", "Q2", "--no-wait", "--again")
    assert shell.run("pacs", "pull", "main", *words)[0] == 0
    with shell.services.catalog.read() as con:
        batch = con.execute("SELECT batch FROM pacs_pulls ORDER BY id DESC").fetchone()[0]
    code, out, _ = shell.run("pacs", "pulls", "-p", "default", "--batch", batch, "--cancel")
    assert code == 0
    assert out in ("0 changed\n", "1 changed\n")  # it may have come by now


def test_PACS_x02_a_pull_tells_whether_rules_run_on_it_and_its_pauses(shell, linked):
    words = ("pacs", "pull", "main", "-p", "default", "--patient", "Q2", "--again")
    ways = ("--move-pause", "0", "--find-pause", "0")
    assert shell.run(*words, *ways, "--no-autoexec")[0] == 0
    assert shell.run(*words, *ways, "--autoexec_queue", "DPXimport")[0] == 0
    assert shell.run(*words, "--autoexec-queue", "DEFAULT")[0] == 0
    with shell.services.catalog.read() as con:
        sql = "SELECT autoexec, autoexec_queue, move_pause_s FROM pacs_pulls ORDER BY id DESC"
        rows = [tuple(row) for row in con.execute(f"{sql} LIMIT 3")]
    assert rows == [(1, "", None), (1, "DPXimport", 0.0), (0, "", 0.0)]
    with linked.bearer() as http:
        pulls = http.get("/projects/default/pacs/pulls").json()["items"][:3]
    names = ("autoexec", "autoexec_queue", "move_pause_s")
    assert [tuple(one[name] for name in names) for one in pulls] == rows
    code, _, err = shell.run(*words, "--autoexec-queue", "nowhere")
    assert (code, "no queue 'nowhere'" in err) == (2, True)
    assert shell.run(*words, "--autoexec-queue", "DPXimport", "--no-autoexec")[0] == 2


def test_PACS_x02_who_may_not_run_batches_chooses_no_queue_for_those_of_rules(linked):
    wished = [{"study_uid": f"{UID}.2", "series_uid": f"{UID}.2.3"}]
    body = {"node": "main", "wished": wished, "dry_run": True, "autoexec_queue": "DPXimport"}
    where = "/projects/default/pacs/pulls"
    with linked.bearer("reader editor") as http:
        assert http.post(where, json=body).status_code == 403
        off = {**body, "autoexec_queue": "", "autoexec": False, "move_pause_s": 2.0}
        assert http.post(where, json=off).status_code == 202
        assert http.post(where, json={**off, "move_pause_s": -1}).status_code in (400, 422)
    with linked.bearer("reader editor batch") as http:
        assert http.post(where, json=body).status_code == 202


def test_what_cannot_be_asked_is_told(shell):
    code, _, err = shell.run("pacs", "find", "main", "-p", "default")
    assert (code, "Narrow it" in err) == (2, True)
    code, _, err = shell.run("pacs", "find", "-p", "default", "--patient", "Q1")
    assert (code, "gone, main" in err) == (2, True)
    code, _, err = shell.run("pacs", "find", "gone", "-p", "default", "--patient", "Q1")
    assert (code, "does not answer" in err) == (1, True)


def test_a_misspelt_field_of_a_query_is_an_error(linked):
    with linked.bearer() as http:
        body = {"node": "main", "query": {"pateint_id": "Q1"}}
        answer = http.post("/projects/default/pacs/searches", json=body)
    assert answer.status_code in (400, 422)


def test_PACS_10_who_may_not_see_identities_searches_and_pulls_by_numbers(linked):
    with linked.bearer("reader editor") as http:
        for query in ({"patient_id": "Q1"}, {"patient_name": "N*"}, {"patients": ["Q1"]}):
            body = {"node": "main", "query": {"modality": "MR", **query}}
            assert http.post("/projects/default/pacs/searches", json=body).status_code == 403
        body = {"node": "main", "query": {"modality": "MR"}, "names": True}
        assert http.post("/projects/default/pacs/searches", json=body).status_code == 403
        found = http.post("/projects/default/pacs/searches", json={**body, "names": False}).json()
        where = f"/projects/default/pacs/searches/{found['key']}"
        assert http.get(where, params={"names": True}).status_code == 403
        found = wait_until(
            lambda: (now := http.get(where).json())["state"] == "done" and now, "it is through"
        )
        told = json.dumps(found)
        assert not any(secret in told for secret in ("Q1", "NAME", "1970", UID))
        assert sorted(one["patient_id"] for one in found["studies"]) == ["#1", "#2"]
        [first, _] = found["series"]
        wished = [{"study_uid": first["study_uid"], "series_uid": first["series_uid"]}]
        pull = {"node": "main", "search": found["key"], "wished": wished, "dry_run": True}
        answer = http.post("/projects/default/pacs/pulls", json=pull)
        assert answer.json()["fates"][0]["action"] in ("pull", "here"), answer.text
        pull["wished"] = [{"study_uid": "0", "series_uid": "99"}]
        assert http.post("/projects/default/pacs/pulls", json=pull).status_code == 400
        rest = http.get(where, params={"studies_from": 1, "series_from": 2, "log_from": 1}).json()
        assert (len(rest["studies"]), len(rest["series"])) == (1, 0)
        assert rest["log"] == found["log"][1:]


def test_the_command_line_tells_no_names_when_it_is_told_so(shell):
    words = ("main", "-p", "default", "--modality", "MR", "--no-names")
    code, out, err = shell.run("pacs", "find", *words, "--csv")
    assert code == 0, err
    assert sorted(row.split(",")[0] for row in out.splitlines()[1:]) == ["#1", "#2"]
    code, out, err = shell.run("pacs", "pull", *words, "--dry-run")
    assert (code, "here already" in out) == (0, True), err


def test_a_pull_begins_when_it_is_told_to(linked):
    wished = [{"study_uid": f"{UID}.9", "series_uid": f"{UID}.9.1"}]
    body = {"node": "main", "wished": wished, "begin_at": "2999-01-01T00:00:00Z"}
    with linked.bearer() as http:
        batch = http.post("/projects/default/pacs/pulls", json=body).json()["batch"]
        where = "/projects/default/pacs/pulls"
        [pull] = http.get(where, params={"batch": batch}).json()["items"]
        assert (pull["state"], pull["reason"]) == ("queued", "waits until 2999-01-01T00:00:00.000Z")
        act = {"action": "cancel", "batch": batch}
        assert http.post(f"{where}/actions", json=act).json()["n"] == 1


def test_PACS_x02_the_command_line_pulls_later_and_takes_raw_objects_away(shell, tmp_path):
    words = ("-p", "default", "--patient", "Q1", "--again")
    code, out, _ = shell.run("pacs", "pull", "main", *words, "--begin-at", "2999-01-01T12:00")
    assert (code, "--batch" in out) == (0, True)
    [row, *_] = json.loads(shell.run("pacs", "pulls", "-p", "default", "--json")[1])
    assert (row["state"], row["reason"].startswith("waits until 2999-01-01T")) == ("queued", True)
    assert shell.run("pacs", "pulls", "-p", "default", "--batch", row["batch"], "--cancel")[0] == 0
    for wrong in ("noon", "2999-99-01T12:00"):
        assert shell.run("pacs", "pull", "main", *words, "--begin-at", wrong)[0] == 2
    assert shell.run("pacs", "pull", "main", *words)[0] == 0
    [row, *_] = json.loads(shell.run("pacs", "pulls", "-p", "default", "--json")[1])
    target = tmp_path / "raw.zip"
    where = ("-p", "default", "--batch", row["batch"], "-o", str(target))
    assert shell.run("pacs", "raw", *where)[0] == 0
    with zipfile.ZipFile(target) as archive:
        assert len(archive.namelist()) == 3
    assert shell.run("pacs", "raw", "-p", "default")[0] == 2


def test_that_names_were_seen_is_put_on_record(linked):
    with linked.bearer("reader editor deanonym") as http:
        body = {"node": "main", "query": {"modality": "MR"}}
        found = http.post("/projects/default/pacs/searches", json=body).json()
        where = f"/projects/default/pacs/searches/{found['key']}"

        def seen():
            with linked.services.catalog.read() as con:
                sql = "SELECT count(*) FROM operations WHERE verb = 'pacs-names'"
                return con.execute(sql).fetchone()[0]

        before = seen()
        assert http.get(where).status_code == 200
        assert seen() == before
        for _ in range(2):
            assert http.get(where, params={"names": True}).status_code == 200
        assert seen() == before + 1


def test_PACS_12_archives_that_the_command_line_sets_are_not_changed_here(linked):
    with linked.bearer() as http:
        shown = http.get("/pacs/nodes").json()
        assert (sorted(shown["nodes"]), shown["fixed_by"]) == (["gone", "main"], "command line")
        answer = http.put("/pacs/nodes/more", json={"ae_title": "X", "host": "h"})
    assert (answer.status_code, "command line" in answer.json()["detail"]) == (409, True)


@pytest.fixture
def bare():
    """A server that knows no archive."""
    root = Path(tempfile.mkdtemp(prefix="nora-pacs-"))
    try:
        with working_services(root / "data") as services, served(services) as site:
            yield site
            services.pacs.close()
    finally:
        shutil.rmtree(root)


def test_PACS_12_x04_archives_are_entered_tried_changed_and_removed(bare, orthanc):
    node = {**orthanc.node(), "projects": ["default"], "window": "20:00-06:00"}
    with bare.bearer() as http:
        shown = http.get("/pacs/nodes").json()
        assert (shown["ae_title"], shown["fixed_by"], shown["nodes"]) == ("NORA", "", {})
        tried = http.post("/pacs/nodes/main/echo", json=node).json()
        assert (tried["ok"], "answers" in tried["text"]) == (True, True), tried
        assert http.get("/projects/default/pacs/nodes").json()["items"] == []
        wrong = {**node, "host": ""}
        assert http.post("/pacs/nodes/main/echo", json=wrong).json()["ok"] is False
        assert http.put("/pacs/nodes/main", json=wrong).status_code >= 400
        assert http.put("/pacs/nodes/main", json={**node, "hosst": "x"}).status_code == 400
        for bad in ({"window": "20-6"}, {"find_pause_s": -1}, {"tries": 0}):
            assert http.put("/pacs/nodes/main", json={**node, **bad}).status_code >= 400
        assert http.put("/pacs/nodes/main", json=node).status_code == 200
        assert http.post("/projects/default/pacs/nodes/main/echo").json()["ok"] is True
        [row] = http.get("/projects/default/pacs/nodes").json()["items"]
        assert (row["name"], row["window"], row["last"]["ok"]) == ("main", "20:00-06:00", True)
        kept = load_settings(bare.services.folder.root).pacs.nodes
        assert kept["main"] == bare.services.pacs.known.all["main"]
        assert http.put("/pacs/nodes/main", json={**node, "window": ""}).status_code == 200
        [row] = http.get("/projects/default/pacs/nodes").json()["items"]
        assert (row["window"], row["last"]) == ("", None)
        assert http.delete("/pacs/nodes/main").status_code == 200
        assert http.get("/projects/default/pacs/nodes").json()["items"] == []
        assert http.delete("/pacs/nodes/main").status_code == 404
    assert load_settings(bare.services.folder.root).pacs.nodes == {}


def test_PACS_12_archives_are_set_and_removed_by_command(bare, orthanc, capsys, monkeypatch):
    use_server(monkeypatch, bare)
    shell = Shell(capsys, bare.services, "default")

    def run(*words):
        return shell.run("pacs", *words, "-p", "default")

    node = ("ae_title=ARCHIVE", "host=127.0.0.1", f"port={orthanc.port}", "projects=default, more")
    code, out, _ = run("set", "main", *(word for one in node for word in ("--set", one)))
    assert (code, "answers" in out) == (0, True)
    code, _, err = run("set", "main", "--set", "port=1", "--set", "push=true")
    assert (code, "does not answer" in err) == (0, True)
    found = bare.services.pacs.known.all["main"]
    assert (found.host, found.port, found.push) == ("127.0.0.1", 1, True)
    assert found.projects == ["default", "more"]
    shown = json.loads(run("settings", "main", "--json")[1])["main"]
    assert (shown["push"], shown["port"]) == (True, 1)
    assert "push_check" in run("settings")[1]
    for wrong in ("port", "port=many", "hosst=x", "tries=0"):
        assert run("set", "main", "--set", wrong)[0] == 2
    assert run("set")[0] == 2
    assert run("remove", "main")[0] == 0
    assert bare.services.pacs.known.all == {}
    assert run("remove", "main")[0] == 2
