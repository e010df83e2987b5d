"""When a series is converted: on sure signs at once, else after its quiet time; odd senders."""

from __future__ import annotations

from itertools import chain

import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian

from appliance.cli.arriving import ArrivalFeed
from appliance.exchange import Condition, Route, brought_by
from appliance.exchange.reception import Reception
from appliance.exchange.rows import Options
from tests.exchange.kit import write_series

STUDY = "1.2.826.0.1.3680043.10.996"


@pytest.fixture
def kit(make_kit):
    return make_kit(**{"dicom.quiet_s": 3600.0})


def bring(kit, paths, *, released=True, autoexec=True):
    """Receive objects over one association, which is released or breaks off."""
    opened = Reception(kit.importer, "default", "SCANNER", Options(autoexec=autoexec))
    for path in paths:
        assert opened.store(path.read_bytes()) == 0
    opened.close(released=released)
    kit.run()
    return kit.importer.receipt(opened.key)


def test_a_series_whose_slices_fill_a_grid_is_converted_at_once(kit, tmp_path):
    receipt = bring(kit, write_series(tmp_path / "in", n=5))
    assert (receipt.state, receipt.n_done) == ("done", 5)
    assert len(kit.images()) == 1


def test_an_association_that_broke_off_is_waited_for(kit, tmp_path):
    receipt = bring(kit, write_series(tmp_path / "in", n=5), released=False)
    assert (receipt.state, receipt.n_pending) == ("working", 5)
    assert kit.images() == {}


@pytest.mark.parametrize("missing", [1, 2])
def test_a_series_with_a_gap_is_waited_for(kit, tmp_path, missing):
    paths = write_series(tmp_path / "in", n=5)
    del paths[missing]
    assert bring(kit, paths).state == "working"


def test_a_series_that_tells_its_number_is_converted_when_all_are_here(kit, tmp_path):
    paths = write_series(tmp_path / "in", n=5, ImagesInAcquisition=5)
    first = bring(kit, paths[:3])
    assert first.state == "working"
    second = bring(kit, paths[3:])
    assert (second.state, second.n_done) == ("done", 2)
    assert kit.importer.receipt(first.key).state == "done"
    assert len(kit.images()) == 1


def test_fewer_images_than_told_are_waited_for_though_they_fill_a_grid(kit, tmp_path):
    paths = write_series(tmp_path / "in", n=6, ImagesInAcquisition=6)
    bring(kit, paths[:2])
    assert kit.images() == {}


def test_a_series_that_never_ends_is_converted_now_and_then(kit, tmp_path):
    paths = write_series(tmp_path / "in", n=9)
    del paths[1]
    bring(kit, paths[:4])
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE receipts SET created_at = 0"))
    assert kit.images() == {}
    bring(kit, paths[4:], released=False)
    assert kit.images() != {}


def test_a_late_image_opens_its_series_again(kit, tmp_path):
    paths = write_series(tmp_path / "in", n=6, ImagesInAcquisition=6)
    late = paths.pop()
    bring(kit, paths)
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE incoming_series SET ready_at = 0"))
    kit.run()
    assert len(kit.images()) == 1
    bring(kit, [late])
    [row] = kit.images().values()
    with kit.catalog.read() as con:
        held = con.execute("SELECT state, rev FROM incoming_series").fetchone()
    assert tuple(held) == ("done", 2)
    assert row.kind == "image"


def test_a_study_is_whole_only_when_all_its_series_are(kit, tmp_path):
    whole = bring(kit, write_series(tmp_path / "a", study_uid=STUDY, n=4))
    with kit.catalog.read() as con:
        assert len(brought_by(con, whole.key)) == 1
    paths = write_series(tmp_path / "b", study_uid=STUDY, n=5, number=4)
    rest = bring(kit, [paths[0], *paths[2:]])
    with kit.catalog.read() as con:
        assert brought_by(con, whole.key) == []
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE incoming_series SET ready_at = 0"))
    kit.run()
    with kit.catalog.read() as con:
        assert len(brought_by(con, rest.key)) == 1


def brings(kit, receipt):
    """Whether rules of autoexecution are told of what an arrival brought."""
    with kit.catalog.read() as con:
        return bool(brought_by(con, receipt.key))


