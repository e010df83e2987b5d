"""Routes of pyramids and movies, which are looked at in pieces: read-only, with ranges."""

from __future__ import annotations

import re
from typing import Any

from litestar import Response, get, route
from litestar.params import FromPath

from appliance import catalog
from appliance.catalog import Caller
from appliance.core import NotFound, safe_join
from appliance.web.scope import check_ids
from appliance.web.services import Rooms, Services, Who
from appliance.web.transfer import Download, FileAnswer

__all__ = ["ROUTES"]

_SPAN = r"\d+-\d+"
# What the formats name; whatever else lies in the folder is not given out.
_PRECOMPUTED = rf"info|[\w.-]+/(?:{_SPAN}_{_SPAN}_{_SPAN}|[0-9a-f]+\.shard)"
_ZARR = r"(?:[\w .-]+/)*(?:\.z(?:attrs|group|array|metadata)|zarr\.json|\d+(?:\.\d+)*)"
_NAMES = re.compile(f"{_PRECOMPUTED}|{_ZARR}", re.ASCII)
_BYTES: dict[str, Any] = {
    "http_method": ["GET", "HEAD"],
    "right": "reader",
    "sync_to_thread": False,
    "include_in_schema": False,
}


@route("/pyramids/{file_id:int}/{name:path}", **_BYTES)
def pyramid(services: Rooms, who: Who, file_id: FromPath[int], name: FromPath[str]) -> FileAnswer:
    """Send a part of a pyramid, with ranges: what describes it, or a chunk of voxels."""
    return FileAnswer(lambda: _part(services, who, file_id, name.lstrip("/")))


@route("/movies/{file_id:int}/{name:str}", **_BYTES)
def movie(services: Rooms, who: Who, file_id: FromPath[int]) -> FileAnswer:
    """Send a movie to be played; as for other pictures, looking needs no right to take it away."""
    return FileAnswer(lambda: _movie(services, who, file_id))


@get(
    "/slides/{file_id:int}/{which:str}",
    right="deanonym",
    sync_to_thread=True,
    include_in_schema=False,
)
def glass(
    services: Rooms, who: Who, file_id: FromPath[int], which: FromPath[str]
) -> Response[bytes]:
    """Send the photograph of a slide's label or glass, which may name a patient: on record."""
    from appliance.tomography import glass_jpeg

    row = _row(services, who, file_id)
    kind = which.removesuffix(".jpeg")
    if kind not in ("label", "macro"):
        raise NotFound(
            "there are photographs of the label and of the glass: label.jpeg, macro.jpeg"
        )
    body = glass_jpeg(catalog.file_path(services.folder, row), kind)
    target = {"project_id": row.project_id, "file_id": row.id, "photograph": kind}
    services.catalog.write(lambda tx: tx.operation("reveal", actor=who.login, target=target))
    return Response(body, media_type="image/jpeg")


def _part(services: Services, who: Caller, file_id: int, name: str) -> Download:
    row = _row(services, who, file_id)
    if row.kind != "pyramid" or not _NAMES.fullmatch(name):
        raise NotFound("there is no such part of a pyramid")
    folder = catalog.file_path(services.folder, row)
    return Download(safe_join(folder, name), name.rpartition("/")[2])


def _movie(services: Services, who: Caller, file_id: int) -> Download:
    row = _row(services, who, file_id)
    if not row.name.lower().endswith((".mp4", ".webm")):
        raise NotFound("this file is no movie")
    return Download(catalog.file_path(services.folder, row), row.name)


def _row(services: Services, who: Caller, file_id: int) -> catalog.FileRow:
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id])
        return catalog.get_file(con, file_id)


ROUTES = [pyramid, movie, glass]
