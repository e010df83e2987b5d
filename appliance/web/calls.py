"""NORA's upload form: a call and a zip, posted to the address of the page, as its scripts do.

Who calls is told by a token, in the call or in the header. A session of a browser does not count
here: a form of another page could use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
from litestar import Request, post
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from appliance.catalog import Caller, find_token, get_project, require_open
from appliance.core import Invalid, Refused
from appliance.web import arrivals
from appliance.web.problems import LoginNeeded
from appliance.web.schemas import Receipt
from appliance.web.scope import check_project, rights_of
from appliance.web.services import Rooms, Services

__all__ = ["post_call"]

_CRYPT = "@CRYPT@"
_CALL_BYTES = 1 << 16
_PARTS = 16


class Call(msgspec.Struct, frozen=True):
    """What the field ``call`` holds, with NORA's names; what else is in it is ignored."""

    cmd: str = ""
    user: str = ""
    token: str = ""
    pid: str | None = None
    sid: str | None = None

    def __repr__(self) -> str:
        """Keep the token out of whatever prints a call."""
        return f"Call(cmd={self.cmd!r})"


@post(
    ["/", "/index.php"],
    public=True,
    status_code=202,
    include_in_schema=False,
    request_max_body_size=None,
)
async def post_call(
    services: Rooms, request: Request[Any, str, State], *, project: FromQuery[str]
) -> Receipt:
    """Take ``call={"cmd":"import",...}`` and ``thefile``; answers with the receipt."""
    known, parts = _of_header(request), _parts(request)
    text, name = await _until_file(parts)
    call = _read(text)
    await asyncio.to_thread(_check, services, call, known, project)
    if call.cmd != "import" or name is None:
        raise Invalid(
            "this form needs the command 'import' and a file",
            hint='Send -F call={"cmd":"import",...} and then -F thefile=@data.zip.',
        )
    upload = await asyncio.to_thread(
        services.importer.begin_upload,
        project,
        name or "upload.zip",
        subject=call.pid,
        study=call.sid,
    )
    return arrivals.receipt(await upload.receive(_content(parts)))


async def _parts(request: Request[Any, str, State]) -> AsyncGenerator[Any, None]:
    """Read the form as it comes: a part's header, its bytes, None at its end."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    try:
        with PushMultipartParser(options.get("boundary", ""), max_segment_count=_PARTS) as parser:
            async for chunk in request.stream():
                for part in parser.parse(chunk) if chunk else ():
                    yield part
    except (MultipartError, ValueError) as error:
        raise Invalid("this is no complete form", hint="Send it again.") from error


async def _until_file(parts: AsyncGenerator[Any, None]) -> tuple[str, str | None]:
    """Give the field ``call`` and the name of the file, whose bytes are still to come.

    Nothing of a file is taken in before it is known who sends it, so the call stands first.
    """
    call, field = bytearray(), ""
    async for part in parts:
        if isinstance(part, MultipartSegment):
            field = part.name
            if part.filename is not None:
                return call.decode("utf-8", "replace"), part.filename
        elif part and field == "call":
            call += part
            if len(call) > _CALL_BYTES:
                raise Invalid("the field 'call' is too long")
    return call.decode("utf-8", "replace"), None


async def _content(parts: AsyncGenerator[Any, None]) -> AsyncIterator[bytes]:
    """Give the bytes of the file; the rest of the form is read to its end and not kept."""
    ended = False
    async for part in parts:
        if part is None:
            ended = True
        elif not ended:
            yield bytes(part)


def _of_header(connection: ASGIConnection[HTTPRouteHandler, Any, Any, Any]) -> Caller | None:
    known: Caller | None = connection.scope["user"]
    return known if connection.scope["auth"] in ("token", "socket") else None


def _read(text: object) -> Call:
    try:
        return msgspec.json.decode(text if isinstance(text, str) else "", type=Call)
    except msgspec.MsgspecError:
        # Not the reason: it may repeat what was sent.
        raise Invalid("the field 'call' holds no JSON object", hint="Check its quotes.") from None


def _check(services: Services, call: Call, known: Caller | None, project: str) -> None:
    """Find who calls and let it pass if it may bring files into the project.

    Raises
    ------
    LoginNeeded
        If neither the call nor the header has a token that is known.
    Refused
        If the token is another user's, or lacks the right.
    """
    with services.catalog.read() as con:
        secret = call.token.removeprefix(_CRYPT)
        caller = find_token(con, secret) if secret else known
        if caller is None:
            raise LoginNeeded("the token is not known", hint="Make one under Settings, Tokens.")
        if call.user and call.user != caller.login:
            raise Refused("the token belongs to another user", hint="Leave 'user' out.")
        caller = msgspec.structs.replace(caller, asked="editor")
        if "editor" not in rights_of(caller) or caller.scope == "job":
            raise Refused("this needs the right 'editor'", hint="Ask the owner of the appliance.")
        check_project(con, caller, project)
        require_open(con, get_project(con, project).id)
