"""Writing what jobs made as a BIDS derivative: its description with who made it, and its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance import __version__
from appliance.exchange.bids_derived import DERIVATIVE, OTHER, DerivedFile
from appliance.exchange.bids_write import BIDS_VERSION, Entry, as_json, repetition_time
from appliance.exchange.names import suffix_of

if TYPE_CHECKING:
    from appliance.jobs import Maker

__all__ = ["derivative_entries"]

_CONTAINERS = ("docker", "singularity")


def derivative_entries(
    found: Sequence[DerivedFile],
    makers: Sequence[Maker],
    *,
    title: str,
    path_of: Callable[[int], Path],
) -> Iterator[Entry]:
    """Give all files of the derivative, its description first."""
    yield _entry("dataset_description.json", as_json(_description(title, makers)))
    yield _entry("README.md", _readme(title, makers))
    if any(one.sidecar is None for one in found):
        yield _entry(".bidsignore", f"/{OTHER}\n".encode())
    for one in found:
        source = path_of(one.file.file_id)
        yield Entry(f"{DERIVATIVE}/{one.target}", source=source)
        if one.sidecar is not None:
            stem = one.target[: -len(suffix_of(one.target))]
            yield _entry(f"{stem}.json", as_json(_measured(one.sidecar, source)))


def _measured(sidecar: dict[str, Any], source: Path) -> dict[str, Any]:
    step = repetition_time(source) if "TaskName" in sidecar else None
    return {**sidecar, "RepetitionTime": step} if step else sidecar


def _entry(name: str, data: bytes) -> Entry:
    return Entry(f"{DERIVATIVE}/{name}", data)


def _description(title: str, makers: Sequence[Maker]) -> dict[str, Any]:
    return {
        "Name": f"{title}: what jobs made",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [
            {"Name": "NORA appliance", "Version": __version__, "Description": "Ran the others."},
            *(_generated_by(one) for one in makers),
        ],
        "SourceDatasets": [{"URL": "../.."}],
        "DatasetLinks": {"raw": "../.."},
    }


def _generated_by(one: Maker) -> dict[str, Any]:
    told: dict[str, Any] = {"Name": one.name}
    if one.version:
        told["Version"] = one.version
    if one.about:
        told["Description"] = one.about
    if one.container:
        kind = one.container["type"]
        told["Container"] = {"Tag": one.container["image"]}
        if kind in _CONTAINERS:
            told["Container"]["Type"] = kind
    return told


def _readme(title: str, makers: Sequence[Maker]) -> bytes:
    names = ", ".join(f"{one.name} {one.version}".strip() for one in makers)
    text = (
        f"# What jobs made of {title}\n\nMade by: {names}.\n\nSources of an image stand in the JSON"
        f" beside it. What BIDS has no name for lies in `{OTHER}` under its own name.\n"
    )
    return text.encode()
