"""What a viewer needs: plain volumes out of the display cache, previews, and the image tools.

Reads images of the catalog and writes only into the cache; the tools run as programs in jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.viewing.contact import ContactSheet, Plane
    from appliance.viewing.display import display_volume, shrink_cache
    from appliance.viewing.preview import preview_image
    from appliance.viewing.toolset import TOOLS

__all__ = ["TOOLS", "ContactSheet", "Plane", "display_volume", "preview_image", "shrink_cache"]

__getattr__ = lazy_door(
    __name__,
    {
        "ContactSheet": "contact",
        "Plane": "contact",
        "TOOLS": "toolset",
        "display_volume": "display",
        "preview_image": "preview",
        "shrink_cache": "display",
    },
)
