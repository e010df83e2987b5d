"""Rules of autoexecution: kept, listed, changed; who they run as, and whether they still may."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from appliance.catalog import Catalog, Project, Tx, get_project, grants_of
from appliance.core import Invalid, NotFound, Refused, now_ms
from appliance.jobs.autorule_rows import AutoRule, Firing, RuleFacts
from appliance.jobs.autounits import check_filter
from appliance.jobs.saved import Asker, Template, find_saved, template_of
from appliance.jobs.structs import BatchSpec

__all__ = [
    "KeptRule",
    "delete_rule",
    "dump_rules",
    "kept_rule",
    "kept_rules",
    "list_firings",
    "list_rules",
    "may_run",
    "read_rule",
    "restore_rules",
    "save_rule",
    "template_for",
]

_LOG = logging.getLogger(__name__)
_COUNTS = "SELECT state, count(*) FROM autofire WHERE rule_id = ? GROUP BY state"
_FIRINGS = (
    "SELECT r.name AS rule, f.psid, f.state, f.why, f.batch_key, f.due_at, f.updated_at"
    " FROM autofire f JOIN autorule r ON r.id = f.rule_id WHERE f.project_id = ?"
)


@dataclass(frozen=True)
class KeptRule:
    """A rule with its row's facts and the batch as it was when the rule was saved."""

    id: int
    project_id: int
    name: str
    owner: str
    rule: AutoRule
    template: Template
    created_at: int
    rev: int

    @property
    def level(self) -> str:
        """Tell what one firing is about: ``study`` or ``subject``."""
        return self.rule.level or self.template.level

    def spec(self, project: str, queue: str = "") -> BatchSpec:
        """Give the batch that it starts."""
        spec = self.template.spec(project)
        level = "subject" if self.level == "subject" else "study"
        chosen = queue or self.rule.queue or spec.queue
        name = spec.name if self.template.name else self.rule.batch
        return msgspec.structs.replace(spec, name=name, level=level, queue=chosen)


def may_run(con: sqlite3.Connection, login: str, project_id: int) -> str:
    """Say why a user may not start batches in a project now; empty: they may."""
    row = con.execute("SELECT * FROM users WHERE login = ?", (login,)).fetchone()
    if row is None or row["disabled_at"] is not None:
        return f"user {login} may not log in any more"
    if row["is_admin"] or "batch" in grants_of(con, row["id"]).get(project_id, ()):
        return ""
    return f"user {login} has no right to run batches here any more"


def template_for(con: sqlite3.Connection, project_id: int, rule: AutoRule, login: str) -> Template:
    """Give the saved batch that a rule names.

    Raises
    ------
    NotFound
        If there is none.
    Invalid
        If it is for the whole project.
    """
    asker = Asker(login)
    found = find_saved(con, project_id, asker, rule.batch)
    if found.private and not rule.private:
        found = find_saved(con, project_id, Asker(""), rule.batch)
    template = template_of(found.doc)
    if template.level == "project" and not rule.level:
        raise Invalid(
            f"the batch {rule.batch!r} runs once for the whole project",
            hint="Choose that the rule runs it for each study, or for each subject.",
        )
    return template


def read_rule(
    con: sqlite3.Connection, project: Project, rule: AutoRule, login: str, name: str = ""
) -> KeptRule:
    """Check a rule and give it as it would be kept.

    Raises
    ------
    Invalid
        If a filter does not parse, or it cannot be run.
    NotFound
        If it names no saved batch.
    """
    for text in (rule.requires, rule.done):
        check_filter(text)
    template = template_for(con, project.id, rule, login)
    now = now_ms()
    return KeptRule(0, project.id, name, login, rule, template, now, 1)


def save_rule(catalog: Catalog, project: str, name: str, rule: AutoRule, asker: Asker) -> RuleFacts:
    """Keep a rule; from now on it runs as the one who saved it.

    Raises
    ------
    Invalid, NotFound
        As `read_rule` does, or if the name is empty.
    Refused
        If it belongs to somebody else.
    """
    if not name.strip() or len(name) > 100:
        raise Invalid("a rule needs a name of at most 100 characters")

    def write(tx: Tx) -> RuleFacts:
        found = get_project(tx.con, project)
        old = _find(tx.con, found.id, name)
        if old is not None:
            _check_owner(old, asker)
        new = read_rule(tx.con, found, rule, asker.login, name)
        _put(tx, new)
        _tell(tx, found, name, asker.login, "save_autorule", before=old)
        (row,) = [r for r in list_rules(tx.con, found, asker) if r.name.lower() == name.lower()]
        return row

    return catalog.write(write)


def delete_rule(catalog: Catalog, project: str, name: str, asker: Asker) -> None:
    """Forget a rule, and what waits for it."""

    def write(tx: Tx) -> None:
        found = get_project(tx.con, project)
        old = kept_rule(tx.con, found.id, name)
        _check_owner(old, asker)
        tx.con.execute("DELETE FROM autofire WHERE rule_id = ?", (old.id,))
        tx.con.execute("DELETE FROM autorule WHERE id = ?", (old.id,))
        _tell(tx, found, name, asker.login, "delete_autorule", before=old)

    catalog.write(write)


