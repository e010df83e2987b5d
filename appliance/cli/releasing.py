"""The verb `dicom`: studies leave as pseudonymised DICOM, or it is told what would be done."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.cli.tables import table
from appliance.cli.transport import connect, settings_for
from appliance.cli.whichproject import find_project
from appliance.core import Invalid

if TYPE_CHECKING:
    from appliance.client import Client, DicomExport, ReleaseReport

__all__ = ["add_arguments", "dicom"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument(
        "studies", nargs="*", help="PID#SID or selectors of studies; all by default"
    )
    parser.add_argument("--project", "-p", help="project whose studies leave")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--to", type=Path, metavar="PATH", help="a new folder, or a .zip")
    which.add_argument(
        "--plan", action="store_true", help="tell what would be done, by the first of each series"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def dicom(options: argparse.Namespace) -> int:
    """Export studies as DICOM by the rules of their project, or tell what would be done."""
    with connect(settings_for(options.data, options.config), imports=True) as client:
        name = find_project(options.project or "")
        if options.plan:
            _print_report(client.plan_dicom(name, options.studies), as_json=options.json)
            return 0
        done = _export(client, name, options)
    if done.state == "failed" or done.report is None:
        hint = [f"hint: {done.hint}"] if done.hint else []
        print(f"error: {done.reason}", *hint, sep="\n", file=sys.stderr)
        return 1
    _print_report(done.report, as_json=options.json)
    return 0


def _export(client: Client, name: str, options: argparse.Namespace) -> DicomExport:
    target: Path = options.to.absolute()
    if target.exists():
        raise Invalid(f"{target} exists already", hint="Name a new folder, or a new .zip.")
    is_zip = target.suffix.lower() == ".zip"
    begun = client.export_dicom(name, options.studies, target="" if is_zip else target)
    done = client.wait_dicom(begun)
    return client.download_dicom(done, target) if is_zip else done


def _print_report(report: ReleaseReport, *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
        return
    options = ", ".join(report.options) or "none"
    print(f"{report.method}; options: {options}; burned in: {report.burned_in}")
    print(
        f"{report.n_subjects} subjects, {report.n_studies} studies, {report.n_series} series, "
        f"{report.n_objects} objects"
        + (" (the first of each series was tried)" if report.sample else "")
    )
    if report.withheld:
        print(f"\n{report.n_withheld} held back:")
        table((f"{o.subject}/{o.study}/{o.series}", str(o.n), o.reason) for o in report.withheld)
    if report.blackened:
        print("\nblackened:")
        table(
            (f"{o.subject}/{o.study}/{o.series}", str(o.n), f"{o.percent:g} %", "; ".join(o.rules))
            for o in report.blackened
        )
    print()
    table((one.tag, one.name, one.action, str(one.n)) for one in report.changes)
