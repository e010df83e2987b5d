"""The values of protocols: what a session should bring, and how one differs from it."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = [
    "PARAMETERS",
    "Deviation",
    "Expected",
    "PhantomPoint",
    "Protocol",
    "ProtocolSeries",
    "SeriesNow",
    "SessionNow",
]

PARAMETERS = (
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "FlipAngle",
    "EchoTrainLength",
    "PixelBandwidth",
    "NumberOfAverages",
    "SliceThickness",
    "SpacingBetweenSlices",
    "PixelSpacing",
    "Rows",
    "Columns",
    "InPlanePhaseEncodingDirection",
    "MagneticFieldStrength",
    "ReceiveCoilName",
    "StationName",
    "SoftwareVersions",
    "KVP",
    "Exposure",
    "ConvolutionKernel",
    "ActualFrameDuration",
)
"""What is read of the header of each series; nothing here tells who it shows."""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    r"""A parameter of a series; numbers may differ by `tolerance`, text not at all.

    Several values, as of PixelSpacing, stand with ``\`` between them.
    """

    field: str
    value: str
    tolerance: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class ProtocolSeries(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A series that a session should have.

    Attributes
    ----------
    name : str
        What its protocol or description is; ``*`` stands for any letters.
    modality : str
        Empty: any.
    count : int
        How many of them.
    required : bool
        Whether it is missed when it is not there.
    """

    name: str
    modality: str = ""
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    required: bool = True
    parameters: tuple[Expected, ...] = ()


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """What the sessions of a project should bring; `rev` 0: none was ever kept."""

    series: tuple[ProtocolSeries, ...] = ()
    learned_from: str = ""
    rev: int = 0


class Deviation(msgspec.Struct, frozen=True):
    """A parameter that is not as expected; `found` is empty when the series lacks it."""

    field: str
    wanted: str
    found: str


class SeriesNow(msgspec.Struct, frozen=True, kw_only=True):
    """A series of a session.

    Attributes
    ----------
    stage : str
        receiving, converting, waiting, quarantined or catalogued.
    expected : str
        The series of the protocol that it is; empty: none.
    figures : dict
        Quick quality figures; empty while they are not there.
    file_id : int or None
        Its first image.
    """

    folder: str
    number: int | None
    description: str
    modality: str
    n_objects: int
    stage: str
    reason: str
    expected: str
    deviations: list[Deviation]
    figures: dict[str, float]
    file_id: int | None
    at: int


class SessionNow(msgspec.Struct, frozen=True, kw_only=True):
    """A session, with what is missing by the protocol.

    `verdict` is ok, deviates, missing (a required series is not there) or unchecked.
    """

    project: str
    psid: str
    study_id: int | None
    description: str
    source: str
    station: str
    begun_at: int
    last_at: int
    series: list[SeriesNow]
    missing: list[str]
    verdict: str


class PhantomPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one phantom measurement, for trends."""

    psid: str
    series: str
    station: str
    date: str
    at: int
    figures: dict[str, float]
