"""Pulling from real archives by C-MOVE and C-GET: counts, receipts, hours, restarts, failures."""

from __future__ import annotations

import subprocess
import threading
from datetime import UTC, datetime

import pytest
from pydicom.uid import RLELossless

from appliance.catalog import ensure_project, set_project_state
from appliance.core import Conflict, DiskFull, Invalid, NotFound, SettingsError
from appliance.exchange import (
    DicomListener,
    Pacs,
    PacsQuery,
    Peer,
    PullWays,
    Wished,
    brought_by,
    reception,
    send_objects,
)
from appliance.exchange.pacs_hours import Hours
from tests.exchange.kit import write_series
from tests.support.needs import needs
from tests.support.orthanc import an_orthanc
from tests.support.service import free_port
from tests.support.waiting import wait_until

UID = "1.2.826.0.1.3680043.10.997"
T1 = Wished(study_uid=f"{UID}.1", series_uid=f"{UID}.1.3", modality="MR", number=3, n_images=6)
T2 = Wished(study_uid=f"{UID}.1", series_uid=f"{UID}.1.4", modality="MR", number=4, n_images=2)
ALL = Wished(study_uid=f"{UID}.1", n_images=8)


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("objects")
    return [
        *write_series(folder / "3", study_uid=f"{UID}.1", n=6),
        *write_series(folder / "4", study_uid=f"{UID}.1", n=2, number=4, description="t2 tse"),
    ]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory, objects):
    with an_orthanc(tmp_path_factory.mktemp("orthanc") / "o") as running:
        running.fill(objects)
        yield running


class Ward:
    """A kit with an archive, and a listener that the archive knows."""

    def __init__(self, kit):
        self.kit = kit
        self.pacs = Pacs(kit.importer, kit.settings)
        self.listener = DicomListener(kit.importer, kit.settings, self.pacs.awaited)
        self.listener.start()

    def close(self):
        self.pacs.close()
        self.listener.stop()

    def pull(self, *wished, **more):
        return self.pacs.pull("default", "main", wished, "owner", **more)[0]

    def pulls(self, batch=""):
        return self.pacs.pulls("default", batch=batch)[::-1]

    def ended(self, batch):
        """Wait until all of a batch have ended."""
        self.pacs.start()
        found = wait_until(
            lambda: (
                all(one.state not in ("queued", "running") for one in self.pulls(batch))
                and self.pulls(batch)
            ),
            "the pulls have ended",
            show=lambda: self.pulls(batch),
        )
        self.kit.run()
        return found

    def busy(self):
        return any(thread.is_alive() for thread in self.pacs.puller._busy.values())

    def receipts(self):
        with self.kit.catalog.read() as con:
            rows = con.execute("SELECT * FROM receipts ORDER BY id").fetchall()
        return [self.kit.importer.receipt(row["key"]) for row in rows]


@pytest.fixture
def ward_of(make_kit):
    opened = []

    def make(peer, *, name="data", known=True, **more):
        node = {**(peer if isinstance(peer, dict) else peer.node()), "retry_s": 0.0, **more}
        overrides = {"pacs.nodes": {"main": node}, "dicom.quiet_s": 3600.0}
        opened.append(Ward(make_kit(name, **overrides)))
        if known and not isinstance(peer, dict):
            peer.knows("NORA", opened[-1].listener.port)
        return opened[-1]

    yield make
    for ward in opened:
        ward.close()


