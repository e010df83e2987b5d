"""Between the rooms and the API: the last look at what leaves, by whatever way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from appliance import catalog
from appliance.catalog import Caller, FileRow, Project
from appliance.core import Invalid, NotFound, Refused, iso
from appliance.exchange import Entry, ReleaseCheck, Way
from appliance.privacy import ProjectPolicy
from appliance.viewing import LinkDraft
from appliance.web.downloads import Downloads, Prepared
from appliance.web.schemas.release_checks import ReleaseCheckRequest, ReleaseCheckView
from appliance.web.scope import rights_in
from appliance.web.selecting import study_ids
from appliance.web.services import Services
from appliance.web.views import API, maybe_iso

__all__ = [
    "check",
    "confirm",
    "let_archive_go",
    "let_export_go",
    "let_file_go",
    "let_link_go",
    "one",
    "shown",
]

_Leaving = Callable[[], Iterable[Entry]]


def check(
    services: Services, downloads: Downloads, who: Caller, name: str, data: ReleaseCheckRequest
) -> ReleaseCheckView:
    """Look at what would leave, and keep what was found.

    Raises
    ------
    NotFound
        If there is no such study or archive.
    """
    project, chosen = _asked(services, name, data.studies)
    ids: Sequence[int] = chosen
    what: Sequence[object] = ()
    if data.way == "files":
        prepared = downloads.get(data.download, who)
        if prepared.project != project.name:
            raise NotFound("this archive is of another project")
        leaving, ids, what = _archived(prepared), prepared.studies, prepared.files
    else:
        leaving = _exported(services, project, data.way, ids)
    made = services.importer.releases.check(
        project, data.way, leaving(), study_ids=ids, what=what, actor=who.login
    )
    return shown(made)


def let_export_go(services: Services, who: Caller, name: str, way: Way, ids: Sequence[int]) -> None:
    """Let an export go; refused as `ReleaseChecks.require` says."""
    with services.catalog.read() as con:
        project = catalog.get_project(con, name)
    leaving = _exported(services, project, way, ids)
    services.importer.releases.require(project, way, leaving, study_ids=ids, actor=who.login)


def let_archive_go(services: Services, who: Caller, prepared: Prepared) -> Prepared:
    """Let a prepared archive go; refused as `ReleaseChecks.require` says."""
    with services.catalog.read() as con:
        project = catalog.get_project(con, prepared.project)
    services.importer.releases.require(
        project,
        "files",
        _archived(prepared),
        study_ids=prepared.studies,
        what=prepared.files,
        actor=who.login,
    )
    return prepared


def let_file_go(
    services: Services, who: Caller, row: FileRow, version: tuple[int, Path] | None = None
) -> None:
    """Let the bytes of one file go; it is the same release as an archive of this file alone.

    One of its versions, by number and place, is a release of its own. Asked are slides, which may
    show their label, and everything where a project lets nothing leave unasked. Other single files
    are looked at by the pages: programs read too many.
    """
    from appliance.formats import MULTICHANNEL

    with services.catalog.read() as con:
        project = catalog.get_project(con, row.project)
    asks = ProjectPolicy.of(project.policy).release_check == "always"
    if not asks and not row.name.lower().endswith(MULTICHANNEL):
        return
    place = f"{row.psid.replace('#', '/')}/{row.path}"
    source = version[1] if version else catalog.file_path(services.folder, row)
    services.importer.releases.require(
        project,
        "files",
        lambda: [Entry(place, source=source)],
        study_ids=[row.study_id],
        what=[f"{row.id} version {version[0]}"] if version else [row.id],
        actor=who.login,
    )


def let_link_go(services: Services, who: Caller, name: str, draft: LinkDraft) -> None:
    """Let a shared link be made; refused as `ReleaseChecks.require` says.

    Its title and texts are looked at, and the names and headers of the files that it shows. What
    is confirmed holds for the same files and texts, wherever the view stands.
    """
    with services.catalog.read() as con:
        project = catalog.get_project(con, name)
        rows = [catalog.get_file(con, file_id) for file_id in sorted(set(draft.files))]
    texts = [draft.title.strip(), *sorted(set(_texts(draft.state)))]

    def leaving() -> Iterator[Entry]:
        yield Entry("link.txt", "\n".join(texts).encode())
        for row in rows:
            place = f"{row.psid.replace('#', '/')}/{row.path}"
            yield Entry(place, source=catalog.file_path(services.folder, row))

    services.importer.releases.require(
        project,
        "link",
        leaving,
        study_ids=sorted({row.study_id for row in rows if row.project == project.name}),
        what=[*(row.id for row in rows), msgspec.json.encode(texts)],
        actor=who.login,
    )


def one(services: Services, who: Caller, name: str, key: str) -> ReleaseCheck:
    """Give a check of a project, to whoever could release that, or may know who subjects are.

    Everybody may share a link, so that its checks are everybody's.

    Raises
    ------
    NotFound
        If it has none of that key.
    Refused
        If the caller has neither right.
    """
    found = services.importer.releases.get(key)
    if found.project.lower() != name.lower():
        raise NotFound(f"no release check {key!r}")
    if found.way != "link" and not _held(services, who, name) & {"download", "deanonym"}:
        raise Refused(
            "this needs the right 'download' or 'deanonym' in the project",
            hint="Ask an administrator of the project for one of them.",
        )
    return found


def confirm(services: Services, who: Caller, name: str, key: str) -> ReleaseCheckView:
    """Let go what was checked; what tells who somebody is, by those who may know it.

    Raises
    ------
    Refused
        If the caller may not see who subjects are.
    """
    found = one(services, who, name, key)
    tells = any(f.severity == "identifies" for f in found.findings)
    if tells and "deanonym" not in _held(services, who, name):
        raise Refused(
            "it tells who somebody is, and you may not know that",
            hint="Somebody with the right deanonym can confirm it.",
        )
    return shown(services.importer.releases.confirm(key, actor=who.login))


def _held(services: Services, who: Caller, name: str) -> frozenset[str]:
    with services.catalog.read() as con:
        return rights_in(who, catalog.get_project(con, name).id)


def shown(found: ReleaseCheck) -> ReleaseCheckView:
    """Show a check."""
    base = f"{API}/projects/{quote(found.project, safe='')}/releases/checks/{found.key}"
    return ReleaseCheckView(
        key=found.key,
        project=found.project,
        way=found.way,
        n_files=found.n_files,
        n_subjects=found.n_subjects,
        findings=found.findings,
        fields=found.fields,
        needed=found.needed,
        made_by=found.made_by,
        created_at=iso(found.created_at),
        confirmed_by=found.confirmed_by,
        confirmed_at=maybe_iso(found.confirmed_at),
        report_url=f"{base}/report",
    )


def _asked(services: Services, name: str, studies: list[str]) -> tuple[Project, list[int]]:
    with services.catalog.read() as con:
        project = catalog.get_project(con, name)
        found = study_ids(con, project.id, studies)
    if found == []:
        raise NotFound("no study of that name")
    return project, found or []


def _exported(services: Services, project: Project, way: str, ids: Sequence[int]) -> _Leaving:
    exports = {"bids": services.importer.bids.leaving, "dicom": services.importer.dicom.sample}
    if way not in exports:
        raise Invalid(f"there is no export {way!r}")
    return lambda: exports[way](project.name, ids)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _archived(prepared: Prepared) -> _Leaving:
    return lambda: [
        Entry(one.name, one.text if one.path is None else None, one.path)
        for one in prepared.entries
    ]
