"""A session is compared with its project's protocol as it arrives, with quick quality figures."""

from __future__ import annotations

import json
import threading

import pytest

from appliance.catalog import get_project
from appliance.core import Conflict, NotFound
from appliance.exchange.examine import Examiner
from appliance.exchange.protocol import keep_protocol, kept_protocol, learn
from appliance.exchange.protocol_missed import QUIET_MS
from appliance.exchange.protocol_rows import Expected, Protocol, ProtocolSeries
from appliance.exchange.reception import Reception
from appliance.exchange.sessions import phantom_trend, session_now, sessions_now
from tests.exchange.kit import Kit, write_series

UID = "1.2.826.0.1.3680043.10.999."


def project_id(kit: Kit) -> int:
    with kit.catalog.read() as con:
        return get_project(con, "default").id


def session(kit: Kit, folder, k: int, **changes):
    """Bring in a session of a T1 and a T2; changes are of the T2 (None: it does not come)."""
    facts = {"patient_id": f"P{k}", "name": f"N{k}", "study_uid": f"{UID}{k}"}
    write_series(folder, number=1, description="t1 mprage", EchoTime=2.3, **facts)
    if changes.get("EchoTime", 1) is not None:
        more = {"EchoTime": 80, "RepetitionTime": 5000.5, **changes}
        write_series(folder, number=2, description="t2 tse", **facts, **more)
    kit.take_in(folder)
    kit.run()
    with kit.catalog.read() as con:
        return sessions_now(con)[0]


def learn_from(kit: Kit, psid: str) -> Protocol:
    with kit.catalog.read() as con:
        found = learn(con, project_id(kit), psid)
    kit.catalog.write(lambda tx: keep_protocol(tx, project_id(kit), found, "admin"))
    return found


def test_without_a_protocol_a_session_is_shown_and_not_judged(kit, tmp_path):
    now = session(kit, tmp_path / "a", 1)
    assert (now.verdict, now.missing, len(now.series)) == ("unchecked", [], 2)
    assert {one.stage for one in now.series} == {"catalogued"}
    assert all(one.figures["snr"] > 0 for one in now.series)
    assert [one.n_objects for one in now.series] == [4, 4]


def test_a_protocol_is_learned_from_a_good_session_and_the_next_one_fits(kit, tmp_path):
    good = session(kit, tmp_path / "a", 1)
    protocol = learn_from(kit, good.psid)
    assert [(one.name, one.modality, one.count) for one in protocol.series] == [
        ("t1 mprage", "MR", 1),
        ("t2 tse", "MR", 1),
    ]
    wanted = {one.field: one for one in protocol.series[1].parameters}
    assert wanted["EchoTime"] == Expected("EchoTime", "80.0", 0.0)
    assert wanted["RepetitionTime"] == Expected("RepetitionTime", "5000.5", 50.0)
    assert wanted["Matrix"].value == "16x16x4"
    again = session(kit, tmp_path / "b", 2, RepetitionTime=5020)
    assert (again.psid != good.psid, again.verdict) == (True, "ok")
    assert [one.expected for one in again.series] == ["t1 mprage", "t2 tse"]


def test_what_deviates_is_named_with_what_was_wanted(kit, tmp_path):
    learn_from(kit, session(kit, tmp_path / "a", 1).psid)
    bad = session(kit, tmp_path / "b", 2, EchoTime=95, n=6)
    assert bad.verdict == "deviates"
    told = {(one.field, one.wanted, one.found) for one in bad.series[1].deviations}
    assert {("EchoTime", "80.0", "95.0"), ("Matrix", "16x16x4", "16x16x6")} <= told
    assert bad.series[0].deviations == []
    with kit.catalog.read() as con:
        rows = con.execute("SELECT data FROM events WHERE topic = 'protocol.deviates'").fetchall()
    assert [json.loads(row["data"]) for row in rows] == [{"project": "default", "n": 1}]


