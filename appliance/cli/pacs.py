"""The verb `pacs`: archives of the settings, searches in them, and pulls into a project."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.cli.pacs_nodes import add_node_arguments, remove_node, set_node, settings
from appliance.cli.pushing import add_push_arguments, push, pushes
from appliance.cli.tables import show
from appliance.cli.transport import connect, service_answers, settings_for
from appliance.cli.whichproject import find_project
from appliance.core import DataFolder, Invalid, NotFound, PeerError

if TYPE_CHECKING:
    from appliance.client import Client, PacsAsked, PacsFound

__all__ = ["add_arguments", "pacs", "service_runs"]

_STUDY = (
    "patient_id",
    "patient_name",
    "date",
    "time",
    "description",
    "modalities",
    "n_series",
    "n_images",
)
_SERIES = (
    "number",
    "description",
    "protocol",
    "modality",
    "in_studies",
    "n_images",
    "n_here",
)
_PULL = ("batch", "state", "modality", "number", "n_received", "n_expected", "receipts", "reason")
_DEFAULT = "DEFAULT"  # each rule's own queue, as in `--import`
_OPEN, _POLL_S = ("queued", "running"), 0.5
_TEXTS = {
    "patient": ("patient_id", "PatientID; * and ? stand for letters"),
    "name": ("patient_name", "LAST^FIRST"),
    "accession": ("accession", "accession number"),
    "date": ("study_date", "day 20240131, days 20240101-20240131, or *"),
    "study-description": ("study_description", "description of the study"),
    "series-description": ("series_description", "description of the series"),
    "modality": ("modality", "modality of the series"),
    "modalities": ("modalities_in_study", "a modality that the study has"),
}
_NUMBERS = {
    "days-before": ("days_before", "widen the days by so many before"),
    "days-after": ("days_after", "widen the days by so many after"),
    "min-age": ("min_age", "years at least"),
    "max-age": ("max_age", "years at most"),
}
_LISTS = {
    "patients": ("patients", "file of PatientIDs, one a line, and a day after ; or a tab"),
    "without": ("without", "file of PatientIDs to leave out"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare its options."""
    parser.add_argument("action", choices=tuple(_ACTIONS), help="what to do")
    parser.add_argument("node", nargs="?", default="", help="name of an archive")
    parser.add_argument("--project", "-p", help="project that asks")
    for option, (name, text) in _TEXTS.items():
        parser.add_argument(f"--{option}", dest=name, metavar="TEXT", help=text)
    for option, (name, text) in _NUMBERS.items():
        parser.add_argument(f"--{option}", dest=name, type=int, metavar="N", help=text)
    for option, (name, text) in _LISTS.items():
        parser.add_argument(f"--{option}", dest=name, metavar="FILE", help=text)
    parser.add_argument("--studies", action="store_true", help="find studies, not their series")
    parser.add_argument("--no-names", action="store_true", help="numbers stand for patients")
    parser.add_argument("--missing", action="store_true", help="print whom the archive has not")
    parser.add_argument("--dry-run", action="store_true", help="pull: tell what would come")
    parser.add_argument("--again", action="store_true", help="pull: also what is here")
    parser.add_argument("--no-wait", action="store_true", help="pull: do not wait until it came")
    parser.add_argument("--batch", metavar="KEY", default="", help="pulls: of one call only")
    parser.add_argument(
        "--begin-at", metavar="TIME", default="", help="pull: 22:30, or 2026-01-31T22:30"
    )
    parser.add_argument("--no-autoexec", action="store_true", help="pull: rules do not run on it")
    parser.add_argument(
        *("--autoexec-queue", "--autoexec_queue"),
        metavar="QUEUE",
        default="",
        help="pull: rules run on it; DEFAULT: on their own",
    )
    parser.add_argument("--find-pause", type=float, metavar="S", help="seconds between queries")
    parser.add_argument("--move-pause", type=float, metavar="S", help="pull: the same for series")
    parser.add_argument("--output", "-o", metavar="ZIP", help="raw: file to write")
    add_node_arguments(parser)
    add_push_arguments(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--cancel", action="store_true", help="pulls: those of --batch do not come")
    which.add_argument(
        "--retry", action="store_true", help="pulls: ask for those again that failed"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--csv", action="store_true", help="as CSV")


def pacs(options: argparse.Namespace) -> int:
    """List archives, ask one whether it answers, search it, or pull from it."""
    project = find_project(options.project or "")
    with connect(settings_for(options.data, options.config)) as client:
        return _ACTIONS[options.action](client, project, options)


def _nodes(client: Client, project: str, options: argparse.Namespace) -> int:
    rows = [(n.name, n.address, n.method, n.window) for n in client.pacs_nodes(project)]
    show(("name", "address", "method", "window"), rows, _switches(options))
    return 0


def _echo(client: Client, project: str, options: argparse.Namespace) -> int:
    names = [options.node] if options.node else [n.name for n in client.pacs_nodes(project)]
    failed = 0
    for name in names:
        said = client.pacs_echo(project, name)
        failed += not said.ok
        print(said.text if said.ok else f"error: {said.text}", file=_out(said.ok))
        if said.hint:
            print(f"hint: {said.hint}", file=sys.stderr)
    return int(failed > 0)


def _out(ok: bool) -> Any:
    return sys.stdout if ok else sys.stderr


def _find(client: Client, project: str, options: argparse.Namespace) -> int:
    found = search(client, project, options)
    if options.missing:
        print("\n".join(found.missing))
    elif options.json:
        import msgspec

        print(json.dumps(msgspec.to_builtins(found), indent=1))
    elif options.studies:
        rows = [[getattr(one, name) for name in _STUDY] for one in found.studies]
        show(_STUDY, rows, _switches(options))
    else:
        studies = {one.study_uid: one for one in found.studies}
        rows = [
            [studies[one.study_uid].patient_id, studies[one.study_uid].date]
            + [getattr(one, name) for name in _SERIES]
            for one in found.series
        ]
        show(("patient_id", "date", *_SERIES), rows, _switches(options))
    return 0 if found.studies or options.missing else 1


def search(client: Client, project: str, options: argparse.Namespace) -> PacsFound:
    """Search as the options say, and show how it goes.

    Raises
    ------
    PeerError
        If the archive failed.
    """
    query = {name: value for name, value in _query(options).items() if value is not None}
    query["series"] = not options.studies
    found = client.pacs_search(
        project,
        _node(client, project, options),
        watch=_progress,
        names=not options.no_names,
        find_pause_s=options.find_pause,
        **query,
    )
    _clear()
    if found.state == "failed":
        raise PeerError(found.reason, hint=found.hint)
    return found


def _node(client: Client, project: str, options: argparse.Namespace) -> str:
    """Give the archive that was named, or the only one there is."""
    if options.node:
        return str(options.node)
    known = [node.name for node in client.pacs_nodes(project)]
    if len(known) != 1:
        raise Invalid("say which archive", hint=f"There are: {', '.join(known) or 'none'}.")
    return known[0]


def _query(options: argparse.Namespace) -> dict[str, Any]:
    plain = [name for name, _ in (*_TEXTS.values(), *_NUMBERS.values())]
    query: dict[str, Any] = {name: getattr(options, name) for name in plain}
    for name, _ in _LISTS.values():
        path = getattr(options, name)
        query[name] = None if path is None else _lines(path)
    return query


def _lines(path: str) -> list[str]:
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read {path}: {error}") from error
    return text.splitlines()


def _progress(found: PacsFound) -> None:
    _show_progress(f"{found.n_done} of {found.n_steps} queries, {len(found.studies)} studies")


def _show_progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _switches(options: argparse.Namespace) -> set[str]:
    return {name for name in ("json", "csv") if getattr(options, name)}


def _pull(client: Client, project: str, options: argparse.Namespace) -> int:
    """Search, and pull what was found."""
    found = search(client, project, options)
    series = found.studies if options.studies else found.series
    if not series:
        print("nothing was found")
        return 1
    asked = client.pacs_pull(
        project,
        found.node,
        series,
        search=found.key,
        dry_run=options.dry_run,
        again=options.again,
        begin_at=_moment(options.begin_at),
        autoexec=not options.no_autoexec,
        autoexec_queue="" if options.autoexec_queue == _DEFAULT else options.autoexec_queue,
        move_pause_s=options.move_pause,
    )
    _tell_asked(asked, options)
    if options.dry_run or not asked.batch:
        return 0
    if options.no_wait or options.begin_at or not service_runs(options):
        print(f"'nora pacs pulls --batch {asked.batch}' tells how far it is")
        return 0
    return _follow(client, project, asked.batch)


def _moment(text: str) -> str:
    """Give when a clock shows a time next, or a local day and time, with its zone."""
    if not text:
        return ""
    now = datetime.now().astimezone()
    try:
        if "T" not in text and " " not in text:
            at = datetime.combine(now.date(), clock.fromisoformat(text)).astimezone()
            at += timedelta(days=at <= now)
        else:
            at = datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise Invalid(f"{text!r} is no time", hint="Write 22:30, or 2026-01-31T22:30.") from error
    return at.isoformat()


def _raw(client: Client, project: str, options: argparse.Namespace) -> int:
    """Write what was pulled as it came, with all that it says of the patient."""
    if not options.batch or not options.output:
        raise Invalid("say which pulls and where to", hint="nora pacs raw --batch KEY -o raw.zip")
    client.pacs_raw(project, Path(options.output), batch=options.batch)
    print(options.output)
    return 0


def _tell_asked(asked: PacsAsked, options: argparse.Namespace) -> None:
    here = sum(one.action == "here" for one in asked.fates)
    under_way = sum(one.action == "asked" for one in asked.fates)
    verb = "would come" if options.dry_run else "come"
    print(f"{asked.n_pulled} {verb}, {here} here already, {under_way} asked for before")
    if asked.n_pulled > 1:
        print(f"the pauses between them take {asked.least_s:.0f} s")


def service_runs(options: argparse.Namespace) -> bool:
    """Tell whether a service works; a call on its own only writes down what is to be done."""
    if os.environ.get("NORA_URL") or os.environ.get("NORA_SOCKET"):
        return True
    folder = DataFolder(settings_for(options.data, options.config).data_path)
    if service_answers(folder):
        return True
    print("no service runs: 'nora serve' does it", file=sys.stderr)
    return False


def _follow(client: Client, project: str, batch: str) -> int:
    """Wait until all have ended, or wait for their archive's hours."""
    while True:
        pulls = client.pacs_pulls(project, batch=batch)
        still = [one for one in pulls if one.state in _OPEN]
        if not still or all("waits for its hours" in one.reason for one in still):
            break
        _show_progress(f"{len(pulls) - len(still)} of {len(pulls)} have come")
        time.sleep(_POLL_S)
    _clear()
    states = Counter(one.state for one in pulls)
    print(", ".join(f"{n} {state}" for state, n in sorted(states.items())))
    for one in pulls:
        if one.state in ("partial", "failed"):
            print(f"error: {one.modality} {one.number}: {one.reason}", file=sys.stderr)
    return int(any(state in ("partial", "failed") for state in states))


def _pulls(client: Client, project: str, options: argparse.Namespace) -> int:
    if options.cancel or options.retry:
        if not options.batch:
            raise Invalid("say which pulls", hint="Put --batch KEY; 'nora pacs pulls' lists them.")
        action = "cancel" if options.cancel else "retry"
        print(f"{client.act_on_pacs_pulls(project, action, batch=options.batch)} changed")
        return 0
    rows = client.pacs_pulls(project, batch=options.batch)
    show(_PULL, [[getattr(one, name) for name in _PULL] for one in rows], _switches(options))
    return 0


_ACTIONS = {
    "nodes": _nodes,
    "echo": _echo,
    "find": _find,
    "pull": _pull,
    "pulls": _pulls,
    "push": push,
    "pushes": pushes,
    "raw": _raw,
    "settings": settings,
    "set": set_node,
    "remove": remove_node,
}
