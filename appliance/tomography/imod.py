"""The engine of those who have IMOD: runs their ``batchruntomo`` on a copy of the tilt series."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from appliance.core import DiskFull, JobError
from appliance.tomography.directives import change_text, parse_directives
from appliance.tomography.engines import (
    Progress,
    SeriesOutputs,
    SeriesRequest,
    companions_of,
    missing_outputs,
)

__all__ = ["STEPS", "ImodEngine", "find_imod", "imod_environment"]

STEPS: dict[float, str] = {
    0: "Setup",
    1: "Preprocessing",
    2: "Cross-correlation alignment",
    3: "Prealigned stack",
    4: "Patch tracking, seeds or RAPTOR",
    5: "Bead tracking",
    6: "Alignment",
    7: "Positioning",
    8: "Aligned stack",
    9: "CTF plotting",
    10: "Gold detection in 3D",
    11: "CTF correction",
    12: "Gold erasing",
    13: "2D filtering",
    14: "Reconstruction",
    14.5: "Postprocessing of each axis",
    15: "Setup of the combination",
    16: "Matching of the two axes",
    17: "Initial match of the volumes",
    18: "Patch correlation",
    19: "Combination of the volumes",
    20: "Trimming",
    21: "Filtering by anisotropic diffusion",
    22: "Cleanup",
}
"""The steps of batchruntomo by their number."""
_PLACES = ("/usr/local/IMOD", "/opt/IMOD", "/usr/local/imod", "/opt/imod")
_STEP = re.compile(r"Reached step (\d+(?:\.\d+)?)")
_COM = re.compile(r"\b([A-Za-z][\w-]*)\.com\b")
_BAD = re.compile(r"ABORT SET|ERROR:")
_TAIL_LINES = 20
_KEPT = (".log", ".edf", ".com", ".fid", ".xyz", ".resid", ".tltxf", ".rawtlt", ".txt")


def find_imod(environ: Mapping[str, str] | None = None) -> Path | None:
    """Find the folder of an installation of IMOD.

    Parameters
    ----------
    environ : mapping, optional
        Environment with ``IMOD_DIR`` and ``PATH``; the process's own by default.

    Returns
    -------
    Path or None
        A folder with ``bin/batchruntomo``.
    """
    env = os.environ if environ is None else environ
    program = shutil.which("batchruntomo", path=env.get("PATH", os.defpath))
    on_path = [] if program is None else [str(Path(program).resolve().parents[1])]
    for place in [env.get("IMOD_DIR", ""), *on_path, *_PLACES]:
        if place and os.access(Path(place, "bin", "batchruntomo"), os.X_OK):
            return Path(place)
    return None


@dataclass(frozen=True, slots=True)
class ImodEngine:
    """Runs ``batchruntomo`` of the user's own installation.

    Attributes
    ----------
    environ : dict of str to str
        Environment in which IMOD is looked for and runs.
    grace_s : float
        How long it may take to end after it was asked to.
    """

    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    grace_s: float = 8.0
    name: str = "imod"

    def problem(self) -> str:
        """Say that IMOD is missing; empty when it is here."""
        if find_imod(self.environ) is None:
            return "IMOD is not installed (no batchruntomo in IMOD_DIR, on the PATH or /usr/local)"
        return ""

    def run(self, request: SeriesRequest, folder: Path, progress: Progress) -> SeriesOutputs:
        """Run all steps of batchruntomo on a copy of the series; see `Engine.run`."""
        home = find_imod(self.environ)
        if home is None:
            raise JobError(
                self.problem(),
                hint="Install IMOD and set IMOD_DIR for the service, or choose engine embedded.",
            )
        _copy_inputs(request, folder)
        (folder / f"{request.basename}.adoc").write_text(_own_adoc(request, folder), "utf-8")
        log = folder / "brt_run.log"
        code, said = self._call(home, _command(request), folder, log, progress)
        outputs = _outputs(request, folder, log)
        missing = missing_outputs(outputs)
        if code or said or missing:
            raise _failure(folder, log, code, said, missing)
        return outputs

    def _call(
        self, home: Path, command: list[str], folder: Path, log: Path, progress: Progress
    ) -> tuple[int, str]:
        """Run it to its end; give its exit code and the line that says what went wrong."""
        with (
            log.open("w", encoding="utf-8") as stream,
            _running(command, folder, imod_environment(self.environ, home)) as process,
        ):
            stream.write(" ".join(command) + "\n")
            stream.flush()
            try:
                said = _follow(process, stream, progress)
                return process.wait(), said
            except BaseException:
                self._stop(process, folder)
                raise

    def _stop(self, process: subprocess.Popen[str], folder: Path) -> None:
        """Ask it to end by the files that it looks at; only then end it."""
        for name in (f"batchruntomo.{process.pid}.input", "processchunks.cmds"):
            (folder / name).write_text("Q\n", encoding="utf-8")
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.grace_s)
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(self.grace_s)
        if process.poll() is None:
            process.kill()


def _command(request: SeriesRequest) -> list[str]:
    gpus = ["-gpus", str(request.gpus)] if request.gpus else []
    return ["batchruntomo", "-di", f"{request.basename}.adoc", *gpus, "-cpus", str(request.cpus)]


def imod_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Give the environment in which the programs of an installation run."""
    path = os.pathsep.join([str(home / "bin"), environ.get("PATH", os.defpath)])
    libraries = [str(home / "lib"), environ.get("LD_LIBRARY_PATH", "")]
    return {
        **environ,
        "IMOD_DIR": str(home),
        "PATH": path,
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
    }


