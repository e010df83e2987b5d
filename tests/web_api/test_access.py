"""Who gets in: login codes, cookies, CSRF, tokens, the Unix socket, foreign hosts and pages."""

from __future__ import annotations

import contextlib
import logging
import socket
from pathlib import Path

import httpx
import pytest

from appliance import catalog
from appliance.core import NotFound
from appliance.web import create_app
from appliance.web.access import LoginLimiter
from appliance.web.gate import is_allowed_host
from appliance.web.problems import TooManyAttempts
from appliance.web.scope import rights_of
from tests.web_api.conftest import Site

SESSION = "/api/v1/session"


def test_nobody_reads_without_a_login(site: Site) -> None:
    with site.anonymous() as http:
        answer = http.get("/api/v1/projects")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["key"] == "login_needed"
    assert "nora login" in answer.json()["hint"]


def test_a_code_makes_a_session_with_a_strict_cookie(site: Site) -> None:
    with site.anonymous() as http:
        answer = http.post(SESSION, json={"code": site.code()})
        cookie = answer.headers["set-cookie"].lower()
        assert answer.status_code == 201
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert http.get(SESSION).json()["user"]["login"] == "owner"


def test_behind_a_tls_proxy_the_cookie_is_secure(site: Site) -> None:
    origin = {"Origin": f"https://127.0.0.1:{site.port}"}
    with site.anonymous() as http:
        answer = http.post(SESSION, json={"code": site.code()}, headers=origin)
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_code_works_once(site: Site) -> None:
    code = site.code()
    with site.anonymous() as first, site.anonymous() as second:
        assert first.post(SESSION, json={"code": code}).status_code == 201
        replay = second.post(SESSION, json={"code": code})
        assert replay.status_code == 403
        assert second.get(SESSION).status_code == 401


def test_an_expired_code_is_refused(site: Site) -> None:
    code = site.services.catalog.write(lambda tx: catalog.issue_login_code(tx, lasts_ms=-1))
    with site.anonymous() as http:
        assert http.post(SESSION, json={"code": code}).status_code == 403


def test_an_expired_session_is_no_session(site: Site) -> None:
    code = site.code()
    secret, _ = site.services.catalog.write(
        lambda tx: catalog.redeem_login_code(tx, code, session_ms=-1)
    )
    with site.anonymous() as http:
        http.cookies.set("nora_session", secret)
        assert http.get(SESSION).status_code == 401


def test_logging_out_ends_the_session_at_once(site: Site) -> None:
    with site.browser() as http:
        secret = http.cookies["nora_session"]
        assert http.delete(SESSION).status_code == 204
        assert http.get(SESSION, headers={"Cookie": f"nora_session={secret}"}).status_code == 401


@pytest.mark.parametrize("csrf", [None, "", "wrong"])
def test_a_cookie_alone_changes_nothing(site: Site, csrf: str | None) -> None:
    with site.browser() as http:
        del http.headers["X-CSRF-Token"]
        headers = {} if csrf is None else {"X-CSRF-Token": csrf}
        answer = http.post("/api/v1/projects", json={"name": "forged"}, headers=headers)
    assert answer.status_code == 403
    with site.services.catalog.read() as con, pytest.raises(NotFound):
        catalog.get_project(con, "forged")


def test_with_the_csrf_token_the_browser_may_change(site: Site) -> None:
    with site.browser() as http:
        assert http.post("/api/v1/projects", json={"name": "genuine"}).status_code == 201


def test_a_token_needs_no_csrf(site: Site) -> None:
    with site.bearer() as http:
        assert http.post("/projects", json={"name": "by-token"}).status_code == 201


def test_an_unknown_token_is_refused_even_over_the_socket(site: Site) -> None:
    with site.local() as http:
        assert http.get("/session", headers={"Authorization": "Bearer nope"}).status_code == 401


def test_our_own_user_needs_no_login_over_the_socket(site: Site) -> None:
    with site.local() as http:
        assert http.get("/session").json()["user"]["is_admin"] is True
    assert site.socket.stat().st_mode & 0o777 == 0o600
    assert site.socket.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "headers",
    [
        {"nora_peer_uid": "0"},
        {"X-Forwarded-For": "unix:"},
        {"state": '{"nora_peer_uid": 0}'},
        {"Forwarded": "for=unix"},
    ],
)
def test_tcp_cannot_pretend_to_be_the_socket(site: Site, headers: dict[str, str]) -> None:
    with site.anonymous() as http:
        assert http.get("/api/v1/projects", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "192.0.2.7", "[::2]", ""]
)
def test_a_rebound_name_reaches_nothing(site: Site, host: str) -> None:
    with site.browser() as http:
        answer = http.get(SESSION, headers={"Host": host})
    assert answer.status_code in (400, 403)
    assert "csrf" not in answer.text


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.0.0.1:8181", "[::1]:8181", "LOCALHOST", "lab"]
)
def test_loopback_and_configured_names_are_ours(host: str) -> None:
    assert is_allowed_host(host, ["Lab"])