@pytest.mark.parametrize("method", ["move", "get"])
def test_PACS_09_10_what_is_pulled_is_converted_at_once_under_a_pseudonym(orthanc, ward_of, method):
    ward = ward_of(orthanc, method=method)
    batch = ward.pull(T1, T2)
    first, second = ward.ended(batch)
    assert (first.state, first.n_received, first.n_expected, first.tries) == ("done", 6, 6, 1)
    assert (second.state, second.n_received) == ("done", 2)
    found = [ward.kit.importer.receipt(key) for one in (first, second) for key in one.receipts]
    # their counts are known, so that nothing waits for the quiet time of an hour
    assert [(one.state, one.n_done, one.source) for one in found] == [
        ("done", 6, "PACS main"),
        ("done", 2, "PACS main"),
    ]
    assert sorted(ward.kit.images()) == [
        "S-0001#2024-05-02/t1_mprage_3/s001.nii",
        "S-0001#2024-05-02/t2_tse_4/s001.nii",
    ]
    assert len(ward.receipts()) == 2


def brought(ward, pull):
    """What the rules of autoexecution are told of a pull."""
    with ward.kit.catalog.read() as con:
        return [one for key in pull.receipts for one in brought_by(con, key)]


def test_PACS_x02_a_pull_says_whether_rules_run_on_what_it_brings_and_where(orthanc, ward_of):
    ward = ward_of(orthanc)
    [silent] = ward.ended(ward.pull(T1, ways=PullWays(autoexec=False)))
    assert (silent.state, brought(ward, silent)) == ("done", [])
    [queued] = ward.ended(ward.pull(T2, ways=PullWays(autoexec_queue="fast")))
    [told] = brought(ward, queued)
    assert (told.queue, len(told.study_ids)) == ("fast", 1)
    assert len(ward.kit.images()) == 2


def test_PACS_x02_a_search_and_a_pull_have_pauses_of_their_own(orthanc, ward_of):
    ward = ward_of(orthanc, find_pause_s=3600.0, move_pause_s=3600.0)
    key = ward.pacs.search(
        "default", "main", PacsQuery(modality="MR"), "owner", find_pause_s=0.0
    ).key
    wait_until(lambda: ward.pacs.found("default", key, "owner").state == "done", "it is through")
    pulls = ward.ended(ward.pull(T1, T2, ways=PullWays(move_pause_s=0.0)))
    assert [one.state for one in pulls] == ["done", "done"]


def test_PACS_x02_the_pause_of_an_archive_holds_the_next_pull_until_the_service_ends(
    orthanc, ward_of, monkeypatch
):
    ward = ward_of(orthanc, move_pause_s=3600.0)
    puller, rests = ward.pacs.puller, []
    rest = puller._stopping.wait

    def rested(pause_s):
        rests.append([pause_s, *(one.state for one in ward.pulls(batch))])
        return rest(pause_s)

    monkeypatch.setattr(puller._stopping, "wait", rested)
    batch = ward.pull(T1, T2)
    ward.pacs.start()
    wait_until(lambda: rests, "the archive has its rest")
    puller._hand_out()  # what is due now
    assert rests == [[3600.0, "done", "queued"]]
    assert [one.state for one in ward.pulls(batch)] == ["done", "queued"]
    assert len(ward.receipts()) == 1
    ward.pacs.close()  # no rest holds up the end of the service
    assert not ward.busy()
    assert [one.state for one in ward.ended(batch)] == ["done", "done"]


def test_a_whole_study_can_be_pulled_without_naming_series(orthanc, ward_of):
    ward = ward_of(orthanc)
    [pull] = ward.ended(ward.pull(ALL))
    assert (pull.state, pull.n_received) == ("done", 8)
    assert len(ward.kit.images()) == 2


def test_PACS_11_a_pull_goes_to_its_project_and_what_nobody_asked_for_does_not(
    orthanc, ward_of, objects
):
    ward = ward_of(orthanc)
    ward.kit.catalog.write(lambda tx: ensure_project(tx, "trial"))
    batch, _ = ward.pacs.pull("trial", "main", [T2], "owner")
    ward.pacs.start()
    wait_until(
        lambda: [p.state for p in ward.pacs.pulls("trial", batch=batch)] == ["done"], "it came"
    )
    send_objects(objects[:1], Peer("127.0.0.1", ward.listener.port, "NORA"), ae_title="ARCHIVE")
    arrived = [("trial", 2), ("default", 1)]
    wait_until(
        lambda: [(one.project, one.n_files) for one in ward.receipts()] == arrived,
        "each arrival is in its project",
        show=ward.receipts,
    )