def _copy_inputs(request: SeriesRequest, folder: Path) -> None:
    """Copy the stacks and what belongs to them: IMOD may delete or change what it works on."""
    letters = ("a", "b") if request.second else ("",)
    stacks = [path for path in (request.stack, request.second) if path is not None]
    try:
        for stack, letter in zip(stacks, letters, strict=True):
            stem = f"{request.basename}{letter}"
            for path in (stack, *companions_of(stack)):
                ending = path.name.removeprefix(stack.stem)
                shutil.copyfile(path, folder / f"{stem}{ending}")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("there is no space for a copy of the tilt series") from error
        raise


def _own_adoc(request: SeriesRequest, folder: Path) -> str:
    """Point the directive file at the copy; where it points elsewhere, IMOD would work there."""
    own = {
        "setupset.copyarg.name": request.basename,
        "setupset.datasetDirectory": folder.as_posix(),
    }
    if request.second:
        own["setupset.copyarg.dual"] = "1"
    ending = request.stack.suffix.removeprefix(".")
    if "setupset.copyarg.stackext" in parse_directives(request.adoc).values:
        own["setupset.copyarg.stackext"] = ending
    return change_text(request.adoc, own, f"{request.basename}.adoc")


@contextmanager
def _running(
    command: list[str], folder: Path, env: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Start a program; when left, it has ended and its output is closed."""
    program = shutil.which(command[0], path=env["PATH"]) or command[0]
    try:
        process = subprocess.Popen(
            [program, *command[1:]],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise JobError(f"batchruntomo cannot be started: {error.strerror}") from error
    with process:
        yield process


def _follow(process: subprocess.Popen[str], stream: TextIO, progress: Progress) -> str:
    """Keep what it says, tell the progress, and give the first line that is an error."""
    said = ""
    for line in process.stdout or ():
        stream.write(line)
        stream.flush()
        step = _STEP.search(line)
        if step is not None:
            number = float(step[1])
            progress(min(number / 23, 1.0), STEPS.get(number, f"Step {step[1]}"))
        if not said and _BAD.search(line):
            said = line.strip()
    return said


def _outputs(request: SeriesRequest, folder: Path, log: Path) -> SeriesOutputs:
    """Find the outputs under the names of either naming style, and give them ours."""
    base = request.basename
    axis = f"{base}a" if request.second else base
    full = _named(folder, f"{base}_full_rec.mrc", f"{base}_full.rec", f"{axis}_full_rec.mrc")
    rec = _named(folder, f"{base}_rec.mrc", f"{base}.rec")
    ali = _named(folder, f"{base}_ali.mrc", f"{axis}_ali.mrc", f"{axis}.ali")
    return SeriesOutputs(
        ali=ali,
        rec=rec,
        full_rec=full if full.is_file() else None,
        xf=_if_there(_named(folder, f"{base}.xf", f"{axis}.xf")),
        tlt=_if_there(_named(folder, f"{base}.tlt", f"{axis}.tlt")),
        report=_report(folder),
        log=log,
        others=tuple(sorted(p for p in folder.iterdir() if p.suffix in _KEPT and p != log)),
    )


def _named(folder: Path, wanted: str, *others: str) -> Path:
    """Give a file its name of the workflow, whichever of its names it has."""
    target = folder / wanted
    for name in others:
        if not target.exists() and (folder / name).is_file():
            (folder / name).rename(target)
    return target


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _report(folder: Path) -> dict[str, object]:
    """Read what align.log tells of the residual error, where there is one."""
    found: dict[str, object] = {"engine": "imod"}
    for path in sorted(folder.glob("align*.log")):
        text = path.read_text(encoding="utf-8", errors="replace")
        means = re.findall(r"Residual error (?:weighted )?mean[^\d\n]*([\d.]+)", text)
        if means:
            found["residual_px"] = float(means[-1].rstrip("."))
    return found


def _failure(folder: Path, log: Path, code: int, said: str, missing: list[str]) -> JobError:
    """Say what went wrong, with the end of the log that tells why."""
    text = log.read_text(encoding="utf-8", errors="replace")
    about = _guilty_log(folder, text, said) or log
    tail = about.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
    reached = _STEP.findall(text)
    where = f" at the step {STEPS.get(float(reached[-1]), reached[-1])}" if reached else ""
    why = said or (f"it ended with code {code}" if code else f"{', '.join(missing)} is missing")
    return JobError(
        f"batchruntomo failed{where}: {why}",
        hint=f"The end of {about.name} tells more.",
        log=about.name,
        log_tail="\n".join(tail),
    )


def _guilty_log(folder: Path, text: str, said: str) -> Path | None:
    """Find the log of the command file that was named last, best in the line of the error."""
    names = _COM.findall(said) or _COM.findall(text)
    paths = [folder / f"{name}.log" for name in reversed(names)]
    return next((path for path in paths if path.is_file()), None)