def test_PACS_x02_a_pull_without_rules_takes_them_from_no_other_arrival(kit, tmp_path):
    paths = write_series(tmp_path / "a", study_uid=STUDY, n=5, number=4)
    silent = bring(kit, [paths[0], *paths[2:]], autoexec=False)
    assert silent.state == "working"  # its gap may still be filled
    usual = bring(kit, write_series(tmp_path / "b", study_uid=STUDY, n=4))
    assert usual.state == "done"
    assert brings(kit, usual)
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE incoming_series SET ready_at = 0"))
    kit.run()
    silent = kit.importer.receipt(silent.key)
    assert (silent.state, brings(kit, silent)) == ("done", False)


def test_PACS_x02_a_series_of_both_is_waited_for_as_long_as_rules_want_it(kit, tmp_path):
    paths = write_series(tmp_path / "a", study_uid=STUDY, n=6, number=4)
    silent = bring(kit, paths[:1], autoexec=False)
    shared = bring(kit, paths[2:4])
    usual = bring(kit, write_series(tmp_path / "b", study_uid=STUDY, n=4))
    assert [one.state for one in (silent, shared, usual)] == ["working", "working", "done"]
    assert not brings(kit, usual)  # more comes that rules are to see
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE incoming_series SET ready_at = 0"))
    kit.run()
    assert brings(kit, shared)
    # an image that comes late without rules opens the series again, and keeps nobody waiting
    bring(kit, paths[5:], autoexec=False)
    assert brings(kit, shared)


def test_one_series_in_ten_folders_is_one_series(kit, tmp_path):
    paths = write_series(tmp_path / "in", n=20)
    for k, path in enumerate(paths):
        home = tmp_path / "spread" / f"folder {k % 10}"
        home.mkdir(parents=True, exist_ok=True)
        path.rename(home / "IM0001.dcm" if k < 10 else home / "IM0002.dcm")
    receipt = kit.take_in(tmp_path / "spread")
    assert (receipt.state, receipt.n_done) == ("done", 20)
    assert list(kit.images()) == ["S-0001#2024-05-02/t1_mprage_3/s001.nii"]


def test_studies_that_come_interleaved_are_told_apart(kit, tmp_path):
    sets = [
        write_series(tmp_path / one, patient_id=one, study_uid=f"{STUDY}.{k}", n=4)
        for k, one in enumerate(("A", "B", "C"))
    ]
    receipt = bring(kit, chain.from_iterable(zip(*sets, strict=True)))
    assert (receipt.state, receipt.n_done) == ("done", 12)
    assert sorted(kit.images()) == [f"S-000{k}#2024-05-02/t1_mprage_3/s001.nii" for k in (1, 2, 3)]


def test_series_are_told_apart_by_their_identifier_never_by_number(kit, tmp_path):
    for k in (1, 2):
        uid = f"{STUDY}.7.{k}"
        bring(kit, write_series(tmp_path / str(k), study_uid=STUDY, series_uid=uid))
    assert len(kit.images()) == 2


def test_one_identifier_with_two_images_keeps_both(kit, tmp_path):
    bring(kit, write_series(tmp_path / "a"))
    other = bring(kit, write_series(tmp_path / "b", value=7))
    assert other.n_quarantined == 4
    assert len(kit.originals()) == 4
    kept = [p for p in kit.folder.quarantine.rglob("*.dcm") if p.is_file()]
    assert len(kept) == 4
    assert len(kit.images()) == 1


def test_an_object_that_lies_about_its_syntax_is_read_all_the_same(kit, tmp_path):
    paths = write_series(tmp_path / "in")
    for path in paths:
        found = pydicom.dcmread(path)
        explicit = path.read_bytes()
        found.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        found.save_as(path, implicit_vr=True, enforce_file_format=True)
        implicit = path.read_bytes()
        cut = [144 + int.from_bytes(data[140:144], "little") for data in (explicit, implicit)]
        path.write_bytes(explicit[: cut[0]] + implicit[cut[1] :])  # says explicit, is implicit
    receipt = bring(kit, paths)
    assert receipt.n_files == 4
    assert receipt.n_done + receipt.n_quarantined == 4
    assert len(kit.originals()) == 4


