"""Between the rooms and the API: settings of projects, existing data and BIDS datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from appliance import catalog, exchange, upkeep
from appliance.catalog import Caller
from appliance.core import Conflict, NotFound, Refused, iso
from appliance.privacy import ProjectPolicy
from appliance.web.checking import let_export_go
from appliance.web.schemas import (
    BidsExport,
    BidsExportRequest,
    BidsFile,
    BidsPlanRequest,
    BidsPlanView,
    BidsSettings,
    ExistingRequest,
    FieldValuesChange,
    Items,
    NewProject,
    OperationDone,
    ProjectDetail,
    ProjectUsage,
    Source,
    TrashedProject,
)
from appliance.web.scope import rights_in
from appliance.web.selecting import study_ids
from appliance.web.services import Services
from appliance.web.views import API, maybe_iso

__all__ = [
    "begin_bids",
    "begin_existing",
    "bids_export",
    "change_fields",
    "change_state",
    "check_source",
    "create_project",
    "existing_options",
    "plan_bids",
    "project_detail",
    "project_id",
    "save_bids",
    "source",
    "trashed_projects",
]

_MOST_FILES = 500


def create_project(services: Services, who: Caller, data: NewProject) -> catalog.Project:
    """Make a project, with what its module's file holds if one was given.

    Raises
    ------
    Invalid, Conflict
        If the name or the module does not fit; then nothing was made.
    """
    definition = {"module": data.module, **data.definition}
    module = exchange.read_module(definition)
    return services.catalog.write(
        lambda tx: exchange.create_from_module(tx, data.name, module, actor=who.login)
    )


def project_detail(services: Services, who: Caller, name: str) -> ProjectDetail:
    """Show a project with its settings, usage and sources."""
    with services.catalog.read() as con:
        project = catalog.get_project(con, name)
        usage = catalog.project_usage(con, project.id)
        sources = catalog.list_sources(con, project.id)
    policy, mine = ProjectPolicy.of(project.policy), catalog.project_settings(project)
    may_manage = "manage" in rights_in(who, project.id)
    return ProjectDetail(
        key=project.key,
        name=project.name,
        module=project.module,
        state=project.state,
        title=mine.title,
        settings=msgspec.structs.asdict(policy) | {"queue": mine.queue},
        changed=sorted(project.policy),
        fields=mine.fields,
        quota_bytes=mine.quota_bytes,
        usage=ProjectUsage(**msgspec.structs.asdict(usage), total_bytes=usage.total_bytes),
        sources=[source(one, told=may_manage) for one in sources],
        examples=_examples(policy),
        created_at=iso(project.created_at),
    )


def _examples(policy: ProjectPolicy) -> dict[str, str]:
    """Show what the templates make of a usual series."""
    series = {"protocol": "t1_mprage", "description": "T1 MPRAGE", "number": 4, "modality": "MR"}
    return {
        "subject": policy.subject(7),
        "study": policy.study("2024-05-02", 1),
        "series": policy.series(series),
    }


def source(row: catalog.Source, *, told: bool = True) -> Source:
    """Show a folder of existing data."""
    return Source(
        key=row.key,
        root=row.root if told else "",
        layout=row.layout,
        mode=row.mode,
        pattern=str(row.options.get("pattern", "")),
        subjects=str(row.options.get("subjects", "keep")),
        created_at=iso(row.created_at),
        scanned_at=maybe_iso(row.scanned_at),
    )


def change_state(services: Services, who: Caller, name: str, state: str) -> OperationDone:
    """Put a project to use, into the archive or into the trash.

    Raises
    ------
    Conflict
        If arrivals are sent to it by the settings, or work on it is not done.
    """
    with services.catalog.read() as con:
        row = con.execute("SELECT id, name FROM projects WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise NotFound(f"no project {name!r}")
        if state != "active":
            _check_idle(con, services, row["id"], row["name"])
    operation = services.catalog.write(
        lambda tx: catalog.set_project_state(tx, name, state, actor=who.login)
    )
    return OperationDone(operation, 1)


def trashed_projects(services: Services) -> Items[TrashedProject]:
    """Show the projects in the trash, with what will become of them."""
    found = upkeep.project_fates(services.catalog, services.settings.trash.keep_days)
    rows = [{**msgspec.structs.asdict(one), "trashed_at": iso(one.trashed_at)} for one in found]
    return Items(
        [TrashedProject(**{**row, "final_at": maybe_iso(row["final_at"])}) for row in rows]
    )


def _check_idle(con: catalog.Reader, services: Services, project_id: int, name: str) -> None:
    settings = services.settings
    fed = {settings.dicom.project, "default", *(one.project for one in settings.watch.folders)}
    if name in fed:
        raise Conflict(
            f"arrivals are sent to project {name!r}",
            hint="Change dicom.project and watch.folders in the settings first.",
        )
    busy = con.execute(
        "SELECT (SELECT count(*) FROM job WHERE project_id = :id AND state IN"
        " ('queued', 'held', 'starting', 'running', 'suspended', 'finishing'))"
        " + (SELECT count(*) FROM receipts WHERE project_id = :id AND state IN"
        " ('receiving', 'pending', 'working'))",
        {"id": project_id},
    ).fetchone()[0]
    if busy:
        raise Conflict(
            f"{busy} jobs or arrivals of project {name!r} are not done",
            hint="Wait for them, or cancel them on the jobs page.",
        )


def existing_options(data: ExistingRequest) -> exchange.ExistingOptions:
    """Read how a folder is to be read; unless it is said, names of subjects are no codes."""
    usual = "keep" if data.layout == "bids" else "codes"
    return msgspec.convert(
        {
            "layout": data.layout,
            "pattern": data.pattern,
            "mode": data.mode,
            "subjects": data.subjects or usual,
        },
        exchange.ExistingOptions,
    )


def begin_existing(
    services: Services, who: Caller, data: ExistingRequest
) -> exchange.ReceiptDetail:
    """Read a folder into a project, which is made when it is new.

    Raises
    ------
    NotFound, Invalid, Conflict
        If the folder or the project does not fit; then nothing was made.
    """
    existing, root = services.importer.existing, Path(data.root)
    options = existing_options(data)
    existing.check(root, options)
    with services.catalog.read() as con:
        found = con.execute("SELECT 1 FROM projects WHERE name = ?", (data.project,)).fetchone()
    if found is None:
        create_project(services, who, NewProject(name=data.project))
    return existing.begin(data.project, root, options, actor=who.login)


def check_source(services: Services, name: str, key: str) -> None:
    """Refuse a folder that belongs to another project.

    Raises
    ------
    NotFound
        If the project has no such folder.
    """
    with services.catalog.read() as con:
        found = catalog.get_source(con, key)
        if found.project_id != catalog.get_project(con, name).id:
            raise NotFound(f"no source {key!r}")


def change_fields(
    services: Services, level: str, x_id: int, data: FieldValuesChange
) -> dict[str, Any]:
    """Set custom fields of a subject or study.

    Raises
    ------
    NotFound, Invalid
        If there is no such thing, or a value does not fit.
    """
    return services.catalog.write(lambda tx: catalog.change_fields(tx, level, x_id, data.values))


def project_id(services: Services, name: str) -> int:
    """Give the id of a project."""
    with services.catalog.read() as con:
        return catalog.get_project(con, name).id


def _mapping(data: BidsSettings) -> exchange.BidsMapping:
    return exchange.BidsMapping(**msgspec.structs.asdict(data))


def save_bids(services: Services, name: str, data: BidsSettings) -> exchange.BidsMapping:
    """Save how a project is exported."""
    mapping = _mapping(data)
    services.importer.bids.save_mapping(project_id(services, name), mapping)
    return mapping


def plan_bids(services: Services, name: str, data: BidsPlanRequest) -> BidsPlanView:
    """Tell what a dataset would hold."""
    mapping = _mapping(data.mapping) if data.mapping else None
    with services.catalog.read() as con:
        project = catalog.get_project(con, name)
        ids = study_ids(con, project.id, data.studies) or []
    plan = services.importer.bids.plan(project.id, ids, mapping)
    files = [
        BidsFile(f"{one.visit.pid}#{one.visit.sid}", one.candidate.path, one.path)
        for one in plan.files[:_MOST_FILES]
    ]
    psids = {visit.id: f"{visit.pid}#{visit.sid}" for visit in plan.visits}
    files += [
        BidsFile(psids[one.file.study_id], one.file.path, f"{exchange.DERIVATIVE}/{one.target}")
        for one in plan.derived[: _MOST_FILES - len(files)]
    ]
    return BidsPlanView(
        rules=plan.rules,
        files=files,
        n_files=len(plan.files),
        n_derived=len(plan.derived),
        n_subjects=len({one.visit.subject_id for one in plan.files}),
        n_studies=len({one.visit.id for one in plan.files}),
        size_bytes=plan.size_bytes,
        problems=plan.problems,
    )


def begin_bids(
    services: Services, who: Caller, name: str, data: BidsExportRequest
) -> exchange.Export:
    """Begin an export; to a folder of the machine for administrators alone.

    Raises
    ------
    Refused
        If a folder was named by somebody else.
    """
    if data.target and not who.is_admin:
        raise Refused("only an administrator may write to folders of the machine")
    with services.catalog.read() as con:
        project = catalog.get_project(con, name)
        ids = study_ids(con, project.id, data.studies) or []
    let_export_go(services, who, project.name, "bids", ids)
    return services.importer.bids.begin(project.name, ids, target=data.target, actor=who.login)


def bids_export(row: exchange.Export) -> BidsExport:
    """Show an export."""
    base = f"{API}/projects/{quote(row.project, safe='')}/bids/exports/{row.key}"
    return BidsExport(
        key=row.key,
        project=row.project,
        target=row.target,
        state=row.state,
        n_files=row.n_files,
        n_done=row.n_done,
        size_bytes=row.size_bytes,
        reason=row.reason,
        hint=row.hint,
        n_studies=len(row.studies),
        created_at=iso(row.created_at),
        updated_at=iso(row.updated_at),
        download_url=f"{base}/bids.zip" if row.state == "ready" else None,
    )
