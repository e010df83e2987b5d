"""What the data folder takes, and freeing what may go, over the API."""

from __future__ import annotations

from tests.web_api.conftest import Site


def test_storage_is_measured_and_the_cache_freed(works: Site) -> None:
    cached = works.services.folder.cache / "display" / "0000-test"
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(b"x" * 1000)
    with works.bearer() as http:
        facts = http.post("/storage/measure").raise_for_status().json()
        parts = {part["part"]: part for part in facts["parts"]}
        assert parts["cache"]["size_bytes"] >= 1000
        assert {project["name"] for project in facts["projects"]} >= {"default"}
        done = http.post("/storage/free", json={"what": "cache"}).raise_for_status().json()
        assert done["n"] >= 1000
        assert not cached.exists()
        for what in ("trash", "jobs"):
            assert http.post("/storage/free", json={"what": what}).status_code == 200
        assert http.post("/storage/free", json={"what": "originals"}).status_code == 400
        assert http.post("/storage/free", json={"what": "trash", "days": 0}).status_code == 400
        assert http.get("/storage").json()["measured_at"] is not None
