"""What runs: batches, jobs and attempts, the queue of short steps, and the local scheduler.

Never looks into an image and never speaks HTTP. A job is a child process under a small supervisor
that survives this process; the catalog holds the only truth about its state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.jobs.autorule_rows import (
        Arrival,
        Arrivals,
        AutoRule,
        Firing,
        RuleFacts,
        RuleTried,
        Verdict,
    )
    from appliance.jobs.autorules import (
        delete_rule,
        dump_rules,
        list_firings,
        list_rules,
        restore_rules,
        save_rule,
    )
    from appliance.jobs.autoruns import AutoRuns
    from appliance.jobs.batches import DryPieces
    from appliance.jobs.bulk import Outcome
    from appliance.jobs.cluster import ClusterAdapter
    from appliance.jobs.columns import COLUMNS, conditions, sort_expression
    from appliance.jobs.crash import crash_point
    from appliance.jobs.derived import Derived, Maker, derived_files, makers_of
    from appliance.jobs.desk import BatchDetail, Desk
    from appliance.jobs.gpus import FakeGpus, GpuSource
    from appliance.jobs.legacy import SQL_VIEWS
    from appliance.jobs.lineage import Lineage, LineageFile, Making, StaleMark, stale_texts
    from appliance.jobs.listing import count_jobs, job_attribute, job_detail, job_rows, read_log
    from appliance.jobs.logs import LogHit, LogHits
    from appliance.jobs.notebook_server import NOTEBOOK
    from appliance.jobs.notebooks import NOTEBOOK_SOCKET, Door, Notebook, NotebookRequest, Notebooks
    from appliance.jobs.provenance import Provenance
    from appliance.jobs.queue import Queue
    from appliance.jobs.recomputing import RecomputeStep
    from appliance.jobs.records import made_in_study, restore_records
    from appliance.jobs.references import find_references
    from appliance.jobs.registering import pend_tags
    from appliance.jobs.replaying import ReplayedFile, ReplayReport
    from appliance.jobs.rerun import Downstream, Edit, spec_of_attempt
    from appliance.jobs.retention import forget_jobs, purge_jobs
    from appliance.jobs.rows import (
        SORTS,
        AttemptRow,
        BatchRow,
        JobDetail,
        JobFileRow,
        JobQuery,
        JobRow,
        Listing,
        LogPiece,
        Place,
        Placed,
        RowSource,
    )
    from appliance.jobs.saved import (
        Asker,
        SavedBatch,
        Template,
        find_saved,
        forget_saved,
        list_saved,
        save_batch,
        template_of,
    )
    from appliance.jobs.scheduler import Scheduler
    from appliance.jobs.schema import jobs_migrations
    from appliance.jobs.shipped import basic_tools, suite_tools
    from appliance.jobs.states import State, letter_of
    from appliance.jobs.structs import (
        Argument,
        BatchSpec,
        Choice,
        DryRow,
        Finding,
        JobSpec,
        Resources,
        Retry,
        Submitted,
        Tool,
        Unresolved,
    )
    from appliance.jobs.toolfolder import BroughtTool, ToolFolder
    from appliance.jobs.tools import ToolBox, missing_of, render_command
    from appliance.jobs.used_files import input_files
    from appliance.jobs.variables import (
        Variable,
        forget_variable,
        list_variables,
        set_variable,
        variables_of,
    )

_ROOMS = {
    "autorule_rows": "Arrival Arrivals AutoRule Firing RuleFacts RuleTried Verdict",
    "autorules": "delete_rule dump_rules list_firings list_rules restore_rules save_rule",
    "autoruns": "AutoRuns",
    "cluster": "ClusterAdapter",
    "bulk": "Outcome",
    "derived": "Derived Maker derived_files makers_of",
    "batches": "DryPieces",
    "desk": "BatchDetail Desk",
    "logs": "LogHit LogHits",
    "rerun": "Downstream Edit spec_of_attempt",
    "saved": (
        "Asker SavedBatch Template find_saved forget_saved list_saved save_batch template_of"
    ),
    "variables": "Variable forget_variable list_variables set_variable variables_of",
    "columns": "COLUMNS conditions sort_expression",
    "gpus": "FakeGpus GpuSource",
    "used_files": "input_files",
    "legacy": "SQL_VIEWS",
    "lineage": "Lineage LineageFile Making StaleMark stale_texts",
    "provenance": "Provenance",
    "records": "made_in_study restore_records",
    "replaying": "ReplayReport ReplayedFile",
    "listing": "count_jobs job_attribute job_detail job_rows read_log",
    "notebook_server": "NOTEBOOK",
    "notebooks": "Door NOTEBOOK_SOCKET Notebook NotebookRequest Notebooks",
    "queue": "Queue",
    "recomputing": "RecomputeStep",
    "references": "find_references",
    "registering": "pend_tags",
    "crash": "crash_point",
    "retention": "forget_jobs purge_jobs",
    "rows": (
        "SORTS AttemptRow BatchRow JobDetail JobFileRow JobQuery JobRow Listing LogPiece"
        " Place Placed RowSource"
    ),
    "scheduler": "Scheduler",
    "schema": "jobs_migrations",
    "shipped": "basic_tools suite_tools",
    "states": "State letter_of",
    "structs": (
        "Argument BatchSpec Choice DryRow Finding JobSpec Resources Retry Submitted Tool Unresolved"
    ),
    "toolfolder": "BroughtTool ToolFolder",
    "tools": "ToolBox missing_of render_command",
}
_NAMES = {name: module for module, names in _ROOMS.items() for name in names.split()}
__getattr__ = lazy_door(__name__, _NAMES)

__all__ = [
    "COLUMNS",
    "NOTEBOOK",
    "NOTEBOOK_SOCKET",
    "SORTS",
    "SQL_VIEWS",
    "Argument",
    "Arrival",
    "Arrivals",
    "Asker",
    "AttemptRow",
    "AutoRule",
    "AutoRuns",
    "BatchDetail",
    "BatchRow",
    "BatchSpec",
    "BroughtTool",
    "Choice",
    "ClusterAdapter",
    "Derived",
    "Desk",
    "Door",
    "Downstream",
    "DryPieces",
    "DryRow",
    "Edit",
    "FakeGpus",
    "Finding",
    "Firing",
    "GpuSource",
    "JobDetail",
    "JobFileRow",
    "JobQuery",
    "JobRow",
    "JobSpec",
    "Lineage",
    "LineageFile",
    "Listing",
    "LogHit",
    "LogHits",
    "LogPiece",
    "Maker",
    "Making",
    "Notebook",
    "NotebookRequest",
    "Notebooks",
    "Outcome",
    "Place",
    "Placed",
    "Provenance",
    "Queue",
    "RecomputeStep",
    "ReplayReport",
    "ReplayedFile",
    "Resources",
    "Retry",
    "RowSource",
    "RuleFacts",
    "RuleTried",
    "SavedBatch",
    "Scheduler",
    "StaleMark",
    "State",
    "Submitted",
    "Template",
    "Tool",
    "ToolBox",
    "ToolFolder",
    "Unresolved",
    "Variable",
    "Verdict",
    "basic_tools",
    "conditions",
    "count_jobs",
    "crash_point",
    "delete_rule",
    "derived_files",
    "dump_rules",
    "find_references",
    "find_saved",
    "forget_jobs",
    "forget_saved",
    "forget_variable",
    "input_files",
    "job_attribute",
    "job_detail",
    "job_rows",
    "jobs_migrations",
    "letter_of",
    "list_firings",
    "list_rules",
    "list_saved",
    "list_variables",
    "made_in_study",
    "makers_of",
    "missing_of",
    "pend_tags",
    "purge_jobs",
    "read_log",
    "render_command",
    "restore_records",
    "restore_rules",
    "save_batch",
    "save_rule",
    "set_variable",
    "sort_expression",
    "spec_of_attempt",
    "stale_texts",
    "suite_tools",
    "template_of",
    "variables_of",
]
