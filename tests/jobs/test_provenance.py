"""How files were made: records, lineage, stale marks, recomputing, replays, PROV-JSON."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from appliance import catalog as cat
from appliance.catalog.in_memory import postings_of
from appliance.core import Conflict, Invalid, NotFound
from appliance.jobs import JobQuery, input_files, purge_jobs
from appliance.jobs.lineage import Lineage
from appliance.jobs.records import fill_hashes, made_in_study, restore_records
from tests.jobs.kit import Bench, MakeBench, bash, file, out
from tests.support.waiting import wait_until

UPPER = 'tr a-z A-Z < "$f1" > "$o1"'


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def file_id(bench: Bench, path: str, psid: str = "S-1#V1") -> int:
    with bench.catalog.read() as con:
        study = cat.find_study(con, cat.get_project(con, "demo").id, psid)
        return {f.path: f.id for f in cat.study_files(con, study)}[path]


def change(bench: Bench, path: Path, text: str) -> None:
    """Write other bytes, and tell the catalog as a rescan does."""
    path.write_text(text)
    os.utime(path, ns=(path.stat().st_mtime_ns + 1000,) * 2)
    facts = path.stat()
    bench.catalog.write(
        lambda tx: cat.add_file(
            tx,
            tx.con.execute("SELECT id FROM studies").fetchone()[0],
            path.name,
            size_bytes=facts.st_size,
            mtime_ns=facts.st_mtime_ns,
            kind="text",
        )
    )
    bench.scheduler.provenance.keeper.catch_up()


def chain(bench: Bench) -> tuple[Path, list[str]]:
    """Make b.txt from notes.txt and c.txt from b.txt, in two batches; and d.txt from a.txt."""
    study = bench.study("S-1#V1", "notes.txt", "a.txt")
    one = bench.submit(bash(UPPER, file("notes.txt"), out("b.txt TAG(made)"), name="upper"))
    assert bench.wait(one) == ["done"]
    two = bench.submit(bash('rev "$f1" > "$o1"', file("b.txt"), out("c.txt"), name="turn"))
    three = bench.submit(bash('cp "$f1" "$o1"', file("a.txt"), out("d.txt"), name="copy"))
    assert bench.wait([*two, *three]) == ["done", "done"]
    bench.scheduler.provenance.keeper.catch_up()
    return study, [*one, *two, *three]


def lineage(bench: Bench, path: str) -> Lineage:
    return bench.scheduler.provenance.lineage(file_id(bench, path))


def stale(bench: Bench) -> dict[str, str]:
    keeper = bench.scheduler.provenance.keeper
    keeper.catch_up()
    with bench.catalog.read() as con:
        marks = dict(con.execute("SELECT file_id, reason FROM stale").fetchall())
        return {cat.get_file(con, one).path: reason for one, reason in marks.items()}


def test_a_file_knows_the_attempt_script_versions_and_inputs_that_made_it(bench: Bench) -> None:
    _, keys = chain(bench)
    found = lineage(bench, "b.txt")
    made = found.made
    assert made is not None
    assert (made.job_key, made.attempt, made.job_name) == (keys[0], 1, "upper")
    assert made.origin == found.origin == f"attempt:{keys[0]}/1"
    assert UPPER in made.script["script.sh"]
    assert made.command[0] == "bash"
    assert set(made.versions) == {"appliance", "python"}
    assert made.resources["cpus"] == 1
    assert made.user == "owner"
    [source], [result] = made.inputs, made.outputs
    assert (source.path, source.sha256, source.size_bytes) == ("notes.txt", sha("abc"), 3)
    assert (result.path, result.sha256, result.state) == ("b.txt", sha("ABC"), "same")
    assert found.sha256 == sha("ABC")
    with bench.catalog.read() as con:  # the input's row, which was behind, knows it too
        assert cat.get_file(con, file_id(bench, "notes.txt")).sha256 == sha("abc")


def test_lineage_goes_both_ways_some_levels_deep(bench: Bench) -> None:
    chain(bench)
    from_notes, from_c = lineage(bench, "notes.txt"), lineage(bench, "c.txt")
    assert [(m.level, m.job_name) for m in from_notes.after] == [(1, "upper"), (2, "turn")]
    assert from_notes.made is None
    assert [(m.level, m.job_name) for m in from_c.before] == [(2, "upper")]
    assert from_c.after == []
    short = bench.scheduler.provenance.lineage(file_id(bench, "notes.txt"), depth=1)
    assert short.is_cut
    assert len(short.after) == 1


def test_what_was_made_from_a_changed_input_is_stale_and_nothing_else(bench: Bench) -> None:
    study, _ = chain(bench)
    assert stale(bench) == {}
    change(bench, study / "notes.txt", "xyz")
    assert stale(bench) == {"b.txt": "changed", "c.txt": "upstream"}
    mark = lineage(bench, "c.txt").stale
    assert mark is not None
    assert mark.text == "b.txt, which it was made from, is out of date itself"
    change(bench, study / "notes.txt", "abc")  # other time, the bytes that were used
    put_hash(bench, "notes.txt", sha("abc"))
    assert stale(bench) == {}


def put_hash(bench: Bench, path: str, digest: str) -> None:
    row = digest, file_id(bench, path)
    sql = "UPDATE files SET sha256 = ? WHERE id = ?"
    bench.catalog.write(lambda tx: tx.con.execute(sql, row).rowcount)


def test_an_input_in_the_trash_makes_stale_until_it_is_back(bench: Bench) -> None:
    chain(bench)
    notes = file_id(bench, "notes.txt")
    operation = bench.catalog.write(lambda tx: cat.trash_files(tx, [notes], "anna"))
    assert stale(bench) == {"b.txt": "trashed", "c.txt": "upstream"}
    bench.catalog.write(lambda tx: cat.undo(tx, operation, "anna"))
    assert stale(bench) == {}


def loaded(bench: Bench) -> bool:
    with bench.catalog.read() as con:
        return postings_of(con) is not None


@pytest.mark.parametrize("fast", [False, True])
def test_filters_find_what_is_stale(bench: Bench, fast: bool) -> None:
    study, _ = chain(bench)
    bench.study("S-2#V1", "notes.txt")
    if fast:
        bench.catalog.start_postings()
        wait_until(lambda: loaded(bench), "the postings are loaded")
    change(bench, study / "notes.txt", "xyz")

    def found(text: str) -> tuple[list[str], list[str]]:
        with bench.catalog.read() as con:
            project = cat.get_project(con, "demo").id
            studies = cat.list_studies(con, project, cat.StudyQuery(files=text)).items
            files = cat.list_files(con, project, cat.FileQuery(files=text)).items
        return [s.psid for s in studies], sorted(f.path for f in files)

    assert found("STALE:*") == (["S-1#V1"], ["b.txt", "c.txt"])
    assert found("STALE:changed & *.txt") == (["S-1#V1"], ["b.txt"])
    assert found("c.txt & !STALE:*")[1] == []
    with pytest.raises(Invalid, match="STALE:odd"):
        found("STALE:odd")


def test_recomputing_runs_just_what_is_stale_in_the_order_of_needs(bench: Bench) -> None:
    study, keys = chain(bench)
    change(bench, study / "notes.txt", "xyz")
    ids = [file_id(bench, "c.txt")]  # what it needs comes along
    provenance = bench.scheduler.provenance
    assert provenance.planned(ids) == (keys[:2], {})
    assert provenance.recompute(ids, "anna").n == 2
    assert bench.wait(keys) == ["done", "done", "done"]
    assert (study / "c.txt").read_text() == "ZYX"
    assert [bench.row(key).attempt for key in keys] == [2, 2, 1]
    assert stale(bench) == {}
    assert lineage(bench, "c.txt").origin == f"attempt:{keys[1]}/2"


def test_a_job_that_is_not_kept_any_more_cannot_be_recomputed_but_is_known(bench: Bench) -> None:
    study, keys = chain(bench)
    bench.catalog.write(lambda tx: tx.con.execute("UPDATE job SET ended_at = 1"))
    assert purge_jobs(bench.catalog, bench.folder, 1) == 3
    change(bench, study / "notes.txt", "xyz")
    assert stale(bench) == {"b.txt": "changed", "c.txt": "upstream"}
    made = lineage(bench, "b.txt").made
    assert made is not None
    assert (made.job_name, made.is_kept) == ("upper", False)
    outcome = bench.scheduler.provenance.recompute([file_id(bench, "b.txt")], "anna")
    assert (outcome.n, list(outcome.refused)) == (0, [keys[0]])


def replayed(bench: Bench, path: str) -> Any:
    provenance = bench.scheduler.provenance
    key = provenance.replay(file_id(bench, path), "anna")
    bench.wait([key])
    return provenance.replay_report(key)


def test_a_replay_makes_the_same_bytes_and_touches_nothing(bench: Bench) -> None:
    study, _ = chain(bench)
    before = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in study.glob("*.txt")}
    report = replayed(bench, "c.txt")
    assert (report.result, [one.result for one in report.outputs]) == ("equal", ["equal"])
    assert {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in study.glob("*.txt")} == before
    assert len(lineage(bench, "b.txt").after) == 1  # the replay itself made nothing


def test_a_replay_tells_where_bytes_and_keys_differ(bench: Bench) -> None:
    bench.study("S-1#V1", "notes.txt")
    code = (
        'printf "same %s" "$(date +%N)" > "$o1"\n'
        'printf \'{"a": 1, "b": {"c": "%s"}}\' "$(date +%N)" > "$o2"'
    )
    keys = bench.submit(bash(code, file("notes.txt"), out("x.txt"), out("y.json", id="o2")))
    assert bench.wait(keys) == ["done"]
    report = replayed(bench, "x.txt")
    assert report.result == "differs"
    text, doc = sorted(report.outputs, key=lambda one: one.path)
    assert text.difference["first_byte"] >= 5
    assert doc.difference["keys"] == ["b.c"]


def test_a_replay_is_refused_when_an_input_is_gone_or_differs(bench: Bench) -> None:
    study, _ = chain(bench)
    b, c = file_id(bench, "b.txt"), file_id(bench, "c.txt")
    (study / "notes.txt").write_text("xyz")
    with pytest.raises(Conflict, match="its content differs"):
        bench.scheduler.provenance.replay(b, "anna")
    bench.catalog.write(lambda tx: cat.trash_files(tx, [b], "anna"))
    with pytest.raises(Conflict, match="in the trash"):
        bench.scheduler.provenance.replay(c, "anna")
    with pytest.raises(NotFound):
        bench.scheduler.provenance.replay(file_id(bench, "a.txt"), "anna")


def test_prov_json_names_what_was_used_by_whom(bench: Bench) -> None:
    chain(bench)
    document = bench.scheduler.provenance.prov_of_file(file_id(bench, "c.txt"))
    json.dumps(document)
    assert len(document["activity"]) == 2
    names = {one.get("prov:label") for one in document["entity"].values()}
    assert {"notes.txt", "b.txt", "c.txt"} <= names
    for kind, roles in (
        ("used", ("entity", "activity")),
        ("wasGeneratedBy", ("entity", "activity")),
    ):
        for one in document[kind].values():
            assert one["prov:entity"] in document[roles[0]]
            assert one["prov:activity"] in document[roles[1]]
    assert len(document["wasDerivedFrom"]) == 2
    batch = bench.sql("SELECT key FROM batch ORDER BY id")[0][0]
    assert len(bench.scheduler.provenance.prov_of_batch(batch)["activity"]) == 1
    with pytest.raises(NotFound):
        bench.scheduler.provenance.prov_of_file(file_id(bench, "a.txt"))


def test_a_large_input_gets_its_hash_when_the_catalog_has_it(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.jobs.inputs._SMALL_BYTES", 2)
    bench = make_bench()
    bench.study("S-1#V1", "notes.txt")
    assert bench.wait(bench.submit(bash(UPPER, file("notes.txt"), out("b.txt")))) == ["done"]
    made = lineage(bench, "b.txt").made
    assert made is not None
    assert made.inputs[0].sha256 is None
    put_hash(bench, "notes.txt", sha("abc"))
    bench.catalog.write(fill_hashes)  # or the thread was first
    made = lineage(bench, "b.txt").made
    assert made is not None
    assert made.inputs[0].sha256 == sha("abc")
    assert bench.scheduler.job_rows(JobQuery()).total == 1


def test_records_survive_a_rebuild_beside_their_files(bench: Bench) -> None:
    study, _ = chain(bench)
    with bench.catalog.read() as con:
        kept = made_in_study(con, cat.get_file(con, file_id(bench, "c.txt")).study_id)
    assert len(kept["records"]) == 3
    kept = json.loads(json.dumps(kept))

    def forget(tx: cat.Tx) -> None:
        for table in ("provenance", "provenance_plan", "provenance_file"):
            tx.con.execute(f"DELETE FROM {table}")  # noqa: S608

    bench.catalog.write(forget)
    assert lineage(bench, "c.txt").made is None
    assert bench.catalog.write(lambda tx: restore_records(tx, [kept])) == 3
    assert [made.job_name for made in lineage(bench, "c.txt").before] == ["upper"]
    change(bench, study / "notes.txt", "xyz")
    assert stale(bench) == {"b.txt": "changed", "c.txt": "upstream"}
    assert bench.scheduler.provenance.replay(file_id(bench, "c.txt"), "anna")


def test_what_has_a_newer_version_makes_what_came_of_it_stale(bench: Bench) -> None:
    chain(bench)
    notes = file_id(bench, "notes.txt")
    with bench.catalog.read() as con:
        made = file_id(bench, "c.txt")
        assert input_files(con, [notes, made]) == {notes}
    bench.catalog.write(lambda tx: cat.tag(tx, "file", [notes], add=["superseded"]))
    bench.catalog.write(
        lambda tx: tx.event("files.changed", project="demo", study_id=1, file_ids=[notes])
    )
    assert stale(bench) == {"b.txt": "superseded", "c.txt": "upstream"}
    mark = lineage(bench, "b.txt").stale
    assert mark is not None
    assert mark.text == "notes.txt, which it was made from, has a newer version"
    bench.catalog.write(lambda tx: cat.tag(tx, "file", [notes], remove=["superseded"]))
    bench.catalog.write(
        lambda tx: tx.event("files.changed", project="demo", study_id=1, file_ids=[notes])
    )
    assert stale(bench) == {}
