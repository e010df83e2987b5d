"""What a search found without who it shows: numbers stand for patients, studies and series.

The numbers hold as long as the search is kept, so that a pull can name what is to come by them.
"""

from __future__ import annotations

import msgspec

from appliance.core import Invalid
from appliance.exchange.pacs_search import PacsResult
from appliance.exchange.pacs_values import PacsQuery, PacsSeries, PacsStudy, Wished

__all__ = ["hidden", "names_patients", "unhidden"]


def names_patients(query: PacsQuery) -> bool:
    """Tell whether a query says who is sought."""
    named = (query.patient_id, query.patient_name, query.accession)
    return bool(query.patients or query.without or any(text.strip(" *?") for text in named))


def hidden(found: PacsResult) -> PacsResult:
    """Give what was found with nothing that tells who the patients are."""
    patients: dict[tuple[str, str, str], int] = {}
    numbers = _numbers(found)
    studies = [
        msgspec.structs.replace(
            one,
            study_uid=str(n),
            patient_id=f"#{patients.setdefault(_person(one), len(patients) + 1)}",
            patient_name="",
            birth_date="",
            accession="",
        )
        for n, one in enumerate(found.studies)
    ]
    series = [
        msgspec.structs.replace(one, study_uid=str(numbers[one.study_uid]), series_uid=str(n))
        for n, one in enumerate(found.series)
    ]
    return msgspec.structs.replace(found, studies=studies, series=series, missing=[])


def unhidden(found: PacsResult, wished: Wished) -> Wished:
    """Give what is meant by a study, or series, that is named by its number.

    Raises
    ------
    Invalid
        If the search found no such one.
    """
    try:
        if wished.series_uid.isdecimal():
            series: PacsSeries = found.series[int(wished.series_uid)]
            uids = {"study_uid": series.study_uid, "series_uid": series.series_uid}
        elif wished.study_uid.isdecimal():
            uids = {"study_uid": found.studies[int(wished.study_uid)].study_uid}
        else:
            return wished
    except IndexError as error:
        raise Invalid("the search found no such series", hint="Search again.") from error
    return msgspec.structs.replace(wished, **uids)


def _numbers(found: PacsResult) -> dict[str, int]:
    return {one.study_uid: n for n, one in enumerate(found.studies)}


def _person(study: PacsStudy) -> tuple[str, str, str]:
    return study.patient_id, study.patient_name, study.birth_date
