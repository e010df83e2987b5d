"""Shared links (URL-01, URL-02, PROJ-x09): they keep a view, and give nobody more than they may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from appliance import catalog
from appliance.catalog import Grant
from tests.web_api.conftest import IMAGE, Site, add_file

PATH = "t1/linked.nii"
STATE: dict[str, Any] = {"version": 1, "layout": "2x2", "layers": [{"file": 0}, {"file": 1}]}


@pytest.fixture(scope="module")
def people(site: Site) -> Iterator[dict[str, httpx.Client]]:
    """A member of the project, a second one, its manager, and somebody without any right."""
    add_file(site.services, PATH, IMAGE, "image")

    def fill(tx: catalog.Tx) -> dict[str, str]:
        here = catalog.get_project(tx.con, "default").id
        tokens = {}
        for login, grant in {
            "ann": Grant(),
            "ben": Grant(),
            "mia": Grant(role="admin"),
            "out": None,
        }.items():
            catalog.create_user(tx, login, actor="owner")
            if grant is not None:
                catalog.set_grant(tx, login, here, grant, actor="owner")
            tokens[login] = catalog.issue_token(tx, "t", login=login)
        return tokens

    tokens = site.services.catalog.write(fill)
    clients = {
        login: httpx.Client(
            base_url=f"{site.url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        )
        for login, token in tokens.items()
    }
    yield clients
    for client in clients.values():
        client.close()


def body(http: httpx.Client, title: str = "Case 1") -> dict[str, Any]:
    found = http.get("/projects/default/files").json()["items"]
    return {"state": STATE, "files": [row["id"] for row in found], "title": title}


def make(http: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = http.post("/links?project=default", json={**body(http), **changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_URL_01_a_link_gives_the_view_back_with_the_files_as_they_are_now(
    site: Site, people: dict[str, httpx.Client]
) -> None:
    lost = add_file(site.services, "t1/lost.nii", IMAGE, "image")
    first = body(people["ann"])["files"][0]
    made = make(people["ann"], files=[first, lost])
    assert len(made["key"]) == 32
    assert (made["owner"], made["title"], made["rev"]) == ("ann", "Case 1", 1)
    site.services.catalog.write(lambda tx: catalog.trash_files(tx, [lost], "owner"))
    found = people["ben"].get(f"/links/{made['key']}").json()
    assert found["state"] == STATE
    assert found["files"][0]["id"] == first
    assert found["files"][0]["volume_url"]
    assert found["files"][1:] == [None]
    assert found["missing"] == ["S-0001#2024/t1/lost.nii"]
    assert found["link"]["may_change"] is False


def test_PROJ_x09_a_link_gives_no_right(people: dict[str, httpx.Client]) -> None:
    key = make(people["ann"])["key"]
    wrong = people["out"].get("/links/" + "0" * 32)
    hidden = people["out"].get(f"/links/{key}")
    assert hidden.status_code == wrong.status_code == 404
    assert hidden.json() == wrong.json()
    assert people["out"].put(f"/links/{key}", json=body(people["ann"])).status_code == 404
    assert people["out"].delete(f"/links/{key}").status_code == 404
    assert people["out"].get("/links?project=default").status_code == 404
    assert people["out"].post("/links?project=default", json={"state": STATE}).status_code == 404


def test_URL_01_a_file_of_another_project_is_as_if_it_were_not_there(
    site: Site, people: dict[str, httpx.Client]
) -> None:
    def fill(tx: catalog.Tx) -> int:
        other = catalog.ensure_project(tx, "hidden")
        study = catalog.ensure_study(tx, catalog.ensure_subject(tx, other.id, "H"), "1")
        return catalog.add_file(tx, study, "h.nii", size_bytes=1, mtime_ns=1, kind="image")

    files = [site.services.catalog.write(fill)]
    with site.bearer() as owner:
        key = make(owner, files=files)["key"]
        assert owner.get(f"/links/{key}").json()["files"][0]["path"] == "h.nii"
    answer = people["ann"].get(f"/links/{key}")
    assert (answer.json()["files"], answer.json()["missing"]) == ([None], [])
    assert "hidden" not in answer.text
    assert "h.nii" not in answer.text
    # Nor can a link be made of what one may not see.
    mine = {**body(people["ann"]), "files": files}
    assert people["ann"].post("/links?project=default", json=mine).status_code == 404


def test_URL_02_a_link_is_replaced_by_its_owner_and_forked_by_others(
    people: dict[str, httpx.Client],
) -> None:
    made = make(people["ann"])
    address = f"/links/{made['key']}"
    other = {**body(people["ann"], "Changed"), "state": {**STATE, "layout": "1x1"}}
    assert people["ben"].put(address, json={**other, "rev": 1}).status_code == 403
    changed = people["ann"].put(address, json={**other, "rev": 1}).json()
    assert (changed["rev"], changed["title"]) == (2, "Changed")
    assert people["ann"].put(address, json={**other, "rev": 1}).status_code == 409
    assert people["mia"].put(address, json={**other, "rev": 2}).json()["owner"] == "ann"
    fork = make(people["ben"], state=other["state"])
    assert fork["key"] != made["key"]
    assert people["ann"].get(f"/links/{fork['key']}").json()["state"]["layout"] == "1x1"


def test_URL_01_links_are_listed_and_revoked(people: dict[str, httpx.Client]) -> None:
    key = make(people["ann"])["key"]

    def keys(login: str) -> set[str]:
        items = people[login].get("/links?project=default").json()["items"]
        return {row["key"] for row in items}

    assert key in keys("ann") & keys("mia")
    assert key not in keys("ben")
    assert people["ben"].delete(f"/links/{key}").status_code == 403
    assert people["ann"].delete(f"/links/{key}").status_code == 200
    assert people["ann"].get(f"/links/{key}").status_code == 404
    # Saving over a link that somebody has revoked does not bring it back.
    assert people["ann"].put(f"/links/{key}", json=body(people["ann"])).status_code == 404


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"state": {"version": 9}}, "no version"),
        ({"state": {"version": 1, "x": "x" * 300_000}}, "too large"),
        ({"files": [1] * 501}, "at most"),
    ],
)
def test_what_is_no_view_is_refused(
    people: dict[str, httpx.Client], change: dict[str, Any], why: str
) -> None:
    answer = people["ann"].post("/links?project=default", json={**body(people["ann"]), **change})
    assert answer.status_code == 400
    assert why in answer.json()["detail"]
