"""How a project's DICOM objects are made nobody's before they leave."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from appliance.privacy.pixel_rules import PixelRule
from appliance.privacy.profile import DicomOption, SafeElement

__all__ = ["DicomPolicy"]

_ELEMENT = re.compile(r"\(?([0-9A-Fa-f]{4}),\s*(?:xx)?([0-9A-Fa-f]{2})\)?\s+(\S.*)")


class DicomPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a project's policy that is about DICOM going out.

    Attributes
    ----------
    dicom_options : tuple of str
        Options of the Basic Profile that are in use.
    dicom_private : tuple of str
        Private elements that are safe besides those we know, as ``GGGG,EE Creator``.
    dicom_pixels : tuple of str
        Rules that say what of a picture is blackened, besides those we know, as ``modality |
        manufacturer | model | rows x columns | what``; used with the option ``pixels``.
    dicom_burned_in : {"refuse", "trust", "allow"}
        Objects whose pixels may hold names and for which there is no rule: left out; left out
        unless they say that there are none; let through.
    dicom_arrivals : {"keep", "hold", "clean"}
        Whether such objects are taken in like others, or are set aside as they arrive, all or
        those without a rule: of the others images are made with black places.
    release_check : {"found", "always", "off"}
        When somebody has to confirm that files leave, by whatever way: if they tell who somebody
        is; always; never.
    """

    dicom_options: tuple[DicomOption, ...] = ()
    dicom_private: tuple[str, ...] = ()
    dicom_pixels: tuple[str, ...] = ()
    dicom_burned_in: Literal["refuse", "trust", "allow"] = "refuse"
    dicom_arrivals: Literal["keep", "hold", "clean"] = "keep"
    release_check: Literal["found", "always", "off"] = "found"

    def private_elements(self) -> list[SafeElement]:
        """Give the private elements that this project declares safe.

        Raises
        ------
        ValueError
            If one is not written as it should be, or is not private.
        """
        return [_element(text) for text in self.dicom_private]

    def pixel_rules(self) -> list[PixelRule]:
        """Give the project's own rules for pixels.

        Raises
        ------
        ValueError
            If one is not written as it should be.
        """
        return [PixelRule.of(text) for text in self.dicom_pixels]

    def check_dicom(self) -> None:
        """See whether the parts fit together.

        Raises
        ------
        ValueError
            If they do not.
        """
        self.private_elements()
        self.pixel_rules()
        if {"full_dates", "modified_dates"} <= set(self.dicom_options):
            raise ValueError("full_dates and modified_dates exclude each other")


def _element(text: str) -> SafeElement:
    found = _ELEMENT.fullmatch(text.strip())
    if found is None or not int(found[1], 16) & 1:
        raise ValueError(f"{text!r} names no private element, such as '0019,0C SIEMENS MR HEADER'")
    return SafeElement(int(found[1], 16), int(found[2], 16), found[3].strip())
