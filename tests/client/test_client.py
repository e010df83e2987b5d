"""The client against a real server, over the Unix socket and over TCP with a token."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance import catalog
from appliance.client import Client, managing_rows, rows
from appliance.core import Conflict, Invalid, NotFound, PeerError, Refused, SettingsError
from tests.support.service import REPOSITORY
from tests.web_api.conftest import IMAGE, Site, add_file


@pytest.fixture(params=["socket", "token"])
def nora(site: Site, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client by each of the two ways."""
    if request.param == "socket":
        client = Client(socket=site.socket)
    else:
        token = site.services.catalog.write(lambda tx: catalog.issue_token(tx, "test"))
        client = Client(site.url, token=token)
    with client:
        yield client


def test_the_service_knows_us(nora: Client) -> None:
    session = nora.session()
    assert session.login == "owner"
    assert session.is_admin
    assert "admin" in session.rights
    assert nora.settings()["dicom.enabled"] in (True, False)


def test_projects_are_made_and_listed(nora: Client) -> None:
    name = f"p{len(nora.projects())}"
    assert nora.create_project(name, "brain").module == "brain"
    assert name in [project.name for project in nora.projects()]
    with pytest.raises(Conflict):
        nora.create_project(name)


def test_problems_become_our_errors_with_their_hint(nora: Client) -> None:
    with pytest.raises(NotFound) as told:
        nora.select("nowhere", "*")
    assert "Projects:" in told.value.hint
    with pytest.raises(Invalid, match="syntax error") as told:
        nora.sql("SELEC")
    assert "SELECT" in told.value.hint
    with pytest.raises(Refused):
        nora.sql("DELETE FROM events")


def test_files_are_selected_tagged_trashed_and_brought_back(
    site: Site, nora: Client, image: int
) -> None:
    [found] = nora.select("default", "t1*/s0*.nii")
    assert (found.file_id, found.psid) == (image, "S-0001#2024")
    assert Path(found.absolute_path).read_bytes() == IMAGE
    assert nora.tag("file", [image], add=["seen"]).n == 1
    assert "seen" in nora.select("default", "t1*")[0].tags
    assert "seen" in [tag.name for tag in nora.project_tags("default").file]
    done = nora.remove_files("default", [found.absolute_path])
    assert nora.select("default", "t1*") == []
    nora.undo(done.operation_id)
    assert nora.add_files("default", [found.absolute_path], tags=["back"]).n == 1
    assert "back" in nora.select("default", "t1*")[0].tags


def test_lists_follow_their_pages(site: Site, nora: Client) -> None:
    for n in range(5):
        add_file(site.services, f"list/{n}.txt", b"x", "text", sid="list")
    names = [row.path for row in nora.all_files("default", files="list/", limit=2)]
    assert names == [f"list/{n}.txt" for n in range(5)]
    assert [row.pid for row in nora.all_subjects("default")] == ["S-0001"]
    assert "S-0001#list" in [row.psid for row in nora.all_studies("default", limit=1)]


def test_a_file_is_downloaded(site: Site, nora: Client, image: int, tmp_path: Path) -> None:
    [row] = [file for file in nora.all_files("default", files="t1") if file.id == image]
    nora.download(row, tmp_path / "copy.nii")
    assert (tmp_path / "copy.nii").read_bytes() == IMAGE


def test_sql_gives_rows(nora: Client, image: int) -> None:
    assert nora.sql("SELECT pid FROM subjects").rows == [["S-0001"]]


def test_a_login_link_logs_a_browser_in(site: Site, nora: Client) -> None:
    link = nora.login_link()
    code = link.partition("/login#")[2]
    with site.anonymous() as http:
        assert http.post("/api/v1/session", json={"code": code}).status_code == 201


def test_events_come_in_order_and_from_a_place(site: Site, nora: Client) -> None:
    place = site.services.catalog.last_seq()
    for n in range(3):
        site.services.catalog.write(lambda tx, n=n: tx.event("job.changed", n=n))  # type: ignore[misc]
    with contextlib.closing(nora.events(place)) as events:
        got = [next(events) for _ in range(3)]
    assert [(e.seq, e.topic, e.data["n"]) for e in got] == [
        (place + 1 + n, "job.changed", n) for n in range(3)
    ]


def test_where_nobody_listens_the_error_says_what_to_do(tmp_path: Path) -> None:
    with Client(socket=tmp_path / "none.sock") as nora, pytest.raises(PeerError) as told:
        nora.projects()
    assert "nora serve" in told.value.hint


def test_the_environment_of_a_job_is_enough(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    token = site.services.catalog.write(lambda tx: catalog.issue_token(tx, "env"))
    monkeypatch.setenv("NORA_URL", site.url)
    monkeypatch.setenv("NORA_TOKEN", token)
    monkeypatch.delenv("NORA_SOCKET", raising=False)
    with Client.from_environment() as nora:
        assert nora.session().login == "owner"


def test_no_token_travels_unencrypted_to_another_machine() -> None:
    with pytest.raises(SettingsError):
        Client("http://lab.example:8181", token="secret")
    Client("https://lab.example", token="secret").close()


@pytest.mark.parametrize("url", ["lab", "ftp://lab", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        Client(url)


def test_a_proxy_that_speaks_no_json_is_a_clear_error() -> None:
    page = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<html"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(page)

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with Client(address) as nora, pytest.raises(PeerError, match="502"):
            nora.projects()
        thread.join()


SHAPES = {
    rows.Unresolved: "UnresolvedTarget",
    rows.Session: None,
    rows.Event: None,
    rows.Receipt: "ReceiptDetail",
    rows.Member: "MemberRow",
    managing_rows.BidsPlan: "BidsPlanView",
    rows.User: "UserEntry",
}


@pytest.mark.parametrize(
    "shape",
    [getattr(module, name) for module in (rows, managing_rows) for name in module.__all__],
)
def test_the_client_and_the_api_name_the_same_fields(shape: type[Any]) -> None:
    name = SHAPES.get(shape, shape.__name__)
    if name is None:
        pytest.skip("not a schema of its own")
    schemas = json.loads((REPOSITORY / "webui/openapi.json").read_text("utf-8"))["components"]
    known = schemas["schemas"][name]["properties"]
    assert {field.encode_name for field in msgspec.structs.fields(shape)} <= known.keys()
