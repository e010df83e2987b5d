"""From what people type to what a PACS is asked; and the part of it that we look at ourselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from fnmatch import translate

import msgspec

from appliance.core import Invalid
from appliance.exchange.pacs_values import PacsQuery, PacsSeries, PacsStudy

__all__ = [
    "SERIES_KEYS",
    "STUDY_KEYS",
    "Asked",
    "age_at",
    "count_series",
    "fits_series",
    "fits_study",
    "left_out",
    "plan",
    "series_keys",
    "series_of",
    "study_of",
]

STUDY_KEYS = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "ModalitiesInStudy",
    "StudyInstanceUID",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)
SERIES_KEYS = (
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "ProtocolName",
    "Modality",
    "NumberOfSeriesRelatedInstances",
)
_LONGEST = 64
_OLDEST = 999
_HEADS = frozenset({"patientid", "patient_id", "patient id", "id", "mrn", "pid"})
_DAYS = (
    (re.compile(r"(\d{4})-?(\d\d)-?(\d\d)"), (1, 2, 3)),
    (re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})"), (3, 2, 1)),
)
_RANGE = re.compile(r"(?P<a>\d{8}|\d{4}-\d\d-\d\d|\d\d?\.\d\d?\.\d{4})?\s*(?:-|\.\.)\s*"
                    r"(?P<b>\d{8}|\d{4}-\d\d-\d\d|\d\d?\.\d\d?\.\d{4})?")  # fmt: skip


class Asked(msgspec.Struct, frozen=True):
    """One query at the level of studies: matching keys, and the line of the list it is for."""

    keys: dict[str, str]
    line: int | None = None
    patient_id: str = ""


def plan(query: PacsQuery) -> list[Asked]:
    """Give the queries, at the level of studies, that answer a search.

    Raises
    ------
    Invalid
        If a text or a day cannot be understood, or nothing at all is narrowed.
    """
    if not 0 <= query.min_age <= query.max_age:
        raise Invalid("the ages are no range", hint="Give 0 and 999 for all.")
    if query.days_before < 0 or query.days_after < 0:
        raise Invalid("days before and after are counted from 0 on")
    base = _texts(query)
    if query.patients:
        return _per_patient(query, base)
    days = _days(query.study_date, query)
    if not days and not any(value.strip("*?") for value in base.values()):
        raise Invalid(
            "this asks for everything that the archive has",
            hint="Narrow it: fill in PatientID, name, accession number, day, modality or study"
            " description with more than *, or give a list of patients.",
        )
    return [Asked({**base, "StudyDate": days})]


def left_out(query: PacsQuery) -> frozenset[str]:
    """Give the PatientIDs that a search leaves out."""
    return frozenset(patient for patient, _ in _lines(query.without))


def _per_patient(query: PacsQuery, base: dict[str, str]) -> list[Asked]:
    found, skipped = [], left_out(query)
    for n, (patient, day) in enumerate(_lines(query.patients)):
        if patient not in skipped:
            days = _days(day or query.study_date, query)
            keys = {**base, "PatientID": _checked("PatientID", patient), "StudyDate": days}
            found.append(Asked(keys, n, patient))
    if not found:
        raise Invalid("no patient is left on the list", hint="One PatientID a line.")
    return found


def _texts(query: PacsQuery) -> dict[str, str]:
    given = {
        "PatientID": query.patient_id,
        "PatientName": query.patient_name,
        "AccessionNumber": query.accession,
        "StudyDescription": query.study_description,
        "ModalitiesInStudy": (query.modalities_in_study or query.modality).upper(),
    }
    return {name: _checked(name, value) for name, value in given.items()}


def _checked(name: str, text: str) -> str:
    """Refuse what would mean several values, or is longer than the standard allows."""
    text = text.strip()
    if "\\" in text or not text.isprintable():
        raise Invalid(f"{name} holds a backslash or a control character")
    if len(text) > _LONGEST:
        raise Invalid(f"{name} has more than {_LONGEST} characters")
    return text


def _lines(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give PatientID and day of each line that has one; a heading is passed over."""
    for n, line in enumerate(lines):
        cells = [cell.strip().strip('"') for cell in re.split(r"[\t;,]", line)]
        if not cells[0] or cells[0].startswith("#") or (n == 0 and cells[0].lower() in _HEADS):
            continue
        yield cells[0], cells[1] if len(cells) > 1 else ""


