"""A small catalog: four subjects, five studies, tags on all levels."""

from __future__ import annotations

import pytest

from appliance.catalog import (
    Catalog,
    add_file,
    ensure_project,
    ensure_series,
    ensure_study,
    ensure_subject,
    tag,
)

PATHS = ("t1_trio_4/s001.nii", "dwi_5/s001.nii.gz", "META/radiomics.json", "Ärger/übung.nii")


def fill(tx):
    project = ensure_project(tx, "stroke")
    ids = {}
    for number in range(1, 5):
        pid = f"S-{number:04d}"
        subject = ensure_subject(tx, project.id, pid, sex="F" if number % 2 else "M")
        for visit in range(1, 3 if number == 1 else 2):
            study = ensure_study(
                tx,
                subject,
                f"2024-0{visit}-0{number}",
                date=f"2024-0{visit}-0{number}",
                description="Head routine" if number == 2 else None,
            )
            ids[pid, visit] = study
            series = ensure_series(tx, study, "t1_trio_4", number=4, modality="MR")
            for path in PATHS[: number + 1]:
                add_file(
                    tx,
                    study,
                    path,
                    size_bytes=100,
                    mtime_ns=1,
                    kind="image",
                    series_id=series if path.startswith("t1") else None,
                    doc={"mask": {"volume": 3}} if path.endswith("json") else None,
                )
    tag(tx, "study", [ids["S-0001", 1], ids["S-0003", 1]], add=["control"])
    tag(tx, "subject", [1], add=["pilot"])
    tag(tx, "file", [1], add=["mask"])
    return project


@pytest.fixture
def catalog(tmp_path):
    catalog = Catalog.open(tmp_path / "catalog.sqlite")
    yield catalog
    catalog.close()


@pytest.fixture
def filled(catalog):
    catalog.project = catalog.write(fill)
    return catalog
