"""Conversion of plain stacks without reading every header twice: a part proves, the rest follows.

dcm2niix converts a few objects of the series. What it makes of them (header, sidecar, gradients)
is taken over, and how it turned them is found out and compared voxel for voxel; then all slices
are written straight into an image turned alike. Whatever is not beyond doubt is left to dcm2niix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.exchange.dcm2niix import ConverterRefused, Output, run_dcm2niix

if TYPE_CHECKING:
    from appliance.formats import ImageHead, PlainStack

__all__ = ["convert_natively"]

_LEAST_SLICES = 6
_PROVING_SLICES = 4  # with fewer, sidecars call it a localizer
_WHOLE = 2  # volumes that show whether slices have times
_PROVING_THROUGH = 2  # of all volumes: times, gradients and their order depend on all
_TIMING = "SliceTiming"
_BY_VOLUMES = frozenset({"BidsGuess", "RepetitionTime"})
_ODD_MAKERS = ("ge ", "uih", "canon", "toshiba", "hitachi", "bruker")
"""Makers of MR whose slices have to be looked at one by one: timing, gradients, hidden echoes."""


def convert_natively(
    paths: Sequence[Path], target: Path, *, timeout_s: float = 3600
) -> list[Output]:
    """Convert the objects of a series.

    Parameters
    ----------
    paths : sequence of Path
        All objects of one series.
    target : Path
        Empty folder for the results.

    Raises
    ------
    NotPlain
        If dcm2niix has to do it; the text says why.
    """
    from appliance.formats import NotPlain, part_of, read_stack, write_stack_image

    stack = read_stack(paths)
    _check_class(stack)
    n_slices, n_volumes = stack.shape[2:]
    if n_slices < _LEAST_SLICES:
        raise NotPlain("it has few slices")
    part = part_of(stack, slices=_PROVING_SLICES if n_volumes == 1 else _PROVING_THROUGH)
    proof, head = _prove(part, target / "part", timeout_s)
    doc = _doc(proof)
    tables = [path for path in proof.sidecars if path.suffix != ".json"]
    if n_volumes == 1 and tables:
        raise NotPlain("it has a gradient")
    if n_volumes > 1 and stack.is_timed:
        whole, _ = _prove(part_of(stack, volumes=_WHOLE), target / "whole", timeout_s)
        _check_alike(doc, _doc(whole))
    image = target / proof.image.name
    write_stack_image(image, stack, head, part, seconds=head.seconds)
    sidecar = image.with_suffix(".json")
    sidecar.write_bytes(msgspec.json.format(msgspec.json.encode(doc), indent=4))
    moved = [path.rename(target / path.name) for path in tables]
    return [Output(image, (sidecar, *moved), proof.variant)]


def _check_class(stack: PlainStack) -> None:
    from appliance.formats import NotPlain

    if stack.modality == "MR" and stack.maker.startswith(_ODD_MAKERS):
        raise NotPlain("images of this maker are looked at one by one")
    slice_wise = stack.shape[3] > 1 or not stack.in_3d
    if stack.modality == "MR" and stack.maker.startswith("siemens") and slice_wise:
        raise NotPlain("the times of its slices have to be looked at")
    if stack.modality != "MR" and stack.shape[3] > 1:
        raise NotPlain("only MR is converted so with several volumes")


def _prove(part: PlainStack, folder: Path, timeout_s: float) -> tuple[Output, ImageHead]:
    """Have a part converted, and compare it with our own; the output that agreed."""
    from appliance.formats import ImageHead, NotPlain, stack_values, turn_of

    objects, made = folder / "in", folder / "out"
    objects.mkdir(parents=True)
    made.mkdir()
    for volume in part.volumes:
        for one in volume:
            (objects / f"{one.instance:08d}.dcm").symlink_to(Path(one.path).absolute())
    try:
        outputs = run_dcm2niix(objects, made, timeout_s=timeout_s)
    except ConverterRefused as refused:
        raise NotPlain("the converter refuses a part of it") from refused
    if len(outputs) != 1:
        raise NotPlain("the converter makes several images of it")
    head = ImageHead.read(outputs[0].image)
    ours = stack_values(part, turn_of(part, head))
    theirs = head.values(outputs[0].image)
    if ours.shape != theirs.shape or ours.tobytes() != theirs.tobytes():
        raise NotPlain("the converter makes other values of it")
    return outputs[0], head


def _doc(output: Output) -> dict[str, Any]:
    found = next(path for path in output.sidecars if path.suffix == ".json")
    doc: dict[str, Any] = msgspec.json.decode(found.read_bytes())
    return doc


def _check_alike(through: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
    """Look whether two slices of all volumes are described as some whole volumes are."""
    from appliance.formats import NotPlain

    if _TIMING in through or _TIMING in whole:  # worked out from all slices of all volumes
        raise NotPlain("the times of its slices are told")
    for key in (through.keys() | whole.keys()) - _BY_VOLUMES:
        if through.get(key) != whole.get(key):
            raise NotPlain("its volumes are described differently")
