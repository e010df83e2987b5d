"""Modules: a project's policy, fields, saved batches and autoloaders in one file, to start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import Invalid, SettingsError
from appliance.exchange.bids_plan import BidsMapping, check_mapping
from appliance.privacy import ProjectPolicy

if TYPE_CHECKING:
    import sqlite3

    from appliance.catalog import Project, Tx

__all__ = [
    "ProjectModule",
    "change_settings",
    "create_from_module",
    "module_of",
    "read_module",
]

_KINDS = {
    "batches": "batch",
    "autoloaders": "autoloader",
    "views": "view",
    "layouts": "layout",
}


class ProjectModule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a new project starts with.

    Attributes
    ----------
    policy : dict
        Naming, pseudonyms and storage, as `ProjectPolicy` has them.
    fields : list of dict
        Custom fields of subjects and studies.
    batches, autoloaders, views, layouts : dict
        Saved documents by name.
    bids : BidsMapping or None
        How series are exported.
    """

    module: str = ""
    title: str = ""
    policy: dict[str, Any] = {}
    fields: list[dict[str, Any]] = []
    quota_bytes: int | None = None
    batches: dict[str, dict[str, Any]] = {}
    autoloaders: dict[str, dict[str, Any]] = {}
    views: dict[str, dict[str, Any]] = {}
    layouts: dict[str, dict[str, Any]] = {}
    bids: BidsMapping | None = None


def read_module(definition: Mapping[str, Any]) -> ProjectModule:
    """Check what a module file says.

    Raises
    ------
    Invalid
        If a key is unknown or a value does not fit.
    """
    try:
        module = msgspec.convert(dict(definition), ProjectModule)
    except msgspec.ValidationError as error:
        raise Invalid(f"the module cannot be used: {error}") from error
    if module.bids is not None:
        check_mapping(module.bids)
    _check_policy(module.policy)
    return module


def create_from_module(tx: Tx, name: str, module: ProjectModule, *, actor: str) -> Project:
    """Make a project with all that a module holds.

    Raises
    ------
    Invalid, Conflict
        If something does not fit; then nothing was made.
    """
    from appliance.catalog import change_policy, create_project, put_doc

    project = create_project(tx, name, module.module)
    changes: dict[str, Any] = dict(module.policy)
    if module.title:
        changes["title"] = module.title
    if module.fields:
        changes["fields"] = module.fields
    if module.quota_bytes is not None:
        changes["quota_bytes"] = module.quota_bytes
    made = change_policy(tx, name, changes, actor=actor)
    for attribute, kind in _KINDS.items():
        for title, doc in getattr(module, attribute).items():
            put_doc(tx, kind, title, doc, project_id=project.id)
    if module.bids is not None:
        put_doc(tx, "bids", "mapping", msgspec.to_builtins(module.bids), project_id=project.id)
    return made


def module_of(con: sqlite3.Connection, name: str) -> ProjectModule:
    """Give what a project holds as a module, to start another one from."""
    from appliance.catalog import get_project, list_docs, project_settings

    project = get_project(con, name)
    settings = project_settings(project)
    docs = {
        attribute: {doc.name: doc.doc for doc in list_docs(con, kind, project_id=project.id)}
        for attribute, kind in _KINDS.items()
    }
    bids = [doc.doc for doc in list_docs(con, "bids", project_id=project.id)]
    return ProjectModule(
        module=project.module,
        title=settings.title,
        policy={k: v for k, v in project.policy.items() if k in ProjectPolicy.__struct_fields__},
        fields=[msgspec.to_builtins(field) for field in settings.fields],
        quota_bytes=settings.quota_bytes,
        bids=msgspec.convert(bids[0], BidsMapping) if bids else None,
        **docs,
    )


def change_settings(tx: Tx, name: str, changes: Mapping[str, Any], *, actor: str) -> Project:
    """Change settings of a project; None takes one back to its default.

    Raises
    ------
    Invalid
        If a key is unknown or a value does not fit; then nothing is changed.
    """
    from appliance.catalog import ProjectSettings, change_policy, get_project, require_open

    known = (*ProjectPolicy.__struct_fields__, *ProjectSettings.__struct_fields__)
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise Invalid(f"no such setting of a project: {', '.join(unknown)}")
    project = get_project(tx.con, name)
    require_open(tx.con, project.id)
    merged = {**project.policy, **changes}
    _check_policy({key: value for key, value in merged.items() if value is not None})
    return change_policy(tx, name, changes, actor=actor)


def _check_policy(policy: Mapping[str, Any]) -> None:
    try:
        ProjectPolicy.of(
            {key: value for key, value in policy.items() if key in ProjectPolicy.__struct_fields__}
        )
    except SettingsError as error:
        raise Invalid(error.message, hint=error.hint) from error
