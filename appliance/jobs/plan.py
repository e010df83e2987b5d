"""What is stored with a job: its effective specification, and the studies it is for."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from appliance.core import Invalid
from appliance.jobs.references import find_references
from appliance.jobs.structs import Argument, JobSpec, Level, OnError, Resources, Tool
from appliance.jobs.tools import ToolBox

__all__ = ["Plan", "Targets", "plan_job", "plan_of", "spec_sha256", "tool_sha256"]

_WORDS = ("this", "all", "first", "last", "")
_MAKES = ("OUT", "PATHOUT")


class Targets(msgspec.Struct, frozen=True):
    """The studies of one chain: those that were checked, and their subject."""

    level: Level
    subject_id: int | None
    study_ids: tuple[int, ...]


class Plan(msgspec.Struct, frozen=True):
    """A job with all arguments and resources filled in; a later change of its tool is harmless.

    Attributes
    ----------
    position : int
        Its place in the batch's list of jobs, from 0.
    results : str
        Reference to the study that outputs go to where no argument says.
    recipe : dict or None
        What renders the command line of a Boutiques descriptor.
    """

    job: JobSpec
    resources: Resources
    command: tuple[str, ...] = ()
    tool_version: str = ""
    tool_sha256: str = ""
    position: int = 0
    results: str = "this"
    recipe: dict[str, Any] | None = None

    @property
    def on_error(self) -> OnError:
        """What a failure means for the jobs behind it."""
        return self.job.on_error or "break"

    @property
    def function(self) -> str:
        """What it runs: the id of a tool, or a language."""
        return self.job.tool or self.job.language or ""

    @property
    def args(self) -> tuple[Argument, ...]:
        """The arguments, complete."""
        return self.job.args


def plan_of(row: sqlite3.Row) -> Plan:
    """Read the plan of a row of ``job``."""
    return msgspec.json.decode(row["spec"], type=Plan)


def plan_job(
    spec: JobSpec,
    tools: ToolBox,
    *,
    position: int = 0,
    results: str = "this",
    variables: Mapping[str, str] | None = None,
) -> Plan:
    """Merge a job of a batch with its tool, or with the references in its code.

    Parameters
    ----------
    position : int
        Its place in the batch.
    results : str
        The study that outputs without a study of their own go to.
    variables : mapping of str to str, optional
        What names in references to studies stand for.

    Raises
    ------
    Invalid
        If it names neither, or arguments that do not exist.
    """
    plan = _planned(spec, tools)
    args = tuple(_placed(arg, results, variables or {}) for arg in plan.args)
    job = msgspec.structs.replace(plan.job, args=args)
    return msgspec.structs.replace(plan, job=job, position=position, results=results)


def spec_sha256(plan: Plan) -> str:
    """Fingerprint of all that decides what a job makes; its name or resources do not."""
    job = plan.job
    facts = (
        (job.tool, plan.tool_sha256, job.language, job.code, job.strict, job.precall),
        (job.env, job.environment, job.output_folder, job.ignore_missing),
        [(a.id, a.kind, a.value, a.studyref, a.take, a.optional, a.tags) for a in job.args],
    )
    return hashlib.sha256(msgspec.json.encode(facts, order="deterministic")).hexdigest()


def _placed(arg: Argument, results: str, variables: Mapping[str, str]) -> Argument:
    """Fill in the study an argument means: a variable's, or where results go."""
    ref = variables.get(arg.studyref, arg.studyref)
    if arg.kind in _MAKES and ref in _WORDS and results != "this":
        ref = results
    return arg if ref == arg.studyref else msgspec.structs.replace(arg, studyref=ref)


def _planned(spec: JobSpec, tools: ToolBox) -> Plan:
    if spec.tool:
        plan = _plan_tool(spec, tools.get(spec.tool))
        args = tools.completed(spec.tool, plan.job.args)
        return msgspec.structs.replace(plan, job=msgspec.structs.replace(plan.job, args=args))
    if not spec.language or not spec.code.strip():
        raise Invalid(f"job {spec.name!r} has neither a tool nor code")
    given = {arg.id: arg for arg in spec.args}
    wanted = find_references(spec.language, spec.code)
    missing = [arg.id for arg in wanted if arg.id not in given]
    if missing:
        raise Invalid(
            f"job {spec.name!r} refers to {', '.join(missing)} without saying what that is",
            hint="Fill in the rows below the code.",
        )
    return Plan(spec, _checked(spec, spec.resources or Resources()))


def tool_sha256(tool: Tool) -> str:
    """Fingerprint of a descriptor, kept with every job made from it."""
    return hashlib.sha256(msgspec.json.encode(tool, order="deterministic")).hexdigest()


def _plan_tool(spec: JobSpec, tool: Tool) -> Plan:
    given = {arg.id: arg for arg in spec.args}
    unknown = sorted(given.keys() - {arg.id for arg in tool.args})
    if unknown:
        raise Invalid(f"tool {tool.id!r} has no argument {', '.join(unknown)}")
    args = tuple(_filled(arg, given.get(arg.id)) for arg in tool.args)
    job = msgspec.structs.replace(spec, args=args)
    resources = _checked(spec, spec.resources or tool.resources)
    plan = Plan(job, resources, tool.command, tool.version, tool_sha256(tool))
    return msgspec.structs.replace(plan, recipe=tool.recipe)


def _filled(arg: Argument, given: Argument | None) -> Argument:
    if given is None:
        return arg
    return msgspec.structs.replace(
        arg,
        value=given.value,
        studyref=given.studyref,
        take=given.take or arg.take,
        optional=given.optional or arg.optional,
        tags=given.tags or arg.tags,
    )


def _checked(spec: JobSpec, need: Resources) -> Resources:
    if need.cpus < 1 or need.memory_mb < 1 or need.gpus < 0:
        raise Invalid(f"job {spec.name!r} asks for impossible resources")
    if need.walltime_s is not None and need.walltime_s < 1:
        raise Invalid(f"job {spec.name!r} has a time limit below one second")
    return need
