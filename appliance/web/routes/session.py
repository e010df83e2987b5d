"""Routes of logging in and out, and of the caller's own tokens."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, JSONBody

from appliance import __version__, catalog
from appliance.core import Refused, iso, now_ms, parse_iso
from appliance.web.access import COOKIE, CallerCache, LoginLimiter
from appliance.web.schemas import (
    Items,
    Login,
    LoginLink,
    NewToken,
    SessionFacts,
    Token,
    TokenSecret,
    User,
)
from appliance.web.scope import rights_of
from appliance.web.services import Rooms, Services, Who
from appliance.web.views import login_url, maybe_iso

__all__ = ["ROUTES"]

_HOUR_MS = 3_600_000


@post("/session", public=True, sync_to_thread=True)
def log_in(
    services: Rooms, data: JSONBody[Login], request: Request[Any, Any, Any]
) -> Response[SessionFacts]:
    """Turn a one-time login code into a session cookie."""
    limiter: LoginLimiter = request.app.state.limiter
    limiter.check()
    hours = services.settings.web.session_hours
    try:
        secret, caller = services.catalog.write(
            lambda tx: catalog.redeem_login_code(tx, data.code, session_ms=round(hours * _HOUR_MS))
        )
    except Refused:
        limiter.failed()
        raise
    cookie = _cookie(secret, request, max_age=round(hours * 3600))
    return Response(_facts(services, caller), status_code=201, cookies=[cookie])


@get("/session", right="reader", within="open", job=True)
async def show_session(services: Rooms, who: Who) -> SessionFacts:
    """Tell who the caller is and what it may do."""
    return _facts(services, who)


@delete("/session", right="reader", within="open", status_code=204, sync_to_thread=True)
def log_out(services: Rooms, request: Request[Any, Any, Any]) -> Response[None]:
    """End the session."""
    secret = request.cookies.get(COOKIE, "")
    services.catalog.write(lambda tx: catalog.end_session(tx, secret))
    _forget_callers(request)
    return Response(None, status_code=204, cookies=[_cookie("", request, max_age=0)])


@post("/login-links", right="admin", sync_to_thread=True)
def make_login_link(services: Rooms, who: Who) -> LoginLink:
    """Make a one-time link that logs a browser in as the caller."""
    code = services.catalog.write(lambda tx: catalog.issue_login_code(tx, who.login))
    return LoginLink(login_url(services.settings, code))


@get("/profile/tokens", right="reader", within="open", sync_to_thread=True)
def list_tokens(services: Rooms, who: Who) -> Items[Token]:
    """List the caller's own tokens."""
    with services.catalog.read() as con:
        rows = catalog.list_tokens(con, who.user_id)
    return Items(
        [
            Token(
                row["id"],
                row["name"],
                row["scope"].split(),
                iso(row["created_at"]),
                maybe_iso(row["expires_at"]),
            )
            for row in rows
        ]
    )


@post("/profile/tokens", right="reader", within="open", sync_to_thread=True)
def make_token(services: Rooms, who: Who, data: JSONBody[NewToken]) -> TokenSecret:
    """Make a token; its secret is shown this once. A token that is limited makes none."""
    _refuse_limited(who)
    lasts = parse_iso(data.expires_at) - now_ms() if data.expires_at else None
    scope = " ".join(data.rights)

    def issue(tx: catalog.Tx) -> TokenSecret:
        token = catalog.issue_token(tx, data.name, login=who.login, scope=scope, lasts_ms=lasts)
        return TokenSecret(catalog.list_tokens(tx.con, who.user_id)[0]["id"], data.name, token)

    return services.catalog.write(issue)


@delete(
    "/profile/tokens/{token_id:int}",
    right="reader",
    within="open",
    status_code=204,
    sync_to_thread=True,
)
def revoke_token(
    services: Rooms, who: Who, token_id: FromPath[int], request: Request[Any, Any, Any]
) -> None:
    """Revoke one of the caller's tokens."""
    _refuse_limited(who)
    services.catalog.write(lambda tx: catalog.revoke_token(tx, token_id, who.user_id))
    _forget_callers(request)


def _refuse_limited(who: catalog.Caller) -> None:
    if who.scope:
        raise Refused("a limited token changes no tokens", hint="Log in, then try again.")


def _forget_callers(request: Request[Any, Any, Any]) -> None:
    cache: CallerCache = request.app.state.caller_cache
    cache.forget()


def _cookie(value: str, request: Request[Any, Any, Any], *, max_age: int) -> Cookie:
    behind_tls = request.headers.get("origin", "").startswith("https://")  # a proxy in front
    secure = behind_tls or request.scope["scheme"] == "https"
    return Cookie(
        key=COOKIE,
        value=value,
        path="/",
        httponly=True,
        samesite="strict",
        secure=secure,
        max_age=max_age,
    )


def _facts(services: Services, caller: catalog.Caller) -> SessionFacts:
    user = User(caller.login, caller.is_admin, sorted(rights_of(caller)))
    return SessionFacts(user, caller.csrf, __version__, services.settings.dicom.project)


ROUTES = [log_in, show_session, log_out, make_login_link, list_tokens, make_token, revoke_token]
