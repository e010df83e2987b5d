"""Autoloaders over the API: presets with rights, the files of a case, ratings, what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from appliance import catalog
from appliance.catalog import Grant
from appliance.client import Client
from appliance.core import Conflict
from appliance.upkeep.kept import restore_kept, write_kept
from tests.web_api.conftest import IMAGE, Site, add_file

PRESET: dict[str, Any] = {"entries": [{"pattern": "walk*/s*.nii", "viewports": [0]}]}
CASE = "S-0001#2024"


@pytest.fixture(scope="module")
def people(site: Site) -> Iterator[dict[str, httpx.Client]]:
    """An editor, a reader, the project's manager, and somebody without any right."""
    add_file(site.services, "walk_3/s001.nii", IMAGE, "image")

    def fill(tx: catalog.Tx) -> dict[str, str]:
        here = catalog.get_project(tx.con, "default").id
        tokens = {}
        for login, grant in {
            "edith": Grant(readonly=False),
            "rob": Grant(),
            "mary": Grant(role="admin"),
            "nobody": None,
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
            params={"project": "default"},
            timeout=20,
        )
        for login, token in tokens.items()
    }
    yield clients
    for client in clients.values():
        client.close()


def keep(http: httpx.Client, name: str, share: str = "private", **preset: Any) -> httpx.Response:
    body = {"name": name, "share": share, "preset": {**PRESET, **preset}}
    return http.post("/presets", json=body)


def names(http: httpx.Client) -> list[str]:
    return [row["name"] for row in http.get("/presets").json()["items"]]


def test_AUTO_04_URL_04_presets_are_kept_by_name_and_seen_by_whom_they_are_shared_with(
    people: dict[str, httpx.Client],
) -> None:
    mine = keep(people["rob"], "only rob").json()
    assert (mine["owner"], mine["share"], mine["may_own"]) == ("rob", "private", True)
    assert mine["preset"]["entries"][0]["pattern"] == "walk*/s*.nii"
    keep(people["edith"], "from edith", "read")
    keep(people["mary"], "the project's", "standard")
    assert {"only rob", "from edith", "the project's"} <= set(names(people["rob"]))
    assert "only rob" not in names(people["mary"])
    shared = {row["name"]: row for row in people["rob"].get("/presets").json()["items"]}
    assert not shared["from edith"]["may_change"]
    assert keep(people["rob"], "to all", "read").status_code == 403
    assert keep(people["edith"], "to the project", "standard").status_code == 403
    assert keep(people["nobody"], "x").status_code == 404
    # A private preset is as if there were none, whatever somebody else may do.
    for login in ("mary", "nobody"):
        answers = [
            people[login].put(f"/presets/{mine['key']}", json={"name": "x"}),
            people[login].delete(f"/presets/{mine['key']}"),
        ]
        assert [answer.status_code for answer in answers] == [404, 404]


def test_AUTO_x01_presets_are_renamed_shared_saved_over_and_deleted(
    people: dict[str, httpx.Client],
) -> None:
    mary, edith = people["mary"], people["edith"]
    made = keep(mary, "heads", "writable").json()
    where = f"/presets/{made['key']}"
    changed = edith.put(where, json={"preset": {"level": "patient"}, "rev": made["rev"]})
    assert changed.json()["preset"]["level"] == "patient"
    assert edith.put(where, json={"preset": {}, "rev": made["rev"]}).status_code == 409
    assert edith.put(where, json={"name": "hers"}).status_code == 403
    assert people["rob"].put(where, json={"preset": {}}).status_code == 403
    renamed = mary.put(where, json={"name": "skulls", "share": "read"}).json()
    assert (renamed["name"], renamed["share"], renamed["owner"]) == ("skulls", "read", "mary")
    assert edith.delete(where).status_code == 403
    operation = mary.delete(where).json()["operation_id"]
    assert "skulls" not in names(mary)
    assert mary.put(where, json={"name": "back"}).status_code == 404
    mary.post(f"/operations/{operation}/undo").raise_for_status()
    assert "skulls" in names(mary)


