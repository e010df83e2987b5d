"""The whole workflow as a program: tilt series in, tomograms with all that is shown of them out.

``python -m appliance.tomography.workflow --series FILE --output FOLDER``
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from appliance.core import ApplianceError, Invalid
from appliance.tomography.embedded import EmbeddedEngine
from appliance.tomography.engines import Engine, EngineName, choose_engine
from appliance.tomography.following import align_series
from appliance.tomography.growing import frames_named_by
from appliance.tomography.imod import ImodEngine, find_imod
from appliance.tomography.inputs import SeriesInput, find_series, series_of
from appliance.tomography.manifest import Callback, Manifest, write_manifest
from appliance.tomography.one_series import (
    HEDWIG,
    MANIFEST,
    Orders,
    SeriesResult,
    look_at,
    run_series,
)
from appliance.tomography.parameters import Given, derived_values, read_parameters
from appliance.tomography.presets import find_template, has_places, make_directives
from appliance.tomography.seed_commands import SeedCommands
from appliance.tomography.steps import STEPS
from appliance.tomography.telling import Told, complain, say, stop, told_by

__all__ = ["ENGINES", "command_parser", "main", "run_all"]

ENGINES: tuple[Engine, ...] = (ImodEngine(), EmbeddedEngine(align_series))
"""The engines, in the order in which ``auto`` tries them."""
_TRUE = "1"
_SIRT, _LIKE = "runtime.Reconstruction.any.useSirt", "comparam.tilt.tilt.FakeSIRTiterations"
_METHODS = {
    "directives": dict[str, str](),  # as they say
    "wbp": {_SIRT: "0", _LIKE: ""},
    "sirt-like": {_SIRT: "0", _LIKE: "10"},
    "sirt": {_SIRT: "1", _LIKE: ""},
}


def run_all(
    inputs: Sequence[SeriesInput], orders: Orders, callback: Callback | None = None
) -> list[SeriesResult]:
    """Run the workflow over tilt series; one that fails does not stop the others.

    A callback that cannot be made is complained of, and changes nothing else.

    Returns
    -------
    list of SeriesResult
        In the order of `inputs`. ``manifest.json`` of the output folder lists them too.
    """
    return told_by(callback, lambda: _all(inputs, orders))


def _all(inputs: Sequence[SeriesInput], orders: Orders) -> tuple[list[SeriesResult], Manifest]:
    results = [_one(one, orders) for one in inputs]
    files = [one.entry(f"{one.folder.name}/{HEDWIG}/") for one in results]
    return results, write_manifest(orders.output / MANIFEST, files)


def main(words: Sequence[str] | None = None) -> int:
    """Run the program; give 0, 1 when no series succeeded, or 2 when nothing could begin."""
    options = command_parser().parse_args(words)
    signal.signal(signal.SIGTERM, stop)
    try:
        return _run(options)
    except ApplianceError as error:
        complain(error.message, error.hint)
        return 2


def _run(options: argparse.Namespace) -> int:
    given = read_parameters(options.param)
    inputs = _inputs(options, given)
    if options.dry_run:
        with tempfile.TemporaryDirectory(prefix="tomography-") as folder:
            return _try(inputs, _orders(options, given, Path(folder)))
    options.output.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="tomography-", dir=options.work))
    orders = _orders(options, given, work)
    try:
        results = run_all(inputs, orders, _callback(given))
    finally:
        if not orders.keep_work:
            shutil.rmtree(work, ignore_errors=True)
    failed = [one for one in results if one.error]
    say(f"{len(results) - len(failed)} of {len(results)} tilt series became tomograms")
    return 1 if len(failed) == len(results) else 0


def _one(series: SeriesInput, orders: Orders) -> SeriesResult:
    result = run_series(series, orders, Told(series.basename))
    if result.error:
        complain(f"{series.basename}: {result.error}", result.hint)
        if result.log_tail:
            sys.stderr.write(result.log_tail + "\n")
    else:
        say(f"{series.basename}: done, {result.folder}")
    return result


def _inputs(options: argparse.Namespace, given: Given) -> list[SeriesInput]:
    folder = given.workflow.get("input_dir")
    if options.series and folder:
        raise Invalid("both tilt series and an input folder are named", hint="Name one of them.")
    if folder:
        return find_series(Path(folder), given.workflow.get("x_file_name", ""))
    if not options.series:
        raise Invalid("no tilt series is named", hint="Use --series, or --param input_dir=FOLDER.")
    ours = options.output.absolute()
    stacks = [
        one
        for one in options.series
        if not (one.absolute().is_relative_to(ours) or one.stem.endswith("_preview"))
    ]
    if len(stacks) < len(options.series):
        say(f"left out as results of earlier runs: {len(options.series) - len(stacks)}")
    if not stacks:
        raise Invalid("all that is named is a result of an earlier run")
    whole = [one for one in stacks if not frames_named_by(one)]
    if len(whole) < len(stacks):
        say(f"left out as single tilts of a series: {len(stacks) - len(whole)}")
    if not whole:
        raise Invalid(
            "all that is named are files of single tilts",
            hint="Name the stack that they were brought together into.",
        )
    return series_of(whole)


def _orders(options: argparse.Namespace, given: Given, work: Path) -> Orders:
    told = given.workflow
    name = options.template or told.get("adoc_template") or "dirTemplate"
    given_text = _given(options.directives, work)
    template = given_text or find_template(name, options.templates)
    adoc: Path | None = options.adoc
    if adoc is not None and has_places(adoc):
        template, adoc = adoc, None
    if options.begin in ("tomogram", "reconstruction"):  # in place of that of the last result
        adoc = given_text or adoc
    elif options.begin not in ("check", "directives"):
        adoc = None
    imod = find_imod()
    folders = [options.templates, imod / "SystemTemplate" if imod else None]
    return Orders(
        engine=choose_engine(_engine_name(told.get("engine") or options.engine), ENGINES),
        output=options.output,
        work=work,
        template=template,
        adoc=adoc,
        values=given.values,
        directives={**_METHODS[options.method], **given.directives},
        templates=tuple(folder for folder in folders if folder is not None),
        cpus=options.cpus,
        gpus=options.gpus,
        begin="tomogram" if options.begin == "reconstruction" else options.begin,
        earlier_alignment=options.begin == "reconstruction",
        by_commands=_by_commands(options),
        sharded=options.pyramid == "sharded",
        keep_work=options.keep_work or told.get("x_keep_workdir") == _TRUE,
    )


def _given(text: str, work: Path) -> Path | None:
    """Write down the directive file that the job was given as a text."""
    if not text.strip():
        return None
    path = work / "given.adoc"
    path.write_text(text, encoding="utf-8")
    return path


def _by_commands(options: argparse.Namespace) -> bool:
    """Tell whether the commands of the reference workflow are wanted; refuse where some lack."""
    if options.assets_by != "commands":
        return False
    SeedCommands(Path(os.devnull)).require()
    return True


def _engine_name(word: str) -> EngineName:
    names: dict[str, EngineName] = {"imod": "imod", "embedded": "embedded"}
    return names.get(word, "auto")


def _callback(given: Given) -> Callback | None:
    url, token = given.workflow.get("callback_url"), given.workflow.get("token")
    if not url or given.workflow.get("x_no_api") == _TRUE:
        return None
    return Callback(url, Path(token) if token else None)


def _try(inputs: Sequence[SeriesInput], orders: Orders) -> int:
    """Say what would be done, and what would go wrong; nothing is written."""
    problems = 0
    for one in inputs:
        say(f"{one.basename}: {orders.engine.name} would write {orders.target(one)}")
        try:
            for stack in filter(None, (one.stack, one.second)):
                facts = look_at(stack)
                say(f"  {stack.name}: " + ", ".join(f"{k} {v}" for k, v in facts.items()))
            say(_directives(one, orders))
        except ApplianceError as error:
            problems += 1
            complain(f"{one.basename}: {error.message}", error.hint)
    say(f"dry run: {len(inputs) - problems} of {len(inputs)} tilt series can be processed")
    return 1 if problems else 0


def _directives(one: SeriesInput, orders: Orders) -> str:
    if orders.adoc:
        return orders.adoc.read_text(encoding="utf-8-sig")
    values = {"basename": one.basename, **derived_values(orders.values)}
    return make_directives(orders.template, values, orders.directives)


def command_parser() -> argparse.ArgumentParser:
    """Give the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--series", type=Path, nargs="+", default=[], help="stacks, .mrc or .st")
    add("--adoc", type=Path, help="a directive file that is taken as it is, or a template of one")
    add("--template", default="", help="preset or own template that is filled otherwise")
    add("--templates", type=Path, help="folder of own templates")
    add("--directives", default="", help="text of a directive file, instead of a template")
    add("--param", action="append", default=[], help="name=value; also a whole directive")
    add("--engine", choices=("auto", "imod", "embedded"), default="auto")
    add("--method", choices=list(_METHODS), default="directives", help="how to reconstruct")
    add("--output", type=Path, required=True, help="folder below which each series gets its own")
    add("--assets-by", choices=("appliance", "commands"), default="appliance")
    add("--pyramid", choices=("flat", "sharded"), default="flat", help="many files, or few")
    add("--work", type=Path, help="folder for intermediate files")
    add("--from", dest="begin", choices=(*STEPS[:-1], "reconstruction"), default="check")
    add("--keep-work", action="store_true")
    add("--dry-run", action="store_true")
    add("--cpus", type=int, default=_granted_cpus())
    add("--gpus", type=int, default=_granted_gpus())
    return parser


def _granted_cpus() -> int:
    """Give what the queue has granted, or what there is."""
    granted = os.environ.get("OMP_NUM_THREADS", "")
    return int(granted) if granted.isdigit() and int(granted) else os.cpu_count() or 1


def _granted_gpus() -> int:
    """Count the GPUs that the queue has granted; outside of it IMOD may use one."""
    granted = os.environ.get("CUDA_VISIBLE_DEVICES")
    return 1 if granted is None else len([one for one in granted.split(",") if one.strip()])


if __name__ == "__main__":
    raise SystemExit(main())
