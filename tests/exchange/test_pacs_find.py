"""Searching real archives: Orthanc, and DCMTK's dcmqrscp."""

from __future__ import annotations

import logging
import subprocess

import pytest

from appliance.core import NotFound, PeerError
from appliance.exchange import Pacs, PacsQuery, Peer, send_objects
from tests.exchange.kit import write_series
from tests.support.needs import needs
from tests.support.orthanc import an_orthanc
from tests.support.service import free_port
from tests.support.waiting import wait_until

UID = "1.2.826.0.1.3680043.10.999"


def cohort(folder):
    """Three patients: Jane twice, with t1 and t2; a man of another charset; a child with CT."""
    common = {"n": 2, "size": 8}
    jane = {"patient_id": "P1", "name": "DOE^JANE", "birth": "19700102"}
    return [
        *write_series(folder / "1", study_uid=f"{UID}.1", **jane, **common),
        *write_series(
            folder / "1", study_uid=f"{UID}.1", number=4, description="t2 tse", **jane, **common
        ),
        *write_series(folder / "2", study_uid=f"{UID}.2", date="20250101", **jane, **common),
        *write_series(
            folder / "3",
            study_uid=f"{UID}.3",
            patient_id="P2",
            name="Müller^Jürgen",
            birth="19400102",
            date="20250101",
            SpecificCharacterSet="ISO_IR 100",
            **common,
        ),
        *write_series(
            folder / "4",
            study_uid=f"{UID}.4",
            patient_id="P3",
            name="KID^A",
            birth="20200102",
            description="scout",
            Modality="CT",
            **common,
        ),
    ]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    root = tmp_path_factory.mktemp("orthanc")
    with an_orthanc(root / "o") as running:
        running.fill(cohort(root / "in"))
        yield running


@pytest.fixture(scope="module")
def dcmqrscp(tmp_path_factory):
    """A node as the settings describe it, of DCMTK's small archive."""
    root, port = tmp_path_factory.mktemp("qr"), free_port()
    (root / "db").mkdir()
    (root / "conf").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nSMALL {root / 'db'} RW (200, 1024mb) ANY\nAETable END\n"
    )
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [needs("dcmqrscp"), "--config", str(root / "conf")], stdout=log, stderr=log
        )
    node = {"ae_title": "SMALL", "host": "127.0.0.1", "port": port, "find_pause_s": 0.0}

    def fill():
        try:
            send_objects(cohort(root / "in"), Peer("127.0.0.1", port, "SMALL"))
        except PeerError:
            return False
        return True

    try:
        wait_until(fill, "dcmqrscp answers", show=(root / "log").read_text)
        yield node
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def pacs_of(make_kit):
    opened = []

    def make(node, **more):
        kit = make_kit(**{"pacs.nodes": {"main": {**node, **more}}})
        opened.append(Pacs(kit.importer, kit.settings))
        return kit, opened[-1]

    yield make
    for pacs in opened:
        pacs.close()


@pytest.fixture(params=["orthanc", "dcmqrscp"])
def pacs(request, pacs_of):
    peer = request.getfixturevalue(request.param)
    return pacs_of(peer if isinstance(peer, dict) else peer.node())[1]


def search(pacs, **query):
    key = pacs.search("default", "main", PacsQuery(**query), "owner").key
    return wait_until(
        lambda: (found := pacs.found("default", key, "owner")).state != "running" and found,
        "the search is through",
    )


def uids(found):
    return sorted(study.study_uid.removeprefix(f"{UID}.") for study in found.studies)


def test_INST_25_echo_answers(pacs):
    pacs.echo("default", "main")


def test_PACS_05_06_studies_and_series_with_all_their_columns(orthanc, pacs_of):
    _, pacs = pacs_of(orthanc.node())
    found = search(pacs, patient_id="P1", study_date="2024-05-02")
    assert found.state == "done"
    [study] = found.studies
    assert (study.patient_id, study.patient_name, study.date) == ("P1", "DOE^JANE", "20240502")
    assert (study.time, study.description, study.age_years) == ("101112", "head", 54.0)
    assert (study.modalities, study.n_series, study.n_images) == (["MR"], 2, 4)
    rows = sorted((s.number, s.description, s.protocol, s.modality) for s in found.series)
    assert rows == [(3, "t1 mprage", "t1 mprage", "MR"), (4, "t2 tse", "t2 tse", "MR")]
    assert [s.n_images for s in found.series] == [2, 2]
    assert {s.in_studies for s in found.series} == {1}


