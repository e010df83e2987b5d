"""Every locked package has a licence we may ship under, and the bill of materials names it."""

from __future__ import annotations

import json
import re
from importlib.metadata import distributions, requires
from pathlib import Path

import pytest

from appliance.core import UpkeepError
from appliance.upkeep.licences import Licence, LicenceManifest, main, read_manifest, requirements

ROOT = Path(__file__).resolve().parents[2]


def test_every_locked_package_is_in_the_manifest_under_an_allowed_licence():
    manifest = read_manifest(ROOT / "conf" / "licences.toml")
    assert manifest.problems(requirements(ROOT / "requirements.lock")) == []
    assert not [name for name in manifest.allowed if "AGPL" in name or "NC" in name]


def test_every_package_of_the_extra_for_processing_is_in_the_manifest_too():
    manifest = read_manifest(ROOT / "conf" / "licences.toml")
    names = {"dipy", "simpleitk"}
    while more := {name for one in names for name in needs(one)} - names:
        names |= more
    assert {"h5py", "numpy", "trx-python"} <= names
    assert manifest.problems(sorted(names)) == []


def test_the_encoder_of_the_extra_for_tomography_is_told_as_what_it_is():
    entry = read_manifest(ROOT / "conf" / "licences.toml").packages["av"]
    assert entry.licence == "BSD-3-Clause"
    assert "libx264" in entry.note
    assert "GPL" in entry.note


def test_every_package_of_the_extras_for_slides_is_in_the_manifest_too():
    manifest = read_manifest(ROOT / "conf" / "licences.toml")
    names = {"tifffile", "zarr", "pylibczirw"}
    while more := {name for one in names for name in needs(one)} - names:
        names |= more
    assert {"numcodecs", "google-crc32c", "xmltodict"} <= names
    assert manifest.problems(sorted(names)) == []
    assert "extra" in manifest.packages["pylibczirw"].note


def needs(name):
    """Names of the packages that an installed one needs, those that are installed."""
    found = [re.match(r"[\w.-]+", text)[0] for text in requires(name) or [] if "extra" not in text]
    names = {re.sub(r"[-_.]+", "-", one).lower() for one in found}
    return {one for one in names if any(distributions(name=one))}


def test_a_missing_or_forbidden_licence_is_noticed():
    manifest = LicenceManifest(
        ["MIT"], {"good": Licence("MIT"), "bad": Licence("MIT AND AGPL-3.0-only")}
    )
    assert manifest.problems(["good", "bad", "new"]) == [
        "bad: AGPL-3.0-only is not allowed",
        "new: not in the manifest",
    ]


def test_a_manifest_that_cannot_be_read_is_a_clear_error(tmp_path):
    (tmp_path / "m.toml").write_text("allowed = 3")
    with pytest.raises(UpkeepError, match=r"m\.toml"):
        read_manifest(tmp_path / "m.toml")


def test_the_bill_of_materials_names_versions_and_licences(tmp_path):
    assert main(["--sbom", str(tmp_path / "sbom.json")]) == 0
    document = json.loads((tmp_path / "sbom.json").read_text())
    found = {c["name"]: c for c in document["components"]}
    assert {"litestar", "pydicom", "numpy", "httpcore"} <= set(found)
    assert found["pydicom"]["purl"] == f"pkg:pypi/pydicom@{found['pydicom']['version']}"
    assert found["pydicom"]["licenses"] == [{"expression": "MIT"}]
    assert "pytest" not in found


def test_no_lock_names_an_address_of_a_registry():
    for name in ("requirements.lock", "requirements-test.lock", "requirements-demo.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text
    lock = json.loads((ROOT / "webui" / "package-lock.json").read_text())
    where = {package["resolved"] for package in lock["packages"].values() if "resolved" in package}
    assert {name.split("/")[0] for name in where} == {"stubs"}, "only folders of ours may be named"
