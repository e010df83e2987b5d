"""Names that are hard to write: in, tagged, found, renamed, out as an archive and as a table."""

from __future__ import annotations

import csv
import io
import os
import shlex
import zipfile

import httpx
import pytest

from appliance import catalog
from appliance.client import Client
from appliance.upkeep import rescan
from tests.cli.shell import Shell, use_server
from tests.support.waiting import wait_until

PROJECT, STUDY = "odd", "P-1#2024"
LONGEST = "ö" * 125 + "a.txt"  # 255 bytes
NAMES = [
    "two words.txt",
    'it\'s "quoted".txt',
    "Übung – 脳 𝄞.txt",
    "e\u0301 combining.txt",
    "semi;colon,comma.txt",
    "=cmd|' 'A1.txt",
    "-dash.txt",
    "a & b | !c (d).txt",
    "100%_x*?.txt",
    "C:x STAG:y.txt",
    "#hash#.txt",
    "[1] {2}.txt",
    "t\tab.txt",
    LONGEST,
]
TAGS = ["follow up", "O'Brien; Ltd.", "größe – 脳", "50% & !a", "(a|b)", "C:d", "x" * 60]


@pytest.fixture
def nora(works, capsys, monkeypatch):
    use_server(monkeypatch, works)
    shell = Shell(capsys, works.services, PROJECT, STUDY)
    if not shell.root.exists():
        with Client(socket=os.environ["NORA_SOCKET"]) as client:
            client.create_project(PROJECT)

        def study(tx):
            project = catalog.get_project(tx.con, PROJECT)
            catalog.ensure_study(tx, catalog.ensure_subject(tx, project.id, "P-1"), "2024")

        shell.services.catalog.write(study)
        (shell.root / "P-1" / "2024").mkdir(parents=True)
    return shell


@pytest.fixture
def http(works):
    with works.browser() as client:
        client.base_url = httpx.URL(f"{works.url}/api/v1")
        yield client


def quoted(text):
    """As the grammar takes anything as it is."""
    return '"' + text.replace('"', '""') + '"'


def by_name(client, name):
    [row] = [row for row in client.all_files(PROJECT) if row.path == name]
    return row


