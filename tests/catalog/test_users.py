"""Users, their switches per project, and that somebody always remains who may do everything."""

from __future__ import annotations

import pytest

from appliance.catalog import (
    ANY_LOGIN,
    Grant,
    change_user,
    create_user,
    find_session,
    find_token,
    issue_login_code,
    issue_token,
    list_members,
    list_users,
    redeem_login_code,
    set_grant,
)
from appliance.core import Conflict, Invalid, NotFound


@pytest.fixture
def ann(filled):
    return filled.write(lambda tx: create_user(tx, "ann", full_name="Ann A.", actor="owner"))


def caller(catalog, login="ann"):
    token = catalog.write(lambda tx: issue_token(tx, "t", login=login))
    with catalog.read() as con:
        return find_token(con, token)


@pytest.mark.parametrize(
    ("grant", "rights"),
    [
        (Grant(), "reader"),
        (Grant(readonly=False), "editor reader"),
        (Grant(readonly=False, batchtool=True), "batch editor reader"),
        (Grant(batchtool=True), "reader"),
        (Grant(download=True, deanonym=True), "deanonym download reader"),
        (Grant(role="admin"), "batch deanonym download editor manage reader"),
    ],
)
def test_PROJ_x06_switches_give_rights(filled, ann, grant, rights):
    assert caller(filled).grants == {}
    filled.write(lambda tx: set_grant(tx, "ann", filled.project.id, grant, actor="owner"))
    assert caller(filled).grants == {filled.project.id: frozenset(rights.split())}
    with filled.read() as con:
        assert [(m.login, m.grant) for m in list_members(con, filled.project.id)] == [
            ("ann", grant)
        ]
    filled.write(lambda tx: set_grant(tx, "ann", filled.project.id, None, actor="owner"))
    assert caller(filled).grants == {}


def test_what_any_user_may_everyone_may(filled, ann):
    project = filled.project.id
    filled.write(lambda tx: set_grant(tx, ANY_LOGIN, project, Grant(download=True), actor="o"))
    assert caller(filled).grants == {project: {"reader", "download"}}
    with pytest.raises(NotFound):
        filled.write(lambda tx: issue_login_code(tx, ANY_LOGIN))
    with filled.read() as con:
        any_id = next(user.id for user in list_users(con) if user.login == ANY_LOGIN)
    with pytest.raises(Invalid):
        filled.write(lambda tx: change_user(tx, any_id, is_admin=True, actor="owner"))


def test_the_last_administrator_stays(filled, ann):
    with pytest.raises(Conflict, match="administrator"):
        filled.write(lambda tx: change_user(tx, 1, is_admin=False, actor="owner"))
    with pytest.raises(Conflict, match="administrator"):
        filled.write(lambda tx: change_user(tx, 1, disabled=True, actor="owner"))
    filled.write(lambda tx: change_user(tx, ann.id, is_admin=True, actor="owner"))
    filled.write(lambda tx: change_user(tx, 1, is_admin=False, actor="ann"))
    with pytest.raises(Conflict, match="administrator"):
        filled.write(lambda tx: change_user(tx, ann.id, disabled=True, actor="ann"))


def test_a_disabled_user_is_out_at_once_but_its_jobs_may_end(filled, ann):
    code = filled.write(lambda tx: issue_login_code(tx, "ann"))
    secret, _ = filled.write(lambda tx: redeem_login_code(tx, code, session_ms=60_000))
    spare = filled.write(lambda tx: issue_login_code(tx, "ann"))
    token = filled.write(lambda tx: issue_token(tx, "laptop", login="ann"))
    job = filled.write(lambda tx: issue_token(tx, "j", login="ann", scope="job", job_key="k"))
    filled.write(lambda tx: change_user(tx, ann.id, disabled=True, actor="owner"))
    with filled.read() as con:
        assert find_session(con, secret) is None
        assert find_token(con, token) is None
        assert find_token(con, job).job_key == "k"
    with pytest.raises(Exception, match="used before"):
        filled.write(lambda tx: redeem_login_code(tx, spare, session_ms=1))
    with pytest.raises(NotFound):
        filled.write(lambda tx: issue_login_code(tx, "ann"))


def test_the_scope_of_an_administrators_token_holds_everywhere(filled):
    token = filled.write(lambda tx: issue_token(tx, "t", scope="reader"))
    with filled.read() as con:
        found = find_token(con, token)
    assert (found.is_admin, found.everywhere, found.scope) == (False, True, "reader")


@pytest.mark.parametrize(
    "login", ["", " ", "a b", "<ANY>", "a/b", "a,b", "x" * 65, "a\n"[:1] + "\x07"]
)
def test_odd_logins_are_refused(filled, login):
    with pytest.raises(Invalid):
        filled.write(lambda tx: create_user(tx, login, actor="owner"))


def test_a_login_is_taken_once_whatever_its_case(filled, ann):
    with pytest.raises(Conflict):
        filled.write(lambda tx: create_user(tx, "ANN", actor="owner"))
    with filled.read() as con:
        assert [(u.login, u.full_name, u.seen_at) for u in list_users(con)] == [
            ("ann", "Ann A.", None),
            ("owner", "", None),
        ]
