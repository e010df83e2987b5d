"""Projects, tables, files, tags, trash, selectors, SQL and documents over the real API."""

from __future__ import annotations

import gzip
import json
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from appliance import catalog
from tests.web_api.conftest import Site, add_file


@pytest.fixture
def scan(site: Site) -> int:
    """Id of a small real image."""
    volume = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    return add_file(site.services, "t1_3/s001.nii", nifti(volume), "image")


def nifti(volume: np.ndarray[Any, Any]) -> bytes:
    return nib.Nifti1Image(volume, np.eye(4)).to_bytes()


def test_a_project_is_made_once(site: Site) -> None:
    with site.bearer() as http:
        made = http.post("/projects", json={"name": "trial", "module": "brain"})
        assert (made.status_code, made.json()["module"]) == (201, "brain")
        assert made.json()["created_at"].endswith("Z")
        assert http.post("/projects", json={"name": "trial"}).status_code == 409
        assert "trial" in [p["name"] for p in http.get("/projects").json()["items"]]


def test_the_tables_show_subject_study_and_file(site: Site, scan: int) -> None:
    with site.bearer() as http:
        subject = http.get("/projects/default/subjects").json()["items"][0]
        page = http.get("/projects/default/studies", params={"files": "t1"}).json()
        study = page["items"][0]
        file = http.get("/projects/default/files", params={"study_id": study["id"]}).json()
    assert (subject["pid"], study["psid"], page["total"]) == ("S-0001", "S-0001#2024", 1)
    assert study["preview_url"].endswith(f"/previews/{scan}.png")
    row = next(f for f in file["items"] if f["id"] == scan)
    assert (row["folder"], row["name"], row["kind"]) == ("t1_3", "s001.nii", "image")
    assert row["volume_url"] == f"/api/v1/volumes/{scan}/s001.nii"


def test_a_filter_that_matches_nothing_gives_an_empty_page(site: Site, scan: int) -> None:
    with site.bearer() as http:
        found = http.get("/projects/default/studies", params={"files": "nowhere*"}).json()
    assert found == {"items": [], "next": None, "total": 0}


def test_pages_follow_each_other(site: Site) -> None:
    ids = {add_file(site.services, f"p/{n:02}.txt", b"x", "text", sid="pages") for n in range(7)}
    got: list[int] = []
    with site.bearer() as http:
        study = http.get(f"/files/{min(ids)}").json()["study_id"]
        after = None
        while True:
            params = {"study_id": study, "limit": 3, **({"after": after} if after else {})}
            page = http.get("/projects/default/files", params=params).json()
            got += [row["id"] for row in page["items"]]
            after = page["next"]
            if after is None:
                break
    assert set(got) == ids
    assert len(got) == 7


def test_one_study_and_one_file_by_id(site: Site, scan: int) -> None:
    with site.bearer() as http:
        file = http.get(f"/files/{scan}").json()
        study = http.get(f"/studies/{file['study_id']}").json()
        assert study["psid"] == file["psid"]
        assert http.get("/studies/999999").status_code == 404
        assert http.get("/files/999999").status_code == 404


def test_a_packed_image_reaches_the_viewer_unpacked_with_one_tag(site: Site) -> None:
    plain = nifti(np.ones((3, 3, 3), np.uint8))
    packed = add_file(site.services, "m/mask.nii.gz", gzip.compress(plain), "mask")
    with site.bearer() as http:
        row = http.get(f"/files/{packed}").json()
        assert row["volume_url"].endswith("/mask.nii")
        url = row["volume_url"].removeprefix("/api/v1")
        first, second = http.get(url), http.head(url)
        part = http.get(url, headers={"Range": "bytes=344-347", "If-Range": first.headers["etag"]})
    assert first.content == plain
    assert first.headers["etag"] == second.headers["etag"]
    assert (part.status_code, part.content) == (206, b"n+1\0")


