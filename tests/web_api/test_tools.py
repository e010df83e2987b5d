"""Predefined jobs over the API and the command line: listed, brought, refused, removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.catalog import issue_token
from appliance.client import Client
from appliance.core import Invalid, Refused
from appliance.exchange import EXCHANGE_TOOLS
from tests.cli.shell import Shell, use_server
from tests.web_api.conftest import Site, add_file

TOOL: dict[str, Any] = {
    "name": "Look at it",
    "description": "Looks.",
    "tool-version": "1",
    "schema-version": "0.5",
    "command-line": "look_at_it_please [IN]",
    "inputs": [{"id": "infile", "name": "Image", "type": "File", "value-key": "[IN]"}],
}


def client_of(works: Site, scope: str = "") -> Client:
    issue = works.services.catalog.write
    return Client(works.url, token=issue(lambda tx: issue_token(tx, "test", scope=scope)))


@pytest.fixture
def client(works: Site) -> Iterator[Client]:
    with client_of(works) as found:
        yield found


def test_a_descriptor_is_brought_listed_and_removed(client: Client, tmp_path: Any) -> None:
    path = tmp_path / "look.json"
    path.write_text(json.dumps(TOOL, indent=3))
    before = {tool["id"]: tool for tool in client.tools()}
    assert before["files.checksums"]["missing"] == ""
    made = client.add_tool(path)
    assert made["id"] == "boutiques.look_at_it"
    assert made["missing"] == "look_at_it_please is not installed"
    [shown] = [tool for tool in client.tools() if tool["id"] not in before]
    assert (shown["menu"], shown["source"]) == (
        "Imported/Look at it",
        "tools/boutiques.look_at_it.json",
    )
    assert [arg["kind"] for arg in shown["args"]] == ["FILE", "PATHOUT"]
    assert client.tool_descriptor(made["id"]) == path.read_bytes()
    client.remove_tool(made["id"])
    assert {tool["id"] for tool in client.tools()} == set(before)


def test_a_wrong_descriptor_is_refused_with_the_place(client: Client, tmp_path: Any) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(TOOL | {"inputs": [{"id": "a", "name": "A", "type": "Picture"}]}))
    with pytest.raises(Invalid, match=r"inputs\[0\]\.type"):
        client.add_tool(path)
    assert client.descriptors() == []


def test_only_an_administrator_brings_tools(works: Site, tmp_path: Any) -> None:
    path = tmp_path / "look.json"
    path.write_text(json.dumps(TOOL))
    with client_of(works, "reader batch") as limited:
        assert limited.tools()
        with pytest.raises(Refused):
            limited.add_tool(path)


def test_the_verb_lists_brings_and_tells_what_is_refused(
    works: Site, capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    use_server(monkeypatch, works)
    nora = Shell(capsys, works.services, "default")
    path = tmp_path / "look.json"
    path.write_text(json.dumps(TOOL))
    assert nora.run("tools", "--add", str(path))[1] == "boutiques.look_at_it: Imported/Look at it\n"
    listed = json.loads(nora.run("tools", "--json")[1])
    assert {row["id"] for row in listed} >= {"files.checksums", "boutiques.look_at_it"}
    (works.services.folder.root / "tools" / "bad.json").write_text("{")
    code, _, err = nora.run("tools")
    assert (code, "tools/bad.json" in err) == (2, True)
    (works.services.folder.root / "tools" / "bad.json").unlink()
    assert json.loads(nora.run("tools", "--show", "boutiques.look_at_it")[1]) == TOOL
    assert nora.run("tools", "--remove", "boutiques.look_at_it")[0] == 0
    assert nora.run("tools", "--remove", "boutiques.look_at_it")[0] == 2


def test_a_job_asks_for_a_new_conversion_with_its_own_token(works: Site, client: Client) -> None:
    for tool in EXCHANGE_TOOLS:
        works.services.tools.register_tool(tool)
    works.services.scheduler.url = works.url
    study = add_file(works.services, "t1/s001.nii", b"not really", "image")
    assert study
    job = {"name": "again", "tool": "exchange.convert_again"}
    [row] = client.wait(client.launch("default", job, ["S-0001#2024"]))
    assert "no such series with kept originals" in client.log(row.key).text
    assert client.convert_again("default", "S-0001#2024") == 0
