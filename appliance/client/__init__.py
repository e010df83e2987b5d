"""A typed client of the appliance's own HTTP API, for the command line, jobs and notebooks.

Speaks over the service's Unix socket, or over HTTP with a token. Knows the API and nothing of
what lies behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.client.client import Client
    from appliance.client.rows import (
        Backup,
        BatchAccepted,
        Check,
        Done,
        Event,
        FileRow,
        FixDone,
        Health,
        JobRow,
        Log,
        OperationDone,
        Project,
        ProjectTags,
        Receipt,
        ReceiptItem,
        Selected,
        Session,
        SqlResult,
        StudyRow,
        SubjectRow,
        TagCount,
        Unresolved,
    )

__all__ = [
    "Backup",
    "BatchAccepted",
    "Check",
    "Client",
    "Done",
    "Event",
    "FileRow",
    "FixDone",
    "Health",
    "JobRow",
    "Log",
    "OperationDone",
    "Project",
    "ProjectTags",
    "Receipt",
    "ReceiptItem",
    "Selected",
    "Session",
    "SqlResult",
    "StudyRow",
    "SubjectRow",
    "TagCount",
    "Unresolved",
]

_NAMES = {name: "rows" for name in __all__ if name != "Client"} | {"Client": "client"}
__getattr__ = lazy_door(__name__, _NAMES)
