"""Reading files as arrays, tables and JSON, and storing new ones, against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance import catalog
from appliance.client import Client, Table
from appliance.client.volumes import Volume
from appliance.core import Conflict, DataFolder, Invalid, NotFound, SettingsError
from tests.web_api.conftest import Site, add_file

AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])
PSID = "S-0001#notebook"


@pytest.fixture
def nora(site: Site) -> Iterator[Client]:
    if "S-0001#notebook" not in _studies(site):
        add_file(site.services, "first.txt", b"begun", "text", sid="notebook")
    with Client(socket=site.socket) as client:
        yield client


def _studies(site: Site) -> list[str]:
    with Client(socket=site.socket) as client:
        found = [project.name for project in client.projects()]
        return [row.psid for row in client.all_studies("default")] if "default" in found else []


def test_CLI_x04_an_array_is_put_selected_and_got_back(nora: Client) -> None:
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    row = nora.put("default", PSID, "out/a.nii", (data, AFFINE), tags=["fresh", "two words"])
    assert (row.psid, row.path, row.kind) == (PSID, "out/a.nii", "image")
    [found] = nora.select("default", "a.nii", studies=[PSID])
    assert found.tags == ["fresh", "two words"]
    volume = nora.get(found)
    assert np.array_equal(volume.data, data)
    assert np.allclose(volume.affine, AFFINE)
    assert np.array_equal(nora.get_array(row), data)
    assert nora.get_bytes(row.id) == Path(found.absolute_path).read_bytes()


def test_a_compressed_image_is_put_and_got_back(nora: Client) -> None:
    data = np.ones((2, 3, 4), np.uint8)
    row = nora.put("default", PSID, "out/b.nii.gz", Volume(data, AFFINE))
    assert nora.get_bytes(row)[:2] == b"\x1f\x8b"
    assert np.array_equal(nora.get_array(row), data)


@pytest.mark.parametrize(
    ("path", "value", "got"),
    [
        ("t/1.csv", [{"a": 1, "b": "x,y"}], Table(["a", "b"], [[1, "x,y"]])),
        ("t/2.tsv", Table(["a"], [[1.5], [None]]), Table(["a"], [[1.5], [None]])),
        ("t/3.json", {"ü": [1, {"x": None}]}, {"ü": [1, {"x": None}]}),
        ("t/4.txt", "größe", "größe"),
        ("t/5.bin", b"\x00\x01", b"\x00\x01"),
        ("t/6 with blank & 'quotes'.txt", "x", "x"),
    ],
)
def test_values_go_in_and_come_out_as_what_they_are(
    nora: Client, path: str, value: object, got: object
) -> None:
    assert nora.get(nora.put("default", PSID, path, value)) == got


def test_json_that_is_put_can_be_asked_at_once(nora: Client) -> None:
    nora.put("default", PSID, "META/radio.json", {"mask": {"volume": 12.5}})
    [found] = nora.select("default", "META/radio.json", studies=[PSID], json=True)
    assert found.doc == {"mask": {"volume": 12.5}}


def test_a_file_of_this_machine_goes_as_it_is(nora: Client, tmp_path: Path) -> None:
    path = tmp_path / "big.dat"
    path.write_bytes(bytes(range(256)) * 20_000)
    row = nora.put("default", PSID, "big.dat", path)
    nora.download(row, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def test_nothing_is_replaced_unless_asked_to(nora: Client) -> None:
    nora.put("default", PSID, "once.json", 1)
    with pytest.raises(Conflict, match="already"):
        nora.put("default", PSID, "once.json", 2)
    row = nora.put("default", PSID, "once.json", 3, overwrite=True)
    assert nora.get_json(row) == 3
    done = next(nora.history("default", verb="store"))
    assert done.actor == "owner"
    assert (done.target["study"], done.target["path"]) == (PSID, "once.json")
    assert done.target["replaced"] is True


def test_what_was_imported_is_never_replaced(site: Site, nora: Client) -> None:
    file_id = add_file(site.services, "scan.nii", b"original", "image", sid="notebook")
    site.services.catalog.write(
        lambda tx: tx.con.execute(
            "UPDATE files SET origin = 'receipt:x/000001' WHERE id = ?", (file_id,)
        )
    )
    with pytest.raises(Conflict, match="imported"):
        nora.put("default", PSID, "scan.nii", b"new", overwrite=True)
    assert nora.get_bytes(file_id) == b"original"


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("../x.txt", "x", Invalid),
        ("/etc/x.txt", "x", Invalid),
        ("a/../../x.txt", "x", Invalid),
        ("a//b.txt", "x", Invalid),
        (".hidden", "x", Invalid),
        ("a/.git/config.txt", "x", Invalid),
        ("folder/", b"x", Invalid),
        ("", b"x", Invalid),
        ("x.nii", np.zeros((2, 2, 2)), Invalid),
        ("x.json", {1, 2}, Invalid),
        ("x.json", float("nan"), Invalid),
        ("x.csv", {"a": 1}, Invalid),
        ("x.odd", {"a": 1}, Invalid),
    ],
)
def test_what_cannot_be_stored_is_refused(
    nora: Client, path: str, value: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        nora.put("default", PSID, path, value)


def test_a_study_that_is_not_there_is_told(nora: Client) -> None:
    with pytest.raises(NotFound):
        nora.put("default", "S-0001#never", "x.txt", "x")
    with pytest.raises(NotFound):
        nora.put("nowhere", PSID, "x.txt", "x")


def test_a_body_that_breaks_off_leaves_nothing(site: Site, nora: Client) -> None:
    import socket

    nora.put("default", PSID, "cut/before.txt", "x")
    folder = catalog.study_dir(site.services.folder, "default", "S-0001", "notebook") / "cut"
    query = f"study={PSID.replace('#', '%23')}&path=cut/x.dat"
    head = f"PUT /api/v1/projects/default/content?{query} HTTP/1.1\r\nHost: localhost\r\n"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(site.socket))
        sock.sendall(f"{head}Content-Length: 5000000\r\n\r\n".encode() + b"x" * 2_000_000)
    from tests.support.waiting import wait_until

    wait_until(
        lambda: [path.name for path in folder.iterdir()] == ["before.txt"], "all is tidied up"
    )
    assert nora.select("default", "cut/x.dat", studies=[PSID]) == []


def test_names_and_places_are_resolved_exactly(site: Site, nora: Client) -> None:
    add_file(site.services, "a.txt", b"x", "text", sid="a & b!")
    study, subject = nora.resolve("default", ["S-0001#a & b!", "S-0001"])
    assert (study.level, subject.level) == ("study", "subject")
    [place] = nora.outputs("default", "S-0001#a & b!", "results/x y.nii")
    assert place.absolute_path.endswith("/default/S-0001/a & b!/results/x y.nii")
    assert not Path(place.absolute_path).exists()
    everywhere = nora.outputs("default", "S-0001", "x.nii")
    assert {PSID, "S-0001#a & b!"} <= {one.psid for one in everywhere}
    for names in (["S-9999"], ["S-0001#never"], [""]):
        with pytest.raises(NotFound):
            nora.resolve("default", names)
    with pytest.raises(NotFound):
        nora.outputs("default", "S-9999", "x.nii")
    for path in ("../x", "*.nii", "/x"):
        with pytest.raises(Invalid):
            nora.outputs("default", PSID, path)


def test_a_query_is_a_table(nora: Client) -> None:
    found = nora.query("SELECT name, 1 AS n FROM projects WHERE name = 'default'")
    assert found.records() == [{"name": "default", "n": 1}]


def test_tags_are_put_on_what_was_selected(nora: Client) -> None:
    row = nora.put("default", PSID, "tagged.txt", "x")
    nora.tag("file", nora.select("default", "tagged.txt"), add=["one"])
    nora.tag("file", [row], add=["two"])
    assert nora.file(row.id).tags == ["one", "two"]


def test_connect_finds_the_service_of_the_data_folder(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from appliance.client import connect

    for name in ("NORA_URL", "NORA_SOCKET", "NORA_TOKEN", "NORA_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    folder: DataFolder = site.services.folder
    with Client.local(folder.root) as client:
        assert client.session().login == "owner"
    monkeypatch.setenv("NORA_URL", "ftp://nowhere")
    with pytest.raises(SettingsError):
        connect()
    monkeypatch.delenv("NORA_URL")
    monkeypatch.setenv("NORA__DATA__PATH", str(folder.root))
    with connect() as client:
        assert json.dumps(client.session().rights)
