"""What the engines of the workflow share: what they are asked, what they answer, how they stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from appliance.core import JobError

__all__ = [
    "COMPANIONS",
    "Engine",
    "EngineName",
    "Progress",
    "SeriesOutputs",
    "SeriesRequest",
    "choose_engine",
    "companions_of",
    "missing_outputs",
]

EngineName = Literal["auto", "imod", "embedded"]
Progress = Callable[[float, str], None]
"""Takes the part that is done, 0 to 1, and what is being done."""
COMPANIONS = (".rawtlt", ".tlt", ".mdoc", ".xf", ".prexf")
"""Endings of the files beside a stack that belong to it."""


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """One tilt series that is to become a tomogram.

    Attributes
    ----------
    basename : str
        Name of the stack before its last dot; without the letter of the axis where there are two.
    stack : Path
        The stack, or that of the first axis; it is only read.
    adoc : str
        Text of the directive file.
    second : Path or None
        The stack of the second axis.
    cpus, gpus : int
        What the queue has granted.
    templates : tuple of Path
        Folders of the templates that the directive file may name.
    earlier : Path or None
        Folder of an earlier result whose alignment is taken as it is.
    """

    basename: str
    stack: Path
    adoc: str
    second: Path | None = None
    cpus: int = 20
    gpus: int = 1
    templates: tuple[Path, ...] = ()
    earlier: Path | None = None


@dataclass(frozen=True, slots=True)
class SeriesOutputs:
    """What an engine has made, in its work folder.

    Attributes
    ----------
    ali, rec : Path
        Aligned tilt series; reconstruction as (thickness, y, x).
    full_rec : Path or None
        Untrimmed reconstruction as (y, thickness, x).
    xf, tlt : Path or None
        Transforms of the tilts and their refined angles.
    report : dict
        How good the alignment is, as JSON values.
    log : Path
        What the engine said.
    others : tuple of Path
        Further logs and small files worth keeping.
    """

    ali: Path
    rec: Path
    full_rec: Path | None
    xf: Path | None
    tlt: Path | None
    report: dict[str, object]
    log: Path
    others: tuple[Path, ...] = ()


class Engine(Protocol):
    """Makes a tomogram of a tilt series."""

    @property
    def name(self) -> str:
        """What the user calls it."""
        ...

    def problem(self) -> str:
        """Say why it cannot run on this machine; empty when it can."""
        ...

    def run(self, request: SeriesRequest, folder: Path, progress: Progress) -> SeriesOutputs:
        """Make a tomogram.

        Parameters
        ----------
        request : SeriesRequest
            What to make; its stack is never changed.
        folder : Path
            Empty work folder of this series alone.
        progress : callable
            Told how far it is.

        Returns
        -------
        SeriesOutputs
            In `folder`, under the names of the workflow.

        Raises
        ------
        ApplianceError
            If it fails; what is there so far stays in `folder`. The fact ``log_tail`` has the end
            of the log that tells why.
        """
        ...


def choose_engine(name: EngineName, engines: tuple[Engine, ...]) -> Engine:
    """Choose an engine by its name, or the first that can run here.

    Raises
    ------
    JobError
        If the chosen one cannot run here.
    """
    wanted = [one for one in engines if name in ("auto", one.name)]
    problems = [one.problem() for one in wanted]
    for one, problem in zip(wanted, problems, strict=True):
        if not problem:
            return one
    raise JobError(
        f"the engine {name} cannot run here: {'; '.join(problems) or 'it is unknown'}",
        hint="Choose the engine embedded, which needs nothing else.",
    )


def companions_of(stack: Path) -> list[Path]:
    """Find the files beside a stack that belong to it: angles, transforms, the microscope's notes.

    ``NAME.mdoc`` and ``NAME.mrc.mdoc`` both belong to ``NAME.mrc``.
    """
    names = [stack.with_suffix(end) for end in COMPANIONS]
    names.append(stack.with_name(stack.name + ".mdoc"))
    return [path for path in names if path.is_file()]


def missing_outputs(outputs: SeriesOutputs) -> list[str]:
    """Name the promised outputs that do not exist or are empty."""
    wanted = [outputs.ali, outputs.rec, outputs.full_rec, outputs.xf, outputs.tlt]
    return [
        path.name
        for path in wanted
        if path is not None and not (path.is_file() and path.stat().st_size)
    ]
