"""How files were made, over the API: lineage, marks in the table, recomputing, replays, exports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.waiting import wait_until
from tests.web_api.conftest import Site
from tests.web_api.test_arrivals import closed, upload

FILES = "/projects/prov/files"


@pytest.fixture
def http(works: Site) -> Iterator[httpx.Client]:
    with works.bearer() as client:
        client.post("/projects", json={"name": "prov"})
        yield client


def text(http: httpx.Client, content: str, subject: str) -> None:
    body = content.encode()
    closed(
        http,
        upload(http, "in.txt", body, project="prov", subject=subject, study="1").json()["key"],
    )


def files(http: httpx.Client, pattern: str, subject: str) -> dict[str, dict[str, Any]]:
    rows = http.get(FILES, params={"files": pattern}).raise_for_status().json()["items"]
    return {row["name"]: row for row in rows if row["psid"].startswith(subject)}


def run(http: httpx.Client, subject: str, source: str, target: str) -> str:
    job = {
        "name": f"make {target}",
        "language": "bash",
        "code": 'tr a-z A-Z < "$f1" > "$o1"',
        "args": [
            {"id": "f1", "kind": "FILE", "value": source},
            {"id": "o1", "kind": "OUT", "value": target},
        ],
    }
    body = {"project": "prov", "name": "b", "jobs": [job], "targets": [f"{subject}#1"]}
    key = http.post("/batches", json=body).raise_for_status().json()["key"]
    done(http, key)
    return str(key)


def done(http: httpx.Client, batch: str) -> list[dict[str, Any]]:
    def ended() -> list[dict[str, Any]]:
        rows = http.get("/jobs", params={"batch": batch, "state": "all"}).json()["items"]
        return rows if all(row["letter"] not in "qr" for row in rows) else []

    rows = wait_until(ended, "the batch has ended")
    assert [(row["letter"], row["why"]) for row in rows] == [("d", "")] * len(rows)
    return rows


def test_a_file_tells_how_it_was_made_and_what_is_out_of_date(http: httpx.Client) -> None:
    text(http, "one", "P-1")
    first = run(http, "P-1", "in*.txt", "out/b.txt")
    second = run(http, "P-1", "out/b.txt", "out/c.txt")
    made = files(http, "out/*", "P-1")
    b, c = made["b.txt"]["id"], made["c.txt"]["id"]
    found = http.get(f"/files/{c}/provenance").raise_for_status().json()
    assert found["made"]["job_name"] == "make out/c.txt"
    assert found["made"]["started_at"].endswith("Z")
    assert [one["job_name"] for one in found["before"]] == ["make out/b.txt"]
    assert found["stale"] is None
    exported = http.get(f"/files/{c}/provenance/prov")
    assert "attachment" in exported.headers["content-disposition"]
    assert len(exported.json()["activity"]) == 2
    assert len(http.get(f"/batches/{first}/prov").json()["activity"]) == 1

    replay = http.post(f"/files/{c}/provenance/replay").raise_for_status().json()["job_key"]
    report = wait_until(
        lambda: (r := http.get(f"/jobs/{replay}/replay").json())["result"] != "running" and r,
        "the replay has ended",
    )
    assert report["result"] == "equal"

    (source,) = files(http, "*in.txt", "P-1").values()
    http.post("/trash", json={"files": [source["id"]]}).raise_for_status()
    wait_until(lambda: len(files(http, "STALE:*", "P-1")) == 2, "both are out of date")
    marked = files(http, "out/*", "P-1")
    assert "is in the trash" in marked["b.txt"]["stale"]
    assert marked["c.txt"]["stale"] == "out/b.txt, which it was made from, is out of date itself"
    assert http.get(f"/files/{b}").json()["stale"] == marked["b.txt"]["stale"]
    refused = http.post(f"/files/{b}/provenance/replay")
    assert refused.status_code == 409
    assert "trash" in refused.json()["detail"]

    text(http, "two", "P-1")
    plan = {"project": "prov", "files": [c]}
    tried = http.post("/recompute", json=plan | {"dry_run": True}).raise_for_status().json()
    assert (len(tried["jobs"]), tried["refused"], tried["n"]) == (2, {}, 0)
    assert [(one["name"], one["psid"], one["files"]) for one in tried["steps"]] == [
        ("make out/b.txt", "P-1#1", ["out/b.txt"]),
        ("make out/c.txt", "P-1#1", ["out/c.txt"]),
    ]
    assert "out/b.txt, which it was made from, is out of date" in tried["steps"][1]["why"]
    where = {"project": "prov", "dry_run": True}
    (row,) = http.get("/projects/prov/studies", params={"name": "P-1"}).json()["items"]
    for meant in ({"subjects": [row["subject_id"]]}, {"studies": [row["id"]]}, {}):
        assert http.post("/recompute", json=where | meant).json()["jobs"] == tried["jobs"]
    for other in ({"subjects": [10**6]}, {"studies": [10**6]}):
        assert http.post("/recompute", json=where | other).json()["n_files"] == 0
    assert http.post("/recompute", json=plan).raise_for_status().json()["n"] == 2
    done(http, first)
    done(http, second)
    wait_until(lambda: not files(http, "STALE:*", "P-1"), "nothing is out of date")


def test_a_file_that_no_job_made_says_so(http: httpx.Client) -> None:
    text(http, "plain", "P-2")
    (row,) = files(http, "*in.txt", "P-2").values()
    found = http.get(f"/files/{row['id']}/provenance").json()
    assert (found["made"], found["before"], found["after"]) == (None, [], [])
    assert http.post(f"/files/{row['id']}/provenance/replay").status_code == 404
    assert http.get(f"/files/{row['id']}/provenance/prov").status_code == 404
