"""The verbs `project`, `existing` and `bids`: set a project up, fill it, and hand it on."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.cli.bring import follow, source_path
from appliance.cli.tables import table
from appliance.cli.transport import connect, settings_for
from appliance.cli.whichproject import find_project
from appliance.core import Invalid, NotFound

if TYPE_CHECKING:
    from appliance.client import BidsPlan, Client, ExistingPreview, ProjectDetail

__all__ = ["bids", "existing", "project", "read_definition"]

_MB = 1e6
_SHOWN = 20


def read_definition(path: Path) -> dict[str, Any]:
    """Read a module file: TOML by its name, else JSON.

    Raises
    ------
    NotFound, Invalid
        If it cannot be read, or holds no table.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read the module file {path}: {error}") from error
    try:
        found = _toml(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except ValueError as error:
        raise Invalid(f"{path}: {error}") from error
    if not isinstance(found, dict):
        raise Invalid(f"{path} holds no table", hint="It has keys such as policy and batches.")
    return {"module": path.stem, **found}


def project(options: argparse.Namespace) -> int:
    """Show a project, or change its settings or state."""
    changes = dict(_setting(text) for text in options.set)
    with connect(settings_for(options.data, options.config)) as client:
        name = find_project(options.name)
        if options.module:
            print(json.dumps(client.project_module(name), indent=1))
            return 0
        if options.state:
            done = client.set_project_state(name, options.state)
            print(f"{name} is {options.state} (operation {done.operation_id})")
            return 0
        shown = client.change_project(name, **changes) if changes else client.project(name)
    _print_project(shown, as_json=options.json)
    return 0


def existing(options: argparse.Namespace) -> int:
    """Read a folder of existing data into a project, or tell what would come."""
    root = source_path(options.folder)
    asked = {"layout": options.layout, "mode": options.mode, "subjects": options.subjects}
    if options.pattern:
        asked["pattern"] = options.pattern
    with connect(settings_for(options.data, options.config), create=True, imports=True) as client:
        if options.dry_run:
            found = client.preview_existing(root, **asked)
            if options.json:
                _print_json(found)
            else:
                _print_preview(found, root)
            return 0
        name = find_project(options.project or "")
        return follow(client, client.read_existing(name, root, **asked).key, as_json=options.json)


def bids(options: argparse.Namespace) -> int:
    """Export studies as a BIDS dataset, or tell what it would hold."""
    with connect(settings_for(options.data, options.config), imports=True) as client:
        name = find_project(options.project or "")
        if options.plan:
            _print_plan(client.plan_bids(name, options.studies), as_json=options.json)
            return 0
        return _export(client, name, options)


def _export(client: Client, name: str, options: argparse.Namespace) -> int:
    target: Path = options.to.absolute()
    if target.exists():
        raise Invalid(f"{target} exists already", hint="Name a new folder, or a new .zip.")
    is_zip = target.suffix.lower() == ".zip"
    begun = client.export_bids(name, options.studies, target="" if is_zip else target)
    done = client.wait_bids(begun)
    if done.state == "failed":
        print(
            f"error: {done.reason}",
            *([f"hint: {done.hint}"] if done.hint else []),
            sep="\n",
            file=sys.stderr,
        )
        return 1
    if is_zip:
        client.download_bids(done, target)
    print(f"{target}: {done.n_studies} studies, {done.n_files} files")
    return 0


def _setting(text: str) -> tuple[str, Any]:
    """Read ``NAME=VALUE``; the value is JSON, or a text; empty means the default."""
    name, mark, value = text.partition("=")
    if not mark or not name.isidentifier():
        raise Invalid(f"{text!r} is no setting", hint="Write NAME=VALUE.")
    if not value:
        return name, None
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _print_project(found: ProjectDetail, *, as_json: bool) -> None:
    if as_json:
        _print_json(found)
        return
    quota = f" of {found.quota_bytes / _MB:.0f} MB" if found.quota_bytes else ""
    facts = [("name", found.name), ("title", found.title), ("module", found.module)]
    facts += [("state", found.state), ("files", str(found.usage.n_files))]
    facts += [("size", f"{found.usage.total_bytes / _MB:.1f} MB{quota}")]
    table(facts)
    print()
    marks = dict.fromkeys(found.changed, "changed")
    table((name, json.dumps(v), marks.get(name, "")) for name, v in found.settings.items())


def _print_preview(found: ExistingPreview, root: Path) -> None:
    sizes = (f"{found.n_subjects} subjects", f"{found.n_studies} studies")
    more = " at least" if found.truncated else ""
    print(f"{found.n_files} files{more}", *sizes, f"{found.size_bytes / _MB:.1f} MB", sep=", ")
    prefix = f"{root}/"
    table(
        (row.source.removeprefix(prefix) or "(made)", "->", f"{row.psid}/{row.path}")
        for row in found.rows[:_SHOWN]
    )
    for problem in found.problems[:_SHOWN]:
        print(f"warning: {problem.path}: {problem.reason}", file=sys.stderr)
    if found.n_problems:
        print(f"{found.n_problems} files have no place", file=sys.stderr)


def _print_plan(found: BidsPlan, *, as_json: bool) -> None:
    if as_json:
        _print_json(found)
        return
    made = f", {found.n_derived} files that jobs made" if found.n_derived else ""
    print(f"{found.n_files} images of {found.n_subjects} subjects, {found.n_studies} studies{made}")
    table((f"{file.psid}/{file.path}", "->", file.target) for file in found.files[:_SHOWN])
    for problem in found.problems[:_SHOWN]:
        print(f"warning: {problem}", file=sys.stderr)


def _print_json(value: object) -> None:
    import msgspec

    print(json.dumps(msgspec.to_builtins(value), indent=1))


def _toml(text: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(text)
