"""From patterns and names to absolute paths: the arguments of one job for one target."""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from appliance.catalog import FileMatcher, Project, absolute_path, project_root, select, study_dir
from appliance.core import ApplianceError, DataFolder, Invalid, safe_join
from appliance.jobs.plan import Plan, Targets
from appliance.jobs.promising import promise_files, wrong_values
from appliance.jobs.structs import Argument, Decision, Finding, FindingKind
from appliance.jobs.studies import ANALYSIS, analysis_of, studies_for
from appliance.jobs.values import plain_values

__all__ = ["OUTPUT_FOLDER", "InputFile", "OutputPath", "Resolved", "parse_output", "resolve"]

OUTPUT_FOLDER = "output_folder"
"""Name under which the folder of all outputs of a job is registered."""
_OUTPUT = re.compile(r"^(.*?)\s*(?:TAG\(([^()]*)\))?\s*$", re.DOTALL)
_SHOWN_PATHS = 20


@dataclass(frozen=True)
class InputFile:
    """One file that matched."""

    arg_id: str
    file_id: int
    study_id: int
    path: Path


@dataclass(frozen=True)
class OutputPath:
    """One file or folder that the job promises; `study_id` is None outside of studies.

    `name` is its path inside the study, where that is known.
    """

    arg_id: str
    study_id: int | None
    path: Path
    tags: tuple[str, ...]
    is_folder: bool
    name: str = ""


@dataclass
class Resolved:
    """Values of all arguments, and what was found about them; `env` is told to the job."""

    values: dict[str, list[str]] = field(default_factory=dict)
    inputs: list[InputFile] = field(default_factory=list)
    outputs: list[OutputPath] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """What keeps the job from starting."""
        return [f"{one.arg}: {one.text}" for one in self.findings if one.problem]


class _Unfit(Exception):
    """An argument without a value; it becomes a finding."""

    def __init__(self, kind: FindingKind, text: str, choices: tuple[Decision, ...] = ()) -> None:
        super().__init__(text)
        self.kind, self.text, self.choices = kind, text, choices


@dataclass(frozen=True)
class _Scene:
    """Where arguments are looked up."""

    con: sqlite3.Connection
    folder: DataFolder
    project: Project
    plan: Plan
    targets: Targets
    promised: Sequence[OutputPath]
    found: Resolved

    def note(self, arg: Argument, kind: FindingKind, text: str, **more: object) -> None:
        """Add a finding."""
        self.found.findings.append(Finding(arg.id, kind, text, **more))  # type: ignore[arg-type]


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
    scene = _Scene(con, folder, project, plan, targets, promised, Resolved())
    for arg in plan.args:
        try:
            scene.found.values[arg.id] = _resolve_one(scene, arg)
        except _Unfit as unfit:
            scene.note(arg, unfit.kind, unfit.text, problem=True, choices=unfit.choices)
        except ApplianceError as error:
            scene.note(arg, "bad_value", error.message, problem=True, choices=("leave_out",))
    _add_recipe(scene)
    _add_output_folder(scene)
    environment = plan.job.environment
    if environment and not Path(environment).is_absolute():
        arg = Argument("environment", "STRING")
        scene.note(arg, "bad_value", f"{environment!r} is no absolute folder", problem=True)
    return scene.found


def _resolve_one(scene: _Scene, arg: Argument) -> list[str]:
    if arg.value is None or arg.value in ("", []):
        if not arg.optional and arg.kind != "LOGICAL" and arg.id != "varargin":
            raise _Unfit("no_value", "has no value")
        return ["false"] if arg.kind == "LOGICAL" else []
    if arg.kind == "FILE":
        return _files(scene, arg)
    if arg.kind in ("OUT", "PATHOUT"):
        return [str(_output(scene, arg).path)]
    if arg.id == "varargin" and isinstance(arg.value, str):
        return _words(arg.value)
    return plain_values(arg)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Invalid(f"cannot be split into words: {error}") from error


def _files(scene: _Scene, arg: Argument) -> list[str]:
    studies = studies_for(scene.con, scene.targets, arg.studyref)
    optional = arg.optional or scene.plan.job.ignore_missing
    if not studies and not optional:
        raise _Unfit("no_study", f"there is no study {arg.studyref!r}", ("leave_out", "without"))
    text = _patterns(arg)
    inputs = _matching(scene, arg, text, studies)
    paths = list(
        dict.fromkeys([*(str(one.path) for one in inputs), *_promised(scene, text, studies)])
    )
    if not paths:
        return _nothing(scene, arg, text, studies, optional=optional)
    taken = _taken(scene, arg, text, paths)
    scene.found.inputs += [one for one in inputs if str(one.path) in taken]
    return taken


def _matching(scene: _Scene, arg: Argument, text: str, studies: Sequence[int]) -> list[InputFile]:
    if not studies:
        return []
    return [
        InputFile(arg.id, f.file_id, f.study_id, absolute_path(scene.folder, scene.project.name, f))
        for f in select(scene.con, scene.project.id, text, studies=studies)
    ]


def _nothing(
    scene: _Scene, arg: Argument, text: str, studies: Sequence[int], *, optional: bool
) -> list[str]:
    """Say what it means that no file matches: a problem, or not."""
    maker = _may_be_made(scene, text, studies)
    if optional:
        scene.note(arg, "ignored", f"no file matches {text!r}", chosen="without")
    elif maker is not None:
        scene.note(arg, "later", f"{text!r} may be made in {maker.path.name} by an earlier job")
    else:
        raise _Unfit("no_match", f"no file matches {text!r}", ("leave_out", "without"))
    return []


