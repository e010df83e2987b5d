"""Dry runs with findings and choices, what is done already, groups, results, saved batches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import catalog as cat
from appliance.core import Invalid, NotFound, Refused
from appliance.jobs import (
    Argument,
    Asker,
    BatchSpec,
    Choice,
    DryRow,
    JobSpec,
    Variable,
    find_saved,
    forget_saved,
    forget_variable,
    list_saved,
    list_variables,
    save_batch,
    set_variable,
    template_of,
)
from appliance.jobs.choices import decision
from tests.jobs.kit import Bench, MakeBench, bash, file, out


@pytest.fixture
def idle(make_bench: MakeBench) -> Bench:
    bench = make_bench(start=False)
    bench.study("S-1#a", "t1/a.nii", "t1/b.nii")
    bench.study("S-1#bb", "t1/a.nii")
    bench.study("S-2#a", "t2/a.nii")
    return bench


def dry(bench: Bench, *jobs: JobSpec, targets: list[str], **spec: Any) -> list[DryRow]:
    batch = BatchSpec(name=spec.pop("name", "b"), project="demo", jobs=jobs, **spec)
    return bench.scheduler.desk.dry_run(batch, targets, "owner")


def findings(row: DryRow) -> list[tuple[str, str, bool]]:
    return [(one.arg, one.kind, one.problem) for one in row.findings]


def smooth(value: str = "t1/*.nii", **more: Any) -> JobSpec:
    return bash('cp "$f1" "$o1"', file(value), out("out/s.nii TAG(s)"), name="smooth", **more)


ALL = ["S-1#a", "S-1#bb", "S-2#a"]


def test_a_dry_run_tells_what_is_found_for_each_argument(idle: Bench) -> None:
    made = cat.study_dir(idle.folder, "demo", "S-1", "bb") / "out/s.nii"
    made.parent.mkdir()
    made.write_text("x")
    many, exists, none = dry(idle, smooth(), targets=ALL)
    assert findings(many) == [("f1", "many", False)]
    assert (many.findings[0].n, many.findings[0].chosen) == (2, "all")
    assert findings(exists) == [("o1", "exists", False)]
    assert exists.findings[0].chosen == "overwrite"
    assert findings(none) == [("f1", "no_match", True)]
    assert [row.action for row in (many, exists, none)] == ["run", "run", "problem"]
    assert none.findings[0].choices == ("leave_out", "without")


def test_choices_decide_for_one_case_or_for_all(idle: Bench) -> None:
    made = cat.study_dir(idle.folder, "demo", "S-1", "bb") / "out/s.nii"
    made.parent.mkdir()
    made.write_text("x")
    choices = (
        Choice("first", arg="f1"),
        Choice("skip", kind="exists"),
        Choice("leave_out", psid="S-2#a"),
    )
    many, exists, none = dry(idle, smooth(), targets=ALL, choices=choices)
    assert [Path(path).name for path in many.args["f1"]] == ["a.nii"]
    assert (exists.action, none.action) == ("skip", "leave_out")
    asked = BatchSpec(name="b", project="demo", jobs=(smooth(),), choices=choices)
    accepted = idle.scheduler.submit_batch(asked, ALL, "owner")
    assert (accepted.n_jobs, accepted.unresolved) == (1, ())
    assert [(one.psid, one.problem) for one in accepted.skipped] == [
        ("S-1#bb", "its outputs exist"),
        ("S-2#a", "left out"),
    ]
    [(spec,)] = idle.sql("SELECT spec FROM job")
    assert '"take":"first"' in spec


def test_a_file_may_be_missing_for_one_target_or_for_a_whole_job(idle: Bench) -> None:
    one = Choice("without", psid="S-2#a", kind="no_match")
    assert dry(idle, smooth(), targets=["S-2#a"], choices=(one,))[0].action == "run"
    [row] = dry(idle, smooth(ignore_missing=True), targets=["S-2#a"])
    assert (row.action, row.args["f1"]) == ("run", [])
    assert findings(row) == [("f1", "ignored", False)]


def test_two_jobs_that_write_the_same_file_are_found(idle: Bench) -> None:
    first, second = dry(idle, smooth(), smooth(), targets=["S-1#bb"], mode="parallel")
    assert findings(first) == []
    assert findings(second) == [("o1", "clash", False)]


def test_what_an_earlier_job_puts_into_a_folder_is_no_problem(idle: Bench) -> None:
    folder = Argument(id="p1", kind="PATHOUT", value="surf")
    one = bash("true $p1", folder, name="one")
    inside, elsewhere = bash("$f1", file("surf/*.gii")), bash("$f1", file("other/*.gii"))
    _, row = dry(idle, one, inside, targets=["S-1#a"])
    assert (row.action, findings(row)) == ("run", [("f1", "later", False)])
    assert dry(idle, one, elsewhere, targets=["S-1#a"])[1].action == "problem"


PSIDS, KINDS = st.sampled_from([None, "A#1", "B#1"]), st.sampled_from([None, "many", "exists"])
CHOICES = st.builds(
    Choice,
    do=st.sampled_from(["first", "last", "all"]),
    psid=PSIDS,
    job=st.sampled_from([None, 0, 1]),
    arg=st.sampled_from([None, "f1"]),
    kind=KINDS,
)


@given(st.lists(CHOICES, max_size=6))
def test_the_choice_that_names_more_counts(choices: list[Choice]) -> None:
    among = ("first", "last", "all")
    found = decision(choices, "A#1", 0, "f1", "many", among=among)  # type: ignore[arg-type]
    case = ("A#1", 0, "f1", "many")
    fitting = [
        (sum(part is not None for part in (c.psid, c.job, c.arg, c.kind)), n, c.do)
        for n, c in enumerate(choices)
        if all(
            part in (None, there)
            for part, there in zip((c.psid, c.job, c.arg, c.kind), case, strict=True)
        )
    ]
    assert found == (max(fitting)[2] if fitting else None)


def test_done_jobs_are_skipped_and_the_others_say_why(make_bench: MakeBench) -> None:
    bench = make_bench()
    folder = bench.study("S-1#a", "t1/a.nii")
    job = smooth("t1/a.nii")

    def look(*jobs: JobSpec) -> list[tuple[str, str]]:
        rows = dry(bench, *(jobs or (job,)), targets=["S-1#a"], skip_done=True)
        return [(row.action, row.reason) for row in rows]

    assert look() == [("run", "s.nii does not exist")]
    assert bench.wait(bench.submit(job, targets=["S-1#a"])) == ["done"]
    [(action, reason)] = look()
    assert action == "skip"
    assert reason.startswith("its outputs exist, are newer")
    [(action, reason)] = look(smooth("t1/a.nii", strict=False))
    assert (action, reason[:26]) == ("run", "s.nii was made by another ")
    [(action, _)] = look(smooth("t1/a.nii", notify=True))
    assert action == "skip"
    late = (folder / "out/s.nii").stat().st_mtime_ns + 10**9
    os.utime(folder / "t1/a.nii", ns=(late, late))
    assert look() == [("run", "a.nii is newer than s.nii")]
    chain = [smooth("t1/a.nii"), bash("cat $f1 > $o1", file("out/s.nii"), out("out/t.nii"))]
    assert look(*chain)[1] == ("run", "s.nii will be made anew by an earlier job")
    (folder / "out/s.nii").write_text("corrected by hand")
    os.utime(folder / "out/s.nii", ns=(late, late))
    [(action, reason)] = look()
    assert (action, reason.partition("; ")[2]) == ("skip", "s.nii was changed since")
    bench.study("S-1#a", "t1/b.nii")
    assert look(smooth("t1/*.nii"))[0][0] == "run"


def test_BATCH_13_x01_groups_run_one_after_another(idle: Bench) -> None:
    def chains(**spec: Any) -> list[tuple[str, str, str]]:
        accepted = idle.scheduler.submit_batch(
            BatchSpec(name="g", project="demo", jobs=(bash("1"), bash("2")), **spec), ALL, "owner"
        )
        return idle.sql(
            "SELECT n.psid || ' ' || n.seq, j.psid || ' ' || j.seq, d.kind FROM job_dep d"
            " JOIN job j ON j.id = d.job_id JOIN job n ON n.id = d.needs_job_id"
            " JOIN batch b ON b.id = j.batch_id WHERE b.key = ? ORDER BY d.job_id",
            accepted.key,
        )

    own = [(f"{psid} 0", f"{psid} 1", "ok") for psid in ALL]
    assert chains() == own
    assert chains(mode="parallel") == []
    assert chains(group="subject") == [own[0], ("S-1#a 1", "S-1#bb 0", "any"), *own[1:]]
    assert chains(group="batch") == [
        *(own[0], ("S-1#a 1", "S-1#bb 0", "any"), own[1], ("S-1#bb 1", "S-2#a 0", "any"), own[2])
    ]
    assert ("S-1#a 1", "S-2#a 0", "any") in chains(group="batch", n_groups=2)
    with pytest.raises(Invalid):
        chains(group="batch", n_groups=0)
    idle.submit(bash("now", name="now"), immediate=True, targets=["S-1#a"])
    [(first,)] = idle.sql("SELECT name FROM job ORDER BY priority DESC, id LIMIT 1")
    assert first == "now"


def test_BATCH_x03_what_a_failure_means_is_said_by_each_job(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.study("S-1#a", "a.nii")
    states = {}
    for how in ("break", "report", "ignore"):
        jobs = bash("exit 3", name=f"bad {how}", on_error=how), bash("true", name="next")
        keys = bench.submit(*jobs, targets=["S-1#a"])
        states[how] = bench.wait(keys)
        row = bench.row(keys[0])
        assert (row.on_error, row.dismissed) == (how, how == "ignore")
    assert states == {
        "break": ["failed", "skipped"],
        "report": ["failed", "done"],
        "ignore": ["failed", "done"],
    }


def test_BATCH_x03_x05_options_of_a_job(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench()
    folder = bench.study("S-1#a", "a.nii")
    place = tmp_path / "my env"
    (place / "bin").mkdir(parents=True)
    (place / "bin/hello").write_text("#!/bin/sh\necho from the environment\n")
    (place / "bin/hello").chmod(0o755)
    args = (out("x.txt"), Argument(id="varargin", kind="STRING", value="--fast 'a b' $HOME"))
    job = bash(
        'hello; greet; printf "%s|" "$@"; echo $VIRTUAL_ENV; echo "$DPXpsid" > "$o1";'
        ' echo 1 > "$NORA_OUTPUT_FOLDER/more.txt"',
        *args,
        precall="greet() { echo hi from precall; }",
        environment=str(place),
        output_folder="results/one TAG(extra)",
        study_tags=("smoothed",),
        env={"X": "1"},
    )
    (key,) = bench.submit(job, targets=["S-1#a"])
    assert bench.wait([key]) == ["done"], bench.log(key)
    assert bench.log(key).splitlines() == [
        "from the environment",
        "hi from precall",
        f"--fast|a b|$HOME|{place}",
    ]
    assert (folder / "results/one/x.txt").read_text() == "S-1#a\n"
    with bench.catalog.read() as con:
        row = cat.list_studies(con, 1, cat.StudyQuery()).items[0]
        found = {f.path: f.tags for f in cat.list_files(con, 1, cat.FileQuery()).items}
    assert list(row.tags) == ["smoothed"]
    assert set(found) == {"a.nii", "results/one/x.txt", "results/one/more.txt"}
    assert list(found["results/one/more.txt"]) == ["extra"]
    [row] = dry(bench, bash("true", environment="venv"), targets=["S-1#a"])
    assert "no absolute folder" in str(row.problem)


def test_python_jobs_have_their_environment_and_words(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.study("S-1#a", "a.nii")
    words = Argument(id="varargin", kind="STRING", value=["a b", "c"])
    code = "import sys, os\nprint(varargin, sys.argv[1:], os.environ['GREETING'])"
    job = JobSpec(
        name="p", language="python", code=code, args=(words,), precall="export GREETING='hi there'"
    )
    (key,) = bench.submit(job, targets=["S-1#a"])
    assert bench.wait([key]) == ["done"], bench.log(key)
    assert bench.log(key).strip() == "['a b', 'c'] ['a b', 'c'] hi there"


def test_BATCH_18_results_of_a_project_go_to_a_study_of_their_own(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.study("S-1#a", "a.nii")
    bench.study("S-2#a", "a.nii")
    job = bash('cat "${f1[@]}" > "$o1"; cat "$f1" > "$o2"', file("a.nii"), out("mean.nii TAG(m)"))
    named = out("t.nii", id="o2", studyref="ANALYSIS#MNI")
    job = bash(job.code, *job.args, named)
    [row] = dry(bench, job, targets=["S-1#a", "S-2#a"], level="project", name="my batch")
    assert [Path(p).parts[-3:] for p in (row.args["o1"][0], row.args["o2"][0])] == [
        ("ANALYSIS", "my_batch", "mean.nii"),
        ("ANALYSIS", "MNI", "t.nii"),
    ]
    asked = BatchSpec(name="my batch", project="demo", jobs=(job,), level="project")
    bench.scheduler.submit_batch(asked, ["S-1#a", "S-2#a"], "owner")
    [(key,)] = bench.sql("SELECT key FROM job")
    assert bench.wait([key]) == ["done"], bench.log(key)
    with bench.catalog.read() as con:
        found = {(f.psid, f.path) for f in cat.list_files(con, 1, cat.FileQuery()).items}
    assert {("ANALYSIS#my_batch", "mean.nii"), ("ANALYSIS#MNI", "t.nii")} < found
    reading = bash("$f1", file("t.nii", studyref="MNI"))
    set_variable(bench.catalog, 1, "owner", Variable("MNI", "ANALYSIS#MNI"))
    [row] = dry(bench, reading, targets=["S-1#a"])
    assert row.args["f1"][0].endswith("ANALYSIS/MNI/t.nii")


def test_BATCH_18_variables_of_a_user_count_before_those_of_the_project(idle: Bench) -> None:
    catalog = idle.catalog
    set_variable(catalog, 1, "anna", Variable("OLD", "[selectionpatient]#OLDEST"))
    set_variable(catalog, 1, "anna", Variable("OLD", "ANALYSIS#MNI", "project"))
    with catalog.read() as con:
        names = {login: list_variables(con, 1, login) for login in ("anna", "bert")}
    assert [one.scope for one in names["anna"]] == ["user", "project"]
    assert [one.value for one in names["bert"]] == ["ANALYSIS#MNI"]
    batch = BatchSpec(name="b", project="demo", jobs=(smooth_old(),))
    desk = idle.scheduler.desk
    assert "/S-1/a/" in desk.dry_run(batch, ["S-1#bb"], "anna")[0].args["f1"][0]
    assert desk.dry_run(batch, ["S-1#bb"], "bert")[0].problem is not None
    for wrong in (Variable("this", "A#B"), Variable("a b", "A#B"), Variable("X", "nothing")):
        with pytest.raises(Invalid):
            set_variable(catalog, 1, "anna", wrong)
    forget_variable(catalog, 1, "anna", "OLD", "user")
    with pytest.raises(NotFound):
        forget_variable(catalog, 1, "anna", "OLD", "user")


def smooth_old() -> JobSpec:
    return bash("$f1", file("t1/a.nii", studyref="OLD"))


def test_BATCH_18_references_over_many_subjects(idle: Bench) -> None:
    with idle.catalog.read() as con:
        study = cat.find_study(con, 1, "S-1#bb")
    idle.catalog.write(lambda tx: cat.tag(tx, "study", [study], add=["base"]))

    def found(reference: str) -> list[str]:
        job = bash("$f1", file("*/a.nii", studyref=reference))
        [row] = dry(idle, job, targets=["S-1#bb", "S-2#a"], level="project")
        return ["/".join(Path(path).parts[-4:-2]) for path in row.args.get("f1", [])]

    assert found("this") == ["S-1/bb", "S-2/a"]
    assert found("first") == ["S-1/a", "S-2/a"]
    assert found("last") == ["S-1/bb", "S-2/a"]
    assert found("all") == ["S-1/a", "S-1/bb", "S-2/a"]
    assert found("tagged:base") == ["S-1/bb"]


def test_BATCH_10_saved_batches_have_owners(idle: Bench) -> None:
    anna, bert, boss = Asker("anna"), Asker("bert"), Asker("boss", manages=True)
    doc = {"jobs": [{"name": "x", "language": "bash", "code": "true"}], "targets": ["S-1#a"]}
    save_batch(idle.catalog, 1, anna, "mine", doc, private=True)
    save_batch(idle.catalog, 1, anna, "ours", doc)

    def names(asker: Asker) -> list[tuple[str, bool, bool]]:
        with idle.catalog.read() as con:
            return [(o.name, o.private, o.may_change) for o in list_saved(con, 1, asker)]

    assert names(anna) == [("mine", True, True), ("ours", False, True)]
    assert names(bert) == [("ours", False, False)]
    assert names(boss) == [("ours", False, True)]
    with pytest.raises(Refused):
        save_batch(idle.catalog, 1, bert, "OURS", doc)
    with pytest.raises(Refused):
        forget_saved(idle.catalog, 1, bert, "ours")
    assert save_batch(idle.catalog, 1, boss, "ours", doc).owner == "anna"
    with idle.catalog.read() as con:
        kept = find_saved(con, 1, bert, "ours").doc
        with pytest.raises(NotFound):
            find_saved(con, 1, bert, "mine")
    assert "targets" not in kept
    assert template_of(kept) == template_of({"format": "nora-batch/1", "batch": kept})
    forget_saved(idle.catalog, 1, anna, "mine", private=True)
    assert names(anna) == [("ours", False, True)]


@pytest.mark.parametrize(
    "doc", [{}, [], {"jobs": [{}]}, {"jobs": [], "format": "nora-batch/2"}, {"jobs": 3}]
)
def test_what_is_no_batch_is_refused_with_the_place(doc: Any) -> None:
    with pytest.raises(Invalid, match="no batch"):
        template_of(doc)


def test_a_batch_is_checked_without_targets(idle: Bench) -> None:
    jobs = (bash("$f1"), JobSpec(name="y", tool="nothing"), bash("true"))
    spec = BatchSpec(name="b", project="demo", jobs=jobs, queue="nowhere")
    problems = idle.scheduler.desk.check(spec, "owner")
    assert [text[:6] for text in problems] == ["job 1:", "job 2:", "there "]
