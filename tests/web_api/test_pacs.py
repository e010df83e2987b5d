"""Archives over the API and the command line, with a real Orthanc."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest

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


def test_a_pull_that_fails_is_told_and_cancelled(shell):
    words = ("-p", "default", "--patient", "Q2", "--no-wait", "--again")
    assert shell.run("pacs", "pull", "main", *words)[0] == 0
    with shell.services.catalog.read() as con:
        batch = con.execute("SELECT batch FROM pacs_pulls ORDER BY id DESC").fetchone()[0]
    code, out, _ = shell.run("pacs", "pulls", "-p", "default", "--batch", batch, "--cancel")
    assert code == 0
    assert out in ("0 changed\n", "1 changed\n")  # it may have come by now


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


def test_who_may_not_see_identities_may_not_search(linked):
    with linked.bearer("reader editor") as http:
        body = {"node": "main", "query": {"patient_id": "Q1"}}
        assert http.post("/projects/default/pacs/searches", json=body).status_code == 403
        assert http.get("/projects/default/pacs/nodes").status_code == 403