@pytest.mark.parametrize("name", NAMES)
def test_a_name_goes_all_the_way(nora, http, name):
    path = nora.root / "P-1" / "2024" / name
    path.write_bytes(name.encode())
    nora("--add", str(path), "--addtag", "came in")
    assert nora("-s", str(path)) == f"{path}\n"  # a path is taken as it is
    assert nora("-s", "P-1#2024", quoted(name)) == f"{path}\n"
    [row] = nora.csv("-s", "--csv", str(path))
    assert row["path"].removeprefix("'") == name  # a spreadsheet must not run it
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        row = by_name(client, name)
        assert row.tags == ["came in"]
        answer = http.get(row.content_url.removeprefix("/api/v1")).raise_for_status()
        assert answer.content == name.encode()
        found = http.get(f"/projects/{PROJECT}/files", params={"files": quoted(name)}).json()
        assert name in [one["path"] for one in found["items"]]
        made = http.post("/downloads", json={"project": PROJECT, "files": [row.id]}).json()
        with zipfile.ZipFile(io.BytesIO(http.get(made["url"][7:]).content)) as archive:
            inside = [one.filename for one in archive.infolist()]
            assert inside == [f"{PROJECT}/P-1/2024/{name}"]
            assert archive.read(inside[0]) == name.encode()
        table = http.post(f"/projects/{PROJECT}/table", json={"level": "files", "ids": [row.id]})
        [line] = csv.DictReader(io.StringIO(table.text, newline=""))
        assert line["file"].removeprefix("'") == name
        renamed = http.post(f"/files/{row.id}/path", json={"name": f"r/{name}"})
        if "\t" in name:
            assert (renamed.status_code, "cannot be" in renamed.json()["detail"]) == (400, True)
            return
        assert renamed.status_code == 200, renamed.text
        assert (path.parent / "r" / name).read_bytes() == name.encode()
        back = http.post(f"/operations/{renamed.json()['operation_id']}/undo")
        assert back.status_code == 204
        assert by_name(client, name).id == row.id
    nora("--del", str(path))
    code, out, _err = nora.run("-p", PROJECT, "-s", str(path))
    assert (code, out) == (1, "")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_in_by_an_upload_and_by_the_client(nora, http, name):
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        put = client.put(PROJECT, STUDY, f"put/{name}", b"by hand", overwrite=True)
        assert put.path == f"put/{name}"
    sent = http.post(
        "/uploads",
        params={"project": PROJECT, "filename": name, "subject": "P-1", "study": "2024"},
        content=b"sent",
    )
    assert sent.status_code == 202, sent.text
    key = sent.json()["key"]
    state = wait_until(
        lambda: next(
            (s for s in [http.get(f"/receipts/{key}").json()] if s["closed_at"] is not None), None
        ),
        "the upload",
    )
    assert state["state"] == "done", state


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_with_odd_signs_is_put_on_found_and_renamed(nora, http, tag):
    path = nora.root / "P-1" / "2024" / "tagged.nii"
    path.write_bytes(b"x")
    nora("--add", str(path), "--addtag", tag)
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        row = by_name(client, "tagged.nii")
        assert tag in row.tags
        asked = {"files": f"FTAG:={quoted(tag)}"}
        found = http.get(f"/projects/{PROJECT}/files", params=asked)
        assert [one["path"] for one in found.json()["items"]] == ["tagged.nii"], found.text
        assert nora("-s", f"ftag:{quoted(tag)}") == f"{path}\n"
        done = http.post(f"/projects/{PROJECT}/tags/rename", json={"names": [tag], "to": "plain"})
        assert done.status_code == 200
        assert by_name(client, "tagged.nii").tags == ["plain"]
        client.tag("file", [row.id], remove=["plain"])


@pytest.mark.parametrize("tag", ["", " ", 'a"b', "a,b", "a\nb", "a\x00b", "/", "x" * 300])
def test_what_cannot_be_a_tag_is_said(nora, http, tag):
    path = nora.root / "P-1" / "2024" / "tagged.nii"
    path.write_bytes(b"x")
    nora("--add", str(path))
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        row = by_name(client, "tagged.nii")
    answer = http.post("/tags", json={"level": "file", "ids": [row.id], "add": [tag]})
    assert (answer.status_code, "tag" in answer.json()["detail"]) == (400, True), answer.text


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["-s", "t1 &"], "t1 &\n      ^"),
        (["-s", "S-1", "(a"], "(a\n  ^"),
        (["-s", "P-1#LATEST[x]", "a"], "P-1#LATEST[x]\n             ^"),
        (["-s", "* NTH(x)"], "NTH("),
        (["-s", "foo:bar x"], "foo:bar x\n  ^"),
    ],
)
def test_a_malformed_pattern_points_at_the_character(nora, words, shown):
    code, out, err = nora.run("-p", PROJECT, *words)
    assert (code, out) == (2, "")
    assert shown in err, shlex.join(words) + err
    assert "hint:" in err


def test_a_backslash_is_refused_by_name_and_told_by_a_rescan(nora):
    path = nora.root / "P-1" / "2024" / "back\\slash.txt"
    path.write_bytes(b"x")
    try:
        code, _out, err = nora.run("-p", PROJECT, "--add", str(path))
        assert (code, "back\\\\slash.txt" in err) == (2, True)
        report = rescan(nora.services.catalog, nora.services.folder, project=PROJECT)
        assert any("back\\slash.txt" in problem for problem in report.problems)
        with Client(socket=os.environ["NORA_SOCKET"]) as client:
            assert path.name not in [row.path for row in client.all_files(PROJECT)]
    finally:
        path.unlink()
