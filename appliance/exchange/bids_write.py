"""Writing a planned BIDS dataset: its tables, sidecars and images, as entries for folder or zip."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from appliance import __version__
from appliance.catalog import CustomField
from appliance.exchange.bids_plan import BidsMapping, BidsPlan, PlannedFile
from appliance.exchange.exports import Entry
from appliance.privacy import scrub_sidecar

__all__ = ["BIDS_VERSION", "Entry", "as_json", "entries", "repetition_time"]

BIDS_VERSION = "1.10.0"
_PRIVATE = (
    "AcquisitionDateTime",
    "AcquisitionTime",
    "AcquisitionDate",
    "ContentTime",
    "PatientAge",
    "PatientSex",
    "PatientWeight",
    "PatientSize",
    "PatientPosition",
    "DeviceSerialNumber",
    "InstitutionName",
    "InstitutionalDepartmentName",
    "StationName",
    "ProcedureStepDescription",
)
_SEX = {"M": "male", "F": "female", "O": "other"}
_SECONDS = {0: 1.0, 8: 1.0, 16: 1e-3, 24: 1e-6}  # units of time in a NIfTI header


PathOf = Callable[[int], Path]


def entries(
    plan: BidsPlan,
    mapping: BidsMapping,
    *,
    title: str,
    fields: list[CustomField],
    values: Mapping[int, Mapping[str, Any]],
    path_of: PathOf,
) -> Iterator[Entry]:
    """Give all files of a dataset, the descriptions first.

    Parameters
    ----------
    fields, values
        The project's custom fields, and their values by subject.
    path_of : callable
        Gives the absolute path of a file by id.
    """
    yield Entry("dataset_description.json", _description(mapping, title))
    yield Entry("README.md", _readme(mapping, title))
    mine = [field for field in fields if field.level == "subject"]
    yield Entry("participants.tsv", _participants(plan, mine, values))
    yield Entry("participants.json", _columns(mine))
    echoes = _echo_times(plan)
    for file in plan.files:
        yield from _of_image(file, path_of, echoes)


def as_json(doc: Any) -> bytes:
    """Write a document as files of a dataset have it."""
    return msgspec.json.format(msgspec.json.encode(doc), indent=2) + b"\n"


def _description(mapping: BidsMapping, title: str) -> bytes:
    doc: dict[str, Any] = {
        "Name": mapping.name or title,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "NORA appliance", "Version": __version__}],
    }
    if mapping.license:
        doc["License"] = mapping.license
    if mapping.authors:
        doc["Authors"] = mapping.authors
    return as_json(doc)


def _readme(mapping: BidsMapping, title: str) -> bytes:
    name = mapping.name or title
    text = (
        f"# {name}\n\nExported from project {title}. Subjects carry the codes of that project;"
        " dates are left out.\n"
    )
    return text.encode()


def _participants(
    plan: BidsPlan, fields: list[CustomField], values: Mapping[int, Mapping[str, Any]]
) -> bytes:
    lines = [["participant_id", "age", "sex", *(field.name for field in fields)]]
    done: set[int] = set()
    for visit in plan.visits:
        if visit.subject_id in done:
            continue
        done.add(visit.subject_id)
        told = values.get(visit.subject_id, {})
        lines.append(
            [
                f"sub-{plan.participants[visit.subject_id]}",
                "n/a" if visit.age_years is None else f"{min(visit.age_years, 89):g}",
                _SEX.get(visit.sex or "", "n/a"),
                *(_cell(told.get(field.name)) for field in fields),
            ]
        )
    return "".join("\t".join(line) + "\n" for line in lines).encode()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return " ".join(text.split()) or "n/a"


def _columns(fields: list[CustomField]) -> bytes:
    doc: dict[str, Any] = {
        "age": {"Description": "Age at the first visit; 89 and above is 89", "Units": "years"},
        "sex": {"Description": "Sex", "Levels": {"male": "male", "female": "female"}},
    }
    for field in fields:
        column: dict[str, Any] = {"Description": field.label or field.name}
        if field.unit:
            column["Units"] = field.unit
        if field.kind == "choice":
            column["Levels"] = {choice: choice for choice in field.choices}
        doc[field.name] = column
    return as_json(doc)


def _of_image(
    file: PlannedFile, path_of: PathOf, echoes: Mapping[int, dict[str, float]]
) -> Iterator[Entry]:
    source = path_of(file.candidate.file_id)
    yield Entry(file.path, source=source)
    if file.candidate.extension == ".tsv":
        return
    yield Entry(f"{file.target}.json", as_json(_sidecar(file, source, echoes)))
    if file.suffix == "dwi":
        for extension in (".bval", ".bvec"):
            beside = file.candidate.companions.get(extension)
            if beside:
                yield Entry(file.target + extension, source=path_of(beside[0]))


def _sidecar(
    file: PlannedFile, source: Path, echoes: Mapping[int, dict[str, float]]
) -> dict[str, Any]:
    clean = scrub_sidecar(file.candidate.facts.sidecar, None)
    doc = {key: value for key, value in clean.items() if key not in _PRIVATE}
    if "task" in file.entities:
        doc.setdefault("TaskName", file.entities["task"])
    if file.suffix == "bold":
        measured = repetition_time(source)
        if measured:
            doc["RepetitionTime"] = measured
    if file.suffix == "phasediff":
        for key, value in echoes.get(file.visit.id, {}).items():
            doc.setdefault(key, value)
    return doc


def _echo_times(plan: BidsPlan) -> dict[int, dict[str, float]]:
    """Take the two echo times of a phase difference from the magnitude images of its study."""
    found: dict[int, dict[str, float]] = {}
    for file in plan.files:
        echo = file.candidate.facts.sidecar.get("EchoTime")
        if file.suffix in ("magnitude1", "magnitude2") and isinstance(echo, float):
            found.setdefault(file.visit.id, {})[f"EchoTime{file.suffix[-1]}"] = echo
    return found


def repetition_time(path: Path) -> float | None:
    """Read the repetition time of a series of volumes from its NIfTI-1 header, in seconds."""
    opener: Any = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rb") as stream:
        head = stream.read(348)
    for order in ("<", ">"):
        if len(head) == 348 and struct.unpack_from(f"{order}i", head)[0] == 348:
            step = struct.unpack_from(f"{order}8f", head, 76)[4]
            seconds = float(step) * _SECONDS.get(head[123] & 0x38, 1.0)
            return round(seconds, 6) if seconds > 0 else None
    return None
