"""Custom fields of subjects and studies as columns of the table and of its exports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from appliance import catalog
from appliance.catalog import CustomField, Project, Reader
from appliance.core import Invalid
from appliance.web.schemas import Page, StudyRow, SubjectRow
from appliance.web.tabletext import Facts

__all__ = ["FIELD", "FieldFacts", "field_facts", "fields_for", "with_fields"]

FIELD = "field:"
_Row = TypeVar("_Row", SubjectRow, StudyRow)


class FieldFacts(msgspec.Struct, frozen=True):
    """Values of field columns, by the ids of subjects and of studies."""

    subjects: dict[int, Facts] = {}
    studies: dict[int, Facts] = {}


def fields_for(project: Project, level: str) -> list[CustomField]:
    """Give the fields that rows of a level can show: subjects have no fields of studies."""
    known = catalog.project_settings(project).fields
    return [one for one in known if level != "subjects" or one.level == "subject"]


def with_fields(
    con: Reader, project: Project, level: str, page: Page[_Row], wanted: str
) -> Page[_Row]:
    """Add to the rows of a page the custom fields that were asked for, ``*`` or names with commas.

    Raises
    ------
    Invalid
        If the project has no such field at this level.
    """
    if not wanted:
        return page
    fields = _chosen(project, level, wanted.split(","))
    owners = {"subject": [_subject_of(row) for row in page.items]}
    if level == "studies":
        owners["study"] = [row.id for row in page.items]
    values = {one: catalog.fields_of(con, one, ids) for one, ids in owners.items()}
    rows = [
        msgspec.structs.replace(
            row,
            fields={
                field.name: value
                for field in fields
                if (value := _value(values[field.level][owners[field.level][n]], field.name))
                is not None
            },
        )
        for n, row in enumerate(page.items)
    ]
    return Page(rows, page.next, page.total)


def field_facts(con: Reader, project: Project, columns: Sequence[str]) -> FieldFacts:
    """Read the values of all columns named ``field:NAME`` of a project."""
    wanted = [column.removeprefix(FIELD) for column in columns if column.startswith(FIELD)]
    chosen = _chosen(project, "studies", wanted) if wanted else []
    found: dict[str, dict[int, Facts]] = {}
    for level in ("subject", "study"):
        names = [one.name for one in chosen if one.level == level]
        rows = catalog.fields_within(con, project.id, level, names)
        found[level] = {
            x_id: {FIELD + name: value for name, value in values.items()}
            for x_id, values in rows.items()
        }
    return FieldFacts(found["subject"], found["study"])


def _chosen(project: Project, level: str, names: Sequence[str]) -> list[CustomField]:
    known = {one.name.casefold(): one for one in fields_for(project, level)}
    if list(names) == ["*"]:
        return list(known.values())
    for name in names:
        if name.strip().casefold() not in known:
            there = ", ".join(one.name for one in known.values()) or "none"
            raise Invalid(f"{level} have no field {name!r} here", hint=f"Fields: {there}.")
    return [known[name.strip().casefold()] for name in names]


def _subject_of(row: SubjectRow | StudyRow) -> int:
    return row.subject_id if isinstance(row, StudyRow) else row.id


def _value(values: dict[str, object], name: str) -> object:
    """Give a value by the field's name, whose case may have changed since."""
    return next((v for key, v in values.items() if key.casefold() == name.casefold()), None)
