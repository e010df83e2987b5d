"""Routes that tell of the appliance itself: is it alive, its settings, its manual."""

from __future__ import annotations

from pathlib import Path

from litestar import MediaType, get
from litestar.params import FromPath

from appliance.core import NotFound, safe_join
from appliance.web.schemas import Items, ManualPage, Setting
from appliance.web.services import Rooms
from appliance.web.ui import STATIC

__all__ = ["HEALTHZ", "ROUTES", "manual_folder"]

_SOURCE_MANUAL = Path(__file__).parents[3] / "webui" / "manual"
_SECRET = ("secret", "password", "token")


@get(["/healthz", "/api/v1/healthz"], public=True, media_type=MediaType.TEXT, name="healthz")
async def healthz() -> str:
    """Answer, without a login, that the service answers."""
    return "ok"


@get("/settings", right="admin", sync_to_thread=True)
def list_settings(services: Rooms) -> Items[Setting]:
    """Give every setting and the layer it came from; secrets are left out."""
    known = services.settings
    return Items(
        [
            Setting(key, value, known.source(key))
            for key, value in known.values().items()
            if not any(word in key for word in _SECRET)
        ]
    )


@get("/manual", right="reader", within="open", sync_to_thread=True)
def list_manual() -> Items[ManualPage]:
    """List the pages of the manual."""
    pages = sorted(manual_folder().glob("*.md"))
    return Items([ManualPage(page.stem, _title(page)) for page in pages])


@get(
    "/manual/{page:str}",
    right="reader",
    within="open",
    media_type="text/markdown",
    sync_to_thread=True,
)
def show_manual_page(page: FromPath[str]) -> str:
    """Give one page of the manual as Markdown."""
    path = safe_join(manual_folder(), f"{page}.md")
    if not path.is_file():
        raise NotFound(f"the manual has no page {page!r}")
    return path.read_text(encoding="utf-8")


def manual_folder() -> Path:
    """Find the manual: beside the built UI in an installed wheel, else in the source tree."""
    built = STATIC / "manual"
    return built if built.is_dir() else _SOURCE_MANUAL


def _title(page: Path) -> str:
    first = page.read_text(encoding="utf-8").partition("\n")[0]
    return first.lstrip("# ").strip() or page.stem


HEALTHZ = healthz
ROUTES = [list_settings, list_manual, show_manual_page]
