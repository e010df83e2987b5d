"""The values that describe work: arguments, tools, jobs of a batch, and what a dry run answers."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "Argument",
    "ArgumentKind",
    "ArgumentValue",
    "BatchSpec",
    "DryRow",
    "JobSpec",
    "Language",
    "Level",
    "Resources",
    "Submitted",
    "Tool",
    "Unresolved",
]

ArgumentKind = Literal["FILE", "OUT", "PATHOUT", "NUMERIC", "STRING", "LOGICAL", "OPTION"]
ArgumentValue = str | int | float | bool | list[str] | None
Language = Literal["bash", "python", "matlab"]
Level = Literal["study", "subject", "project"]


class Resources(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one attempt needs while it runs."""

    cpus: int = 1
    memory_mb: int = 2048
    gpus: int = 0
    walltime_s: int | None = None


class Argument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One argument of a tool or job: its kind, its value, and how a command line writes it.

    `value` of FILE is a pattern, of OUT a relative file name with optional ``TAG(a,b)``, of PATHOUT
    a relative folder. `studyref` names the studies a FILE is looked for in: ``this``, ``all``,
    ``first``, ``last`` or a study tag.
    """

    id: str
    kind: ArgumentKind
    label: str = ""
    value: ArgumentValue = None
    studyref: str = "this"
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


class JobSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a batch: a tool, or a script in one of the languages, with its arguments."""

    name: str
    tool: str | None = None
    language: Language | None = None
    code: str = ""
    args: tuple[Argument, ...] = ()
    resources: Resources | None = None
    env: dict[str, str] = msgspec.field(default_factory=dict)
    strict: bool = True
    enabled: bool = True


class BatchSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ordered list of jobs and how they are run over subjects or studies."""

    name: str
    project: str
    jobs: tuple[JobSpec, ...]
    level: Level = "study"
    mode: Literal["serial", "parallel"] = "serial"
    queue: str = "DPXproc"
    on_error: Literal["stop", "continue"] = "stop"
    priority: int = 0


class Unresolved(msgspec.Struct, frozen=True):
    """A target that was not started, and why."""

    psid: str
    job: str
    problem: str


class DryRow(msgspec.Struct, frozen=True):
    """What one job would get for one target."""

    psid: str
    job: str
    args: dict[str, list[str]]
    problem: str | None = None


class Submitted(msgspec.Struct, frozen=True):
    """The answer to a submitted batch."""

    key: str
    n_jobs: int
    unresolved: tuple[Unresolved, ...] = ()
