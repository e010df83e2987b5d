"""What people made beside files outlives the catalog: a service killed, its catalog deleted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Service
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow]

PROJECT = {"project": "default"}
JOB = {
    "name": "shout",
    "language": "bash",
    "code": 'tr a-z A-Z < "$f1" > "$o1"',
    "args": [
        {"id": "f1", "kind": "FILE", "value": "*in.txt"},
        {"id": "o1", "kind": "OUT", "value": "out.txt TAG(made)"},
    ],
}
TOOL = {
    "name": "teller",
    "description": "Tells something.",
    "schema-version": "0.5",
    "tool-version": "2.1",
    "command-line": "echo told > [OUT]",
    "inputs": [{"id": "out", "name": "out", "type": "String", "value-key": "[OUT]"}],
    "output-files": [{"id": "made", "name": "made", "path-template": "[OUT]"}],
}


@pytest.fixture
def made(tmp_path: Path) -> Any:
    service = Service(tmp_path / "data").start()
    try:
        fill(service)
        yield service
    finally:
        service.stop()


def fill(service: Service) -> None:
    """All that a person may make: batches, rules, variables, views, tools, settings, results."""
    put(service, "/batches/saved/shouting", {"jobs": [JOB]}, PROJECT)
    put(service, "/batches/saved/mine", {"jobs": [JOB]}, PROJECT | {"private": "true"})
    rule = {"batch": "shouting", "quiet_minutes": 5, "done": "FTAG:made"}
    put(service, "/projects/default/autorules/by itself", rule)
    put(service, "/batches/variables/MNI", {"value": "ANALYSIS#MNI", "scope": "project"}, PROJECT)
    put(service, "/batches/variables/OWN", {"value": "ANALYSIS#OWN", "scope": "user"}, PROJECT)
    put(service, "/docs/view/wide", {"columns": ["name"]}, PROJECT)
    put(service, "/docs/layout/two", {"areas": "ab"})
    put(service, "/projects/default/bids", {"derivatives": True, "name": "set"})
    service.http.patch("/projects/default", json={"settings": {"title": "All of it"}})
    service.http.post("/projects", json={"name": "empty"}).raise_for_status()
    put(service, "/docs/view/of empty", {"columns": []}, {"project": "empty"})
    service.http.post("/tools/descriptors", json=TOOL).raise_for_status()
    receipt = service.upload("in.txt", b"hello", subject="K-1", study="1")
    service.closed(receipt["key"])
    body = {"project": "default", "name": "b", "jobs": [JOB], "targets": ["K-1#1"]}
    key = service.post("/batches", body)["key"]

    def ended() -> bool:
        rows = service.items("/jobs", batch=key, state="all")
        return bool(rows) and all(row["letter"] == "d" for row in rows)

    wait_until(ended, "the batch has ended", show=service.log)


def put(service: Service, path: str, body: Any, params: Any = None) -> None:
    service.http.put(path, json=body, params=params).raise_for_status()


def without(rows: Any, *names: str) -> Any:
    return [{key: value for key, value in row.items() if key not in names} for row in rows]


def seen(service: Service) -> dict[str, Any]:
    """All that a person sees of it, without ids and times of rows."""
    rows = "updated_at", "key", "rev"
    files = {row["path"]: row for row in service.items("/projects/default/files")}
    [result] = [row for path, row in files.items() if path.endswith("out.txt")]
    lineage = service.get(f"/files/{result['id']}/provenance")
    record = {**lineage["made"], "is_kept": None}
    for one in [*record["inputs"], *record["outputs"]]:
        del one["id"]
    return {
        "batches": without(service.items("/batches/saved", **PROJECT), *rows),
        "rules": without(service.items("/projects/default/autorules"), *rows, "counts"),
        "variables": service.items("/batches/variables", **PROJECT),
        "views": without(service.items("/docs/view", **PROJECT), *rows),
        "of empty": without(service.items("/docs/view", project="empty"), *rows),
        "layouts": without(service.items("/docs/layout"), *rows),
        "bids": service.get("/projects/default/bids"),
        "title": service.get("/projects/default")["title"],
        "keys": {row["name"]: row["key"] for row in service.items("/projects")},
        "tools": [row["id"] for row in service.items("/tools/descriptors")],
        "files": {path: (row["tags"], row["origin"]) for path, row in files.items()},
        "made": record,
        "stale": lineage["stale"],
    }


def lose_the_catalog(service: Service) -> None:
    """Kill the service when all is on disk, and delete its catalog."""
    kept = service.root / "kept"

    def written() -> bool:
        docs = [json.loads(path.read_bytes()).get("docs", []) for path in kept.glob("*.json")]
        names = {doc["name"] for some in docs for doc in some}
        notes = [path.read_text() for path in service.folder.projects.rglob(".nora.json")]
        return {"of empty", "two", "mapping"} <= names and any('"records"' in n for n in notes)

    wait_until(written, "all of it is on disk", show=service.log)
    service.kill()
    for path in service.root.glob("catalog.sqlite*"):
        path.unlink()


@pytest.mark.parametrize("way", ["anew", "started"])
def test_all_that_people_made_comes_back_from_the_disk(made: Service, way: str) -> None:
    before = seen(made)
    assert (before["title"], len(before["batches"])) == ("All of it", 2)
    assert before["rules"][0]["problem"] == ""
    lose_the_catalog(made)
    if way == "anew":
        done = made.nora("rescan", "--anew")
        assert done.returncode == 0, done.stderr
        made.start()
    else:  # the service makes an empty catalog, which must not be written over what is kept
        made.start()
        assert made.nora("rescan").returncode == 0
    after = seen(made)
    for name, value in before.items():
        assert after[name] == value, name
    [row] = [r for r in made.items("/projects/default/files") if r["path"].endswith("in.txt")]
    made.post("/trash", {"files": [row["id"]]})  # what was made from it is known to be so
    wait_until(lambda: made.items("/projects/default/files", files="STALE:*"), "it is marked")
