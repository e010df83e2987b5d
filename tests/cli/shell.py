"""The command line in this process, against a server of the tests."""

from __future__ import annotations

import csv
import io
import json
import os

from appliance.cli import main

__all__ = ["Shell", "use_server"]


def use_server(monkeypatch, site):
    """Let `nora` speak to a server of the tests, and to no other."""
    for name in [name for name in os.environ if name.startswith(("NORA_", "DPX"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NORA_SOCKET", str(site.socket))


class Shell:
    """Runs `nora` as a shell would, and keeps what it printed."""

    def __init__(self, capsys, services, project, study=""):
        self._capsys = capsys
        self.services = services
        self.project, self.study = project, study
        self.root = services.folder.projects / project

    def run(self, *words):
        self._capsys.readouterr()
        code = main(words)
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def __call__(self, *words):
        code, out, err = self.run("-p", self.project, *words)
        assert code == 0, err
        return out

    def lines(self, *words):
        return self(*words).splitlines()

    def rows(self, *words):
        return json.loads(self(*words))

    def csv(self, *words):
        return list(csv.DictReader(io.StringIO(self(*words))))

    def path(self, name, study=None):
        return str(self.root / (study or self.study).replace("#", "/") / name)