def _days(text: str, query: PacsQuery) -> str:
    """Write days as a query does: empty for any, one day, or a range."""
    text = text.strip()
    if text in ("", "*"):
        return ""
    ends = _RANGE.fullmatch(text)
    first, last = (ends["a"], ends["b"]) if ends else (text, text)
    if ends and not (first or last):
        raise Invalid(f"{text!r} is no day", hint="Write 20240131, or 20240101-20240131.")
    begin = _day(first) - timedelta(query.days_before) if first else None
    end = _day(last) + timedelta(query.days_after) if last else None
    if begin and end and begin > end:
        raise Invalid("the days end before they begin")
    if begin == end and begin:
        return f"{begin:%Y%m%d}"
    return "-".join(f"{day:%Y%m%d}" if day else "" for day in (begin, end))


def _day(text: str) -> date:
    for form, order in _DAYS:
        if match := form.fullmatch(text):
            year, month, day = (int(match[n]) for n in order)
            try:
                return date(year, month, day)
            except ValueError:
                break
    raise Invalid(f"{text!r} is no day", hint="Write 20240131, 2024-01-31 or 31.01.2024.")


def series_keys(study_uid: str) -> dict[str, str]:
    """Give the matching keys of a query for the series of a study.

    All are asked for and sorted out here: archives heed case in descriptions, or know no such key.
    """
    return {"StudyInstanceUID": study_uid}


def study_of(answer: dict[str, str]) -> PacsStudy:
    """Read an answer about a study."""
    return PacsStudy(
        study_uid=answer["StudyInstanceUID"],
        patient_id=answer["PatientID"],
        patient_name=answer["PatientName"],
        birth_date=answer["PatientBirthDate"],
        sex=answer["PatientSex"],
        date=answer["StudyDate"],
        time=answer["StudyTime"][:6],
        description=answer["StudyDescription"],
        accession=answer["AccessionNumber"],
        modalities=[m for m in answer["ModalitiesInStudy"].split("\\") if m],
        age_years=age_at(answer["PatientBirthDate"], answer["StudyDate"], answer["PatientAge"]),
        n_series=_number(answer["NumberOfStudyRelatedSeries"]),
        n_images=_number(answer["NumberOfStudyRelatedInstances"]),
    )


def series_of(study_uid: str, answer: dict[str, str]) -> PacsSeries:
    """Read an answer about a series."""
    return PacsSeries(
        study_uid=study_uid,
        series_uid=answer["SeriesInstanceUID"],
        number=_number(answer["SeriesNumber"]),
        description=answer["SeriesDescription"],
        protocol=answer["ProtocolName"],
        modality=answer["Modality"],
        n_images=_number(answer["NumberOfSeriesRelatedInstances"]),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def age_at(born: str, seen: str, told: str = "") -> float | None:
    """Give the age in years: as it was told (``034Y``), else from two days (``19700102``)."""
    if match := re.fullmatch(r"(\d{3})([DWMY])", told):
        per_year = {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[match[2]]
        return round(int(match[1]) / per_year, 1)
    try:
        birth, day = _day(born), _day(seen)
    except Invalid:
        return None
    years = day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
    return float(years) if years >= 0 else None


def fits_study(query: PacsQuery, study: PacsStudy, skipped: frozenset[str]) -> bool:
    """Tell whether an answer fits; archives take keys that they do not know for fulfilled."""
    if study.patient_id in skipped or not _like(study.description, query.study_description):
        return False
    wanted = query.modalities_in_study or query.modality
    if wanted and study.modalities and not any(_like(m, wanted) for m in study.modalities):
        return False
    if query.min_age == 0 and query.max_age >= _OLDEST:
        return True
    return study.age_years is not None and query.min_age <= study.age_years <= query.max_age


def fits_series(query: PacsQuery, series: PacsSeries) -> bool:
    """The same for a series."""
    return _like(series.description, query.series_description) and _like(
        series.modality, query.modality
    )


def _like(text: str, pattern: str) -> bool:
    """Match as a query does, with case left aside; what the archive does not tell may fit."""
    if not pattern.strip() or not text:
        return True
    safe = pattern.strip().casefold().replace("[", "[[]")
    return re.fullmatch(translate(safe), text.strip().casefold()) is not None


def count_series(studies: Sequence[PacsStudy], series: Sequence[PacsSeries]) -> list[PacsSeries]:
    """Tell of each series in how many studies and patients its like occurs (PACS-06)."""
    patients = {study.study_uid: study.patient_id for study in studies}
    in_studies: dict[tuple[str, str, str], set[str]] = {}
    for one in series:
        in_studies.setdefault(_kind(one), set()).add(one.study_uid)
    return [
        msgspec.structs.replace(
            one,
            in_studies=len(in_studies[_kind(one)]),
            in_patients=len({patients.get(uid, uid) for uid in in_studies[_kind(one)]}),
        )
        for one in series
    ]


def _kind(one: PacsSeries) -> tuple[str, str, str]:
    return one.description, one.protocol, one.modality
