"""Arrivals over the API: all failures tried again, given to another project, files as they came."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.web_api.conftest import Site
from tests.web_api.test_arrivals import closed, upload


@pytest.fixture
def http(works: Site) -> Iterator[httpx.Client]:
    with works.bearer() as client:
        client.post("/projects", json={"name": "elsewhere"})
        yield client


def lost(http: httpx.Client) -> str:
    """An arrival of one file that names no target."""
    key: str = upload(http, "what.xyz", b"who knows", project="default").json()["key"]
    assert closed(http, key)["state"] == "failed"
    return key


def test_an_arrival_is_given_to_another_project(http: httpx.Client) -> None:
    key = lost(http)
    body = {"project": "elsewhere"}
    assert http.post(f"/receipts/{key}/assign", json=body).status_code == 202
    assert closed(http, key)["project"] == "elsewhere"
    assert http.post(f"/receipts/{key}/assign", json=body).status_code == 409
    nowhere = http.post(f"/receipts/{key}/assign", json={"project": "nowhere"})
    assert nowhere.status_code == 404


def test_a_file_is_downloaded_as_it_came_by_who_may_see_names(
    works: Site, http: httpx.Client
) -> None:
    key = lost(http)
    (item,) = http.get(f"/receipts/{key}").json()["items"]
    where = f"/receipts/{key}/items/{item['id']}/original"
    answer = http.get(where)
    assert (answer.status_code, answer.content) == (200, b"who knows")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert http.get(f"/receipts/{key}/items/999999/original").status_code == 404
    with works.bearer(scope="reader editor") as limited:
        assert limited.get(where).status_code == 403


def test_all_that_failed_is_tried_again(http: httpx.Client) -> None:
    key = lost(http)
    before = http.get(f"/receipts/{key}").json()["updated_at"]
    assert http.post("/receipts/retry").raise_for_status().json()["n"] >= 1
    closed(http, key)
    assert http.get(f"/receipts/{key}").json()["updated_at"] > before
