"""Program of a replay: runs a recorded attempt in a scratch folder and compares what it makes.

It is itself a job. Outputs are written below its own folder; those that are registered are only
read, and looked at before and after.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from appliance.core import DataFolder, atomic_write, content_of, is_any_file, sha256_file
from appliance.jobs.comparing import compare_files
from appliance.jobs.launch import Start, prepare
from appliance.jobs.plan import Plan
from appliance.jobs.resolve import OutputPath, Resolved
from appliance.jobs.sandbox import Sandbox

__all__ = ["REPORT", "main", "replay"]

REPORT = "replay.json"
_FACTS = ("NORA_PROJECT", "NORA_SUBJECT", "NORA_STUDY", "DPXproject", "DPXpsid")


def main(request_hex: str) -> None:
    """Replay what a request says; the report is written into the working folder and shown."""
    request = json.loads(bytes.fromhex(request_hex))
    report = replay(request, Path.cwd())
    with atomic_write(Path(REPORT)) as stream:
        stream.write(json.dumps(report, indent=1).encode())
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    if report["result"] in ("refused", "failed"):
        raise SystemExit(report["text"])


def replay(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Run an attempt again below a folder.

    Returns
    -------
    dict
        ``result`` is equal, differs, failed or refused; ``outputs`` tells more of each.
    """
    wrong = [text for one in request["inputs"] if (text := _wrong_input(one))]
    if wrong:
        return _report("refused", "; ".join(wrong))
    before = _looks(request)
    places = _Places(request, folder / "replay")
    code = _run(request, places)
    if code:
        return _report("failed", f"the attempt ended with code {code}: see the log")
    outputs = [_compare(one, places) for one in request["outputs"]]
    if _looks(request) != before:
        return _report("failed", "a registered output was changed meanwhile", outputs)
    differing = [one["path"] for one in outputs if one["result"] != "equal"]
    if differing:
        return _report("differs", f"different: {', '.join(differing)}", outputs)
    return _report("equal", f"{len(outputs)} files are the same, byte by byte", outputs)


class _Places:
    """Where the scratch folder has what lay elsewhere."""

    def __init__(self, request: Mapping[str, Any], folder: Path) -> None:
        self.folder = folder
        self.moved = {one["at"]: one["now"] for one in request["inputs"]}
        self.outputs: list[OutputPath] = []
        tops: dict[str, Path] = {}
        for number, (arg, text, is_folder) in enumerate(
            sorted(request["declared"], key=lambda one: len(one[1]))
        ):
            path = Path(text)
            above = next((top for top in tops if path.is_relative_to(top)), None)
            if above is None:
                tops[text] = folder / "out" / str(number) / path.name
            self.outputs.append(OutputPath(arg, None, self._below(tops, path), (), is_folder))
        self.tops = tops

    def there(self, text: str) -> str:
        """Give where a path lies now: an input's present place, or an output's scratch place."""
        if text in self.moved and not self._is_output(text):
            return str(self.moved[text])
        return str(self._below(self.tops, Path(text))) if self._is_output(text) else text

    def _is_output(self, text: str) -> bool:
        return text.startswith("/") and any(Path(text).is_relative_to(top) for top in self.tops)

    @staticmethod
    def _below(tops: Mapping[str, Path], path: Path) -> Path:
        top = next(top for top in tops if path.is_relative_to(top))
        return tops[top] / path.relative_to(top)


def _run(request: Mapping[str, Any], places: _Places) -> int:
    plan = msgspec.json.decode(request["plan"], type=Plan)
    found = Resolved(
        values={name: [places.there(v) for v in some] for name, some in request["values"].items()},
        outputs=places.outputs,
        env={name: places.there(value) for name, value in request["env"].items()},
    )
    start = Start(
        key=os.environ.get("NORA_JOB", "replay"),
        attempt=int(os.environ.get("NORA_ATTEMPT", "1")),
        folder=places.folder,
        plan=plan,
        resolved=found,
        gpus=[uuid for uuid in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if uuid],
        facts={name: os.environ.get(name, "") for name in _FACTS},
        matlab=request["matlab"],
        sandbox=Sandbox(DataFolder(places.folder), "off"),
    )
    prepare(start)
    spec = json.loads((places.folder / "spec.json").read_bytes())
    done = subprocess.run(spec["argv"], cwd=spec["cwd"], env=spec["env"], check=False)
    return done.returncode


def _wrong_input(one: Mapping[str, Any]) -> str:
    """Say why an input is not what it was; empty when it is."""
    path, name = Path(one["now"]), one["path"]
    if not is_any_file(path):
        return f"{name} is gone"
    found = content_of(path)
    if one["sha256"]:
        is_same = found.size_bytes == one["size_bytes"] and sha256_file(path) == one["sha256"]
    else:
        is_same = found == (one["size_bytes"], one["mtime_ns"])
    return "" if is_same else f"{name} is not what it was"


def _compare(one: Mapping[str, Any], places: _Places) -> dict[str, Any]:
    """Compare a new file with what is recorded, and with the file itself while it is the same."""
    new, old = Path(places.there(one["at"])), Path(one["now"])
    about = {"path": one["path"], "psid": one["psid"], "arg": one["arg"]}
    if not is_any_file(new):
        return about | {"result": "missing"}
    digest = sha256_file(new)
    about |= {"sha256": one["sha256"], "new_sha256": digest}
    if one["sha256"] == digest:
        return about | {"result": "equal"}
    if _wrong_input(one):
        note = "the registered file is not what was recorded, so only the hash was compared"
        return about | {"result": "differs" if one["sha256"] else "unknown", "note": note}
    found = compare_files(old, new)
    return about | {"result": "equal" if found["is_equal"] else "differs", "difference": found}


def _looks(request: Mapping[str, Any]) -> list[list[int] | None]:
    found: list[list[int] | None] = []
    for one in request["outputs"]:
        try:
            stat, content = Path(one["now"]).stat(), content_of(Path(one["now"]))
        except OSError:
            found.append(None)
        else:
            found.append([*content, stat.st_ino])
    return found


def _report(result: str, text: str, outputs: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"result": result, "text": text, "outputs": outputs or []}
