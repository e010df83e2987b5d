"""Which DICOM objects may show a name where no header rule reaches: in pixels or in a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from appliance.core import Refused
from appliance.privacy.dicom_policy import DicomPolicy

if TYPE_CHECKING:
    from appliance.formats import DicomPart

__all__ = ["Looks", "Withheld", "risk_in", "risk_of"]

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_STRUCTURED = "1.2.840.10008.5.1.4.1.1.88."
_ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
_SHOWING = frozenset(
    {"DMS", "ES", "GM", "IVUS", "OP", "OT", "RF", "SC", "SM", "US", "VIDD", "XA", "XC"}
)
_CAPTURED = frozenset({"DF", "DRW", "DV", "SD", "SI", "WSD"})  # films, scans, video, workstations
_SCREENS = frozenset({"LABEL", "OVERVIEW", "PATIENT PROTOCOL", "SCREEN", "SCREEN SAVE"})
_FIELDS = frozenset(
    {"BurnedInAnnotation", "ConversionType", "ImageType", "Modality", "SOPClassUID"}
)
_OVERLAY_BIT = 0x0102


class Withheld(Refused):
    """An object that does not leave, because what identifies could not be taken out of it."""

    key = "withheld"


class Looks(msgspec.Struct):
    """What of a header tells whether pixels may hold names; filled element by element."""

    burned_in: str = ""
    conversion: str = ""
    modality: str = ""
    sop_class: str = ""
    image_type: Sequence[str] = ()
    overlay_in_pixels: bool = False

    def see(self, part: DicomPart) -> None:
        """Take one element of the object itself in."""
        if part.tag >> 24 == 0x60 and part.tag & 0xFFFF == _OVERLAY_BIT:
            self.overlay_in_pixels |= part.texts not in ([], ["0"])
        elif part.keyword in _FIELDS:
            texts = [text.upper() for text in part.texts]
            first = texts[0] if texts else ""
            if part.keyword == "ImageType":
                self.image_type = texts
            elif part.keyword == "BurnedInAnnotation":
                self.burned_in = first
            elif part.keyword == "ConversionType":
                self.conversion = first
            elif part.keyword == "Modality":
                self.modality = first
            else:
                self.sop_class = first


def risk_of(looks: Looks, policy: DicomPolicy, *, cleaned: bool = False) -> str:
    """Tell why an object is withheld under a policy; empty when it may leave.

    Parameters
    ----------
    cleaned : bool
        Whether a rule says what of its pixels is blackened.

    Notes
    -----
    Documents are always withheld, structured ones unless their content is cleaned.
    """
    if looks.sop_class.startswith(_ENCAPSULATED):
        return "it is a document"
    if looks.sop_class.startswith(_STRUCTURED) and "structured" not in policy.dicom_options:
        return "it is a report"
    if policy.dicom_burned_in == "allow":
        return ""
    if looks.overlay_in_pixels:
        return "an overlay lies within its pixels"
    if cleaned:
        return ""
    if looks.burned_in == "YES":
        return "its pixels hold annotations, as it says itself"
    if looks.burned_in == "NO" and policy.dicom_burned_in == "trust":
        return ""
    return _shown(looks)


def risk_in(parts: Iterable[DicomPart], policy: DicomPolicy, *, cleaned: bool = False) -> str:
    """Tell from the elements of an object why it would be withheld; empty when it would not."""
    looks = Looks()
    for part in parts:
        looks.see(part)
    return risk_of(looks, policy, cleaned=cleaned)


def _shown(looks: Looks) -> str:
    if looks.sop_class.startswith(_SECONDARY_CAPTURE) or looks.conversion in _CAPTURED:
        return "it was captured from a screen, a film or paper"
    if _SCREENS.intersection(looks.image_type):
        return "it shows a screen or a label"
    if looks.modality in _SHOWING:
        return f"images of modality {looks.modality} often show names"
    return ""
