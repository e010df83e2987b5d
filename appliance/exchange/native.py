"""Conversion of plain stacks without reading every header twice: a part proves, the rest follows.

dcm2niix converts a few objects of the series. What it makes of them (header, sidecar, gradients)
is taken over, and how it turned them is found out and compared voxel for voxel; then all slices
are written straight into an image turned alike. Whatever is not beyond doubt is left to dcm2niix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.exchange.dcm2niix import ConverterRefused, Output, run_dcm2niix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from appliance.formats import ImageHead, MosaicStack, PlainStack

__all__ = ["convert_natively"]

_LEAST_SLICES = 6
_PROVING_SLICES = 4  # with fewer, sidecars call it a localizer
_WHOLE = 2  # volumes that show whether slices have times
_LEAST_MOSAICS = 6
_PROVING_MOSAICS = 3
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
    from appliance.formats import is_mosaic, read_mosaics, read_stack

    if len(paths) > 1 and is_mosaic(paths[0]):
        return [_convert_mosaics(read_mosaics(paths), target, timeout_s)]
    return [_convert_stack(read_stack(paths), target, timeout_s)]


def _convert_stack(stack: PlainStack, target: Path, timeout_s: float) -> Output:
    from appliance.formats import NotPlain, part_of, write_stack_image

    _check_class(stack)
    n_slices, n_volumes = stack.shape[2:]
    if n_slices < _LEAST_SLICES:
        raise NotPlain("it has few slices")
    proving = _PROVING_SLICES if n_volumes == 1 or stack.frames else _PROVING_THROUGH
    skip = (n_slices - proving) // 2 if stack.frames else 0  # in the middle volumes differ
    part = part_of(stack, slices=proving, skip=skip)
    proof, head, order = _prove(part, target / "part", timeout_s)
    doc = _doc(proof)
    tables = [path for path in proof.sidecars if path.suffix != ".json"]
    if n_volumes == 1 and tables:
        raise NotPlain("it has a gradient")
    if n_volumes > 1 and stack.is_timed:
        whole, *_ = _prove(part_of(stack, volumes=_WHOLE), target / "whole", timeout_s)
        _check_alike(doc, _doc(whole))
    image = target / proof.image.name
    stack = replace(stack, volumes=[stack.volumes[index] for index in order])
    write_stack_image(image, stack, head, part, seconds=head.seconds)
    return _taken(proof, target, doc, tables)


def _convert_mosaics(stack: MosaicStack, target: Path, timeout_s: float) -> Output:
    from appliance.formats import ImageHead, NotPlain, tiling_of, write_mosaic_image

    if len(stack.volumes) < _LEAST_MOSAICS:
        raise NotPlain("it has few mosaics")
    part = stack.part(_PROVING_MOSAICS)
    objects, made = _folders(target / "part")
    for one in part.volumes:
        (objects / f"{one.instance:08d}.dcm").symlink_to(Path(one.path).absolute())
    proof = _converted(objects, made, timeout_s)
    tables = [path for path in proof.sidecars if path.suffix != ".json"]
    if tables:
        # Each mosaic tells a gradient of its own, in CSA; how dcm2niix turns, rounds and leaves out
        # (b0, traces) would have to be followed to the last digit, and a part proves only itself.
        raise NotPlain("its mosaics have gradients")
    head = ImageHead.read(proof.image)
    tiling = tiling_of(part, head, head.values(proof.image))
    write_mosaic_image(target / proof.image.name, stack, head, tiling)
    return _taken(proof, target, _doc(proof), tables)


def _taken(proof: Output, target: Path, doc: dict[str, Any], tables: Sequence[Path]) -> Output:
    """Take over what stands beside the image of a proof."""
    image = target / proof.image.name
    sidecar = image.with_suffix(".json")
    sidecar.write_bytes(msgspec.json.format(msgspec.json.encode(doc), indent=4))
    moved = [path.rename(target / path.name) for path in tables]
    return Output(image, (sidecar, *moved), proof.variant)


def _check_class(stack: PlainStack) -> None:
    from appliance.formats import NotPlain

    if stack.modality == "MR" and stack.maker.startswith(_ODD_MAKERS):
        raise NotPlain("images of this maker are looked at one by one")
    slice_wise = stack.shape[3] > 1 or not stack.in_3d
    if stack.modality == "MR" and stack.maker.startswith("siemens") and slice_wise:
        raise NotPlain("the times of its slices have to be looked at")
    if stack.modality != "MR" and stack.shape[3] > 1:
        raise NotPlain("only MR is converted so with several volumes")


def _prove(
    part: PlainStack, folder: Path, timeout_s: float
) -> tuple[Output, ImageHead, Sequence[int]]:
    """Have a part converted, and compare it with our own.

    Returns
    -------
    tuple
        The output that agreed, its head, and which of our volumes each of its volumes is.
    """
    from appliance.formats import ImageHead, lay_out, stack_values, turn_of

    objects, made = _folders(folder)
    lay_out(part, objects)
    output = _converted(objects, made, timeout_s)
    head = ImageHead.read(output.image)
    ours = stack_values(part, turn_of(part, head))
    return output, head, _order(ours, head.values(output.image))


def _folders(folder: Path) -> tuple[Path, Path]:
    objects, made = folder / "in", folder / "out"
    objects.mkdir(parents=True)
    made.mkdir()
    return objects, made


def _converted(objects: Path, made: Path, timeout_s: float) -> Output:
    from appliance.formats import NotPlain

    try:
        outputs = run_dcm2niix(objects, made, timeout_s=timeout_s)
    except ConverterRefused as refused:
        raise NotPlain("the converter refuses a part of it") from refused
    if len(outputs) != 1:
        raise NotPlain("the converter makes several images of it")
    return outputs[0]


def _order(ours: NDArray[Any], theirs: NDArray[Any]) -> Sequence[int]:
    """Find each of their volumes among ours."""
    from appliance.formats import NotPlain

    if ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes():
        return range(len(ours))
    known = {one.tobytes(): index for index, one in enumerate(ours)}
    found = [known.get(one.tobytes(), -1) for one in theirs]
    if ours.shape != theirs.shape or sorted(found) != list(range(len(ours))):
        raise NotPlain("the converter makes other values of it")
    return found


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
