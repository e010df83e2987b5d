"""Routes of metadata: columns, tables, values, plots and files to download."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from appliance import catalog
from appliance.catalog import CsvForm, Histogram, MetaQuery, MetaTable, MetaValue, Points, Project
from appliance.core import safe_name
from appliance.web.schemas import (
    Items,
    MetaExport,
    MetaHistogramRequest,
    MetaKeys,
    MetaPointsRequest,
    MetaQuestion,
    MetaTableRequest,
)
from appliance.web.scope import check_project
from appliance.web.selecting import study_ids
from appliance.web.services import Rooms, Services, Who
from appliance.web.transfer import content_disposition

__all__ = ["ROUTES"]

_PIECE = 1 << 20
_MOST_ROWS = 2000
_MOST_KEYS = 5000
Limit = Annotated[int, QueryParameter(ge=1, le=_MOST_KEYS)]


@get("/projects/{project:str}/meta/keys", right="reader", job=True, sync_to_thread=True)
def list_meta_keys(
    services: Rooms,
    who: Who,
    project: FromPath[str],
    search: FromQuery[str] = "",
    limit: Limit = 500,
) -> MetaKeys:
    """List the columns of the project's JSON files, with how often they occur."""
    with services.meta.fresh(_project(services, who, project)) as con:
        keys, total = catalog.meta_keys(con, search=search, limit=limit)
        n_documents, n_cut = catalog.meta_size(con)
    return MetaKeys(items=keys, total=total, n_documents=n_documents, n_cut=n_cut)


@get("/projects/{project:str}/meta/values", right="reader", job=True, sync_to_thread=True)
def list_meta_values(
    services: Rooms,
    who: Who,
    *,
    project: FromPath[str],
    key: FromQuery[str],
    search: FromQuery[str] = "",
    limit: Limit = 100,
) -> Items[MetaValue]:
    """List the values of a column, the most frequent first."""
    with services.meta.fresh(_project(services, who, project)) as con:
        return Items(catalog.meta_values(con, key, search=search, limit=limit))


@post(
    "/projects/{project:str}/meta/table",
    right="reader",
    job=True,
    status_code=200,
    sync_to_thread=True,
)
def show_meta_table(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[MetaTableRequest]
) -> MetaTable:
    """Give rows of the table of chosen columns."""
    found = _project(services, who, project)
    query, limit = _query(services, found, data), max(0, min(data.limit, _MOST_ROWS))
    with services.meta.fresh(found) as con:
        return catalog.meta_table(con, query, offset=max(0, data.offset), limit=limit)


@post(
    "/projects/{project:str}/meta/histogram", right="reader", status_code=200, sync_to_thread=True
)
def show_meta_histogram(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[MetaHistogramRequest]
) -> Histogram:
    """Give how the values of a column are spread."""
    found = _project(services, who, project)
    query = _query(services, found, data)
    with services.meta.fresh(found) as con:
        return catalog.meta_histogram(con, query, data.key, bins=max(2, min(data.bins, 200)))


@post("/projects/{project:str}/meta/points", right="reader", status_code=200, sync_to_thread=True)
def show_meta_points(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[MetaPointsRequest]
) -> Points:
    """Give two columns against each other."""
    found = _project(services, who, project)
    query = _query(services, found, data)
    with services.meta.fresh(found) as con:
        return catalog.meta_points(con, query, data.x, data.y, data.group)


@post(
    "/projects/{project:str}/meta/export",
    right="download",
    job=True,
    status_code=200,
    media_type="text/csv",
    sync_to_thread=True,
)
def export_meta(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[MetaExport]
) -> Stream:
    """Send the table as CSV or Parquet."""
    found = _project(services, who, project)
    content = _written(services, found, _query(services, found, data), data)
    is_csv = data.format == "csv"
    name = f"{safe_name(project)}_metadata.{data.format}"
    return Stream(
        _pieces(content),
        media_type="text/csv; charset=utf-8" if is_csv else "application/vnd.apache.parquet",
        headers={"content-disposition": content_disposition(name)},
    )


def _project(services: Services, who: Who, name: str) -> Project:
    with services.catalog.read() as con:
        check_project(con, who, name)
        return catalog.get_project(con, name)


def _query(services: Services, project: Project, asked: MetaQuestion) -> MetaQuery:
    with services.catalog.read() as con:
        studies = study_ids(con, project.id, asked.studies)
        files = catalog.meta_files(con, project.id, asked.files, studies)
    return MetaQuery(
        columns=asked.columns, filters=asked.filters, per=asked.per, files=files, sort=asked.sort
    )


def _written(
    services: Services, project: Project, query: MetaQuery, asked: MetaExport
) -> IO[bytes]:
    """Write all of it to a file, and open it without a name before the first byte is sent."""
    with tempfile.TemporaryDirectory(dir=services.folder.tmp) as folder:
        target = Path(folder) / f"metadata.{asked.format}"
        with services.meta.fresh(project) as con:
            if asked.format == "parquet":
                catalog.meta_parquet(con, query, target, asked.shape)
            else:
                _write_csv(target, catalog.meta_csv(con, query, _form(asked)))
        return target.open("rb")


def _form(asked: MetaExport) -> CsvForm:
    return CsvForm(shape=asked.shape, german=asked.german, newline=asked.newline)


def _write_csv(target: Path, pieces: Iterator[str]) -> None:
    with target.open("w", encoding="utf-8", newline="") as out:
        out.writelines(pieces)


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    with content:
        while piece := content.read(_PIECE):
            yield piece


ROUTES = [
    list_meta_keys,
    list_meta_values,
    show_meta_table,
    show_meta_histogram,
    show_meta_points,
    export_meta,
]
