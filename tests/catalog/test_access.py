"""Login codes, sessions, tokens and documents."""

from __future__ import annotations

import pytest

from appliance.catalog import (
    delete_doc,
    end_session,
    find_session,
    find_token,
    get_doc,
    issue_login_code,
    issue_token,
    list_docs,
    list_tokens,
    put_doc,
    redeem_login_code,
    revoke_job_tokens,
)
from appliance.core import Conflict, NotFound, Refused


def test_a_login_code_opens_one_session_only(catalog):
    code = catalog.write(issue_login_code)
    secret, caller = catalog.write(lambda tx: redeem_login_code(tx, code, session_ms=60_000))
    assert (caller.login, caller.is_admin) == ("owner", True)
    with catalog.read() as con:
        assert find_session(con, secret) == caller
        assert find_session(con, "guess") is None
    with pytest.raises(Refused, match="used before"):
        catalog.write(lambda tx: redeem_login_code(tx, code, session_ms=60_000))
    catalog.write(lambda tx: end_session(tx, secret))
    with catalog.read() as con:
        assert find_session(con, secret) is None


def test_expired_codes_sessions_and_tokens_do_not_open(catalog):
    old = catalog.write(lambda tx: issue_login_code(tx, lasts_ms=-1))
    with pytest.raises(Refused):
        catalog.write(lambda tx: redeem_login_code(tx, old, session_ms=60_000))
    code = catalog.write(issue_login_code)
    secret, _ = catalog.write(lambda tx: redeem_login_code(tx, code, session_ms=-1))
    token = catalog.write(lambda tx: issue_token(tx, "old", lasts_ms=-1))
    with catalog.read() as con:
        assert find_session(con, secret) is None
        assert find_token(con, token) is None


def test_secrets_are_stored_as_hashes_only(catalog, tmp_path):
    token = catalog.write(lambda tx: issue_token(tx, "laptop"))
    code = catalog.write(issue_login_code)
    catalog.close()
    raw = (tmp_path / "catalog.sqlite").read_bytes()
    assert token.encode() not in raw
    assert code.encode() not in raw


def test_a_job_token_is_no_admin_and_ends_with_its_job(catalog):
    token = catalog.write(lambda tx: issue_token(tx, "job", scope="job", job_key="j1"))
    with catalog.read() as con:
        caller = find_token(con, token)
        assert (caller.is_admin, caller.scope, caller.job_key) == (False, "job", "j1")
        assert list_tokens(con, caller.user_id) == []
    catalog.write(lambda tx: revoke_job_tokens(tx, "j1"))
    with catalog.read() as con:
        assert find_token(con, token) is None


def test_a_document_changed_meanwhile_is_not_overwritten(catalog):
    first = catalog.write(lambda tx: put_doc(tx, "batch", "QC", {"jobs": []}))
    catalog.write(lambda tx: put_doc(tx, "batch", "qc", {"jobs": [1]}, rev=first.rev))
    with pytest.raises(Conflict, match="meanwhile"):
        catalog.write(lambda tx: put_doc(tx, "batch", "QC", {}, rev=first.rev))
    with catalog.read() as con:
        assert [d.doc for d in list_docs(con, "batch")] == [{"jobs": [1]}]
    catalog.write(lambda tx: delete_doc(tx, "batch", "QC", actor="owner"))
    with catalog.read() as con, pytest.raises(NotFound):
        get_doc(con, "batch", "QC")
