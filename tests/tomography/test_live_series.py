"""Series that a microscope still writes: they and their preview grow in their study."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from appliance.exchange import DropWatcher, WatchedRoot
from appliance.exchange.drop_places import compile_place
from appliance.formats import read_mrc_stack
from appliance.tomography import LiveRoot, LiveSeries, StudyPlace
from appliance.tomography.growing import frames_named_by, growing_series
from appliance.tomography.phantom import Phantom, make_phantom
from appliance.tomography.preview import preview_command
from appliance.tomography.tilt_files import read_series
from tests.exchange.kit import Kit
from tests.support.live_microscope import Microscope
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """Give a small specimen."""
    return make_phantom(3, size=96, n_tilts=7)


@dataclass
class Lab:
    """An appliance beside a microscope's folder."""

    kit: Kit
    share: Path
    live: LiveSeries
    watcher: DropWatcher

    def report(self, name: str) -> dict[str, object]:
        row = self.kit.files()[f"S_1#g1/live/{name}/report.json"]
        path = self.kit.folder.projects / "default/S_1/g1" / row.path
        return msgspec.json.decode(path.read_bytes())

    def shows(self, name: str, n: int, state: str = "recording") -> bool:
        told = self.report(name) if f"S_1#g1/live/{name}/report.json" in self.kit.files() else {}
        return (told.get("n_tilts"), told.get("state")) == (n, state)

    def imported(self) -> list[str]:
        self.kit.run()
        return sorted(name for name in self.kit.files() if "/live/" not in name)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Make appliances that follow what is written into a share."""
    made: list[Lab] = []

    def make(quiet_s: float = 3600.0) -> Lab:
        share = tmp_path / "share"
        (share / "S_1/g1").mkdir(parents=True, exist_ok=True)
        entry = {"path": str(share), "project": "default", "pattern": "{subject}/{study}"}
        kit = Kit(
            tmp_path / "data",
            **{"watch.folders": [{**entry, "live_s": quiet_s}], "watch.settle_s": 0.05},
        )
        root = WatchedRoot(path=share, project="default", place=compile_place("{subject}/{study}"))

        def place(path: Path) -> StudyPlace | None:
            found = root.study_of(path)
            return None if found is None else StudyPlace(*found)

        live = LiveSeries(kit.catalog, kit.folder, [LiveRoot(share, quiet_s, place)])
        watcher = DropWatcher(kit.importer, kit.folder, kit.settings, live.holds)
        live.on_end = watcher.hear
        made.append(Lab(kit, share, live, watcher))
        return made[-1]

    yield make
    for one in made:
        one.live.stop()
        one.watcher.stop()
        one.kit.close()


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


@pytest.mark.timeout(300)
def test_TILT_a_series_grows_in_its_study_with_its_preview_while_the_microscope_writes(
    lab: Callable[..., Lab], phantom: Phantom
) -> None:
    one = lab()
    one.live.start()
    one.watcher.start()
    scope = Microscope(one.share / "S_1/g1", phantom, "TS_1")
    scope.tilt(2)
    wait_until(lambda: one.shows("TS_1", 2), "two tilts are in the table")
    assert "S_1#g1/live/TS_1/TS_1_preview.mrc" not in one.kit.files()
    scope.tilt(3)
    wait_until(lambda: one.shows("TS_1", 5), "five tilts are in the table")
    before = contents(one.share)
    preview = one.kit.folder.projects / "default/S_1/g1/live/TS_1/TS_1_preview.mrc"
    first = np.array(read_mrc_stack(preview)[0])
    assert first.shape == (24, 96, 96)
    assert first.std() > 0
    assert contents(one.share) == before
    scope.tilt(2)
    wait_until(lambda: one.shows("TS_1", 7), "all seven are")
    assert not np.array_equal(first, np.array(read_mrc_stack(preview)[0]))
    assert one.imported() == []  # an hour has not gone by: it may still grow


@pytest.mark.timeout(300)
def test_TILT_a_series_whose_header_promised_its_tilts_is_over_when_they_are_there(
    lab: Callable[..., Lab], phantom: Phantom
) -> None:
    one = lab()
    scope = Microscope(one.share / "S_1/g1", phantom, "TS_1", promises=True)
    scope.tilt(4)
    one.live.look()
    assert one.shows("TS_1", 4)
    one.watcher.look_once()
    assert one.imported() == []
    scope.tilt(3)
    one.live.look()
    assert one.shows("TS_1", 7, "recorded")
    wait_until(lambda: not one.watcher.look_once() and one.imported(), "it is imported")
    assert [name.rpartition("/")[2] for name in one.imported()] == ["TS_1.mrc", "TS_1.mrc.mdoc"]
    assert read_series(scope.stack).images.shape == (7, 96, 96)


@pytest.mark.timeout(300)
def test_TILT_files_of_single_tilts_are_over_after_quiet_time_and_become_a_stack(
    lab: Callable[..., Lab], phantom: Phantom
) -> None:
    one = lab(quiet_s=0.5)
    scope = Microscope(one.share / "S_1/g1", phantom, "TS_2", frames=True, cut_last=True)
    scope.tilt(7)
    before = contents(one.share)
    (series,) = growing_series(Path(path) for path in before)
    assert (series.name, series.n_tilts, series.promised) == ("TS_2", 6, 7)
    assert list(series.angles_deg) == sorted(series.angles_deg)
    scope.finish()
    before = contents(one.share)

    def over() -> bool:
        one.live.look()
        return one.shows("TS_2", 7, "recorded")

    wait_until(over, "it is over", every_s=0.05)
    stack = one.kit.folder.projects / "default/S_1/g1/live/TS_2/TS_2.st"
    gathered = read_series(stack)
    order = np.argsort(phantom.series.angles_deg)
    assert np.array_equal(gathered.images, phantom.series.images[order].astype(np.float32))
    assert np.allclose(gathered.angles_deg, phantom.series.angles_deg[order], atol=0.01)
    assert contents(one.share) == before
    wait_until(lambda: not one.watcher.look_once() and one.imported(), "it is imported")
    assert frames_named_by(next((one.share / "S_1/g1").glob("*0001.mrc")))
    assert not frames_named_by(stack)


@pytest.mark.timeout(300)
def test_TILT_a_microscope_that_is_a_program_of_its_own_is_followed_to_its_end(
    lab: Callable[..., Lab], phantom: Phantom
) -> None:
    one = lab()
    one.live.start()
    one.watcher.start()
    words = [sys.executable, "-m", "tests.support.live_microscope", str(one.share / "S_1/g1")]
    seen = set()

    def look() -> bool:
        if "S_1#g1/live/TS_9/report.json" in one.kit.files():
            seen.add(one.report("TS_9")["n_tilts"])
        return one.shows("TS_9", 9, "recorded")

    with subprocess.Popen(words, stdin=subprocess.PIPE) as scope:
        assert scope.stdin is not None
        for n in (2, 5, 7, 9):  # each tilt is asked for when the one before was seen
            scope.stdin.write(f"{n}\n".encode())
            scope.stdin.flush()
            wait_until(lambda n=n: look() or n in seen, f"{n} tilts are shown", every_s=0.05)
        scope.stdin.close()
        assert scope.wait() == 0
    assert seen == {2, 5, 7, 9}
    wait_until(lambda: "TS_9.mrc" in str(one.imported()), "it is imported")


def test_a_preview_that_cannot_be_made_says_why_and_the_count_goes_on(
    lab: Callable[..., Lab], phantom: Phantom
) -> None:
    one = lab()
    scope = Microscope(one.share / "S_1/g1", phantom, "TS_1", dark=True)
    scope.tilt(4)
    one.live.look()
    assert one.shows("TS_1", 4)
    assert one.report("TS_1")["messages"]
    assert one.live.problem == ""


@pytest.mark.parametrize("ending", ["tif", "eer"])
def test_TILT_tilts_in_files_that_are_not_read_are_counted_and_it_is_said(
    lab: Callable[..., Lab], phantom: Phantom, ending: str
) -> None:
    """A movie of each tilt in TIFF or EER: it is shown and imported, without a preview."""
    one = lab(quiet_s=0.5)
    folder = one.share / "S_1/g1"
    Microscope(folder, phantom, "TS_3", frames=True).tilt(4)
    for path in folder.glob("*.mrc"):
        path.rename(path.with_suffix(f".{ending}"))
    notes = folder / "TS_3.mdoc"
    notes.write_text(notes.read_text().replace(".mrc", f".{ending}"))
    one.live.look()
    assert one.shows("TS_3", 4)
    told = one.report("TS_3")
    assert told["angles_deg"] == sorted(told["angles_deg"])  # type: ignore[type-var]
    assert "TIFF or EER" in str(told["messages"])

    def over() -> bool:
        one.live.look()
        return one.shows("TS_3", 4, "recorded")

    wait_until(over, "it is over", every_s=0.05)
    assert "S_1#g1/live/TS_3/TS_3.st" not in one.kit.files()
    assert one.live.problem == ""
    wait_until(lambda: not one.watcher.look_once() and one.imported(), "it is imported")


def test_a_live_folder_that_names_no_study_says_so(tmp_path: Path, phantom: Phantom) -> None:
    kit = Kit(tmp_path / "data")
    (tmp_path / "share").mkdir()
    Microscope(tmp_path / "share", phantom, "TS_1").tilt(3)
    live = LiveSeries(kit.catalog, kit.folder, [LiveRoot(tmp_path / "share", 60, lambda _: None)])
    live.look()
    assert "must name subject and study" in live.problem
    assert kit.files() == {}
    kit.close()


def test_series_that_were_over_before_are_imported_and_not_shown_again(
    lab: Callable[..., Lab], phantom: Phantom
) -> None:
    one = lab(quiet_s=0.0)
    Microscope(one.share / "S_1/g1", phantom, "TS_1").tilt(5)
    (one.share / "S_1/g1/atlas.mrc").write_bytes(b"no stack")
    one.live.look()
    assert one.kit.files() == {}
    wait_until(lambda: not one.watcher.look_once() and one.imported(), "they are imported")


def test_commands_name_only_what_is_there(phantom: Phantom, tmp_path: Path) -> None:
    scope = Microscope(tmp_path, phantom, "TS_1")
    scope.tilt(3)
    (series,) = growing_series(tmp_path.iterdir())
    assert preview_command(series, tmp_path)[-4:] == ["--stack", str(scope.stack), "--tilts", "3"]
