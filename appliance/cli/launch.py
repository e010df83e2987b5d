"""Actions that start a batch from its JSON description, and wait for its end."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.cli.call import Call
from appliance.core import Invalid, NotFound

if TYPE_CHECKING:
    from appliance.client import JobRow

__all__ = ["launch"]

_LAST_LINES, _LAST_BYTES = 10, 20_000


def launch(call: Call) -> int:
    """Start a batch.

    The JSON has ``jobs`` and ``targets`` (``PID#SID``), and whatever else a batch may say; in
    place of jobs ``saved`` may name a saved batch, in place of targets ``studies`` a filter of
    names such as ``S-00*``. A file that was exported is such JSON. One that names no project is
    for the project of the call. With ``dry_run`` nothing starts and what would happen is printed.

    Returns
    -------
    int
        With ``--throwerror`` or ``--handle_job_result`` 1 when a job failed, with ``dry_run`` when
        one could not start; else 0.
    """
    body = _body(call)
    if body.pop("dry_run", False):
        return _dry_run(call, body)
    accepted = call.client.submit_batch({"name": "command line", **body})
    call.tell(accepted.key, accepted)
    for target in accepted.unresolved:
        print(f"warning: {target.psid}: {target.job}: {target.problem}", file=sys.stderr)
    if not call.line.switches & {"throwerror", "handle_job_result"}:
        return 0
    failed = [job for job in call.client.wait(accepted.key) if job.letter != "d"]
    for job in failed:
        _tell_failure(call, job)
    if call.wants("handle_job_result"):
        print("DONE")
    return 1 if failed or accepted.unresolved else 0


def _body(call: Call) -> dict[str, Any]:
    body = _read(_text(call))
    if isinstance(body.get("batch"), dict):  # as it was exported
        body = {**body.pop("batch"), **body}
    if "project" not in body:
        body["project"] = call.project
    if "saved" in body:
        body = {**_saved(call, body["project"], str(body.pop("saved"))), **body}
    if "studies" in body:
        found = call.client.all_studies(body["project"], name=str(body.pop("studies")))
        body["targets"] = [*body.get("targets", []), *(study.psid for study in found)]
    return body


def _dry_run(call: Call, body: dict[str, Any]) -> int:
    """Print what a batch would do, a row for each job of each target."""
    found = call.client.dry_run({"name": "command line", **body})
    rows = [
        (row.psid, row.job, row.action, row.reason or "; ".join(f.text for f in row.findings))
        for row in found.rows
    ]
    call.table(("study", "job", "action", "why"), rows)
    return 1 if found.counts.get("problem") else 0


def _tell_failure(call: Call, job: JobRow) -> None:
    """Say which job failed, why, and how its log ends."""
    print(f"error: job {job.name} of {job.psid}: {job.why or job.state}", file=sys.stderr)
    if job.letter == "e":
        for line in _last_lines(call, job.key):
            print(f"  {line}", file=sys.stderr)


def _last_lines(call: Call, key: str) -> list[str]:
    text, offset, done = "", 0, False
    while not done:
        piece = call.client.log(key, offset=offset)
        done = piece.done or piece.offset == offset
        text, offset = (text + piece.text)[-_LAST_BYTES:], piece.offset
    return text.splitlines()[-_LAST_LINES:]


def _saved(call: Call, project: str, name: str) -> dict[str, Any]:
    """Give the saved batch of a name as a description."""
    found = call.client.saved_batches(project)
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise NotFound(f"project {project} has no saved batch {name!r}", hint=f"Saved: {known}.")
    return {"name": name, **found[name]}


def _text(call: Call) -> str:
    word = call.line.words[0]
    if call.line.action == "launch":
        return word
    try:
        return Path(word).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read {word}: {error}") from error


def _read(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise Invalid(f"the batch is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Invalid("the batch is no JSON object", hint="It has 'jobs' and 'targets'.")
    return body
