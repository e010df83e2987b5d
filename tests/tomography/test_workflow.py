"""The workflow as a program: steps and their records, several series, running a part again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from appliance.core import Invalid, NotFound
from appliance.tomography import one_series, workflow
from appliance.tomography.embedded import Aligned, EmbeddedEngine
from appliance.tomography.engines import Engine, Progress
from appliance.tomography.imod import ImodEngine
from appliance.tomography.inputs import find_series, series_of
from appliance.tomography.manifest import Asset, AssetType
from appliance.tomography.phantom import Phantom, make_phantom, write_phantom
from appliance.tomography.steps import STEPS, StepRecord, read_steps
from tests.support.imod_stub import stub_environment

Run = Callable[..., int]


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """Give a small specimen whose alignment is known."""
    return make_phantom(7, size=64, n_tilts=9)


@pytest.fixture
def engines(phantom: Phantom, monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    """Let the program have our engine only, told the alignment; tests may put others in."""
    ours: list[Engine] = [EmbeddedEngine(lambda *_: Aligned(phantom.truth, {"residual_px": 0.1}))]
    monkeypatch.setattr(workflow, "ENGINES", tuple(ours))
    return ours


@pytest.fixture
def run(tmp_path: Path, engines: list[Engine]) -> Run:
    """Run the program into ``out``, on small volumes."""
    (tmp_path / "work").mkdir()

    def program(*words: str | Path) -> int:
        small = ["--param", "thickness=24", "--param", "bin=2", "--cpus", "1", "--gpus", "0"]
        where = ["--output", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
        return workflow.main([*map(str, words), *small, *where])

    return program


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file stand for movies and pyramid, which take their time."""

    def make(base: str, ali: Path, rec: Path, full: Path, folder: Path, **_: object) -> list[Asset]:
        assert all(path.is_file() for path in (ali, rec, full))
        folder.mkdir()
        (folder / f"keyMov_{base}.mp4").write_bytes(b"movie")
        return [Asset(AssetType.REC_MOVIE, f"keyMov_{base}.mp4")]

    monkeypatch.setattr(one_series, "make_assets", make)


@pytest.fixture
def series(tmp_path: Path, phantom: Phantom) -> Path:
    """Write the series of the specimen."""
    (tmp_path / "in").mkdir()
    return write_phantom(tmp_path / "in", phantom, "TS_1")


def states(path: Path) -> list[tuple[str, str]]:
    return [(one.step, one.state) for one in read_steps(path / "steps.json")]


