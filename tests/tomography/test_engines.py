"""One contract for all engines: what they are given, what they write, how they fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appliance.core import ApplianceError, FormatError, JobError, NotFound
from appliance.formats import read_mrc_stack
from appliance.tomography.directives import change_text
from appliance.tomography.embedded import Aligned, EmbeddedEngine
from appliance.tomography.engines import Engine, SeriesOutputs, SeriesRequest, missing_outputs
from appliance.tomography.imod import ImodEngine
from appliance.tomography.phantom import Phantom, make_phantom, write_phantom
from appliance.tomography.presets import find_template, make_directives
from appliance.tomography.tilt_files import read_tlt, read_xf
from tests.support.imod_stub import stub_environment

SIZE, TILTS, BINNING, THICKNESS = 64, 9, 2, 24
Told = list[tuple[float, str]]


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """Give a small specimen whose alignment is known."""
    return make_phantom(5, size=SIZE, n_tilts=TILTS)


@pytest.fixture(params=["imod", "embedded"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, phantom: Phantom) -> Engine:
    """Give each engine; ours is told the alignment, which has tests of its own."""
    if request.param == "imod":
        return ImodEngine(stub_environment(tmp_path))
    return EmbeddedEngine(lambda *_: Aligned(phantom.truth, {"method": "told"}))


@pytest.fixture
def asked(tmp_path: Path, phantom: Phantom) -> SeriesRequest:
    """Give a request for the specimen's series."""
    (tmp_path / "in").mkdir()
    stack = write_phantom(tmp_path / "in", phantom, "TS_1")
    values = {"basename": "TS_1", "thickness": str(THICKNESS), "bin": str(BINNING)}
    adoc = make_directives(find_template("dirTemplate"), values)
    return SeriesRequest("TS_1", stack, adoc, cpus=1, gpus=0)


def run(
    engine: Engine, request: SeriesRequest, folder: Path, told: Told | None = None
) -> SeriesOutputs:
    folder.mkdir()
    told = [] if told is None else told
    return engine.run(request, folder, lambda part, text: told.append((part, text)))


def test_BRT_04_05_06_the_outputs_have_the_names_and_the_layout_of_imod(
    engine: Engine, asked: SeriesRequest, tmp_path: Path
) -> None:
    told: Told = []
    out = run(engine, asked, tmp_path / "work", told)
    assert out.full_rec is not None
    assert missing_outputs(out) == []
    names = [out.ali.name, out.rec.name, out.full_rec.name]
    assert names == ["TS_1_ali.mrc", "TS_1_rec.mrc", "TS_1_full_rec.mrc"]
    across, depth = SIZE // BINNING, THICKNESS // BINNING
    ali, facts = read_mrc_stack(out.ali)
    rec, _ = read_mrc_stack(out.rec)
    full, _ = read_mrc_stack(out.full_rec)
    assert ali.shape == (TILTS, across, across)
    assert rec.shape == (depth, across, across)
    assert full.shape == (across, depth, across)
    pixel_nm = read_mrc_stack(asked.stack)[1].pixel_angstrom
    assert facts.pixel_angstrom == pytest.approx(BINNING * pixel_nm)
    # The trimmed volume is the untrimmed one, rotated about x: not mirrored.
    assert np.array_equal(np.asarray(rec), np.asarray(full).transpose(1, 0, 2)[::-1])
    assert [part for part, _ in told] == sorted(part for part, _ in told)
    assert all(0 <= part <= 1 and text for part, text in told)


def test_BRT_07_transforms_angles_log_and_report_come_along(
    engine: Engine, asked: SeriesRequest, tmp_path: Path
) -> None:
    out = run(engine, asked, tmp_path / "work")
    assert out.xf is not None
    assert out.tlt is not None
    assert len(read_xf(out.xf)[0]) == len(read_tlt(out.tlt)) == TILTS
    assert out.log.read_text()
    assert out.report["engine"] == engine.name


def test_BRT_09_the_inputs_and_the_request_are_as_they_were(
    engine: Engine, asked: SeriesRequest, tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in asked.stack.parent.iterdir()}
    same = replace(asked)
    run(engine, asked, tmp_path / "work")
    assert {path.name: path.read_bytes() for path in asked.stack.parent.iterdir()} == before
    assert asked == same
    assert {path.name for path in tmp_path.iterdir()} <= {"in", "work", "IMOD"}


