"""`nora dicom`: studies leave as nobody's, and it is said what was done."""

from __future__ import annotations

import json
import zipfile

import pytest

from tests.cli.shell import Shell, use_server
from tests.exchange.kit import write_series


@pytest.fixture
def nora(works, capsys, monkeypatch):
    use_server(monkeypatch, works)
    return Shell(capsys, works.services, "out")


def filled(nora, tmp_path) -> None:
    write_series(tmp_path / "in", n=2, patient_id="QX4711", name="QXDOE^JANE")
    write_series(tmp_path / "in", n=1, number=8, name="QXDOE^JANE", BurnedInAnnotation="YES")
    assert nora.run("-p", "out", "--createproject", "out")[0] == 0
    code, _, err = nora.run("import", str(tmp_path / "in"), "-p", "out")
    assert code == 0, err


def test_dicom_leaves_by_the_rules_of_its_project(nora, tmp_path):
    filled(nora, tmp_path)
    code, _, err = nora.run("project", "out", "--set", 'dicom_options=["modified_dates"]')
    assert code == 0, err
    code, out, err = nora.run("dicom", "-p", "out", "--plan")
    assert code == 0, err
    assert "modified_dates" in out
    assert "held back" in out
    code, out, err = nora.run("dicom", "-p", "out", "--to", str(tmp_path / "out.zip"), "--json")
    assert code == 0, err
    assert json.loads(out)["n_objects"] == 2
    with zipfile.ZipFile(tmp_path / "out.zip") as found:
        told = b"".join(found.read(name) for name in found.namelist())
        assert len(found.namelist()) == 3
    assert b"QX" not in told
    code, out, err = nora.run("dicom", "*", "-p", "out", "--to", str(tmp_path / "folder"))
    assert code == 0, err
    assert "PatientName" in out
    assert len(list((tmp_path / "folder").rglob("*.dcm"))) == 2
    assert nora.run("dicom", "-p", "out", "--to", str(tmp_path / "folder"))[0] == 2
    assert nora.run("dicom", "nobody", "-p", "out", "--plan")[0] == 2


def test_a_policy_that_contradicts_itself_is_refused(nora, tmp_path):
    assert nora.run("-c", "contrary")[0] == 0
    both = 'dicom_options=["modified_dates", "full_dates"]'
    code, _, err = nora.run("project", "contrary", "--set", both)
    assert code == 2
    assert "exclude each other" in err