def test_PACS_06_in_studies_counts_over_the_whole_search(orthanc, pacs_of):
    _, pacs = pacs_of(orthanc.node())
    found = search(pacs, patient_name="*", modality="MR")
    counted = {s.description: (s.in_studies, s.in_patients) for s in found.series}
    assert counted == {"t1 mprage": (3, 2), "t2 tse": (1, 1)}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"patient_id": "P1"}, ["1", "2"]),
        ({"patient_id": "P?", "study_date": "20250101"}, ["2", "3"]),
        ({"patient_id": "*", "study_date": "20240501-20240601"}, ["1", "4"]),
        ({"patient_id": "P1", "study_date": "20250103", "days_before": 2}, ["2"]),
        ({"patient_name": "DOE*"}, ["1", "2"]),
        ({"modality": "CT"}, ["4"]),
        ({"patient_id": "P*", "max_age": 17}, ["4"]),
        ({"patient_id": "P*", "min_age": 18, "max_age": 60}, ["1", "2"]),
        ({"patient_id": "nobody"}, []),
    ],
)
def test_PACS_x01_each_field_narrows(pacs, query, expected):
    assert uids(search(pacs, **query)) == expected


def test_PACS_x01_studies_without_a_series_that_fits_are_left_out(orthanc, pacs_of):
    _, pacs = pacs_of(orthanc.node())
    found = search(pacs, patient_id="P*", series_description="T2*")
    assert uids(found) == ["1"]
    assert [s.description for s in found.series] == ["t2 tse"]


def test_an_archive_that_tells_no_descriptions_hides_nothing(dcmqrscp, pacs_of):
    _, pacs = pacs_of(dcmqrscp)
    assert len(search(pacs, patient_id="P1", series_description="t2*").series) == 3


def test_PACS_x01_x02_a_list_of_patients_with_who_is_missing_and_who_is_left_out(pacs):
    found = search(pacs, patients=("P1;20250101", "P9", "P2", "P3"), without=("P3",), series=False)
    assert uids(found) == ["2", "3"]
    assert found.missing == ["P9"]
    assert (found.n_done, found.n_steps, found.series) == (3, 3, [])


def test_PACS_03_names_of_other_character_sets_are_asked_for_and_read(orthanc, pacs_of):
    _, pacs = pacs_of(orthanc.node())
    [study] = search(pacs, patient_name="Müller*").studies
    assert study.patient_name == "Müller^Jürgen"


def test_what_is_here_already_is_counted(orthanc, pacs_of, tmp_path):
    kit, pacs = pacs_of(orthanc.node())
    write_series(tmp_path / "a", study_uid=f"{UID}.1", n=2, size=8)
    kit.take_in(tmp_path / "a")
    here = {s.number: s.n_here for s in search(pacs, patient_id="P1", study_date="20240502").series}
    assert here == {3: 2, 4: 0}


def test_more_answers_than_the_limit_are_cut_and_that_is_told(orthanc, pacs_of):
    _, pacs = pacs_of(orthanc.node(), max_answers=2)
    found = search(pacs, patient_id="P*", series=False)
    assert len(found.studies) == 2
    assert "cut" in found.log[0]


def test_no_log_names_a_patient_and_the_search_is_on_record(orthanc, pacs_of, caplog):
    caplog.set_level(logging.DEBUG)
    kit, pacs = pacs_of(orthanc.node())
    found = search(pacs, patients=("P1",), patient_name="DOE*")
    told = caplog.text + "\n".join(found.log)
    assert "DOE" not in told
    assert "P1" not in told
    with kit.catalog.read() as con:
        rows = [tuple(row) for row in con.execute("SELECT verb, actor, target FROM operations")]
    assert [row[:2] for row in rows] == [("pacs-search", "owner")]
    assert "P1" not in rows[0][2]


def test_a_search_belongs_to_who_asked_in_its_project(orthanc, pacs_of):
    _, pacs = pacs_of(orthanc.node())
    key = search(pacs, patient_id="P1").key
    for project, actor in (("default", "other"), ("elsewhere", "owner")):
        with pytest.raises(NotFound):
            pacs.found(project, key, actor)


def test_a_search_can_be_stopped_in_its_pauses(orthanc, pacs_of):
    _, pacs = pacs_of(orthanc.node(), find_pause_s=3600.0)
    key = pacs.search("default", "main", PacsQuery(patient_id="P*"), "owner").key
    wait_until(lambda: pacs.found("default", key, "owner").n_done, "the first answer")
    pacs.stop_search("default", key, "owner")
    wait_until(lambda: pacs.found("default", key, "owner").state == "stopped", "it has stopped")


def test_an_archive_that_is_not_there_is_told_with_what_to_do(pacs_of):
    node = {"ae_title": "GONE", "host": "127.0.0.1", "port": free_port(), "timeout_s": 5.0}
    _, pacs = pacs_of(node)
    with pytest.raises(PeerError, match="does not answer") as caught:
        pacs.echo("default", "main")
    assert "port" in caught.value.hint
    found = search(pacs, patient_id="1")
    assert (found.state, "does not answer" in found.reason) == ("failed", True)


def test_PROJ_x06_a_node_can_be_kept_to_some_projects(orthanc, pacs_of):
    _, pacs = pacs_of(orthanc.node(projects=["trial"]))
    assert pacs.nodes("default") == {}
    assert list(pacs.nodes("trial")) == ["main"]
    with pytest.raises(NotFound, match="main"):
        pacs.echo("default", "main")