def test_what_is_missing_is_named_and_what_nobody_expects_is_told_apart(kit, tmp_path):
    learn_from(kit, session(kit, tmp_path / "a", 1).psid)
    short = session(kit, tmp_path / "b", 2, EchoTime=None)
    assert (short.verdict, short.missing) == ("missing", ["t2 tse"])
    other = {"patient_id": "P2", "name": "N2", "study_uid": f"{UID}2"}
    write_series(tmp_path / "c", number=9, description="extra", **other)
    kit.take_in(tmp_path / "c")
    kit.run()
    with kit.catalog.read() as con:
        now = session_now(con, project_id(kit), "default", short.psid)
    assert {one.description: one.expected for one in now.series} == {
        "t1 mprage": "t1 mprage",
        "extra": "",
    }


def told_missing(kit):
    """What was let known of sessions, in order."""
    with kit.catalog.read() as con:
        rows = con.execute("SELECT data FROM events WHERE topic = 'protocol.missing' ORDER BY seq")
        return [(data["psid"], data["series"]) for (text,) in rows for data in [json.loads(text)]]


def pass_time(kit, ms):
    """Let what has come have come earlier, then look."""
    kit.catalog.write(
        lambda tx: [
            tx.con.execute("UPDATE incoming_series SET created_at = created_at - ?", (ms,)),
            tx.con.execute("UPDATE examined SET at = at - ?", (ms,)),
        ]
    )
    kit.run()


def test_GEN_06_what_is_missing_at_the_end_is_told_once_when_nothing_comes_any_more(kit, tmp_path):
    learn_from(kit, session(kit, tmp_path / "a", 1).psid)
    short = session(kit, tmp_path / "b", 2, EchoTime=None)
    kit.run()
    assert told_missing(kit) == []  # a scanner sends one series after the other
    pass_time(kit, QUIET_MS)
    assert told_missing(kit) == [(short.psid, ["t2 tse"])]
    pass_time(kit, QUIET_MS)
    assert len(told_missing(kit)) == 1


def test_GEN_06_a_session_of_yesterday_is_told_of_to_nobody(kit, tmp_path):
    session(kit, tmp_path / "b", 2, EchoTime=None)
    pass_time(kit, 24 * 3_600_000)
    learn_from(kit, session(kit, tmp_path / "a", 1).psid)
    pass_time(kit, QUIET_MS)
    assert told_missing(kit) == []


def test_GEN_06_a_series_that_was_passed_over_is_told_as_soon_as_a_later_one_is_in(kit, tmp_path):
    series = tuple(ProtocolSeries(name=name) for name in ("t1*", "flair", "t2*", "dwi"))
    kit.catalog.write(
        lambda tx: keep_protocol(tx, project_id(kit), Protocol(series=series), "admin")
    )
    now = session(kit, tmp_path / "a", 1)
    assert told_missing(kit) == [(now.psid, ["flair"])]
    pass_time(kit, QUIET_MS)
    assert told_missing(kit) == [(now.psid, ["flair"]), (now.psid, ["dwi"])]


def test_GEN_06_nothing_is_missed_while_more_is_coming(kit, tmp_path):
    learn_from(kit, session(kit, tmp_path / "a", 1).psid)
    facts = {"patient_id": "P2", "name": "N2", "study_uid": f"{UID}2"}
    paths = write_series(tmp_path / "b", number=1, description="t1 mprage", **facts)
    opened = Reception(kit.importer, "default", "SCANNER")
    for path in paths:
        assert opened.store(path.read_bytes()) == 0
    pass_time(kit, QUIET_MS)
    assert told_missing(kit) == []
    opened.close(released=True)
    kit.run()
    assert told_missing(kit) == []
    pass_time(kit, QUIET_MS)
    assert [names for _, names in told_missing(kit)] == [["t2 tse"]]


def test_a_series_may_be_expected_twice_or_not_be_required(kit, tmp_path):
    series = (ProtocolSeries(name="t1*", count=2), ProtocolSeries(name="flair", required=False))
    kit.catalog.write(
        lambda tx: keep_protocol(tx, project_id(kit), Protocol(series=series), "admin")
    )
    assert session(kit, tmp_path / "a", 1).missing == ["t1* (1 of 2)"]


