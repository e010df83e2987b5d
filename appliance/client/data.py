"""The part of the client that finds projects, subjects, studies and files, and changes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote

from appliance.client.base import Base, Items, PageOf
from appliance.client.rows import (
    Done,
    FileRow,
    Identity,
    Named,
    OperationDone,
    Output,
    Project,
    ProjectTags,
    Selected,
    SqlResult,
    StudyRow,
    SubjectRow,
    TagsChanged,
)
from appliance.client.tables import Table

__all__ = ["DataCalls"]

_Thing: TypeAlias = int | SubjectRow | StudyRow | FileRow | Selected


class DataCalls(Base):
    """What lies in the catalog."""

    def projects(self) -> list[Project]:
        """List all projects."""
        return self._get("/projects", Items[Project]).items

    def project_tags(self, project: str) -> ProjectTags:
        """Count the tags in use on each level."""
        return self._get(f"{_of(project)}/tags", ProjectTags)

    def all_subjects(self, project: str, **filters: Any) -> Iterator[SubjectRow]:
        """Give all subjects that pass the filter bars."""
        return self._pages(f"{_of(project)}/subjects", PageOf[SubjectRow], filters)

    def all_studies(self, project: str, **filters: Any) -> Iterator[StudyRow]:
        """Give all studies that pass the filter bars, such as ``files="t1*"``."""
        return self._pages(f"{_of(project)}/studies", PageOf[StudyRow], filters)

    def all_files(self, project: str, **filters: Any) -> Iterator[FileRow]:
        """Give all files that pass the filter bars."""
        return self._pages(f"{_of(project)}/files", PageOf[FileRow], filters)

    def select(
        self,
        project: str,
        selector: str,
        *,
        studies: Sequence[str] = (),
        json: bool = False,
        by_filename: bool = False,
    ) -> list[Selected]:
        """Give the files that a selector means; with `json` the content of JSON files too."""
        body = {
            "project": project,
            "selector": selector,
            "studies": list(studies),
            "json": json,
            "by_filename": by_filename,
        }
        return self._post("/select", Items[Selected], body).items

    def resolve(self, project: str, names: Sequence[str]) -> list[Named]:
        """Find subjects (``PID``) and studies (``PID#SID``) by their exact names.

        Raises
        ------
        NotFound
            If one of them is unknown.
        """
        return self._post(f"{_of(project)}/names", Items[Named], {"names": list(names)}).items

    def outputs(self, project: str, study: str, path: str) -> list[Output]:
        """Tell where a file or folder called `path` belongs, in each study that `study` means.

        Parameters
        ----------
        study : str
            ``PID#SID``, ``PID`` or another selector of studies.
        """
        body = {"study": study, "path": path}
        return self._post(f"{_of(project)}/outputs", Items[Output], body).items

    def identity(self, subject_id: int) -> Identity:
        """Tell who a subject really is; the service puts on record who asked."""
        return self._get(f"/subjects/{subject_id}/identity", Identity)

    def add_files(self, project: str, paths: Sequence[str], *, tags: Sequence[str] = ()) -> Done:
        """Put files below the project's folder into the catalog."""
        body = {"project": project, "paths": [str(p) for p in paths], "tags": list(tags)}
        return self._post("/files/add", Done, body)

    def remove_files(self, project: str, paths: Sequence[str]) -> OperationDone:
        """Put files into the trash, by absolute path or ``PID#SID/path``."""
        body = {"project": project, "paths": [str(p) for p in paths]}
        return self._post("/files/remove", OperationDone, body)

    def trash(
        self,
        *,
        files: Sequence[int] = (),
        studies: Sequence[int] = (),
        subjects: Sequence[int] = (),
    ) -> OperationDone:
        """Put files, studies and subjects into the trash."""
        body = {"files": list(files), "studies": list(studies), "subjects": list(subjects)}
        return self._post("/trash", OperationDone, body)

    def tag(
        self,
        level: str,
        things: Sequence[_Thing],
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> TagsChanged:
        """Put tags on subjects, studies or files, and take others off.

        Parameters
        ----------
        level : {"subject", "study", "file"}
        things : sequence
            Their rows, or their ids.
        """
        ids = [_id(thing) for thing in things]
        body = {"level": level, "ids": ids, "add": list(add), "remove": list(remove)}
        return self._post("/tags", TagsChanged, body)

    def sql(self, statement: str, project: str | None = None) -> SqlResult:
        """Run one SELECT on the catalog; `project` narrows NORA's own tables."""
        return self._post("/sql", SqlResult, {"sql": statement, "project": project})

    def query(self, statement: str) -> Table:
        """Run one SELECT on the catalog, and give the answer as a table."""
        found = self.sql(statement)
        return Table(found.columns, found.rows)


def _of(project: str) -> str:
    return f"/projects/{quote(project, safe='')}"


def _id(thing: _Thing) -> int:
    if isinstance(thing, int):
        return thing
    return thing.file_id if isinstance(thing, Selected) else thing.id
