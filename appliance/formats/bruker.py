"""Reconstructed images of Bruker ParaVision: ``2dseq`` with its ``visu_pars``, read as volumes.

Written after Bruker's own description of the VISU parameters. Raw data (``fid``) are not touched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from appliance.core import FormatError
from appliance.formats.jcamp import JcampValue, read_jcamp
from appliance.geometry import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BrukerFacts", "BrukerImage", "bruker_facts", "read_bruker"]

_TYPES = {
    "_16BIT_SGN_INT": "i2",
    "_32BIT_SGN_INT": "i4",
    "_8BIT_UNSGN_INT": "u1",
    "_32BIT_FLOAT": "f4",
}
_ORDERS = {"littleEndian": "<", "bigEndian": ">"}
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SLICES = "FG_SLICE"
_ALIKE = 1e-3
_MOST_FRAMES = 1_000_000
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


class BrukerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Whose image it is and how it was taken; it names a person or an animal.

    Attributes
    ----------
    number : int or None
        Experiment times 10000 plus reconstruction, as ParaVision numbers its DICOM series.
    """

    uid: str = ""
    study_uid: str = ""
    subject_id: str = ""
    subject_name: str = ""
    birth_date: str = ""
    sex: str = ""
    date: str = ""
    time: str = ""
    study: str = ""
    protocol: str = ""
    modality: str = "MR"
    number: int | None = None


class BrukerImage(msgspec.Struct, frozen=True):
    """One volume of a reconstruction, and what a sidecar tells of it."""

    volume: Any
    sidecar: dict[str, Any]


