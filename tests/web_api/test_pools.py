"""PROJ-01, PROJ-02, PROJ-03, PROJ-06: pools of subjects, who sees them, what they hold."""

from __future__ import annotations

import httpx
import pytest

from appliance import catalog
from tests.web_api.conftest import Site, add_file


@pytest.fixture
def pools(site: Site) -> dict[str, int]:
    """Two projects that both hold a subject P1 with a study 2024; gives ids of the studies."""

    def write(tx: catalog.Tx) -> dict[str, int]:
        found = {}
        for name in ("pool-a", "pool-b"):
            project = catalog.ensure_project(tx, name)
            subject = catalog.ensure_subject(tx, project.id, "P1")
            found[name] = catalog.ensure_study(tx, subject, "2024", description=name)
        return found

    return site.services.catalog.write(write)


def items(http: httpx.Client, address: str) -> list[dict]:
    return http.get(address).raise_for_status().json()["items"]


def test_PROJ_01_pools_of_subjects_are_projects(site: Site, pools: dict[str, int]) -> None:
    with site.local() as http:
        found = {row["name"]: row for row in items(http, "/projects")}
        assert set(pools) <= set(found)
        row = found["pool-a"]
        assert (row["n_subjects"], row["n_studies"]) == (1, 1)
        made = http.post("/projects", json={"name": "pool-new"})
        assert (made.status_code, made.json()["n_subjects"]) == (201, 0)
        assert http.post("/projects", json={"name": "pool-new"}).status_code == 409
        assert http.post("/projects", json={"name": "../up"}).status_code == 400


def test_PROJ_02_a_user_sees_the_projects_of_their_rights(
    site: Site, pools: dict[str, int]
) -> None:
    def write(tx: catalog.Tx) -> str:
        catalog.create_user(tx, "reader", actor="owner")
        project = catalog.get_project(tx.con, "pool-a")
        grant = catalog.Grant(role="user")
        catalog.set_grant(tx, "reader", project.id, grant, actor="owner")
        return catalog.issue_token(tx, "reader's", login="reader")

    token = site.services.catalog.write(write)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=headers, timeout=20) as http:
        assert [row["name"] for row in items(http, "/projects")] == ["pool-a"]
        assert [row["id"] for row in items(http, "/projects/pool-a/studies")] == [pools["pool-a"]]
        assert http.get("/projects/pool-b/studies").status_code in (403, 404)
        assert http.get(f"/studies/{pools['pool-b']}").status_code in (403, 404)


@pytest.mark.parametrize("level", ["subjects", "studies", "files"])
def test_PROJ_03_a_table_holds_rows_of_its_project_alone(
    site: Site, pools: dict[str, int], level: str
) -> None:
    add_file(site.services, "t1.nii", b"x", "image")  # of the project default
    with site.local() as http:
        found = {name: items(http, f"/projects/{name}/{level}") for name in pools}
        default = items(http, f"/projects/default/{level}")
    ids = {name: {row["id"] for row in rows} for name, rows in found.items()}
    assert ids["pool-a"].isdisjoint(ids["pool-b"])
    assert default
    assert {row["id"] for row in default}.isdisjoint(ids["pool-a"] | ids["pool-b"])
    if level == "studies":
        assert {name: rows[0]["id"] for name, rows in found.items()} == pools


def test_PROJ_06_files_lie_in_studies_and_studies_in_subjects(
    site: Site, pools: dict[str, int]
) -> None:
    file_id = add_file(site.services, "deep/t1.nii", b"x", "image", sid="2031")
    with site.local() as http:
        file = http.get(f"/files/{file_id}").raise_for_status().json()
        study = http.get(f"/studies/{file['study_id']}").raise_for_status().json()
        subjects = {row["id"]: row for row in items(http, "/projects/default/subjects")}
        assert (study["psid"], file["psid"]) == ("S-0001#2031",) * 2
        assert subjects[study["subject_id"]]["pid"] == "S-0001"
        below = items(http, f"/projects/default/studies?subject_id={study['subject_id']}")
        assert study["id"] in {row["id"] for row in below}
        within = items(http, f"/projects/default/files?study_id={study['id']}")
        assert [row["path"] for row in within] == ["deep/t1.nii"]
        for level, one in (("subject", study["subject_id"]), ("study", study["id"])):
            body = {"level": level, "ids": [one], "add": [f"by-{level}"], "remove": []}
            assert http.post("/tags", json=body).is_success
        study = http.get(f"/studies/{study['id']}").json()
        assert "by-study" in study["tags"]
        assert "by-subject" in study["subject_tags"]