def test_a_page_of_another_origin_is_refused(site: Site) -> None:
    with site.browser() as http:
        for origin in ("http://evil.example", "null", f"http://127.0.0.1:{site.port + 1}"):
            answer = http.get(SESSION, headers={"Origin": origin})
            assert answer.status_code == 403
        assert http.get(SESSION, headers={"Origin": site.url}).status_code == 200


@pytest.mark.parametrize("origin", ["cross-site", "same-site"])
def test_a_page_of_another_port_is_refused(site: Site, origin: str) -> None:
    with site.browser() as http:
        assert http.get(SESSION, headers={"Sec-Fetch-Site": origin}).status_code == 403


def test_every_answer_carries_the_security_headers(site: Site) -> None:
    with site.anonymous() as http:
        for path in ("/", "/api/v1/session", "/nothing.js", "/healthz"):
            headers = http.get(path).headers
            assert "script-src 'self'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert headers["cross-origin-embedder-policy"] == "require-corp"
            assert headers["cache-control"] == "no-store"
            assert "server" not in headers


def test_the_token_of_a_job_opens_only_what_a_job_needs(site: Site) -> None:
    with site.bearer(scope="job", job_key="abc") as http:
        assert http.get("/session").json()["user"]["rights"] == ["editor", "reader"]
        assert http.get("/settings").status_code == 403
        assert http.post("/sql", json={"sql": "SELECT 1"}).status_code == 403
        assert http.get("/projects").status_code == 403
        assert http.get("/events").status_code == 403


def test_a_token_has_no_more_than_the_rights_it_names(site: Site) -> None:
    with site.bearer(scope="reader") as http:
        assert http.get("/projects").status_code == 200
        assert http.post("/projects", json={"name": "more"}).status_code == 403


def test_a_user_who_is_no_admin_only_reads() -> None:
    assert rights_of(catalog.Caller(user_id=2, login="guest", is_admin=False)) == {"reader"}


def test_many_wrong_codes_make_all_wait() -> None:
    limiter = LoginLimiter(attempts=3)
    for _ in range(3):
        limiter.check()
        limiter.failed()
    with pytest.raises(TooManyAttempts):
        limiter.check()


def test_oversized_headers_are_refused_and_the_server_lives(site: Site) -> None:
    with site.anonymous() as http:
        with contextlib.suppress(httpx.TransportError):  # it may close before all was sent
            answer = http.get("/healthz", headers={"X-Big": "x" * 200_000})
            assert answer.status_code in (400, 431)
        assert http.get("/healthz").text == "ok"


def test_bytes_that_are_no_http_do_not_hurt(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
        assert b"400" in sock.recv(100)


def test_every_route_of_the_api_names_its_right(site: Site) -> None:
    app = create_app(site.services)
    bare = [
        str(handler)
        for route in app.routes
        if route.path.startswith("/api/")
        for handler in getattr(route, "route_handlers", [])
        if "OPTIONS" not in handler.http_methods
        and "right" not in handler.opt
        and not handler.opt.get("public")
    ]
    assert bare == []


def test_URL_x01_tokens_are_made_listed_revoked_and_never_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with site.browser() as http:
        made = http.post("/api/v1/profile/tokens", json={"name": "laptop", "rights": ["reader"]})
        secret = {"Authorization": f"Bearer {made.json()['token']}"}
        with site.anonymous() as other:
            assert other.get("/api/v1/projects", headers=secret).status_code == 200
        listed = http.get("/api/v1/profile/tokens").json()["items"]
        assert [t["name"] for t in listed if t["id"] == made.json()["id"]] == ["laptop"]
        assert made.json()["token"] not in str(listed)
        assert http.delete(f"/api/v1/profile/tokens/{made.json()['id']}").status_code == 204
        with site.anonymous() as other:
            assert other.get("/api/v1/projects", headers=secret).status_code == 401
    assert caplog.records
    assert made.json()["token"] not in caplog.text


def test_a_session_speaks_json_only_as_declared(site: Site) -> None:
    with site.anonymous() as http:
        answer: httpx.Response = http.post(SESSION, json={"code": "x", "extra": 1})
    assert answer.status_code == 400
    assert "extra" in answer.json()["detail"]


def test_only_the_worker_that_unpacks_slides_may_run_web_assembly(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "neuroglancer").mkdir()
    for name in ("async.js", "main.js", "chunks.js"):
        (tmp_path / "neuroglancer" / name).touch()
    monkeypatch.setattr("appliance.web.ui.STATIC", tmp_path)
    with site.anonymous() as http:
        told = {
            name: http.get(f"/neuroglancer/{name}").headers["content-security-policy"]
            for name in ("async.js", "main.js", "chunks.js")
        }
    assert "script-src 'self' 'wasm-unsafe-eval';" in told["async.js"]
    assert all("unsafe-eval" not in told[name] for name in ("main.js", "chunks.js"))
    assert all("'unsafe-eval'" not in policy for policy in told.values())
