"""A data folder with a small catalog, and the room's objects over it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.catalog import (
    Catalog,
    add_file,
    ensure_project,
    ensure_series,
    ensure_study,
    ensure_subject,
    study_dir,
    tag,
)
from appliance.core import DataFolder
from appliance.privacy import IdentityStore
from appliance.upkeep import catalog_extensions


@dataclass
class Site:
    """One data folder with its open catalog."""

    folder: DataFolder
    catalog: Catalog

    def add(self, name: str, content: bytes = b"x", *, pid: str = "S-0001", tags=()) -> int:
        """Put a file on disk and into the catalog."""
        path = study_dir(self.folder, "p", pid, "2024") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        facts = path.stat()

        def write(tx):
            subject = ensure_subject(tx, ensure_project(tx, "p").id, pid, sex="F")
            study = ensure_study(tx, subject, "2024", date="2024-02-03", description="head")
            series = ensure_series(tx, study, "t1_3", number=3, protocol="t1", modality="MR")
            file_id = add_file(
                tx,
                study,
                name,
                size_bytes=facts.st_size,
                mtime_ns=facts.st_mtime_ns,
                kind="json" if name.endswith(".json") else "image",
                series_id=series if name.startswith("t1_3/") else None,
                origin="receipt/1",
            )
            tag(tx, "file", [file_id], add=tags)
            return file_id

        return self.catalog.write(write)


def count(path: Path, table: str) -> int:
    """Rows of a table of a database that nobody uses."""
    with closing(sqlite3.connect(path)) as con:
        return int(con.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    IdentityStore.open(folder.identity_path).close()
    catalog = Catalog.open(folder.catalog_path, migrations=catalog_extensions())
    yield Site(folder, catalog)
    catalog.close()