def test_a_failure_raises_what_a_person_can_read(
    engine: Engine, asked: SeriesRequest, tmp_path: Path
) -> None:
    adoc = change_text(asked.adoc, {"comparam.tilt.tilt.THICKNESS": "thick"})
    with pytest.raises(ApplianceError):
        run(engine, replace(asked, adoc=adoc), tmp_path / "work")


def test_a_malformed_directive_file_is_refused_with_its_line(
    engine: Engine, asked: SeriesRequest, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match="line 2"):
        run(engine, replace(asked, adoc="# x\nnonsense\n"), tmp_path / "work")


def test_an_earlier_alignment_is_taken_as_it_is(
    asked: SeriesRequest, phantom: Phantom, tmp_path: Path
) -> None:
    def never(*_: object) -> Aligned:
        raise AssertionError("aligned again")

    engine = EmbeddedEngine(lambda *_: Aligned(phantom.truth))
    first = run(engine, asked, tmp_path / "work")
    again = replace(asked, earlier=tmp_path / "work")
    second = run(EmbeddedEngine(never), again, tmp_path / "again")
    one, other = (np.asarray(read_mrc_stack(out.rec)[0]) for out in (first, second))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.999
    with pytest.raises(NotFound):
        run(engine, replace(asked, earlier=tmp_path), tmp_path / "third")


def test_tilts_that_are_left_out_change_the_tomogram(
    asked: SeriesRequest, phantom: Phantom, tmp_path: Path
) -> None:
    engine = EmbeddedEngine(lambda *_: Aligned(phantom.truth))
    whole = run(engine, asked, tmp_path / "work")
    adoc = change_text(asked.adoc, {"setupset.copyarg.skip": "1-2,9"})
    less = run(engine, replace(asked, adoc=adoc), tmp_path / "less")
    assert less.report["left_out"] == [0, 1, 8]
    one, other = (np.asarray(read_mrc_stack(out.rec)[0]) for out in (whole, less))
    assert not np.array_equal(one, other)


def test_gold_is_painted_over_and_the_specimen_is_laid_flat_where_directives_ask(
    asked: SeriesRequest, phantom: Phantom, tmp_path: Path
) -> None:
    found = phantom.places[phantom.radii == phantom.bead_radius_px]
    beads = [dict(zip("xyz", place, strict=True)) for place in found.tolist()]
    told = {"beads": beads, "bead_diameter_px": 2 * phantom.bead_radius_px}
    engine = EmbeddedEngine(lambda *_: Aligned(phantom.truth, dict(told)))
    plain = run(engine, asked, tmp_path / "plain")
    adoc = asked.adoc + "runtime.AlignedStack.any.eraseGold=1\n"
    adoc += "runtime.Positioning.any.sampleType=1\n"
    other = run(engine, replace(asked, adoc=adoc), tmp_path / "other")
    assert "position" not in plain.report
    assert isinstance(other.report["position"], dict)
    one, two = (np.asarray(read_mrc_stack(out.rec)[0]) for out in (plain, other))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("how", ["second", "dual", "montage"])
def test_what_only_imod_does_is_refused_by_ours(
    how: str, asked: SeriesRequest, phantom: Phantom, tmp_path: Path
) -> None:
    make: dict[str, Callable[[], SeriesRequest]] = {
        "second": lambda: replace(asked, second=asked.stack),
        "dual": lambda: replace(asked, adoc=asked.adoc + "setupset.copyarg.dual=1\n"),
        "montage": lambda: replace(asked, adoc=asked.adoc + "setupset.copyarg.montage=1\n"),
    }
    with pytest.raises(JobError) as caught:
        run(EmbeddedEngine(lambda *_: Aligned(phantom.truth)), make[how](), tmp_path / "work")
    assert "IMOD" in caught.value.message + caught.value.hint


def test_an_alignment_of_another_series_is_refused(
    asked: SeriesRequest, phantom: Phantom, tmp_path: Path
) -> None:
    engine = EmbeddedEngine(lambda *_: Aligned(phantom.truth))
    out = run(engine, asked, tmp_path / "work")
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "work", other)
    assert out.tlt is not None
    (other / out.tlt.name).write_text("1.0\n2.0\n")
    with pytest.raises(FormatError, match="another number of tilts"):
        run(engine, replace(asked, earlier=other), tmp_path / "again")
