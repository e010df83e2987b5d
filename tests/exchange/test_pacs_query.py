"""What people type becomes what an archive is asked; what it ignores, we look at ourselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import Invalid, SettingsError, load_settings
from appliance.exchange import Pacs, PacsQuery, PacsSeries, PacsStudy
from appliance.exchange.pacs_query import age_at, count_series, fits_series, fits_study, plan


def days(text, **more):
    [step] = plan(PacsQuery(patient_id="1", study_date=text, **more))
    return step.keys["StudyDate"]


@pytest.mark.parametrize(
    ("text", "more", "asked"),
    [
        ("*", {}, ""),
        ("", {"days_before": 3}, ""),
        ("20240131", {}, "20240131"),
        ("2024-01-31", {}, "20240131"),
        ("31.1.2024", {}, "20240131"),
        ("20240101-20240131", {}, "20240101-20240131"),
        ("2024-01-01..2024-01-31", {}, "20240101-20240131"),
        ("20240101-", {}, "20240101-"),
        ("-20240131", {}, "-20240131"),
        ("20240301", {"days_before": 1}, "20240229-20240301"),
        ("20241231", {"days_before": 2, "days_after": 1}, "20241229-20250101"),
    ],
)
def test_PACS_02_days_and_their_offsets(text, more, asked):
    assert days(text, **more) == asked


@pytest.mark.parametrize("text", ["2024", "20240230", "yesterday", "20240131-20240101", "-", "1-2"])
def test_days_that_are_none_are_refused(text):
    with pytest.raises(Invalid):
        days(text)


def test_PACS_x01_all_fields_are_asked_for():
    [step] = plan(
        PacsQuery(
            patient_id="1*",
            patient_name="Doe^John",
            accession="A7",
            study_description="*head*",
            modalities_in_study="mr",
        )
    )
    assert step.keys == {
        "PatientID": "1*",
        "PatientName": "Doe^John",
        "AccessionNumber": "A7",
        "StudyDescription": "*head*",
        "ModalitiesInStudy": "MR",
        "StudyDate": "",
    }


def test_PACS_x01_a_list_of_patients_is_one_query_each_with_days_of_its_own():
    steps = plan(
        PacsQuery(
            patients=("PatientID;day", "# a note", "", "17\t2024-05-02", '"18";', "19"),
            without=("19",),
            study_date="20200101-",
            days_before=1,
            days_after=1,
        )
    )
    asked = [(step.patient_id, step.keys["StudyDate"]) for step in steps]
    assert asked == [("17", "20240501-20240503"), ("18", "20191231-")]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"patient_id": "*", "patient_name": "*"},
        {"patient_id": "a\\b"},
        {"patient_name": "a\nb"},
        {"patient_id": "1" * 65},
        {"patient_id": "1", "min_age": 5, "max_age": 4},
        {"patient_id": "1", "days_before": -1},
        {"patients": ("# nobody",)},
    ],
)
def test_a_query_that_makes_no_sense_is_refused(query):
    with pytest.raises(Invalid):
        plan(PacsQuery(**query))


@given(st.text(max_size=70), st.text(max_size=20))
def test_whatever_is_typed_is_asked_or_refused(text, day):
    try:
        steps = plan(PacsQuery(patient_id=text, patients=(text,), study_date=day))
    except Invalid:
        return
    assert all("\\" not in value for step in steps for value in step.keys.values())


@pytest.mark.parametrize(
    ("born", "seen", "told", "age"),
    [
        ("19700102", "20240101", "", 53.0),
        ("19700102", "20240102", "", 54.0),
        ("", "20240102", "034Y", 34.0),
        ("", "20240102", "006M", 0.5),
        ("", "20240102", "", None),
        ("1970", "20240102", "", None),
        ("20250101", "20240102", "", None),
    ],
)
def test_age_is_what_was_told_or_the_years_between_two_days(born, seen, told, age):
    assert age_at(born, seen, told) == age


def test_PACS_x01_what_an_archive_ignored_is_left_out():
    study = PacsStudy(
        study_uid="1", patient_id="7", description="MR Head", modalities=["MR"], age_years=40.0
    )
    none = frozenset()

    def fits(**query):
        return fits_study(PacsQuery(patient_id="7", **query), study, none)

    assert fits()
    assert fits(study_description="*head")
    assert fits(modality="M?", max_age=40)
    assert not fits(study_description="head*")
    assert not fits(modalities_in_study="CT")
    assert not fits(min_age=41)
    assert not fits_study(PacsQuery(patient_id="7"), study, frozenset({"7"}))
    unknown = PacsStudy(study_uid="2")
    assert fits_study(PacsQuery(patient_id="7", modality="CT"), unknown, none)
    assert not fits_study(PacsQuery(patient_id="7", max_age=90), unknown, none)
    series = PacsSeries(study_uid="1", series_uid="1.1", description="T1 [axial]", modality="MR")
    assert fits_series(PacsQuery(series_description="t1 [ax*"), series)
    assert not fits_series(PacsQuery(modality="CT"), series)


def test_PACS_06_in_how_many_studies_and_patients_a_series_occurs():
    studies = [
        PacsStudy(study_uid=u, patient_id=p) for u, p in (("1", "A"), ("2", "A"), ("3", "B"))
    ]
    found = (("1", 1, "t1"), ("1", 2, "t1"), ("2", 1, "t1"), ("3", 1, "t1"), ("3", 2, "t2"))
    series = [
        PacsSeries(study_uid=u, series_uid=f"{u}.{n}", description=d, modality="MR")
        for u, n, d in found
    ]
    counted = {one.series_uid: one for one in count_series(studies, series)}
    assert (counted["1.1"].in_studies, counted["1.1"].in_patients) == (3, 2)
    assert (counted["3.2"].in_studies, counted["3.2"].in_patients) == (1, 1)


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("a b", {}, "name of a node"),
        ("a", {"ae_title": "X" * 17}, "AE title"),
        ("a", {"calling": "A\\B"}, "AE title"),
        ("a", {"port": 0}, "address"),
        ("a", {"method": "web"}, "url"),
        ("a", {"method": "web", "url": "ftp://x"}, "url"),
    ],
)
def test_INST_25_a_node_that_cannot_be_is_refused_by_its_place(kit, name, changes, told):
    node = {"ae_title": "PACS", "host": "h", **changes}
    settings = load_settings(kit.folder.root, overrides={"pacs.nodes": {name: node}})
    with pytest.raises(SettingsError, match=told) as caught:
        Pacs(kit.importer, settings)
    assert f"pacs.nodes.{name}" in caught.value.message