def test_the_archive_is_let_in_for_what_was_asked_of_it_alone(orthanc, make_kit):
    overrides = {
        "pacs.nodes": {"main": orthanc.node(tries=1)},
        "dicom.allow": ["SCANNER@10.0.0.1"],
    }
    ward = Ward(make_kit(**overrides))
    try:
        orthanc.knows("NORA", ward.listener.port)
        [pull] = ward.ended(ward.pull(T2))
        assert pull.state == "done"
        modality = orthanc.http.post("/modalities/dest/echo", json={})
        assert modality.status_code != 200
    finally:
        ward.close()


def test_PACS_x02_a_dry_pull_tells_what_would_come_and_asks_for_nothing(orthanc, ward_of):
    ward = ward_of(orthanc)
    ward.ended(ward.pull(T2))
    more = Wished(study_uid=T2.study_uid, series_uid=T2.series_uid, n_images=3)
    fates = ward.pacs.dry_pull("default", "main", [T1, T2, more])
    assert [(fate.action, fate.n_here) for fate in fates] == [("pull", 0), ("here", 2), ("pull", 2)]
    assert ward.pull(T2) == ""
    assert len(ward.pulls()) == 1
    [again] = ward.ended(ward.pull(T2, again=True))
    assert again.state == "done"
    assert ward.kit.importer.receipt(again.receipts[0]).n_duplicate == 2


def test_the_same_series_is_not_asked_for_twice_at_a_time(orthanc, ward_of):
    ward = ward_of(orthanc)
    ward.pull(T1)
    _, fates = ward.pacs.pull("default", "main", [T1, T2], "owner")
    assert [fate.action for fate in fates] == ["asked", "pull"]
    assert len(ward.pulls()) == 2


def test_an_archive_that_does_not_know_us_is_told_and_tried_again_by_hand(orthanc, ward_of):
    ward = ward_of(orthanc, known=False, tries=2, destination="NOBODY")
    [pull] = ward.ended(batch := ward.pull(T2))
    assert (pull.state, pull.tries, pull.n_received, pull.receipts) == ("failed", 2, 0, [])
    assert pull.reason
    assert ward.receipts() == []  # nothing came: there is no arrival
    orthanc.knows("NOBODY", ward.listener.port, "nobody")
    try:
        assert ward.pacs.change_pulls("default", "retry", batch=batch) == 1
        [pull] = ward.ended(batch)
    finally:
        orthanc.forgets("nobody")
    assert (pull.state, pull.n_received, pull.reason) == ("done", 2, "")


def test_fewer_images_than_were_promised_are_partial_and_kept(orthanc, ward_of):
    ward = ward_of(orthanc, tries=1)
    more = Wished(study_uid=T2.study_uid, series_uid=T2.series_uid, n_images=5)
    [pull] = ward.ended(ward.pull(more))
    assert (pull.state, pull.n_received, pull.reason) == ("partial", 2, "2 of 5 images came")
    [receipt] = ward.receipts()
    assert (receipt.n_files, receipt.n_pending) == (2, 2)  # it waits its quiet time: more may come


def test_a_series_that_the_archive_has_not_fails_with_what_to_look_at(orthanc, ward_of):
    ward = ward_of(orthanc, tries=1)
    [pull] = ward.ended(ward.pull(Wished(study_uid=f"{UID}.7", series_uid=f"{UID}.7.1")))
    assert pull.state == "failed"
    assert pull.reason


