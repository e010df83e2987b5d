"""A typed client of the appliance's own HTTP API, for the command line, jobs and notebooks.

Speaks over the service's Unix socket, or over HTTP with a token. Knows the API and nothing of
what lies behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.client.autorules import AutoRuleRow, AutoVerdict
    from appliance.client.client import Client, connect
    from appliance.client.erasures import ErasurePlan, OfAnother
    from appliance.client.job_rows import (
        ActionsDone,
        BatchRow,
        BatchShown,
        DryRow,
        DryRun,
        Finding,
        LogHit,
        LogHits,
        OwnerCounts,
        SavedBatch,
        Variable,
    )
    from appliance.client.managing_rows import (
        BidsExport,
        BidsFile,
        BidsPlan,
        ExistingPreview,
        PreviewRow,
        ProjectDetail,
        ProjectUsage,
        Unplaced,
    )
    from appliance.client.matlab import matlab_folder
    from appliance.client.pacs import (
        PacsAsked,
        PacsEcho,
        PacsFate,
        PacsFound,
        PacsNode,
        PacsPull,
        PacsSeries,
        PacsStudy,
    )
    from appliance.client.pushes import (
        Push,
        PushAnswer,
        PushAsked,
        PushFate,
        PushNode,
        PushPatient,
    )
    from appliance.client.releases import (
        AttributeChange,
        BlackenedObjects,
        DicomExport,
        ReleaseCheck,
        ReleaseFinding,
        ReleaseReport,
        WithheldObjects,
    )
    from appliance.client.rows import (
        Backup,
        BatchAccepted,
        Check,
        Done,
        Event,
        FileRow,
        FixDone,
        Grant,
        Health,
        Identity,
        JobRow,
        Log,
        Member,
        Named,
        Operation,
        OperationDone,
        Output,
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
        TagsChanged,
        Unresolved,
        User,
    )
    from appliance.client.tables import Table
    from appliance.client.volumes import Volume

__all__ = [
    "ActionsDone",
    "AttributeChange",
    "AutoRuleRow",
    "AutoVerdict",
    "Backup",
    "BatchAccepted",
    "BatchRow",
    "BatchShown",
    "BidsExport",
    "BidsFile",
    "BidsPlan",
    "BlackenedObjects",
    "Check",
    "Client",
    "DicomExport",
    "Done",
    "DryRow",
    "DryRun",
    "ErasurePlan",
    "Event",
    "ExistingPreview",
    "FileRow",
    "Finding",
    "FixDone",
    "Grant",
    "Health",
    "Identity",
    "JobRow",
    "Log",
    "LogHit",
    "LogHits",
    "Member",
    "Named",
    "OfAnother",
    "Operation",
    "OperationDone",
    "Output",
    "OwnerCounts",
    "PacsAsked",
    "PacsEcho",
    "PacsFate",
    "PacsFound",
    "PacsNode",
    "PacsPull",
    "PacsSeries",
    "PacsStudy",
    "PreviewRow",
    "Project",
    "ProjectDetail",
    "ProjectTags",
    "ProjectUsage",
    "Push",
    "PushAnswer",
    "PushAsked",
    "PushFate",
    "PushNode",
    "PushPatient",
    "Receipt",
    "ReceiptItem",
    "ReleaseCheck",
    "ReleaseFinding",
    "ReleaseReport",
    "SavedBatch",
    "Selected",
    "Session",
    "SqlResult",
    "StudyRow",
    "SubjectRow",
    "Table",
    "TagCount",
    "TagsChanged",
    "Unplaced",
    "Unresolved",
    "User",
    "Variable",
    "Volume",
    "WithheldObjects",
    "connect",
    "matlab_folder",
]

_JOBS = (
    "ActionsDone BatchRow BatchShown DryRow DryRun Finding LogHit LogHits OwnerCounts SavedBatch"
    " Variable"
)
_MANAGING = (
    "BidsExport BidsFile BidsPlan ExistingPreview PreviewRow ProjectDetail ProjectUsage Unplaced"
)
_PACS = "PacsAsked PacsEcho PacsFate PacsFound PacsNode PacsPull PacsSeries PacsStudy"
_PUSHES = "Push PushAnswer PushAsked PushFate PushNode PushPatient"
_RELEASES = (
    "AttributeChange BlackenedObjects DicomExport ReleaseCheck ReleaseFinding ReleaseReport"
    " WithheldObjects"
)
_NAMES = {
    **dict.fromkeys(__all__, "rows"),
    **dict.fromkeys(_JOBS.split(), "job_rows"),
    **dict.fromkeys(_MANAGING.split(), "managing_rows"),
    **dict.fromkeys(_PACS.split(), "pacs"),
    **dict.fromkeys(_RELEASES.split(), "releases"),
    "AutoRuleRow": "autorules",
    "ErasurePlan": "erasures",
    "OfAnother": "erasures",
    "AutoVerdict": "autorules",
    "Client": "client",
    **dict.fromkeys(_PUSHES.split(), "pushes"),
    "Table": "tables",
    "Volume": "volumes",
    "connect": "client",
    "matlab_folder": "matlab",
}
__getattr__ = lazy_door(__name__, _NAMES)
