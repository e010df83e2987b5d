"""NORA's admin tools, as far as they are here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from appliance.cli.care import table
from appliance.core import Invalid, NotFound

if TYPE_CHECKING:
    from appliance.client import Client

__all__ = ["admin"]


def admin(client: Client, words: Sequence[str], project: Callable[[], str]) -> int:
    """Carry out ``--admin TOOL ...``."""
    tool, *rest = words
    if tool == "projectlist":
        rows = [
            (p.name, f"{p.n_subjects} subjects", f"{p.n_studies} studies", f"{p.n_files} files")
            for p in client.projects()
        ]
        table(rows)
    elif tool == "tagstats":
        found = client.project_tags(project())
        for level in ("subject", "study", "file"):
            table((level, tag.name, str(tag.n)) for tag in getattr(found, level))
    elif tool in ("addtag_study", "addtag_patient"):
        _tag(client, project(), tool, rest)
    else:
        raise Invalid(f"no admin tool {tool!r}", hint="'nora --admin' lists them.")
    return 0


def _tag(client: Client, project: str, tool: str, rest: Sequence[str]) -> None:
    if len(rest) != 2:
        raise Invalid(f"{tool} takes a tag and a name", hint="'nora --admin' shows how.")
    tag, name = rest
    if tool == "addtag_study":
        ids = [r.id for r in client.all_studies(project, name=name.split("#")[0]) if r.psid == name]
        level = "study"
    else:
        ids = [r.id for r in client.all_subjects(project, name=name) if r.pid == name]
        level = "subject"
    if not ids:
        raise NotFound(f"no {level} {name!r} in project {project}")
    client.tag(level, ids, add=[tag])
