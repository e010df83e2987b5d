"""DICOMweb for other programs, below ``/dicom-web/PROJECT``: QIDO-RS, WADO-RS and STOW-RS.

Who has the right ``deanonym`` in the project gets objects as they are; others get codes.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from litestar import Request, Response, Router, get, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Stream

from appliance.catalog import Caller, get_project
from appliance.core import ApplianceError, Invalid, NotFound, new_key
from appliance.exchange import Asked, Level, OwnArchive, Viewer, WebObject, parse_query
from appliance.formats import object_frames, object_value
from appliance.web.accepts import Form, best_form, parse_accept
from appliance.web.problems import NotAcceptable
from appliance.web.scope import rights_in
from appliance.web.services import Rooms, Services, Who

__all__ = ["DICOMWEB"]

_Request = Request[Caller, str, State]
_JSON = "application/dicom+json"
_PLAIN_JSON = "application/json"
_DICOM = "application/dicom"
_BYTES = "application/octet-stream"
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?')
_MULTIPART = "multipart/related"
_UNPACKED = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"})
_IMAGES = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}  # PS3.18 table 8.7.3-5
_MORE = '299 - "there are more results than the limit"'
_LITERAL = '299 - "fuzzy matching is not done; names were matched as they are written"'
_ROOT = "/{project:str}"
_STUDY = f"{_ROOT}/studies/{{study:str}}"
_SERIES = f"{_STUDY}/series/{{series:str}}"
_INSTANCE = f"{_SERIES}/instances/{{instance:str}}"
_PARTS = [_STUDY, _SERIES, _INSTANCE]
_SEARCH: dict[str, Any] = {"right": "reader", "include_in_schema": False}
_FETCH: dict[str, Any] = {**_SEARCH, "right": "download"}


@get(f"{_ROOT}/studies", **_SEARCH)
async def search_studies(
    services: Rooms, who: Who, request: _Request, project: FromPath[str]
) -> Response[bytes]:
    """Search studies."""
    return await _search(services, who, request, "studies", Asked(project=project))


@get([f"{_ROOT}/series", f"{_STUDY}/series"], **_SEARCH)
async def search_series(
    services: Rooms, who: Who, request: _Request, project: FromPath[str]
) -> Response[bytes]:
    """Search series, of one study or of all."""
    return await _search(services, who, request, "series", _asked(request, project))


@get([f"{_ROOT}/instances", f"{_STUDY}/instances", f"{_SERIES}/instances"], **_SEARCH)
async def search_instances(
    services: Rooms, who: Who, request: _Request, project: FromPath[str]
) -> Response[bytes]:
    """Search instances, of one series, one study or all."""
    return await _search(services, who, request, "instances", _asked(request, project))


@get(_PARTS, **_FETCH)
async def retrieve(
    services: Rooms, who: Who, request: _Request, project: FromPath[str]
) -> Response[Any]:
    """Retrieve the objects of a study, a series, or one instance."""
    return await asyncio.to_thread(_retrieve, services, who, request, project)


@get([f"{path}/metadata" for path in _PARTS], **_SEARCH)
async def metadata(
    services: Rooms, who: Who, request: _Request, project: FromPath[str]
) -> Response[Any]:
    """Give the headers of the objects of a study, a series, or one instance."""
    return await asyncio.to_thread(_metadata, services, who, request, project)


@get(f"{_INSTANCE}/frames/{{frames:str}}", sync_to_thread=True, **_SEARCH)
def retrieve_frames(
    services: Rooms, who: Who, request: _Request, project: FromPath[str], frames: FromPath[str]
) -> Response[Any]:
    """Give frames of an instance as they are stored."""
    if not re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9})*", frames):
        raise Invalid("frames are numbers, parted by commas")
    data = _one(services, who, request, project)
    found, syntax = object_frames(data, [int(part) for part in frames.split(",")])
    form = _frame_form(request, syntax, len(found))
    if form.kind == _BYTES:
        return Response(found[0], media_type=_BYTES)
    told = "" if syntax in _UNPACKED else f"; transfer-syntax={syntax}"
    return _multipart(((f"{form.inner}{told}", one) for one in found), form.inner)


@get(f"{_INSTANCE}/bulkdata/{{tag:str}}", sync_to_thread=True, **_SEARCH)
def retrieve_bulkdata(
    services: Rooms, who: Who, request: _Request, project: FromPath[str], tag: FromPath[str]
) -> Response[Any]:
    """Give one large value of an instance."""
    if not _TAG.fullmatch(tag):
        raise NotFound(f"no value is called {tag[:64]!r}")
    value = object_value(_one(services, who, request, project), int(tag, 16))
    if _wanted(request, Form(_MULTIPART, _BYTES), Form(_BYTES)).kind == _BYTES:
        return Response(value, media_type=_BYTES)
    return _multipart([(_BYTES, value)], _BYTES)


@post(
    [f"{_ROOT}/studies", _STUDY],
    right="editor",
    include_in_schema=False,
    request_max_body_size=None,
)
async def store(
    services: Rooms, who: Who, request: _Request, project: FromPath[str]
) -> Response[bytes]:
    """Take objects; the answer comes when they are safe on disk, and names their receipt."""
    kind = request.headers.get("content-type", "")
    boundary = _BOUNDARY.search(kind)
    if not kind.lower().startswith("multipart/related") or boundary is None:
        raise Invalid("objects come as multipart/related", hint='type="application/dicom"')
    archive, viewer = await asyncio.to_thread(_archive, services, who, request, project)
    asked = _asked(request, project)
    stow = await asyncio.to_thread(archive.store, asked, boundary[1], viewer)
    try:
        async for chunk in request.stream():
            await asyncio.to_thread(stow.feed, chunk)
    finally:
        status, answer = await asyncio.shield(asyncio.to_thread(stow.close))
    headers = {"Content-Location": f"/api/v1/receipts/{stow.key}"}
    return Response(_encoded(answer), status_code=status, media_type=_JSON, headers=headers)


async def _search(
    services: Services, who: Caller, request: _Request, level: Level, asked: Asked
) -> Response[bytes]:
    kind = _wanted(request, Form(_JSON), Form(_PLAIN_JSON)).kind
    query = parse_query(request.query_params.multi_items())

    def search() -> tuple[list[dict[str, Any]], bool]:
        archive, viewer = _archive(services, who, request, asked.project)
        return archive.search(level, asked, query, viewer)

    found, more = await asyncio.to_thread(search)
    warnings = [text for text, holds in ((_MORE, more), (_LITERAL, query.fuzzy)) if holds]
    headers = {"Warning": ", ".join(warnings)} if warnings else {}
    return Response(_encoded(found), media_type=kind, headers=headers)


def _retrieve(services: Services, who: Caller, request: _Request, project: str) -> Response[Any]:
    asked = _asked(request, project)
    archive, viewer = _archive(services, who, request, project)
    objects = archive.objects(asked, viewer)
    form = _wanted(request, Form(_MULTIPART, _DICOM), Form(_DICOM))
    if asked.instance and form.kind == _DICOM:
        return Response(archive.content(asked, objects[0], viewer), media_type=_DICOM)
    given = _given(archive, asked, objects, viewer)
    return _multipart(((_DICOM, data) for data in given), _DICOM)


def _metadata(services: Services, who: Caller, request: _Request, project: str) -> Response[Any]:
    kind = _wanted(request, Form(_JSON), Form(_PLAIN_JSON)).kind
    asked = _asked(request, project)
    archive, viewer = _archive(services, who, request, project)
    headers = archive.metadata(asked, archive.objects(asked, viewer), viewer)
    return Stream(_listed(headers), media_type=kind)


def _encoded(value: Any) -> bytes:
    """Write JSON; values of pydicom are kinds of texts and numbers that msgspec does not know."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _asked(request: _Request, project: str) -> Asked:
    part = {name: str(request.path_params.get(name, "")) for name in _NAMES}
    return Asked(project=project, **part)


