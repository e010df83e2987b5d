"""Who may come in: one-time login codes, browser sessions and tokens, stored as hashes only."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Mapping

import msgspec

from appliance.catalog.store import Tx
from appliance.catalog.users import grants_of
from appliance.core import NotFound, Refused, now_ms

__all__ = [
    "Caller",
    "end_session",
    "find_session",
    "find_token",
    "issue_login_code",
    "issue_token",
    "list_tokens",
    "redeem_login_code",
    "revoke_job_tokens",
    "revoke_token",
]

OWNER_LOGIN = "owner"
_CODE_MS = 24 * 3_600_000


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks.

    Attributes
    ----------
    scope : str
        Empty for the whole rights of the user; ``"job"`` for a job's own token.
    everywhere : bool
        Whether the user is an administrator, so that the scope holds in all projects.
    asked : str
        The right that the route needs which is being answered.
    grants : mapping
        Rights by id of project, of a user who is no administrator.
    """

    user_id: int
    login: str
    is_admin: bool
    csrf: str = ""
    scope: str = ""
    job_key: str | None = None
    everywhere: bool = False
    asked: str = "reader"
    grants: Mapping[int, frozenset[str]] = {}


def issue_login_code(tx: Tx, login: str = OWNER_LOGIN, *, lasts_ms: int = _CODE_MS) -> str:
    """Make a one-time login code; only its hash is kept.

    Raises
    ------
    NotFound
        If there is no such user, or it is disabled.
    """
    code = secrets.token_urlsafe(24)
    tx.con.execute("DELETE FROM login_codes WHERE expires_at < ?", (now_ms(),))
    made = tx.con.execute(
        "INSERT INTO login_codes (hash, user_id, expires_at)"
        " SELECT ?, id, ? FROM users WHERE login = ? AND disabled_at IS NULL",
        (_hash(code), now_ms() + lasts_ms, login),
    ).rowcount
    if not made:
        raise NotFound(f"no user {login!r} who may log in")
    return code


def redeem_login_code(tx: Tx, code: str, *, session_ms: int) -> tuple[str, Caller]:
    """Turn a one-time code into a session.

    Returns
    -------
    tuple of str and Caller
        The secret for the cookie, and who it is with the CSRF token.

    Raises
    ------
    Refused
        If the code is wrong, was used before or has expired.
    """
    row = tx.con.execute(
        "DELETE FROM login_codes WHERE hash = ? AND expires_at >= ? RETURNING user_id",
        (_hash(code), now_ms()),
    ).fetchone()
    if row is None:
        raise Refused(
            "this login link was used before or has expired",
            hint="Run 'nora login' on the machine for a new one.",
        )
    secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    now = now_ms()
    tx.con.execute("DELETE FROM sessions WHERE expires_at < ?", (now,))
    tx.con.execute(
        "INSERT INTO sessions (user_id, hash, csrf, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
        (row["user_id"], _hash(secret), csrf, now, now + session_ms),
    )
    tx.con.execute("UPDATE users SET seen_at = ? WHERE id = ?", (now, row["user_id"]))
    user = tx.con.execute("SELECT * FROM users WHERE id = ?", (row["user_id"],)).fetchone()
    return secret, _caller(tx.con, user, csrf=csrf)


def find_session(con: sqlite3.Connection, secret: str) -> Caller | None:
    """Give who a session cookie belongs to, None when unknown or expired."""
    row = con.execute(
        "SELECT u.*, s.csrf FROM sessions s JOIN users u ON u.id = s.user_id"
        " WHERE s.hash = ? AND s.expires_at >= ? AND u.disabled_at IS NULL",
        (_hash(secret), now_ms()),
    ).fetchone()
    return None if row is None else _caller(con, row, csrf=row["csrf"])


def end_session(tx: Tx, secret: str) -> None:
    """Forget a session."""
    tx.con.execute("DELETE FROM sessions WHERE hash = ?", (_hash(secret),))


def issue_token(
    tx: Tx,
    name: str,
    *,
    login: str = OWNER_LOGIN,
    scope: str = "",
    job_key: str | None = None,
    lasts_ms: int | None = None,
) -> str:
    """Make a bearer token; it is shown once, only its hash is kept."""
    token = secrets.token_urlsafe(32)
    now = now_ms()
    tx.con.execute(
        "INSERT INTO tokens (user_id, name, hash, scope, job_key, created_at, expires_at)"
        " SELECT id, ?, ?, ?, ?, ?, ? FROM users WHERE login = ?",
        (name, _hash(token), scope, job_key, now, now + lasts_ms if lasts_ms else None, login),
    )
    return token


def find_token(con: sqlite3.Connection, token: str) -> Caller | None:
    """Give who a bearer token belongs to, None when unknown or expired.

    The token of a running job outlives the disabling of its user, or its results were lost. That
    of a notebook speaks as the user who sits before it, and dies with the notebook.
    """
    row = con.execute(
        "SELECT u.*, t.scope, t.job_key FROM tokens t JOIN users u ON u.id = t.user_id"
        " WHERE t.hash = ? AND (t.expires_at IS NULL OR t.expires_at >= ?)"
        " AND (u.disabled_at IS NULL OR t.scope = 'job')",
        (_hash(token), now_ms()),
    ).fetchone()
    if row is None:
        return None
    job_key = row["job_key"] if row["scope"] == "job" else None
    return _caller(con, row, scope=row["scope"], job_key=job_key)


def list_tokens(con: sqlite3.Connection, user_id: int) -> list[sqlite3.Row]:
    """Give a user's own tokens (without hash), newest first; tokens of jobs are left out."""
    return con.execute(
        "SELECT id, name, scope, created_at, expires_at FROM tokens"
        " WHERE user_id = ? AND job_key IS NULL ORDER BY id DESC",
        (user_id,),
    ).fetchall()


def revoke_token(tx: Tx, token_id: int, user_id: int) -> None:
    """Forget one of a user's tokens."""
    tx.con.execute("DELETE FROM tokens WHERE id = ? AND user_id = ?", (token_id, user_id))


def revoke_job_tokens(tx: Tx, job_key: str) -> None:
    """Forget the tokens of a job that has ended."""
    tx.con.execute("DELETE FROM tokens WHERE job_key = ?", (job_key,))


def _caller(
    con: sqlite3.Connection,
    user: sqlite3.Row,
    *,
    csrf: str = "",
    scope: str = "",
    job_key: str | None = None,
) -> Caller:
    everywhere = bool(user["is_admin"]) and job_key is None
    return Caller(
        user_id=user["id"],
        login=user["login"],
        is_admin=everywhere and not scope,
        csrf=csrf,
        scope=scope,
        job_key=job_key,
        everywhere=everywhere,
        grants={} if everywhere or job_key else grants_of(con, user["id"]),
    )


def _hash(secret: str) -> str:
    """Hash a secret of full entropy; a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()
