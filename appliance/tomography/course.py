"""One input of a flow through its steps: results appear when all went well, failures lie apart."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from appliance.core import ApplianceError, atomic_write
from appliance.tomography.manifest import Asset, ImageSet, PrimaryFile
from appliance.tomography.publishing import RECORDS, keep_failure, publish
from appliance.tomography.steps import StepRecord, recorded, write_steps

__all__ = ["REPORT", "Course", "Outcome"]

REPORT = "report.json"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input; `folder` holds its results, or the records of its failure.

    Attributes
    ----------
    source : str
        Name of the file or folder that was given.
    assets : tuple of Asset
        Paths relative to `folder`.
    """

    name: str
    source: str
    folder: Path
    records: tuple[StepRecord, ...]
    assets: tuple[Asset, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    hint: str = ""

    def entry(self) -> PrimaryFile:
        """Give the entry of the manifest of the run."""
        place = f"{self.folder.name}/"
        assets = [msgspec.structs.replace(one, path=place + one.path) for one in self.assets]
        return PrimaryFile(
            primary_file_path=self.source,
            title=self.name,
            image_set=[] if self.error else [ImageSet(self.name, assets)],
            status="error" if self.error else "success",
            message=self.error or None,
        )


@dataclass(slots=True)
class Course:
    """The steps of one input, each recorded as it goes.

    Attributes
    ----------
    flow : str
        Which flow this is; it stands in the records, so that lists can tell flows apart.
    name, source : str
        Name of the results, and of the file or folder that was given.
    steps : tuple of str
        In their order.
    target, work : Path
        Where results belong, and where they are made.
    say : callable
        Told each step and its progress, a line each.
    """

    flow: str
    name: str
    source: str
    steps: tuple[str, ...]
    target: Path
    work: Path
    say: Callable[[str], None]
    records: list[StepRecord] = field(default_factory=list)

    @property
    def out(self) -> Path:
        """Folder of what is going to be published."""
        return self.work / "out"

    def run(self, work: Callable[[], tuple[list[Asset], dict[str, Any]]]) -> Outcome:
        """Do the work in a fresh folder; publish what it made, or keep why it failed.

        Parameters
        ----------
        work : callable
            Writes into `out`, calls `step`, gives assets and report.
        """
        shutil.rmtree(self.work, ignore_errors=True)
        self.out.mkdir(parents=True)
        try:
            assets, report = work()
            told = {"flow": self.flow, "name": self.name, "source": self.source, **report}
            told["assets"] = [one.path for one in assets]
            with atomic_write(self.out / REPORT) as stream:
                stream.write(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
            write_steps(self.out / RECORDS, self.records)
            publish(self.out, self.target)
        except (ApplianceError, OSError) as error:
            return self._failed(error)
        finally:
            shutil.rmtree(self.work, ignore_errors=True)
        return Outcome(
            self.name, self.source, self.target, tuple(self.records), tuple(assets), told
        )

    def step(self, step: str, work: Callable[[dict[str, Any]], T]) -> T:
        """Do one step; what it puts into its dictionary becomes the facts of its record."""
        number = self.steps.index(step) + 1
        self.say(f"{self.name}: step {number} of {len(self.steps)}, {step}")
        with recorded(step, self.records) as facts:
            facts["flow"] = self.flow
            return work(facts)

    def tell(self, text: str) -> Callable[[float], None]:
        """Make what says how far a step is; whole tens of percents only."""
        told = [0]

        def progress(part: float) -> None:
            tens = int(10 * part)
            if tens > told[0]:
                told[0] = tens
                self.say(f"{self.name}: {10 * tens:3d} % {text}")

        return progress

    def _failed(self, error: ApplianceError | OSError) -> Outcome:
        why = error.message if isinstance(error, ApplianceError) else str(error.strerror or error)
        folder = keep_failure(self.target, self.work, self.records)
        hint = error.hint if isinstance(error, ApplianceError) else ""
        return Outcome(self.name, self.source, folder, tuple(self.records), error=why, hint=hint)
