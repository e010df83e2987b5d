"""Issue 4.10: what jobs made goes out as a BIDS derivative that says who made it, and from what."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.bids import errors_of
from tests.web_api.conftest import Site, add_file
from tests.web_api.test_arrivals import volume
from tests.web_api.test_provenance import done

COPY = 'cp "$f1" "$o1"'
BIDS = "/projects/default/bids"


@pytest.fixture
def http(works: Site) -> Iterator[httpx.Client]:
    add_file(works.services, "t1_mprage_2/s001.nii", volume(), "image")
    with works.bearer() as client:
        yield client


def run(http: httpx.Client, *jobs: dict[str, Any]) -> None:
    body = {"project": "default", "name": "b", "jobs": list(jobs), "targets": ["S-0001#2024"]}
    done(http, http.post("/batches", json=body).raise_for_status().json()["key"])


def bash(name: str, source: str, target: str, code: str = COPY) -> dict[str, Any]:
    args = [
        {"id": "f1", "kind": "FILE", "value": source},
        {"id": "o1", "kind": "OUT", "value": target},
    ]
    return {"name": name, "language": "bash", "code": code, "args": args}


def exported(http: httpx.Client, target: Path) -> Path:
    begun = http.post(f"{BIDS}/exports", json={"studies": []}).raise_for_status().json()
    body = http.get(begun["download_url"].removeprefix("/api/v1")).raise_for_status().content
    zipfile.ZipFile(io.BytesIO(body)).extractall(target)
    return target


def made_of(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def test_E_08_what_jobs_made_is_a_derivative_that_the_validator_takes(
    http: httpx.Client, tmp_path: Path
) -> None:
    run(
        http,
        bash("mask", "t1_*/s001.nii", "seg/brain.nii TAG(mask)"),
        bash("smooth", "t1_*/s001.nii", "sm/smoothed.nii"),
        bash("again", "sm/smoothed.nii", "sm2/smoothed.nii"),
        bash("count", "seg/brain.nii", "META/n.json", 'printf \'{"n": 3}\' > "$o1"'),
        bash("note", "seg/brain.nii", "note.txt", 'echo hello > "$o1"'),
        {"name": "sums", "tool": "files.checksums"},
    )
    plan = http.post(f"{BIDS}/plan", json={}).raise_for_status().json()
    assert (plan["n_files"], plan["n_derived"]) == (1, 0)
    saved = http.get(BIDS).json() | {"derivatives": True}
    http.put(BIDS, json=saved).raise_for_status()
    plan = http.post(f"{BIDS}/plan", json={}).json()
    assert (plan["n_files"], plan["n_derived"]) == (1, 5)
    assert "1 files that jobs made are neither images nor tables and are left out" in str(plan)

    root = exported(http, tmp_path / "ds")
    home = root / "derivatives" / "nora"
    stem = "sub-S0001/anat/sub-S0001"
    assert made_of(home) == [
        ".bidsignore",
        "README.md",
        "dataset_description.json",
        "extra/sub-S0001/META/checksums.json",
        "extra/sub-S0001/META/n.json",
        f"{stem}_desc-brain_mask.json",
        f"{stem}_desc-brain_mask.nii",
        f"{stem}_desc-smoothed_T1w.json",
        f"{stem}_desc-smoothed_T1w.nii",
        f"{stem}_desc-smoothedx2_T1w.json",
        f"{stem}_desc-smoothedx2_T1w.nii",
    ]
    assert errors_of(root) == []
    assert errors_of(home) == []

    told = json.loads((home / "dataset_description.json").read_bytes())
    assert (told["DatasetType"], told["SourceDatasets"]) == ("derivative", [{"URL": "../.."}])
    makers = {one["Name"]: one for one in told["GeneratedBy"]}
    ran = ["NORA appliance", "again", "count", "files.checksums", "mask", "smooth"]
    assert list(makers) == ran  # what is left out was made by none of them
    assert makers["files.checksums"]["Version"] == "1"
    assert "descriptor SHA-256" in makers["files.checksums"]["Description"]
    assert makers["mask"]["Description"].startswith("bash script, SHA-256")
    sources = json.loads((home / f"{stem}_desc-smoothedx2_T1w.json").read_bytes())["Sources"]
    assert sources == [f"bids::{stem}_desc-smoothed_T1w.nii"]
    sources = json.loads((home / f"{stem}_desc-brain_mask.json").read_bytes())["Sources"]
    assert sources == [f"bids:raw:{stem}_T1w.nii"]
