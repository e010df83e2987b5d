"""The manifest has the shape Hedwig's servers know, and the callback tells it to one."""

from __future__ import annotations

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import mrcfile
import numpy as np
import pytest

from appliance.core import PeerError, SettingsError
from appliance.tomography.assets import MIN_MAX, make_assets
from appliance.tomography.manifest import (
    Asset,
    AssetType,
    Callback,
    ImageSet,
    PrimaryFile,
    write_manifest,
)


def one_file(status="success", message=None, assets=()):
    return PrimaryFile(
        primary_file_path="lab/pi/project/session/a.mrc",
        title="a",
        image_set=[ImageSet("a", list(assets))],
        status=status,
        message=message,
    )


@pytest.fixture
def server():
    """Serve answers from a list on loopback, and keep what was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.asked.append((self.headers["Authorization"], json.loads(body)))
            self.send_response(made.answers.pop(0) if made.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    made.asked, made.answers = [], []
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def callback(server, tmp_path, **options):
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    url = f"http://127.0.0.1:{server.server_port}/callback"
    return Callback(url, token, wait=lambda _: None, **options)


def test_the_manifest_has_the_shape_of_the_callback(tmp_path):
    metadata = {"shader": "Grayscale", "dimensions": "XYZ"}
    assets = [
        Asset(AssetType.THUMBNAIL, "keyimg_a_s.jpg"),
        Asset(AssetType.PRECOMPUTED, "neuro-a", metadata),
    ]
    write_manifest(tmp_path / "manifest.json", [one_file(assets=assets)])
    assert json.loads((tmp_path / "manifest.json").read_text()) == {
        "status": "success",
        "files": [
            {
                "primaryFilePath": "lab/pi/project/session/a.mrc",
                "title": "a",
                "status": "success",
                "message": None,
                "thumbnailIndex": 0,
                "fileMetadata": None,
                "imageSet": [
                    {
                        "imageName": "a",
                        "imageMetadata": None,
                        "assets": [
                            {"type": "thumbnail", "path": "keyimg_a_s.jpg"},
                            {
                                "type": "neuroglancerPrecomputed",
                                "path": "neuro-a",
                                "metadata": metadata,
                            },
                        ],
                    }
                ],
            }
        ],
    }


def test_a_run_is_a_success_when_one_of_its_files_is(tmp_path):
    bad = one_file("error", "no tilt angles")
    assert write_manifest(tmp_path / "m.json", [bad, one_file()]).status == "success"
    assert write_manifest(tmp_path / "m.json", [bad]).status == "error"


def test_the_callback_tells_beginning_assets_and_end(server, tmp_path):
    told = callback(server, tmp_path)
    told.running()
    told.assets(write_manifest(tmp_path / "m.json", [one_file()]))
    told.done("success")
    assert {token for token, _ in server.asked} == {"Bearer s3cret"}
    bodies = [body for _, body in server.asked]
    assert bodies[0] == {"status": "running"}
    assert bodies[1]["files"][0]["title"] == "a"
    assert bodies[2] == {"status": "success"}


def test_the_callback_is_repeated_while_the_server_has_a_fault(server, tmp_path, caplog):
    server.answers = [503, 429, 200]
    with caplog.at_level(logging.DEBUG):
        callback(server, tmp_path).done("error")
    assert [body for _, body in server.asked] == [{"status": "error"}] * 3
    assert "503" in caplog.text
    assert "s3cret" not in caplog.text


def test_the_callback_gives_up_after_its_retries_or_a_refusal(server, tmp_path):
    server.answers = [500] * 9
    with pytest.raises(PeerError, match="500"):
        callback(server, tmp_path, retries=2).done("success")
    assert len(server.asked) == 3
    server.answers = [403]
    with pytest.raises(PeerError, match="403") as caught:
        callback(server, tmp_path).done("success")
    assert len(server.asked) == 4
    assert "s3cret" not in f"{caught.value} {caught.value.hint} {callback(server, tmp_path)!r}"


def test_a_server_that_is_not_there_is_told_without_the_address(server, tmp_path):
    told = callback(server, tmp_path, retries=0)
    server.shutdown()
    server.server_close()
    with pytest.raises(PeerError, match="ConnectError"):
        told.running()


@pytest.mark.parametrize("url", ["ftp://a/b", "http://", "https://me:pw@a/b", "a/b"])
def test_an_address_that_cannot_be_used_is_refused(url):
    with pytest.raises(SettingsError, match="callback address"):
        Callback(url)


def test_a_token_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="token"):
        Callback("http://a/b", tmp_path / "none")
    (tmp_path / "two").write_text("a b")
    with pytest.raises(SettingsError, match="more than a token"):
        Callback("http://a/b", tmp_path / "two")


def write_mrc(path, shape):
    rng = np.random.default_rng(8)
    with mrcfile.new(path) as stream:
        stream.set_data(rng.integers(-200, 200, shape).astype(np.int16))
        stream.voxel_size = 8.0
    return path


def test_every_asset_is_made_under_the_names_of_the_workflow(tmp_path):
    ali = write_mrc(tmp_path / "a_ali.mrc", (5, 40, 50))
    rec = write_mrc(tmp_path / "a_rec.mrc", (9, 40, 50))
    full = write_mrc(tmp_path / "a_full_rec.mrc", (40, 12, 50))
    for _ in range(2):  # again over the first ones
        made = make_assets("a", ali, rec, full, tmp_path / "hedwig")
    assert [(str(asset.type), asset.path) for asset in made] == [
        ("thumbnail", "keyimg_a_s.jpg"),
        ("keyImage", "keyimg_a.jpg"),
        ("neuroglancerPrecomputed", "neuro-a"),
        ("volume", "ave_a.mrc"),
        ("averagedVolume", "avebin8_a.mrc"),
        ("recMovie", "keyMov_a.mp4"),
        ("tiltMovie", "tiltMov_a.mp4"),
    ]
    names = {path.name for path in (tmp_path / "hedwig").iterdir()}
    assert names == {asset.path for asset in made} | {MIN_MAX}
    info = json.loads((tmp_path / "hedwig" / "neuro-a" / "info").read_text())
    assert info["nora"]["source"] == "a_full_rec.mrc"
    assert info["nora"]["contrast"] == made[2].metadata
    contrast = json.loads((tmp_path / "hedwig" / MIN_MAX).read_text())
    assert int(contrast["neuroglancerPrecomputedFloor"]) == 32768 - 200
    assert made[2].metadata["shaderParameters"]["window"] == [32768 - 200, 32768 + 199]


def test_what_cannot_be_made_is_said_and_the_rest_is_made(tmp_path):
    rec = write_mrc(tmp_path / "a_rec.mrc", (4, 20, 20))
    said = []
    made = make_assets("a", None, rec, None, tmp_path / "hedwig", say=said.append)
    assert [asset.path for asset in made] == ["neuro-a"]
    assert any("averages left out" in text and "needs five" in text for text in said)
