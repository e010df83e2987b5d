"""Autoexecution on the command line (CLI-15)."""

from __future__ import annotations

import json
import os

from appliance.client import Client
from tests.cli.test_lines import PROJECT, STUDY, _image_file, nora

__all__ = ["nora"]


def test_CLI_15_19_the_rules_of_a_project_run_for_a_study(nora, monkeypatch):
    import os

    code, _, err = nora.run("-p", PROJECT, "--launch_autoexec", STUDY)
    assert code != 0
    assert "no autoexecution rule" in err
    job = {"name": "j", "language": "bash", "code": "true"}
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        client.save_batch(PROJECT, "auto", {"jobs": [job]})
        client.save_autorule(PROJECT, "rule", "auto", quiet_minutes=60, requires="mask*")
        try:
            tried = client.try_autorule(PROJECT, {"batch": "auto", "requires": "mask*"})
            assert {row.psid: row.action for row in tried}[STUDY] == "run"
            code, out, _ = nora.run(
                "-p", PROJECT, "--launch_autoexec", STUDY, "--autoexec_queue", "DPXimport",
                "--handle_job_result", "--json",
            )  # fmt: skip
            assert code == 0
            (row,) = json.loads(out.rpartition("DONE")[0])
            assert (row["rule"], row["study"], row["action"]) == ("rule", STUDY, "run")
            (done,) = client.wait(row["batch"])
            assert (done.letter, done.queue) == ("d", "DPXimport")
            nora.run("-p", PROJECT, "--import", str(_image_file(nora)), "--patients_id", "P-7",
                     "--studies_id", "1", "--autoexec_queue", "DEFAULT")  # fmt: skip
            assert client.autorules(PROJECT)[0].owner == "owner"
        finally:
            client.delete_autorule(PROJECT, "rule")
    _, _, err = nora.run("-p", PROJECT, "--import", str(_image_file(nora)), "--patients_id",
                         "P-7", "--studies_id", "1", "--autoexec_queue", "DEFAULT")  # fmt: skip
    assert "has no autoexecution rule" in err


def test_CLI_19_CLI_20_an_import_runs_the_rules_on_the_queue_it_names(nora, tmp_path):
    source = tmp_path / "values.json"
    source.write_text('{"n": 1}')
    job = {"name": "touch", "language": "bash", "code": "true"}
    with Client(socket=os.environ["NORA_SOCKET"]) as client:
        client.save_batch(PROJECT, "arrived", {"jobs": [job]})
        client.save_autorule(PROJECT, "at once", "arrived", quiet_minutes=60)
        try:
            code, out, err = nora.run(
                "-p", PROJECT, "--import", str(source), "--patients_id", "P-19",
                "--studies_id", "1", "--autoexec_queue", "DPXimport", "--handle_job_result",
            )  # fmt: skip
            assert (code, out.rstrip().endswith("DONE")) == (0, True), err
            assert "rule at once: P-19#1" in err
            rows = [row for row in client.all_jobs(project=PROJECT) if row.psid == "P-19#1"]
            assert [(row.letter, row.queue) for row in rows if row.name == "touch"] == [
                ("d", "DPXimport")
            ]
        finally:
            client.delete_autorule(PROJECT, "at once")
