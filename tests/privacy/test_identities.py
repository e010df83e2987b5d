"""Codes and identities: the same person gives the same code, a doubtful one waits."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from appliance.core import NotFound, SettingsError, StorageError
from appliance.privacy import (
    Identity,
    IdentityConflict,
    IdentityStore,
    ProjectPolicy,
    scrub_sidecar,
    scrub_text,
)

CODED = ProjectPolicy()
DOE = Identity(patient_id="4711", name="DOE^JANE", birth_date="19700102", sex="F")


@pytest.fixture
def store(tmp_path: Path):
    opened = IdentityStore.open(tmp_path / "identity.sqlite")
    yield opened
    opened.close()


def test_codes_are_sequential_per_project_and_stable(store):
    other = Identity(patient_id="4712", name="ROE^RICHARD")
    assert store.resolve("p1", DOE, CODED).code == "S-0001"
    assert store.resolve("p1", other, CODED).code == "S-0002"
    assert store.resolve("p2", other, CODED).code == "S-0001"
    again = store.resolve("p1", DOE, CODED)
    assert (again.code, again.new) == ("S-0001", False)


def test_file_belongs_to_its_owner_alone(store):
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_allocation_repeated_after_a_restart_gives_the_same_code(store):
    first = store.resolve("p", DOE, CODED).code
    reopened = IdentityStore.open(store.path)
    try:
        assert reopened.resolve("p", DOE, CODED).code == first
    finally:
        reopened.close()


def test_codes_of_the_catalog_are_never_given_twice(store):
    taken = {"S-0001", "S-0002"}
    assert store.resolve("p", DOE, CODED, taken=taken.__contains__).code == "S-0003"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "SMITH^JANE"}, "name"),
        ({"birth_date": "19700103"}, "birth date"),
        ({"sex": "M"}, "sex"),
    ],
)
def test_disagreement_waits_and_names_fields_not_values(store, change, field):
    store.resolve("p", DOE, CODED)
    odd = Identity(
        **{"patient_id": "4711", "name": "DOE^JANE", "birth_date": "19700102", "sex": "F"} | change
    )
    with pytest.raises(IdentityConflict) as caught:
        store.resolve("p", odd, CODED)
    assert caught.value.code == "S-0001"
    assert caught.value.fields == (field,)
    assert not re.search("SMITH|DOE|1970|4711", str(caught.value) + caught.value.hint)
    # It is read where one decides, too.
    assert caught.value.hint.startswith("It waits among the arrivals until somebody decides: ")


@pytest.mark.parametrize("name", ["Doe^Jane", "DOE^JANE^^", "doe ^ jane ", "DOE^JANE=漢^字"])
def test_spelling_of_the_same_name_is_no_disagreement(store, name):
    store.resolve("p", DOE, CODED)
    same = Identity(patient_id=" 4711 ", name=name, birth_date="19700102", sex="F")
    assert store.resolve("p", same, CODED).code == "S-0001"


def test_missing_fields_are_no_disagreement_but_cannot_hide_one(store):
    store.resolve("p", DOE, CODED)
    assert store.resolve("p", Identity(patient_id="4711"), CODED).code == "S-0001"
    with pytest.raises(IdentityConflict):
        store.resolve("p", Identity(patient_id="4711", name="SMITH^ANN"), CODED)


def test_different_issuers_are_different_people(store):
    a = Identity(patient_id="1", issuer="north")
    b = Identity(patient_id="1", issuer="south")
    assert store.resolve("p", a, CODED).code != store.resolve("p", b, CODED).code


def test_without_patient_id_a_study_is_its_own_subject(store):
    no_id = Identity(name="ANON")
    first = store.resolve("p", no_id, CODED, study_uid="1.2.3").code
    assert store.resolve("p", no_id, CODED, study_uid="1.2.3").code == first
    assert store.resolve("p", no_id, CODED, study_uid="1.2.4").code != first


def test_a_person_decides_same_or_new(store):
    store.resolve("p", DOE, CODED)
    married = Identity(patient_id="4711", name="SMITH^JANE", birth_date="19700102", sex="F")
    other = Identity(patient_id="4711", name="ROE^RICHARD", birth_date="19500101", sex="M")
    store.assign("p", married, "S-0001")
    assert store.resolve("p", married, CODED).code == "S-0001"
    assert store.assign_new("p", other, CODED) == "S-0002"
    assert store.assign_new("p", other, CODED) == "S-0002"
    assert store.resolve("p", other, CODED).code == "S-0002"
    assert store.resolve("p", DOE, CODED).code == "S-0001"


def test_PROJ_24_reveal_tells_who_stands_behind_a_code(store):
    store.resolve("p", DOE, CODED)
    assert store.reveal("p", "S-0001") == DOE
    with pytest.raises(NotFound):
        store.reveal("p", "S-0002")
    store.resolve("p", Identity(name="NOBODY"), CODED, study_uid="1.2")
    assert store.reveal("p", "S-0002") == Identity(name="NOBODY")


def test_PROJ_04_identified_project_uses_a_safe_patient_id(store):
    policy = ProjectPolicy(identified=True)
    assert store.resolve("p", Identity(patient_id="../a/b"), policy).code == "a_b"
    assert store.resolve("p", Identity(patient_id="a b"), policy).code == "a_b_2"


def test_original_names_survive_any_bytes(store):
    odd = b"dir/\xff\xfe name".decode("utf-8", "surrogateescape")
    store.remember_names([("r1/000001", odd), ("r1/000002", "ä"), ("r2/000001", "x")])
    assert store.original_name("r1/000001") == odd
    assert store.original_names("r1/") == {"r1/000001": odd, "r1/000002": "ä"}
    assert store.original_name("r9") is None


def test_a_failed_transaction_leaves_no_code_behind(store):
    def explode(_code: str) -> bool:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.resolve("p", DOE, CODED, taken=explode)
    assert store.resolve("p", DOE, CODED).code == "S-0001"


def test_damaged_store_is_told(tmp_path):
    path = tmp_path / "identity.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageError, match="cannot open"):
        IdentityStore.open(path)


def test_repr_of_an_identity_names_nobody():
    assert not re.search("DOE|4711|1970", repr(DOE))


def test_policy_makes_names():
    assert CODED.study("2024-05-02", 1) == "2024-05-02"
    assert CODED.study("2024-05-02", 2) == "2024-05-02_2"
    assert CODED.study(None, 1) == "undated"
    assert ProjectPolicy(keep_dates=False).study("2024-05-02", 2) == "visit_2"
    assert CODED.series({"protocol": "t1 mprage/sag", "number": 3}) == "t1_mprage_sag_3"
    assert CODED.series({"description": "", "number": None}) == "series"
    assert CODED.is_subject_code("S-0042")
    assert not CODED.is_subject_code("Mueller")
    assert not CODED.is_subject_code("S-42")


@pytest.mark.parametrize(
    "policy", [{"subject_code": "S"}, {"subject_code": "{x}"}, {"nifti": "zip"}]
)
def test_policy_that_cannot_work_is_refused(policy):
    with pytest.raises(SettingsError):
        ProjectPolicy.of(policy)


def test_sidecar_loses_the_identity_and_keeps_the_physics():
    doc = {
        "PatientName": "DOE^JANE",
        "StudyInstanceUID": "1.2",
        "ImageComments": "scan of Mrs Doe, born 1970-01-02",
        "Nested": [{"Note": "id 4711"}],
        "ProtocolName": "t1",
        "EchoTime": 0.003,
    }
    named = Identity(patient_id="4711", name="Doe^Jane", birth_date="19700102")
    assert scrub_sidecar(doc, named) == {"ProtocolName": "t1", "EchoTime": 0.003}
    assert "jane" not in json.dumps(scrub_sidecar({"a": "for jane"}, named))
    assert scrub_sidecar({"a": "doenut"}, named) == {"a": "doenut"}


def test_text_loses_the_identity_alone():
    assert scrub_text("t1 DOE_JANE sag", DOE) == "t1 _ sag"
    assert scrub_text("t1  sag", DOE) == "t1  sag"