def test_BRT_08_a_series_becomes_a_folder_of_results_and_nothing_else_remains(
    run: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--series", series) == 0
    folder = tmp_path / "out" / "TS_1"
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {
        *(
            f"TS_1{end}"
            for end in ("_ali.mrc", "_rec.mrc", "_full_rec.mrc", ".xf", ".tlt", ".adoc")
        ),
        *("report.json", "steps.json", "manifest.json", "logs/embedded.log"),
        *("hedwig/tiltMov_TS_1.mp4", "hedwig/keyMov_TS_1.mp4", "hedwig/keyimg_TS_1_s.jpg"),
        *("hedwig/ave_TS_1.mrc", "hedwig/avebin8_TS_1.mrc", "hedwig/neuro-TS_1/info"),
        "hedwig/mrc2ngpc-output.json",
    } <= made
    assert states(folder) == [(step, "done") for step in STEPS]
    assert list((tmp_path / "work").iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["TS_1", "manifest.json"]
    said = capsys.readouterr().out
    assert all(f"step {number} of 5, {step}" in said for number, step in enumerate(STEPS, 1))
    assert "1 of 1 tilt series became tomograms" in said
    for folder in (tmp_path / "out", tmp_path / "out" / "TS_1"):
        told = json.loads((folder / "manifest.json").read_bytes())
        assert told["status"] == "success"
        assets = told["files"][0]["imageSet"][0]["assets"]
        assert len({one["type"] for one in assets}) == 7
        assert all((folder / one["path"]).exists() for one in assets)


@pytest.mark.usefixtures("quick")
def test_the_progress_of_each_step_is_told_where_the_jobs_panel_reads_it(
    run: Run, series: Path, phantom: Phantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    place = tmp_path / "progress"

    def align(_series: object, _wishes: object, progress: Progress) -> Aligned:
        for part in (0.0, 1.0):
            progress(part, "aligning")
            told.append(place.read_text())
        return Aligned(phantom.truth)

    monkeypatch.setenv("NORA_PROGRESS", str(place))
    monkeypatch.setattr(workflow, "ENGINES", (EmbeddedEngine(align),))
    assert run("--series", series) == 0
    assert told == [
        "TS_1: step 3 of 5, tomogram: 0 % aligning\n",
        "TS_1: step 3 of 5, tomogram: 45 % aligning\n",
    ]
    assert place.read_text() == "TS_1: step 5 of 5, keep\n"
    monkeypatch.setenv("NORA_PROGRESS", str(tmp_path))  # what cannot be told changes nothing
    assert run("--series", series) == 0


@pytest.mark.usefixtures("quick")
def test_BRT_10_11_several_series_keep_their_order_and_a_bad_one_stops_no_other(
    run: Run, series: Path, phantom: Phantom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = write_phantom(tmp_path / "in", phantom, "TS_0")
    bad = tmp_path / "in" / "TS_bad.st"
    bad.write_bytes(b"no stack at all")
    assert run("--series", series, bad, last) == 0
    out = tmp_path / "out"
    told = json.loads((out / "manifest.json").read_bytes())
    assert [one["title"] for one in told["files"]] == ["TS_1", "TS_bad", "TS_0"]
    assert [one["status"] for one in told["files"]] == ["success", "error", "success"]
    assert told["files"][1]["imageSet"][0]["assets"] == []
    assert states(out / "TS_bad.failed") == [("check", "failed")]
    assert not (out / "TS_bad").exists()
    said = capsys.readouterr()
    assert "error: TS_bad:" in said.err
    assert "2 of 3 tilt series" in said.out


@pytest.mark.usefixtures("quick")
def test_when_none_succeeds_the_program_says_so_and_an_earlier_result_stays(
    run: Run, series: Path, engines: list[Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("--series", series)
    before = (tmp_path / "out" / "TS_1" / "TS_1_rec.mrc").read_bytes()
    failing = ImodEngine(stub_environment(tmp_path, STUB_MODE="align"))
    monkeypatch.setattr(workflow, "ENGINES", (failing,))
    assert run("--series", series) == 1
    assert (tmp_path / "out" / "TS_1" / "TS_1_rec.mrc").read_bytes() == before
    failed = tmp_path / "out" / "TS_1.failed"
    assert (failed / "align.log").read_text().endswith("too few\n")
    assert read_steps(failed / "steps.json")[-1].error.startswith("batchruntomo failed")
    monkeypatch.setattr(workflow, "ENGINES", tuple(engines))
    assert run("--series", series) == 0
    assert not failed.exists()


@pytest.mark.usefixtures("quick")
def test_ADOC_01_a_directive_file_that_is_given_is_taken_as_it_is(
    run: Run, series: Path, tmp_path: Path
) -> None:
    text = "# ours\ncomparam.tilt.tilt.THICKNESS = 16\nruntime.AlignedStack.any.binByFactor=4\n"
    (tmp_path / "own.adoc").write_text(text)
    assert run("--series", series, "--adoc", tmp_path / "own.adoc") == 0
    assert (tmp_path / "out" / "TS_1" / "TS_1.adoc").read_text() == text
    (tmp_path / "own.adoc").write_text("# ours\nnonsense\n")
    assert run("--series", series, "--adoc", tmp_path / "own.adoc") == 1
    assert "line 2" in read_steps(tmp_path / "out" / "TS_1.failed" / "steps.json")[-1].error


@pytest.mark.usefixtures("quick")
def test_ADOC_02_a_directive_file_with_places_is_filled_as_a_template(
    run: Run, series: Path, tmp_path: Path
) -> None:
    own = "setupset.copyarg.name={{ basename }}\ncomparam.tilt.tilt.THICKNESS={{ thickness (9) }}\n"
    (tmp_path / "ours.adoc").write_text(own)
    assert run("--series", series, "--adoc", tmp_path / "ours.adoc") == 0
    used = (tmp_path / "out" / "TS_1" / "TS_1.adoc").read_text()
    assert used == "setupset.copyarg.name=TS_1\ncomparam.tilt.tilt.THICKNESS=24\n"


@pytest.mark.usefixtures("quick")
def test_parameters_fill_the_template_and_are_recorded(
    run: Run, series: Path, tmp_path: Path
) -> None:
    extra = ["--param", "adoc_template=cryo", "--param", "comparam.tilt.tilt.RADIAL=0.3 0.05"]
    assert run("--series", series, *extra) == 0
    records = read_steps(tmp_path / "out" / "TS_1" / "steps.json")
    used = records[1].facts["directives"]
    assert used["setupset.copyarg.name"] == "TS_1"
    assert used["comparam.tilt.tilt.THICKNESS"] == "24"
    assert used["runtime.Positioning.any.thickness"] == "36"
    assert used["comparam.tilt.tilt.RADIAL"] == "0.3 0.05"
    assert records[1].facts["from"] == "cryo.adoc"
    with pytest.raises(AttributeError):
        records[0].state = "failed"  # type: ignore[misc]


@pytest.mark.usefixtures("quick")
def test_a_part_is_run_again_with_what_the_earlier_steps_made(
    run: Run, series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("--series", series)
    folder = tmp_path / "out" / "TS_1"
    before = (folder / "TS_1_rec.mrc").read_bytes()
    first = json.loads((folder / "report.json").read_bytes())
    (folder / "hedwig" / "keyMov_TS_1.mp4").unlink()
    monkeypatch.setattr(workflow, "ENGINES", (EmbeddedEngine(_never),))
    assert run("--series", series, "--from", "assets") == 0
    assert (folder / "TS_1_rec.mrc").read_bytes() == before
    assert (folder / "hedwig" / "keyMov_TS_1.mp4").is_file()
    assert read_steps(folder / "steps.json")[2].facts["reused"]
    assert run("--series", series, "--from", "reconstruction", "--param", "skip=1") == 0
    report = json.loads((folder / "report.json").read_bytes())
    assert (report["alignment"], report["left_out"]) == ("earlier", [0])
    plain = (folder / "TS_1_rec.mrc").read_bytes()
    own = (folder / "TS_1.adoc").read_text() + "comparam.tilt.tilt.FakeSIRTiterations=7\n"
    given = ("--directives", own, "--method", "directives", "--param", "skip=1")
    assert run("--series", series, "--from", "reconstruction", *given) == 0
    facts = {one.step: one.facts for one in read_steps(folder / "steps.json")}
    assert facts["directives"]["from"] == "given.adoc"
    assert facts["directives"]["directives"]["comparam.tilt.tilt.FakeSIRTiterations"] == "7"
    assert (folder / "TS_1_rec.mrc").read_bytes() != plain
    report = json.loads((folder / "report.json").read_bytes())
    assert (report["alignment"], report["left_out"]) == ("earlier", [0])
    kept = {"method", "axis_deg", "residual_px", "residuals_px", "beads", "flagged"} & first.keys()
    assert {key: report[key] for key in kept} == {key: first[key] for key in kept}


def test_a_part_cannot_be_run_again_without_an_earlier_result(
    run: Run, series: Path, tmp_path: Path
) -> None:
    assert run("--series", series, "--from", "assets") == 1
    last = read_steps(tmp_path / "out" / "TS_1.failed" / "steps.json")[-1]
    assert "no earlier TS_1.adoc" in last.error


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    run: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--series", series, "--dry-run") == 0
    said = capsys.readouterr().out
    assert "n_tilts 9" in said
    assert "setupset.copyarg.name=TS_1" in said
    assert not (tmp_path / "out").exists()
    bad = tmp_path / "in" / "one.st"
    bad.write_bytes(b"")
    assert run("--series", series, bad, "--dry-run") == 1
    assert "1 of 2 tilt series can be processed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--param", "input_dir=/nowhere"],
        ["--series", "x.txt"],
        ["--series", "x.mrc", "--param", "unknown=1"],
        ["--series", "x.mrc", "--template", "none"],
        ["--series", "x.mrc", "--param", "input_dir=/"],
        ["--series", "x.mrc", "--param", "callback_url=ftp://x"],
        ["--series", "x.mrc", "--engine", "imod"],
        ["--series", "x.mrc", "--adoc", "none.adoc"],
    ],
)
def test_what_cannot_begin_ends_with_an_error_and_2(
    run: Run, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_tilt_series_of_a_folder_are_found_in_their_order(tmp_path: Path) -> None:
    for name in ("TS_10.mrc", "TS_2.st", "TS_2_rec.mrc", "ave_TS_2.mrc", "TS_2.rawtlt", "Da.MRC"):
        (tmp_path / name).touch()
    (tmp_path / "Db.MRC").touch()
    found = find_series(tmp_path)
    assert [one.basename for one in found] == ["D", "TS_2", "TS_10"]
    assert found[0].second == tmp_path / "Db.MRC"
    assert [one.stack.name for one in find_series(tmp_path, "TS_10.mrc")] == ["TS_10.mrc"]
    with pytest.raises(NotFound):
        find_series(tmp_path, "TS_11.mrc")
    with pytest.raises(NotFound):
        find_series(tmp_path / "TS_10.mrc")


def test_BRT_01_a_basename_is_what_stands_before_the_last_dot(tmp_path: Path) -> None:
    one = series_of([tmp_path / "TS.1.mrc"])
    assert [series.basename for series in one] == ["TS.1"]
    with pytest.raises(Invalid, match="two tilt series are called TS"):
        series_of([tmp_path / "TS.mrc", tmp_path / "TS.st"])


def test_records_are_read_back_as_they_were(tmp_path: Path) -> None:
    one = StepRecord("check", "done", "2026-01-01T00:00:00.000Z", 1.5, {"a": [1]})
    (tmp_path / "steps.json").write_bytes(msgspec.json.encode([one]))
    assert read_steps(tmp_path / "steps.json") == [one]
    assert read_steps(tmp_path / "none.json") == []


def _never(*_: object) -> Aligned:
    raise AssertionError("aligned again")


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install an IMOD that knows of the size of beads only."""
    listed = tmp_path / "IMOD" / "com" / "directives.csv"
    listed.parent.mkdir(parents=True)
    listed.write_text("Directive,Description,Type,Batch,Tmplt\nsetupset.copyarg.gold,,float,Y,Y\n")
    (listed.parents[1] / "bin").mkdir()
    (listed.parents[1] / "bin" / "batchruntomo").write_text("")
    (listed.parents[1] / "bin" / "batchruntomo").chmod(0o755)
    monkeypatch.setenv("IMOD_DIR", str(listed.parents[1]))


@pytest.mark.usefixtures("quick", "listed")
def test_ADOC_15_what_the_installed_list_finds_is_said_and_kept(
    run: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--series", series, "--engine", "embedded") == 0
    wrong = "comparam.tilt.tilt.THICKNESS is not known to IMOD"
    assert f"TS_1: directives: {wrong}" in capsys.readouterr().out
    folder = tmp_path / "out" / "TS_1"
    assert wrong in json.loads((folder / "report.json").read_text())["directive_problems"]
    assert wrong in read_steps(folder / "steps.json")[1].facts["problems"]


def test_ADOC_01_a_directive_file_is_given_as_a_text(
    run: Run, quick: None, series: Path, tmp_path: Path
) -> None:
    text = "comparam.tilt.tilt.THICKNESS={{ thickness (9) }}\nsetupset.copyarg.gold=7\n"
    assert run("--series", series, "--directives", text) == 0
    made = (tmp_path / "out" / "TS_1" / "TS_1.adoc").read_text()
    assert made.splitlines()[:2] == ["comparam.tilt.tilt.THICKNESS=24", "setupset.copyarg.gold=7"]
    assert run("--series", series, "--directives", "nothing") == 1
