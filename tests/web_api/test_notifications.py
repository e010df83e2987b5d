"""The API of notifications: each sees its own, says what it wants, and hears of its own only."""

from __future__ import annotations

import json

import httpx
import pytest

from appliance import catalog
from appliance.catalog import Grant
from tests.web_api.conftest import Site

API = "/api/v1/notifications"


@pytest.fixture(scope="module")
def people(works: Site) -> dict[str, httpx.Client]:
    """Callers with tokens: an administrator, who manages a project, and a reader of another."""
    services = works.services

    def make(tx: catalog.Tx) -> dict[str, str]:
        found = {"owner": catalog.issue_token(tx, "t")}
        for login, project, grant in (
            ("boss", "noted", Grant(role="admin")),
            ("amy", "noted", Grant(readonly=False)),
            ("other", "elsewhere", Grant(role="admin")),
        ):
            catalog.create_user(tx, login, actor="o")
            project_id = catalog.ensure_project(tx, project).id
            catalog.set_grant(tx, login, project_id, grant, actor="o")
            found[login] = catalog.issue_token(tx, "t", login=login)
        return found

    tokens = services.catalog.write(make)
    return {
        login: httpx.Client(
            base_url=works.url, headers={"Authorization": f"Bearer {token}"}, timeout=20
        )
        for login, token in tokens.items()
    }


def arrive(site: Site, key: str, state: str = "waiting", project: str = "noted") -> None:
    """Tell of an arrival, and look."""
    facts = {"key": key, "state": state, "project": project}
    site.services.catalog.write(lambda tx: tx.event("receipt.changed", **facts))
    site.services.notifications.notifier.look()


def titles(http: httpx.Client, **query: object) -> list[str]:
    return [one["title"] for one in http.get(API, params=query).raise_for_status().json()["items"]]


def test_everybody_sees_and_marks_what_is_their_own(
    works: Site, people: dict[str, httpx.Client]
) -> None:
    arrive(works, "n-1")
    told = "An arrival waits for a decision"
    assert told in titles(people["boss"])
    assert told in titles(people["owner"], unread="true")
    assert titles(people["amy"]) == titles(people["other"]) == []
    (row,) = people["boss"].get(API).json()["items"]
    assert row["project"] == "noted"
    assert people["other"].post(f"{API}/read", json={"keys": [row["key"]]}).json() == {"unread": 0}
    assert people["boss"].get(f"{API}/unread").json() == {"unread": 1}
    assert people["boss"].post(f"{API}/read", json={"keys": [row["key"]]}).json() == {"unread": 0}
    again = {"keys": [row["key"]], "read": False}
    assert people["boss"].post(f"{API}/read", json=again).json() == {"unread": 1}
    assert people["boss"].post(f"{API}/read", json={}).json() == {"unread": 0}
    assert titles(people["boss"], unread="true") == []
    assert told in titles(people["owner"], unread="true"), "the owner has not read anything"


def test_rights_are_looked_up_when_somebody_looks(
    works: Site, people: dict[str, httpx.Client]
) -> None:
    arrive(works, "n-2", "failed")
    assert "An arrival failed" in titles(people["boss"])
    none = people["owner"].delete("/api/v1/projects/noted/members/boss")
    assert none.status_code == 204
    assert titles(people["boss"]) == []
    back = people["owner"].put("/api/v1/projects/noted/members/boss", json={"role": "admin"})
    assert back.status_code == 204
    assert "An arrival failed" in titles(people["boss"])


def test_preferences_name_the_kinds_that_can_reach_a_user(people: dict[str, httpx.Client]) -> None:
    found = {login: people[login].get(f"{API}/preferences").json() for login in ("owner", "amy")}
    kinds = {login: {one["kind"]: one for one in told["kinds"]} for login, told in found.items()}
    assert {"health", "disk_low", "backup_failed"} == set(kinds["owner"]) - set(kinds["amy"])
    assert kinds["owner"]["import_waiting"]["channels"] == ["browser"]
    assert kinds["amy"]["import_waiting"]["channels"] == []
    assert [one["state"] for one in found["amy"]["channels"]] == ["off", "off"]


def test_what_is_chosen_holds(works: Site, people: dict[str, httpx.Client]) -> None:
    amy = people["amy"]
    wants = {"email": "amy@lab.example", "choices": {"import_done": ["browser", "email"]}}
    answer = amy.put(f"{API}/preferences", json=wants).raise_for_status().json()
    assert answer["email"] == "amy@lab.example"
    (kind,) = [one for one in answer["kinds"] if one["kind"] == "import_done"]
    assert (kind["channels"], kind["chosen"]) == (["browser", "email"], True)
    arrive(works, "n-3", "done")
    assert titles(amy) == ["An arrival is in"]
    for wrong in ({"email": "x"}, {"choices": {"none": []}}, {"choices": {"health": ["post"]}}):
        assert amy.put(f"{API}/preferences", json=wrong).status_code == 400


def test_only_administrators_test_and_an_unset_channel_says_so(
    people: dict[str, httpx.Client],
) -> None:
    body = {"channel": "webhook"}
    assert people["boss"].post(f"{API}/test", json=body).status_code == 403
    answer = people["owner"].post(f"{API}/test", json=body)
    assert answer.status_code == 409
    assert "webhook_url" in answer.json()["hint"]


def test_the_stream_tells_each_user_of_their_own_only(
    works: Site, people: dict[str, httpx.Client]
) -> None:
    since = works.services.catalog.last_seq()
    arrive(works, "n-4", "failed")
    with works.services.catalog.read() as con:
        ids = dict(con.execute("SELECT login, id FROM users").fetchall())
    for login in ("owner", "boss"):
        with people[login].stream("GET", f"/api/v1/events?since={since}") as stream:
            lines = stream.iter_lines()
            assert "event: notification.changed" in lines  # reads on until it comes
            told = json.loads(next(lines).removeprefix("data: "))
        assert told["user_id"] == ids[login]


def test_settings_show_no_secret(people: dict[str, httpx.Client]) -> None:
    keys = {one["key"] for one in people["owner"].get("/api/v1/settings").json()["items"]}
    assert "notifications.smtp_host" in keys
    assert not {key for key in keys if "password" in key or "secret" in key}