def test_an_archive_that_is_gone_fails_and_others_go_on(orthanc, make_kit):
    gone = {"ae_title": "GONE", "host": "127.0.0.1", "port": free_port(), "tries": 1}
    nodes = {"gone": {**gone, "timeout_s": 5.0}, "main": orthanc.node()}
    ward = Ward(make_kit(**{"pacs.nodes": nodes}))
    try:
        orthanc.knows("NORA", ward.listener.port)
        other, _ = ward.pacs.pull("default", "gone", [T1], "owner")
        [fine] = ward.ended(ward.pull(T2))
        [failed] = ward.ended(other)
    finally:
        ward.close()
    assert fine.state == "done"
    assert (failed.state, "does not answer" in failed.reason) == ("failed", True)


def test_a_full_disk_is_the_reason_of_a_failed_pull(orthanc, ward_of, monkeypatch):
    def full(*_):
        raise DiskFull("there is no space", hint="Free some.")

    ward = ward_of(orthanc, tries=1)
    monkeypatch.setattr(reception, "require_space", full)
    [pull] = ward.ended(ward.pull(T2))
    assert (pull.state, pull.reason, pull.hint) == ("failed", "there is no space", "Free some.")


def test_pulls_wait_for_the_hours_of_their_archive_and_say_so(orthanc, ward_of):
    ward = ward_of(orthanc, window="20:00-06:00")
    now = [datetime(2024, 1, 1, 12, tzinfo=UTC)]
    ward.pacs.puller._local_time = lambda: now[0]
    batch = ward.pull(T2)
    ward.pacs.start()
    [pull] = ward.pulls(batch)
    assert (pull.state, pull.reason) == ("queued", "waits for its hours, 20:00-06:00")
    now[0] = datetime(2024, 1, 1, 23, tzinfo=UTC)
    assert [one.state for one in ward.ended(batch)] == ["done"]


def test_pulls_outlive_the_service_and_none_is_done_twice(orthanc, ward_of):
    ward = ward_of(orthanc)
    batch = ward.pull(T1, T2)
    # as if it had been killed while the first was under way
    ward.kit.catalog.write(
        lambda tx: tx.con.execute("UPDATE pacs_pulls SET state = 'running' WHERE number = 3")
    )
    ward.close()
    ward.kit.close()
    again = ward_of(orthanc)
    assert [(one.state, one.n_received) for one in again.ended(batch)] == [("done", 6), ("done", 2)]
    assert len(again.receipts()) == 2


def test_what_is_stopped_in_the_middle_goes_on_after_the_start(orthanc, ward_of, monkeypatch):
    ward = ward_of(orthanc)
    came, go_on = threading.Event(), threading.Event()
    begin = reception.Reception.begin

    def slow(self, *given):
        came.set()
        go_on.wait(60)
        return begin(self, *given)

    monkeypatch.setattr(reception.Reception, "begin", slow)
    batch = ward.pull(T1)
    ward.pacs.start()
    assert came.wait(60)
    stopping = threading.Thread(target=ward.pacs.close)
    stopping.start()
    wait_until(ward.pacs.puller._stopping.is_set, "it is told to stop")
    go_on.set()
    stopping.join(60)
    monkeypatch.undo()
    wait_until(lambda: not ward.busy(), "the archive is left alone")
    assert [one.state for one in ward.pulls(batch)] in (["running"], ["done"])
    [pull] = ward.ended(batch)
    assert (pull.state, pull.n_received) == ("done", 6)


def test_a_pull_that_is_under_way_can_be_cancelled(orthanc, ward_of, monkeypatch):
    ward = ward_of(orthanc)
    came, go_on = threading.Event(), threading.Event()
    begin = reception.Reception.begin

    def slow(self, *given):
        came.set()
        go_on.wait(60)
        return begin(self, *given)

    monkeypatch.setattr(reception.Reception, "begin", slow)
    batch = ward.pull(T1, T2)
    ward.pacs.start()
    assert came.wait(60)
    assert ward.pacs.change_pulls("default", "cancel", batch=batch) == 2
    go_on.set()
    assert [one.state for one in ward.ended(batch)] == ["cancelled", "cancelled"]
    wait_until(lambda: not ward.busy(), "the archive is left alone")
    assert ward.pulls(batch)[0].state == "cancelled"


