"""Users and what each may do in which project.

A user is never deleted, because the history names it; it is disabled. An administrator of the
appliance may do everything everywhere. The user ``<ANY>`` cannot log in: what it may do, every
user may.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Mapping
from typing import Literal

import msgspec

from appliance.catalog.store import Tx
from appliance.core import Conflict, Invalid, NotFound, now_ms

__all__ = [
    "ANY_LOGIN",
    "Grant",
    "Member",
    "UserRow",
    "change_user",
    "create_user",
    "find_user",
    "grants_of",
    "list_members",
    "list_users",
    "set_grant",
]

ANY_LOGIN = "<ANY>"
_OWNER_ID = 1  # whoever runs the service: always let in by its socket
_MAX_LOGIN = 64
_MAX_NAME = 200


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may do in one project.

    Attributes
    ----------
    role : str
        ``"user"``, or ``"admin"`` of the project, who may do all in it and names its members.
    readonly : bool
        Nothing may be changed: no tags, no trash, no uploads, no jobs.
    batchtool : bool
        Jobs may be started, stopped and dismissed.
    download : bool
        Files may be taken away as they are; images are shown without it.
    deanonym : bool
        Who a subject is may be revealed; every look is put on record.
    """

    role: Literal["user", "admin"] = "user"
    readonly: bool = True
    batchtool: bool = False
    download: bool = False
    deanonym: bool = False

    @property
    def rights(self) -> frozenset[str]:
        """The rights of the API that this gives."""
        if self.role == "admin":
            return frozenset({"reader", "editor", "batch", "download", "deanonym", "manage"})
        held = {
            "reader": True,
            "editor": not self.readonly,
            "batch": self.batchtool and not self.readonly,
            "download": self.download,
            "deanonym": self.deanonym,
        }
        return frozenset(name for name, has in held.items() if has)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One user of a project."""

    login: str
    full_name: str
    disabled: bool
    grant: Grant


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """One user with what it may do, by name of project."""

    id: int
    login: str
    full_name: str
    is_admin: bool
    disabled: bool
    created_at: int
    seen_at: int | None
    grants: dict[str, Grant]


def create_user(
    tx: Tx, login: str, *, full_name: str = "", is_admin: bool = False, actor: str
) -> UserRow:
    """Make a user; it logs in by a one-time link.

    Raises
    ------
    Invalid
        If the login is not usable.
    Conflict
        If there is such a user.
    """
    clean = _clean_login(login)
    if tx.con.execute("SELECT 1 FROM users WHERE login = ?", (clean,)).fetchone():
        raise Conflict(f"there is a user {clean!r} already", hint="Disabled users keep their name.")
    user_id = tx.con.execute(
        "INSERT INTO users (login, full_name, is_admin, created_at) VALUES (?, ?, ?, ?)",
        (clean, _clean_name(full_name), is_admin, now_ms()),
    ).lastrowid
    tx.operation("create_user", actor=actor, target={"user": clean, "is_admin": is_admin})
    tx.event("users.changed")
    return find_user(tx.con, int(user_id or 0))


def change_user(
    tx: Tx,
    user_id: int,
    *,
    full_name: str | None = None,
    is_admin: bool | None = None,
    disabled: bool | None = None,
    actor: str,
) -> UserRow:
    """Change a user; one that is disabled is logged out everywhere and loses its tokens.

    Raises
    ------
    NotFound
        If there is no such user.
    Conflict
        If no administrator would be left.
    """
    old = find_user(tx.con, user_id)
    if old.login == ANY_LOGIN:
        raise Invalid(f"{ANY_LOGIN} stands for every user and cannot be changed itself")
    if disabled and user_id == _OWNER_ID:
        raise Conflict("the owner is the administrator of the machine and cannot be disabled")
    changes: dict[str, object] = {}
    if full_name is not None:
        changes["full_name"] = _clean_name(full_name)
    if is_admin is not None:
        changes["is_admin"] = is_admin
    if disabled is not None:
        changes["disabled_at"] = now_ms() if disabled else None
    for column, value in changes.items():
        tx.con.execute(f"UPDATE users SET {column} = ? WHERE id = ?", (value, user_id))
    _keep_an_admin(tx.con)
    if disabled:
        _lock_out(tx, user_id)
    told = {"full_name": full_name, "is_admin": is_admin, "disabled": disabled}
    target = {"user": old.login, **{k: v for k, v in told.items() if v is not None}}
    tx.operation("change_user", actor=actor, target=target)
    tx.event("users.changed")
    return find_user(tx.con, user_id)


def set_grant(tx: Tx, login: str, project_id: int, grant: Grant | None, *, actor: str) -> None:
    """Say what a user may do in a project; None takes it out of the project.

    Raises
    ------
    NotFound
        If there is no such user.
    """
    user_id = _user_id(tx, login)
    if grant is None:
        tx.con.execute(
            "DELETE FROM rights WHERE user_id = ? AND project_id = ?", (user_id, project_id)
        )
    else:
        tx.con.execute(
            "INSERT INTO rights (user_id, project_id, role, readonly, batchtool, download,"
            " deanonym) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, project_id)"
            " DO UPDATE SET role = excluded.role, readonly = excluded.readonly,"
            " batchtool = excluded.batchtool, download = excluded.download,"
            " deanonym = excluded.deanonym",
            (user_id, project_id, *msgspec.structs.astuple(grant)),
        )
    target = {
        "project_id": project_id,
        "user": login,
        "rights": sorted(grant.rights) if grant else [],
    }
    tx.operation("set_rights", actor=actor, target=target)
    tx.event("users.changed")


def find_user(con: sqlite3.Connection, user_id: int) -> UserRow:
    """Give a user.

    Raises
    ------
    NotFound
        If there is none of that id.
    """
    row = con.execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        raise NotFound(f"no user with id {user_id}")
    return _user(con, row)


def list_users(con: sqlite3.Connection) -> list[UserRow]:
    """Give all users by login."""
    rows = con.execute(
        "SELECT * FROM users ORDER BY disabled_at IS NOT NULL, login COLLATE NOCASE"
    ).fetchall()
    return [_user(con, row) for row in rows]


def list_members(con: sqlite3.Connection, project_id: int) -> list[Member]:
    """Give the users of a project by login; administrators of the appliance need not be in it."""
    rows = con.execute(
        "SELECT r.*, u.login, u.full_name, u.disabled_at FROM rights r JOIN users u"
        " ON u.id = r.user_id WHERE r.project_id = ? ORDER BY u.login COLLATE NOCASE",
        (project_id,),
    ).fetchall()
    return [
        Member(
            login=row["login"],
            full_name=row["full_name"],
            disabled=row["disabled_at"] is not None and row["login"] != ANY_LOGIN,
            grant=_grant(row),
        )
        for row in rows
    ]


def grants_of(con: sqlite3.Connection, user_id: int) -> Mapping[int, frozenset[str]]:
    """Give the rights of a user by project, with those that every user has."""
    rows = con.execute(
        "SELECT r.* FROM rights r JOIN users u ON u.id = r.user_id WHERE u.id = ? OR u.login = ?",
        (user_id, ANY_LOGIN),
    ).fetchall()
    found: dict[int, frozenset[str]] = {}
    for row in rows:
        project_id = row["project_id"]
        found[project_id] = found.get(project_id, frozenset()) | _grant(row).rights
    return found


def _user(con: sqlite3.Connection, row: sqlite3.Row) -> UserRow:
    rights = con.execute(
        "SELECT r.*, p.name FROM rights r JOIN projects p ON p.id = r.project_id"
        " WHERE r.user_id = ? ORDER BY p.name",
        (row["id"],),
    ).fetchall()
    return UserRow(
        id=row["id"],
        login=row["login"],
        full_name=row["full_name"],
        is_admin=bool(row["is_admin"]),
        disabled=row["disabled_at"] is not None,
        created_at=row["created_at"],
        seen_at=row["seen_at"],
        grants={right["name"]: _grant(right) for right in rights},
    )


def _grant(row: sqlite3.Row) -> Grant:
    switches = ("readonly", "batchtool", "download", "deanonym")
    role: Literal["user", "admin"] = "admin" if row["role"] == "admin" else "user"
    return Grant(role=role, **{name: bool(row[name]) for name in switches})


def _user_id(tx: Tx, login: str) -> int:
    if login == ANY_LOGIN:
        tx.con.execute(
            "INSERT INTO users (login, full_name, created_at, disabled_at)"
            " VALUES (?, 'every user', ?, ?) ON CONFLICT (login) DO NOTHING",
            (ANY_LOGIN, now_ms(), now_ms()),
        )
    row = tx.con.execute("SELECT id FROM users WHERE login = ?", (login,)).fetchone()
    if row is None:
        raise NotFound(f"no user {login!r}", hint="Make the user first.")
    return int(row["id"])


def _keep_an_admin(con: sqlite3.Connection) -> None:
    left = con.execute(
        "SELECT count(*) FROM users WHERE is_admin = 1 AND disabled_at IS NULL"
    ).fetchone()[0]
    if not left:
        raise Conflict(
            "no administrator would be left", hint="Make another user an administrator first."
        )


def _lock_out(tx: Tx, user_id: int) -> None:
    """End sessions, codes and tokens; those of running jobs stay, or their results were lost."""
    tx.con.execute("DELETE FROM sessions WHERE user_id = ?", (user_id,))
    tx.con.execute("DELETE FROM login_codes WHERE user_id = ?", (user_id,))
    tx.con.execute("DELETE FROM tokens WHERE user_id = ? AND job_key IS NULL", (user_id,))


def _clean_login(login: str) -> str:
    clean = unicodedata.normalize("NFC", login).strip()
    usable = clean and len(clean) <= _MAX_LOGIN and clean.isprintable()
    if not usable or any(c.isspace() or c in "<>/\\\"'," for c in clean):
        raise Invalid(
            f"{login!r} cannot be a login",
            hint="No blanks, quotes, commas, slashes or '<>'; at most 64 characters.",
        )
    return clean


def _clean_name(name: str) -> str:
    clean = unicodedata.normalize("NFC", name).strip()
    if len(clean) > _MAX_NAME or not clean.isprintable():
        raise Invalid("that is not a usable name", hint="At most 200 characters in one line.")
    return clean