@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO_IR 192", "NONSENSE__"])
def test_a_wrong_character_set_loses_nothing(kit, tmp_path, charset):
    paths = write_series(tmp_path / "in", name="MUELLER^X", SpecificCharacterSet="ISO_IR 100")
    for path in paths:
        data = path.read_bytes()
        assert data.count(b"MUELLER^X") == data.count(b"ISO_IR 100") == 1
        data = data.replace(b"MUELLER^X", b"M\xfcLLER^\xff\x81")
        path.write_bytes(data.replace(b"ISO_IR 100", charset.encode()))
    receipt = bring(kit, paths)
    assert receipt.n_files == receipt.n_done + receipt.n_quarantined == 4
    kept = kit.originals() or list(kit.folder.quarantine.rglob("*.dcm"))
    assert len(kept) == 4


@pytest.mark.parametrize("date", ["20991231", "19000101", ""])
def test_a_scanner_whose_clock_is_wrong_harms_nothing(kit, tmp_path, date):
    receipt = bring(kit, write_series(tmp_path / "in", date=date))
    assert (receipt.state, receipt.n_done) == ("done", 4)
    assert len(kit.images()) == 1


def hold(kit, folder, **more):
    """Bring a series with a gap, which waits for its quiet time."""
    paths = write_series(folder, study_uid=STUDY, n=5, **more)
    held = bring(kit, [paths[0], *paths[2:]])
    assert held.state == "working"
    return held


def quieten(kit):
    kit.catalog.write(lambda tx: tx.con.execute("UPDATE incoming_series SET ready_at = 0"))
    kit.run()


def fired(kit, receipt):
    with kit.catalog.read() as con:
        return [one.fire for one in brought_by(con, receipt.key)]


def fire_on(kit, description, *names):
    when = (Condition("SeriesDescription", "is", description),)
    rule = Route(name=description, when=when, fire=names, doors=("cli",))
    routing = kit.importer.routing
    routing.keep((*routing.table().routes, rule), routing.table().rev, "admin")


def test_GEN_07_the_rules_that_one_arrival_asks_for_outlive_another_of_its_study(kit, tmp_path):
    fire_on(kit, "t1 mprage", "segment")
    fire_on(kit, "bold", "motion")
    usual = hold(kit, tmp_path / "a", number=4, description="t2 tse")
    write_series(tmp_path / "b", study_uid=STUDY, n=4)
    write_series(tmp_path / "c", study_uid=STUDY, n=4, number=5, description="bold")
    led = [kit.take_in(tmp_path / name) for name in "bc"]
    assert [one.state for one in led] == ["done", "done"]
    assert [fired(kit, one) for one in led] == [[], []]  # the study is not whole
    quieten(kit)
    [names] = fired(kit, usual)
    assert sorted(names) == ["motion", "segment"]
    # what comes on another day is an arrival of its own
    kit.catalog.write(
        lambda tx: tx.con.execute(
            "UPDATE receipts SET created_at = created_at - ?1, updated_at = updated_at - ?1,"
            " closed_at = closed_at - ?1",
            (3 * 86_400_000,),
        )
    )
    late = hold(kit, tmp_path / "d", number=6, description="localizer")
    quieten(kit)
    assert fired(kit, late) == [()]


def test_what_waited_for_a_series_that_fails_is_told_when_it_does(kit, tmp_path):
    fire_on(kit, "t1 mprage", "segment")
    kept = set(kit.originals())
    failing = hold(kit, tmp_path / "a", number=4, description="t2 tse")
    damaged = set(kit.originals()) - kept
    write_series(tmp_path / "b", study_uid=STUDY, n=4)
    whole = kit.take_in(tmp_path / "b")
    feed = ArrivalFeed(kit.catalog)
    told, reached = feed.since(0)
    assert (whole.state, told) == ("done", [])
    for path in damaged:
        path.unlink()
    quieten(kit)
    assert kit.importer.receipt(failing.key).state == "failed"
    [arrival] = feed.since(reached)[0]
    assert arrival.fire == ("segment",)
    assert len(arrival.study_ids) == 1