def test_AUTO_x03_what_is_wrong_in_a_preset_is_told_with_its_entry(
    people: dict[str, httpx.Client],
) -> None:
    wrong = [{"pattern": "ok"}, {"pattern": "(t1"}]
    answer = keep(people["rob"], "wrong", entries=wrong)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("entry 2: ")
    nora = {"enableAutoloaders": True, "autoloaders": [], "calcpanel": {"code": "x()"}}
    made = people["rob"].post("/presets", json={"name": "of nora", "preset": nora}).json()
    assert made["left_out"] == ["calcpanel.code (code of a preset is never run)"]


def test_AUTO_01_a_case_gives_the_files_of_each_entry(people: dict[str, httpx.Client]) -> None:
    entries = [*PRESET["entries"], {"pattern": "none.nii"}, {"pattern": "(bad"}]
    asked = {"case": CASE, "entries": entries}
    found = people["rob"].post("/autoloader/case", json=asked).json()
    assert (found["case"], found["level"]) == (CASE, "study")
    first, second, third = found["entries"]
    assert [row["path"] for row in first["files"]] == ["walk_3/s001.nii"]
    assert first["files"][0]["volume_url"]
    assert (second["n"], second["problem"]) == (0, "")
    assert third["problem"]
    gone = people["rob"].post("/autoloader/case", json={**asked, "case": "S-0009"})
    assert gone.status_code == 404
    assert people["nobody"].post("/autoloader/case", json=asked).status_code == 404


def test_AUTO_01_ratings_of_a_cohort_are_listed(people: dict[str, httpx.Client]) -> None:
    edith = people["edith"]
    asked = {"cases": [CASE], "tags": ["QC_good", "QC_bad"], "entry": PRESET["entries"][0]}
    before = edith.post("/autoloader/ratings", json=asked).json()["items"][0]
    assert (before["level"], before["tags"]) == ("study", [])
    edith.post(
        "/tags", json={"level": "study", "ids": [before["id"]], "add": ["QC_bad"]}
    ).raise_for_status()
    after = edith.post("/autoloader/ratings", json=asked).json()["items"][0]
    assert after["tags"] == ["QC_bad"]
    assert after["file_id"] == before["file_id"] is not None
    of_file = edith.post("/autoloader/ratings", json={**asked, "of_file": True}).json()["items"][0]
    assert (of_file["level"], of_file["id"]) == ("file", after["file_id"])


def test_AUTO_04_presets_come_back_when_the_catalog_is_made_anew(
    site: Site, people: dict[str, httpx.Client]
) -> None:
    made = keep(people["rob"], "kept on disk").json()
    services = site.services
    write_kept(services.catalog, services.folder)
    people["rob"].delete(f"/presets/{made['key']}").raise_for_status()
    with services.catalog.read() as con:
        project = catalog.get_project(con, "default")
    services.catalog.write(lambda tx: restore_kept(tx, services.folder, project.id, project.key))
    back = {row["key"]: row for row in people["rob"].get("/presets").json()["items"]}
    assert back[made["key"]]["preset"] == made["preset"]
    assert back[made["key"]]["owner"] == "rob"


def test_URL_04_presets_through_the_client(site: Site, people: dict[str, httpx.Client]) -> None:
    with Client(socket=site.socket) as client:
        made = client.keep_preset("default", "by program", PRESET)
        with pytest.raises(Conflict):
            client.keep_preset("default", "by program", PRESET)
        changed = client.change_preset(made["key"], name="of the owner", rev=made["rev"])
        assert changed["name"] in {row["name"] for row in client.presets("default")}
        case = client.load_case("default", CASE, changed["preset"]["entries"])
        assert case["entries"][0]["n"] == 1
        assert client.ratings("default", [CASE], ["none of these"])[0]["tags"] == []
        assert client.forget_preset(made["key"]) > 0
        assert made["key"] not in {row["key"] for row in client.presets("default")}
