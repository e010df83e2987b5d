"""What DICOM objects carry that is no stack: reports, documents, curves, films, pictures."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from appliance.core import FormatError
from appliance.formats.dicom_kinds import no_image
from appliance.formats.dicom_open import open_dicom
from appliance.formats.dicom_report import report_lines, report_tree
from appliance.formats.dicom_volume import read_dicom_volume
from appliance.formats.nifti import write_nifti

__all__ = ["carried_files", "pictures"]

_SR = "1.2.840.10008.5.1.4.1.1.88."
_ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
_WAVEFORM = "1.2.840.10008.5.1.4.1.1.9."
_KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
_ENDINGS = {
    "application/pdf": (".pdf", b"%PDF"),
    "text/xml": (".xml", b"<"),
    "model/stl": (".stl", b""),
}
_MOST_BYTES = 1 << 30


def carried_files(
    path: Path, stem: Path, clean: Callable[[str], str], *, dates: bool = True
) -> list[Path]:
    """Write what an object carries as files of its own.

    Parameters
    ----------
    path : Path
        The object.
    stem : Path
        Where the files go, without ending.
    clean : callable
        Takes identities out of a text.
    dates : bool
        Whether dates in reports are kept.

    Raises
    ------
    FormatError
        If it carries nothing of that kind; the text says what it is instead. Or it is damaged.
    """
    from pydicom.errors import InvalidDicomError

    try:
        ds = open_dicom(path, defer_size=1 << 20)
        kind = str(ds.get("SOPClassUID", ""))
        if kind.startswith(_SR) and kind != _KEY_OBJECTS:
            return _report(ds, stem, clean, dates=dates)
        if kind.startswith(_ENCAPSULATED):
            return _document(ds, stem)
        if kind.startswith(_WAVEFORM):
            return _curves(ds, stem, clean)
        if _is_film(ds):
            return _film(ds, stem)
    except FormatError:
        raise
    except (
        *(AttributeError, InvalidDicomError, KeyError, NotImplementedError, OSError),
        *(TypeError, ValueError),
    ) as error:
        raise FormatError("it cannot be read") from error
    raise no_image(path)


def _report(ds: Any, stem: Path, clean: Callable[[str], str], *, dates: bool) -> list[Path]:
    tree = report_tree(ds, clean, dates=dates)
    doc = {
        "Modality": str(ds.get("Modality", "SR")),
        "CompletionFlag": str(ds.get("CompletionFlag", "")),
        "VerificationFlag": str(ds.get("VerificationFlag", "")),
        "Content": tree,
    }
    lines = "\n".join(report_lines(tree))
    return [_json(stem, doc), _written(stem, ".txt", f"{lines}\n".encode())]


def _document(ds: Any, stem: Path) -> list[Path]:
    kind = str(ds.get("MIMETypeOfEncapsulatedDocument", "")).casefold()
    ending, start = _ENDINGS.get(kind, ("", b""))
    data = bytes(ds.EncapsulatedDocument)
    length = ds.get("EncapsulatedDocumentLength")
    data = data[: int(length)] if length else data.removesuffix(b"\0")
    if not ending or not data.lstrip()[:1024].startswith(start):
        raise FormatError("it carries a document of an unknown kind")
    return [_written(stem, ending, data)]


def _curves(ds: Any, stem: Path, clean: Callable[[str], str]) -> list[Path]:
    """Write each group of channels as a table, and what the channels are."""
    groups, made = [], []
    for n, group in enumerate(ds.WaveformSequence, 1):
        values = ds.waveform_array(n - 1)
        names = [clean(_channel(one, k)) for k, one in enumerate(group.ChannelDefinitionSequence)]
        rate = float(group.SamplingFrequency)
        target = stem.with_name(f"{stem.name}_{n}.csv")
        with target.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["time_s", *names])
            writer.writerows(
                [f"{k / rate:.6g}", *map("{:g}".format, row)] for k, row in enumerate(values)
            )
        made.append(target)
        groups.append(
            {
                "File": target.name,
                "SamplingFrequency": rate,
                "Channels": names,
                "Samples": len(values),
                "Units": [_unit(one) for one in group.ChannelDefinitionSequence],
            }
        )
    return [_json(stem, {"Modality": str(ds.get("Modality", "")), "Curves": groups}), *made]


def _channel(channel: Any, index: int) -> str:
    label = str(channel.get("ChannelLabel", ""))
    source = channel.get("ChannelSourceSequence")
    meaning = str(source[0].get("CodeMeaning", "")) if source else ""
    return label or meaning or f"channel {index + 1}"


def _unit(channel: Any) -> str:
    unit = channel.get("ChannelSensitivityUnitsSequence")
    return str(unit[0].get("CodeValue", "")) if unit else ""


def _is_film(ds: Any) -> bool:
    """Tell whether the frames are one stream of a film."""
    syntax = str(ds.file_meta.get("TransferSyntaxUID", ""))
    last = syntax.removeprefix("1.2.840.10008.1.2.4.").partition(".")[0]
    return syntax.startswith("1.2.840.10008.1.2.4.") and last.isdecimal() and 100 <= int(last) < 110


def _film(ds: Any, stem: Path) -> list[Path]:
    from pydicom.encaps import generate_fragments

    data = b"".join(list(generate_fragments(ds.PixelData))[1:])  # the first is a table of offsets
    if data[4:8] != b"ftyp":
        raise FormatError("it holds a film in a form that browsers do not play")
    return [_written(stem, ".mp4", data)]


def pictures(paths: Sequence[Path], target: Path) -> list[Path]:
    """Write pictures and series of them that have no place in the room as images.

    Parameters
    ----------
    paths : sequence of Path
        Objects of one series.
    target : Path
        Folder for the images.

    Returns
    -------
    list of Path
        An image and its sidecar for each size and number of frames.

    Raises
    ------
    FormatError
        If one cannot be decoded.
    """
    groups: dict[tuple[Any, ...], list[Path]] = {}
    for path in paths:
        ds = open_dicom(path, stop_before_pixels=True, specific_tags=list(_ALIKE))
        many = int(ds.get("NumberOfFrames") or 1) > 1
        alike = tuple(str(ds.get(name, "")) for name in _ALIKE)
        groups.setdefault((alike, path if many else None), []).append(path)
    made: list[Path] = []
    for n, members in enumerate(groups.values(), 1):
        volume = read_dicom_volume(members)
        image = target / f"p{n:03d}.nii"
        write_nifti(image, volume, durable=False)
        ds = open_dicom(members[0], stop_before_pixels=True)
        doc: dict[str, Any] = {name: str(ds.get(name)) for name in _TOLD if ds.get(name)}
        doc["Unplaced"] = bool(volume.header.get("unplaced", False))
        made += [image, _json(image.with_suffix(""), doc)]
    return made


_ALIKE = ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames")
_TOLD = ("Modality", "Manufacturer", "ManufacturerModelName", "ConversionType", "FrameTime")


def _json(stem: Path, doc: dict[str, Any]) -> Path:
    return _written(stem, ".json", msgspec.json.format(msgspec.json.encode(doc)) + b"\n")


def _written(stem: Path, ending: str, data: bytes) -> Path:
    if len(data) > _MOST_BYTES:
        raise FormatError("it carries more than 1 GB")
    path = stem.with_name(stem.name + ending)
    path.write_bytes(data)
    return path
