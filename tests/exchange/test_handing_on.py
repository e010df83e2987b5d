"""Arrivals given to another project, files taken as they came, and all failures tried again."""

from __future__ import annotations

import pytest

from appliance.catalog import ensure_project
from appliance.core import Conflict, NotFound
from appliance.exchange import give_to_project, original_file, receipts_to_retry
from tests.exchange.kit import Kit, write_series


@pytest.fixture
def other(kit: Kit) -> str:
    kit.catalog.write(lambda tx: ensure_project(tx, "other"))
    return "other"


def damaged(kit: Kit, tmp_path):
    """An arrival whose only series cannot be converted, and one file that nobody wants."""
    folder = tmp_path / "in"
    for path in write_series(folder, n=2):
        path.write_bytes(path.read_bytes()[:-60])
    (folder / "note.xyz").write_bytes(b"who knows")
    return kit.take_in(folder)


def test_an_arrival_of_which_nothing_is_in_begins_anew_in_another_project(kit, other, tmp_path):
    receipt = damaged(kit, tmp_path)
    assert (receipt.state, receipt.n_done) == ("failed", 0)
    give_to_project(kit.importer.ctx, receipt, other, "me")
    kit.run()
    again = kit.importer.receipt(receipt.key)
    assert (again.project, again.state, again.n_files) == ("other", "failed", 3)
    names = kit.importer.original_names(receipt.key, actor="me")
    assert max(name.rsplit("/", 1)[1] for name in names.values()) == "note.xyz"


def test_a_series_that_did_not_convert_is_converted_there(kit, other, tmp_path, monkeypatch):
    from appliance.exchange import convert
    from appliance.exchange.dcm2niix import ConverterRefused

    def refuse(*_args, **_more):
        raise ConverterRefused("it would not")

    with monkeypatch.context() as patch:
        patch.setattr(convert, "_convert", refuse)
        write_series(tmp_path / "in")
        receipt = kit.take_in(tmp_path / "in")
    assert receipt.n_quarantined == 4
    give_to_project(kit.importer.ctx, receipt, other, "me")
    kit.run()
    assert kit.importer.receipt(receipt.key).state == "done"
    assert [row.kind for row in kit.files(other).values() if row.kind == "image"] == ["image"]
    assert kit.files() == {}
    with kit.catalog.read() as con:
        assert con.execute("SELECT count(*) FROM incoming_series").fetchone()[0] == 1
    assert len(kit.originals()) == 4
    assert all("other" in path.parts for path in kit.originals())


def test_what_is_in_its_study_is_not_given_away(kit, other, tmp_path):
    write_series(tmp_path / "in")
    receipt = kit.take_in(tmp_path / "in")
    with pytest.raises(Conflict, match="in their studies already"):
        give_to_project(kit.importer.ctx, receipt, other, "me")
    with pytest.raises(NotFound):
        give_to_project(kit.importer.ctx, receipt, "nowhere", "me")


def test_a_file_is_taken_as_it_came_and_that_is_on_record(kit, tmp_path):
    (path,) = write_series(tmp_path / "in", n=1)
    receipt = kit.take_in(tmp_path / "in")
    found = original_file(kit.importer.ctx, receipt, receipt.items[0].id, "me")
    assert found.read_bytes() == path.read_bytes()
    with kit.catalog.read() as con:
        rows = con.execute("SELECT actor FROM operations WHERE verb = 'take-original'").fetchall()
    assert [row[0] for row in rows] == ["me"]
    with pytest.raises(NotFound):
        original_file(kit.importer.ctx, receipt, 999_999, "me")


def test_all_that_failed_is_named_for_who_may_change_it(kit, tmp_path):
    key = damaged(kit, tmp_path).key
    write_series(tmp_path / "good", study_uid="1.2.3.4")
    kit.take_in(tmp_path / "good")
    assert receipts_to_retry(kit.importer.ctx, None) == [key]
    assert receipts_to_retry(kit.importer.ctx, frozenset()) == []
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE projects SET state = 'archived'"))
    assert receipts_to_retry(kit.importer.ctx, None) == []
