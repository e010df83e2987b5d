"""Asks a cluster whether jobs could run there: step by step, each with what to do about it."""

from __future__ import annotations

import contextlib
import secrets
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from appliance.core import JobError

if TYPE_CHECKING:
    from appliance.jobs.cluster import ClusterAdapter
    from appliance.jobs.workload import Workload

__all__ = ["Finding", "examine"]

_SEEN_WITHIN_S = 10.0
_PYTHON = "import sys; print('Python', sys.version.split()[0])"


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes
    ----------
    step : {"commands", "python", "program", "paths", "writes"}
        The commands of the cluster answer; Python runs; the supervisor is read; a file written
        here is seen there, and one written there here.
    text : str
        What was found.
    hint : str
        What to do when it is not `ok`.
    """

    step: str
    ok: bool
    text: str
    hint: str = ""


def examine(adapter: ClusterAdapter, workload: Workload, command: tuple[str, ...]) -> list[Finding]:
    """Look at all that a job needs there, up to the first thing without which nothing goes on."""
    found: list[Finding] = []
    for step in _steps(adapter, workload, command):
        found.append(step)
        if not step.ok and step.step != "paths":
            break
    return found


def _steps(
    adapter: ClusterAdapter, workload: Workload, command: tuple[str, ...]
) -> Iterator[Finding]:
    where = adapter.settings.host or "this machine"
    try:
        yield Finding("commands", True, workload.probe())
    except JobError as error:
        hint = error.hint or f"Try the commands of the scheduler by hand on {where}."
        yield Finding("commands", False, error.message, hint)
        return
    try:
        yield _python(workload, command[0], where)
        yield _program(workload, command[-1])
        yield from _disk(adapter, workload)
    except JobError as error:
        yield Finding("paths", False, error.message, error.hint or f"Is {where} up?")


def _python(workload: Workload, python: str, where: str) -> Finding:
    said = workload.shell(shlex.join([python, "-I", "-S", "-c", _PYTHON]))
    if said.code:
        text = f"{python} does not run there: {said.why}"
        return Finding("python", False, text, f"Set python of the adapter to one on {where}.")
    return Finding("python", True, said.out.strip())


def _program(workload: Workload, program: str) -> Finding:
    if workload.shell(shlex.join(["test", "-r", program])).code:
        hint = "Share the data folder with the cluster; set paths if it lies elsewhere."
        return Finding("program", False, f"{program} cannot be read there", hint)
    return Finding("program", True, "the data folder is seen")


def _disk(adapter: ClusterAdapter, workload: Workload) -> Iterator[Finding]:
    """Leave a file on either side, and look for it from the other."""
    word = secrets.token_hex(8)
    here = adapter.home / f".probe-{word}"
    back = here.with_suffix(".back")
    there = adapter.site.paths.there(here)
    try:
        here.write_text(word, encoding="ascii")
        said = workload.shell(f"cat {shlex.quote(there)}")
        if said.out.strip() != word:
            hint = f"paths of the adapter has to say what {here.parent} is called there."
            yield Finding("paths", False, f"{here} is not seen there as {there}", hint)
            return
        yield Finding("paths", True, f"{here.parent} is {Path(there).parent} there")
        said = workload.shell(f"printf %s {word} > {shlex.quote(there + '.back')}")
        back = Path(f"{here}.back")
        if said.code or not _appears(back, word):
            hint = "Let the user of the service write to the data folder there."
            text = f"what is written there is not seen here: {said.why}"
            yield Finding("writes", False, text, hint)
            return
        yield Finding("writes", True, "what is written there is seen here")
    finally:
        for path in (here, back):
            with contextlib.suppress(OSError):
                path.unlink()


def _appears(path: Path, word: str) -> bool:
    """Wait for a file; a network disk shows it late."""
    until = time.monotonic() + _SEEN_WITHIN_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if path.read_text(encoding="ascii") == word:
                return True
        time.sleep(0.1)
    return False
