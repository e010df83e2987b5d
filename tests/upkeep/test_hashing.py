"""The filler of hashes: fills what is missing, and nothing that changed meanwhile."""

from __future__ import annotations

from appliance.catalog import (
    Catalog,
    add_file,
    ensure_project,
    ensure_study,
    ensure_subject,
    get_file,
    study_dir,
)
from appliance.core import DataFolder, sha256_file
from appliance.upkeep.hashing import hash_some


def test_hashes_are_filled_in_only_for_the_bytes_the_catalog_knows(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    catalog = Catalog.open(folder.catalog_path)

    def fill(tx):
        project = ensure_project(tx, "p")
        return ensure_study(tx, ensure_subject(tx, project.id, "S-1"), "2024")

    study = catalog.write(fill)
    root = study_dir(folder, "p", "S-1", "2024")
    root.mkdir(parents=True)
    ids = []
    for name in ("same", "changed", "missing"):
        path = root / name
        path.write_bytes(name.encode())
        facts = path.stat()
        ids.append(
            catalog.write(
                lambda tx, n=name, f=facts: add_file(
                    tx, study, n, size_bytes=f.st_size, mtime_ns=f.st_mtime_ns, kind="other"
                )
            )
        )
    (root / "changed").write_bytes(b"other bytes")
    (root / "missing").unlink()
    assert hash_some(catalog, folder) == ids[-1]
    with catalog.read() as con:
        found = [get_file(con, i).sha256 for i in ids]
    assert found == [sha256_file(root / "same"), None, None]
    assert hash_some(catalog, folder, after=ids[-1]) == 0
    catalog.close()
