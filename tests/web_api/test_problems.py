"""Every error is a problem with a key and a hint, and tells nothing of our insides."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.core import DiskFull
from appliance.web.problems import to_problem
from tests.web_api.conftest import Site


def test_our_errors_keep_key_hint_and_facts() -> None:
    problem = to_problem(DiskFull("no room", hint="Make some.", needed_bytes=5))
    assert (problem.status, problem.key, problem.hint) == (507, "disk_full", "Make some.")
    assert problem.facts == {"needed_bytes": 5}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "key"),
    [
        ("GET", "/projects/none/studies", None, 404, "not_found"),
        ("GET", "/nothing", None, 404, "not_found"),
        ("GET", "/files/12x", None, 404, "not_found"),
        ("PATCH", "/projects", None, 405, "invalid"),
        ("POST", "/projects", {"name": "../up"}, 400, "invalid"),
        ("POST", "/projects", {"nam": "x"}, 400, "invalid"),
        ("POST", "/select", {"project": "none", "selector": "*"}, 404, "not_found"),
        ("GET", "/projects/default/studies?limit=0", None, 400, "invalid"),
        ("GET", "/projects/default/studies?sort=evil", None, 400, "invalid"),
        ("POST", "/sql", {"sql": "DELETE FROM files"}, 403, "refused"),
        ("POST", "/sql", {"sql": "SELECT * FROM tokens"}, 403, "refused"),
        ("POST", "/sql", {"sql": "SELEC"}, 400, "invalid"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    site: Site, image: int, *, method: str, path: str, body: Any, status: int, key: str
) -> None:
    with site.bearer() as http:
        answer = http.request(method, path, json=body)
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["key"]) == (status, status, key)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]


def test_a_wrong_field_is_named(site: Site) -> None:
    with site.bearer() as http:
        problem = http.post("/tags", json={"level": "planet", "ids": [1]}).json()
    assert "level" in str(problem["facts"]) + problem["detail"]


def test_broken_json_is_the_callers_fault(site: Site) -> None:
    with site.bearer() as http:
        answer = http.post("/tags", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_a_fault_of_ours_shows_an_incident_and_nothing_else(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with site.bearer() as http:
        answer = http.get("/health")  # this site has no upkeep part
    problem = answer.json()
    assert (answer.status_code, problem["key"]) == (500, "error")
    assert "NoneType" not in answer.text
    assert problem["facts"]["incident"] in caplog.text
