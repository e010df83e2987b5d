"""The values that describe work: arguments, tools, jobs of a batch, and what a dry run answers."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "Action",
    "Argument",
    "ArgumentKind",
    "ArgumentValue",
    "BatchSpec",
    "Choice",
    "Decision",
    "DryRow",
    "Finding",
    "FindingKind",
    "JobSpec",
    "Language",
    "Level",
    "OnError",
    "Resources",
    "Retry",
    "Submitted",
    "Take",
    "Tool",
    "Unresolved",
]

ArgumentKind = Literal["FILE", "OUT", "PATHOUT", "NUMERIC", "STRING", "LOGICAL", "OPTION"]
ArgumentValue = str | int | float | bool | list[str] | None
Language = Literal["bash", "python", "matlab"]
Level = Literal["study", "subject", "project"]
OnError = Literal["break", "report", "ignore"]
Take = Literal["one", "all", "first", "last"]
Decision = Literal["leave_out", "skip", "overwrite", "first", "last", "all", "without"]
Action = Literal["run", "skip", "leave_out", "problem"]
FindingKind = Literal[
    "no_match", "many", "exists", "no_study", "no_value", "bad_value", "ignored", "later", "clash"
]


class Resources(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one attempt needs while it runs."""

    cpus: int = 1
    memory_mb: int = 2048
    gpus: int = 0
    walltime_s: int | None = None
    disk_mb: int = 0


class Retry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rule by which a job is tried again: how often, after which ends, with how much memory.

    A code other than 0 (``"exit"``) is no reason unless it is named. `memory_factor` is what the
    memory that the job asks for is multiplied by after it ran out of it.
    """

    times: int = 0
    after: tuple[Literal["lost", "memory", "exit"], ...] = ("lost", "memory")
    memory_factor: float = 1.5


class Argument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One argument of a tool or job: its kind, its value, and how a command line writes it.

    `value` of FILE is a pattern, of OUT a relative file name with optional ``TAG(a,b)``, of PATHOUT
    a relative folder. `studyref` names the studies a FILE is looked for in, or where an output
    goes: ``this``, ``all``, ``first``, ``last``, ``tagged:NAME``, ``PID#SID`` such as
    ``ANALYSIS#MNI``, or the name of a variable. `take` says what to do with several files that
    match; without it all are taken, or exactly one is needed where a tool takes only one.
    """

    id: str
    kind: ArgumentKind
    label: str = ""
    value: ArgumentValue = None
    studyref: str = "this"
    take: Take | None = None
    optional: bool = False
    multiple: bool = False
    choices: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    flag: str = ""
    minimum: float | None = None
    maximum: float | None = None
    help: str = ""


