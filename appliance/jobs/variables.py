"""Names for references to studies, kept by a user or a project, such as MNI = ``ANALYSIS#MNI``."""

from __future__ import annotations

import re
import sqlite3
from typing import Literal

import msgspec

from appliance.catalog import Catalog, delete_doc, list_docs, put_doc
from appliance.core import Invalid, NotFound

__all__ = ["Variable", "forget_variable", "list_variables", "set_variable", "variables_of"]

Scope = Literal["user", "project"]
_NAME = re.compile(r"^[A-Za-z][0-9A-Za-z_.-]{0,63}$")
_TAKEN = frozenset({"this", "all", "first", "last", "tagged", "patient", "study"})
_KIND = "variable"


class Variable(msgspec.Struct, frozen=True):
    """A name and the studies it stands for; a user's own counts before the project's."""

    name: str
    value: str
    scope: Scope = "user"


def variables_of(con: sqlite3.Connection, project_id: int, login: str) -> dict[str, str]:
    """Give what names stand for, for a user in a project."""
    return {one.name: one.value for one in reversed(list_variables(con, project_id, login))}


def list_variables(con: sqlite3.Connection, project_id: int, login: str) -> list[Variable]:
    """List a user's own variables, then those of the project."""
    return [
        *(_listed(con, project_id, login, "user") if login else ()),
        *_listed(con, project_id, login, "project"),
    ]


def _listed(con: sqlite3.Connection, project_id: int, login: str, scope: Scope) -> list[Variable]:
    docs = list_docs(con, _kind(scope, login), project_id=project_id)
    return [Variable(doc.name, str(doc.doc["value"]), scope) for doc in docs]


def set_variable(catalog: Catalog, project_id: int, login: str, variable: Variable) -> Variable:
    """Make or change a variable.

    Raises
    ------
    Invalid
        If its name is no name or means something already, or its value is no reference.
    """
    if not _NAME.match(variable.name) or variable.name.lower() in _TAKEN:
        raise Invalid(
            f"{variable.name!r} cannot be the name of a variable",
            hint="Letters, digits, dots, dashes and underscores; not this, all, first or last.",
        )
    if "#" not in variable.value and not variable.value.startswith("[selection"):
        raise Invalid(
            f"{variable.value!r} names no study",
            hint="Use PID#SID such as ANALYSIS#MNI, or [selectionpatient]#OLDEST.",
        )
    kind = _kind(variable.scope, login)
    catalog.write(
        lambda tx: put_doc(
            tx,
            kind,
            variable.name,
            {"value": variable.value.strip()},
            project_id=project_id,
            actor=login,
        )
    )
    return variable


def forget_variable(catalog: Catalog, project_id: int, login: str, name: str, scope: Scope) -> int:
    """Remove a variable; give the id of the operation."""
    try:
        return catalog.write(
            lambda tx: delete_doc(tx, _kind(scope, login), name, project_id=project_id, actor=login)
        )
    except NotFound:
        raise NotFound(f"there is no variable {name!r}") from None


def _kind(scope: Scope, login: str) -> str:
    return _KIND if scope == "project" else f"{_KIND}@{login}"