def test_a_protocol_that_somebody_changed_meanwhile_is_not_overwritten(kit):
    some = Protocol(series=(ProtocolSeries(name="t1"),))
    kit.catalog.write(lambda tx: keep_protocol(tx, project_id(kit), some, "admin"))
    with pytest.raises(Conflict):
        kit.catalog.write(lambda tx: keep_protocol(tx, project_id(kit), some, "admin"))
    with kit.catalog.read() as con:
        assert kept_protocol(con, project_id(kit)).rev == 1


def test_nothing_is_learned_before_the_parameters_are_known(kit, tmp_path):
    good = session(kit, tmp_path / "a", 1)
    kit.catalog.write(lambda tx: tx.con.execute("DELETE FROM examined"))
    with kit.catalog.read() as con, pytest.raises(Conflict):
        learn(con, project_id(kit), good.psid)


def test_nothing_is_learned_from_nothing(kit):
    with kit.catalog.read() as con, pytest.raises(NotFound):
        learn(con, project_id(kit), "S-0009#2024")


def test_no_parameter_tells_who_it_shows(kit, tmp_path):
    session(kit, tmp_path / "a", 1)
    with kit.catalog.read() as con:
        text = "".join(row[0] for row in con.execute("SELECT parameters FROM examined"))
    assert "StationName" not in text or "N1" not in text
    assert not {"P1", "N1", "19700102"} & set(text.replace('"', " ").replace(",", " ").split())


def test_a_series_that_grows_is_looked_at_again(kit, tmp_path):
    facts = {"patient_id": "P1", "name": "N1", "study_uid": f"{UID}1"}
    write_series(tmp_path / "a", **facts)
    kit.take_in(tmp_path / "a")
    write_series(tmp_path / "b", first=4, n=2, **facts)
    kit.take_in(tmp_path / "b")
    kit.run()
    with kit.catalog.read() as con:
        (row,) = con.execute("SELECT parameters FROM examined").fetchall()
    assert '"Matrix":"16x16x6"' in row[0]


def test_a_damaged_image_gives_no_figures_and_stops_nothing(kit, tmp_path):
    session(kit, tmp_path / "a", 1)
    (image, _) = sorted(kit.images().values(), key=lambda row: row.id)
    path = kit.folder.projects / "default" / image.psid.replace("#", "/") / image.path
    path.write_bytes(path.read_bytes()[:400])
    kit.catalog.write(lambda tx: tx.con.execute("DELETE FROM examined"))
    Examiner(kit.importer.ctx).look()
    kit.run()
    with kit.catalog.read() as con:
        rows = con.execute("SELECT figures FROM examined ORDER BY file_id").fetchall()
    assert [row[0] == "{}" for row in rows] == [True, False]


def test_small_images_are_looked_at_one_at_a_time(kit, tmp_path, monkeypatch):
    session(kit, tmp_path / "a", 1)
    kit.catalog.write(lambda tx: tx.con.execute("DELETE FROM examined"))
    inside, most, together = [], [], threading.Event()

    def figures(path, **_):
        inside.append(path)
        most.append(len(inside))
        if len(inside) > 1:
            together.set()
        together.wait(0.5)  # for another one, which must not come
        inside.remove(path)
        return {}

    monkeypatch.setattr("appliance.exchange.examine.figures_of", figures)
    Examiner(kit.importer.ctx).look()
    steps, kit.queue.waiting = kit.queue.waiting, []
    threads = [threading.Thread(target=kit.queue.steps[name], args=(n,)) for name, n in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1]


def test_phantoms_have_figures_of_their_own_in_order_of_their_dates(kit, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "appliance.exchange.examine.figures_of",
        lambda path, *, phantom, **_: {"sfnr": 100.0} if phantom else {},
    )
    for n, date in ((1, "20240601"), (2, "20240501")):
        facts = {"patient_id": f"QA{n}", "name": "QA", "study_uid": f"{UID}{n}", "date": date}
        write_series(tmp_path / f"q{n}", description="phantom epi", **facts)
        kit.take_in(tmp_path / f"q{n}")
    session(kit, tmp_path / "a", 5)
    with kit.catalog.read() as con:
        points = phantom_trend(con, project_id(kit))
    assert [(one.date, one.figures) for one in points] == [
        ("2024-05-01", {"sfnr": 100.0}),
        ("2024-06-01", {"sfnr": 100.0}),
    ]