def _archive(
    services: Services, who: Caller, request: _Request, project: str
) -> tuple[OwnArchive, Viewer]:
    """Give the archive, and how the caller sees it; that names are seen is put on record."""
    archive: OwnArchive = request.app.state.dicomweb
    with services.catalog.read() as con:
        found = get_project(con, project)
        named = "deanonym" in rights_in(who, found.id)
    if named:
        archive.note_names(found.name, who.login)
    root = f"{request.url.scheme}://{_host(request)}/dicom-web/{project}"
    return archive, Viewer(named=named, root=root)


def _host(request: _Request) -> str:
    """Give the name and port under which we were reached; some clients leave the port out."""
    host = request.headers.get("host", "")
    server = request.scope.get("server")
    if host in _LOOPBACK and server and server[1]:
        return f"{host}:{server[1]}"
    return host


def _one(services: Services, who: Caller, request: _Request, project: str) -> bytes:
    archive, viewer = _archive(services, who, request, project)
    asked = _asked(request, project)
    return archive.content(asked, archive.objects(asked, viewer)[0], viewer)


def _given(
    archive: OwnArchive, asked: Asked, objects: list[WebObject], viewer: Viewer
) -> Iterator[bytes]:
    """Give the objects that may be given; an error only when none may."""
    rest = iter(objects)
    refusal: ApplianceError | None = None
    for one in rest:
        try:
            first = archive.content(asked, one, viewer)
        except ApplianceError as error:
            refusal = error
        else:
            return _and_others(first, archive, asked, rest, viewer)
    raise refusal or NotFound("the archive has no such objects")