def kept_rules(con: sqlite3.Connection, project_id: int | None = None) -> list[KeptRule]:
    """Give the rules of a project, or all, in the order of their names."""
    rows = con.execute(
        "SELECT * FROM autorule WHERE ?1 IS NULL OR project_id = ?1"
        " ORDER BY project_id, name COLLATE NOCASE",
        (project_id,),
    )
    return [_kept(row) for row in rows]


def kept_rule(con: sqlite3.Connection, project_id: int, name: str) -> KeptRule:
    """Give a rule by name.

    Raises
    ------
    NotFound
        If there is none.
    """
    found = _find(con, project_id, name)
    if found is None:
        raise NotFound(f"there is no rule {name!r}")
    return found


def list_rules(con: sqlite3.Connection, project: Project, asker: Asker) -> list[RuleFacts]:
    """List the rules of a project, with what there is to say about each."""
    return [_row(con, kept, asker) for kept in kept_rules(con, project.id)]


def dump_rules(con: sqlite3.Connection, project_id: int) -> list[dict[str, Any]]:
    """Give the rules of a project as they are written down outside of the catalog."""
    return [
        {
            "name": one.name,
            "owner": one.owner,
            "rule": msgspec.to_builtins(one.rule),
            "batch": msgspec.to_builtins(one.template),
            "created_at": one.created_at,
        }
        for one in kept_rules(con, project_id)
    ]


def restore_rules(tx: Tx, project_id: int, rules: Sequence[Mapping[str, Any]]) -> int:
    """Enter rules as `dump_rules` gave them, where there is none of that name; count them.

    One that cannot be read is left out with a warning.
    """
    n = 0
    for one in rules:
        if _find(tx.con, project_id, str(one.get("name"))) is not None:
            continue
        try:
            rule = msgspec.convert(one["rule"], AutoRule)
            facts = project_id, str(one["name"]), str(one["owner"])
            kept = KeptRule(0, *facts, rule, template_of(one["batch"]), int(one["created_at"]), 1)
        except (KeyError, ValueError, Invalid) as error:
            _LOG.warning("a rule of project %d cannot be read: %s", project_id, error)
            continue
        _put(tx, kept)
        n += 1
    return n


def list_firings(
    con: sqlite3.Connection, project_id: int, rule: str = "", limit: int = 200
) -> list[Firing]:
    """List what rules did, newest first."""
    sql, values = _FIRINGS, [project_id]
    if rule:
        sql, values = f"{sql} AND r.name = ? COLLATE NOCASE", [*values, rule]  # type: ignore[list-item]
    rows = con.execute(
        f"{sql} ORDER BY f.updated_at DESC, f.id DESC LIMIT ?",
        (*values, max(1, min(limit, 1000))),
    )
    return [Firing(**dict(row)) for row in rows]


def _row(con: sqlite3.Connection, kept: KeptRule, asker: Asker) -> RuleFacts:
    now = con.execute("SELECT updated_at FROM autorule WHERE id = ?", (kept.id,)).fetchone()[0]
    try:
        outdated = template_for(con, kept.project_id, kept.rule, kept.owner) != kept.template
    except (NotFound, Invalid):
        outdated = True
    return RuleFacts(
        name=kept.name,
        owner=kept.owner,
        may_change=_may_change(kept, asker),
        rule=kept.rule,
        outdated=outdated,
        problem=may_run(con, kept.owner, kept.project_id),
        counts=dict(con.execute(_COUNTS, (kept.id,)).fetchall()),
        updated_at=now,
    )


def _find(con: sqlite3.Connection, project_id: int, name: str) -> KeptRule | None:
    row = con.execute(
        "SELECT * FROM autorule WHERE project_id = ? AND name = ? COLLATE NOCASE",
        (project_id, name),
    ).fetchone()
    return None if row is None else _kept(row)


def _kept(row: sqlite3.Row) -> KeptRule:
    return KeptRule(
        row["id"],
        row["project_id"],
        row["name"],
        row["owner"],
        msgspec.json.decode(row["rule"], type=AutoRule),
        template_of(json.loads(row["batch"])),
        row["created_at"],
        row["rev"],
    )


def _put(tx: Tx, new: KeptRule) -> None:
    tx.con.execute(
        "INSERT INTO autorule (project_id, name, owner, rule, batch, created_at, updated_at, rev)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 1) ON CONFLICT (project_id, name) DO UPDATE SET"
        " owner = excluded.owner, rule = excluded.rule, batch = excluded.batch,"
        " updated_at = excluded.updated_at, rev = rev + 1",
        (
            new.project_id,
            new.name,
            new.owner,
            msgspec.json.encode(new.rule).decode(),
            msgspec.json.encode(new.template).decode(),
            new.created_at,
        ),
    )


def _tell(
    tx: Tx, project: Project, name: str, actor: str, verb: str, *, before: KeptRule | None
) -> None:
    target = {"project": project.name, "project_id": project.id, "name": name}
    old = None if before is None else msgspec.to_builtins(before.rule) | {"owner": before.owner}
    tx.operation(verb, actor=actor, target=target, before=old)
    tx.event("autorules.changed", project=project.name)


def _may_change(kept: KeptRule, asker: Asker) -> bool:
    return asker.manages or kept.owner == asker.login


def _check_owner(kept: KeptRule, asker: Asker) -> None:
    if not _may_change(kept, asker):
        raise Refused(
            f"the rule {kept.name!r} belongs to {kept.owner}",
            hint="Ask its owner or who manages the project.",
        )
