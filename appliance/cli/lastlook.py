"""The verb `release`: the last look at what leaves, its confirmation, and its signed report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.cli.tables import table
from appliance.cli.transport import connect, settings_for
from appliance.cli.whichproject import find_project
from appliance.core import Invalid

if TYPE_CHECKING:
    from appliance.client import Client, ReleaseCheck

__all__ = ["add_arguments", "release"]

_WORDS = {"identifies": "TELLS", "may": "may tell", "note": "note"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument(
        "action",
        choices=("check", "show", "confirm", "report", "verify"),
        help="check studies; show or confirm a check; print its report; verify a report",
    )
    parser.add_argument("what", nargs="*", help="studies, the key of a check, or a report's file")
    parser.add_argument("--project", "-p", help="project whose files leave")
    parser.add_argument(
        "--way", choices=("bids", "dicom"), default="bids", help="how studies would leave (bids)"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def release(options: argparse.Namespace) -> int:
    """Look at what would leave; 1 when it needs to be confirmed or a report is not ours."""
    with connect(settings_for(options.data, options.config), imports=True) as client:
        if options.action == "verify":
            return _verify(client, Path(_one(options.what, "the file of a report")))
        name = find_project(options.project or "")
        if options.action == "report":
            _print(client.release_report(name, _one(options.what, "the key of a check")))
            return 0
        found = _found(client, name, options)
    if options.json:
        _print(msgspec.to_builtins(found))
    else:
        _tell(found)
    return int(found.needed and found.confirmed_by is None)


def _found(client: Client, name: str, options: argparse.Namespace) -> ReleaseCheck:
    if options.action == "check":
        return client.check_release(name, options.way, options.what)
    key = _one(options.what, "the key of a check")
    if options.action == "confirm":
        return client.confirm_release(name, key)
    return client.release_check(name, key)


def _verify(client: Client, path: Path) -> int:
    try:
        report = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Invalid(f"{path} is no report", hint="Name the JSON file of a report.") from error
    valid = client.verify_release(report)
    print("signed here and unchanged" if valid else "NOT signed here, or changed since")
    return int(not valid)


def _one(words: list[str], what: str) -> str:
    if len(words) != 1:
        raise Invalid(f"name {what}", hint="See 'nora release --help'.")
    return words[0]


def _tell(found: ReleaseCheck) -> None:
    print(f"{found.key}: {found.way}, {found.n_files} files of {found.n_subjects} subjects")
    if not found.findings:
        print("nothing was found that tells who they are")
    for one in found.findings:
        print(f"\n{_WORDS[one.severity]}: {one.text} ({one.n} files)\n  {one.advice}")
        if one.fields:
            print(f"  in {', '.join(one.fields)}")
        table(("  ", place) for place in one.places)
    if found.confirmed_by:
        print(f"\nconfirmed by {found.confirmed_by}")
    elif found.needed:
        print(f"\nIt leaves only after 'nora release confirm {found.key}'.")


def _print(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value)).decode())