def test_an_image_has_a_preview_and_a_text_has_none(site: Site, scan: int) -> None:
    text = add_file(site.services, "note.txt", b"hello", "text")
    with site.bearer() as http:
        picture = http.get(f"/previews/{scan}.png")
        assert picture.headers["content-type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
        assert http.get(f"/previews/{text}.png").status_code == 404
        assert http.get("/previews/..png").status_code == 404


def test_tags_go_on_and_off_and_are_counted(site: Site, scan: int) -> None:
    with site.bearer() as http:
        body = {"level": "file", "ids": [scan], "add": ["good", "t1"]}
        assert http.post("/tags", json=body).json()["n"] == 1
        http.post("/tags", json={"level": "file", "ids": [scan], "remove": ["t1"]})
        assert http.get(f"/files/{scan}").json()["tags"] == ["good"]
        assert {"name": "good", "n": 1} in http.get("/projects/default/tags").json()["file"]


def test_what_goes_into_the_trash_comes_back(site: Site) -> None:
    doomed = add_file(site.services, "gone/a.txt", b"x", "text", sid="trash")
    with site.bearer() as http:
        study = http.get(f"/files/{doomed}").json()["study_id"]
        done = http.post("/trash", json={"studies": [study]}).json()
        assert done["n"] == 1
        assert http.get(f"/files/{doomed}").status_code == 404
        assert http.post(f"/operations/{done['operation_id']}/undo").status_code == 204
        assert http.get(f"/files/{doomed}").status_code == 200
        assert http.post(f"/operations/{done['operation_id']}/undo").status_code == 409


def test_a_selector_gives_absolute_paths_and_json(site: Site) -> None:
    add_file(site.services, "META/radio.json", b'{"mask": {"volume": 3}}', "json", sid="meta")
    body = {"project": "default", "selector": "META/radio*.json", "json": True}
    with site.bearer() as http:
        found = http.post("/select", json=body).json()["items"]
        narrowed = http.post("/select", json={**body, "studies": ["S-0001#2024"]}).json()["items"]
    assert [f["doc"] for f in found] == [{"mask": {"volume": 3}}]
    assert found[0]["absolute_path"].endswith("/projects/default/S-0001/meta/META/radio.json")
    assert narrowed == []


def test_sql_answers_questions(site: Site, scan: int) -> None:
    with site.bearer() as http:
        answer = http.post("/sql", json={"sql": "SELECT pid, sex FROM subjects"}).json()
    assert answer == {"columns": ["pid", "sex"], "rows": [["S-0001", None]], "truncated": False}


def test_documents_are_kept_with_revisions(site: Site, scan: int) -> None:
    where = "/docs/view/mine?project=default"
    with site.bearer() as http:
        assert http.put(where, json={"a": 1}).json()["rev"] == 1
        assert http.put(f"{where}&rev=1", json={"a": 2}).json()["rev"] == 2
        assert http.put(f"{where}&rev=1", json={"a": 3}).status_code == 409
        assert http.get(where).json()["doc"] == {"a": 2}
        assert [d["name"] for d in http.get("/docs/view?project=default").json()["items"]] == [
            "mine"
        ]
        assert http.delete(where).status_code == 200
        assert http.get(where).status_code == 404
        assert http.get("/docs/secret/x").status_code == 400


def test_files_on_disk_are_added_tagged_and_removed(site: Site, scan: int) -> None:
    home = catalog.study_dir(site.services.folder, "default", "S-0001", "2024")
    (home / "out").mkdir(exist_ok=True)
    (home / "out/mask.nii").write_bytes(nifti(np.ones((2, 2, 2), np.uint8)))
    (home / "out/roi.json").write_bytes(b'{"volume": 8}')
    paths = [str(home / "out/mask.nii"), "S-0001#2024/out/roi.json"]
    body = {"project": "default", "paths": paths, "tags": ["mask"]}
    with site.bearer() as http:
        assert http.post("/files/add", json=body).json() == {"n": 2}
        rows = http.get("/projects/default/files", params={"files": "out/"}).json()["items"]
        assert {row["name"]: row["tags"] for row in rows} == {
            "mask.nii": ["mask"],
            "roi.json": ["mask"],
        }
        assert rows[0]["header"]["shape"] == [2, 2, 2]
        gone = http.post("/files/remove", json={"project": "default", "paths": paths[:1]})
        assert gone.json()["n"] == 1
        rows = http.get("/projects/default/files", params={"files": "out/"}).json()["items"]
    assert [row["name"] for row in rows] == ["roi.json"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/etc/passwd", 400),
        ("S-0001#2024/../../../../identity.sqlite", 400),
        ("S-0001#2024", 400),
        ("S-0001#2024/none.txt", 404),
        ("S-0001#1900/none.txt", 404),
    ],
)
def test_only_files_of_a_study_can_be_added(site: Site, scan: int, path: str, status: int) -> None:
    with site.bearer() as http:
        answer = http.post("/files/add", json={"project": "default", "paths": [path]})
    assert answer.status_code == status


def test_a_link_out_of_the_project_is_not_followed(site: Site, scan: int) -> None:
    home = catalog.study_dir(site.services.folder, "default", "S-0001", "2024")
    (home / "link.txt").symlink_to("/etc/hostname")
    body = {"project": "default", "paths": ["S-0001#2024/link.txt"]}
    with site.bearer() as http:
        assert http.post("/files/add", json=body).status_code == 400


def test_settings_are_told_without_secrets(site: Site) -> None:
    with site.bearer() as http:
        found = {s["key"]: s for s in http.get("/settings").json()["items"]}
    assert found["web.port"] == {"key": "web.port", "value": 8181, "source": "default"}
    assert not any("token" in key or "secret" in key for key in found)


def test_the_manual_is_there_and_holds_no_other_files(site: Site) -> None:
    with site.bearer() as http:
        pages = {p["name"] for p in http.get("/manual").json()["items"]}
        assert "api" in pages
        assert http.get("/manual/api").text.startswith("# ")
        assert http.get("/manual/..%2f..%2fpyproject").status_code in (400, 404)
        assert http.get("/manual/none").status_code == 404


def test_the_schema_is_served_and_committed(site: Site) -> None:
    from tests.support.service import REPOSITORY

    committed = (REPOSITORY / "webui/openapi.json").read_text("utf-8")
    with site.anonymous() as http:
        served = http.get("/schema").text
    assert json.loads(served) == json.loads(committed), (
        "run: python -m appliance.web.openapi > webui/openapi.json"
    )
