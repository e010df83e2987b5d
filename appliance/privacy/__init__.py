"""Who a subject really is: identities, the codes that stand for them, and the rules of a project.

The only room that opens ``identity.sqlite``. It never looks at an image, never writes a log line
with an identity, and hands a real name only to a caller that asks for it by code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.privacy.burned_in import Withheld, risk_in
    from appliance.privacy.dicom_policy import DicomPolicy
    from appliance.privacy.disguise import keyed_id, keyed_uid, subject_label
    from appliance.privacy.findings import (
        ReleaseFinding,
        ReleaseFindings,
        is_telling_key,
        looks_personal,
    )
    from appliance.privacy.identity import Identity, IdentityConflict, Likely, Resolution
    from appliance.privacy.import_policy import Converter
    from appliance.privacy.known import KnownWords
    from appliance.privacy.pixel_rules import Blackening, PixelRule, blackening_in, known_rules
    from appliance.privacy.policy import ProjectPolicy
    from appliance.privacy.profile import CODES, EDITION, profile_table
    from appliance.privacy.pseudonymizer import AttributeChange, Pseudonymizer, Stand
    from appliance.privacy.scrub import mentions, scrub_sidecar, scrub_text
    from appliance.privacy.signing import is_signed, signed
    from appliance.privacy.store import IdentityStore

__all__ = [
    "CODES",
    "EDITION",
    "AttributeChange",
    "Blackening",
    "Converter",
    "DicomPolicy",
    "Identity",
    "IdentityConflict",
    "IdentityStore",
    "KnownWords",
    "Likely",
    "PixelRule",
    "ProjectPolicy",
    "Pseudonymizer",
    "ReleaseFinding",
    "ReleaseFindings",
    "Resolution",
    "Stand",
    "Withheld",
    "blackening_in",
    "is_signed",
    "is_telling_key",
    "keyed_id",
    "keyed_uid",
    "known_rules",
    "looks_personal",
    "mentions",
    "profile_table",
    "risk_in",
    "scrub_sidecar",
    "scrub_text",
    "signed",
    "subject_label",
]

_NAMES = {
    "signed": "signing",
    "is_signed": "signing",
    "KnownWords": "known",
    "looks_personal": "findings",
    "is_telling_key": "findings",
    "ReleaseFindings": "findings",
    "ReleaseFinding": "findings",
    "AttributeChange": "pseudonymizer",
    "Blackening": "pixel_rules",
    "CODES": "profile",
    "DicomPolicy": "dicom_policy",
    "EDITION": "profile",
    "Identity": "identity",
    "IdentityConflict": "identity",
    "IdentityStore": "store",
    "Likely": "identity",
    "Converter": "import_policy",
    "PixelRule": "pixel_rules",
    "ProjectPolicy": "policy",
    "Pseudonymizer": "pseudonymizer",
    "Resolution": "identity",
    "Stand": "pseudonymizer",
    "Withheld": "burned_in",
    "blackening_in": "pixel_rules",
    "keyed_id": "disguise",
    "keyed_uid": "disguise",
    "known_rules": "pixel_rules",
    "mentions": "scrub",
    "profile_table": "profile",
    "risk_in": "burned_in",
    "scrub_sidecar": "scrub",
    "scrub_text": "scrub",
    "subject_label": "disguise",
}

__getattr__ = lazy_door(__name__, _NAMES)
