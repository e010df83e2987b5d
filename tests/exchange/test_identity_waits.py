"""An arrival whose subject is in doubt waits for a person, and goes on as they decide."""

from __future__ import annotations

import pytest

from appliance.core import Conflict, Invalid, NotFound
from tests.exchange.kit import write_series


@pytest.fixture
def doubtful(kit, tmp_path):
    write_series(tmp_path / "a")
    write_series(tmp_path / "b", name="SMITH^JANE", study_uid="1.2.3.7", date="20240601")
    kit.take_in(tmp_path / "a")
    return kit.take_in(tmp_path / "b")


def resolved(kit, receipt, action, **more):
    kit.importer.resolve(receipt.key, action, actor="owner", **more)
    kit.run()
    return kit.importer.receipt(receipt.key)


def test_a_disagreement_waits_and_names_nobody(kit, doubtful):
    assert (doubtful.state, doubtful.n_pending) == ("waiting", 4)
    assert "S-0001" in doubtful.reason
    assert "name" in doubtful.reason
    assert "SMITH" not in str(doubtful)
    assert len(kit.images()) == 1


def test_assign_puts_it_under_the_suspected_subject(kit, doubtful):
    receipt = resolved(kit, doubtful, "assign")
    assert (receipt.state, receipt.studies) == ("done", ["S-0001#2024-06-01"])


def test_new_makes_a_subject_and_the_decision_holds_for_later(kit, doubtful, tmp_path):
    receipt = resolved(kit, doubtful, "new")
    assert (receipt.state, receipt.studies) == ("done", ["S-0002#2024-06-01"])
    write_series(tmp_path / "c", name="SMITH^JANE", study_uid="1.2.3.7", date="20240601", number=9)
    assert kit.take_in(tmp_path / "c").studies == ["S-0002#2024-06-01"]


def test_discard_sets_it_aside_and_retry_asks_again(kit, doubtful):
    assert doubtful.closed_at is None
    receipt = resolved(kit, doubtful, "discard-wait")
    assert (receipt.state, receipt.n_quarantined) == ("done", 4)
    assert receipt.reason == "set aside by a person (4 files)"
    assert receipt.closed_at is not None
    kit.importer.retry(receipt.key)
    kit.run()
    assert kit.importer.receipt(receipt.key).state == "waiting"


def test_decisions_that_make_no_sense_are_refused(kit, doubtful):
    with pytest.raises(Invalid):
        kit.importer.resolve(doubtful.key, "burn")
    with pytest.raises(NotFound):
        kit.importer.resolve(doubtful.key, "assign", pid="S-0099")
    with pytest.raises(Conflict):
        kit.importer.resolve(doubtful.key, "assign", item_ids=[999999])
    assert kit.importer.receipt(doubtful.key).state == "waiting"


def test_what_was_set_aside_does_not_hide_what_else_is_wrong(kit, tmp_path):
    write_series(tmp_path / "a")
    write_series(tmp_path / "b", name="SMITH^JANE", study_uid="1.2.3.7", date="20240601")
    (tmp_path / "b" / "notes.bin").write_bytes(b"whose is this")
    kit.take_in(tmp_path / "a")
    receipt = kit.take_in(tmp_path / "b")
    waiting = [item.id for item in receipt.items if item.state == "waiting"]
    receipt = resolved(kit, receipt, "discard-wait", item_ids=waiting)
    assert receipt.state == "partial"
    assert "no target was named" in receipt.reason
    receipt = resolved(kit, receipt, "discard-wait", item_ids=[i.id for i in receipt.items])
    assert (receipt.state, receipt.n_quarantined) == ("done", 5)


def test_identities_of_a_waiting_arrival_stand_beside_those_that_are_known(kit, doubtful):
    (found,) = kit.importer.waiting_identities(doubtful.key, actor="owner")
    assert sorted(found.item_ids) == sorted(item.id for item in doubtful.items)
    assert (found.said.name, found.said.birth_date) == ("SMITH^JANE", "19700102")
    (known,) = found.known
    assert (known.code, known.identity.name, known.differs) == ("S-0001", "DOE^JANE", ("name",))
    assert "SMITH" not in str(found)
    with kit.catalog.read() as con:
        rows = con.execute("SELECT actor, verb, target FROM operations").fetchall()
    assert ("owner", "reveal-arrival") in [(row["actor"], row["verb"]) for row in rows]
    assert not any("JANE" in row["target"] for row in rows)


def test_without_a_patient_id_the_key_that_we_made_is_not_shown(kit, tmp_path):
    write_series(tmp_path / "a", patient_id="", study_uid="1.2.3.1")
    write_series(tmp_path / "b", patient_id="", study_uid="1.2.3.1", sex="M", number=9)
    kit.take_in(tmp_path / "a")
    receipt = kit.take_in(tmp_path / "b")
    assert receipt.state == "waiting"
    (found,) = kit.importer.waiting_identities(receipt.key, actor="owner")
    assert found.known[0].differs == ("sex",)
    assert found.known[0].identity.issuer == ""


def test_decisions_are_put_on_record(kit, doubtful):
    resolved(kit, doubtful, "new")
    with kit.catalog.read() as con:
        rows = con.execute("SELECT actor, verb FROM operations").fetchall()
    assert ("owner", "resolve-arrival") in [tuple(row) for row in rows]


def test_without_patient_id_the_study_is_the_subject(kit, tmp_path):
    write_series(tmp_path / "a", patient_id="", study_uid="1.2.3.1")
    write_series(tmp_path / "b", patient_id="", study_uid="1.2.3.2")
    assert kit.take_in(tmp_path / "a").studies == ["S-0001#2024-05-02"]
    assert kit.take_in(tmp_path / "b").studies == ["S-0002#2024-05-02"]


def test_codes_go_on_after_the_identity_store_is_lost(make_kit, tmp_path):
    first = make_kit("data")
    write_series(tmp_path / "a")
    write_series(tmp_path / "b", patient_id="P2", study_uid="1.2.3.9")
    first.take_in(tmp_path / "a")
    first.close()
    first.folder.identity_path.unlink()
    second = make_kit("data")
    assert second.take_in(tmp_path / "b").studies == ["S-0002#2024-05-02"]
