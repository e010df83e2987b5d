"""Arrivals whose pixels may show a name: held back on the way in where a project wants it."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.core import FormatError
from appliance.exchange.context import Context
from appliance.exchange.dicom_sort import Scanned
from appliance.exchange.quarantine import quarantine_item
from appliance.privacy import DicomPolicy, blackening_in, risk_in

__all__ = ["hold_risky"]

_HINT = (
    "Look at it in the quarantine. To let such files in, write a rule for their pixels, or change "
    "dicom_burned_in or dicom_arrivals of the project, then try again."
)


def hold_risky(ctx: Context, policy: DicomPolicy, objects: Sequence[Scanned]) -> list[Scanned]:
    """Set aside the objects that may show who somebody is, and give the others.

    Where images are made with black places, objects with a rule for their pixels are taken in.
    """
    if policy.dicom_arrivals == "keep":
        return list(objects)
    passed = []
    for scanned in objects:
        risk = _risk(ctx, policy, scanned)
        if risk:
            quarantine_item(ctx, scanned.row, f"held back: {risk}", _HINT)
        else:
            passed.append(scanned)
    return passed


def _risk(ctx: Context, policy: DicomPolicy, scanned: Scanned) -> str:
    from appliance.formats import dicom_parts

    try:
        parts = dicom_parts(ctx.path(scanned.row["place"]))
        cleans = policy.dicom_arrivals == "clean"
        ruled = cleans and blackening_in(parts, policy.pixel_rules()) is not None
        return risk_in(parts, policy, cleaned=ruled)
    except FormatError:
        return "its header cannot be read whole"
