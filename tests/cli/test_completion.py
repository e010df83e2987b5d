"""Completion of words, as the shells ask for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from appliance.cli.completion import candidates
from appliance.cli.grammar import FLAGS
from appliance.cli.verbs import VERBS
from tests.support.needs import needs
from tests.support.service import NORA, REPOSITORY


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("nora sta", ["status"]),
        ("nora --selec", ["--select"]),
        ("nora -p x --select --js", ["--json"]),
        ("nora --tagst", ["--tagstats"]),
        ("nora --admin tagst", ["tagstats"]),
        ("nora backup --l", ["--list"]),
        ("nora help pat", ["patterns"]),
        ("nora completion z", ["zsh"]),
        ("nora --select some/fi", []),
        ("nora import some/fi", []),
    ],
)
def test_a_word_is_completed_by_its_place(line, found):
    words = line.split(" ")
    assert candidates(words, len(words) - 1) == found


def test_at_the_first_place_all_verbs_are_offered():
    assert candidates(["nora"], 1) == sorted([*VERBS, "help"])
    assert {f"--{flag}" for flag in FLAGS} <= set(candidates(["nora", "--"], 1))


def test_every_option_of_a_verb_is_offered():
    assert set(candidates(["nora", "serve", "--"], 2)) >= {"--data", "--no-dicom", "--port"}


def test_projects_are_those_of_the_service_and_none_without_one(monkeypatch, tmp_path):
    monkeypatch.setenv("NORA__DATA__PATH", str(tmp_path))
    for name in ("NORA_URL", "NORA_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    assert candidates(["nora", "-p", ""], 2) == []
    assert list(tmp_path.iterdir()) == []


def shell(program, script, tmp_path):
    """Run a script in a shell in which `nora` is this one."""
    tool = tmp_path / "nora"
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{NORA}" "$@"\n', encoding="utf-8")
    tool.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [program, "-c", script], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_bash_loads_the_script_and_asks(tmp_path):
    script = (
        'eval "$(nora completion bash)"; COMP_WORDS=(nora backup --l); COMP_CWORD=2; _nora;'
        ' echo "${COMPREPLY[@]}"; complete -p nora'
    )
    found = shell("bash", script, tmp_path)
    assert found[0] == "--list"
    assert "_nora" in found


def test_zsh_loads_the_script_and_asks(tmp_path):
    script = (
        "compdef() { }; compadd() { print -- ${found[@]} }; words=(nora backup --l); CURRENT=3;"
        ' eval "$(nora completion zsh)"; _nora'
    )
    assert shell(needs("zsh"), script, tmp_path) == ["--list"]
