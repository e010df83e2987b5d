"""The flow of FIB and block face SEM stacks as a program: an aligned volume and views of it.

``python -m appliance.tomography.stack_flow FOLDER_OR_FILES... --output FOLDER``
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.formats import EmSections, open_em_sections
from appliance.tomography.course import Course, Outcome
from appliance.tomography.em_inputs import EmInput, find_stacks
from appliance.tomography.flow_program import add_common, run_flow, run_program
from appliance.tomography.manifest import Asset
from appliance.tomography.section_stack import SectionFrame, section_frame, write_sections
from appliance.tomography.serial import SerialAlignment, align_sections
from appliance.tomography.stack_assets import make_stack_assets
from appliance.tomography.stack_records import (
    StackOrders,
    Voxel,
    alignment_report,
    voxel_of,
    write_alignment,
)
from appliance.tomography.telling import Told

__all__ = ["ADJUSTED", "HEDWIG", "STEPS", "command_parser", "main", "process_stack"]

STEPS = ("check", "align", "volume", "assets")
ADJUSTED = "adjusted.mrc"
"""The aligned stack, as the reference workflow calls it."""
HEDWIG = "hedwig"
"""Folder of what is shown of a stack, beside its volume."""
_FLOW = "em-stack"
_FEWEST = 2
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def process_stack(one: EmInput, orders: StackOrders) -> Outcome:
    """Align the sections of a stack, and make volume, movie, key image and pyramid of it.

    Returns
    -------
    Outcome
        Also of a failure; an earlier result is as it was then.
    """
    course = Course(
        _FLOW,
        one.name,
        one.source,
        STEPS,
        orders.output / one.name,
        orders.work / one.name,
        Told(one.name),
    )
    return course.run(_Work(course, one, orders).make)


def look_at_stack(one: EmInput, orders: StackOrders) -> dict[str, Any]:
    """Check that files are a stack, and say what it is and becomes."""
    return _checked(one, orders).report


@dataclass(frozen=True, slots=True, eq=False)
class _Stack:
    """A stack that can be processed, and what it becomes."""

    sections: EmSections
    frame: SectionFrame
    voxel: Voxel
    report: dict[str, Any]

    def read(self, i: int) -> NDArray[Any]:
        """Give section `i` as an MRC file keeps it: grey, the lower row first."""
        values = self.sections.read(i)
        grey = values @ _LUMA if values.ndim == 3 else values
        if grey.shape != self.sections.shape[1:]:
            raise FormatError(f"section {i + 1} is of another size than the first one")
        return grey[::-1]


def _checked(one: EmInput, orders: StackOrders) -> _Stack:
    sections = open_em_sections(one.paths)
    n, ny, nx = sections.shape
    if n < _FEWEST:
        raise FormatError(
            f"{one.source} holds one section: that is no stack",
            hint="Bring all sections of a stack into one folder; single images have a job of"
            " their own.",
        )
    if sections.dtype.kind not in "iuf":
        raise FormatError(f"{one.source} holds no real numbers: {sections.dtype}")
    frame = section_frame((ny, nx), orders.tilt_deg, orders.binning)
    voxel, messages = voxel_of(sections.pixel_nm, orders)
    if sections.is_rgb:
        messages.append("sections have colours: their brightness is taken")
    report = {
        "n_sections": n,
        "size": [nx, ny],
        "type": str(sections.dtype.newbyteorder("=")),
        "pixel_nm": voxel.camera_nm or None,
        "section_nm": voxel.section_nm if voxel.is_known else None,
        "tilt_deg": orders.tilt_deg,
        "binning": orders.binning,
        "drift": orders.drift,
        "messages": messages,
    }
    return _Stack(sections, frame, voxel, report)


@dataclass(frozen=True, slots=True)
class _Work:
    """The steps of one stack."""

    course: Course
    one: EmInput
    orders: StackOrders

    def make(self) -> tuple[list[Asset], dict[str, Any]]:
        step = self.course.step
        stack = step("check", self._check)
        aligned = step("align", lambda facts: self._align(stack, facts))
        volume = self.course.out / ADJUSTED
        step("volume", lambda facts: self._volume(stack, aligned, volume, facts))
        assets, said = step("assets", lambda facts: self._assets(stack, volume, facts))
        told = {**stack.report, **alignment_report(aligned)}
        return assets, {**told, "messages": [*stack.report["messages"], *said]}

    def _check(self, facts: dict[str, Any]) -> _Stack:
        facts["stacks"] = [{"name": self.one.source, "files": len(self.one.paths)}]
        found = _checked(self.one, self.orders)
        facts |= found.report
        return found

    def _align(self, stack: _Stack, facts: dict[str, Any]) -> SerialAlignment:
        n = stack.sections.shape[0]
        aligned = align_sections(
            stack.read, n, drift=self.orders.drift, progress=self.course.tell("aligned")
        )
        facts |= alignment_report(aligned)
        write_alignment(self.course.out, aligned, stack.frame.stretch)
        if aligned.n_images == 0:
            raise FormatError("no section holds an image", hint="All are empty or hold no numbers.")
        return aligned

    def _volume(
        self, stack: _Stack, aligned: SerialAlignment, path: Path, facts: dict[str, Any]
    ) -> None:
        write_sections(
            path,
            stack.read,
            aligned.shifts,
            stack.frame,
            pixel_nm=stack.voxel.pixel_nm,
            section_nm=stack.voxel.section_nm,
            progress=self.course.tell("written"),
        )
        rows, columns = stack.frame.shape
        facts |= {"size": [columns, rows, len(aligned.shifts)], "mean_sd": [150, 40]}
        facts |= {"bytes": path.stat().st_size, "stretch": stack.frame.stretch}

    def _assets(
        self, stack: _Stack, volume: Path, facts: dict[str, Any]
    ) -> tuple[list[Asset], list[str]]:
        said: list[str] = []
        folder = self.course.out / HEDWIG
        made = make_stack_assets(
            self.one.name,
            volume,
            folder,
            stack.voxel,
            sharded=self.orders.sharded,
            say=said.append,
        )
        facts |= {"assets": [one.path for one in made], "said": said}
        return made, said


def command_parser() -> argparse.ArgumentParser:
    """Give the parser of the command line."""
    parser = argparse.ArgumentParser(prog="stack_flow", description=__doc__, allow_abbrev=False)
    add_common(parser, "folders of TIFF files, their sections, or files of several sections")
    add = parser.add_argument
    add("--tilt", type=float, default=0.0, help="angle of the surface to the beam, in degrees")
    add("--bin", type=int, default=1, help="pixels that become one, along each side")
    add("--pixel", type=_length, default=0.0, help="edge of a pixel in nm")
    add("--section", type=_length, default=0.0, help="distance of two sections in nm")
    add("--drift", choices=("keep", "remove"), default="keep")
    add("--pyramid", choices=("flat", "sharded"), default="flat")
    return parser


def _length(text: str) -> float:
    """Read a length; none is 0."""
    return float(text) if text.strip() else 0.0


def main(words: Sequence[str] | None = None) -> int:
    """Run the program; give 0, 1 when no stack became anything, or 2 when nothing could begin."""
    options = command_parser().parse_args(words)
    return run_program(partial(_run, options))


def _run(options: argparse.Namespace) -> int:
    inputs = find_stacks(options.inputs, options.output)

    def orders(work: Path) -> StackOrders:
        return StackOrders(
            options.output,
            work,
            tilt_deg=options.tilt,
            binning=options.bin,
            pixel_nm=options.pixel,
            section_nm=options.section,
            drift=options.drift,
            sharded=options.pyramid == "sharded",
        )

    return run_flow(
        options,
        inputs,
        lambda one: look_at_stack(one, orders(Path())),
        lambda one, work: process_stack(one, orders(work)),
        "stacks",
    )


if __name__ == "__main__":
    raise SystemExit(main())