def _and_others(
    first: bytes, archive: OwnArchive, asked: Asked, rest: Iterator[WebObject], viewer: Viewer
) -> Iterator[bytes]:
    yield first
    for one in rest:
        try:
            data = archive.content(asked, one, viewer)
        except ApplianceError:
            continue
        yield data


def _listed(headers: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    mark = b"["
    for header in headers:
        yield mark + _encoded(header)
        mark = b","
    yield b"[]" if mark == b"[" else b"]"


def _multipart(parts: Iterable[tuple[str, bytes]], kind: str) -> Response[Any]:
    boundary = f"nora-{new_key()}"

    def chunks() -> Iterator[bytes]:
        for content_type, data in parts:
            yield f"--{boundary}\r\nContent-Type: {content_type}\r\n\r\n".encode()
            yield data
            yield b"\r\n"
        yield f"--{boundary}--\r\n".encode()

    return Stream(chunks(), media_type=f'multipart/related; type="{kind}"; boundary={boundary}')


def _frame_form(request: _Request, syntax: str, n: int) -> Form:
    """Give the form that frames go in; one frame may go without parts around it.

    Raises
    ------
    NotAcceptable
    """
    forms = [Form(_MULTIPART, _BYTES, syntax)]
    if syntax in _IMAGES:
        forms.append(Form(_MULTIPART, _IMAGES[syntax], syntax))
    if n == 1 and syntax in _UNPACKED:  # without parts nothing would tell the syntax
        forms.append(Form(_BYTES, syntax=syntax))
    return _wanted(request, *forms, hint="" if syntax in _UNPACKED else _ANY_SYNTAX)


def _wanted(request: _Request, *forms: Form, hint: str = "") -> Form:
    """Give the form that was asked for.

    Raises
    ------
    NotAcceptable
        If there is none such, with what there is.
    """
    form = best_form(parse_accept(request.headers.getall("accept", [])), forms)
    if form is None:
        kinds = ", ".join(one.kind for one in forms)
        told = "the frames are compressed and are given as they are stored" if hint else ""
        raise NotAcceptable(
            told or f"this comes as {forms[0].kind}", hint=f"Accept: {hint or kinds}"
        )
    return form


_ANY_SYNTAX = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_NAMES = ("study", "series", "instance")
DICOMWEB = Router(
    "/dicom-web",
    route_handlers=[
        search_studies,
        search_series,
        search_instances,
        retrieve,
        metadata,
        retrieve_frames,
        retrieve_bulkdata,
        store,
    ],
)
