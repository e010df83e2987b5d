"""Rules of routing over the API and the command line (GEN-07, PACS-x04)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.cli import main
from tests.exchange.kit import write_series
from tests.support.waiting import wait_until
from tests.web_api.conftest import Site
from tests.web_api.test_arrivals import closed, upload
from tests.web_api.test_autorules import BATCH

RULE = {
    "name": "led",
    "when": [{"field": "ProtocolName", "op": "like", "value": "led*"}],
    "doors": ["upload"],
    "project": "led",
    "tags": ["by-rule"],
    "fire": ["when-named"],
}


def keep(http: httpx.Client, *routes: dict[str, Any]) -> httpx.Response:
    rev = http.get("/routes").json()["rev"]
    return http.put("/routes", json={"routes": list(routes), "rev": rev})


@pytest.fixture
def http(works: Site) -> Iterator[httpx.Client]:
    with works.bearer() as client:
        client.post("/projects", json={"name": "led"})
        yield client
        keep(client).raise_for_status()


def send(http: httpx.Client, folder: Path, **facts: Any) -> str:
    (path,) = write_series(folder, n=1, **facts)
    key: str = upload(http, path.name, path.read_bytes(), project="default").json()["key"]
    closed(http, key)
    return key


def test_GEN_07_a_rule_leads_an_upload_and_fires_what_waits_to_be_named(
    http: httpx.Client, tmp_path: Path
) -> None:
    http.put("/batches/saved/count", params={"project": "led"}, json=BATCH).raise_for_status()
    for name, routed in (("when-named", True), ("when-named-too", True)):
        body = {"batch": "count", "quiet_minutes": 0, "routed": routed}
        http.put(f"/projects/led/autorules/{name}", json=body).raise_for_status()
    assert keep(http, RULE).status_code == 200
    key = send(http, tmp_path / "a", description="led t1", study_uid="1.2.826.1.1")
    receipt = http.get(f"/receipts/{key}").json()
    assert (receipt["project"], receipt["state"]) == ("led", "done")
    (psid,) = receipt["studies"]
    (study,) = http.get("/projects/led/studies").json()["items"]
    assert (study["psid"], study["tags"]) == (psid, ["by-rule"])

    def fired() -> list[str]:
        rows = http.get("/projects/led/autofirings").json()["items"]
        return [row["rule"] for row in rows if row["state"] == "submitted"]

    wait_until(fired, "the rule that was named")
    assert fired() == ["when-named"]
    send(http, tmp_path / "b", description="other", study_uid="1.2.826.1.2")
    assert len(http.get("/projects/led/studies").json()["items"]) == 1


def test_a_trial_needs_no_saving_and_tells_no_value(http: httpx.Client, tmp_path: Path) -> None:
    key = send(
        http, tmp_path / "c", description="head t2", study_uid="1.2.826.1.3", StationName="SECRET9"
    )
    where = [{"field": "StationName", "op": "is", "value": "other"}]
    routes = [{**RULE, "name": "x", "when": where}, {**RULE, "when": []}]
    answer = http.post("/routes/try", json={"routes": routes}).raise_for_status()
    row = next(one for one in answer.json()["items"] if one["receipt"] == key)
    assert (row["rule"], row["goes_to"], row["project"]) == ("led", "led", "default")
    assert row["missed"] == [{"rule": "x", "field": "StationName"}]
    assert "SECRET9" not in answer.text
    assert http.get("/routes").json()["routes"] == []


def test_rules_that_cannot_be_are_refused_and_nobody_overwrites_another(http: httpx.Client) -> None:
    assert keep(http, {**RULE, "project": "nowhere"}).status_code == 400
    rev = http.get("/routes").json()["rev"]
    assert keep(http, RULE).status_code == 200
    assert http.put("/routes", json={"routes": [], "rev": rev}).status_code == 409


def test_rules_are_kept_tried_and_listed_on_the_command_line(
    works: Site, http: httpx.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(works.services.folder.root)]
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps([RULE]))
    assert main(["routes", "keep", str(rules), *data]) == 0
    assert main(["routes", "print", *data]) == 0
    assert '"ProtocolName"' in capsys.readouterr().out
    assert main(["routes", *data]) == 0
    assert "ProtocolName like led*" in capsys.readouterr().out
    assert main(["routes", "try", "--json", *data]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)
    assert main(["routes", "forwards", "--json", *data]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["routes", "keep", str(tmp_path / "none.json"), *data]) == 2
