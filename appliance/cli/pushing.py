"""The actions `push` and `pushes` of the verb `pacs`: sending to archives."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from appliance.cli.tables import show
from appliance.core import Invalid, NotFound

if TYPE_CHECKING:
    from appliance.client import Client, PushAsked

__all__ = ["add_push_arguments", "push", "pushes", "tell_answers"]

_FATE = ("psid", "kind", "what", "n_objects", "n_there", "known_there", "problem")
_PUSH = ("batch", "key", "state", "node", "psid", "kind", "what", "n_sent", "n_objects", "reason")
_OPEN, _POLL_S = ("queued", "sending"), 0.5


def add_push_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of both."""
    parser.add_argument(
        "--study", action="append", default=[], metavar="PID#SID", help="push: all series of it"
    )
    parser.add_argument(
        "--select", metavar="SELECTOR", help="push: images (their series), ROIs, PDFs, pictures"
    )
    parser.add_argument("--form", choices=("seg", "rtstruct"), default="seg", help="push: of ROIs")
    parser.add_argument("--title", default="", help="push: what a result is called")
    parser.add_argument(
        "--new-study", action="store_true", help="push: also studies that the archive has not"
    )
    parser.add_argument(
        "--names", action="store_true", help="push --dry-run: tell who it is (put on record)"
    )
    parser.add_argument("--answers", metavar="KEY", help="pushes: what was said of each object")


def push(client: Client, project: str, options: argparse.Namespace) -> int:
    """Send what the options name, or tell what would go, and follow it."""
    if not options.node:
        known = ", ".join(one.name for one in client.push_nodes(project))
        raise Invalid("say which archive", hint=f"Sent may be to: {known or 'none'}.")
    asked = client.push(
        project,
        options.node,
        studies=_studies(client, project, options.study),
        files=_files(client, project, options.select),
        form=options.form,
        title=options.title,
        new_study=options.new_study,
        again=options.again,
        names=options.names,
        dry_run=options.dry_run,
    )
    _tell(asked, options)
    if options.dry_run:
        return int(any(one.problem for one in asked.fates))
    if not asked.batch or options.no_wait or not _service_runs(options):
        return 0
    return _follow(client, project, asked.batch)


def pushes(client: Client, project: str, options: argparse.Namespace) -> int:
    """List what was sent, cancel what has not gone, or send again what was not acknowledged."""
    if options.answers:
        return tell_answers(client, project, options)
    if options.cancel or options.retry:
        if not options.batch:
            raise Invalid(
                "say which pushes", hint="Put --batch KEY; 'nora pacs pushes' lists them."
            )
        action = "cancel" if options.cancel else "retry"
        print(f"{client.act_on_pushes(project, action, batch=options.batch)} changed")
        return 0
    rows = client.pushes(project, batch=options.batch)
    show(_PUSH, [[getattr(one, name) for name in _PUSH] for one in rows], _switches(options))
    return 0


def tell_answers(client: Client, project: str, options: argparse.Namespace) -> int:
    """Tell what the archive said of each object of a push."""
    rows = client.push_answers(project, options.answers)
    show(("n", "state", "text"), [(a.n, a.state, a.text) for a in rows], _switches(options))
    return 0


def _studies(client: Client, project: str, names: list[str]) -> list[int]:
    found = client.resolve(project, names) if names else []
    wrong = [one.name for one in found if one.level != "study"]
    if wrong:
        raise Invalid(f"{wrong[0]!r} is no study", hint="Name it as PID#SID.")
    return [one.id for one in found]


def _files(client: Client, project: str, selector: str | None) -> list[int]:
    if not selector:
        return []
    found = [one.file_id for one in client.select(project, selector)]
    if not found:
        raise NotFound(f"nothing fits {selector!r}")
    return found


def _tell(asked: PushAsked, options: argparse.Namespace) -> None:
    columns = list(_FATE)
    rows = [[getattr(one, name) for name in _FATE] for one in asked.fates]
    if options.names:
        columns[1:1] = ["patient_id", "name", "birth_date"]
        for row, one in zip(rows, asked.fates, strict=True):
            who = one.patient
            row[1:1] = [who.patient_id, who.name, who.birth_date] if who else ["?", "?", "?"]
    print(f"to {asked.address}")
    show(tuple(columns), rows, _switches(options))


def _follow(client: Client, project: str, batch: str) -> int:
    """Wait until all have ended."""
    while any(one.state in _OPEN for one in client.pushes(project, batch=batch)):
        time.sleep(_POLL_S)
    rows = client.pushes(project, batch=batch)
    states = Counter(one.state for one in rows)
    print(", ".join(f"{n} {state}" for state, n in sorted(states.items())))
    for one in rows:
        if one.state in ("partial", "failed"):
            print(f"error: {one.what}: {one.reason}", file=sys.stderr)
    return int(any(state in ("partial", "failed") for state in states))


def _service_runs(options: argparse.Namespace) -> bool:
    from appliance.cli.pacs import service_runs

    return service_runs(options)


def _switches(options: argparse.Namespace) -> set[str]:
    return {name for name in ("json", "csv") if getattr(options, name)}
