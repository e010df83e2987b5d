"""A pyramid is read through the file `info` of a study, by who may look, and nothing beside it."""

from __future__ import annotations

import pytest

from tests.web_api.conftest import Site, add_file


@pytest.fixture(scope="module")
def pyramid(site: Site) -> int:
    """The id of the `info` of a pyramid with one chunk."""
    found = add_file(site.services, "neuro-a/info", b'{"type": "image"}', "other")
    add_file(site.services, "neuro-a/secret.txt", b"no part of it", "text")
    add_file(site.services, "neuro-a/1_1_1/0-64_0-64_0-64", bytes(range(64)), "other")
    return found


def test_NG_02_info_and_chunks_are_sent_with_ranges(site, pyramid):
    with site.local() as http:
        assert http.get(f"/pyramids/{pyramid}/info").json() == {"type": "image"}
        chunk = f"/pyramids/{pyramid}/1_1_1/0-64_0-64_0-64"
        assert http.get(chunk).content == bytes(range(64))
        part = http.get(chunk, headers={"Range": "bytes=8-15"})
        assert (part.status_code, part.content) == (206, bytes(range(8, 16)))


@pytest.mark.parametrize(
    "name",
    [
        "secret.txt",
        "../neuro-a/info",
        "..%2Finfo",
        "1_1_1%2F..%2Finfo",
        "1_1_1/0-64_0-64_64-128",
        "../../../../../catalog.sqlite",
        "..%2F0-1_0-1_0-1",
    ],
)
def test_NG_02_nothing_beside_a_pyramid_is_sent(site, pyramid, name):
    with site.local() as http:
        answer = http.get(f"/pyramids/{pyramid}/{name}")
        assert answer.status_code in (400, 404), answer.text


def test_a_file_that_is_no_pyramid_has_no_parts(site, pyramid):
    other = add_file(site.services, "notes/readme.txt", b"x", "text")
    with site.local() as http:
        assert http.get(f"/pyramids/{other}/info").status_code == 404
    with site.anonymous() as http:
        assert http.get(f"/api/v1/pyramids/{pyramid}/info").status_code == 401


def test_a_movie_is_sent_in_pieces_as_what_it_is(site):
    film = add_file(site.services, "tiltMov_a.mp4", bytes(range(100)), "document")
    with site.local() as http:
        part = http.get(f"/movies/{film}/tiltMov_a.mp4", headers={"Range": "bytes=50-"})
        assert (part.status_code, part.content) == (206, bytes(range(50, 100)))
        assert part.headers["content-type"] == "video/mp4"
        assert part.headers["content-range"] == "bytes 50-99/100"
        other = add_file(site.services, "notes/other.txt", b"x", "text")
        assert http.get(f"/movies/{other}/x.mp4").status_code == 404
