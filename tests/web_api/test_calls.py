"""NORA's addresses with calls, and its upload form, with curl as its manual has it (URL-03..10)."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from appliance import catalog
from appliance.catalog import Grant
from tests.support.needs import needs
from tests.web_api.conftest import Site

Curl = Callable[..., tuple[int, str]]


@pytest.fixture
def curl() -> Curl:
    needs("curl")

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [str(shutil.which("curl")), "-s", "-w", "\n%{http_code}", *arguments],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        text, _, status = done.stdout.rpartition("\n")
        return int(status), text

    return run


@pytest.fixture(scope="module")
def tokens(works: Site) -> dict[str, str]:
    def fill(tx: catalog.Tx) -> dict[str, str]:
        here = catalog.ensure_project(tx, "default").id
        found = {"owner": catalog.issue_token(tx, "t")}
        found["limited"] = catalog.issue_token(tx, "t", scope="reader")
        for login, grant in {"ed": Grant(readonly=False), "rea": Grant(), "out": None}.items():
            catalog.create_user(tx, login, actor="owner")
            if grant is not None:
                catalog.set_grant(tx, login, here, grant, actor="owner")
            found[login] = catalog.issue_token(tx, "t", login=login)
        return found

    return works.services.catalog.write(fill)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("notes.txt", "some notes")
    return path


def form(call: dict[str, Any] | str, archive: Path) -> list[str]:
    text = call if isinstance(call, str) else json.dumps(call)
    return ["--form-string", f"call={text}", "-F", f"thefile=@{archive};type=application/zip"]


def receipts(works: Site) -> int:
    with works.services.catalog.read() as con:
        return int(con.execute("SELECT count(*) FROM receipts").fetchone()[0])


@pytest.mark.parametrize("page", ["/index.php", "/"])
@pytest.mark.parametrize("mark", ["", "@CRYPT@"])
def test_URL_07_URL_08_curl_uploads_as_it_does_to_nora(
    works: Site, tokens: dict[str, str], curl: Curl, archive: Path, *, page: str, mark: str
) -> None:
    call = {"cmd": "import", "user": "ed", "token": mark + tokens["ed"]}
    status, text = curl(*form(call, archive), f"{works.url}{page}?project=default")
    assert status == 202, text
    receipt = json.loads(text)
    assert receipt["kind"] == "upload"
    assert tokens["ed"] not in text
    # It is an arrival as any other (URL-10).
    status, text = curl(
        "-H",
        f"Authorization: Bearer {tokens['ed']}",
        f"{works.url}/api/v1/receipts/{receipt['key']}",
    )
    assert status == 200
    assert [item["name"] for item in json.loads(text)["items"]]


def test_URL_09_wget_sends_the_same_form_from_a_file(
    works: Site, tokens: dict[str, str], archive: Path, tmp_path: Path
) -> None:
    call = json.dumps({"cmd": "import", "user": "ed", "token": tokens["ed"]})
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n'
    head = part.format("call") + call + "\r\n" + part.format('thefile"; filename="data.zip')
    form = tmp_path / "form"
    form.write_bytes(head.encode() + archive.read_bytes() + b"\r\n--b--\r\n")
    header = "--header=Content-Type: multipart/form-data; boundary=b"
    url = f"{works.url}/index.php?project=default"
    command = [needs("wget"), "-q", "-O", "-", header, f"--post-file={form}", url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(told)["kind"] == "upload"


def test_URL_05_a_token_in_the_header_is_enough(
    works: Site, tokens: dict[str, str], curl: Curl, archive: Path
) -> None:
    header = ["-H", f"Authorization: Bearer {tokens['ed']}"]
    address = f"{works.url}/index.php?project=default"
    assert curl(*header, *form({"cmd": "import"}, archive), address)[0] == 202


@pytest.mark.parametrize(
    ("who", "user", "status"),
    [("rea", "", 403), ("out", "", 403), ("limited", "", 403), ("owner", "ed", 403), ("", "", 401)],
)
def test_URL_06_a_call_may_what_its_token_may_and_speaks_for_nobody_else(
    works: Site,
    tokens: dict[str, str],
    curl: Curl,
    archive: Path,
    *,
    who: str,
    user: str,
    status: int,
) -> None:
    before = receipts(works)
    call = {"cmd": "import", "user": user, "token": tokens.get(who, "")}
    got, text = curl(*form(call, archive), f"{works.url}/index.php?project=default")
    assert got == status, text
    assert receipts(works) == before
    assert not call["token"] or call["token"] not in text


def test_URL_07_a_browsers_session_does_not_count(works: Site, archive: Path) -> None:
    with works.browser() as browser:
        answer = browser.post(
            "/index.php?project=default",
            data={"call": '{"cmd": "import"}'},
            files={"thefile": archive.read_bytes()},
        )
    assert answer.status_code == 401


@pytest.mark.parametrize("call", ["{oops", '{"token": "SECRET", ', "[]", '{"cmd": 7}'])
def test_what_is_wrong_with_a_call_is_said_without_repeating_it(
    works: Site, tokens: dict[str, str], curl: Curl, archive: Path, call: str
) -> None:
    header = ["-H", f"Authorization: Bearer {tokens['ed']}"]
    status, text = curl(*header, *form(call, archive), f"{works.url}/?project=default")
    assert status == 400
    assert "SECRET" not in text


def test_a_call_without_a_file_or_with_another_command_is_refused(
    works: Site, tokens: dict[str, str], curl: Curl, archive: Path
) -> None:
    header = ["-H", f"Authorization: Bearer {tokens['ed']}"]
    address = f"{works.url}/?project=default"
    assert curl(*header, *form({"cmd": "delete"}, archive), address)[0] == 400
    assert curl(*header, "-F", 'call={"cmd":"import"}', address)[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        'project=default&call={"pid":"A","sid":"1"}',
        "asuser=root&project=default&call=%7B%22pid%22%3A%22A%20B%22%7D",
    ],
)
def test_URL_03_the_page_comes_at_noras_address(works: Site, curl: Curl, query: str) -> None:
    status, text = curl("-g", f"{works.url}/index.php?{query}")
    assert status == 200
    assert "<html" in text


def test_nothing_of_a_file_is_taken_in_before_it_is_known_who_sends_it(works: Site) -> None:
    """The answer comes although the file never ends: its bytes were not waited for."""
    head = (
        b'--b\r\nContent-Disposition: form-data; name="call"\r\n\r\n{"cmd":"import"}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="thefile"; filename="a.zip"\r\n\r\nPK'
    )
    address = urlsplit(works.url)
    with socket.create_connection((str(address.hostname), address.port or 80), 20) as connection:
        connection.sendall(
            b"POST /?project=default HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + head
        )
        assert connection.recv(64).split()[1] == b"401"


def test_a_form_that_ends_early_leaves_no_arrival_that_counts_as_whole(
    works: Site, tokens: dict[str, str]
) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="call"\r\n\r\n{"cmd":"import"}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="thefile"; filename="cut.zip"\r\n\r\nPK'
    )
    answer = httpx.post(
        f"{works.url}/?project=default",
        content=body,
        headers={
            "Authorization": f"Bearer {tokens['ed']}",
            "Content-Type": "multipart/form-data; boundary=b",
        },
    )
    assert answer.status_code == 400, answer.text
    with works.services.catalog.read() as con:
        rows = con.execute("SELECT state FROM receipts WHERE source LIKE '%cut.zip%'").fetchall()
    assert all(state == "failed" for (state,) in rows), rows


def test_the_call_stands_before_the_file(
    works: Site, tokens: dict[str, str], curl: Curl, archive: Path
) -> None:
    call = json.dumps({"cmd": "import", "token": tokens["ed"]})
    arguments = ["-F", f"thefile=@{archive}", "--form-string", f"call={call}"]
    status, text = curl(*arguments, f"{works.url}/?project=default")
    assert status == 400
    assert tokens["ed"] not in text
