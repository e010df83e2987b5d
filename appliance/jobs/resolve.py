"""From patterns and names to absolute paths: the arguments of one job for one target."""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.catalog import (
    FileMatcher,
    Project,
    absolute_path,
    project_root,
    select,
    select_reference,
    study_dir,
)
from appliance.core import ApplianceError, DataFolder, Invalid, safe_join
from appliance.jobs.plan import Plan, Targets
from appliance.jobs.structs import Argument

__all__ = ["InputFile", "OutputPath", "Resolved", "parse_output", "resolve", "studies_for"]

_OUTPUT = re.compile(r"^(.*?)\s*(?:TAG\(([^()]*)\))?\s*$", re.DOTALL)


@dataclass(frozen=True)
class InputFile:
    """One file that matched."""

    arg_id: str
    file_id: int
    study_id: int
    path: Path


@dataclass(frozen=True)
class OutputPath:
    """One file or folder that the job promises; `study_id` is None outside of studies."""

    arg_id: str
    study_id: int | None
    path: Path
    tags: tuple[str, ...]
    is_folder: bool


@dataclass
class Resolved:
    """Values of all arguments, or what is in the way."""

    values: dict[str, list[str]] = field(default_factory=dict)
    inputs: list[InputFile] = field(default_factory=list)
    outputs: list[OutputPath] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Scene:
    """Where arguments are looked up."""

    con: sqlite3.Connection
    folder: DataFolder
    project: str
    project_id: int
    targets: Targets
    promised: Sequence[OutputPath] = ()


def parse_output(text: str) -> tuple[str, tuple[str, ...]]:
    """Split ``name TAG(a,b)`` into the name and its tags.

    Raises
    ------
    Invalid
        If the name is empty, holds a wildcard, or leads elsewhere.
    """
    match = _OUTPUT.match(text)
    name, tags = (match[1].strip(), match[2] or "") if match else ("", "")
    if "*" in name:
        raise Invalid(f"an output cannot have wildcards: {name!r}")
    safe_join(Path("/"), name)
    return name.rstrip("/"), tuple(tag.strip() for tag in tags.split(",") if tag.strip())


def resolve(
    con: sqlite3.Connection,
    folder: DataFolder,
    project: Project,
    plan: Plan,
    targets: Targets,
    *,
    promised: Sequence[OutputPath] = (),
) -> Resolved:
    """Look up all arguments of a job.

    Parameters
    ----------
    con : sqlite3.Connection
        A reader of the catalog.
    folder : DataFolder
        Where files lie.
    project : Project
        The project of the studies.
    plan : Plan
        The job.
    targets : Targets
        Its studies.
    promised : sequence of OutputPath, optional
        What earlier jobs of the chain will make; it counts as if it were there.

    Returns
    -------
    Resolved
        With `problems` when it cannot start.
    """
    scene = _Scene(con, folder, project.name, project.id, targets, promised)
    found = Resolved()
    for arg in plan.args:
        try:
            found.values[arg.id] = _resolve_one(scene, plan, arg, found)
        except ApplianceError as error:
            found.problems.append(f"{arg.id}: {error.message}")
    return found


def _resolve_one(scene: _Scene, plan: Plan, arg: Argument, found: Resolved) -> list[str]:
    if arg.value is None or arg.value in ("", []):
        if not arg.optional and arg.kind != "LOGICAL":
            raise Invalid("has no value")
        return ["false"] if arg.kind == "LOGICAL" else []
    if arg.kind == "FILE":
        return _files(scene, plan, arg, found)
    if arg.kind in ("OUT", "PATHOUT"):
        return [str(_output(scene, arg, found).path)]
    return _plain(arg)


def _files(scene: _Scene, plan: Plan, arg: Argument, found: Resolved) -> list[str]:
    studies = studies_for(scene.con, scene.targets, arg.studyref)
    if not studies:
        raise Invalid(f"there is no study {arg.studyref!r}")
    text = _patterns(arg)
    inputs = [
        InputFile(arg.id, f.file_id, f.study_id, absolute_path(scene.folder, scene.project, f))
        for f in select(scene.con, scene.project_id, text, studies=studies)
    ]
    paths = list(
        dict.fromkeys([*(str(one.path) for one in inputs), *_promised(scene, text, studies)])
    )
    if not paths and not arg.optional:
        raise Invalid(f"no file matches {text!r}")
    if plan.command and len(paths) > 1 and not arg.multiple:
        raise Invalid(f"{len(paths)} files match {text!r}, one is needed")
    found.inputs += inputs
    return paths


