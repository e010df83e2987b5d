"""Actions that start a batch from its JSON description, and wait for its end."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from appliance.cli.call import Call
from appliance.core import Invalid, NotFound

__all__ = ["launch", "launch_autoexec"]


def launch(call: Call) -> int:
    """Start a batch.

    The JSON has ``jobs`` and ``targets`` (``PID#SID``), and whatever else a batch may say; in
    place of jobs ``saved`` may name a saved batch. One that names no project is for the project
    of the call.

    Returns
    -------
    int
        With ``--throwerror`` or ``--handle_job_result`` 1 when a job failed; without them 0.
    """
    body = _read(_text(call))
    if "project" not in body:
        body["project"] = call.project
    if "saved" in body:
        body = {**_saved(call, body["project"], str(body.pop("saved"))), **body}
    accepted = call.client.submit_batch({"name": "command line", **body})
    call.tell(accepted.key, accepted)
    for target in accepted.unresolved:
        print(f"warning: {target.psid}: {target.job}: {target.problem}", file=sys.stderr)
    if not call.line.switches & {"throwerror", "handle_job_result"}:
        return 0
    failed = [job for job in call.client.wait(accepted.key) if job.letter != "d"]
    for job in failed:
        print(f"error: job {job.name} of {job.psid}: {job.why or job.state}", file=sys.stderr)
    if call.wants("handle_job_result"):
        print("DONE")
    return 1 if failed or accepted.unresolved else 0


def launch_autoexec(call: Call) -> int:
    """Tell that there is no autoexecution."""
    raise Invalid(
        f"project {call.project} has no autoexecution pipeline",
        hint='Start a saved batch with --launch \'{"saved": NAME, "targets": [PID#SID]}\'.',
    )


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
