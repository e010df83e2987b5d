"""Runs `nora serve` with a thread beside it that imports studies while the file `busy` exists.

Called as ``python _busy.py python -c … serve …``: the first words are what it stands in for.
"""

from __future__ import annotations

import sys
import threading
import time
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from appliance.catalog import (
    Catalog,
    Tx,
    add_file,
    ensure_project,
    ensure_series,
    ensure_study,
    ensure_subject,
)

__all__ = ["FILES", "import_one"]

FILES = 40
_HEADER = {"shape": [256, 256, 176], "voxel_mm": [1, 1, 1], "dtype": "int16"}


def import_one(catalog: Catalog, project: str, n: int) -> None:
    """Write a study of forty files in one transaction, as an import of converted images does."""

    def put(tx: Tx) -> None:
        project_id = ensure_project(tx, project).id
        subject = ensure_subject(tx, project_id, f"NEW-{n // 2:06d}")
        study = ensure_study(
            tx, subject, f"2026-01-{n % 2 + 1:02d}", date=f"2026-01-{n % 2 + 1:02d}"
        )
        for at in range(FILES):
            folder = f"t1_trio_{at % 4}"
            series = ensure_series(tx, study, folder, modality="MR") if at < 4 else None
            facts = {"size_bytes": n, "mtime_ns": n, "kind": "image", "series_id": series}
            path = f"{folder}/s{at:03d}_{n % 50}.nii"
            add_file(tx, study, path, header=_HEADER, **facts)

    catalog.write(put)


def _import_while(catalog: Catalog, flag: Path) -> None:
    for n in count():
        while not flag.exists():
            time.sleep(0.05)
        import_one(catalog, "big", n)


def main() -> int:
    """Run the service."""
    from appliance.cli import main as nora
    from appliance.cli.serve import Appliance, Parts

    start = Appliance.start

    def start_busy(self: Appliance, parts: Parts) -> None:
        start(self, parts)
        job = (self.services.catalog, self.folder.root / "busy")
        threading.Thread(target=_import_while, args=job, daemon=True).start()

    Appliance.start = start_busy  # type: ignore[method-assign]
    return nora(sys.argv[4:])


if __name__ == "__main__":
    sys.exit(main())
