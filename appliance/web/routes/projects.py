"""Routes of projects and of the tables below them."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from appliance import catalog, jobs
from appliance.catalog import FileQuery, StudyQuery, SubjectQuery
from appliance.web import managing, views
from appliance.web.schemas import (
    FileRow,
    Items,
    NewProject,
    Page,
    Project,
    ProjectTags,
    StudyRow,
    SubjectRow,
)
from appliance.web.scope import check_project, rights_in
from appliance.web.services import Rooms, Who
from appliance.web.tablefields import with_fields

__all__ = ["ROUTES"]

Limit = Annotated[int, QueryParameter(ge=1, le=1000)]


@get("/projects", right="reader", within="handler", sync_to_thread=True)
def list_projects(services: Rooms, who: Who) -> Items[Project]:
    """List the projects that the caller may see, with their counts and its rights there."""
    with services.catalog.read() as con:
        found = catalog.list_projects(con)
    return Items([views.project(row, held) for row in found if (held := rights_in(who, row.id))])


@post("/projects", right="admin", sync_to_thread=True)
def create_project(services: Rooms, who: Who, data: JSONBody[NewProject]) -> Project:
    """Make a project, with what its module's file holds."""
    return views.project(managing.create_project(services, who, data))


@get("/projects/{project:str}/subjects", right="reader", job=True, sync_to_thread=True)
def list_subjects(
    services: Rooms,
    who: Who,
    *,
    project: FromPath[str],
    name: FromQuery[str] = "",
    files: FromQuery[str] = "",
    tags: FromQuery[str] = "",
    date_from: FromQuery[str | None] = None,
    date_to: FromQuery[str | None] = None,
    fields: FromQuery[str] = "",
    sort: FromQuery[str] = "pid",
    after: FromQuery[str | None] = None,
    limit: Limit = 200,
) -> Page[SubjectRow]:
    """Give one page of subjects; the dates ask for a study between them, `fields` adds values."""
    query = SubjectQuery(
        name=name,
        files=files,
        tags=tags,
        date_from=date_from,
        date_to=date_to,
        sort=sort,
        after=after,
        limit=limit,
    )
    with services.catalog.read() as con:
        check_project(con, who, project)
        here = catalog.get_project(con, project)
        found = views.page(catalog.list_subjects(con, here.id, query), views.subject_row)
        return with_fields(con, here, "subjects", found, fields)


@get("/projects/{project:str}/studies", right="reader", job=True, sync_to_thread=True)
def list_studies(
    services: Rooms,
    who: Who,
    *,
    project: FromPath[str],
    name: FromQuery[str] = "",
    files: FromQuery[str] = "",
    description: FromQuery[str] = "",
    tags: FromQuery[str] = "",
    jobs: FromQuery[str] = "",
    date_from: FromQuery[str | None] = None,
    date_to: FromQuery[str | None] = None,
    subject_id: FromQuery[int | None] = None,
    fields: FromQuery[str] = "",
    sort: FromQuery[str] = "-date",
    after: FromQuery[str | None] = None,
    limit: Limit = 200,
) -> Page[StudyRow]:
    """Give one page of studies; all bars that are filled must hold, `fields` adds values."""
    query = StudyQuery(
        name=name,
        files=files,
        description=description,
        tags=tags,
        jobs=jobs,
        date_from=date_from,
        date_to=date_to,
        subject_id=subject_id,
        sort=sort,
        after=after,
        limit=limit,
    )
    with services.catalog.read() as con:
        check_project(con, who, project)
        here = catalog.get_project(con, project)
        found = views.page(catalog.list_studies(con, here.id, query), views.study_row)
        return with_fields(con, here, "studies", found, fields)


@get("/projects/{project:str}/files", right="reader", job=True, sync_to_thread=True)
def list_files(
    services: Rooms,
    who: Who,
    *,
    project: FromPath[str],
    files: FromQuery[str] = "",
    study_id: FromQuery[int | None] = None,
    kind: FromQuery[str | None] = None,
    date_from: FromQuery[str | None] = None,
    date_to: FromQuery[str | None] = None,
    sort: FromQuery[str] = "path",
    after: FromQuery[str | None] = None,
    limit: Limit = 200,
) -> Page[FileRow]:
    """Give one page of files of a project, or of one study; the dates are of studies."""
    query = FileQuery(
        files=files,
        study_id=study_id,
        kind=kind,
        date_from=date_from,
        date_to=date_to,
        sort=sort,
        after=after,
        limit=limit,
    )
    with services.catalog.read() as con:
        check_project(con, who, project)
        found = catalog.list_files(con, catalog.get_project(con, project).id, query)
        marks = jobs.stale_texts(con, [row.id for row in found.items])
    return views.page(found, lambda row: views.file_row(row, marks.get(row.id)))


@get("/projects/{project:str}/tags", right="reader", sync_to_thread=True)
def list_tags(services: Rooms, project: FromPath[str]) -> ProjectTags:
    """Count the tags in use on each level."""
    with services.catalog.read() as con:
        return ProjectTags(**catalog.project_tags(con, catalog.get_project(con, project).id))


ROUTES = [list_projects, create_project, list_subjects, list_studies, list_files, list_tags]