def test_cancelled_pulls_do_not_come_and_can_be_asked_for_again(orthanc, ward_of):
    ward = ward_of(orthanc)
    batch = ward.pull(T1, T2)
    one = ward.pulls(batch)[0]
    assert ward.pacs.change_pulls("default", "cancel", keys=[one.key]) == 1
    assert sorted(pull.state for pull in ward.ended(batch)) == ["cancelled", "done"]
    assert ward.pacs.change_pulls("default", "retry", batch=batch) == 1
    assert [pull.state for pull in ward.ended(batch)] == ["done", "done"]


def test_an_image_that_comes_after_its_pull_has_ended_goes_nowhere(orthanc, ward_of, objects):
    ward = ward_of(orthanc)
    expected = ward.pacs.awaited.open(
        ward.kit.settings.pacs.nodes["main"], "NORA", (T1.study_uid, ""), object()
    )
    ward.pacs.awaited.close(expected)
    sent = subprocess.run(
        [
            *(needs("movescu"), "-S", "-aet", "NORA", "-aec", "ARCHIVE", "-aem", "NORA"),
            *("127.0.0.1", str(orthanc.port), "-k", "QueryRetrieveLevel=SERIES"),
            *("-k", f"StudyInstanceUID={T2.study_uid}", "-k", f"SeriesInstanceUID={T2.series_uid}"),
        ],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert sent.returncode is not None
    assert ward.receipts() == []


def test_compressed_images_come_by_move_as_they_are(ward_of, tmp_path_factory, objects):
    import pydicom

    packed = []
    for path in objects[6:]:
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless)
        packed.append(path.with_suffix(".rle"))
        dataset.save_as(packed[-1])
    with an_orthanc(tmp_path_factory.mktemp("rle") / "o") as archive:
        archive.fill(packed)
        ward = ward_of(archive)
        [pull] = ward.ended(ward.pull(T2))
    assert (pull.state, pull.n_received) == ("done", 2)
    assert len(ward.kit.images()) == 1


def test_no_pull_tells_who_it_shows(orthanc, ward_of, caplog):
    caplog.set_level("DEBUG")
    ward = ward_of(orthanc)
    ward.ended(ward.pull(T1))
    told = caplog.text + repr(ward.pulls())
    for secret in ("DOE", "P1", "19700102"):
        assert secret not in told
    assert UID not in repr(ward.pulls())


def test_what_cannot_be_pulled_is_refused(orthanc, ward_of):
    ward = ward_of(orthanc)
    for wished in ([], [Wished(study_uid="")], [Wished(study_uid="1.2", series_uid="a*")]):
        with pytest.raises(Invalid):
            ward.pull(*wished)
    with pytest.raises(NotFound):
        ward.pacs.pull("default", "other", [T1], "owner")
    with pytest.raises(Invalid):
        ward.pacs.change_pulls("default", "cancel")
    ward.kit.catalog.write(lambda tx: set_project_state(tx, "default", "archived", actor="owner"))
    with pytest.raises(Conflict):
        ward.pull(T1)


@pytest.mark.parametrize(
    ("window", "hour", "wait_h"),
    [
        ("", 12, 0),
        ("20:00-06:00", 12, 8),
        ("20:00-06:00", 23, 0),
        ("20:00-06:00", 5, 0),
        ("20:00-06:00", 6, 14),
        ("08:00-10:00, 12:00-13:00", 11, 1),
        ("00:00-24:00", 3, 0),
    ],
)
def test_hours(window, hour, wait_h):
    assert Hours(window).wait_s(datetime(2024, 1, 1, hour, tzinfo=UTC)) == wait_h * 3600


@pytest.mark.parametrize("window", ["20-6", "25:00-06:00", "20:00", "20:00-20:00", "20:70-21:00"])
def test_hours_that_are_none_are_refused(window):
    with pytest.raises(SettingsError):
        Hours(window)
