"""What leaves the table: CSV in four forms, archives of files, slices of a contact sheet."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from appliance import catalog
from tests.web_api.conftest import Site, add_file


@pytest.fixture(scope="module")
def filled(site: Site) -> dict[str, int]:
    """Two studies of one subject with an image and a note each; gives ids by name."""
    ids: dict[str, int] = {}
    for sid in ("tab-1", "tab-2"):
        data = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
        image = nib.Nifti1Image(data, np.eye(4)).to_bytes()
        ids[f"{sid}/image"] = add_file(site.services, "t1_3/s001.nii", image, "image", sid)
        ids[f"{sid}/note"] = add_file(site.services, "note.txt", b"hello", "text", sid)

    def facts(tx: catalog.Tx) -> None:
        con = tx.con
        for sid in ("tab-1", "tab-2"):
            row = con.execute("SELECT id, subject_id FROM studies WHERE sid = ?", (sid,)).fetchone()
            ids[sid], ids["subject"] = row
        con.execute("UPDATE studies SET age_years = 34.5, description = '=1+1' WHERE sid = 'tab-1'")
        catalog.tag(tx, "study", [ids["tab-1"]], ["control", "follow up"])

    site.services.catalog.write(facts)
    return ids


def table(site: Site, **wanted: Any) -> list[list[str]]:
    separator = ";" if wanted.get("separator") == "semicolon" else ","
    with site.bearer() as http:
        answer = http.post("/projects/default/table", json=wanted).raise_for_status()
    assert answer.headers["content-disposition"].startswith("attachment")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=separator))


def of(rows: list[list[str]]) -> list[dict[str, str]]:
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def test_VIEW_x11_wide_has_a_full_line_per_study(site: Site, filled: dict[str, int]) -> None:
    rows = of(table(site, ids=[filled["tab-1"], filled["tab-2"]]))
    assert [(row["subject"], row["study"]) for row in rows] == [
        ("S-0001", "tab-1"),
        ("S-0001", "tab-2"),
    ]
    assert rows[0]["age_years"] == "34.5"
    assert rows[0]["study_tags"] == "control/follow up"
    assert rows[0]["description"] == "'=1+1", "a spreadsheet must not run it"


def test_VIEW_x11_german_cells_have_decimal_commas(site: Site, filled: dict[str, int]) -> None:
    rows = of(table(site, ids=[filled["tab-1"]], separator="semicolon"))
    assert rows[0]["age_years"] == "34,5"


def test_VIEW_x11_sparse_leaves_out_what_repeats(site: Site, filled: dict[str, int]) -> None:
    ids = [filled["tab-1/image"], filled["tab-1/note"], filled["tab-2/note"]]
    rows = of(table(site, level="files", form="sparse", ids=ids))
    shown = [(row["subject"], row["study"], row["file"]) for row in rows]
    assert shown == [
        ("S-0001", "tab-1", "note.txt"),
        ("", "", "t1_3/s001.nii"),
        ("", "tab-2", "note.txt"),
    ]


def test_VIEW_x11_tree_has_a_line_for_each_thing(site: Site, filled: dict[str, int]) -> None:
    rows = of(table(site, level="files", form="tree", ids=[filled["tab-1/note"]]))
    assert [row["level"] for row in rows] == ["subject", "study", "file"]
    assert [row["subject"] for row in rows] == ["S-0001", "", ""]


def test_VIEW_x11_long_has_a_line_for_each_value(site: Site, filled: dict[str, int]) -> None:
    rows = table(site, form="long", ids=[filled["tab-1"]])
    assert rows[0] == ["subject", "study", "file", "name", "value"]
    assert ["S-0001", "tab-1", "", "age_years", "34.5"] in rows


def test_PROJ_x01_a_tag_column_says_who_carries_it(site: Site, filled: dict[str, int]) -> None:
    columns = ["study", "tag:Control"]
    ids = [filled["tab-1"], filled["tab-2"]]
    rows = table(site, columns=columns, ids=ids)
    assert rows == [columns, ["tab-1", "1"], ["tab-2", "0"]]


def test_PROJ_x01_a_metadata_column_holds_values_of_json_files(
    site: Site, filled: dict[str, int]
) -> None:
    doc = {"mask": {"volume": 12.5, "side": ["left", "right"]}}
    file_id = add_file(site.services, "META/radio.json", b"{}", "json", "tab-4")

    def write(tx: catalog.Tx) -> None:
        tx.con.execute(
            "INSERT OR REPLACE INTO meta (file_id, doc, mtime_ns, rev) VALUES (?, ?, 1, 1)",
            (file_id, json.dumps(doc)),
        )

    site.services.catalog.write(write)
    columns = ["study", "meta:radio.mask.volume", "meta:radio.mask.side*"]
    with site.bearer() as http:
        ids = [http.get(f"/files/{file_id}").json()["study_id"], filled["tab-2"]]
    rows = table(site, columns=columns, ids=ids, separator="semicolon")
    assert rows == [columns, ["tab-2", "", ""], ["tab-4", "12,5", "left/right"]]


def test_all_rows_under_the_filters_are_written(site: Site, filled: dict[str, int]) -> None:
    rows = of(table(site, tags="STAG:control"))
    assert [row["study"] for row in rows] == ["tab-1"]
    assert [row["subject"] for row in of(table(site, level="subjects"))] == ["S-0001"]


def test_a_strange_column_is_refused_before_anything_is_sent(site: Site) -> None:
    with site.bearer() as http:
        answer = http.post("/projects/default/table", json={"columns": ["shoe size"]})
    assert (answer.status_code, "shoe size" in answer.json()["detail"]) == (400, True)


def test_PROJ_19_a_download_is_one_archive_with_a_known_length(
    site: Site, filled: dict[str, int]
) -> None:
    with site.browser() as http:
        body = {"project": "default", "studies": [filled["tab-1"]], "files": [filled["tab-2/note"]]}
        made = http.post("/api/v1/downloads", json=body).raise_for_status().json()
        answer = http.get(made["url"])
        head = http.head(made["url"])
    assert (made["n_files"], made["n_missing"]) == (3, 0)
    assert int(head.headers["content-length"]) == len(answer.content) == made["size_bytes"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.read("default/S-0001/tab-2/note.txt") == b"hello"
        assert "default/S-0001/tab-1/t1_3/s001.nii" in archive.namelist()


def test_a_pattern_narrows_a_download(site: Site, filled: dict[str, int]) -> None:
    body = {"project": "default", "subjects": [filled["subject"]], "pattern": "t1"}
    with site.browser() as http:
        made = http.post("/api/v1/downloads", json=body).raise_for_status().json()
        names = zipfile.ZipFile(io.BytesIO(http.get(made["url"]).content)).namelist()
    assert {name.rpartition("/")[2] for name in names} == {"s001.nii"}


def test_what_is_gone_from_the_disk_is_told_in_the_archive(
    site: Site, filled: dict[str, int]
) -> None:
    lost = add_file(site.services, "lost.txt", b"x", "text", "tab-3")
    root = catalog.study_dir(site.services.folder, "default", "S-0001", "tab-3")
    (root / "lost.txt").unlink()
    body = {"project": "default", "files": [lost, filled["tab-1/note"]]}
    with site.browser() as http:
        made = http.post("/api/v1/downloads", json=body).raise_for_status().json()
        archive = zipfile.ZipFile(io.BytesIO(http.get(made["url"]).content))
    assert (made["n_files"], made["n_missing"]) == (1, 1)
    assert b"lost.txt" in archive.read("default/NOT-INCLUDED.txt")


def test_a_download_belongs_to_the_one_who_prepared_it(site: Site, filled: dict[str, int]) -> None:
    body = {"project": "default", "files": [filled["tab-1/note"]]}
    with site.browser() as http, site.bearer("reader") as reader:
        made = http.post("/api/v1/downloads", json=body).json()
        assert reader.post("/downloads", json=body).status_code == 403
        assert http.get("/api/v1/downloads/0123456789abcdef/x.zip").status_code == 404
        path = made["url"].removeprefix("/api/v1")
        assert reader.get(path).status_code == 403


def test_nothing_to_download_is_said(site: Site, filled: dict[str, int]) -> None:
    body = {"project": "default", "studies": [filled["tab-1"]], "pattern": "nowhere*"}
    with site.browser() as http:
        assert http.post("/api/v1/downloads", json=body).status_code == 404


def test_the_contact_sheet_shows_one_image_of_each_study(
    site: Site, filled: dict[str, int]
) -> None:
    studies = [filled["tab-2"], filled["tab-1"]]
    with site.bearer("reader") as http:
        body = {"project": "default", "studies": studies, "pattern": "t1*/s0*.nii"}
        tiles = http.post("/contact", json=body).raise_for_status().json()["items"]
        nothing = http.post("/contact", json={**body, "pattern": "nowhere*"}).json()["items"]
        path = tiles[0]["url"].removeprefix("/api/v1")
        query: dict[str, Any] = {"plane": "coronal", "position": 25, "size": 64}
        png = http.get(path, params=query)
        bad = http.get(path, params={"plane": "oblique"})
    assert [tile["study_id"] for tile in tiles] == studies
    assert [tile["n_found"] for tile in tiles] == [1, 1]
    assert nothing[0]["url"] is None
    assert png.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(png.content)).size == (64, 64)
    assert bad.status_code == 400


def test_the_slice_of_no_image_is_a_problem(site: Site, filled: dict[str, int]) -> None:
    with site.bearer("reader") as http:
        assert http.get(f"/slices/{filled['tab-1/note']}.png").status_code == 404
        assert http.get("/slices/one.png").status_code == 404