class _Visu:
    """Parameters by name, with the checks that all of them need."""

    def __init__(self, values: dict[str, JcampValue]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        found = self._values.get(name, "")
        return (found if isinstance(found, str) else " ".join(found)).strip()

    def words(self, name: str) -> list[str]:
        found = self._values.get(name, [])
        return [found] if isinstance(found, str) else found

    def numbers(self, name: str) -> list[float]:
        try:
            found = [float(word) for word in self.words(name)]
        except ValueError as error:
            raise FormatError(f"{name} of ParaVision holds no numbers") from error
        if not all(map(math.isfinite, found)):
            raise FormatError(f"{name} of ParaVision holds no numbers")
        return found

    def whole(self, name: str) -> int | None:
        found = self.text(name)
        return int(found) if re.fullmatch(r"-?\d{1,9}", found) else None


def bruker_facts(visu_pars: Path) -> BrukerFacts:
    """Tell whose a reconstruction is, from its ``visu_pars``.

    Raises
    ------
    FormatError
        If it is none.
    """
    visu = _Visu(read_jcamp(visu_pars))
    if not visu.text("VisuCoreSize"):
        raise FormatError("not the visu_pars of an image")
    experiment = visu.whole("VisuExperimentNumber")
    date, time = _when(visu.text("VisuStudyDate") or visu.text("VisuAcqDate"))
    return BrukerFacts(
        uid=visu.text("VisuUid"),
        study_uid=visu.text("VisuStudyUid"),
        subject_id=visu.text("VisuSubjectId"),
        subject_name=visu.text("VisuSubjectName"),
        birth_date=_when(visu.text("VisuSubjectBirthDate"))[0],
        sex={"MALE": "M", "FEMALE": "F"}.get(visu.text("VisuSubjectSex").upper(), ""),
        date=date,
        time=time,
        study=visu.text("VisuStudyId"),
        protocol=visu.text("VisuAcquisitionProtocol"),
        modality=visu.text("VisuInstanceModality") or "MR",
        number=None
        if experiment is None
        else experiment * 10_000 + (visu.whole("VisuProcessingNumber") or 1),
    )


def _when(text: str) -> tuple[str, str]:
    """Read ``2019-05-20T10:11:12,345+0200`` or ``10:11:12  20 May 2019`` as DICOM writes them."""
    iso = re.search(r"(\d{4})-?(\d\d)-?(\d\d)(?:T(\d\d):?(\d\d):?(\d\d))?", text)
    if iso:
        return "".join(iso.group(1, 2, 3)), "".join(part or "" for part in iso.group(4, 5, 6))
    old = re.search(r"(\d\d):(\d\d):(\d\d)\s+(\d{1,2}) (\w{3})\w* (\d{4})", text)
    month = _MONTHS.find(old[5].title()) if old else -1
    if old is None or month % 3:
        return "", ""
    return f"{old[6]}{month // 3 + 1:02d}{int(old[4]):02d}", "".join(old.group(1, 2, 3))


def read_bruker(visu_pars: Path, pixels: Path) -> list[BrukerImage]:
    """Read all images of one reconstruction.

    Parameters
    ----------
    visu_pars, pixels : Path
        Its parameters and its ``2dseq``.

    Returns
    -------
    list of BrukerImage
        One per package of parallel slices; (I, J, K) or (I, J, K, T), where T counts the frames of
        all other groups (echo, repetition, direction), the first of them fastest. World RAS+ mm.

    Raises
    ------
    FormatError
        If something is missing, contradicts itself or is not a picture of two or three axes.

    Notes
    -----
    `VisuCorePosition` is the centre of a frame's first voxel and the rows of
    `VisuCoreOrientation` are the directions of its axes, both in LPS of the subject, as DICOM's
    ImagePositionPatient and ImageOrientationPatient.
    """
    visu = _Visu(read_jcamp(visu_pars))
    size, extent = _grid(visu)
    frames = _frames(visu, pixels, size)
    n_slices, n_rest, order = _groups(visu, len(frames))
    frames = frames[order]  # (rest, slices, ...), the slices of a volume one after the other
    orientation = _per_slice(visu, "VisuCoreOrientation", 9, n_slices, order)
    position = _per_slice(visu, "VisuCorePosition", 3, n_slices, order)
    spacing = [length / n for length, n in zip(extent, size, strict=True)]
    if len(size) == 3:
        if visu.text("VisuCoreDiskSliceOrder") == "disk_reverse_slice_order":
            frames = frames[:, :, ::-1]
        stacks = [
            (_stack(frames[:, k]), _affine(axes, position[k], spacing, axes[2] * spacing[2]))
            for k, axes in enumerate(orientation)
        ]
    else:
        stacks = [
            (_stack(frames[:, part]), _stack_affine(visu, orientation, position, part, spacing))
            for part in _packages(orientation, position)
        ]
    sidecar = _sidecar(visu, n_rest)
    return [BrukerImage(_volume(data, affine), sidecar) for data, affine in stacks]


def _grid(visu: _Visu) -> tuple[list[int], list[float]]:
    size = [int(n) for n in visu.numbers("VisuCoreSize")]
    extent = visu.numbers("VisuCoreExtent")
    if len(size) not in (2, 3) or len(extent) != len(size):
        raise FormatError("only pictures with two or three axes in space are images")
    if min(size) < 1 or min(extent) <= 0:
        raise FormatError("the size of the image makes no sense")
    kinds = visu.words("VisuCoreDimDesc")
    if any(kind != "spatial" for kind in kinds):
        raise FormatError("spectra of ParaVision are no images")
    return size, extent


def _frames(visu: _Visu, pixels: Path, size: Sequence[int]) -> NDArray[Any]:
    """Give the frames (N, [K,] J, I), scaled where they say so."""
    n = visu.whole("VisuCoreFrameCount") or 1
    kind = _TYPES.get(visu.text("VisuCoreWordType"))
    order = _ORDERS.get(visu.text("VisuCoreByteOrder"))
    if kind is None or order is None or not 1 <= n <= _MOST_FRAMES:
        raise FormatError("the type of the values of 2dseq is unknown")
    dtype = np.dtype(order + kind)
    if pixels.stat().st_size != n * math.prod(size) * dtype.itemsize:
        raise FormatError("2dseq is not as long as visu_pars says")
    raw = np.memmap(pixels, dtype, "r").reshape(n, *size[::-1])
    slope = _per_frame(visu, "VisuCoreDataSlope", n, 1.0)
    offset = _per_frame(visu, "VisuCoreDataOffs", n, 0.0)
    if (slope == 1).all() and (offset == 0).all():
        return raw.astype(dtype.newbyteorder("="))
    shape = (n, *(1 for _ in size))
    return np.asarray(raw * slope.reshape(shape) + offset.reshape(shape), np.float32)


def _per_frame(visu: _Visu, name: str, n: int, default: float) -> NDArray[np.float32]:
    found = visu.numbers(name) or [default]
    if len(found) not in (1, n):
        raise FormatError(f"{name} of ParaVision does not fit the number of frames")
    return np.broadcast_to(np.array(found, np.float32), n)


def _groups(visu: _Visu, n: int) -> tuple[int, int, NDArray[np.intp]]:
    """Give the number of slices, of frames for each, and the frames' order as (rest, slices)."""
    lengths, names = [], []
    for word in visu.words("VisuFGOrderDesc"):
        parts = [part.strip(" ()<>") for part in word.split(",")]
        if len(parts) > 1 and parts[0].isdecimal():
            lengths.append(int(parts[0]))
            names.append(parts[1])
    if math.prod(lengths) != n:
        if lengths:
            raise FormatError("the groups of frames do not fit their number")
        lengths, names = [n], [_SLICES]
    index = np.arange(n).reshape(lengths[::-1])
    axis = len(lengths) - 1 - names.index(_SLICES) if _SLICES in names else None
    if axis is None:
        return 1, n, index.reshape(n, 1)
    rest = np.moveaxis(index, axis, -1)
    return rest.shape[-1], n // rest.shape[-1], rest.reshape(-1, rest.shape[-1])


def _per_slice(
    visu: _Visu, name: str, width: int, n_slices: int, order: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Give a parameter of each slice: one for all, one for each, or one for each frame."""
    found = np.array(visu.numbers(name), np.float64)
    if found.size == 0 or found.size % width:
        raise FormatError(f"{name} of ParaVision is missing")
    found = found.reshape(-1, width)
    if len(found) == order.size and order.size != n_slices:
        found = found[order[0]]
    if len(found) != n_slices and (len(found) != 1 or width == 3):  # each has a place of its own
        raise FormatError(f"{name} of ParaVision does not fit the number of slices")
    found = np.broadcast_to(found, (n_slices, width))
    return found.reshape(n_slices, 3, 3) if width == 9 else found


def _packages(orientation: NDArray[np.float64], position: NDArray[np.float64]) -> list[list[int]]:
    """Group slices that are parallel, on a line and equally far apart."""
    parts: list[list[int]] = []
    for k in range(len(orientation)):
        last = parts[-1] if parts else []
        if last and _goes_on(orientation, position, last, k):
            last.append(k)
        else:
            parts.append([k])
    return parts


def _goes_on(
    orientation: NDArray[np.float64], position: NDArray[np.float64], part: list[int], k: int
) -> bool:
    if not np.allclose(orientation[part[0]], orientation[k], atol=_ALIKE):
        return False
    step = position[k] - position[part[-1]]
    normal = np.cross(orientation[k][0], orientation[k][1])
    apart = abs(float(step @ normal))
    if apart < _ALIKE or float(np.linalg.norm(step - (step @ normal) * normal)) > apart:
        return False
    if len(part) == 1:
        return True
    return bool(np.allclose(step, position[part[-1]] - position[part[-2]], atol=0.05 * apart))


def _stack(frames: NDArray[Any]) -> NDArray[Any]:
    """Turn frames (T, K, J, I) into (I, J, K, T)."""
    return frames.transpose(3, 2, 1, 0)


def _stack_affine(
    visu: _Visu,
    orientation: NDArray[np.float64],
    position: NDArray[np.float64],
    part: Sequence[int],
    spacing: Sequence[float],
) -> NDArray[np.float64]:
    first, last = part[0], part[-1]
    if len(part) > 1:
        step = (position[last] - position[first]) / (len(part) - 1)
    else:
        thickness = (visu.numbers("VisuCoreFrameThickness") or [1.0])[0]
        step = np.cross(orientation[first][0], orientation[first][1]) * max(thickness, _ALIKE)
    return _affine(orientation[first], position[first], spacing, step)


def _affine(
    orientation: NDArray[np.float64],
    position: NDArray[np.float64],
    spacing: Sequence[float],
    step: NDArray[np.float64],
) -> NDArray[np.float64]:
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1], lps[:3, 2] = (
        orientation[0] * spacing[0],
        orientation[1] * spacing[1],
        step,
    )
    lps[:3, 3] = position
    if abs(np.linalg.det(lps)) < 1e-12:
        raise FormatError("the axes of the image do not span a space")
    return _LPS_TO_RAS @ lps


def _volume(data: NDArray[Any], affine: NDArray[np.float64]) -> Volume:
    whole = data if data.shape[-1] > 1 else data[..., 0]
    return Volume(np.ascontiguousarray(whole), affine, {"qform_code": 1, "sform_code": 1})


def _sidecar(visu: _Visu, n_rest: int) -> dict[str, Any]:
    """Give what is known of the acquisition, in the words of BIDS."""
    doc: dict[str, Any] = {
        "Modality": visu.text("VisuInstanceModality") or "MR",
        "Manufacturer": "Bruker",
        "ProtocolName": visu.text("VisuAcquisitionProtocol"),
        "PulseSequenceDetails": visu.text("VisuAcqSequenceName"),
        "SubjectPosition": visu.text("VisuSubjectPosition"),
        "SubjectType": visu.text("VisuSubjectType"),
        "ConversionSoftware": "Nora Appliance",
    }
    seconds = {"RepetitionTime": "VisuAcqRepetitionTime", "EchoTime": "VisuAcqEchoTime"}
    for key, name in seconds.items():
        found = [value / 1000 for value in visu.numbers(name)]
        doc[key] = found[0] if len(found) == 1 else found
    single = {"FlipAngle": "VisuAcqFlipAngle", "ImagingFrequency": "VisuAcqImagingFrequency"}
    doc |= {key: next(iter(visu.numbers(name)), None) for key, name in single.items()}
    if n_rest > 1:
        doc["FrameGroups"] = [word.strip("()") for word in visu.words("VisuFGOrderDesc")]
    return {key: value for key, value in doc.items() if value not in (None, "", [])}
