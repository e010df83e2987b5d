"""BIDS exports of a project: the saved mapping, plans, and what a dataset is made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.core import Invalid, NotFound
from appliance.exchange.bids_derivative import derivative_entries
from appliance.exchange.bids_plan import BidsMapping, BidsPlan, check_mapping, make_plan
from appliance.exchange.bids_write import entries
from appliance.exchange.exports import Entry, Export, Exports

if TYPE_CHECKING:
    from appliance.catalog import Project

__all__ = ["BidsExports"]

_KIND, _NAME = "bids", "mapping"


class BidsExports(Exports):
    """Makes BIDS datasets out of studies.

    Parameters
    ----------
    ctx : Context
        The rooms below.
    """

    KIND, STEP = "bids", "exchange.bids"

    def mapping(self, project_id: int) -> BidsMapping:
        """Give the mapping that is saved with a project."""
        from appliance.catalog import get_doc

        with self._ctx.catalog.read() as con:
            try:
                doc = get_doc(con, _KIND, _NAME, project_id=project_id).doc
            except NotFound:
                return BidsMapping()
        return msgspec.convert(doc, BidsMapping)

    def save_mapping(self, project_id: int, mapping: BidsMapping) -> None:
        """Save a mapping with a project.

        Raises
        ------
        Invalid
            If a rule gives no valid name.
        """
        from appliance.catalog import put_doc

        check_mapping(mapping)
        doc = msgspec.to_builtins(mapping)
        self._ctx.catalog.write(
            lambda tx: put_doc(tx, _KIND, _NAME, doc, project_id=project_id) and None
        )

    def plan(
        self, project_id: int, study_ids: Sequence[int] = (), mapping: BidsMapping | None = None
    ) -> BidsPlan:
        """Tell what a dataset would hold.

        Raises
        ------
        Invalid
            As `make_plan`.
        """
        told = mapping or self.mapping(project_id)
        with self._ctx.catalog.read() as con:
            return make_plan(con, project_id, told, study_ids)

    def begin(
        self, project: str, study_ids: Sequence[int], *, target: str = "", actor: str
    ) -> Export:
        """Begin an export to a folder of this machine, or make one ready for download.

        Raises
        ------
        Invalid
            If nothing would be exported, or the folder cannot be used.
        Conflict
            If the folder holds something already.
        """
        from appliance.catalog import get_project

        with self._ctx.catalog.read() as con:
            project_id = get_project(con, project).id
        plan = self.plan(project_id, study_ids)
        n_files = len(plan.files) + len(plan.derived)
        if not n_files:
            raise Invalid("nothing would be exported", hint="Look at the mapping of the series.")
        studies = list(study_ids) or [visit.id for visit in plan.visits]
        return self._begin(
            project_id,
            studies,
            target=target,
            actor=actor,
            n_files=n_files,
            size_bytes=plan.size_bytes,
        )

    def leaving(self, project: str, study_ids: Sequence[int] = ()) -> list[Entry]:
        """Give the files of a dataset as they would leave."""
        return self._files(project, study_ids)

    def _entries(self, export: Export) -> list[Entry]:
        return self._files(export.project, export.studies)

    def _files(self, name: str, study_ids: Sequence[int]) -> list[Entry]:
        from appliance.catalog import fields_of, get_project, project_settings
        from appliance.jobs import makers_of

        with self._ctx.catalog.read() as con:
            project = get_project(con, name)
            mapping = self.mapping(project.id)
            plan = make_plan(con, project.id, mapping, study_ids)
            values = fields_of(con, "subject", list(plan.participants))
            makers = makers_of(con, [one.file.origin for one in plan.derived])
        settings = project_settings(project)
        title = settings.title or project.name

        def path_of(file_id: int) -> Path:
            return self._path(project, file_id)

        raw = entries(
            plan, mapping, title=title, fields=settings.fields, values=values, path_of=path_of
        )
        if not plan.derived:
            return list(raw)
        told = mapping.name or title
        return [*raw, *derivative_entries(plan.derived, makers, title=told, path_of=path_of)]

    def _path(self, project: Project, file_id: int) -> Path:
        from appliance.catalog import absolute_path, get_file

        with self._ctx.catalog.read() as con:
            row = get_file(con, file_id)
        return absolute_path(self._ctx.folder, project.name, row)
