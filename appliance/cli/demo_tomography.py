"""The demo of electron tomography: a sample tilt series becomes a tomogram, without IMOD."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.cli.demo_steps import PROJECT, Check, Say, wait_for_demo
from appliance.core import DataFolder

if TYPE_CHECKING:
    from appliance.client import Client, FileRow, JobRow

__all__ = ["TomographyRun"]

BATCH_NAME = "Demo: tomogram of a sample tilt series"
NAME, SUBJECT, STUDY = "sample", "TOMO-1", "2026_01"
_SIZE, _TILTS = 256, 41
_WITHIN_S = 1800.0
_MADE = ("rec.mrc", "tiltMov_sample.mp4", "keyMov_sample.mp4", "neuro-sample")


class TomographyRun:
    """The demo on one running service; what is already there is not done again.

    Parameters
    ----------
    client : Client
    folder : DataFolder
    """

    def __init__(self, client: Client, folder: DataFolder) -> None:
        self.client, self.folder = client, folder

    def carry_out(self, say: Say) -> None:
        """Make the series, upload it to a study, and run the workflow on it."""
        if not self.files(f"*{NAME}.st"):
            say("a sample tilt series is made and uploaded")
            receipt = self.client.upload(PROJECT, self._archive(), subject=SUBJECT, study=STUDY)
            self.client.wait_receipt(receipt.key, within_s=_WITHIN_S)
        self.client.save_batch(PROJECT, BATCH_NAME, _batch() | {"targets": []})
        if self._missing():
            say("the workflow runs: alignment, tomogram, movies, pyramid")
            key = self.client.submit_batch(_batch()).key
            wait_for_demo(lambda: self._has_ended(key), "the workflow", _WITHIN_S)

    def files(self, pattern: str) -> list[FileRow]:
        """Files of the demo's study that match a pattern."""
        rows = self.client.all_files(PROJECT, files=pattern)
        return [row for row in rows if row.psid == f"{SUBJECT}#{STUDY}"]

    def checks(self) -> list[Check]:
        """Look at everything that the demo promises."""
        jobs = ", ".join(f"{row.name} {row.state} {row.why}".strip() for row in self._jobs())
        missing = self._missing()
        return [
            Check(bool(self.files(f"*{NAME}.st")), "the sample tilt series is in its study"),
            Check(not missing, f"tomogram, movies and pyramid: {missing or 'all there'} ({jobs})"),
        ]

    def summary(self) -> str:
        """What was made and where to click, for a person."""
        return (
            f"\nA tilt series of {_TILTS} tilts became a tomogram in {SUBJECT}#{STUDY}.\n"
            f"Click on it: movies, key image and volumes lie in tomography/{NAME}."
        )

    def _missing(self) -> list[str]:
        return [name for name in _MADE if not self.files(f"tomography*{name}")]

    def _archive(self) -> Path:
        from appliance.tomography import write_sample

        home = self.folder.cache / "demo" / "tomography"
        if not (home / f"{NAME}.st").is_file():
            write_sample(home, name=NAME, size=_SIZE, n_tilts=_TILTS)
        target = home / f"{NAME}.zip"
        with zipfile.ZipFile(target, "w") as archive:
            for path in sorted(home.glob(f"{NAME}.*")):
                if path != target:
                    archive.write(path, path.name)
        return target

    def _has_ended(self, batch_key: str) -> bool:
        rows = [row for row in self._jobs() if row.batch_key == batch_key]
        return bool(rows) and all(row.letter in "edk" for row in rows)

    def _jobs(self) -> list[JobRow]:
        rows = self.client.all_jobs(project=PROJECT, state="all")
        return [row for row in rows if row.name == _batch()["jobs"][0]["name"]]


def _batch() -> dict[str, Any]:
    values = {"series": f"*{NAME}.st", "bin": 2, "thickness": 128, "output": "tomography"}
    kinds = {"series": "FILE", "bin": "NUMERIC", "thickness": "NUMERIC", "output": "PATHOUT"}
    args = [{"id": key, "kind": kinds[key], "value": value} for key, value in values.items()]
    return {
        "project": PROJECT,
        "name": BATCH_NAME,
        "level": "study",
        "targets": [f"{SUBJECT}#{STUDY}"],
        "jobs": [{"name": "Sample tomogram", "tool": "tomography.tomogram", "args": args}],
    }
