"""Documents over the API: tables by pages, pictures, pages that nothing runs in, label tables."""

from __future__ import annotations

import io

import httpx
import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from appliance import catalog
from appliance.catalog import Grant
from tests.web_api.conftest import Site, add_file

HOSTILE = b"<html><script>alert(1)</script><img src=http://evil.example/x.png>hello</html>"


def test_a_table_is_given_by_pages(site: Site) -> None:
    body = "a,b\n" + "".join(f"{i},n{i % 3}\n" for i in range(500))
    file = add_file(site.services, "tables/long.csv", body.encode(), "table")
    with site.bearer() as http:
        asked = {"offset": 10, "limit": 2, "sort": "-0", "where": ["1:=n1", "0:<400"]}
        page = http.get(f"/tables/{file}", params=asked).json()
        assert page["rows"] == [[368, 367, "n1"], [365, 364, "n1"]]
        assert (page["total"], page["n_matching"]) == (500, 133)
        some = http.get(f"/tables/{file}", params={"columns": "1", "limit": 1}).json()
        assert (some["shown"], some["rows"]) == ([1], [[1, "n0"]])
        wrong = http.get(f"/tables/{file}", params={"columns": "1,x"})
        assert (wrong.status_code, wrong.json()["key"]) == (400, "invalid")


def test_a_file_that_is_no_table_says_so(site: Site) -> None:
    file = add_file(site.services, "tables/x.csv", b"\x00\x01", "table")
    with site.bearer() as http:
        answer = http.get(f"/tables/{file}")
        assert (answer.status_code, answer.json()["key"]) == (422, "format")
        assert http.get("/tables/99999").status_code == 404


def test_a_picture_is_told_and_sent_as_png(site: Site) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(stream, "TIFF")
    file = add_file(site.services, "pictures/x.tif", stream.getvalue(), "document")
    with site.bearer() as http:
        facts = http.get(f"/pictures/{file}").json()
        assert (facts["width"], facts["height"], facts["n_pages"]) == (40, 30, 1)
        answer = http.get(f"/pictures/{file}/0")
        assert answer.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(answer.content)).size == (40, 30)
        assert http.get(f"/pictures/{file}/1").status_code == 400


@pytest.mark.parametrize("name", ["report.html", "report.xhtml", "drawing.svg"])
def test_a_page_comes_with_a_rule_that_lets_nothing_run(site: Site, name: str) -> None:
    file = add_file(site.services, f"pages/{name}", HOSTILE, "document")
    with site.bearer() as http:
        answer = http.get(f"/pages/{file}/{name}")
        rule = answer.headers["content-security-policy"]
        assert answer.content == HOSTILE
        assert rule.startswith("sandbox; default-src 'none'")
        assert "script" not in rule
        assert answer.headers["x-content-type-options"] == "nosniff"
        other = add_file(site.services, "pages/x.js", b"alert(1)", "text")
        assert http.get(f"/pages/{other}/x.js").status_code == 404


def test_VIEW_x05_the_labels_of_an_atlas_come_from_the_table_beside_it(site: Site) -> None:
    image = nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), np.eye(4)).to_bytes()
    atlas = add_file(site.services, "atlas/parc.nii", image, "image")
    bare = add_file(site.services, "atlas/bare.nii", image, "image")
    add_file(site.services, "atlas/parc.tsv", b"index\tname\tcolor\n1\tHead\t#ff0000\n", "table")
    with site.bearer() as http:
        assert http.get(f"/labels/{atlas}").json() == {
            "labels": [{"value": 1, "name": "Head", "color": "#ff0000"}],
            "source": "parc.tsv",
            "problem": "",
        }
        assert http.get(f"/labels/{bare}").json()["labels"] == []


def test_without_the_right_to_download_documents_are_shown_but_not_given(site: Site) -> None:
    table = add_file(site.services, "shown/x.csv", b"a\n1\n", "table")
    page = add_file(site.services, "shown/x.html", HOSTILE, "document")
    services = site.services

    def join(tx: catalog.Tx) -> str:
        project = catalog.ensure_project(tx, "default").id
        catalog.create_user(tx, "looker", actor="owner")
        catalog.set_grant(tx, "looker", project, Grant(), actor="owner")
        return catalog.issue_token(tx, "t", login="looker")

    headers = {"Authorization": f"Bearer {services.catalog.write(join)}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=headers) as http:
        assert http.get(f"/tables/{table}").json()["rows"] == [[1, 1]]
        assert http.get(f"/pages/{page}/x.html").status_code == 200
        assert http.get(f"/files/{page}/x.html").status_code == 403
