"""Routes of documents: tables by pages, pictures, pages that nothing runs in, label tables."""

from __future__ import annotations

from pathlib import Path

from litestar import get, route
from litestar.params import FromPath, FromQuery

from appliance import catalog, viewing
from appliance.catalog import Caller, FileRow, TablePage, TableWish
from appliance.core import Invalid, NotFound
from appliance.viewing import LabelTable, PictureFacts
from appliance.web.scope import check_ids
from appliance.web.services import Rooms, Services, Who
from appliance.web.transfer import Download, FileAnswer

__all__ = ["PAGE_CSP", "ROUTES"]

PAGE_CSP = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:;"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_PAGES = (".html", ".htm", ".xhtml", ".svg", ".pdf")


@get("/tables/{file_id:int}", right="reader", sync_to_thread=True)
def show_table(
    services: Rooms,
    who: Who,
    *,
    file_id: FromPath[int],
    offset: FromQuery[int] = 0,
    limit: FromQuery[int] = 200,
    sort: FromQuery[str] = "",
    find: FromQuery[str] = "",
    where: FromQuery[list[str] | None] = None,
    columns: FromQuery[str] = "",
    spread: FromQuery[bool] = False,
    sheet: FromQuery[int] = 0,
) -> TablePage:
    """Give rows of a CSV or TSV file: sorted, filtered, some columns, or evenly for a plot.

    `sheet` counts the sheets of a workbook from 0.
    `where` is repeated, each ``3:>5`` (column number, colon, condition); `columns` is ``0,2,5``.
    """
    row, path = _found(services, who, file_id)
    wish = TableWish(
        offset=offset,
        limit=limit,
        sort=sort,
        find=find,
        where=where or [],
        columns=_numbers(columns),
        spread=spread,
        sheet=sheet,
    )
    return viewing.table_page(services.folder, row, path, wish)


@get("/pictures/{file_id:int}", right="reader", sync_to_thread=True)
def show_picture(services: Rooms, who: Who, file_id: FromPath[int]) -> PictureFacts:
    """Tell the size of a picture and how many pages it has."""
    return viewing.picture_facts(*_found(services, who, file_id))


@route(
    "/pictures/{file_id:int}/{n:int}",
    http_method=["GET", "HEAD"],
    right="reader",
    sync_to_thread=False,
    include_in_schema=False,
)
def picture(services: Rooms, who: Who, file_id: FromPath[int], n: FromPath[int]) -> FileAnswer:
    """Send a page of a picture as PNG."""
    return FileAnswer(lambda: _picture(services, who, file_id, n))


@route(
    "/pages/{file_id:int}/{name:str}",
    http_method=["GET", "HEAD"],
    right="reader",
    sync_to_thread=False,
    include_in_schema=False,
)
def page(services: Rooms, who: Who, file_id: FromPath[int]) -> FileAnswer:
    """Send an HTML, SVG or PDF file so that nothing in it runs or is fetched."""
    return FileAnswer(lambda: _page(services, who, file_id))


@route(
    "/surfaces/{file_id:int}/{name:str}",
    http_method=["GET", "HEAD"],
    right="reader",
    sync_to_thread=False,
    include_in_schema=False,
)
def surface(services: Rooms, who: Who, file_id: FromPath[int]) -> FileAnswer:
    """Send a surface of any format as MZ3."""
    return FileAnswer(lambda: _surface(services, who, file_id))


@get("/labels/{file_id:int}", right="reader", sync_to_thread=True)
def show_labels(services: Rooms, who: Who, file_id: FromPath[int]) -> LabelTable:
    """Give names and colours of the labels of an atlas, and the file they come from."""
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id])
        row = catalog.get_file(con, file_id)
    return viewing.label_table(catalog.file_path(services.folder, row))


def _found(services: Services, who: Caller, file_id: int) -> tuple[FileRow, Path]:
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id])
        row = catalog.get_file(con, file_id)
    return row, catalog.file_path(services.folder, row)


def _numbers(text: str) -> list[int] | None:
    if not text:
        return None
    parts = text.split(",")
    if not all(part.isdecimal() for part in parts):
        raise Invalid(f"not a list of column numbers: {text!r}")
    return [int(part) for part in parts]


def _picture(services: Services, who: Caller, file_id: int, number: int) -> Download:
    row, path = _found(services, who, file_id)
    made = viewing.document_picture(services.folder, row, path, number)
    return Download(made, f"{row.id}.png", version=row.version)


def _surface(services: Services, who: Caller, file_id: int) -> Download:
    row, path = _found(services, who, file_id)
    made = viewing.display_surface(services.folder, row, path)
    return Download(made, f"{row.id}.mz3", version=row.version)


def _page(services: Services, who: Caller, file_id: int) -> Download:
    row, path = _found(services, who, file_id)
    if not row.name.lower().endswith(_PAGES):
        raise NotFound(f"{row.name} is no page that could be shown")
    headers = (("content-security-policy", PAGE_CSP),)
    return Download(path, row.name, headers, sandboxed=False)


ROUTES = [show_table, show_picture, picture, page, surface, show_labels]
