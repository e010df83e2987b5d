"""Filters and selectors over the API: errors point at the character; lists are never files."""

from __future__ import annotations

import pytest

from tests.web_api.conftest import Site

pytestmark = pytest.mark.usefixtures("image")


@pytest.mark.parametrize(
    ("field", "text", "position"),
    [("files", "t1 & STAG:", 10), ("name", 'x "S-1', 2), ("tags", "TAGS:a", 0)],
)
def test_SEL_a_wrong_filter_bar_is_answered_with_the_place(
    site: Site, field: str, text: str, position: int
) -> None:
    with site.local() as http:
        answer = http.get("/projects/default/studies", params={field: text})
    assert answer.status_code == 400
    assert answer.json()["facts"]["position"] == position


def test_SEL_x04_lists_come_in_the_request_never_from_a_file_of_the_server(site: Site) -> None:
    body = {"project": "default", "selector": "file:/etc/passwd *"}
    with site.local() as http:
        refused = http.post("/select", json=body)
        also = http.post("/select", json={**body, "selector": "*", "studies": ["file:/etc/hosts"]})
        body["selector"] = "PSIDLIST:S-0001#2024,S-9#x [info] t1*/s*.nii NTH(1)"
        found = http.post("/select", json=body)
    assert (refused.status_code, also.status_code) == (403, 403)
    assert "root" not in refused.text
    assert found.status_code == 200
    assert [row["path"] for row in found.json()["items"]] == ["t1_3/s001.nii"]


def test_SEL_x05_an_absolute_path_of_another_project_gives_nothing(site: Site) -> None:
    with site.local() as http:
        rows = http.post("/select", json={"project": "default", "selector": "*"}).json()["items"]
        path = rows[0]["absolute_path"]
        body = {"project": "default", "selector": f'ABS:"{path}"'}
        (row,) = http.post("/select", json=body).json()["items"]
        http.post("/projects", json={"name": "second"})
        other = http.post("/select", json={**body, "project": "second"}).json()["items"]
    assert row["file_id"] == rows[0]["file_id"]
    assert other == []
