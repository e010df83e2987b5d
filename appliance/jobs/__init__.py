"""What runs: batches, jobs and attempts, the queue of short steps, and the local scheduler.

Never looks into an image and never speaks HTTP. A job is a child process under a small supervisor
that survives this process; the catalog holds the only truth about its state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.jobs.structs import (
        Argument,
        BatchSpec,
        DryRow,
        JobSpec,
        Resources,
        Submitted,
        Tool,
        Unresolved,
    )
    from appliance.jobs.tools import ToolBox, render_command

_NAMES = {
    "Argument": "structs",
    "BatchSpec": "structs",
    "DryRow": "structs",
    "JobSpec": "structs",
    "Resources": "structs",
    "Submitted": "structs",
    "Tool": "structs",
    "ToolBox": "tools",
    "Unresolved": "structs",
    "render_command": "tools",
}

__all__ = [
    "Argument",
    "BatchSpec",
    "DryRow",
    "JobSpec",
    "Resources",
    "Submitted",
    "Tool",
    "ToolBox",
    "Unresolved",
    "render_command",
]

__getattr__ = lazy_door(__name__, _NAMES)
