"""Batches and jobs over the API: tried, started, followed, stopped; and what a job may do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from appliance import catalog
from tests.support.waiting import wait_until
from tests.web_api.conftest import Site, add_file

COPY = 'cp "$f1" "$o1"; echo copied'


@pytest.fixture
def http(works: Site) -> Iterator[httpx.Client]:
    add_file(works.services, "t1/s001.nii", b"not really", "image")
    with works.bearer() as client:
        yield client


def batch(code: str, name: str = "copy", **more: Any) -> dict[str, Any]:
    args = [
        {"id": "f1", "kind": "FILE", "value": "t1/s001.nii"},
        {"id": "o1", "kind": "OUT", "value": f"out/{name}.txt TAG(made)"},
    ]
    job = {"name": name, "language": "bash", "code": code, "args": args}
    return {
        "project": "default",
        "name": name,
        "jobs": [job],
        "targets": ["S-0001#2024"],
        **more,
    }


def ended(http: httpx.Client, batch_key: str) -> dict[str, Any]:
    """The one job of a batch, once it has ended."""

    def look() -> dict[str, Any] | None:
        job = http.get("/jobs", params={"batch": batch_key}).raise_for_status().json()["items"][0]
        return None if job["letter"] in "qr" else job

    return wait_until(look, "the job has ended")


def test_a_dry_run_tells_and_starts_nothing(http: httpx.Client) -> None:
    before = http.get("/jobs").json()["total"]
    answer = http.post("/batches", json=batch(COPY, dry_run=True))
    assert answer.status_code == 200
    [row] = answer.json()["rows"]
    assert (row["psid"], row["problem"]) == ("S-0001#2024", None)
    assert row["args"]["f1"][0].endswith("/S-0001/2024/t1/s001.nii")
    assert http.get("/jobs").json()["total"] == before


def test_BATCH_x03_a_dry_run_comes_bit_by_bit_and_stops_when_nobody_listens(
    works: Site, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from appliance.jobs import batches

    monkeypatch.setattr(batches, "_PIECE_S", 0.0)  # a clock that is over after every chain
    looked: list[str] = []
    at = batches.Look.at
    go = threading.Event()

    def watched(self: Any, con: Any, chain: Any) -> Any:
        looked.append(chain.psid)
        assert len(looked) == 1 or go.wait(30)
        return at(self, con, chain)

    monkeypatch.setattr(batches.Look, "at", watched)
    with works.services.catalog.read() as con:
        study = con.execute("SELECT subject_id FROM studies").fetchone()[0]
    for n in range(40):
        works.services.catalog.write(lambda tx, n=n: catalog.ensure_study(tx, study, f"d{n}"))  # type: ignore[misc]
    targets = ["S-0001#2024", *(f"S-0001#d{n}" for n in range(40))]
    asked = batch(COPY, targets=targets, limit=4)
    with http.stream("POST", "/batches/dry-run", json=asked) as answer:
        lines = answer.iter_lines()
        first = json.loads(next(lines))
        assert (first["n"], first["total"], len(first["rows"])) == (1, 41, 1)
        go.set()
        rest = [json.loads(line) for line in lines]
    assert (rest[-1]["n"], rest[-1]["counts"]) == (41, {"run": 1, "problem": 40})
    assert sum(len(one["rows"]) for one in (first, *rest)) == 4
    looked.clear()
    go.clear()
    with http.stream("POST", "/batches/dry-run", json=asked) as answer:
        next(answer.iter_lines())
    http.get("/jobs")  # by now it has seen that nobody listens
    go.set()
    before = -1
    while before != len(looked):
        before = len(looked)
        time.sleep(0.3)
    assert len(looked) < 41
    refused = http.post("/batches/dry-run", json={**asked, "jobs": []})
    assert (refused.status_code, refused.json()["key"]) == (400, "invalid")


def test_a_dry_run_puts_problems_first_and_counts_the_rest(http: httpx.Client) -> None:
    bad = batch(COPY)["jobs"][0]
    lost = [{"id": "f1", "kind": "FILE", "value": "nothing"}, bad["args"][1]]
    jobs = [bad, {**bad, "name": "lost", "args": lost}]
    asked = batch(COPY, jobs=jobs, mode="parallel", dry_run=True, limit=1)
    answer = http.post("/batches", json=asked).json()
    assert (answer["total"], answer["counts"]) == (2, {"run": 1, "problem": 1})
    [row] = answer["rows"]
    assert (row["job"], row["position"], row["findings"][0]["kind"]) == ("lost", 1, "no_match")
    choice = {"do": "without", "job": 1, "arg": "f1"}
    answer = http.post("/batches", json={**asked, "choices": [choice]}).json()
    assert answer["counts"] == {"run": 2}


def test_an_action_names_jobs_by_key_or_by_a_filter(http: httpx.Client) -> None:
    for body in ({}, {"keys": ["a"], "where": {}}):
        answer = http.post("/jobs/actions", json={"action": "dismiss", **body})
        assert (answer.status_code, answer.json()["hint"]) == (400, "Use keys, or where.")
    assert http.get("/jobs", params={"filter": ["name:x", "none:y"]}).status_code == 400


def test_a_batch_runs_and_its_output_appears_with_its_tag(http: httpx.Client) -> None:
    accepted = http.post("/batches", json=batch(COPY))
    assert (accepted.status_code, accepted.json()["n_jobs"]) == (202, 1)
    job = ended(http, accepted.json()["key"])
    assert (job["letter"], job["why"]) == ("d", "")
    log = http.get(f"/jobs/{job['key']}/log").json()
    assert "copied" in log["text"]
    assert log["done"]
    detail = http.get(f"/jobs/{job['key']}").json()
    assert [a["code"] for a in detail["attempts"]] == [0]
    assert {f["dir"] for f in detail["files"]} >= {"in", "out"}
    rows = http.get("/projects/default/files", params={"files": "out/copy"}).json()["items"]
    assert [(row["name"], row["tags"]) for row in rows] == [("copy.txt", ["made"])]


def test_a_job_that_fails_says_why_and_can_be_dismissed(http: httpx.Client) -> None:
    accepted = http.post("/batches", json=batch("exit 7", "fail")).json()
    job = ended(http, accepted["key"])
    assert job["letter"] == "e"
    assert "7" in job["why"]
    keys = [job["key"]]
    done = http.post("/jobs/actions", json={"keys": keys, "action": "suspend"}).json()
    assert (done["n"], list(done["refused"])) == (0, keys)
    done = http.post("/jobs/actions", json={"keys": keys, "action": "dismiss"}).json()
    assert (done["n"], done["refused"]) == (1, {})
    assert http.get("/jobs", params={"batch": accepted["key"]}).json()["items"] == []


def test_a_job_can_be_cancelled(http: httpx.Client) -> None:
    accepted = http.post("/batches", json=batch("sleep 600", "long")).json()

    def running() -> str | None:
        job = http.get("/jobs", params={"batch": accepted["key"]}).json()["items"][0]
        return job["key"] if job["letter"] == "r" else None

    key = wait_until(running, "the job runs")
    assert http.post(f"/jobs/{key}/cancel").status_code == 202
    assert ended(http, accepted["key"])["letter"] == "k"
    assert http.post(f"/jobs/{key}/explode").status_code == 400
    assert http.post("/jobs/none/cancel").status_code == 404


def test_a_batch_that_makes_no_sense_is_refused(http: httpx.Client) -> None:
    assert http.post("/batches", json=batch(COPY, targets=[])).status_code == 400
    assert http.post("/batches", json=batch(COPY, targets=["S-9#9"])).status_code == 404
    assert http.post("/batches", json=batch(COPY, level="galaxy")).status_code == 400
    assert http.post("/batches", json=batch(COPY, project="none")).status_code == 404


def test_references_in_code_become_arguments(http: httpx.Client) -> None:
    body = {"language": "bash", "code": 'cp "$f1" "${o1}"; echo \\$f2 $f12'}
    found = http.post("/batches/references", json=body).json()["args"]
    assert found == [{"id": "f1", "kind": "FILE"}, {"id": "o1", "kind": "OUT"}]


def test_batches_are_saved_by_name(http: httpx.Client) -> None:
    where = "/batches/saved/mine?project=default"
    assert http.put(where, json=batch(COPY)).json()["name"] == "mine"
    saved = http.get("/batches/saved?project=default").json()["items"]
    assert [one["doc"]["name"] for one in saved] == ["copy"]
    assert http.delete(where).status_code == 200
    assert http.get("/batches/saved?project=default").json()["items"] == []


def test_tools_are_listed_with_their_arguments(http: httpx.Client) -> None:
    tools = http.get("/tools").json()["items"]
    assert tools
    assert all(tool["menu"] and tool["name"] for tool in tools)


def test_a_job_adds_files_through_its_token_once_it_has_succeeded(http: httpx.Client) -> None:
    code = """
    echo '{"volume": 3}' > "$(dirname "$f1")/made.json"
    curl -sSf -X POST "$NORA_URL/api/v1/files/add" -H "Authorization: Bearer $NORA_TOKEN" \\
      -H 'Content-Type: application/json' \\
      -d "{\\"project\\": \\"$NORA_PROJECT\\", \\"paths\\": [\\"$(dirname "$f1")/made.json\\"],
           \\"tags\\": [\\"own\\"]}"
    cp "$f1" "$o1"
    """
    job = ended(http, http.post("/batches", json=batch(code, "adds")).json()["key"])
    log = http.get(f"/jobs/{job['key']}/log").json()["text"]
    assert job["letter"] == "d", log
    rows = http.get("/projects/default/files", params={"files": "t1/made"}).json()["items"]
    assert [row["tags"] for row in rows] == [["own"]]


def test_the_token_of_a_job_stays_in_its_project(works: Site, http: httpx.Client) -> None:
    key = ended(http, http.post("/batches", json=batch(COPY, "other")).json()["key"])["key"]
    works.services.catalog.write(lambda tx: catalog.ensure_project(tx, "foreign"))
    with works.bearer(scope="job", job_key=key) as job:
        assert job.get("/projects/default/studies").status_code == 200
        assert job.get("/projects/foreign/studies").status_code == 403
        body = {"project": "foreign", "selector": "*"}
        assert job.post("/select", json=body).status_code == 403
        add = {"project": "default", "paths": ["S-0001#2024/t1/s001.nii"]}
        assert job.post("/files/add", json=add).status_code == 409  # it runs no more


def test_health_and_backups_are_told(http: httpx.Client) -> None:
    health = http.get("/health").json()
    assert health["status"] in ("ok", "warning", "error", "unknown")
    assert {"id", "title", "level", "text", "hint", "fix"} <= health["checks"][0].keys()
    made = http.post("/backups")
    assert made.status_code == 202
    assert made.json()["verified"]
    assert made.json()["name"] in [one["name"] for one in http.get("/backups").json()["items"]]
    assert http.post("/health/fixes/none").status_code == 404
