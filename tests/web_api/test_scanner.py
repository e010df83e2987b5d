"""Sessions, protocols and quality figures over the API (GEN-06)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.exchange.kit import write_series
from tests.support.waiting import wait_until
from tests.web_api.conftest import Site
from tests.web_api.test_arrivals import closed, upload

PROTOCOL = "/projects/scan/protocol"


@pytest.fixture
def http(works: Site) -> Iterator[httpx.Client]:
    with works.bearer() as client:
        client.post("/projects", json={"name": "scan"})
        yield client


def session(http: httpx.Client, folder: Path, n: int, **facts: Any) -> dict[str, Any]:
    """Bring in a session of one image; give it once it was looked at."""
    who = {"patient_id": f"SC{n}", "name": f"SC{n}", "study_uid": f"1.2.826.7.{n}"}
    (path,) = write_series(folder, n=1, **who, **facts)
    receipt = closed(http, upload(http, path.name, path.read_bytes(), project="scan").json()["key"])
    (psid,) = receipt["studies"]

    def looked_at() -> dict[str, Any] | None:
        rows = http.get("/sessions", params={"hours": 1}).json()["items"]
        found = next(row for row in rows if (row["project"], row["psid"]) == ("scan", psid))
        return found if all(one["figures"] for one in found["series"]) else None

    return wait_until(looked_at, "the session was looked at")


def test_a_protocol_is_learned_by_one_call_and_the_next_session_is_judged(
    http: httpx.Client, tmp_path: Path
) -> None:
    good = session(http, tmp_path / "a", 1, EchoTime=30)
    assert good["verdict"] == "unchecked"
    learned = http.post(f"{PROTOCOL}/learn", json={"psid": good["psid"]}).json()
    assert (learned["learned_from"], learned["series"][0]["name"]) == (good["psid"], "t1 mprage")
    assert session(http, tmp_path / "b", 2, EchoTime=30)["verdict"] == "ok"
    bad = session(http, tmp_path / "c", 3, EchoTime=35)
    assert bad["verdict"] == "deviates"
    told = {one["field"]: one["found"] for one in bad["series"][0]["deviations"]}
    assert told["EchoTime"] == "35.0"


def test_a_protocol_is_edited_with_tolerances_and_not_over_somebody_elses_change(
    http: httpx.Client, tmp_path: Path
) -> None:
    rev = http.get(PROTOCOL).json()["rev"]
    wanted = {"field": "EchoTime", "value": "30", "tolerance": 5}
    series = [{"name": "t1*", "modality": "MR", "parameters": [wanted]}, {"name": "flair"}]
    body = {"series": series, "rev": rev}
    assert http.put(PROTOCOL, json=body).status_code == 200
    assert http.put(PROTOCOL, json=body).status_code == 409
    found = session(http, tmp_path / "d", 4, EchoTime=34)
    assert (found["verdict"], found["missing"]) == ("missing", ["flair"])
    assert found["series"][0]["deviations"] == []
    nameless = {"series": [{"name": " "}], "rev": rev + 1}
    assert http.put(PROTOCOL, json=nameless).status_code == 400


def test_nothing_of_a_patient_is_in_sessions(http: httpx.Client, tmp_path: Path) -> None:
    session(http, tmp_path / "e", 77)
    text = http.get("/sessions", params={"hours": 1}).text
    assert "SC77" not in text
    assert http.get("/projects/scan/phantoms").json() == {"items": []}
