"""What programs of flows over images and stacks share: options, dry run, manifest, callback."""

from __future__ import annotations

import argparse
import shutil
import signal
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from appliance.core import ApplianceError
from appliance.tomography.course import Outcome
from appliance.tomography.em_inputs import EmInput
from appliance.tomography.manifest import Callback, Manifest, write_manifest
from appliance.tomography.telling import complain, say, stop, told_by

__all__ = ["add_common", "run_flow", "run_program"]

_MANIFEST = "manifest.json"


def add_common(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the options that all flows have."""
    add = parser.add_argument
    add("inputs", type=Path, nargs="+", help=what)
    add("--output", type=Path, required=True, help="folder below which each gets its own")
    add("--work", type=Path, help="folder for intermediate files")
    add("--dry-run", action="store_true", help="say what would be done")
    add("--callback-url", default="", help="is told how the run goes and what it made")
    add("--token", type=Path, help="file that holds the token of the callback")


def run_program(work: Callable[[], int]) -> int:
    """Run a program; give its code, or 2 when nothing could begin."""
    signal.signal(signal.SIGTERM, stop)
    try:
        return work()
    except ApplianceError as error:
        complain(error.message, error.hint)
        return 2


def run_flow(
    options: argparse.Namespace,
    inputs: Sequence[EmInput],
    look: Callable[[EmInput], dict[str, Any]],
    process: Callable[[EmInput, Path], Outcome],
    what: str,
) -> int:
    """Work through inputs in their order; one that fails does not stop the others.

    Parameters
    ----------
    options : Namespace
        Of a parser that `add_common` was called with.
    inputs : sequence of EmInput
    look : callable
        Says what an input is, or raises what is wrong with it.
    process : callable
        Called with each input and a folder for intermediate files.
    what : str
        What the inputs are, for the last line.

    Returns
    -------
    int
        0, or 1 when no input became anything.
    """
    if options.dry_run:
        return _try(inputs, look, options.output, what)
    callback = Callback(options.callback_url, options.token) if options.callback_url else None
    options.output.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="tomography-", dir=options.work))

    def run() -> tuple[list[Outcome], Manifest]:
        done = [_one(one, process, work) for one in inputs]
        files = [one.entry() for one in done]
        return done, write_manifest(options.output / _MANIFEST, files)

    try:
        outcomes = told_by(callback, run)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    good = [one for one in outcomes if not one.error]
    say(f"{len(good)} of {len(outcomes)} {what} were processed")
    return 0 if good else 1


def _one(one: EmInput, process: Callable[[EmInput, Path], Outcome], work: Path) -> Outcome:
    outcome = process(one, work)
    if outcome.error:
        complain(f"{one.name}: {outcome.error}", outcome.hint)
    else:
        say(f"{one.name}: done, {outcome.folder}")
    return outcome


def _try(
    inputs: Sequence[EmInput], look: Callable[[EmInput], dict[str, Any]], output: Path, what: str
) -> int:
    """Say what would be done, and what would go wrong; nothing is written."""
    problems = 0
    for one in inputs:
        say(f"{one.name}: would write {output / one.name}")
        try:
            told = ", ".join(f"{key} {value}" for key, value in look(one).items())
            say(f"  {one.source}: {told}")
        except ApplianceError as error:
            problems += 1
            complain(f"{one.name}: {error.message}", error.hint)
    say(f"dry run: {len(inputs) - problems} of {len(inputs)} {what} can be processed")
    return 1 if problems else 0
