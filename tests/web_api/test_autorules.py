"""Autoexecution over the API and the command line: what arrives is processed by itself, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.waiting import wait_until
from tests.web_api.conftest import Site
from tests.web_api.test_arrivals import closed, upload, volume

BATCH = {
    "jobs": [
        {
            "name": "count",
            "language": "bash",
            "code": 'wc -c < "$f1" > "$o1"',
            "args": [
                {"id": "f1", "kind": "FILE", "value": "*.nii", "take": "all", "multiple": True},
                {"id": "o1", "kind": "OUT", "value": "out/n.txt TAG(counted)"},
            ],
        }
    ]
}
RULES = "/projects/auto/autorules"
RULE = {"batch": "count", "quiet_minutes": 0}


@pytest.fixture
def http(works: Site) -> Iterator[httpx.Client]:
    with works.bearer() as client:
        client.post("/projects", json={"name": "auto"})
        client.put("/batches/saved/count", params={"project": "auto"}, json=BATCH)
        yield client
        for row in client.get(RULES).json()["items"]:
            client.delete(f"{RULES}/{row['name']}").raise_for_status()


def arrive(http: httpx.Client, name: str, subject: str, body: bytes) -> dict[str, Any]:
    answer = upload(http, name, body, project="auto", subject=subject, study="2024")
    return closed(http, answer.json()["key"])


def jobs(http: httpx.Client, subject: str) -> list[dict[str, Any]]:
    params = {"project": "auto", "search": subject, "state": "all"}
    rows = http.get("/jobs", params=params).raise_for_status().json()["items"]
    return [row for row in rows if row["name"] == "count"]


def firings(http: httpx.Client, subject: str) -> list[str]:
    rows = http.get("/projects/auto/autofirings").raise_for_status().json()["items"]
    return [row["state"] for row in rows if row["psid"].startswith(f"{subject}#")]


def fired(http: httpx.Client, subject: str, n: int) -> list[dict[str, Any]]:
    """The jobs of a subject once `n` have run."""

    def look() -> list[dict[str, Any]] | None:
        found = jobs(http, subject)
        return found if len(found) >= n and {row["letter"] for row in found} == {"d"} else None

    return wait_until(look, f"{n} jobs of {subject}", show=lambda: http.get(RULES).text)


def test_GEN_07_an_upload_is_processed_by_itself_once_and_again_with_a_late_image(
    http: httpx.Client,
) -> None:
    assert http.put(f"{RULES}/new", json=RULE).status_code == 200
    arrive(http, "one.nii", "A-1", volume())
    (job,) = fired(http, "A-1", 1)
    assert job["psid"] == "A-1#2024"
    arrive(http, "one.nii", "A-1", volume())  # the same again
    arrive(http, "two.nii", "A-1", volume() + b"\0")
    assert len(fired(http, "A-1", 2)) == 2
    assert firings(http, "A-1") == ["submitted", "submitted"]
    files = http.get("/projects/auto/files", params={"files": "FTAG:counted"}).json()["items"]
    assert [row["psid"] for row in files] == ["A-1#2024"]


def test_PROJ_x08_what_is_done_is_not_done_again(http: httpx.Client) -> None:
    rule = {**RULE, "requires": "*.nii", "done": "FTAG:counted"}
    assert http.put(f"{RULES}/new", json=rule).status_code == 200
    arrive(http, "one.nii", "A-2", volume())
    fired(http, "A-2", 1)
    arrive(http, "two.nii", "A-2", volume() + b"\0")
    wait_until(lambda: "skipped" in firings(http, "A-2"), "it is left out")
    assert len(jobs(http, "A-2")) == 1
    tried = http.post(f"{RULES}/try", json={"rule": rule, "targets": ["A-2#2024"]}).json()
    assert tried["rows"][0]["why"] == "it is done: it fits 'FTAG:counted'"
    assert tried["counts"] == {"skip": 1}
    (row,) = http.get(RULES).json()["items"]
    assert (row["owner"], row["outdated"], row["problem"]) == ("owner", False, "")
    assert row["counts"]["submitted"] == 1


def test_PROJ_x08_what_cannot_be_is_told(http: httpx.Client) -> None:
    for wrong, status in (
        ({**RULE, "batch": "none"}, 404),
        ({**RULE, "requires": "(("}, 400),
        ({**RULE, "quiet_minutes": -1}, 400),
        ({**RULE, "what": 1}, 400),
    ):
        answer = http.put(f"{RULES}/bad", json=wrong)
        assert answer.status_code == status, answer.text
    assert http.delete(f"{RULES}/bad").status_code == 404
    run = http.post(f"{RULES}/run", json={"targets": ["A-2#2024"]})
    assert (run.status_code, "no autoexecution rule" in run.json()["detail"]) == (400, True)


def test_CLI_15_rules_are_run_for_a_study_on_demand(works: Site, http: httpx.Client) -> None:
    arrive(http, "one.nii", "A-3", volume())
    http.put(f"{RULES}/new", json={**RULE, "quiet_minutes": 600}).raise_for_status()
    body = {"targets": ["A-3#2024"], "queue": "DPXimport"}
    (done,) = http.post(f"{RULES}/run", json=body).raise_for_status().json()["items"]
    assert (done["action"], done["rule"], done["psid"]) == ("run", "new", "A-3#2024")
    (job,) = fired(http, "A-3", 1)
    assert (job["queue"], job["batch_key"]) == ("DPXimport", done["batch_key"])
    assert http.post(f"{RULES}/run", json={"targets": ["A-9#1"]}).status_code == 404
