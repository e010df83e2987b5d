"""A whole run tells a server how it goes; a server that is not there changes nothing else."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from appliance.tomography import one_series, workflow
from appliance.tomography.embedded import Aligned, EmbeddedEngine
from appliance.tomography.manifest import Asset, AssetType, Callback
from appliance.tomography.phantom import make_phantom, write_phantom
from tests.tomography.test_manifest import server as server  # noqa: PLC0414 - a fixture


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the words of a run over one good and one bad series, whose assets are made at once."""
    phantom = make_phantom(7, size=64, n_tilts=9)
    engine = EmbeddedEngine(lambda *_: Aligned(phantom.truth))
    monkeypatch.setattr(workflow, "ENGINES", (engine,))

    def assets(base: str, ali: Path, *_: object, **__: object) -> list[Asset]:
        return [Asset(AssetType.KEY_IMAGE, f"keyimg_{base}.jpg")]

    monkeypatch.setattr(one_series, "make_assets", assets)
    good = write_phantom(tmp_path, phantom, "TS_1")
    (tmp_path / "TS_2.st").write_bytes(b"no stack")
    (tmp_path / "token").write_text("s3cret\n")
    words = ["--series", str(good), str(tmp_path / "TS_2.st"), "--output", str(tmp_path / "out")]
    words += ["--param", "thickness=24", "--param", "bin=2", "--cpus", "1"]
    return [*words, "--param", f"token={tmp_path / 'token'}"]


def at(server, line: list[str]) -> list[str]:
    return [*line, "--param", f"callback_url=http://127.0.0.1:{server.server_port}/callback"]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect how long would be waited between two tries."""
    waited: list[float] = []
    monkeypatch.setattr(workflow, "Callback", partial(Callback, wait=waited.append))
    return waited


def test_a_run_posts_its_manifest_and_repeats_what_was_answered_503(
    server, line: list[str], waits: list[float], tmp_path: Path
) -> None:
    server.answers = [503, 200, 503, 503, 200, 200]
    assert workflow.main(at(server, line)) == 0
    bodies = [body for _, body in server.asked]
    assert [body.get("status", "files") for body in bodies] == [
        *("running", "running", "files", "files", "files", "success"),
    ]
    assert waits == [10.0, 60.0, 60.0]
    assert {token for token, _ in server.asked} == {"Bearer s3cret"}
    files = bodies[4]["files"]
    assert [(one["title"], one["status"]) for one in files] == [
        ("TS_1", "success"),
        ("TS_2", "error"),
    ]
    assert files[0]["imageSet"][0]["assets"] == [
        {"type": "keyImage", "path": "TS_1/hedwig/keyimg_TS_1.jpg"}
    ]
    assert files[1]["imageSet"][0]["assets"] == []
    assert "header" in files[1]["message"]
    written = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert written == {"status": "success", "files": files}
    assert "s3cret" not in "".join(
        path.read_text(errors="replace") for path in (tmp_path / "out").rglob("*.json")
    )


def test_a_server_that_is_not_there_does_not_fail_the_run(
    server, line: list[str], waits: list[float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = at(server, line)
    server.shutdown()
    server.server_close()
    assert workflow.main(words) == 0
    assert (tmp_path / "out" / "TS_1" / "TS_1_rec.mrc").is_file()
    assert waits == [10.0, 60.0, 60.0, 60.0]  # after the assets are lost the end is not told
    said = capsys.readouterr()
    assert said.err.count("error: the callback could not be made (ConnectError)") == 2
    assert "1 of 2 tilt series became tomograms" in said.out


def test_a_run_that_is_stopped_says_so_once(
    server, line: list[str], waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> Aligned:
        raise KeyboardInterrupt

    monkeypatch.setattr(workflow, "ENGINES", (EmbeddedEngine(stop),))
    server.answers = [200, 503]
    with pytest.raises(KeyboardInterrupt):
        workflow.main(at(server, line))
    assert [body for _, body in server.asked] == [{"status": "running"}, {"status": "error"}]
    assert waits == []


def test_nothing_is_posted_where_it_was_forbidden(server, line: list[str]) -> None:
    assert workflow.main([*at(server, line), "--param", "x_no_api=1"]) == 0
    assert server.asked == []
