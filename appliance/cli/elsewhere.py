"""The verbs `checkout` and `checkin`: files that another program edits."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.cli.tables import show
from appliance.cli.transport import connect, settings_for
from appliance.cli.whichproject import find_project
from appliance.core import Conflict, Invalid, NotFound, Settings

if TYPE_CHECKING:
    from appliance.client import Client

__all__ = ["add_checkin_arguments", "add_checkout_arguments", "checkin", "checkout"]

_PROGRAMS = ("slicer", "itksnap", "fsleyes", "other")
_COLUMNS = ("key", "project", "psid", "path", "program", "actor", "state", "folder")
_Row = dict[str, Any]


def add_checkout_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the options of `nora checkout`."""
    parser.add_argument(
        "words", nargs="*", metavar="FILE", help="absolute path, or [STUDIES] PATTERN of one file"
    )
    parser.add_argument("--project", "-p", help="project of the file")
    parser.add_argument("--for", dest="program", choices=_PROGRAMS, default="other")
    parser.add_argument("--open", action="store_true", help="start the program")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--list", action="store_true", help="list what is checked out")
    which.add_argument("--release", metavar="KEY", help="give a file back, and remove its folder")
    parser.add_argument(
        "--discard", action="store_true", help="with --release: also when it holds changes"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def add_checkin_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the options of `nora checkin`."""
    parser.add_argument(
        "keys", nargs="*", metavar="KEY", help="of a file, or its copy; all that changed by default"
    )
    parser.add_argument("--project", "-p", help="only files of this project")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--replace", action="store_true", help="also when somebody changed the file meanwhile"
    )
    which.add_argument("--new-name", action="store_true", help="then save under another name")
    parser.add_argument(
        "--new-file", action="store_true", help="save a copy on another grid as a file of its own"
    )
    parser.add_argument("--note", default="", help="what was done, for the list of versions")
    parser.add_argument("--json", action="store_true", help="as JSON")


def checkout(options: argparse.Namespace) -> int:
    """Check a file out, or list or release what is."""
    settings = settings_for(options.data, options.config)
    with connect(settings) as client:
        if options.list:
            rows = _all(client, options.project)
            cells = [[row[name] for name in _COLUMNS] for row in rows]
            show(_COLUMNS, cells, {"json"} if options.json else set())
            return 0
        if options.release:
            row = _one(_all(client, options.project), options.release)
            client.release(row["project"], row["key"], discard=options.discard)
            print(f"released {row['psid']} {row['path']}")
            return 0
        row = client.check_out(_file(client, settings, options), options.program)
    _print_out(row, as_json=options.json)
    if options.open:
        _start(row)
    return 0


def checkin(options: argparse.Namespace) -> int:
    """Save edited copies as new versions now; 2 when one of them could not be."""
    told: list[_Row] = []
    with connect(settings_for(options.data, options.config)) as client:
        rows = _all(client, options.project)
        if options.keys:
            rows = [_one(rows, key) for key in options.keys]
        else:
            rows = [row for row in rows if row["is_mine"] and row["is_changed"]]
        failed = sum(not _bring(client, row, options, told) for row in rows)
    if options.json:
        print(json.dumps(told, indent=1))
    elif not rows:
        print("nothing has changed", file=sys.stderr)
    return 2 if failed else 0


def _bring(client: Client, row: _Row, options: argparse.Namespace, told: list[_Row]) -> bool:
    """Check one in; False when it stays where it is, with the reason on the error stream."""
    how = "replace" if options.replace else "new_name" if options.new_name else "refuse"
    try:
        done = client.check_in(
            row["project"],
            row["key"],
            if_changed=how,
            other_grid="new_file" if options.new_file else "refuse",
            note=options.note,
        )
    except (Conflict, Invalid, NotFound) as error:
        print(f"error: {row['path']}: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return False
    told.append(done)
    if not options.json:
        saved = done["saved"]
        what = f"version {saved['version_n']} of {saved['file']['path']}" if saved else "unchanged"
        print(f"{row['psid']} {row['path']}: {what}")
    return True


def _file(client: Client, settings: Settings, options: argparse.Namespace) -> int:
    """Find the one file that is meant."""
    if not options.words:
        raise Invalid("which file?", hint="Name it by its absolute path, or [STUDIES] PATTERN.")
    project = find_project(options.project or _project_of(options.words[-1], settings))
    *studies, name = options.words
    found = client.select(project, f'"{name}"' if " " in name else name, studies=studies)
    if len(found) != 1:
        raise (Invalid if found else NotFound)(
            f"{len(found)} files match", hint="'nora --select' lists them; name one of them."
        )
    return found[0].file_id


def _project_of(word: str, settings: Settings) -> str:
    root = settings.data_path / "projects"
    path = Path(word)
    return path.relative_to(root).parts[0] if path.is_relative_to(root) else ""


def _all(client: Client, project: str | None) -> list[_Row]:
    names = [project] if project else [one.name for one in client.projects()]
    return [row for name in names for row in client.checkouts(name)]


def _one(rows: list[_Row], key: str) -> _Row:
    """Find one by its key, or by the path of its copy, its folder or the file itself."""
    path = str(Path(key).absolute())
    for row in rows:
        places = row["folder"], f"{row['folder']}/{row['name']}"
        if key in (row["key"], row["path"]) or path in places:
            return row
    raise NotFound(f"{key!r} is not checked out", hint="See 'nora checkout --list'.")


def _print_out(row: _Row, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(row, indent=1))
        return
    print(f"{row['folder']}/{row['name']}")
    if row["target"] != row["path"]:
        print(f"note: the file stays as it is; saving makes {row['target']}", file=sys.stderr)
    if row["others"]:
        print(f"note: {', '.join(row['others'])} edit it, too", file=sys.stderr)
    if row["command"]:
        print(row["command"])


def _start(row: _Row) -> None:
    """Start the program and leave it running."""
    words = shlex.split(row["command"])
    if not words or shutil.which(words[0]) is None:
        raise NotFound(
            f"{row['program_name']} is not on this machine",
            hint="Install it, or put its folder into PATH.",
        )
    subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
