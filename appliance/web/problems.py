"""Errors on their way out: every one becomes ``application/problem+json`` with a hint and a key."""

from __future__ import annotations

import logging
import sqlite3
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from appliance.catalog import DAMAGED
from appliance.core import ApplianceError, Refused, StorageError, new_key
from appliance.web.schemas import Problem

__all__ = [
    "EXCEPTION_HANDLERS",
    "PROBLEM_TYPE",
    "LoginNeeded",
    "TooManyAttempts",
    "problem_bytes",
    "to_problem",
]

_LOG = logging.getLogger(__name__)
PROBLEM_TYPE = "application/problem+json"
_AnyRequest = Request[Any, Any, Any]


class LoginNeeded(Refused):
    """The caller has not said who it is."""

    key = "login_needed"
    status = 401


class NotAcceptable(Refused):
    """The answer does not come in a form that was asked for."""

    key, status = "not_acceptable", 406


class TooManyAttempts(Refused):
    """Too many logins were tried in a short time."""

    key = "too_many_attempts"
    status = 429


def to_problem(error: ApplianceError) -> Problem:
    """Turn one of our errors into the body of an answer."""
    return Problem(
        type=f"/manual/api#{error.key}",
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        detail=error.message,
        hint=error.hint,
        key=error.key,
        facts={name: _plain(value) for name, value in error.facts.items()},
    )


def problem_bytes(error: ApplianceError) -> bytes:
    """Encode an error, for the places that answer without Litestar."""
    return msgspec.json.encode(to_problem(error))


def _ours(_: _AnyRequest, error: ApplianceError) -> Response[Problem]:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _LOG.error("%s: %s", error.key, error.message, exc_info=error)
    return _answer(to_problem(error))


def _http(_: _AnyRequest, error: HTTPException) -> Response[Problem]:
    status = error.status_code
    detail = error.detail or HTTPStatus(status).phrase
    problem = Problem(
        type=f"/manual/api#http_{status}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        hint="",
        key=_HTTP_KEYS.get(status, "invalid"),
    )
    return _answer(problem, headers=error.headers)


def _validation(_: _AnyRequest, error: ValidationException) -> Response[Problem]:
    fields = _fields(error.extra)
    named = "; ".join(f"{name}: {text}" for name, text in fields.items())
    problem = Problem(
        type="/manual/api#invalid",
        title=HTTPStatus.BAD_REQUEST.phrase,
        status=HTTPStatus.BAD_REQUEST,
        detail=named or "the request does not fit this address",
        hint="Compare the request with /schema.",
        key="invalid",
        facts={"fields": fields},
    )
    return _answer(problem)


def _database(request: _AnyRequest, error: sqlite3.DatabaseError) -> Response[Problem]:
    """A damaged catalog is no fault of ours: say what brings it back."""
    if not any(word in str(error) for word in ("malformed", "not a database")):
        return _unexpected(request, error)
    return _ours(request, StorageError(f"the catalog is damaged: {error}", hint=DAMAGED))


def _unexpected(request: _AnyRequest, error: Exception) -> Response[Problem]:
    incident = new_key()
    _LOG.error("incident %s on %s", incident, request.scope["path"], exc_info=error)
    problem = Problem(
        type="/manual/api#error",
        title=HTTPStatus.INTERNAL_SERVER_ERROR.phrase,
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="something went wrong inside the service",
        hint=f"The log tells more under incident {incident}.",
        key="error",
        facts={"incident": incident},
    )
    return _answer(problem)


def _answer(problem: Problem, headers: dict[str, str] | None = None) -> Response[Problem]:
    kept = {k: v for k, v in (headers or {}).items() if k.lower() in ("allow", "retry-after")}
    if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
        kept["retry-after"] = "60"
    return Response(problem, status_code=problem.status, media_type=PROBLEM_TYPE, headers=kept)


def _fields(extra: Any) -> dict[str, str]:
    """Draw field paths and messages out of what Litestar says about a bad request."""
    entries = extra if isinstance(extra, list) else [extra] if extra else []
    return {
        str(entry.get("key") or entry.get("source") or "body"): str(entry.get("message", ""))
        for entry in entries
        if isinstance(entry, dict)
    }


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=str)


_HTTP_KEYS = {404: "not_found", 405: "invalid", 413: "too_large", 429: "too_many_attempts"}
EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    ApplianceError: _ours,
    ValidationException: _validation,
    HTTPException: _http,
    sqlite3.DatabaseError: _database,
    Exception: _unexpected,
}
