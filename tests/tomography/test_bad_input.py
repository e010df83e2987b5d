"""Bad tilt series through the whole workflow: clear messages, parts kept apart, inputs as is."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from appliance.formats import MrcWriter
from appliance.tomography import embedded, workflow
from appliance.tomography.following import align_series
from appliance.tomography.phantom import make_phantom, write_phantom
from appliance.tomography.steps import read_steps

Spoil = Callable[[Path], None]
ANGLES = np.linspace(-40, 40, 9)


def stack(folder: Path, images: np.ndarray, dtype: type = np.int16) -> None:  # type: ignore[type-arg]
    with MrcWriter(folder / "ts.mrc", images.shape, dtype, 5.0, volume=False) as out:
        out.write(0, images.astype(dtype))


def angles(folder: Path, values: object = ANGLES) -> None:
    lines = "".join(f"{value}\n" for value in values)  # type: ignore[attr-defined]
    (folder / "ts.rawtlt").write_text(lines)


def seen(n: int = 9, ny: int = 64, nx: int = 64) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(1).normal(1000, 30, (n, ny, nx))


def header(folder: Path, at: int, value: int) -> None:
    with (folder / "ts.mrc").open("r+b") as stream:
        stream.seek(at)
        stream.write(np.array([value], "<i4").tobytes())


def a_volume(folder: Path) -> None:
    with MrcWriter(folder / "ts.mrc", (9, 64, 64), np.int16, 5.0, volume=True) as out:
        out.write(0, seen().astype(np.int16))


def no_angles(folder: Path) -> None:
    stack(folder, seen())


def other_angles(folder: Path) -> None:
    stack(folder, seen())
    angles(folder, ANGLES[:7])


def wild_angles(folder: Path) -> None:
    stack(folder, seen())
    angles(folder, [*ANGLES[:8], 270])


def equal_angles(folder: Path) -> None:
    stack(folder, seen())
    angles(folder, [3.0] * 9)


def one_tilt(folder: Path) -> None:
    stack(folder, seen(1))
    angles(folder, [0.0])


def all_dark(folder: Path) -> None:
    stack(folder, np.zeros((9, 64, 64)))
    angles(folder)


def no_numbers(folder: Path) -> None:
    stack(folder, np.full((9, 64, 64), np.nan), np.float32)
    angles(folder)


def mode_101(folder: Path) -> None:
    stack(folder, seen())
    angles(folder)
    header(folder, 12, 101)


def mode_unknown(folder: Path) -> None:
    stack(folder, seen())
    angles(folder)
    header(folder, 12, 77)


def a_lying_header(folder: Path) -> None:
    stack(folder, seen())
    angles(folder, np.linspace(-40, 40, 500))
    header(folder, 8, 500)


def huge_sizes(folder: Path) -> None:
    stack(folder, seen())
    angles(folder)
    header(folder, 0, 1 << 30)


def empty(folder: Path) -> None:
    (folder / "ts.mrc").touch()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (a_volume, "is a volume, not a tilt series"),
        (no_angles, "has no tilt angles"),
        (other_angles, "names 7 tilt angles, but ts.mrc holds 9 sections"),
        (wild_angles, "line 9 of ts.rawtlt is no tilt angle"),
        (equal_angles, "all tilt angles of ts.mrc are the same"),
        (one_tilt, "has 1 tilt: that is no tilt series"),
        (all_dark, "ts.mrc has 0 usable tilts"),
        (no_numbers, "ts.mrc has 0 usable tilts"),
        (mode_101, "of mode 101"),
        (mode_unknown, "of mode 77"),
        (a_lying_header, "promises 500 sections and 9 are there"),
        (huge_sizes, "ts.mrc"),
        (empty, "shorter than a header"),
    ],
)
def test_a_bad_series_fails_with_a_clear_message_and_leaves_its_files_as_they_were(
    spoil: Spoil, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    spoil(folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert run(folder / "ts.mrc", tmp_path) == 1
    failed = tmp_path / "out" / "ts.failed"
    last = read_steps(failed / "steps.json")[-1]
    assert says in last.error
    assert "error: ts: " in (said := capsys.readouterr().err)
    assert "hint: " in said
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "manifest.json",
        "ts.failed",
    ]


def test_a_disk_that_fills_up_midway_leaves_no_result_and_no_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "in").mkdir()
    (tmp_path / "work").mkdir()
    path = write_phantom(tmp_path / "in", make_phantom(7, size=64, n_tilts=9), "ts")
    monkeypatch.setattr(embedded, "reconstruct", full)
    assert run(path, tmp_path, "--work", str(tmp_path / "work"), "--param", "fiducialless=1") == 1
    assert "No space left on device" in capsys.readouterr().err
    last = read_steps(tmp_path / "out" / "ts.failed" / "steps.json")[-1]
    assert (last.step, last.state) == ("tomogram", "failed")
    assert not (tmp_path / "out" / "ts").exists()
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.timeout(300)
def test_odd_sizes_a_thin_volume_and_no_beads_are_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    phantom = make_phantom(7, size=99, n_tilts=11)
    stack(tmp_path / "in", phantom.series.images[:, 3:94, :])
    angles(tmp_path / "in", phantom.series.angles_deg)
    more = ["--param", "fiducialless=1", "--param", "thickness=6"]
    assert run(tmp_path / "in" / "ts.mrc", tmp_path, *more) == 0
    said = capsys.readouterr().out
    assert "averages left out" in said
    assert "needs five" in said
    assert (tmp_path / "out" / "ts" / "hedwig" / "neuro-ts" / "info").is_file()


def run(path: Path, tmp_path: Path, *more: str) -> int:
    line = ["--series", str(path), "--output", str(tmp_path / "out"), "--engine", "embedded"]
    line += ["--param", "bin=2", "--cpus", "1", *more]
    assert workflow.ENGINES[1].aligner is align_series  # type: ignore[attr-defined]
    return workflow.main(line)