def _taken(scene: _Scene, arg: Argument, text: str, paths: list[str]) -> list[str]:
    """Choose among several files, as the argument says or as its tool needs."""
    if len(paths) == 1:
        return paths
    single = bool(scene.plan.command) and not arg.multiple
    take = arg.take if arg.take and not (single and arg.take == "all") else None
    said = f"{len(paths)} files match {text!r}"
    shown = {"n": len(paths), "paths": tuple(paths[:_SHOWN_PATHS])}
    choices = ("first", "last", *(() if single else ("all",)), "leave_out")
    if take == "one" or (single and take is None):
        note = f"{said}, one is needed"
        scene.note(arg, "many", note, problem=True, choices=choices, **shown)
        return paths
    scene.note(arg, "many", said, choices=choices, chosen=take or "all", **shown)
    return {"first": paths[:1], "last": paths[-1:]}.get(take or "all", paths)


def _patterns(arg: Argument) -> str:
    """Give the patterns of an argument as one selector; several in a list are alternatives."""
    return " ".join(map(str, arg.value)) if isinstance(arg.value, list) else str(arg.value)


def _promised(scene: _Scene, text: str, studies: Sequence[int]) -> list[str]:
    """Paths that earlier jobs will make and that a pattern means."""
    if not scene.promised:
        return []
    matcher = FileMatcher(text)
    return [
        str(output.path)
        for output in scene.promised
        if output.study_id in studies
        and not output.is_folder
        and matcher.matches(output.name, output.tags)
    ]


def _may_be_made(scene: _Scene, text: str, studies: Sequence[int]) -> OutputPath | None:
    """Give the folder of an earlier job in which files of a pattern may appear."""
    starts = [re.split(r"[*_]", word, maxsplit=1)[0].lower() for word in text.split()]
    for output in scene.promised:
        if output.is_folder and output.study_id in studies:
            inside = f"{output.name.lower()}/"
            if any(s.startswith(inside) or inside.startswith(s) for s in starts):
                return output
    return None


def _output(scene: _Scene, arg: Argument) -> OutputPath:
    name, tags = parse_output(str(arg.value))
    if scene.plan.job.output_folder:
        name = f"{_folder_name(scene)}/{name}"
    study_id, base = _output_base(scene, arg.studyref)
    tags = (*tags, *arg.tags)
    path, is_folder = safe_join(base, name), arg.kind == "PATHOUT"
    output = OutputPath(arg.id, study_id, path, tags, is_folder, name)
    scene.found.outputs.append(output)
    return output


def _folder_name(scene: _Scene) -> str:
    return parse_output(scene.plan.job.output_folder)[0]


def _add_recipe(scene: _Scene) -> None:
    """Check the values of a descriptor, and promise its files."""
    recipe, found = scene.plan.recipe, scene.found
    if recipe is None or found.problems:
        return
    wrong = wrong_values(recipe, found)
    if not wrong:
        root = project_root(scene.folder, scene.project.name)
        wrong = promise_files(recipe, found, root)
        found.outputs = [_named(one, root) for one in found.outputs]
    for text in wrong:
        scene.note(Argument(recipe["folder"], "PATHOUT"), "bad_value", text, problem=True)


def _named(output: OutputPath, root: Path) -> OutputPath:
    """Give an output with its path inside its study."""
    if not output.path.is_relative_to(root):
        return output
    return replace(output, name="/".join(output.path.relative_to(root).parts[2:]))


def _add_output_folder(scene: _Scene) -> None:
    """Promise the folder of all outputs of a job, where it has one, and tell it to the job."""
    if not scene.plan.job.output_folder:
        return
    arg = Argument(OUTPUT_FOLDER, "PATHOUT")
    try:
        name, tags = parse_output(scene.plan.job.output_folder)
        refs = [one.studyref for one in scene.plan.args if one.kind in ("OUT", "PATHOUT")]
        study_id, base = _output_base(scene, refs[0] if refs else scene.plan.results)
        path = safe_join(base, name)
    except (ApplianceError, _Unfit) as error:
        text = error.message if isinstance(error, ApplianceError) else str(error)
        scene.note(arg, "bad_value", text, problem=True)
        return
    scene.found.outputs.append(OutputPath(arg.id, study_id, path, tags, True, name))
    scene.found.env["NORA_OUTPUT_FOLDER"] = str(path)


def _output_base(scene: _Scene, studyref: str) -> tuple[int | None, Path]:
    """Give the study of an output and its folder; a study of results may still have to be made."""
    sid = analysis_of(studyref)
    if sid is not None:
        row = scene.con.execute(
            "SELECT s.id FROM studies s JOIN subjects u ON u.id = s.subject_id"
            " WHERE s.project_id = ? AND u.pid = ? AND s.sid = ? AND s.trashed_at IS NULL",
            (scene.project.id, ANALYSIS, sid),
        ).fetchone()
        folder = study_dir(scene.folder, scene.project.name, ANALYSIS, sid)
        return (None if row is None else int(row["id"])), folder
    studies = studies_for(scene.con, scene.targets, studyref)
    if not studies:
        raise _Unfit("no_study", f"there is no study {studyref!r}", ("leave_out",))
    row = scene.con.execute(
        "SELECT u.pid, s.sid FROM studies s JOIN subjects u ON u.id = s.subject_id WHERE s.id = ?",
        (studies[0],),
    ).fetchone()
    return studies[0], study_dir(scene.folder, scene.project.name, row["pid"], row["sid"])