class Tool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A predefined job: its place in the menu, its arguments, and the program it runs.

    `command` is an argument vector, never a shell line. ``{python}`` is our own interpreter and
    ``{id}`` the value of an argument; an element that names an absent optional argument is left
    out, several values become several elements, and an argument's `flag` is put before its value.

    Attributes
    ----------
    needs : tuple of str
        ``program:NAME`` or ``python:MODULE``, without which it cannot run.
    install : str
        What to install where something of it is missing.
    queue : str
        Where it waits unless somebody says otherwise.
    source : str
        ``appliance``, or the file of its descriptor.
    recipe : dict or None
        For a Boutiques descriptor, the part that renders its command line; `command` only shows it.
    """

    id: str
    menu: str
    name: str
    command: tuple[str, ...]
    description: str = ""
    level: Level = "study"
    args: tuple[Argument, ...] = ()
    resources: Resources = Resources()
    version: str = "1"
    needs: tuple[str, ...] = ()
    install: str = ""
    queue: str = ""
    source: str = "appliance"
    recipe: dict[str, Any] | None = None


class JobSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a batch: a tool, or a script in one of the languages, with its arguments.

    Attributes
    ----------
    on_error : {"break", "report", "ignore"} or None
        What a failure means for the jobs behind it: they are skipped; they go on; they go on and
        the failure is not shown among the errors. None: as the batch says.
    notify : bool
        Tell its owner when it is done.
    study_tags : tuple of str
        Put on its studies when it is done.
    keep_logs : bool
        Keep the log longer than the settings say.
    environment : str
        Folder of a Python environment (virtual or conda) whose programs come first.
    ignore_missing : bool
        Files that are not found are left out, instead of that the job cannot start.
    precall : str
        Shell lines that run first, such as ``module load fsl``.
    adapter : str
        Where it runs, instead of where its queue goes: ``local``, or a name of the settings.
    queue : str
        Where it waits, instead of where its batch does.
    output_folder : str
        Folder inside the study that all outputs go below; all it holds is registered.
    """

    name: str
    tool: str | None = None
    language: Language | None = None
    code: str = ""
    args: tuple[Argument, ...] = ()
    resources: Resources | None = None
    retry: Retry = Retry()
    env: dict[str, str] = msgspec.field(default_factory=dict)
    strict: bool = True
    enabled: bool = True
    on_error: OnError | None = None
    notify: bool = False
    study_tags: tuple[str, ...] = ()
    keep_logs: bool = False
    environment: str = ""
    ignore_missing: bool = False
    precall: str = ""
    adapter: str = ""
    queue: str = ""
    output_folder: str = ""


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do in one case that a dry run found; what is left out stands for all.

    `job` is the position in the batch's list of jobs, from 0; `kind` is what was found. Of several
    that fit, the one that names more counts, and of equals the last.
    """

    do: Decision
    psid: str | None = None
    job: int | None = None
    arg: str | None = None
    kind: FindingKind | None = None


class BatchSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ordered list of jobs and how they are run over subjects or studies.

    Attributes
    ----------
    queue : str
        Where its jobs wait; empty: where their tool says, else where the project does, else the
        first queue of the settings.
    mode : {"serial", "parallel"}
        The jobs of one chain wait for each other, or do not.
    on_error : {"stop", "continue"}
        What a failure means where a job does not say.
    group : {"none", "subject", "batch"}
        Chains run side by side; or those of one subject after each other; or all of them in
        `n_groups` rows, one after another within each.
    immediate : bool
        Before all that waits.
    skip_done : bool
        Leave out jobs whose outputs exist, are newer than their inputs and were made by the same.
    choices : tuple of Choice
        What to do in cases that a dry run found.
    """

    name: str
    project: str
    jobs: tuple[JobSpec, ...]
    level: Level = "study"
    mode: Literal["serial", "parallel"] = "serial"
    queue: str = ""
    on_error: Literal["stop", "continue"] = "stop"
    priority: int = 0
    group: Literal["none", "subject", "batch"] = "none"
    n_groups: int = 1
    immediate: bool = False
    skip_done: bool = False
    choices: tuple[Choice, ...] = ()


class Unresolved(msgspec.Struct, frozen=True):
    """A target that was not started, and why."""

    psid: str
    job: str
    problem: str


class Finding(msgspec.Struct, frozen=True):
    """Something about one argument that a person may want to decide.

    Attributes
    ----------
    problem : bool
        The job cannot start because of it.
    n : int
        How many files there are.
    paths : tuple of str
        The first of them.
    choices : tuple of str
        What may be done about it.
    chosen : str or None
        What will be done.
    """

    arg: str
    kind: FindingKind
    text: str
    problem: bool = False
    n: int = 0
    paths: tuple[str, ...] = ()
    choices: tuple[Decision, ...] = ()
    chosen: Decision | None = None


class DryRow(msgspec.Struct, frozen=True):
    """What one job would get for one target, and what would become of it.

    Attributes
    ----------
    job : str
        Its name.
    position : int
        Its place in the batch's list of jobs, from 0.
    action : {"run", "skip", "leave_out", "problem"}
        It runs; it is done already; somebody left it out; it cannot start.
    reason : str
        Why it runs, where done jobs are skipped, or why it does not.
    """

    psid: str
    job: str
    args: dict[str, list[str]]
    problem: str | None = None
    position: int = 0
    action: Action = "run"
    reason: str = ""
    findings: tuple[Finding, ...] = ()


class Submitted(msgspec.Struct, frozen=True):
    """The answer to a submitted batch: `skipped` has the jobs that were not needed, and why."""

    key: str
    n_jobs: int
    unresolved: tuple[Unresolved, ...] = ()
    skipped: tuple[Unresolved, ...] = ()
