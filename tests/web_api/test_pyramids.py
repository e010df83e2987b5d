"""A pyramid is a file that is a folder: read in parts, taken away whole, nothing beside it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from appliance import catalog
from tests.support.pyramids import contents, write_precomputed, write_slide
from tests.web_api.conftest import Site, add_file


def place(site: Site, name: str) -> Path:
    return catalog.study_dir(site.services.folder, "default", "S-0001", "2024") / name


def enter(site: Site, *names: str) -> dict[str, int]:
    """Register what lies in the study; the ids by name."""
    with site.local() as http:
        body = {"project": "default", "paths": [f"S-0001#2024/{name}" for name in names]}
        http.post("/files/add", json=body).raise_for_status()
    with site.services.catalog.read() as con:
        found = con.execute("SELECT id FROM files WHERE kind = 'pyramid'").fetchall()
        rows = [catalog.get_file(con, row[0]) for row in found]
    return {row.path: row.id for row in rows}


@pytest.fixture(scope="module")
def made(site: Site) -> dict[str, int]:
    """The ids of a precomputed pyramid and of an OME-Zarr, with a file that is no part of it."""
    add_file(site.services, "notes/readme.txt", b"x", "text")
    write_precomputed(place(site, "neuro-a"))
    write_slide(place(site, "glass.zarr"))
    (place(site, "neuro-a") / "secret.txt").write_text("no part of it")
    ids = enter(site, "neuro-a/info", "glass.zarr")
    assert ids.keys() == {"neuro-a", "glass.zarr"}, "a part that is named means the whole"
    return ids


def test_NG_02_info_and_chunks_are_sent_with_ranges(site, made):
    home = place(site, "neuro-a")
    pyramid = made["neuro-a"]
    with site.local() as http:
        info = http.get(f"/pyramids/{pyramid}/info").json()
        assert info == json.loads((home / "info").read_bytes())
        chunk = next(home.glob("*/0-*")).relative_to(home).as_posix()
        body = (home / chunk).read_bytes()
        assert http.get(f"/pyramids/{pyramid}/{chunk}").content == body
        part = http.get(f"/pyramids/{pyramid}/{chunk}", headers={"Range": "bytes=8-15"})
        assert (part.status_code, part.content) == (206, body[8:16])


def test_SPA_04_attributes_and_chunks_of_an_ome_zarr_are_sent_with_ranges(site, made):
    home = place(site, "glass.zarr")
    slide = made["glass.zarr"]
    with site.local() as http:
        for name in (".zattrs", "0/.zattrs", "0/0/.zarray", "0/0/0/0/0/0/0", "0/1/0/0/0/0/0"):
            answer = http.get(f"/pyramids/{slide}/{name}")
            assert answer.content == (home / name).read_bytes(), name
        part = http.get(f"/pyramids/{slide}/0/0/0/0/0/0/0", headers={"Range": "bytes=0-15"})
        assert (part.status_code, len(part.content)) == (206, 16)
        assert http.get(f"/pyramids/{slide}/0/0/0/0/0/9/9").status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "secret.txt",
        "OME/METADATA.ome.xml",
        "../neuro-a/info",
        "..%2Finfo",
        "1_1_1%2F..%2Finfo",
        "1_1_1/0-64_0-64_64-128",
        "../../../../../catalog.sqlite",
        "..%2F0-1_0-1_0-1",
        "..%2Fglass.zarr%2F.zattrs",
    ],
)
def test_NG_02_nothing_beside_a_pyramid_is_sent(site, made, name):
    with site.local() as http:
        for file_id in made.values():
            answer = http.get(f"/pyramids/{file_id}/{name}")
            assert answer.status_code in (400, 404), answer.text


def test_a_file_that_is_no_pyramid_has_no_parts(site, made):
    other = add_file(site.services, "notes/readme.txt", b"x", "text")
    with site.local() as http:
        assert http.get(f"/pyramids/{other}/info").status_code == 404
    with site.anonymous() as http:
        assert http.get(f"/api/v1/pyramids/{made['neuro-a']}/info").status_code == 401


@pytest.mark.parametrize("name", ["neuro-a", "glass.zarr"])
def test_NG_02_a_pyramid_is_downloaded_whole(site, made, name, tmp_path):
    whole = contents(place(site, name))
    with site.local() as http:
        alone = http.get(f"/files/{made[name]}/{name}")
        assert alone.headers["content-type"] == "application/zip"
        assert f'filename="{name}.zip"' in alone.headers["content-disposition"]
        wish = {"files": [made[name]], "project": "default"}
        prepared = http.post("/downloads", json=wish).raise_for_status().json()
        assert prepared["n_files"] == 1
        several = http.get(prepared["url"].removeprefix("/api/v1"))
    for answer, prefix in ((alone, ""), (several, "default/S-0001/2024/")):
        assert int(answer.headers["content-length"]) == len(answer.content)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            found = {one: archive.read(one) for one in archive.namelist()}
        assert found == {f"{prefix}{name}/{one}": body for one, body in whole.items()}


def test_NG_02_nothing_is_stored_inside_a_pyramid(site, made):
    with site.local() as http:
        where = {"study": "S-0001#2024", "path": "neuro-a/more.txt"}
        answer = http.put("/projects/default/content", params=where, content=b"x")
        assert (answer.status_code, "inside a pyramid" in answer.text) == (400, True), answer.text
    assert not (place(site, "neuro-a") / "more.txt").exists()


def test_a_movie_is_sent_in_pieces_as_what_it_is(site):
    film = add_file(site.services, "tiltMov_a.mp4", bytes(range(100)), "document")
    with site.local() as http:
        part = http.get(f"/movies/{film}/tiltMov_a.mp4", headers={"Range": "bytes=50-"})
        assert (part.status_code, part.content) == (206, bytes(range(50, 100)))
        assert part.headers["content-type"] == "video/mp4"
        assert part.headers["content-range"] == "bytes 50-99/100"
        other = add_file(site.services, "notes/other.txt", b"x", "text")
        assert http.get(f"/movies/{other}/x.mp4").status_code == 404
