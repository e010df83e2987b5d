"""Who a subject really is: identities, the codes that stand for them, and the rules of a project.

The only room that opens ``identity.sqlite``. It never looks at an image, never writes a log line
with an identity, and hands a real name only to a caller that asks for it by code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.privacy.identity import Identity, IdentityConflict, Likely, Resolution
    from appliance.privacy.policy import ProjectPolicy
    from appliance.privacy.scrub import mentions, scrub_sidecar, scrub_text
    from appliance.privacy.store import IdentityStore

__all__ = [
    "Identity",
    "IdentityConflict",
    "IdentityStore",
    "Likely",
    "ProjectPolicy",
    "Resolution",
    "mentions",
    "scrub_sidecar",
    "scrub_text",
]

_NAMES = {
    "Identity": "identity",
    "IdentityConflict": "identity",
    "IdentityStore": "store",
    "Likely": "identity",
    "ProjectPolicy": "policy",
    "Resolution": "identity",
    "mentions": "scrub",
    "scrub_sidecar": "scrub",
    "scrub_text": "scrub",
}

__getattr__ = lazy_door(__name__, _NAMES)
