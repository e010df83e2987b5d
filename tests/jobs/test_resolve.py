"""Patterns, study references, outputs with tags, and what is refused before anything starts."""

from __future__ import annotations

import pytest

from appliance import catalog as cat
from appliance.core import Invalid, JobError, NotFound
from appliance.jobs import Argument, BatchSpec, JobSpec, Tool, ToolBox, render_command
from appliance.jobs.resolve import parse_output
from tests.jobs.kit import Bench, MakeBench, bash, file, need, out


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    found = make_bench(start=False)
    found.study("S-1#a", "t1_trio/s001.nii", "t1_trio/s002.nii.gz", "x.txt")
    found.study("S-1#bb", "ct/s001.nii")
    found.study("S-1#ccc", "t1_trio/s001.nii")
    found.study("S-2#a", "flair/s001.nii")
    return found


def args(bench: Bench, *jobs: JobSpec, targets: list[str], **spec: object) -> list[object]:
    batch = BatchSpec(name="b", project="demo", jobs=jobs, **spec)  # type: ignore[arg-type]
    rows = bench.scheduler.dry_run(batch, targets)
    root = str(cat.project_root(bench.folder, "demo"))
    return [
        row.problem or {k: [v.removeprefix(root) for v in vs] for k, vs in row.args.items()}
        for row in rows
    ]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("t1*/s00_.nii", ["t1_trio/s001.nii", "t1_trio/s002.nii.gz"]),
        ("T1_TRIO/S001.nii", ["t1_trio/s001.nii"]),
        ("t1*/s001.nii x.txt", ["t1_trio/s001.nii", "x.txt"]),
        ("t1*/s0", None),
        ("*.nii.gz", ["t1_trio/s002.nii.gz"]),
    ],
)
def test_BATCH_16_17_patterns(bench: Bench, pattern: str, found: list[str] | None) -> None:
    (answer,) = args(bench, bash("$f1", file(pattern)), targets=["S-1#a"])
    if found is None:
        assert answer == f"f1: no file matches '{pattern}'"
    else:
        assert answer == {"f1": [f"/S-1/a/{name}" for name in found]}


def test_BATCH_02_a_pattern_is_widened_until_every_study_has_its_file(bench: Bench) -> None:
    targets = ["S-1#a", "S-1#bb", "S-1#ccc", "S-2#a"]

    def lacking(pattern: str) -> list[str]:
        answers = args(bench, bash("$f1", file(pattern)), targets=targets)
        return [psid for psid, answer in zip(targets, answers, strict=True) if "no file" in answer]

    assert lacking("t1_trio/s001.nii") == ["S-1#bb", "S-2#a"]
    assert lacking("_1*/s001.nii") == ["S-1#bb", "S-2#a"]
    assert lacking("t1*/s001.nii _t/s001.nii") == ["S-2#a"]
    assert lacking("*/s001.nii") == []


def test_BATCH_05_inputs_are_found_by_tags_of_files_and_of_their_study(bench: Bench) -> None:
    def tag(tx: cat.Tx) -> None:
        files = cat.study_files(tx.con, cat.find_study(tx.con, 1, "S-1#a"))
        notes = [row.id for row in files if row.path == "x.txt"]
        cat.tag(tx, "file", notes, add=["notes"])
        cat.tag(tx, "study", [cat.find_study(tx.con, 1, "S-2#a")], add=["control"])

    bench.catalog.write(tag)
    targets = ["S-1#a", "S-2#a"]
    assert args(bench, bash("$f1", file("FTAG:notes")), targets=targets) == [
        {"f1": ["/S-1/a/x.txt"]},
        "f1: no file matches 'FTAG:notes'",
    ]
    assert args(bench, bash("$f1", file("*/s001.nii & STAG:control")), targets=targets) == [
        "f1: no file matches '*/s001.nii & STAG:control'",
        {"f1": ["/S-2/a/flair/s001.nii"]},
    ]


def test_JOB_09_files_and_outputs_become_absolute_paths(bench: Bench) -> None:
    batch = BatchSpec(
        name="b", project="demo", jobs=(bash("$f1 $o1", file("t1*/s001.nii"), out("r/x.nii")),)
    )
    (row,) = bench.scheduler.dry_run(batch, ["S-1#a"])
    study = cat.study_dir(bench.folder, "demo", "S-1", "a")
    assert study.is_absolute()
    assert row.args == {"f1": [str(study / "t1_trio/s001.nii")], "o1": [str(study / "r/x.nii")]}
    assert (study / "t1_trio/s001.nii").is_file()


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("this", ["bb/ct/s001.nii"]),
        ("all", ["a/t1_trio/s001.nii", "bb/ct/s001.nii", "ccc/t1_trio/s001.nii"]),
        ("first", ["a/t1_trio/s001.nii"]),
        ("last", ["ccc/t1_trio/s001.nii"]),
        ("base", ["ccc/t1_trio/s001.nii"]),
        ("[selection]", ["bb/ct/s001.nii"]),
        ("[selectionpatient]#OLDEST", ["a/t1_trio/s001.nii"]),
        ("S-1#c*", ["ccc/t1_trio/s001.nii"]),
    ],
)
def test_BATCH_18_SEL_x07_study_references(bench: Bench, reference: str, found: list[str]) -> None:
    with bench.catalog.read() as con:
        study = cat.find_study(con, 1, "S-1#ccc")
    bench.catalog.write(lambda tx: cat.tag(tx, "study", [study], add=["base"]))
    job = bash("$f1", file("*/s001.nii", studyref=reference))
    assert args(bench, job, targets=["S-1#bb"]) == [{"f1": [f"/S-1/{name}" for name in found]}]


