"""Autoexecution from the command line: run a project's rules on a study now."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from appliance.cli.call import Call

if TYPE_CHECKING:
    from appliance.client import AutoVerdict

__all__ = ["autoexec_arrival", "launch_autoexec", "warn_without_rules"]

_DEFAULT = "DEFAULT"


def launch_autoexec(call: Call) -> int:
    """Run the rules of the project that are switched on for a study, or a subject.

    ``--autoexec_queue`` names the queue; ``DEFAULT`` or none is that of each rule.

    Returns
    -------
    int
        With ``--throwerror`` or ``--handle_job_result`` 1 when a job failed; else 0.
    """
    queue = call.line.options.get("autoexec_queue", "")
    found = call.client.run_autorules(
        call.project, call.line.words, queue="" if queue == _DEFAULT else queue
    )
    call.table(
        ("rule", "study", "action", "why", "batch"),
        [(one.rule, one.psid, one.action, one.why, one.batch_key or "") for one in found],
    )
    code = _ended(call, found)
    if call.wants("handle_job_result"):
        print("DONE")
    return code


def autoexec_arrival(call: Call, studies: Sequence[str]) -> int:
    """Run the rules on what an import brought, on the queue that ``--autoexec_queue`` names.

    With ``DEFAULT`` the arrival itself runs them, each on its own queue.
    """
    queue = call.line.options.get("autoexec_queue", _DEFAULT)
    if queue == _DEFAULT or not studies:
        return 0
    found = call.client.run_autorules(call.project, studies, queue=queue)
    for one in found:
        print(f"rule {one.rule}: {one.psid}: {one.why or one.action}", file=sys.stderr)
    return _ended(call, found)


def _ended(call: Call, found: Sequence[AutoVerdict]) -> int:
    """Wait for the batches that rules began, if the call wants that, and tell what failed."""
    if not call.line.switches & {"throwerror", "handle_job_result"}:
        return 0
    keys = dict.fromkeys(one.batch_key for one in found if one.batch_key)
    failed = [job for key in keys for job in call.client.wait(key) if job.letter != "d"]
    for job in failed:
        print(f"error: job {job.name} of {job.psid}: {job.why or job.state}", file=sys.stderr)
    return 1 if failed else 0


def warn_without_rules(call: Call) -> bool:
    """Say so, and False, when an import is to be processed and nothing would do that."""
    rules = call.client.autorules(call.project)
    found = any(row.rule.get("enabled") for row in rules)
    if not found:
        print(
            f"warning: project {call.project} has no autoexecution rule; the import alone runs",
            file=sys.stderr,
        )
    return found
