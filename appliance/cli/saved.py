"""The verbs `batches` and `rules`: what a project keeps and runs, as files for other projects."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.cli.tables import show
from appliance.cli.transport import connect, settings_for
from appliance.cli.whichproject import find_project
from appliance.core import Invalid, NotFound

if TYPE_CHECKING:
    from appliance.client import AutoRuleRow, Client, SavedBatch

__all__ = ["add_batch_arguments", "add_rule_arguments", "batches", "rules"]


def add_batch_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `batches`."""
    which = _common(parser, "saved batch; its description is printed as JSON")
    which.add_argument("--save", metavar="FILE", help="keep the batch of a JSON file; - is stdin")
    which.add_argument("--delete", action="store_true", help="forget it (undo brings it back)")
    parser.add_argument("--private", action="store_true", help="one's own in place of all's")


def add_rule_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `rules`."""
    which = _common(parser, "rule of autoexecution; printed as JSON")
    which.add_argument("--save", metavar="FILE", help="keep the rule of a JSON file; - is stdin")
    which.add_argument("--delete", action="store_true", help="forget it")
    which.add_argument("--on", action="store_true", help="let it run on what arrives")
    which.add_argument("--off", action="store_true", help="keep it, but let it rest")
    which.add_argument("--try", dest="attempt", action="store_true", help="tell what it would do")


def _common(parser: argparse.ArgumentParser, name: str) -> Any:
    parser.add_argument("name", nargs="?", default="", help=name)
    parser.add_argument("--project", "-p", help="its project")
    parser.add_argument("--json", action="store_true", help="lists as JSON")
    return parser.add_mutually_exclusive_group()


def batches(options: argparse.Namespace) -> int:
    """List the saved batches of a project, print one, keep one from a file or forget one."""
    project = _checked(options, options.save or options.delete)
    with connect(settings_for(options.data, options.config)) as client:
        if options.save:
            client.save_batch(project, options.name, _read(options.save), private=options.private)
            print(f"kept {options.name}")
        elif options.delete:
            done = client.forget_batch(project, options.name, private=options.private)
            print(f"forgotten; 'nora undo {done}' brings it back")
        elif options.name:
            _print(_batch(client.list_saved(project), options, project).doc)
        else:
            _list_batches(client.list_saved(project), options)
    return 0


def rules(options: argparse.Namespace) -> int:
    """List the rules of a project, print or try one, keep one, switch it or forget it."""
    acts = options.save or options.delete or options.on or options.off or options.attempt
    project = _checked(options, acts)
    with connect(settings_for(options.data, options.config)) as client:
        if options.save:
            _keep_rule(client, project, options.name, _read(options.save))
        elif not options.name:
            _list_rules(client.autorules(project), options)
        else:
            _one_rule(client, project, _rule(client.autorules(project), options.name), options)
    return 0


def _one_rule(client: Client, project: str, row: AutoRuleRow, options: argparse.Namespace) -> None:
    if options.delete:
        client.delete_autorule(project, row.name)
        print("forgotten")
    elif options.on or options.off:
        _keep_rule(client, project, row.name, {**row.rule, "enabled": bool(options.on)})
    elif options.attempt:
        found = client.try_autorule(project, row.rule)
        rows = [(one.psid, one.action, one.why) for one in found]
        show(("study", "action", "why"), rows, _switches(options))
    else:
        _print(row.rule)


def _keep_rule(client: Client, project: str, name: str, rule: dict[str, Any]) -> None:
    if not isinstance(rule.get("batch"), str):
        raise Invalid("the rule names no batch", hint="Put the name of a saved batch: 'batch'.")
    more = {key: value for key, value in rule.items() if key != "batch"}
    row = client.save_autorule(project, name, rule["batch"], **more)
    print(f"kept {row.name}: {_state(row)}")


def _list_batches(found: list[SavedBatch], options: argparse.Namespace) -> None:
    columns = ("name", "for", "owner", "jobs", "changed")
    rows = [
        (
            one.name,
            "me" if one.private else "project",
            one.owner,
            ", ".join(job.get("name", "") for job in one.doc.get("jobs", [])),
            one.updated_at,
        )
        for one in found
    ]
    show(columns, rows, _switches(options))


def _list_rules(found: list[AutoRuleRow], options: argparse.Namespace) -> None:
    rows = [
        (row.name, _state(row), row.rule.get("batch", ""), row.owner, row.problem) for row in found
    ]
    show(("name", "state", "batch", "owner", "problem"), rows, _switches(options))


def _state(row: AutoRuleRow) -> str:
    return "on" if row.rule.get("enabled") else "off"


def _batch(found: list[SavedBatch], options: argparse.Namespace, project: str) -> SavedBatch:
    """Give the batch of a name: one's own before that of the project."""
    mine = [one for one in found if one.name == options.name]
    mine = [one for one in mine if one.private] or ([] if options.private else mine)
    if not mine:
        known = ", ".join(sorted({one.name for one in found})) or "none"
        raise NotFound(
            f"project {project} has no saved batch {options.name!r}", hint=f"Saved: {known}."
        )
    return mine[0]


def _rule(found: list[AutoRuleRow], name: str) -> AutoRuleRow:
    for row in found:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in found) or "none"
    raise NotFound(f"no rule {name!r}", hint=f"There are: {known}.")


def _checked(options: argparse.Namespace, acts: object) -> str:
    """Give the project; refuses to act on nothing."""
    if acts and not options.name:
        raise Invalid("say which one", hint="Put its name after the verb.")
    return find_project(options.project or "")


def _read(path: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read {path}: {error}") from error
    try:
        body = json.loads(text)
    except ValueError as error:
        raise Invalid(f"{path} is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Invalid(f"{path} holds no JSON object")
    return body


def _print(what: dict[str, Any]) -> None:
    print(json.dumps(what, indent=1, ensure_ascii=False))


def _switches(options: argparse.Namespace) -> set[str]:
    return {"json"} if options.json else set()
