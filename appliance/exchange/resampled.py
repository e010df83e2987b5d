"""Images that the converter did not take from the objects but computed: they say so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from appliance.exchange.dcm2niix import Output

__all__ = ["RESAMPLED", "label_resampled", "reason_resampled"]

RESAMPLED = "resampled"
"""Tag of such an image."""
_WHY = {
    "tilt": "sheared back from the tilt of the gantry",
    "eq": "slices at uneven distances brought to even ones",
}


def reason_resampled(output: Output) -> str:
    """Say how an image was computed; empty when its voxels are those of the objects."""
    words = re.split(r"[_\d]+", output.variant.casefold())
    return next((why for word, why in _WHY.items() if word in words), "")


def label_resampled(outputs: Sequence[Output]) -> list[Output]:
    """Give each resampled image a sidecar that says so; others stay as they are.

    Parameters
    ----------
    outputs : sequence of Output
        Of one series, main image first; sidecars of resampled images are written beside them.
    """
    return [_labelled(one, outputs[0]) if reason_resampled(one) else one for one in outputs]


def _labelled(output: Output, main: Output) -> Output:
    own = output.image.with_suffix(".json")
    known = next((p for p in (own, main.image.with_suffix(".json")) if p.exists()), None)
    doc: dict[str, Any] = msgspec.json.decode(known.read_bytes()) if known else {}
    doc["Resampled"] = reason_resampled(output)
    own.write_bytes(msgspec.json.encode(doc))
    others = tuple(path for path in output.sidecars if path != own)
    return Output(output.image, (own, *others), output.variant)
