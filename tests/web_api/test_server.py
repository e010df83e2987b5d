"""The server process: sockets, systemd, signals; and the pages it serves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from appliance.core import SettingsError
from appliance.web import bind_tcp, bind_unix, sd_notify, ui
from appliance.web.systemd import watchdog_seconds
from tests.support.service import REPOSITORY
from tests.web_api.conftest import Site

SERVE = """
import sys, time
from pathlib import Path
from litestar import get
from appliance.web import WebServer, bind_tcp, create_app
from tests.web_api.conftest import make_services

@get("/slow", public=True, sync_to_thread=True)
def slow() -> str:
    Path(sys.argv[2]).touch()
    time.sleep(1)
    return "whole"

services = make_services(Path(sys.argv[1]))
app = create_app(services)
app.register(slow)
sock = bind_tcp("127.0.0.1", 0)
print(sock.getsockname()[1], flush=True)
WebServer(app, [sock]).run()
services.catalog.close()
print("code after run")
"""


def test_sigterm_finishes_what_is_in_flight_and_exits_0(tmp_path: Path) -> None:
    started, told = tmp_path / "started", tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(told))
        notify.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(tmp_path / "data"), str(started)],
            cwd=REPOSITORY,
            env={**os.environ, "NOTIFY_SOCKET": str(told), "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert notify.recv(100) == b"READY=1"
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while not started.exists():
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        assert answer.endswith(b"whole")
        assert notify.recv(100) == b"STOPPING=1"
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "code after run" in rest


def test_a_taken_port_names_the_setting() -> None:
    with bind_tcp("127.0.0.1", 0) as first, pytest.raises(SettingsError) as told:
        bind_tcp("127.0.0.1", first.getsockname()[1])
    assert "web.port" in told.value.hint
    assert str(first) is not None


def test_an_address_of_another_machine_names_the_setting() -> None:
    with pytest.raises(SettingsError) as told:
        bind_tcp("192.0.2.1", 0)
    assert "web.bind" in told.value.hint


def test_a_socket_left_from_a_crash_is_replaced_and_private(tmp_path: Path) -> None:
    path = tmp_path / "run" / "nora.sock"
    bind_unix(path).close()
    with bind_unix(path):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert sd_notify("READY=1") is False
    assert watchdog_seconds() is None


def test_the_watchdog_is_fed_twice_as_often_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_seconds() == 15.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_seconds() is None


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built UI of our own."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>built</title>")
    (tmp_path / "assets/app-1a2b.js").write_text("export {}")
    monkeypatch.setattr(ui, "STATIC", tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", ["/", "/jobs", "/manual/viewer", "/some/new/route"])
def test_every_browser_route_gets_the_page_and_never_keeps_it(
    site: Site, bundle: Path, path: str
) -> None:
    with site.anonymous() as http:
        answer = http.get(path)
    assert "built" in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"


def test_hashed_assets_are_kept_for_ever(site: Site, bundle: Path) -> None:
    with site.anonymous() as http:
        answer = http.get("/assets/app-1a2b.js")
    assert "immutable" in answer.headers["cache-control"]
    assert "javascript" in answer.headers["content-type"]
    assert "attachment" not in answer.headers.get("content-disposition", "")


@pytest.mark.parametrize(
    "path", ["/assets/none.js", "/assets/..%2f..%2fapp.py", "/..%2f..%2fapp.py", "/api", "/api/v2"]
)
def test_what_is_not_in_the_bundle_is_not_found(site: Site, bundle: Path, path: str) -> None:
    with site.anonymous() as http:
        answer: httpx.Response = http.get(path)
    assert answer.status_code == 404
    assert answer.json()["key"] == "not_found"


def test_without_a_bundle_the_page_says_how_to_build_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui, "STATIC", tmp_path / "none")
    with site.anonymous() as http:
        assert "make setup" in http.get("/").text
