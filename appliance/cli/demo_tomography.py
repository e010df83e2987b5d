"""The demo of electron tomography: a sample tilt series becomes a tomogram, without IMOD."""

from __future__ import annotations

import re
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.cli.demo_steps import PROJECT, Check, Say, wait_for_demo
from appliance.core import DataFolder, install_command

if TYPE_CHECKING:
    from appliance.client import Client, FileRow, JobRow

__all__ = ["TomographyRun"]

BATCH_NAME = "Demo: tomogram of a sample tilt series"
NAME, SUBJECT, STUDY = "sample", "TOMO-1", "2026_01"
_SIZE, _TILTS = 256, 41
_WITHIN_S = 1800.0
_PART = re.compile(r"\s+\d+ %")
_MADE = ("rec.mrc", "neuro-sample")
_MOVIES = ("tiltMov_sample.mp4", "keyMov_sample.mp4")  # where there is an encoder


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
            self.follow(self.client.submit_batch(_batch()).key, say)

    def follow(self, batch_key: str, say: Say) -> None:
        """Say what the jobs of a batch tell of their steps, until they have ended."""
        told: dict[str, _Told] = {}

        def has_ended() -> bool:
            rows = self.client.all_jobs(batch=batch_key, state="all")
            for row in rows:
                told.setdefault(row.key, _Told(self.client, say)).hear(row)
            return bool(rows) and all(row.letter in "edk" for row in rows)

        wait_for_demo(has_ended, "the workflow", _WITHIN_S)

    def files(self, pattern: str) -> list[FileRow]:
        """Files of the demo's study that match a pattern."""
        rows = self.client.all_files(PROJECT, files=pattern)
        return [row for row in rows if row.psid == f"{SUBJECT}#{STUDY}"]

    def checks(self) -> list[Check]:
        """Look at everything that the demo promises."""
        jobs, missing = self._jobs(), self._missing()
        made = "tomogram, movies and pyramid" if _has_encoder() else "tomogram and pyramid"
        return [
            Check(bool(self.files(f"*{NAME}.st")), "the sample tilt series is in its study"),
            Check(not missing, f"{made}: {missing or 'all there'} ({jobs})"),
        ]

    def summary(self) -> str:
        """What was made, or why nothing was, and where to look at it, for a person."""
        page = f"{self._address()}/tomography"
        if self._missing():
            return (
                f"\nThe tilt series did not become a tomogram: {self._jobs() or 'no job ran'}.\n"
                f"The page Tomography, {page}, has the job and its log\n"
                "under Jobs without a result."
            )
        return (
            f"\nA tilt series of {_TILTS} tilts became a tomogram in {SUBJECT}#{STUDY}.\n\n"
            f"Look at it on the page Tomography:\n\n    {page}\n\n"
            f"Click on {NAME} in its list: residual and shifts of each tilt, tomogram, pyramid\n"
            "and movies; switch a tilt off and the slice beside is made without it. The files lie\n"
            f"in tomography/{NAME} of the study."
            f"{'' if _has_encoder() else _no_movies()}"
        )

    def _address(self) -> str:
        """Origin under which this machine reaches the pages; the service may not be ours."""
        found = self.client.settings()
        host = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}.get(found["web.bind"], found["web.bind"])  # noqa: S104 - compared
        return f"http://{f'[{host}]' if ':' in host else host}:{found['web.port']}"

    def _missing(self) -> list[str]:
        wanted = _MADE + (_MOVIES if _has_encoder() else ())
        return [name for name in wanted if not self.files(f"tomography*{name}")]

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

    def _jobs(self) -> str:
        """What became of the jobs, in words."""
        rows = self.client.all_jobs(project=PROJECT, state="all")
        ours = [row for row in rows if row.name == _batch()["jobs"][0]["name"]]
        return ", ".join(f"{row.name} {row.state} {row.why}".strip() for row in ours)


def _has_encoder() -> bool:
    return find_spec("av") is not None


def _no_movies() -> str:
    return (
        "\n\nThere are no movies: they need PyAV, which is not installed. Install it and run the\n"
        f"demo again:\n\n    {install_command('tomography')}"
    )


class _Told:
    """Reads the log of a job while it grows, and says its steps and their parts, each once."""

    def __init__(self, client: Client, say: Say) -> None:
        self._client, self._say = client, say
        self._attempt, self._offset, self._rest, self._last = 0, 0, "", ""

    def hear(self, row: JobRow) -> None:
        """Say what is new; a new attempt begins a new log."""
        if row.attempt != self._attempt:
            self._attempt, self._offset, self._rest = row.attempt, 0, ""
        while self._attempt:
            found = self._client.log(row.key, offset=self._offset, attempt=self._attempt)
            self._offset = found.offset
            *lines, self._rest = (self._rest + found.text).split("\n")
            for line in lines:
                self._hear_line(line.strip())
            if found.done or not found.text:
                break

    def _hear_line(self, line: str) -> None:
        part = _PART.sub("", line)  # each tenth of a part is told; its first one does
        if line.startswith((f"{NAME}: ", "error: ", "hint: ")) and part != self._last:
            self._last = part
            self._say(line)


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
