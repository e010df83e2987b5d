"""The engine of those who have IMOD, run on a stand-in for batchruntomo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from appliance.core import JobError
from appliance.formats import MrcWriter
from appliance.tomography.directives import read_directives
from appliance.tomography.engines import SeriesOutputs, SeriesRequest, choose_engine, companions_of
from appliance.tomography.imod import ImodEngine, find_imod
from appliance.tomography.presets import find_template, make_directives
from tests.support.imod_stub import stub_environment

Told = list[tuple[float, str]]


def write_stack(path: Path, n: int = 5, size: int = 16) -> Path:
    """Write a small stack with something to see."""
    images = np.random.default_rng(3).normal(100, 10, (n, size, size)).astype(np.int16)
    with MrcWriter(path, images.shape, np.int16, 5.0) as stream:
        stream.write(0, images)
    return path


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., SeriesRequest]:
    """Give requests for a series of two angstroms that nobody may change."""
    (tmp_path / "in").mkdir()

    def make(
        name: str = "ts.1.mrc", template: str = "dirTemplate", **more: object
    ) -> SeriesRequest:
        stack = write_stack(tmp_path / "in" / name)
        base = stack.stem
        values = {"basename": base, "thickness": "8", "bin": "2", "datasetDirectory": "/elsewhere"}
        adoc = make_directives(find_template(template), values)
        return SeriesRequest(base, stack, adoc, **more)  # type: ignore[arg-type]

    return make


def run(
    request: SeriesRequest, folder: Path, environ: dict[str, str], told: Told | None = None
) -> SeriesOutputs:
    """Run the engine in a new folder."""
    folder.mkdir()
    told = [] if told is None else told
    return ImodEngine(environ).run(request, folder, lambda part, text: told.append((part, text)))


@pytest.mark.parametrize("name", ["ts.1.mrc", "ts.1.st"])
def test_BRT_01_to_06_the_command_of_the_seed_makes_the_three_outputs(
    tmp_path: Path, ask: Callable[..., SeriesRequest], name: str
) -> None:
    request = ask(name)
    before = request.stack.read_bytes()
    told: Told = []
    out = run(request, tmp_path / "work", stub_environment(tmp_path), told)
    assert (tmp_path / "work" / "argv.txt").read_text() == "-di ts.1.adoc -gpus 1 -cpus 20"
    assert [out.ali.name, out.rec.name] == ["ts.1_ali.mrc", "ts.1_rec.mrc"]
    assert out.full_rec is not None
    assert out.full_rec.name == "ts.1_full_rec.mrc"
    assert out.log.read_text().startswith("batchruntomo -di ts.1.adoc -gpus 1 -cpus 20\n")
    assert request.stack.read_bytes() == before
    parts = [part for part, _ in told]
    assert parts == sorted(parts)
    assert [told[3][1], told[-3][1]] == ["Alignment", "Reconstruction"]


def test_BRT_02_the_directive_file_is_pointed_at_the_copy_and_else_left_as_it_is(
    tmp_path: Path, ask: Callable[..., SeriesRequest]
) -> None:
    request = ask("ts.st", "plastic")
    run(request, tmp_path / "work", stub_environment(tmp_path))
    used = read_directives(tmp_path / "work" / "ts.adoc").values
    assert used.pop("setupset.datasetDirectory") == str(tmp_path / "work")
    assert used.pop("setupset.copyarg.stackext") == "st"
    given = {line.partition("=")[0]: line.partition("=")[2] for line in request.adoc.splitlines()}
    assert {key: given[key] for key in used} == used
    assert request.stack.is_file()  # the preset lets IMOD delete the stack that it works on


def test_BRT_03_what_the_queue_grants_is_what_imod_may_use(
    tmp_path: Path, ask: Callable[..., SeriesRequest]
) -> None:
    run(ask(cpus=3, gpus=0), tmp_path / "work", stub_environment(tmp_path))
    assert (tmp_path / "work" / "argv.txt").read_text() == "-di ts.1.adoc -cpus 3"


def test_BRT_07_logs_transforms_and_angles_are_kept(
    tmp_path: Path, ask: Callable[..., SeriesRequest]
) -> None:
    out = run(ask(), tmp_path / "work", stub_environment(tmp_path))
    assert {"align.log", "track.log", "xcorr.log"} <= {path.name for path in out.others}
    assert out.xf is not None
    assert out.tlt is not None
    assert len(out.tlt.read_text().split()) == len(out.xf.read_text().splitlines()) == 5
    assert out.report == {"engine": "imod", "residual_px": 0.512}


def test_the_old_names_of_imod_become_those_of_the_workflow(
    tmp_path: Path, ask: Callable[..., SeriesRequest]
) -> None:
    out = run(ask(), tmp_path / "work", stub_environment(tmp_path, STUB_STYLE="old"))
    assert [out.ali.is_file(), out.rec.is_file()] == [True, True]
    assert out.full_rec is not None


def test_two_axes_are_passed_through_as_one_data_set(
    tmp_path: Path, ask: Callable[..., SeriesRequest]
) -> None:
    first = ask("tsa.mrc")
    second = write_stack(tmp_path / "in" / "tsb.mrc")
    request = SeriesRequest("ts", first.stack, first.adoc, second=second)
    out = run(request, tmp_path / "work", stub_environment(tmp_path))
    work = tmp_path / "work"
    assert (work / "tsa.mrc").is_file()
    assert (work / "tsb.mrc").read_bytes() == second.read_bytes()
    assert read_directives(work / "ts.adoc").values["setupset.copyarg.dual"] == "1"
    assert [out.ali.name, out.rec.name] == ["ts_ali.mrc", "ts_rec.mrc"]


def test_what_lies_beside_the_stack_goes_along(
    tmp_path: Path, ask: Callable[..., SeriesRequest]
) -> None:
    request = ask()
    for name in ("ts.1.rawtlt", "ts.1.mrc.mdoc", "ts.2.rawtlt"):
        (tmp_path / "in" / name).write_text(name)
    assert [path.name for path in companions_of(request.stack)] == ["ts.1.rawtlt", "ts.1.mrc.mdoc"]
    run(request, tmp_path / "work", stub_environment(tmp_path))
    assert (tmp_path / "work" / "ts.1.mrc.mdoc").read_text() == "ts.1.mrc.mdoc"


@pytest.mark.parametrize("code", ["1", "0"])
def test_a_failure_names_the_step_and_shows_the_end_of_the_right_log(
    tmp_path: Path, ask: Callable[..., SeriesRequest], code: str
) -> None:
    environ = stub_environment(tmp_path, STUB_MODE="align", STUB_CODE=code)
    with pytest.raises(JobError, match="at the step Alignment: ABORT SET") as caught:
        run(ask(), tmp_path / "work", environ)
    assert caught.value.facts["log"] == "align.log"
    tail = caught.value.facts["log_tail"].splitlines()
    assert tail[-1] == "ERROR: tiltalign - too few"
    assert len(tail) == 20


def test_an_end_without_reconstruction_is_a_failure(
    tmp_path: Path, ask: Callable[..., SeriesRequest]
) -> None:
    with pytest.raises(JobError, match=r"ts\.1_rec\.mrc is missing"):
        run(ask(), tmp_path / "work", stub_environment(tmp_path, STUB_MODE="norec"))


def test_a_stop_asks_by_the_file_that_imod_looks_at(
    tmp_path: Path, ask: Callable[..., SeriesRequest]
) -> None:
    def stop_at_alignment(part: float, text: str) -> None:
        if text == "Alignment":
            raise KeyboardInterrupt

    engine = ImodEngine(stub_environment(tmp_path, STUB_MODE="wait"), grace_s=120)
    (tmp_path / "work").mkdir()
    with pytest.raises(KeyboardInterrupt):
        engine.run(ask(), tmp_path / "work", stop_at_alignment)
    assert (tmp_path / "work" / "stopped.txt").read_text() == "cleanly"
    assert (tmp_path / "work" / "processchunks.cmds").read_text() == "Q\n"


def test_without_imod_the_message_says_what_to_do(
    tmp_path: Path, ask: Callable[..., SeriesRequest]
) -> None:
    nothing = {"PATH": str(tmp_path)}
    if find_imod(nothing) is not None:
        pytest.skip("IMOD is installed on this machine")
    with pytest.raises(JobError, match="IMOD is not installed") as caught:
        run(ask(), tmp_path / "work", nothing)
    assert "embedded" in caught.value.hint
    with pytest.raises(JobError, match="cannot run here: IMOD is not installed"):
        choose_engine("imod", (ImodEngine(nothing),))
    assert choose_engine("auto", (ImodEngine(stub_environment(tmp_path)),)).name == "imod"


def test_imod_is_found_by_its_folder_or_on_the_path(tmp_path: Path) -> None:
    environ = stub_environment(tmp_path)
    assert find_imod(environ) == tmp_path / "IMOD"
    assert find_imod({"PATH": str(tmp_path / "IMOD" / "bin")}) == tmp_path / "IMOD"
