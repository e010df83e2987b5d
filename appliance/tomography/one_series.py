"""One tilt series through all steps of the workflow: its files appear only when all went well."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from appliance.core import ApplianceError, FormatError, NotFound, atomic_write, link_or_copy
from appliance.tomography.assets import make_assets
from appliance.tomography.directive_list import installed_problems
from appliance.tomography.directives import change_text, parse_directives, read_directives
from appliance.tomography.engines import Engine, SeriesOutputs, SeriesRequest
from appliance.tomography.inputs import SeriesInput
from appliance.tomography.manifest import Asset, ImageSet, PrimaryFile, write_manifest
from appliance.tomography.parameters import derived_values, directives_of
from appliance.tomography.presets import make_directives
from appliance.tomography.publishing import RECORDS, keep_failure, publish
from appliance.tomography.seed_commands import SeedCommands
from appliance.tomography.steps import (
    STEPS,
    Step,
    StepRecord,
    recorded,
    write_steps,
)
from appliance.tomography.tilt_files import read_series

__all__ = ["HEDWIG", "MANIFEST", "REPORT", "Orders", "Say", "SeriesResult", "run_series"]

HEDWIG = "hedwig"
"""Folder of movies, images, averages and pyramid, beside the volumes."""
MANIFEST, REPORT = "manifest.json", "report.json"
COMMANDS = "commands.log"
Say = Callable[[str], None]
T = TypeVar("T")
_FEWEST_TILTS = 3


@dataclass(frozen=True, slots=True)
class Orders:
    """What holds for all series of a run.

    Attributes
    ----------
    engine : Engine
    output : Path
        Below it each series gets a folder of its name.
    work : Path
        Folder for what is half made.
    template : Path
        Directive file with places to fill; not used with `adoc`.
    adoc : Path or None
        A whole directive file, taken as it is.
    values, directives : dict of str to str
        What fills the template, and what is set on top of it.
    templates : tuple of Path
        Folders of templates that directive files may name.
    begin : Step
        The first step that is done again; earlier ones are taken from the last result. Its
        directive file, or `adoc` in its place, is taken with the values that are given set in it.
    earlier_alignment : bool
        Whether the alignment of the last result is taken as it is.
    by_commands : bool
        Whether movies, key image and averages are made by the commands of the reference workflow.
    sharded : bool
        Whether the pyramid has few large files in place of many small ones.
    keep_work : bool
        Whether what the engine made on its way is kept.
    """

    engine: Engine
    output: Path
    work: Path
    template: Path
    adoc: Path | None = None
    values: dict[str, str] = field(default_factory=dict)
    directives: dict[str, str] = field(default_factory=dict)
    templates: tuple[Path, ...] = ()
    cpus: int = 20
    gpus: int = 1
    begin: Step = "check"
    earlier_alignment: bool = False
    by_commands: bool = False
    sharded: bool = False
    keep_work: bool = False

    def target(self, series: SeriesInput) -> Path:
        """Give the folder of a series' results."""
        return self.output / series.basename


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """What became of one series; `folder` holds its results, or the logs of its failure."""

    series: SeriesInput
    folder: Path
    records: tuple[StepRecord, ...]
    assets: tuple[Asset, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    hint: str = ""
    log_tail: str = ""

    def entry(self, prefix: str) -> PrimaryFile:
        """Give the entry of a manifest; `prefix` leads from its folder to that of the assets."""
        assets = [msgspec.structs.replace(one, path=prefix + one.path) for one in self.assets]
        return PrimaryFile(
            primary_file_path=self.series.stack.name,
            title=self.series.basename,
            image_set=[ImageSet(self.series.basename, assets)],
            status="error" if self.error else "success",
            message=self.error or None,
        )


def run_series(series: SeriesInput, orders: Orders, say: Say) -> SeriesResult:
    """Take one tilt series through the steps.

    Parameters
    ----------
    series : SeriesInput
        Its files are only read.
    orders : Orders
        What holds for all series of the run.
    say : callable
        Told each step and its progress, a line each.

    Returns
    -------
    SeriesResult
        Also of a failure: then logs and records lie in ``BASENAME.failed``, and an earlier result
        is as it was.
    """
    work = orders.work / series.basename
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    course = _Course(series, orders, work, say)
    try:
        result = course.run()
    except (ApplianceError, OSError) as error:
        return course.failed(error)
    finally:
        if not orders.keep_work:
            shutil.rmtree(work, ignore_errors=True)
    return result


@dataclass(slots=True)
class _Course:
    """The steps of one series; what they hand on is new at each step."""

    series: SeriesInput
    orders: Orders
    work: Path
    say: Say
    records: list[StepRecord] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def run(self) -> SeriesResult:
        out = self.work / "out"
        out.mkdir()
        checked = self._step("check", self._check)
        adoc = self._step("directives", lambda facts: self._directives(facts, out))
        made = self._step("tomogram", lambda facts: self._tomogram(facts, adoc))
        assets = self._step("assets", lambda facts: self._assets(facts, made, out))
        report = {**checked, **made.report, "directive_problems": self.problems}
        self._step("keep", lambda facts: self._keep(facts, made, report, out))
        result = self._result(tuple(assets), report)
        write_steps(out / RECORDS, self.records)
        write_manifest(out / MANIFEST, [result.entry(f"{HEDWIG}/")])
        publish(out, self.orders.target(self.series))
        return result

    def failed(self, error: ApplianceError | OSError) -> SeriesResult:
        """Keep records and logs of a failure apart from results."""
        why = error.message if isinstance(error, ApplianceError) else str(error.strerror or error)
        folder = keep_failure(self.orders.target(self.series), self.work, self.records)
        facts = error.facts if isinstance(error, ApplianceError) else {}
        return SeriesResult(
            self.series,
            folder,
            tuple(self.records),
            error=why,
            hint=error.hint if isinstance(error, ApplianceError) else "",
            log_tail=str(facts.get("log_tail", "")),
        )

    def _step(self, step: Step, work: Callable[[dict[str, Any]], T]) -> T:
        number = STEPS.index(step) + 1
        self.say(f"{self.series.basename}: step {number} of {len(STEPS)}, {step}")
        with recorded(step, self.records) as facts:
            return work(facts)

    def _is_again(self, step: Step) -> bool:
        """Tell whether a step is done, rather than taken from the last result."""
        return STEPS.index(step) >= STEPS.index(self.orders.begin)

    def _check(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Look at the stacks before anything is copied."""
        stacks = [self.series.stack] + ([self.series.second] if self.series.second else [])
        seen = [look_at(stack) for stack in stacks]
        facts |= {"stacks": [{"name": p.name, **f} for p, f in zip(stacks, seen, strict=True)]}
        return seen[0]

    def _directives(self, facts: dict[str, Any], out: Path) -> str:
        text, source = self._adoc()
        facts |= {"from": source, "directives": parse_directives(text, source).values}
        facts["problems"] = self.problems = [one.text for one in installed_problems(text, source)]
        for one in self.problems:
            self.say(f"{self.series.basename}: directives: {one}")
        with atomic_write(out / f"{self.series.basename}.adoc") as stream:
            stream.write(text.encode())
        return text

    def _adoc(self) -> tuple[str, str]:
        """Give the text of the directive file and what it was made of."""
        orders, base = self.orders, self.series.basename
        if not self._is_again("directives"):
            path = orders.adoc or _earlier(orders.target(self.series) / f"{base}.adoc")
            changes = {**directives_of(orders.values), **orders.directives}
            return change_text(path.read_text(encoding="utf-8"), changes, path.name), path.name
        if orders.adoc is not None:
            read_directives(orders.adoc)
            return orders.adoc.read_text(encoding="utf-8-sig"), orders.adoc.name
        values = {
            "basename": base,
            "datasetDirectory": (self.work / "engine").as_posix(),
            "stackext": self.series.stack.suffix.removeprefix("."),
            **_angle_values(self.series),
            **derived_values(orders.values),
        }
        return make_directives(orders.template, values, orders.directives), orders.template.name

    def _tomogram(self, facts: dict[str, Any], adoc: str) -> SeriesOutputs:
        if not self._is_again("tomogram"):
            facts["reused"] = True
            return _earlier_outputs(self.orders.target(self.series), self.series.basename)
        orders, folder = self.orders, self.work / "engine"
        folder.mkdir()
        request = SeriesRequest(
            self.series.basename,
            self.series.stack,
            adoc,
            self.series.second,
            orders.cpus,
            orders.gpus,
            orders.templates,
            orders.target(self.series) if orders.earlier_alignment else None,
        )
        facts |= {"engine": orders.engine.name, "cpus": orders.cpus, "gpus": orders.gpus}
        outputs = orders.engine.run(request, folder, self._tell)
        facts |= {"outputs": _sizes(outputs), "report": outputs.report}
        return outputs

    def _tell(self, part: float, text: str) -> None:
        self.say(f"{self.series.basename}: {round(100 * part):3d} % {text}")

    def _assets(self, facts: dict[str, Any], made: SeriesOutputs, out: Path) -> list[Asset]:
        notes: list[str] = []

        def note(text: str) -> None:
            notes.append(text)
            self.say(f"{self.series.basename}: {text}")

        base = self.series.basename
        commands = SeedCommands(self.work / COMMANDS) if self.orders.by_commands else None
        assets = make_assets(
            base,
            made.ali,
            made.rec,
            made.full_rec,
            out / HEDWIG,
            say=note,
            commands=commands,
            sharded=self.orders.sharded,
        )
        facts |= {"assets": [one.path for one in assets], "said": notes}
        return assets

    def _keep(
        self, facts: dict[str, Any], made: SeriesOutputs, report: dict[str, Any], out: Path
    ) -> None:
        """Bring volumes, transforms and logs together under the names of the workflow."""
        for path in (made.ali, made.rec, made.full_rec, made.xf, made.tlt):
            if path is not None:
                link_or_copy(path, out / path.name)
        logs = out / "logs"
        logs.mkdir()
        said = (made.log, *made.others, self.work / COMMANDS)
        for path in [one for one in said if one != said[-1] or one.is_file()]:
            shutil.copyfile(path, logs / path.name)
        with atomic_write(out / REPORT) as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
        facts["files"] = sorted(path.name for path in out.iterdir())

    def _result(self, assets: tuple[Asset, ...], report: dict[str, Any]) -> SeriesResult:
        folder = self.orders.target(self.series)
        return SeriesResult(self.series, folder, tuple(self.records), assets, report)


def look_at(stack: Path) -> dict[str, Any]:
    """Check that a stack is a tilt series, and say what it is.

    Raises
    ------
    FormatError
        If it is a volume, has no angles, or too few tilts.
    """
    series = read_series(stack)
    count, ny, nx = series.images.shape
    if count < _FEWEST_TILTS:
        raise FormatError(
            f"{stack.name} has {count} {'tilt' if count == 1 else 'tilts'}: that is no tilt series",
            hint=f"A tomogram needs {_FEWEST_TILTS} tilts at the least, and usually 41 or more.",
        )
    return {
        "n_tilts": count,
        "size": [nx, ny],
        "pixel_nm": series.pixel_nm,
        "from_deg": float(series.angles_deg.min()),
        "to_deg": float(series.angles_deg.max()),
        "angles_from": series.facts.get("angles_from", ""),
    }


def _angle_values(series: SeriesInput) -> dict[str, str]:
    """Say where the angles come from: a file beside the stack goes before its header."""
    values: dict[str, str] = {}
    stacks = (series.stack, series.second)
    for stack, axis in zip(stacks, ("", "b"), strict=True):
        if stack is not None and stack.with_suffix(".rawtlt").is_file():
            values |= {f"{axis}extract": "0", f"{axis}userawtlt": "1"}
    return values


def _earlier(path: Path) -> Path:
    if not path.is_file():
        raise NotFound(
            f"there is no earlier {path.name}", hint="Run all steps of this series first."
        )
    return path


def _earlier_outputs(folder: Path, base: str) -> SeriesOutputs:
    """Find the outputs of the last result, with what it said of itself."""
    full, xf, tlt = (folder / f"{base}{end}" for end in ("_full_rec.mrc", ".xf", ".tlt"))
    logs = sorted((folder / "logs").glob("*"))
    report = folder / REPORT
    return SeriesOutputs(
        ali=_earlier(folder / f"{base}_ali.mrc"),
        rec=_earlier(folder / f"{base}_rec.mrc"),
        full_rec=full if full.is_file() else None,
        xf=xf if xf.is_file() else None,
        tlt=tlt if tlt.is_file() else None,
        report=msgspec.json.decode(report.read_bytes()) if report.is_file() else {},
        log=_earlier(logs[0] if logs else folder / "logs"),
        others=tuple(logs[1:]),
    )


def _sizes(outputs: SeriesOutputs) -> dict[str, int]:
    paths = (outputs.ali, outputs.rec, outputs.full_rec, outputs.xf, outputs.tlt)
    return {path.name: path.stat().st_size for path in paths if path is not None}
