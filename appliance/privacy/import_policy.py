"""How what arrives in a project is converted."""

from __future__ import annotations

from typing import Literal

from appliance.privacy.dicom_policy import DicomPolicy

__all__ = ["Converter", "ImportPolicy"]

Converter = Literal["dcm2niix", "auto", "native", "verify"]


class ImportPolicy(DicomPolicy, frozen=True, kw_only=True):
    """The part of a project's policy that is about conversion.

    Attributes
    ----------
    converter : {"dcm2niix", "auto", "native", "verify"}
        ``native`` writes plain stacks of slices itself, after dcm2niix proved on a part of them
        how; ``auto`` does so and has a share of them converted by both; ``verify`` has all
        converted by both and keeps what dcm2niix made.
    overwrite : {"unused", "never"}
        What a late image replaces: an image that nothing refers to; none at all.
    """

    converter: Converter = "dcm2niix"
    overwrite: Literal["unused", "never"] = "unused"
