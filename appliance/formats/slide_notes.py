"""What the descriptions of slides say: names of channels and the size of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

__all__ = ["OmeNotes", "czi_notes", "ome_notes"]

_MICROMETRES = {"nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "mm": 1e3, "": 1.0}
_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class OmeNotes:
    """Of one image: its name, the names of its channels, the edge of a pixel (0: unknown)."""

    name: str = ""
    channels: tuple[str, ...] = ()
    pixel_um: float = 0.0


def ome_notes(xml: str) -> list[OmeNotes]:
    """Read an OME-XML description (schema 2016-06), one entry for each image; none if damaged."""
    root = _root(xml)
    return [] if root is None else [_ome_image(image) for image in root.iterfind("{*}Image")]


def czi_notes(xml: str) -> OmeNotes:
    """Read the metadata document of a CZI file; it holds for all its scenes."""
    root = _root(xml)
    if root is None:
        return OmeNotes()
    channels = root.iterfind(".//Information/Image/Dimensions/Channels/Channel")
    metres = root.find(".//Scaling/Items/Distance[@Id='X']/Value")
    names = tuple(one.get("Name") or f"Channel {at + 1}" for at, one in enumerate(channels))
    return OmeNotes("", names, _positive(None if metres is None else metres.text) * 1e6)


def _ome_image(image: Any) -> OmeNotes:
    pixels = image.find("{*}Pixels")
    if pixels is None:
        return OmeNotes(image.get("Name", ""))
    names = [
        one.get("Name") or f"Channel {at + 1}"
        for at, one in enumerate(pixels.iterfind("{*}Channel"))
    ]
    unit = _MICROMETRES.get(pixels.get("PhysicalSizeXUnit", ""), 0.0)
    edge = _positive(pixels.get("PhysicalSizeX")) * unit
    return OmeNotes(image.get("Name", ""), tuple(names), edge)


def _positive(text: str | None) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if 0 < value < float("inf") else 0.0


def _root(xml: str) -> Any:
    # A document type could define entities that grow without end: descriptions have none.
    if len(xml) > _MAX_BYTES or "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        return None
    try:
        return ET.fromstring(xml)  # noqa: S314 - entities were refused above
    except ET.ParseError:
        return None
