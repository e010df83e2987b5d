"""The commands of the reference workflow, on stand-ins that do what they promise, against ours."""

from __future__ import annotations

import json
import os
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from appliance.core import JobError
from appliance.formats import MrcWriter, read_mrc_stack
from appliance.tomography import one_series, workflow
from appliance.tomography.assets import make_assets
from appliance.tomography.embedded import Aligned, EmbeddedEngine
from appliance.tomography.phantom import make_phantom, write_phantom
from appliance.tomography.seed_commands import SeedCommands
from tests.support.imod_tools_stub import install_tools


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path]:
    """Write an aligned stack and a reconstruction of odd sizes, with something to see."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:70, :90]
    shape = np.hypot(y - 30, x - 50)
    for name, nz, step in (("ts_ali.mrc", 5, 40), ("ts_rec.mrc", 7, 9)):
        stack = np.stack(
            [1000 + step * z + 300 * (shape < 12 + z) + rng.normal(0, 8, shape.shape)
             for z in range(nz)]
        ).astype(np.int16)  # fmt: skip
        with MrcWriter(tmp_path / name, stack.shape, np.int16, 5.0) as out:
            out.write(0, stack)
    return tmp_path / "ts_ali.mrc", tmp_path / "ts_rec.mrc"


@pytest.fixture
def commands(tmp_path: Path) -> SeedCommands:
    """Give the commands, found on the path."""
    install_tools(tmp_path / "bin")
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return SeedCommands(tmp_path / "commands.log", {**os.environ, "PATH": path, "IMOD_DIR": ""})


def frames_of(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    with av.open(str(path)) as container:
        frames = [one.to_ndarray(format="gray") for one in container.decode(video=0)]
    return np.stack(frames).astype(float)


def picture(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    with Image.open(path) as image:
        return np.asarray(image, float)


@pytest.mark.timeout(300)
def test_TILT_01_to_07_REC_01_to_06_commands_and_the_appliance_make_the_same(
    tmp_path: Path, inputs: tuple[Path, Path], commands: SeedCommands
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    made = make_assets("ts", *inputs, None, ours, exact=True)
    assert make_assets("ts", *inputs, None, theirs, commands=commands) == made
    assert {path.name for path in ours.iterdir()} == {path.name for path in theirs.iterdir()}
    for name in ("ave_ts.mrc", "avebin8_ts.mrc"):  # rounded twice there, once here
        (one, facts), (two, told) = read_mrc_stack(ours / name), read_mrc_stack(theirs / name)
        assert one.shape == two.shape
        assert one.dtype == two.dtype == np.int16
        assert facts.pixel_angstrom == pytest.approx(told.pixel_angstrom)
        assert np.abs(one.astype(int) - two).max() <= 1
    for name, n in (("tiltMov_ts.mp4", 5), ("keyMov_ts.mp4", 3)):
        one, two = frames_of(ours / name), frames_of(theirs / name)
        assert one.shape == two.shape == (n, 1024, 1024)
        assert np.abs(one - two).mean() < 3  # grey levels, after two lossy codecs
        turned = np.abs(one[:, ::-1] - two).mean()
        assert turned > 2 * np.abs(one - two).mean()
    one, two = (picture(p / "keyimg_ts.jpg") for p in (ours, theirs))
    assert one.shape == two.shape == (70, 90)
    assert np.abs(one - two).mean() < 4
    assert abs(int(one.mean(1).argmax()) - (69 - 30)) < 9  # y runs up, rows of a picture down
    assert [picture(p / "keyimg_ts_s.jpg").shape for p in (ours, theirs)] == [(233, 300)] * 2


@pytest.mark.timeout(300)
def test_TILT_01_to_06_REC_01_to_06_the_commands_are_those_of_the_seed(
    tmp_path: Path, inputs: tuple[Path, Path], commands: SeedCommands
) -> None:
    make_assets("ts", *inputs, None, tmp_path / "made", commands=commands)
    said = [
        line.replace(f"{tmp_path}/", "").replace("made/", "")
        for line in commands.log.read_text().splitlines()
        if line.split()[0] in ("header", "newstack", "mrc2tif", "gm", "ffmpeg", "clip", "binvol")
    ]
    alis = " ".join(f"ts_ali{z:04d}.mrc" for z in range(5))
    aves = " ".join(f"ts_ave{z:04d}.mrc" for z in range(2, 5))
    fit = "-size 300x300 ts_ali.002.jpg -resize 300x300"
    codec = "-vcodec libx264 -pix_fmt yuv420p -s 1024,1024"
    assert said == [
        "header -s ts_ali.mrc",
        *(f"newstack -secs {z}-{z} ts_ali.mrc ts_ali{z:04d}.mrc" for z in range(5)),
        f"newstack -float 3 {alis} ali_ts.mrc",
        "mrc2tif -j -C 0,255 ali_ts.mrc ts_ali",
        f"gm convert {fit} -sharpen 2 -quality 70 keyimg_ts_s.jpg",
        f"ffmpeg -y -f image2 -framerate 4 -i ts_ali.%03d.jpg {codec} tiltMov_ts.mp4",
        "header -s ts_rec.mrc",
        *(
            f"clip avg -2d -iz {z - 2}-{z + 2} -m 1 ts_rec.mrc ts_ave{z:04d}.mrc"
            for z in range(2, 5)
        ),
        f"newstack -float 3 {aves} ave_ts.mrc",
        "binvol -binning 2 ave_ts.mrc avebin8_ts.mrc",
        "header -s ave_ts.mrc",
        "mrc2tif -j -C 100,255 ave_ts.mrc ts_mp4",
        f"ffmpeg -y -f image2 -framerate 8 -i ts_mp4.%03d.jpg {codec} keyMov_ts.mp4",
    ]


def test_a_program_that_fails_is_named_and_leaves_nothing_half_made(
    tmp_path: Path, inputs: tuple[Path, Path], commands: SeedCommands
) -> None:
    install_tools(tmp_path / "bin", failing="mrc2tif")
    (tmp_path / "made").mkdir()
    with pytest.raises(JobError, match="mrc2tif failed: it ended with code 3") as caught:
        commands.of_tilts("ts", inputs[0], tmp_path / "made")
    assert caught.value.facts["log_tail"] == "mrc2tif is out of order"
    assert list((tmp_path / "made").iterdir()) == []


def test_where_a_program_is_missing_nothing_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_tools(tmp_path / "bin", without="binvol")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("IMOD_DIR", raising=False)
    write_phantom(tmp_path, make_phantom(7, size=64, n_tilts=9), "TS_1")
    line = ["--series", str(tmp_path / "TS_1.st"), "--output", str(tmp_path / "out")]
    assert workflow.main([*line, "--assets-by", "commands"]) == 2
    assert "not all here: binvol" in capsys.readouterr().err
    assert not (tmp_path / "out" / "TS_1").exists()


@pytest.mark.timeout(300)
def test_a_whole_run_by_commands_keeps_their_log_and_lists_the_same_assets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phantom = make_phantom(7, size=64, n_tilts=9)
    monkeypatch.setattr(workflow, "ENGINES", (EmbeddedEngine(lambda *_: Aligned(phantom.truth)),))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    install_tools(tmp_path / "bin")
    write_phantom(tmp_path, phantom, "TS_1")
    line = ["--series", str(tmp_path / "TS_1.st"), "--output", str(tmp_path / "out")]
    line += ["--param", "thickness=24", "--param", "bin=2", "--cpus", "1"]
    assert workflow.main([*line, "--assets-by", "commands"]) == 0
    folder = tmp_path / "out" / "TS_1"
    assert "clip avg -2d -iz 0-4" in (folder / "logs" / one_series.COMMANDS).read_text()
    told = json.loads((folder / "manifest.json").read_bytes())
    assert len({one["type"] for one in told["files"][0]["imageSet"][0]["assets"]}) == 7
