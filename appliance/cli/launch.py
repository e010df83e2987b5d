"""Starting a batch from its JSON description, and waiting for its end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from appliance.core import Invalid

if TYPE_CHECKING:
    from appliance.cli.grammar import Line
    from appliance.client import Client

__all__ = ["launch"]

_POLL_S = 0.5
_UNFINISHED = frozenset({"q", "r"})


def launch(client: Client, line: Line, text: str, project: Callable[[], str]) -> int:
    """Start a batch.

    Parameters
    ----------
    text : str
        JSON with ``jobs`` and ``targets`` (``PID#SID``), and whatever else a batch may say.
    project : callable
        Gives the project of the call, for a description that names none.

    Returns
    -------
    int
        With ``--throwerror`` or ``--handle_job_result`` 1 when a job failed; without them 0.
    """
    body = _read(text)
    if "project" not in body:
        body["project"] = project()
    accepted = client.submit_batch({"name": "command line", **body})
    print(accepted.key)
    for target in accepted.unresolved:
        print(f"warning: {target.psid}: {target.job}: {target.problem}", file=sys.stderr)
    if not line.switches & {"throwerror", "handle_job_result"}:
        return 0
    failed = _wait(client, accepted.key)
    for job in failed:
        print(f"error: job {job.name} of {job.psid}: {job.why or job.state}", file=sys.stderr)
    if "handle_job_result" in line.switches:
        print("DONE")
    return 1 if failed or accepted.unresolved else 0


def _read(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise Invalid(f"the batch is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Invalid("the batch is no JSON object", hint="It has 'jobs' and 'targets'.")
    return body


def _wait(client: Client, batch_key: str) -> list[Any]:
    while True:
        jobs = client.all_jobs(batch=batch_key)
        if not any(job.letter in _UNFINISHED for job in jobs):
            return [job for job in jobs if job.letter != "d"]
        time.sleep(_POLL_S)