def test_BATCH_14_15_the_level_decides_the_iteration(bench: Bench) -> None:
    job, targets = bash("$f1", file("*/s001.nii")), ["S-1#a", "S-2#a", "S-1#bb"]
    both = ["/S-1/a/t1_trio/s001.nii", "/S-1/bb/ct/s001.nii"]
    flair = "/S-2/a/flair/s001.nii"
    assert args(bench, job, targets=targets) == [
        {"f1": both[:1]},
        {"f1": both[1:]},
        {"f1": [flair]},
    ]
    assert args(bench, job, targets=targets, level="subject") == [{"f1": both}, {"f1": [flair]}]
    assert args(bench, job, targets=targets, level="project") == [{"f1": [*both, flair]}]
    whole = args(bench, job, targets=["S-1"], level="subject")
    assert whole == [{"f1": [*both, "/S-1/ccc/t1_trio/s001.nii"]}]


def test_BATCH_12_a_later_job_may_use_what_an_earlier_one_will_make(bench: Bench) -> None:
    first = bash("$o1", out("seg/mask.nii TAG(mask)"), name="one")
    second = bash("$f1", file("seg/m*.nii"), name="two")
    path = "/S-2/a/seg/mask.nii"
    assert args(bench, first, second, targets=["S-2#a"]) == [{"o1": [path]}, {"f1": [path]}]
    assert args(bench, first, second, targets=["S-2#a"], mode="parallel")[1] == (
        "f1: no file matches 'seg/m*.nii'"
    )


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("a/b.nii", ("a/b.nii", ())),
        ("a b.nii TAG(x)", ("a b.nii", ("x",))),
        ("a.nii TAG(x, y z)", ("a.nii", ("x", "y z"))),
        ("a.nii TAG()", ("a.nii", ())),
    ],
)
def test_BATCH_20_outputs_with_tags(text: str, answer: object) -> None:
    assert parse_output(text) == answer


@pytest.mark.parametrize("text", ["", "a*.nii", "../x", "/etc/x", "a/../../x", "TAG(x)", "a\\b"])
def test_BATCH_19_outputs_that_lead_elsewhere_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_output(text)


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        (Argument(id="s1", kind="STRING"), "has no value"),
        (Argument(id="n1", kind="NUMERIC", value="x"), "is no number"),
        (Argument(id="n1", kind="NUMERIC", value="nan"), "finite"),
        (Argument(id="n1", kind="NUMERIC", value=3, maximum=2), "between"),
        (Argument(id="o", kind="OPTION", value="c", choices=("a", "b")), "none of a, b"),
        (file("*", studyref="nothing"), "no study 'nothing'"),
        (file("'"), "selector"),
    ],
)
def test_BATCH_22_values_that_do_not_fit(bench: Bench, argument: Argument, problem: str) -> None:
    (answer,) = args(bench, bash("true", argument), targets=["S-1#a"])
    assert problem in str(answer)


def test_what_cannot_work_is_refused_at_once(bench: Bench) -> None:
    def submit(job: JobSpec, *targets: str, **more: object) -> None:
        batch = BatchSpec(name="b", project="demo", jobs=(job,), **more)  # type: ignore[arg-type]
        bench.scheduler.submit_batch(batch, targets or ["S-1#a"], "owner")

    with pytest.raises(JobError, match="asks for 3 GPUs; jobs here may use 2"):
        submit(bash("true", resources=need(gpus=3)))
    with pytest.raises(JobError, match="processors"):
        submit(bash("true", resources=need(cpus=99)))
    with pytest.raises(Invalid, match="refers to f2"):
        submit(bash("$f1 $f2", file("*")))
    with pytest.raises(NotFound, match="S-9#a"):
        submit(bash("true"), "S-9#a")
    with pytest.raises(NotFound, match="no tool"):
        submit(JobSpec(name="x", tool="nothing"))
    with pytest.raises(Invalid, match="queue"):
        submit(bash("true"), queue="nowhere")
    with pytest.raises(Invalid, match="neither"):
        submit(JobSpec(name="x", language="bash"))
    assert bench.sql("SELECT count(*) FROM job") == [(0,)]


def test_the_command_of_a_tool_is_a_vector() -> None:
    tool_args = [
        Argument(id="in", kind="FILE", flag="--in", multiple=True),
        Argument(id="out", kind="OUT"),
        Argument(id="fast", kind="LOGICAL", flag="--fast"),
        Argument(id="mask", kind="FILE", flag="--mask", optional=True),
        Argument(id="n", kind="NUMERIC"),
    ]
    command = ["prog", "{in}", "{out}", "{fast}", "{mask}", "--n={n}", "--m={mask}"]
    values = {"in": ["/a b", "$(x)"], "out": ["/o"], "fast": ["true"], "mask": [], "n": ["2"]}
    assert render_command(command, tool_args, values) == [
        *("prog", "--in", "/a b", "$(x)", "/o", "--fast", "--n=2")
    ]
    values["fast"] = ["false"]
    assert "--fast" not in render_command(command, tool_args, values)


def test_a_tool_with_a_wrong_command_is_refused() -> None:
    with pytest.raises(Invalid):
        ToolBox([Tool(id="x", menu="m", name="n", command=("a", "{unknown}"))])


def test_a_tool_that_needs_one_file_says_how_many_match(bench: Bench) -> None:
    one = Argument(id="image", kind="FILE")
    bench.tools.register_tool(
        Tool(id="one", menu="m/one", name="one", command=("true", "{image}"), args=(one,))
    )
    job = JobSpec(name="x", tool="one", args=(Argument(id="image", kind="FILE", value="t1*/*"),))
    assert args(bench, job, targets=["S-1#a"]) == ["image: 2 files match 't1*/*', one is needed"]
