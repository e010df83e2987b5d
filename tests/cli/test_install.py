"""Installing: what is placed, that it can be run twice, and that systemd accepts the unit."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from appliance.cli.entry import main
from appliance.cli.install import UNIT, plan
from appliance.cli.shipped import shipped
from appliance.core import Refused, load_settings
from tests.support.needs import needs

FORBIDDEN = ("MemoryDenyWriteExecute", "PrivateDevices", "ProtectHome", "PrivateTmp")


def unit_of(installation):
    return next(file.text for file in installation.files if file.path.name == UNIT)


@pytest.mark.parametrize("system", [True, False])
def test_the_rendered_unit_is_complete_and_leaves_jobs_alive(system):
    lines = unit_of(plan(system=system)).splitlines()
    assert not [line for line in lines if "@" in line and not line.startswith("#")]
    assert {"Type=notify", "KillMode=process", "Delegate=yes", "WatchdogSec=60"} <= set(lines)
    assert ("StateDirectory=nora" in lines) is system
    assert not [line for line in lines if line.startswith(FORBIDDEN)]


@pytest.mark.parametrize("which", ["--system", "--user"])
def test_INST_05_files_are_placed_once_and_settings_are_kept(tmp_path, which, capsys):
    assert main(["install", which, "--prefix", str(tmp_path)]) == 0
    [config] = tmp_path.rglob("appliance.toml")
    assert len(list(tmp_path.rglob(UNIT))) == 1
    config.write_text("[web]\nport = 9\n")
    assert main(["install", which, "--prefix", str(tmp_path)]) == 0
    assert config.read_text() == "[web]\nport = 9\n"
    assert "kept" in capsys.readouterr().out


def test_a_dry_run_places_nothing(tmp_path, capsys):
    assert main(["install", "--system", "--prefix", str(tmp_path), "--dry-run"]) == 0
    assert "ExecStart=" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_system_service_and_a_shell_find_the_same_data_folder(tmp_path):
    for file in plan(system=True, prefix=tmp_path).files:
        file.place()
    settings = load_settings(config=tmp_path / "etc/nora/appliance.toml")
    assert settings.data_path == Path("/var/lib/nora")
    unit = tmp_path / "etc/systemd/system" / UNIT
    assert "NORA_CONFIG=/etc/nora/appliance.toml" in unit.read_text()


def test_a_data_folder_of_the_callers_choice_is_written_into_the_settings(tmp_path):
    odd = tmp_path / 'with "quotes"'
    found = plan(system=True, data=odd)
    text = next(file.text for file in found.files if file.path.name == "appliance.toml")
    assert tomllib.loads(text)["data"] == {"path": str(odd)}
    assert "StateDirectory" not in unit_of(found)


def test_an_odd_place_of_the_program_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/nowhere")
    monkeypatch.setattr(sys, "executable", "/opt/50%/python")
    with pytest.raises(Refused):
        plan(system=True)


@pytest.mark.parametrize("system", [True, False])
def test_INST_21_systemd_accepts_the_unit(tmp_path, system):
    program = needs("systemd-analyze")
    unit = tmp_path / UNIT
    text = unit_of(plan(system=system, account="root"))
    unit.write_text(text)
    scope = [] if system else ["--user"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [program, *scope, "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert UNIT not in done.stderr, done.stderr


def test_what_is_shipped_is_found_in_a_wheel_too(tmp_path, monkeypatch):
    package = tmp_path / "appliance"
    (package / "_shipped" / "systemd").mkdir(parents=True)
    shutil.copy(shipped(f"systemd/{UNIT}"), package / "_shipped" / "systemd")
    monkeypatch.setattr("appliance.cli.shipped._PACKAGE", package)
    assert shipped(f"systemd/{UNIT}").is_relative_to(package)