def _patterns(arg: Argument) -> str:
    """Give the patterns of an argument as one selector; several in a list are alternatives."""
    return " ".join(map(str, arg.value)) if isinstance(arg.value, list) else str(arg.value)


def _promised(scene: _Scene, text: str, studies: Sequence[int]) -> list[str]:
    """Paths that earlier jobs will make and that a pattern means."""
    matcher = FileMatcher(text)
    found = []
    for output in scene.promised:
        parts = output.path.relative_to(project_root(scene.folder, scene.project)).parts[2:]
        if output.study_id in studies and matcher.matches("/".join(parts), output.tags):
            found.append(str(output.path))
    return found


def _output(scene: _Scene, arg: Argument, found: Resolved) -> OutputPath:
    name, tags = parse_output(str(arg.value))
    study_id, base = _output_base(scene, arg.studyref)
    path = safe_join(base, name)
    output = OutputPath(arg.id, study_id, path, (*tags, *arg.tags), arg.kind == "PATHOUT")
    found.outputs.append(output)
    return output


def _output_base(scene: _Scene, studyref: str) -> tuple[int | None, Path]:
    """Folder of an output: its study's, or ``analysis`` of the project for a job over all."""
    if scene.targets.level == "project":
        return None, safe_join(project_root(scene.folder, scene.project), "analysis")
    studies = studies_for(scene.con, scene.targets, studyref)
    if not studies:
        raise Invalid(f"there is no study {studyref!r}")
    row = scene.con.execute(
        "SELECT u.pid, s.sid FROM studies s JOIN subjects u ON u.id = s.subject_id WHERE s.id = ?",
        (studies[0],),
    ).fetchone()
    return studies[0], study_dir(scene.folder, scene.project, row["pid"], row["sid"])


def studies_for(con: sqlite3.Connection, targets: Targets, studyref: str) -> Sequence[int]:
    """Give the studies that a reference means.

    It is this, all, first, last, a study tag, or, with a ``#``, a selector such as
    ``ANALYSIS#MNI`` or ``[selectionpatient]#OLDEST``.
    """
    if "#" in studyref or studyref.startswith("[selection"):
        return select_reference(con, studyref, targets.study_ids)
    if studyref == "this" or targets.subject_id is None:
        return targets.study_ids
    rows = con.execute(
        "SELECT id FROM studies WHERE subject_id = ? AND trashed_at IS NULL"
        " ORDER BY ifnull(date, ''), ifnull(time, ''), sid",
        (targets.subject_id,),
    ).fetchall()
    ids = [int(row["id"]) for row in rows]
    if studyref in ("all", "first", "last"):
        return {"all": ids, "first": ids[:1], "last": ids[-1:]}[studyref]
    tagged = con.execute(
        "SELECT x.x_id FROM tags t JOIN study_tags x ON x.tag_id = t.id WHERE t.name = ?",
        (studyref,),
    ).fetchall()
    return [i for i in ids if i in {row[0] for row in tagged}]


def _plain(arg: Argument) -> list[str]:
    values = arg.value if isinstance(arg.value, list) else [arg.value]
    if arg.kind == "NUMERIC":
        return [_number(arg, value) for value in values]
    if arg.kind == "LOGICAL":
        return ["true" if values[0] in (True, 1, "true", "1", "yes", "on") else "false"]
    if arg.kind == "OPTION" and any(str(value) not in arg.choices for value in values):
        raise Invalid(f"is none of {', '.join(arg.choices)}")
    if any("\0" in str(value) for value in values):
        raise Invalid("holds a NUL character")
    return [str(value) for value in values]


def _number(arg: Argument, value: object) -> str:
    try:
        number = float(str(value))
    except ValueError:
        raise Invalid(f"{value!r} is no number") from None
    if not math.isfinite(number):
        raise Invalid(f"{value!r} is no finite number")
    low = -math.inf if arg.minimum is None else arg.minimum
    high = math.inf if arg.maximum is None else arg.maximum
    if not low <= number <= high:
        raise Invalid(f"{value} is not between {low:g} and {high:g}")
    return str(int(number)) if number.is_integer() else repr(number)
