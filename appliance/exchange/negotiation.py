"""What a peer proposes when it comes in, and what we choose of it (PS3.8 9.3.2 and 9.3.3)."""

from __future__ import annotations

from typing import Final

from appliance.exchange.pdu import AssociateRequest, Proposed

__all__ = ["COMMITMENT", "VERIFICATION", "choose", "is_uid", "unfit"]

VERIFICATION: Final = "1.2.840.10008.1.1"
COMMITMENT: Final = "1.2.840.10008.1.20.1"
_STORAGE = ("1.2.840.10008.5.1.4.1.1.", "1.2.840.10008.5.1.4.34.7", "1.2.840.10008.5.1.4.34.10")
_STANDARD, _BIG_ENDIAN = "1.2.840.10008.", "1.2.840.10008.1.2.2"
_APPLICATION = b"1.2.840.10008.3.1.1.1"


def unfit(request: AssociateRequest) -> tuple[int, int, int] | None:
    """Give result, source and reason of a rejection; None: it is made as it has to be."""
    if not request.version & 1:
        return 1, 2, 2
    if request.application != _APPLICATION:
        return 1, 1, 2
    return None


def choose(context: Proposed, models: frozenset[str]) -> tuple[int, int, str]:
    """Give the number of a context, the result and the transfer syntax."""
    if context.abstract not in models and not _is_served(context.abstract):
        return context.id, 3, ""
    found = sorted(filter(is_uid, context.transfers), key=_reluctance)
    return (context.id, 0, found[0]) if found else (context.id, 4, "")


def _is_served(abstract: str) -> bool:
    """Tell whether objects of a class are taken: every storage class, also private ones."""
    if abstract in (VERIFICATION, COMMITMENT) or abstract.startswith(_STORAGE):
        return True
    return is_uid(abstract) and not abstract.startswith(_STANDARD)


def _reluctance(syntax: str) -> int:
    """Order syntaxes: the peer's first choice, but big-endian and private ones last."""
    if not syntax.startswith(_STANDARD):
        return 2
    return int(syntax == _BIG_ENDIAN)


def is_uid(text: str) -> bool:
    """Tell whether a text has the form of a UID."""
    return 0 < len(text) <= 64 and all(c in "0123456789." for c in text)
