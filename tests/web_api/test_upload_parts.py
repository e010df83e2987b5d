"""Uploads in parts over HTTP: raw bytes, an offset, and where to go on after a break."""

from __future__ import annotations

import hashlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.needs import needs
from tests.support.samples import tiny_series, zip_of
from tests.support.waiting import wait_until
from tests.web_api.conftest import Site
from tests.web_api.test_arrivals import closed


@pytest.fixture
def http(works: Site) -> Iterator[httpx.Client]:
    with works.bearer() as client:
        yield client


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    return zip_of(tiny_series(tmp_path / "in"))


def begun(http: httpx.Client, data: bytes, **more: str) -> dict[str, Any]:
    params = {"project": "default", "filename": "a.zip", "size_bytes": len(data), **more}
    return dict(http.post("/uploads/parts", params=params).raise_for_status().json())


def test_URL_10_parts_are_acknowledged_one_by_one_and_make_one_arrival(
    http: httpx.Client, archive: bytes
) -> None:
    key = begun(http, archive, sha256=hashlib.sha256(archive).hexdigest())["key"]
    step = len(archive) // 3 + 1
    for start in range(0, len(archive), step):
        part = archive[start : start + step]
        params = {"offset": start, "sha256": hashlib.sha256(part).hexdigest()}
        told = http.put(f"/uploads/{key}", params=params, content=part).raise_for_status().json()
        assert told["offset_bytes"] == start + len(part)
    assert closed(http, key)["state"] == "done"


def test_a_wrong_offset_or_checksum_is_told_with_what_to_do(
    http: httpx.Client, archive: bytes
) -> None:
    key = begun(http, archive)["key"]
    wrong = http.put(f"/uploads/{key}", params={"offset": 5}, content=b"x")
    assert (wrong.status_code, "begins at 0" in wrong.json()["detail"]) == (409, True)
    wrong = http.put(f"/uploads/{key}", params={"offset": 0, "sha256": "0"}, content=b"x")
    assert (wrong.status_code, "checksum" in wrong.json()["detail"]) == (400, True)
    assert http.get(f"/uploads/{key}").json()["offset_bytes"] == 0
    assert http.delete(f"/uploads/{key}").status_code == 204
    assert http.get(f"/uploads/{key}").status_code == 404


def test_a_connection_that_breaks_off_is_gone_on_with(
    works: Site, http: httpx.Client, archive: bytes
) -> None:
    archive = bytes(2 << 20) + archive  # zips may have something before them
    key = begun(http, archive)["key"]
    head = (
        f"PUT /api/v1/uploads/{key}?offset=0 HTTP/1.1\r\nHost: 127.0.0.1:{works.port}\r\n"
        f"Authorization: {http.headers['authorization']}\r\nContent-Length: {len(archive)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", works.port)) as sock:
        sock.sendall(head.encode() + archive[: 3 << 19])
        home = works.services.folder.incoming / key
        wait_until(lambda: max(p.stat().st_size for p in home.iterdir()), "bytes are written")

    def kept() -> int:
        return int(http.get(f"/uploads/{key}").json()["offset_bytes"])

    wait_until(lambda: kept() > 0, "the bytes that came are safe")

    def sent() -> bool:
        offset = kept()
        params = {"offset": offset}
        answer = http.put(f"/uploads/{key}", params=params, content=archive[offset:])
        return answer.status_code == 200

    wait_until(sent, "the rest is taken")
    assert closed(http, key)["state"] == "done"


def test_URL_09_curl_sends_the_rest_of_a_file(
    works: Site, http: httpx.Client, archive: bytes, tmp_path: Path
) -> None:
    key = begun(http, archive)["key"]
    http.put(f"/uploads/{key}", params={"offset": 0}, content=archive[:500]).raise_for_status()
    rest = tmp_path / "rest"
    rest.write_bytes(archive[500:])
    url = f"{works.url}/api/v1/uploads/{key}?offset=500"
    header = f"Authorization: {http.headers['authorization']}"
    subprocess.run([needs("curl"), "-sf", "-H", header, "-T", str(rest), url], check=True)
    assert closed(http, key)["state"] == "done"
