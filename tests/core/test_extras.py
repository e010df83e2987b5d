"""Hints that install an optional part name the environment and the clone that run."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

from appliance.core import install_command


class Installed:
    """A distribution of which one file can be read."""

    def __init__(self, told: str | None) -> None:
        self.told = told

    def read_text(self, name: str) -> str | None:
        """Give what the installer wrote."""
        return self.told if name == "direct_url.json" else None


def told(where: str, *, editable: bool) -> str:
    """Write what an installer tells of where a package came from (PEP 610)."""
    return json.dumps({"url": where, "dir_info": {"editable": editable}})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (told("file:///opt/my%20nora", editable=True), "-e '/opt/my nora[notebooks]'"),
        (told("file:///opt/nora", editable=False), "'nora-appliance[notebooks]'"),
        (None, "'nora-appliance[notebooks]'"),
    ],
    ids=["clone", "copy", "index"],
)
def test_the_command_names_the_clone(
    monkeypatch: pytest.MonkeyPatch, text: str | None, what: str
) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda _name: Installed(text))
    assert install_command("notebooks") == f"{sys.executable} -m pip install {what}"


def test_here_it_names_the_folder_of_this_clone() -> None:
    folder = Path(__file__).parents[2]
    assert f"-e '{folder}[processing]'" in install_command("processing")
