"""Ranges and entity tags: the rules, then the same over a real connection."""

from __future__ import annotations

import os

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import catalog
from appliance.web.ranges import Unsatisfiable, negotiate, parse_range
from appliance.web.transfer import content_disposition, content_type
from tests.web_api.conftest import IMAGE, Site, add_file

SIZE = 1000
GOOD = {
    "bytes=0-0": (0, 1),
    "bytes=0-499": (0, 500),
    "bytes=500-": (500, SIZE),
    "bytes=-1": (SIZE - 1, SIZE),
    "bytes=-5000": (0, SIZE),
    "bytes=990-5000": (990, SIZE),
    "BYTES = 1 - 2": (1, 3),
}
IGNORED = ["bytes=5-1", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,4-5", "lines=0-1", "0-1", ""]
EMPTY = ["bytes=1000-", "bytes=5000-6000", "bytes=-0"]


@pytest.mark.parametrize(("header", "expected"), GOOD.items())
def test_a_good_range_is_read(header: str, expected: tuple[int, int]) -> None:
    assert parse_range(header, SIZE) == expected


@pytest.mark.parametrize("header", IGNORED)
def test_a_malformed_or_multiple_range_is_ignored(header: str) -> None:
    assert parse_range(header, SIZE) is None


@pytest.mark.parametrize("header", EMPTY)
def test_a_range_without_a_byte_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, SIZE)


def test_an_empty_file_has_no_satisfiable_range() -> None:
    with pytest.raises(Unsatisfiable):
        parse_range("bytes=0-", 0)


@given(st.text(max_size=30), st.integers(0, 2**40))
def test_no_header_breaks_the_parser(header: str, size: int) -> None:
    try:
        found = parse_range(f"bytes={header}", size)
    except Unsatisfiable:
        return
    assert found is None or 0 <= found[0] < found[1] <= size


@given(st.data(), st.integers(1, 10_000))
def test_every_range_gives_exactly_its_bytes(data: st.DataObject, size: int) -> None:
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size + 5))
    start, stop = parse_range(f"bytes={first}-{last}", size) or (0, 0)
    assert list(range(size))[first : last + 1] == list(range(size))[start:stop]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"if-none-match": '"a"'}, 304),
        ({"if-none-match": 'W/"a", "b"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"b"'}, 200),
        ({"range": "bytes=0-1"}, 206),
        ({"range": "bytes=0-1", "if-range": '"a"'}, 206),
        ({"range": "bytes=0-1", "if-range": 'W/"a"'}, 200),
        ({"range": "bytes=0-1", "if-range": '"b"'}, 200),
        ({"range": "bytes=0-1", "if-range": "yesterday"}, 206),
        ({"range": "bytes=0-1", "if-none-match": '"a"'}, 304),
        ({"range": "bytes=9-"}, 416),
    ],
)
def test_conditions_are_weighed_in_order(headers: dict[str, str], status: int) -> None:
    assert negotiate("GET", headers, '"a"', "yesterday", 9).status == status


def test_head_knows_no_range() -> None:
    assert negotiate("HEAD", {"range": "bytes=0-1"}, '"a"', "", 9).status == 200


@pytest.mark.parametrize("name", ['a"b\\c.nii', "Ä ö.nii", "a\r\nSet-Cookie: x=1.nii", "%41.nii"])
def test_any_file_name_makes_one_safe_header(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii()
    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2


@pytest.mark.parametrize("name", ["a.html", "a.SVG", "a.pdf", "a.xml", "a.js"])
def test_what_a_browser_could_run_is_bytes_to_be_saved(name: str) -> None:
    assert content_type(name) == "application/octet-stream"
    assert content_disposition(name).startswith("attachment")


def test_a_file_comes_whole_with_its_validators(site: Site, image: int) -> None:
    with site.browser() as http:
        answer = http.get(f"/api/v1/files/{image}/s001.nii")
        assert answer.content == IMAGE
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["cache-control"] == "no-store"
        assert "sandbox" in answer.headers["content-security-policy"]
        known = {"If-None-Match": answer.headers["etag"]}
        again = http.get(f"/api/v1/files/{image}/s001.nii", headers=known)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        ("bytes=0-9", 206, IMAGE[:10], "bytes 0-9/4096"),
        ("bytes=-6", 206, IMAGE[-6:], "bytes 4090-4095/4096"),
        ("bytes=4090-", 206, IMAGE[4090:], "bytes 4090-4095/4096"),
        ("bytes=4096-", 416, b"", "bytes */4096"),
        ("bytes=9-1", 200, IMAGE, None),
        ("bytes=0-1,5-6", 200, IMAGE, None),
    ],
)
def test_ranges_over_the_wire(
    site: Site, image: int, *, asked: str, status: int, content: bytes, told: str | None
) -> None:
    with site.bearer() as http:
        answer = http.get(f"/files/{image}/s001.nii", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers.get("content-range") == told


def test_head_tells_the_size_and_sends_nothing(site: Site, image: int) -> None:
    with site.bearer() as http:
        answer = http.head(f"/files/{image}/s001.nii")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "4096"


def test_a_big_file_is_sent_in_pieces_and_arrives_whole(site: Site) -> None:
    content = os.urandom((9 << 20) + 17)
    big = add_file(site.services, "big.nii", content, "image")
    with site.bearer() as http:
        assert http.get(f"/files/{big}/big.nii").content == content
        part = http.get(f"/files/{big}/big.nii", headers={"Range": f"bytes=5-{3 << 20}"})
    assert part.content == content[5 : (3 << 20) + 1]


def test_a_caller_that_hangs_up_does_not_hurt_the_next(site: Site) -> None:
    big = add_file(site.services, "big.nii", bytes(32 << 20), "image")
    with site.bearer() as http:
        with http.stream("GET", f"/files/{big}/big.nii") as answer:
            next(answer.iter_raw())
        assert http.get(f"/files/{big}").json()["size_bytes"] == 32 << 20


def test_a_changed_file_has_another_tag_and_ignores_an_old_if_range(site: Site, image: int) -> None:
    with site.bearer() as http:
        before = http.head(f"/files/{image}/s001.nii").headers["etag"]
        add_file(site.services, "t1_3/s001.nii", b"x" * 4096, "image")
        answer = http.get(
            f"/files/{image}/s001.nii", headers={"Range": "bytes=0-1", "If-Range": before}
        )
    assert (answer.status_code, answer.content) == (200, b"x" * 4096)


def test_a_file_lost_on_disk_is_a_clear_404(site: Site) -> None:
    lost = add_file(site.services, "lost.nii", b"x", "image")
    (catalog.study_dir(site.services.folder, "default", "S-0001", "2024") / "lost.nii").unlink()
    with site.bearer() as http:
        answer = http.get(f"/files/{lost}/lost.nii")
    assert answer.status_code == 404
    assert "rescan" in answer.json()["hint"]


@pytest.mark.parametrize("name", ["..%2f..%2fidentity.sqlite", "%2e%2e", "x%00.nii"])
def test_a_name_in_the_address_never_chooses_the_file(site: Site, image: int, name: str) -> None:
    with site.bearer() as http:
        answer = http.get(f"/files/{image}/{name}")
    assert answer.status_code in (200, 404)
    assert answer.status_code == 404 or answer.content[:4] in (IMAGE[:4], b"xxxx")


def test_html_out_of_a_study_cannot_run(site: Site) -> None:
    page = add_file(site.services, "report.html", b"<script>alert(1)</script>", "document")
    with site.browser() as http:
        answer: httpx.Response = http.get(f"/api/v1/files/{page}/report.html")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["content-type"] == "application/octet-stream"
